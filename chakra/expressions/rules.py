"""PostgreSQL's rules for the types of results: of operators, and of what gives one of several values.

A numeric keeps what is known of its digits, so that columns of it are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chakra.pg.types import (
    BIT,
    BYTEA,
    DATE,
    FLOAT4,
    FLOAT8,
    INET,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSONB,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    TSVECTOR,
    VARBIT,
    PgType,
)

TEXT_TYPES = frozenset({"text", "varchar", "bpchar", "name", "citext"})
WHOLE = frozenset({"int2", "int4", "int8"})
NUMBERS = WHOLE | {"numeric", "float4", "float8"}
WIDTHS = ("int2", "int4", "int8", "numeric")
"""Numbers, each of which is taken where one that stands behind it is."""
SHIFTS = frozenset({"<<", ">>"})
BITS = frozenset({"&", "|", "#"}) | SHIFTS

SPANS = frozenset({"range", "multirange"})
"""Kinds of values that ``+ - *`` unite, cut out of each other, and intersect."""

VECTORS = frozenset({"vector", "halfvec", "sparsevec"})
"""Types of pgvector."""

UNORDERED = frozenset(
    {"json", "xml", "jsonpath", "point", "line", "lseg", "box", "path", "polygon", "circle"}
)
"""Types without an order by which they are sorted, grouped and made distinct (pg_opclass.dat)."""

_NO_ENDS = VECTORS | {
    "uuid", "jsonb", "bytea", "bit", "varbit", "macaddr", "macaddr8", "cidr", "ltree", "hstore", "tsvector", "tsquery",
    "range", "multirange", "composite",
}  # fmt: skip
"""Types, or kinds, that are sorted and have no ``min`` and ``max``, or not on all servers (pg_aggregate.dat)."""


def is_unordered(type_: PgType) -> bool:
    """Whether values of a type are in no order, arrays of such included."""
    base = type_.base
    element = base.element if base.kind == "array" else None
    return base.name in UNORDERED or (element is not None and element.base.name in UNORDERED)


def lacks_ends(type_: PgType) -> bool:
    """Whether the server has an order of a type, and neither ``min`` nor ``max``."""
    base = type_.base
    return base.name in _NO_ENDS or base.kind in _NO_ENDS


_DIGITS = {"int2": 5, "int4": 10, "int8": 19}
_MOST_DIGITS = 38
"""Of decimal128, as for sums: nothing is said of what is longer, and columns look at the values."""


def operation_type(operator: str, left: PgType, right: PgType) -> PgType | None:
    """The result type of an operator (manual, "Mathematical" and "Date/Time Operators"), else ``None``."""
    names = {left.name, right.name}
    if left.kind in SPANS or right.kind in SPANS:
        return left if operator in ("+", "-", "*") and left.name == right.name else None
    if names & VECTORS:
        return _vector(operator, left, right)
    if names == {"tsvector"} and operator in ("+", "||"):
        return TSVECTOR
    if operator == "||":
        return _joined(left, right, names)
    if operator == "+" and names <= TEXT_TYPES:
        return TEXT
    if names <= BIT_STRINGS:
        return replace(BIT, typmod=-1) if operator in BITS else None
    if left.name in BIT_STRINGS and operator in SHIFTS:
        return replace(BIT, typmod=-1)
    if left.name in ADDRESSES:
        return _address(operator, right, names)
    if operator in SHIFTS:
        return left if left.name in WHOLE else None
    if operator in BITS:
        return _wider(left, right) if names <= WHOLE else None
    if names <= NUMBERS:
        return _number(operator, left, right, names)
    if "interval" in names and operator in ("*", "/"):
        return INTERVAL if names & NUMBERS and (operator == "*" or left.name == "interval") else None
    if operator == "-" and names == {"date"}:
        return INT4
    if operator == "-" and (names <= _STAMPS or names == {"time"}):
        return INTERVAL
    if operator == "+" and names == {"date", "time"}:
        return TIMESTAMP
    if operator in "+-" and "interval" in names:
        other = right if left.name == "interval" else left
        return TIMESTAMP if other.name == "date" else replace(other, typmod=-1)
    if operator in "+-" and "date" in names and names & WHOLE:
        return DATE
    return None


_STAMPS = frozenset({"date", "timestamp", "timestamptz"})
BIT_STRINGS = frozenset({"bit", "varbit"})
ADDRESSES = frozenset({"inet", "cidr"})


def _address(operator: str, right: PgType, names: set[str]) -> PgType | None:
    """Of addresses and networks (manual, "Network Address Functions and Operators")."""
    if operator in ("+", "-") and right.name in WHOLE:
        return INET
    if operator == "-" and names <= ADDRESSES:
        return INT8
    return INET if operator in ("&", "|") and names <= ADDRESSES else None


def _joined(left: PgType, right: PgType, names: set[str]) -> PgType | None:
    """What ``||`` gives: a text if one side is one, else what both are."""
    if "ltree" in names:
        return left if left.name == "ltree" else right
    if names <= BIT_STRINGS:
        return replace(VARBIT, typmod=-1)
    if names == {"hstore"}:
        return left
    if names & TEXT_TYPES:
        return TEXT
    if names == {"jsonb"}:
        return JSONB
    if names == {"bytea"}:
        return BYTEA
    for one, other in ((left, right), (right, left)):
        if one.kind == "array" and one.element is not None and other.name in (one.name, one.element.name):
            return one
    return None


def _vector(operator: str, left: PgType, right: PgType) -> PgType | None:
    """What operators of pgvector give: as many numbers as both have, or one vector's behind the other's."""
    if left.name != right.name or left.name == "sparsevec" or operator not in ("+", "-", "*", "||"):
        return None
    if operator != "||":
        return left if left.typmod == right.typmod else replace(left, typmod=-1)
    return replace(left, typmod=left.typmod + right.typmod if min(left.typmod, right.typmod) > 0 else -1)


def _wider(left: PgType, right: PgType) -> PgType:
    return max(left, right, key=lambda t: t.size)


def _number(operator: str, left: PgType, right: PgType, names: set[str]) -> PgType:
    if operator == "^":
        return NUMERIC if "numeric" in names and not names & {"float4", "float8"} else FLOAT8
    if names <= {"float4"}:
        return FLOAT4
    if names & {"float4", "float8"}:
        return FLOAT8
    if "numeric" not in names:
        return _wider(left, right)
    (p, s), (q, t) = _digits(left), _digits(right)
    if p is None or q is None or s is None or t is None or operator not in "+-*%":
        return NUMERIC  # the scale of a quotient depends on its values (numeric.c, select_div_scale)
    if operator == "*":
        return numeric(p + q, s + t)
    return numeric(max(p - s, q - t) + max(s, t) + (operator != "%"), max(s, t))


def _digits(type_: PgType) -> tuple[int | None, int | None]:
    """The digits that values of a type have, and how many of them behind the point."""
    if type_.name in _DIGITS:
        return _DIGITS[type_.name], 0
    return type_.precision, None if type_.scale is None else max(type_.scale, 0)


def numeric(precision: int, scale: int) -> PgType:
    """``numeric(p, s)``, or without modifiers where that is more than columns have."""
    return NUMERIC(max(precision, 1), scale) if precision <= _MOST_DIGITS else NUMERIC


_RANK = {name: rank for rank, name in enumerate(("int2", "int4", "int8", "numeric", "float4", "float8"))}
_BY_RANK = (INT2, INT4, INT8, NUMERIC, FLOAT4, FLOAT8)
_MOMENTS = {"date": 0, "timestamp": 1, "timestamptz": 2}


def common_type(types: Sequence[PgType]) -> PgType | None:
    """The type of what is one of several values (manual, "UNION, CASE, and Related Constructs").

    Returns:
        ``None`` where only the server knows.
    """
    if not types:
        return None
    bases = [type_.base for type_ in types]
    names = {base.name for base in bases}
    if all(base == bases[0] for base in bases):
        return bases[0]
    if names <= NUMBERS:
        found = _BY_RANK[max(_RANK[name] for name in names)]
        return _room_for(bases) if found is NUMERIC else found
    if len(names) == 1:
        return replace(bases[0], typmod=-1) if bases[0].kind == "base" else None
    if names <= TEXT_TYPES:
        return TEXT if "text" in names else None
    if names <= _MOMENTS.keys():
        return (DATE, TIMESTAMP, TIMESTAMPTZ)[max(_MOMENTS[name] for name in names)]
    return None


def _room_for(types: Sequence[PgType]) -> PgType:
    """The numeric that has room for the digits of all."""
    whole = scale = 0
    for type_ in types:
        digits, places = _digits(type_)
        if digits is None or places is None:
            return NUMERIC
        whole, scale = max(whole, digits - places), max(scale, places)
    return numeric(whole + scale, scale)


__all__ = [
    "BITS",
    "BIT_STRINGS",
    "NUMBERS",
    "SHIFTS",
    "SPANS",
    "TEXT_TYPES",
    "VECTORS",
    "WHOLE",
    "common_type",
    "numeric",
    "operation_type",
]
