"""The one table of what a declared type means over a column of another type; pure, asks nobody.

A model may declare another type than the column has: ``int`` over ``serial``, ``str`` over an enum. Bytes are read and
written in the layout of the column's type; the pairs below say which declared types those values can safely become
and come from. Every other pair is refused by name, for reading its bytes as the declared type would give garbage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from chakra.errors import FieldError
from chakra.pg.types import PgType

WHOLE = frozenset({"int2", "int4", "int8"})
TEXTS = frozenset({"text", "varchar", "bpchar", "name", "citext"})
JSONS = frozenset({"json", "jsonb"})
CLOCKS = frozenset({"timestamp", "timestamptz"})
_AS_TEXT = frozenset({"xml", "ltree", "enum"}) | JSONS  # their values are texts, which they check
_DIMENSIONED = frozenset({"vector", "halfvec", "sparsevec"})


class Reading(NamedTuple):
    """How values of a column are read.

    Attributes:
        wire: the type their bytes are decoded as.
        declared: the type they are then converted to, value by value; ``None`` = that is all.
    """

    wire: PgType
    declared: PgType | None = None


def reading(declared: PgType, actual: PgType) -> Reading | None:
    """How a column of the type ``actual`` is read where a model declares another; ``None`` = not at all.

    Args:
        declared, actual: domains count as what they stand on.
    """
    wanted, found = declared.base, actual.base
    if wanted.kind == "array" or found.kind == "array":
        if wanted.kind != found.kind:
            return None
        return _list(wanted, found)
    same = _class(wanted) == _class(found)
    if same and wanted.kind == "composite":
        return _record(wanted, found)
    if same and wanted.kind == "enum":
        return Reading(found)
    if same:
        return Reading(declared) if _same_size(wanted, found) else None
    return _other(wanted, found)


def _class(type_: PgType) -> str:
    """What two types have in common that are read alike: the kind for those users make, else the name."""
    return type_.kind if type_.kind in ("enum", "composite") else type_.name


def _same_size(wanted: PgType, found: PgType) -> bool:
    """Whether vectors have the same number of dimensions, as far as they are declared."""
    either = wanted.typmod < 0 or found.typmod < 0
    return wanted.name not in _DIMENSIONED or either or wanted.typmod == found.typmod


def _other(wanted: PgType, found: PgType) -> Reading | None:
    want, have = _class(wanted), _class(found)
    if want in WHOLE and (have in WHOLE or (have == "oid" and want == "int8")):
        return Reading(found, wanted)
    if want in ("float4", "float8") and (have in WHOLE or (want, have) == ("float8", "float4")):
        return Reading(found, wanted)
    if want in TEXTS and have in TEXTS:
        return Reading(wanted)  # the same bytes
    if want in TEXTS and have in _AS_TEXT:
        return Reading(found, wanted)
    if want == "enum" and have in TEXTS:
        return Reading(found, wanted)
    if want in JSONS and have in JSONS:
        return Reading(found, wanted)
    if want in CLOCKS and have in CLOCKS:
        return Reading(found)  # as it is, with a zone or without: single rows give the same
    return None


def _list(wanted: PgType, found: PgType) -> Reading | None:
    assert wanted.element is not None and found.element is not None
    inner = reading(wanted.element, found.element)
    if inner is None:
        return None
    if inner.wire is wanted.element and inner.declared is None:
        return Reading(wanted)
    wire = replace(found, element=inner.wire, ndims=wanted.ndims, typmod=wanted.typmod)
    return Reading(wire, None if inner.declared is None else wanted)


def _record(wanted: PgType, found: PgType) -> Reading | None:
    declared = dict(wanted.fields)
    if sorted(declared) != sorted(name for name, _ in found.fields):
        return None
    inner = [(name, reading(declared[name], type_)) for name, type_ in found.fields]
    known = [(name, part) for name, part in inner if part is not None]
    if len(known) < len(inner):
        return None
    wire = replace(found, fields=tuple((name, part.wire) for name, part in known))
    moved = [name for name, _ in wanted.fields] != [name for name, _ in found.fields]
    changed = moved or any(part.declared is not None for _, part in known)
    return Reading(wire, wanted if changed else None)


def storing(declared: PgType, actual: PgType) -> PgType | None:
    """The type in which values of a declared type are written into a column; ``None`` = they are not.

    Only pairs where the server's own assignment gives the same value or an error, so that it does not matter which
    way the rows go in.
    """
    found = _stored(declared.base, actual.base)
    if found is None or actual.kind != "domain":
        return found
    return replace(actual, element=found)  # in arrays and records, the server wants to see the domain's OID


def _stored(wanted: PgType, found: PgType) -> PgType | None:
    want, have = _class(wanted), _class(found)
    if wanted.kind == "array" and found.kind == "array":
        assert wanted.element is not None and found.element is not None
        inner = storing(wanted.element, found.element)
        return None if inner is None else replace(found, element=inner, ndims=wanted.ndims)
    if want == have == "composite":
        return _stored_record(wanted, found)
    if want == have:
        return found if _same_size(wanted, found) else None
    stored = (
        (want in WHOLE and have in WHOLE | {"oid"})
        or (want, have) == ("float8", "float4")
        or (want in TEXTS and have in TEXTS | {"enum"} | JSONS)
        or (want == "enum" and have in TEXTS)
        or (want in JSONS and have in JSONS)
    )
    return found if stored else None


def _stored_record(wanted: PgType, found: PgType) -> PgType | None:
    # In the same order: tuples stand for rows, and their values go by position.
    if [name for name, _ in wanted.fields] != [name for name, _ in found.fields]:
        return None
    pairs = zip(wanted.fields, found.fields, strict=True)
    fields = [(name, storing(declared, type_)) for (name, declared), (_, type_) in pairs]
    known = tuple((name, type_) for name, type_ in fields if type_ is not None)
    return replace(found, fields=known) if len(known) == len(fields) else None


def refusal(
    what: str, column: str, declared: PgType, actual: PgType, able: Callable[[PgType, PgType], object]
) -> FieldError:
    """The error for a pair that is not in the table.

    Args:
        what: ``read`` or ``written``.
        column: ``Table.column``.
        able: ``reading`` or ``storing``.
    """
    cure = f"declare it as {shown(actual)}, or alter the column to {shown(declared)}"
    if able is storing and reading(declared, actual) is not None:
        cure += "; reading it is possible"
    return FieldError(
        f"{column} is declared as {shown(declared)}, but the column in the database is {shown(actual)}: it cannot be "
        f"{what} without changing values; {cure}"
    )


def shown(type_: PgType) -> str:
    """A type for messages, with what stands in a composite."""
    if type_.kind == "composite" and type_.fields:
        return f"{type_.sql} ({', '.join(f'{name} {inner.sql}' for name, inner in type_.fields)})"
    return type_.sql


def composites_in(type_: PgType) -> list[PgType]:
    """Composite types in a type, at any depth: their attributes can change while their OID stays."""
    inner = [field for _, field in type_.fields]
    if type_.element is not None:
        inner.append(type_.element)
    found = [type_] if type_.kind == "composite" else []
    for part in inner:
        found += composites_in(part)
    return found


__all__ = [
    "CLOCKS",
    "JSONS",
    "TEXTS",
    "WHOLE",
    "Reading",
    "composites_in",
    "reading",
    "refusal",
    "shown",
    "storing",
]
