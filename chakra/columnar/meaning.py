"""What Arrow values mean for a column, where the two types alone do not say it: the rules of rows, for columns.

Most pairs of an Arrow type and a type of PostgreSQL say all there is to say and pass through here without a look at
their values. The others are checked, given their zone, or, where there is no fast way, turned into Python values for
the table of conversions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from chakra.columnar.families.array import LISTS, is_list, list_parts
from chakra.columnar.families.dispatch import storage_of, without_dictionary, without_runs
from chakra.columnar.families.ends import with_ends
from chakra.columnar.families.fault import ValueFault, owner
from chakra.columnar.families.parts import is_valid, values_of
from chakra.columnar.families.simple import is_text
from chakra.columnar.options import Options
from chakra.columnar.types import ColumnSpec
from chakra.columnar.values import as_array
from chakra.pg.conversion import Naive, Unfit, conversion_of, shown
from chakra.pg.conversion.times import NAIVE_CURE
from chakra.pg.showing import reason, shown_text
from chakra.pg.types import PgType

_INTEGERS = frozenset({"int2", "int4", "int8", "oid", "xid", "cid", "xid8"})
_CLOCKS = frozenset({"time", "timestamp", "timestamptz"})
_READ_FROM_TEXT = (
    _INTEGERS
    | _CLOCKS
    | {"float4", "float8", "bool", "date", "timetz", "interval", "money", "pg_lsn", "vector", "halfvec"}
    | {"point", "lseg", "box", "line", "circle", "path", "polygon", "tid", "regclass", "regtype", "regconfig"}
)
"""Types whose text the table of conversions reads or refuses; the families read that of all others."""

_LAST = 2**63 - 1


def meant(array: pa.Array, spec: ColumnSpec, first_row: int, options: Options) -> pa.Array:
    """The array as the family of the column's type is to write it.

    Raises:
        DataError: a value means nothing there, or would change; names row and column.
    """
    base = spec.type.base
    if not _unclear(array.type, base):
        return array
    try:
        return _meant(array, base, spec.naive, options)
    except ValueFault as fault:
        raise fault.error(spec.name, first_row, "") from None


@lru_cache(maxsize=1024)
def _unclear(kind: pa.DataType, base: PgType) -> bool:
    """Whether values of an Arrow type need a look before they are written as those of a type."""
    if isinstance(kind, pa.BaseExtensionType):
        return _unclear(kind.storage_type, base)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _unclear(kind.value_type, base)
    if pa.types.is_null(kind):
        return False
    if base.kind == "array":
        assert base.element is not None
        return is_list(kind) and _unclear(_innermost(kind, base.element.base), base.element.base)
    if base.kind == "composite" and pa.types.is_struct(kind):
        known = dict(base.fields)
        return any(_unclear(f.type, known[f.name].base) for f in kind if f.name in known)
    if base.kind in ("range", "multirange") and base.element is not None:
        if base.kind == "multirange":
            return is_list(kind) and _unclear(kind.value_type, base.element.base)
        if pa.types.is_struct(kind):
            return any(_unclear(f.type, base.element.base) for f in kind if f.name in ("lower", "upper"))
        return is_text(kind)
    if base.kind != "base":
        return False
    name = base.name
    if is_text(kind):
        return name in _READ_FROM_TEXT
    if name in ("json", "jsonb"):
        return not (
            pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
        )
    if name in _INTEGERS:
        return bool(pa.types.is_floating(kind))
    if name == "money":
        return bool(pa.types.is_decimal(kind) or pa.types.is_floating(kind))
    if name in ("timestamp", "timestamptz") and pa.types.is_timestamp(kind):
        return True
    if name == "timestamptz":
        return bool(pa.types.is_date(kind))
    if name == "time":
        return _digits(base) < 6
    return name == "interval" and base.typmod >= 0


def _innermost(kind: pa.DataType, element: PgType) -> pa.DataType:
    """The type of an array's elements: below all lists that are its dimensions."""
    kind = kind.value_type
    while is_list(kind) and element.name not in LISTS and element.kind != "multirange":
        kind = kind.value_type
    return kind


def _digits(base: PgType) -> int:
    return base.modifiers[0] if base.modifiers else 6


def _meant(array: pa.Array, base: PgType, naive: Naive, options: Options) -> pa.Array:
    kind = array.type
    if not _unclear(kind, base):
        return array
    if isinstance(array, pa.ExtensionArray):
        return _meant(storage_of(array), base, naive, options)
    if pa.types.is_dictionary(kind):
        return _meant(without_dictionary(array), base, naive, options)
    if pa.types.is_run_end_encoded(kind):
        return _meant(without_runs(array), base, naive, options)
    if base.kind == "array" or base.kind == "multirange":
        return _list(array, base, naive, options)
    if pa.types.is_struct(kind) and base.kind in ("composite", "range"):
        return _struct(array, base, naive, options)
    if pa.types.is_timestamp(kind) and base.name in ("timestamp", "timestamptz"):
        return _timestamps(array, base, naive, options)
    if pa.types.is_date(kind):
        return _timestamps(array.cast(pa.timestamp("s")), base, naive, options)
    if pa.types.is_time(kind):
        _check_digits(array, base, options)
        return array
    if pa.types.is_floating(kind) and base.name in _INTEGERS:
        return _whole(array, base)
    if base.name == "interval" and options.allow_truncate and not is_text(kind):
        return array  # its only doubt is the fraction of a second
    return _converted(array, base, naive)


def _list(array: pa.Array, base: PgType, naive: Naive, options: Options) -> pa.Array:
    found = list_parts(array)
    assert found is not None and base.element is not None
    offsets, values = found
    element = base.element.base
    inner = base if is_list(values.type) and base.kind == "array" and element.name not in LISTS else element
    try:
        values = _meant(values, inner, naive, options)
    except ValueFault as fault:
        raise fault.within(owner(offsets, fault.index), "[]") from None
    valid = is_valid(array)
    mask = None if valid.all() else pa.array(~valid)
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), values, mask=mask)


