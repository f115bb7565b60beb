"""CREATE, ATTACH, DETACH and DROP of partitions. Values of bounds are typed literals; DDL takes no parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chakra.errors import DataError, FieldError
from chakra.expressions import python_type
from chakra.pg.conversion import Naive
from chakra.pg.showing import shown
from chakra.pg.types import PgType
from chakra.schema import Partitioning, Table
from chakra.sql.adapting import ToType
from chakra.sql.ddl.words import partition_clause, storage_clause, tablespace_clause
from chakra.sql.literals import render_literal


@dataclass(frozen=True)
class Bounds:
    """Which rows a partition takes, as the caller says it.

    Attributes:
        from_, to: of a range, the first value and the one behind the last, or a tuple of several keys' values;
            ``None`` = without end.
        values: of a list.
        modulus, remainder: of a hash.
        default: whether it takes what no other one does.
    """

    from_: Any = None
    to: Any = None
    values: Iterable[Any] | None = None
    modulus: int | None = None
    remainder: int | None = None
    default: bool = False


@dataclass(frozen=True)
class Part:
    """A partition to be made.

    Attributes:
        table: the description of it, by its name.
        parent: what it is a part of, with ``partition_by``.
        keys: the types of the parent's partition keys; ``None`` where only the server knows.
        bounds: which rows it takes.
        partition_by: by what it is cut itself.
    """

    table: Table
    parent: Table
    keys: tuple[PgType | None, ...]
    bounds: Bounds
    naive: Naive = "error"
    partition_by: Partitioning | None = None
    unlogged: bool = False
    tablespace: str | None = None
    storage: tuple[tuple[str, str], ...] = field(default=())


def create_part(part: Part, if_not_exists: bool = False) -> str:
    """``CREATE TABLE … PARTITION OF …``."""
    return (
        f"CREATE {'UNLOGGED ' if part.unlogged else ''}TABLE {'IF NOT EXISTS ' if if_not_exists else ''}"
        f"{part.table.quoted} PARTITION OF {part.parent.quoted} {bound_clause(part)}"
        f"{partition_clause(part.table, part.partition_by)}{storage_clause(part.storage)}"
        f"{tablespace_clause(part.tablespace)}"
    )


def attach_part(part: Part) -> str:
    """``ALTER TABLE … ATTACH PARTITION …``."""
    return f"ALTER TABLE {part.parent.quoted} ATTACH PARTITION {part.table.quoted} {bound_clause(part)}"


def detach_part(parent: Table, part: Table, *, concurrently: bool = False, finalize: bool = False) -> str:
    """``ALTER TABLE … DETACH PARTITION …``; ``finalize`` ends one that was broken off while it went concurrently."""
    ending = " FINALIZE" if finalize else " CONCURRENTLY" if concurrently else ""
    return f"ALTER TABLE {parent.quoted} DETACH PARTITION {part.quoted}{ending}"


def drop_part(parent: Table, part: Table) -> list[str]:
    """Statements that drop a partition. It is detached first: a table that keys refer to is dropped with them only, and
    those to a partitioned table refer to its partitions, too.
    """
    return [detach_part(parent, part), f"DROP TABLE {part.quoted}"]


def bound_clause(part: Part) -> str:
    """Which rows a partition takes: ``FOR VALUES …`` or ``DEFAULT``.

    Raises:
        FieldError: what is said does not go with how the parent is cut.
        DataError: a value does not fit its key.
    """
    by, bounds, where = (
        part.parent.partition_by,
        part.bounds,
        f"{part.parent.title}, partition {part.table.name}",
    )
    assert by is not None
    said = _said(bounds)
    if bounds.default:
        if said or by.strategy == "hash":
            other = (
                "a table cut by hash has none" if by.strategy == "hash" else f"leave out {', '.join(said)}"
            )
            raise FieldError(f"{where}: default=True takes what no other partition does; {other}")
        return "DEFAULT"
    wanted = WORDS[by.strategy]
    if not said or not said <= set(wanted):
        raise FieldError(
            f"{where}: the table is partitioned by {by.strategy} ({', '.join(by.keys)}), so that a partition is "
            f"given {_listed(wanted)}{'' if by.strategy == 'hash' else ', or default=True'}"
            f"{'' if not said else ', not ' + _listed(sorted(said))}"
        )
    if by.strategy == "range":
        low = _ends(part, bounds.from_, "from_", "MINVALUE", where)
        high = _ends(part, bounds.to, "to", "MAXVALUE", where)
        return f"FOR VALUES FROM ({low}) TO ({high})"
    if by.strategy == "list":
        if isinstance(bounds.values, str | bytes) or not isinstance(bounds.values, Iterable):
            raise FieldError(f"{where}: values= takes a list of them, not {bounds.values!r}")
        values = [_literal(part, 0, value, where) for value in bounds.values]
        if not values:
            raise FieldError(f"{where}: values=[] would take no rows")
        return f"FOR VALUES IN ({', '.join(values)})"
    modulus, remainder = bounds.modulus, bounds.remainder
    if type(modulus) is not int or type(remainder) is not int or not 0 <= remainder < modulus:
        raise FieldError(
            f"{where}: modulus is a whole number above 0, and remainder one from 0 to it, not {modulus!r}, "
            f"{remainder!r}"
        )
    return f"FOR VALUES WITH (MODULUS {modulus}, REMAINDER {remainder})"


WORDS = {"range": ("from_", "to"), "list": ("values",), "hash": ("modulus", "remainder")}


def _said(bounds: Bounds) -> set[str]:
    words = ("from_", "to", "values", "modulus", "remainder")
    return {word for word in words if getattr(bounds, word) is not None}


def _listed(words: Sequence[str]) -> str:
    return " and ".join(words)


def _ends(part: Part, given: Any, word: str, without: str, where: str) -> str:
    """One end of a range: a value for each key."""
    values = given if isinstance(given, tuple) else (given,) * (len(part.keys) if given is None else 1)
    if len(values) != len(part.keys):
        by = part.parent.partition_by
        assert by is not None
        raise FieldError(
            f"{where}: {word}={given!r} has to give a value for each of the keys ({', '.join(by.keys)}), in a tuple; "
            "None = without end"
        )
    made = [
        without if value is None else _literal(part, position, value, where)
        for position, value in enumerate(values)
    ]
    return ", ".join(made)


def _literal(part: Part, position: int, value: Any, where: str) -> str:
    type_ = part.keys[position]
    if value is None:
        return "NULL"
    if type_ is None:
        type_ = python_type(value)
        if type_ is None:
            raise FieldError(
                f"{where}: what type {shown(value)} is to be, is not known; give the text, number or date"
            )
    try:
        return render_literal(ToType(type_).step(part.naive).convert(value), type_)
    except DataError as error:
        by = part.parent.partition_by
        assert by is not None
        raise DataError(f"{where}: {by.keys[position]}: {error}") from error


__all__ = ["Bounds", "Part", "attach_part", "bound_clause", "create_part", "detach_part", "drop_part"]
