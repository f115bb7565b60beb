"""What an operation sends to the server, statement by statement, and what that costs a database in use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Lock(IntEnum):
    """Table-level locks, weakest first (manual, 13.3.1). A statement waits for, and holds up, those that conflict."""

    NONE = 0
    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @property
    def sql(self) -> str:
        """The name as the manual writes it."""
        return self.name.replace("_", " ")

    @property
    def blocks_writes(self) -> bool:
        """Whether INSERT, UPDATE and DELETE wait for it."""
        return self >= Lock.SHARE

    @property
    def blocks_reads(self) -> bool:
        """Whether SELECT waits for it."""
        return self is Lock.ACCESS_EXCLUSIVE


@dataclass(frozen=True)
class Backfill:
    """Values for rows that are there, written in batches, each a transaction of its own.

    Attributes:
        table: quoted name of the table, or of the leaf of a partitioned one.
        assign: ``"column" = expression``, as UPDATE … SET takes it.
        where: which rows still wait for it. A row must not fulfil it any more once it is written.
    """

    table: str
    assign: str
    where: str


@dataclass(frozen=True)
class Refusal:
    """What must not be so before a step.

    Attributes:
        sql: of one boolean; true = the migration does not begin.
        message: why, and what to do.
    """

    sql: str
    message: str


@dataclass(frozen=True)
class Step:
    """One statement of an operation, or one piece of work in batches or in Python. It is plain data, which the journal
    keeps: a migration that was cut off goes on with the steps it began with.

    Attributes:
        sql: the statement, or several with ``;`` between them; empty where something else is to be done.
        lock: the strongest lock that it takes, on a table or an index of it; but for that on what it makes itself.
        tables: the quoted names of the tables it locks, strongest first. A partitioned one stands for its partitions.
            Those that it only reads are not among them.
        rewrite: whether it writes the whole table anew, under that lock.
        scan: whether it reads the whole table, under that lock.
        transactional: whether it may stand in a transaction block. What may not is committed by itself.
        own: whether it needs a transaction of its own, so that locks of what was before are not held meanwhile.
        done: SQL of one boolean: whether the database is already as this step leaves it. Steps that are not
            transactional have it, so that a migration that was cut off can go on.
        undo: statements that clear away what an attempt left that failed half-way (an invalid index).
        backfill: what is written in batches instead of a statement.
        python: the function of the migration file that is awaited instead of a statement, with the database.
        refuse: what is looked at before anything of the migration runs.
        note: what somebody who reads the plan should know, in a sentence.
    """

    sql: str = ""
    lock: Lock = Lock.NONE
    tables: tuple[str, ...] = ()
    rewrite: bool = False
    scan: bool = False
    transactional: bool = True
    own: bool = False
    done: str = ""
    undo: tuple[str, ...] = ()
    backfill: Backfill | None = None
    python: str = ""
    refuse: Refusal | None = None
    note: str = ""


__all__ = ["Backfill", "Lock", "Refusal", "Step"]