def _struct(array: pa.Array, base: PgType, naive: Naive, options: Options) -> pa.Array:
    names = [array.type.field(i).name for i in range(array.type.num_fields)]
    known = dict(base.fields)
    if base.kind == "range":
        assert base.element is not None
        known = {"lower": base.element, "upper": base.element}
    children = []
    for name, child in zip(names, array.flatten(), strict=True):
        try:
            inner = known.get(name)
            children.append(child if inner is None else _meant(child, inner.base, naive, options))
        except ValueFault as fault:
            raise fault.within(fault.index, f".{name}") from None
    valid = is_valid(array)
    mask = None if valid.all() else pa.array(~valid)
    fields = [pa.field(name, child.type) for name, child in zip(names, children, strict=True)]
    return pa.StructArray.from_arrays(children, fields=fields, mask=mask)


def _timestamps(array: pa.Array, base: PgType, naive: Naive, options: Options) -> pa.Array:
    kind, zoned = array.type, base.name == "timestamptz"
    valid = is_valid(array)
    if not options.bounds_are_infinite:  # those of Python's own classes are within its years
        ends = np.abs(values_of(array, np.int64)) == _LAST
        ends &= valid
        if ends.any() and options.infinity == "sentinel":
            array = with_ends(array, ends)
            kind = array.type
        elif ends.any():
            raise ValueFault(
                int(np.argmax(ends)),
                "the last number of 64 bits is no moment, but what other systems mean infinity by; "
                'bulk_insert(…, infinity="sentinel") writes it as that',
            )
    if _digits(base) < 6:
        _check_digits(array, base, options)
    if not zoned or kind.tz is not None or not valid.any():
        return array
    if naive == "error":
        index = int(np.argmax(valid))
        raise ValueFault(index, f"{shown_text(str(array[index]))} has no zone: {NAIVE_CURE}")
    if naive == "utc":
        return array.cast(pa.timestamp(kind.unit, "UTC"))
    local = [None if v is None else v.astimezone(dt.UTC) for v in array.cast(pa.timestamp("us")).to_pylist()]
    return pa.array(local, pa.timestamp("us", "UTC"))


_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def _check_digits(array: pa.Array, base: PgType, options: Options) -> None:
    """Refuse fractions of a second that the column would round.

    Raises:
        ValueFault: there is one.
    """
    digits, counted = _digits(base), _PER_SECOND[array.type.unit]
    step = counted // 10**digits
    if step <= 1 or options.allow_truncate:
        return
    numbers = values_of(array, np.int32 if array.type.bit_width == 32 else np.int64)
    finer = (numbers % step != 0) & is_valid(array)
    if options.bounds_are_infinite and pa.types.is_timestamp(array.type):
        finer &= numbers != _LAST_OF_PYTHON
    if finer.any():
        index = int(np.argmax(finer))
        raise ValueFault(
            index,
            f"{shown_text(str(array[index]))} has more digits of a second than the {digits} that {base.sql} keeps; "
            "allow_truncate=True lets the server round it",
        )


_LAST_OF_PYTHON = 253402300799999999  # datetime.max in microseconds from 1970


def _whole(array: pa.Array, base: PgType) -> pa.Array:
    """Whole numbers in floats, as integers; their range is checked by the family."""
    values = values_of(array.cast(pa.float64()), np.float64)
    with np.errstate(invalid="ignore"):
        broken = (
            ~np.isfinite(values) | (values != np.trunc(values)) | (np.abs(values) >= 2.0**63)
        ) & is_valid(array)
    if broken.any():
        index = int(np.argmax(broken))
        raise ValueFault(
            index, f"{shown(float(values[index]))} does not fit {base.sql}: it is not a whole number"
        )
    return array.cast(pa.int64())


def _converted(array: pa.Array, base: PgType, naive: Naive) -> pa.Array:
    """The values through Python."""
    convert, found = conversion_of(base, naive, True).convert, []
    remake = _with_objects(array.type) or (lambda value: value)
    for row, value in enumerate(array.to_pylist()):
        try:
            found.append(None if value is None else convert(remake(value)))
        except (Unfit, OverflowError) as error:
            raise ValueFault(row, f"{shown(value)} does not fit {base.sql}: {reason(error)}") from None
    return as_array(found, base, naive)


def _with_objects(kind: pa.DataType) -> Callable[[Any], Any] | None:
    """What makes objects of JSON of the maps in a value, at any depth; ``None`` = it has none."""
    if isinstance(kind, pa.BaseExtensionType):
        return _with_objects(kind.storage_type)
    if pa.types.is_map(kind):
        item = _with_objects(kind.item_type)
        return lambda pairs: _object([(k, v if v is None or item is None else item(v)) for k, v in pairs])
    if pa.types.is_struct(kind):
        fields = {f.name: made for f in kind if (made := _with_objects(f.type)) is not None}
        if not fields:
            return None
        return lambda value: {
            name: v if v is None or name not in fields else fields[name](v) for name, v in value.items()
        }
    if is_list(kind):
        inner = _with_objects(kind.value_type)
        return None if inner is None else lambda items: [v if v is None else inner(v) for v in items]
    return None


def _object(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Unfit(f"the key {shown(twice)} twice, of which one would be lost")
    return found


def with_rounding(spec: ColumnSpec, options: Options) -> Options:
    """The options for a column that says itself that its values are rounded."""
    if spec.outside.base.rounding is None or options.allow_truncate:
        return options
    return replace(options, allow_truncate=True)


__all__ = ["meant", "with_rounding"]
