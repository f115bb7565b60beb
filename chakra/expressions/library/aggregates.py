"""Aggregates of conditions, bits, JSON, ranges and XML (manual, "General-Purpose Aggregate Functions"); users' own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chakra.errors import FieldError
from chakra.expressions.aggregates import Aggregate, Rule, same_type, without_nulls
from chakra.expressions.calls import ANY, STRING, Kind
from chakra.expressions.rules import TEXT_TYPES, WHOLE
from chakra.pg.quoting import quote_qualified
from chakra.pg.types import ALL_TYPES, BOOL, JSONB, XML, PgType

BOOLEAN = Kind("booleans", frozenset({"bool"}), BOOL)
RANGES = Kind("ranges or multiranges", frozenset({"range", "multirange"}))
BITS = Kind("whole numbers or bits", WHOLE | {"bit"})


def _bits_type(types: Sequence[PgType | None]) -> PgType | None:
    found = types[0]
    return None if found is None else replace(found, typmod=-1)  # bit(n) comes back without its length


class BoolAnd(Aggregate):
    """Whether it is true in all rows; NULLs are left out. Takes conditions, too: ``BoolAnd(Q(price__gt=0))``."""

    rule = Rule("bool_and", BOOL, (BOOLEAN,), repeatable=True)
    __slots__ = ()


class BoolOr(Aggregate):
    """Whether it is true in any row; as ``BoolAnd``."""

    rule = Rule("bool_or", BOOL, (BOOLEAN,), repeatable=True)
    __slots__ = ()


class Every(Aggregate):
    """``BoolAnd`` under its name in standard SQL."""

    rule = Rule("every", BOOL, (BOOLEAN,), repeatable=True)
    __slots__ = ()


class BitAnd(Aggregate):
    """The bits that all values have."""

    rule = Rule("bit_and", _bits_type, (BITS,), repeatable=True)
    __slots__ = ()


class BitOr(Aggregate):
    """The bits that any value has."""

    rule = Rule("bit_or", _bits_type, (BITS,), repeatable=True)
    __slots__ = ()


class BitXor(Aggregate):
    """The bits that an odd number of values has."""

    rule = Rule("bit_xor", _bits_type, (BITS,))
    __slots__ = ()


class AnyValue(Aggregate):
    """One of the values that are not NULL, whichever comes. Needs PostgreSQL 16; on older servers ``Min`` is one."""

    rule = Rule("any_value", same_type, repeatable=True)
    __slots__ = ()


class JsonObjectAgg(Aggregate):
    """The values as one JSONB object: ``JsonObjectAgg("code", "price")``. Of equal keys, the last one counts.

    Args:
        key: a text, or what is cast to one; NULL is an error of the server.
        value: of any type.
        strict: leave out the keys whose value is NULL.
    """

    rule = Rule("jsonb_object_agg", JSONB, (STRING, ANY), ordered=True, keeps_nulls=True)
    __slots__ = ()

    def __init__(self, key: Any, value: Any, *, strict: bool = False, **options: Any) -> None:
        super().__init__(key, value, **options)
        if strict:
            self.condition = without_nulls(self.extra[0], self.condition)


_MULTIRANGES = {
    type_.element.oid: type_
    for type_ in ALL_TYPES
    if type_.kind == "multirange" and type_.element is not None
}


def _multirange_type(types: Sequence[PgType | None]) -> PgType | None:
    found = types[0]
    if found is None or found.kind == "multirange":
        return found
    return _MULTIRANGES.get(found.oid)


class RangeAgg(Aggregate):
    """What any of the ranges covers, as a multirange."""

    rule = Rule("range_agg", _multirange_type, (RANGES,), repeatable=True)
    __slots__ = ()


class RangeIntersectAgg(Aggregate):
    """What all of the ranges cover."""

    rule = Rule("range_intersect_agg", same_type, (RANGES,), repeatable=True)
    __slots__ = ()


class XmlAgg(Aggregate):
    """The values as one piece of XML."""

    rule = Rule("xmlagg", XML, (Kind("XML", frozenset({"xml"}), XML),), ordered=True, distinct=False)
    __slots__ = ()


def register_aggregate(
    name: str,
    *takes: PgType,
    type: PgType | None = None,
    schema: str | None = None,
    ordered: bool = False,
    within: bool = False,
) -> Any:
    """Add an aggregate of your database: ``Median = register_aggregate("median", Double, type=Double, schema="app")``.

    Args:
        name: the aggregate's, as the catalog has it; it is quoted.
        takes: the types of its arguments, which literals are sent as.
        type: of its result; without it the server is asked where the type matters.
        schema: the aggregate's, where the search path does not find it.
        ordered: whether its result depends on the order of rows, so that it takes ``order_by=``.
        within: whether it is an ordered-set aggregate: its first argument is what rows are sorted by, WITHIN GROUP.

    Returns:
        A class whose instances are calls of it: ``Median("price", filter=Q(sold=True), default=0)``.

    Raises:
        FieldError: the name is none, or no type of an argument is said.
    """
    for given in (*takes, *(() if type is None else (type,))):
        if not isinstance(given, PgType):
            raise FieldError(
                f"register_aggregate({name!r}) takes chakra.types, such as Integer, not {given!r}"
            )
    if not isinstance(name, str):
        raise FieldError(f"register_aggregate() takes the name of an aggregate, not {name!r}")
    if not takes:
        raise FieldError(f"register_aggregate({name!r}) needs the types of its arguments, one or more")
    kinds = tuple([STRING if t.name in TEXT_TYPES else Kind(t.sql, literal=t) for t in takes])
    rule = Rule(
        quote_qualified(schema, name),
        type,
        kinds,
        ordered=ordered and not within,
        within=within,
        distinct=not within,
        windows=not within,
        keeps_nulls=True,
        known=False,
    )
    return _made(name, rule)


def _made(name: str, rule: Rule) -> type[Aggregate]:
    return type(name, (Aggregate,), {"rule": rule, "__slots__": (), "__module__": "registered"})


__all__ = [
    "AnyValue", "BitAnd", "BitOr", "BitXor", "BoolAnd", "BoolOr", "Every", "JsonObjectAgg", "RangeAgg",
    "RangeIntersectAgg", "XmlAgg", "register_aggregate",
]  # fmt: skip
