"""Operations written by hand: SQL, and Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chakra.errors import Irreversible
from chakra.migrations.facts import Facts
from chakra.migrations.operations.base import Operation
from chakra.migrations.state import State
from chakra.migrations.steps import Lock, Step


@dataclass(frozen=True)
class RunSQL:
    """SQL of one's own: functions, data, whatever no other operation says.

    Args:
        sql: one statement, or several with ``;`` between them.
        reverse_sql: what takes it back; ``""`` = nothing has to be done; without it there is no way back.
        changes: operations that it stands for: their effect on the history's tables, without their statements.
        transactional: whether it may stand in a transaction block.
        lock: the strongest lock it takes, for plans.
    """

    sql: str
    reverse_sql: str | None = None
    changes: Sequence[Operation] = ()
    transactional: bool = True
    lock: Lock = Lock.ACCESS_EXCLUSIVE

    def apply(self, state: State) -> State:
        for operation in self.changes:
            state = operation.apply(state)
        return state

    def steps(self, before: State, facts: Facts) -> list[Step]:
        if not self.sql.strip():
            return []
        return [Step(self.sql, self.lock, transactional=self.transactional, own=not self.transactional)]

    def reverse(self, before: State) -> list[Operation]:
        if self.reverse_sql is None:
            raise Irreversible(f"RunSQL({_short(self.sql)!r}) says no reverse_sql")
        states = [before]
        for operation in self.changes:
            states.append(operation.apply(states[-1]))
        back = [
            one
            for operation, state in zip(reversed(self.changes), reversed(states[:-1]), strict=True)
            for one in operation.reverse(state)
        ]
        return [RunSQL(self.reverse_sql, self.sql, back, self.transactional, self.lock)]

    def describe(self) -> str:
        return f"run {_short(self.sql)}"


def _short(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= 50 else f"{text[:47]}..."


@dataclass(frozen=True)
class RunPython:
    """A function of the migration file, awaited with the database: ``async def forward(db)``.

    Args:
        forward: its name in the file.
        backward: the name of the one that takes it back; ``""`` = nothing has to be done; ``None``: there is no way.
        transactional: whether it runs in the transaction of what stands around it. One that works in batches does
            not: it opens transactions itself, and is called again after it was cut off.
    """

    forward: str = "forward"
    backward: str | None = "backward"
    transactional: bool = True

    def apply(self, state: State) -> State:
        return state

    def steps(self, before: State, facts: Facts) -> list[Step]:
        if not self.forward:
            return []
        return [
            Step(
                python=self.forward,
                lock=Lock.ROW_EXCLUSIVE,
                transactional=self.transactional,
                own=not self.transactional,
            )
        ]

    def reverse(self, before: State) -> list[Operation]:
        if self.backward is None:
            raise Irreversible(f"RunPython({self.forward!r}) says no backward function")
        return [RunPython(self.backward, self.forward or None, self.transactional)]

    def describe(self) -> str:
        return f"run {self.forward}()" if self.forward else "nothing"


__all__ = ["RunPython", "RunSQL"]
