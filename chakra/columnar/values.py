"""Lists of Python values to Arrow arrays for the type of their column, at library speed; no I/O."""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import pyarrow as pa

from chakra.columnar.types import ColumnSpec, arrow_type
from chakra.errors import DataError, FieldError
from chakra.pg.composites import fields_of
from chakra.pg.interval import Interval
from chakra.pg.json_text import dump_json
from chakra.pg.types import PgType

Values: TypeAlias = Sequence[Any]
_NONE = type(None)
_AWARE = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NAIVE = dt.datetime(1970, 1, 1)
DECIMAL_DIGITS = 38
DAYS = 2**31  # what a date32 counts, either way


class _Wrong(Exception):
    """Values of a class the column does not take; the message says what it takes."""


# What pyarrow raises for a value that fits no Arrow type, and Python for one that is not what it should be.
_FAULTS = (pa.ArrowException, _Wrong, TypeError, ValueError, OverflowError, AttributeError)


def array_of(values: Any, spec: ColumnSpec, first_row: int = 0) -> pa.Array:
    """Turn the values of one column into an Arrow array that encodes to its type.

    Parameters:
        values: a sequence of plain Python values and ``None``; an Arrow or NumPy array passes through.
        spec: the column.
        first_row: for errors, the number of the first value.

    Raises:
        DataError: a value is not one of the column's type; names row and column.
    """
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(values, np.ndarray):
        return _numpy(values, spec)
    values = values if isinstance(values, list) else list(values)
    base = spec.outside.base
    try:
        return _convert(values, base)
    except _FAULTS as error:
        first = error
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            _convert(values[low:middle], base)
            low = middle
        except _FAULTS as error:
            high, first = middle, error
    row = first_row + low
    shown = repr(values[low]) if values else ""
    shown = shown if len(shown) <= 80 else f"{shown[:76]} …"
    reason = str(first).splitlines()[0]
    raise DataError(
        f'row {row}, column "{spec.name}": {shown} does not fit {spec.outside.sql}: {reason}',
        row=row,
        column=spec.name,
    ) from None


def _numpy(values: np.ndarray[Any, Any], spec: ColumnSpec) -> pa.Array:
    mask = None
    if isinstance(values, np.ma.MaskedArray):
        mask, values = np.ma.getmaskarray(values), values.data
    if values.dtype == object and values.ndim:
        if mask is not None:
            values = values.copy()
            values[mask] = None
        return array_of(values.tolist(), spec)
    try:
        if values.ndim > 1:
            flat = _flat(values.reshape(-1), None if mask is None else mask.reshape(-1))
            for axis in range(values.ndim - 1, 0, -1):
                count, length = math.prod(values.shape[:axis]), values.shape[axis]
                flat = pa.ListArray.from_arrays(pa.array(np.arange(count + 1, dtype=np.int32) * length), flat)
            return flat
        return _flat(values, mask)
    except (pa.ArrowException, TypeError) as error:
        raise DataError(
            f'column "{spec.name}": NumPy {values.dtype} of shape {values.shape} has no Arrow type ({error})',
            column=spec.name,
        ) from None


def _flat(values: np.ndarray[Any, Any], mask: np.ndarray[Any, Any] | None) -> pa.Array:
    """An array of one dimension, in the units and byte order Arrow has."""
    if values.dtype.kind in "US":
        return pa.array(values.astype(object), mask=mask)
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.kind not in "mM" or np.datetime_data(values.dtype)[0] not in _COARSE:
        return pa.array(values, mask=mask)
    # pyarrow knows none of these units but datetime64[D], whose days it cuts to int32.
    kind, known = values.dtype.kind, values[~np.isnat(values)].astype(np.int64)
    if values.dtype == "M8[D]" and (not known.size or (known.min() >= -DAYS and known.max() < DAYS)):
        return pa.array(values, mask=mask)
    with np.errstate(over="ignore"):
        seconds = values.astype(f"{kind}8[s]")
    if not np.array_equal(seconds.astype(values.dtype), values, equal_nan=True):
        raise pa.ArrowInvalid("a value is out of range of 64-bit seconds")
    return pa.array(seconds, mask=mask)


_COARSE = frozenset({"Y", "M", "W", "D", "h", "m"})  # of timedelta64, Y and M have no length in seconds


def _convert(values: list[Any], type_: PgType) -> pa.Array:
    """The array of one column, of list elements or of a field; ``type_`` is no domain."""
    if type_.kind == "array":
        return _array(values, type_)
    if type_.kind == "composite":
        return _composite(values, type_)
    if type_.kind in ("range", "multirange"):
        return _range(values, type_) if type_.kind == "range" else _list(values, _element(type_))
    classes = set(map(type, values))
    convert = _BY_NAME.get(type_.name)
    if convert is not None:
        return convert(values, classes, type_)
    if type_.kind == "enum":
        return pa.array(values, pa.string())
    return _plain(values, classes, type_)


def _plain(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    """A type whose Python values pyarrow reads as they are; text for the rest (inet, macaddr, ltree, …)."""
    if classes <= {str, _NONE}:
        return pa.array(values, pa.string())
    try:
        target = arrow_type(type_)
    except FieldError:
        return pa.array(values)
    if pa.types.is_string(target):
        return pa.array([None if v is None else str(v) for v in values], pa.string())
    return pa.array(values, target)


def _element(type_: PgType) -> PgType:
    assert type_.element is not None
    return type_.element.base


def _only(classes: set[type], accepted: tuple[type, ...], what: str) -> None:
    """Refuse classes outside ``accepted``; subclasses count, but bool is no number and datetime no date."""
    for found in classes - {_NONE, *accepted}:
        if not issubclass(found, accepted) or found is bool or issubclass(found, dt.datetime):
            raise _Wrong(f"expected {what}")


def _integers(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    _only(classes, (int, np.integer), "int")
    return pa.array(values, pa.uint64() if type_.name in ("xid8", "pg_lsn") else pa.int64())


def _booleans(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    _only(classes, (bool, np.bool_), "bool")
    return pa.array(values, pa.bool_())


def _floats(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    _only(classes, (float, int, np.floating, np.integer), "float or int")
    return pa.array(values, pa.float64())


def _texts(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    _only(classes, (str,), "str")
    return pa.array(values, pa.string())


def _bytes(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    _only(classes, (bytes, bytearray, memoryview), "bytes")
    if bytearray in classes or memoryview in classes:
        values = [None if v is None else bytes(v) for v in values]
    return pa.array(values, pa.binary())


def _json(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    return pa.array([None if v is None else dump_json(v) for v in values], pa.string())


def _uuids(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    if classes <= {str, _NONE}:
        return pa.array(values, pa.string())
    _only(classes, (UUID, str), "UUID or its text")
    if classes == {UUID}:
        flat = b"".join([v.int.to_bytes(16, "big") for v in values])
        return pa.Array.from_buffers(pa.binary(16), len(values), [None, pa.py_buffer(flat)], null_count=0)
    parsed = [None if v is None else v.bytes if isinstance(v, UUID) else UUID(v).bytes for v in values]
    return pa.array(parsed, pa.binary(16))


def _numerics(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    _only(classes, (Decimal, int, float, str), "Decimal, int or float")
    if type_.scale is not None and classes <= {Decimal, _NONE} and 0 <= type_.scale <= DECIMAL_DIGITS:
        try:  # ten times faster than text; it refuses NaN and whatever has more digits
            return pa.array(values, pa.decimal128(DECIMAL_DIGITS, type_.scale))
        except (pa.ArrowInvalid, OverflowError):
            pass
    if classes <= {float, _NONE}:
        return pa.array(values, pa.float64())
    return pa.array([None if v is None else str(v) for v in values], pa.string())


def _timestamps(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    """Microseconds since 1970 by C-level subtraction: 0.5 ms for 10,000; pyarrow takes 4 ms if aware."""
    zoned = type_.name == "timestamptz"
    _only(classes - {dt.datetime}, (np.datetime64,), "datetime")
    epoch = _AWARE if zoned else _NAIVE
    subtract: Any = getattr(epoch, "__rsub__")  # noqa: B009 - typeshed does not list it
    kind = pa.timestamp("us", "UTC" if zoned else None)
    if classes - {dt.datetime, _NONE}:
        return pa.array(values, kind)
    try:
        if _NONE in classes:
            passed = [None if v is None else v - epoch for v in values]
        else:
            passed = list(map(subtract, values))
    except TypeError:
        if not zoned:
            raise _Wrong(
                "expected a naive datetime: convert it to the wall clock you mean, without tzinfo"
            ) from None
        # astimezone() reads a naive datetime as local time: what the row path's driver does with it, too.
        passed = [None if v is None else _instant(v) - epoch for v in values]
    return pa.array(passed, pa.duration("us")).view(kind)


def _instant(value: dt.datetime) -> dt.datetime:
    """The aware datetime; the first and the last naive one stand for ±infinity, whatever the local zone."""
    bound = value.tzinfo is None and value in (dt.datetime.min, dt.datetime.max)
    return value.replace(tzinfo=dt.UTC) if bound else value.astimezone(dt.UTC)


def _dates(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    _only(classes, (dt.date, np.datetime64), "date")
    return pa.array(values, pa.date32())


def _times(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    _only(classes, (dt.time,), "time")
    if any(v is not None and v.tzinfo is not None for v in values):
        raise _Wrong("expected a time without tzinfo")
    return pa.array(values, pa.time64("us"))


def _zoned_times(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    _only(classes, (dt.time,), "time")
    if any(v is not None and v.utcoffset() is None for v in values):
        raise _Wrong("expected a time with a fixed tzinfo")
    parts = [
        None
        if v is None
        else {"time": v.replace(tzinfo=None), "offset_seconds": int(v.utcoffset().total_seconds())}
        for v in values
    ]
    return pa.array(parts, arrow_type(type_))


def _intervals(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    if any(issubclass(found, Interval) for found in classes):
        values = [_month_day_nano(v) if isinstance(v, Interval) else v for v in values]
    return pa.array(values, pa.month_day_nano_interval())


def _month_day_nano(value: Interval) -> pa.MonthDayNano:
    """The parts as they are; pyarrow by itself would add the months to a timedelta that counts them as days."""
    months, days, microseconds = value.parts
    if not -(2**63) <= microseconds * 1000 < 2**63:
        raise _Wrong("its time passes the nanoseconds of month_day_nano (2562047 hours)")
    return pa.MonthDayNano([months, days, microseconds * 1000])


def _hstores(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    _only(classes, (Mapping,), "a mapping of str to str")
    return pa.array(
        [None if v is None else list(v.items()) for v in values], pa.map_(pa.string(), pa.string())
    )


def _bits(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    text = [None if v is None else v if isinstance(v, str) else v.as_string() for v in values]
    return pa.array([None if v is None else v.replace(" ", "") for v in text], pa.string())


def _vectors(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    lists = [v.tolist() if isinstance(v, np.ndarray) else v for v in values]
    return pa.array(lists, pa.list_(pa.float32()))


def _points(values: list[Any], classes: set[type], type_: PgType) -> pa.Array:
    """Geometric values: mappings, or tuples in the order of the struct's fields."""
    return _struct_of(values, arrow_type(type_))


def _struct_of(values: list[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_struct(kind):
        return pa.array(values, kind)
    names = [kind.field(i).name for i in range(kind.num_fields)]
    rows = [
        None if v is None else v if isinstance(v, Mapping) else dict(zip(names, v, strict=True))
        for v in values
    ]
    return pa.array(rows, kind)


def _list(values: list[Any], element: PgType) -> pa.Array:
    """One level of a list: offsets, and the elements converted as one column."""
    filled = [() if v is None else v for v in values]
    for v in filled:
        if isinstance(v, str | bytes | Mapping) or not hasattr(v, "__len__"):
            raise _Wrong("expected a list")
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum(list(map(len, filled)), out=offsets[1:])
    child = _convert(list(chain.from_iterable(filled)), element)
    nulls = np.array(list(map(operator.is_, values, [None] * len(values))), np.bool_)
    mask = pa.array(nulls) if nulls.any() else None
    return pa.ListArray.from_arrays(pa.array(offsets), child, mask=mask)


def _array(values: list[Any], type_: PgType) -> pa.Array:
    """An array of declared dimensions: lists nested that deep, ``None`` for NULL at any depth."""
    element = _element(type_)
    if type_.ndims > 1:
        return _list(values, PgType(type_.name, kind="array", element=element, ndims=type_.ndims - 1))
    return _list(values, element)


def _composite(values: list[Any], type_: PgType) -> pa.Array:
    """Composites: mappings or records by field name, or sequences in field order."""
    children, fields = [], []
    names = [name for name, _ in type_.fields]
    given = [None if v is None else fields_of(v, names, type_.sql) for v in values]
    for index, (name, inner) in enumerate(type_.fields):
        child = _convert([None if v is None else v[index] for v in given], inner.base)
        children.append(child)
        fields.append(pa.field(name, child.type))
    mask = pa.array([v is None for v in values], pa.bool_())
    return pa.StructArray.from_arrays(children, fields=fields, mask=mask)


def _range(values: list[Any], type_: PgType) -> pa.Array:
    """Ranges: objects with lower, upper, lower_inc, upper_inc and isempty (asyncpg's Range), or mappings."""
    element = _element(type_)
    rows = [None if v is None else _bounds(v) for v in values]
    bounds = [_convert([None if r is None else r[i] for r in rows], element) for i in (0, 1)]
    flags = [pa.array([None if r is None else bool(r[i]) for r in rows], pa.bool_()) for i in (2, 3, 4)]
    mask = pa.array([v is None for v in values], pa.bool_())
    names = ("lower", "upper", "lower_inc", "upper_inc", "empty")
    return pa.StructArray.from_arrays([*bounds, *flags], names=list(names), mask=mask)


def _bounds(value: Any) -> tuple[Any, ...]:
    get: Callable[[str], Any] = value.get if isinstance(value, Mapping) else lambda name: getattr(value, name)
    empty = get("empty" if isinstance(value, Mapping) else "isempty")
    return (get("lower"), get("upper"), get("lower_inc"), get("upper_inc"), empty)


_BY_NAME: dict[str, Callable[[list[Any], set[type], PgType], pa.Array]] = {
    **dict.fromkeys(("int2", "int4", "int8", "oid", "xid", "cid", "xid8"), _integers),
    "bool": _booleans,
    **dict.fromkeys(("float4", "float8"), _floats),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "citext"), _texts),
    "bytea": _bytes,
    **dict.fromkeys(("json", "jsonb"), _json),
    "uuid": _uuids,
    "numeric": _numerics,
    **dict.fromkeys(("timestamp", "timestamptz"), _timestamps),
    "date": _dates,
    "time": _times,
    "timetz": _zoned_times,
    "interval": _intervals,
    "hstore": _hstores,
    **dict.fromkeys(("bit", "varbit"), _bits),
    **dict.fromkeys(("vector", "halfvec"), _vectors),
    **dict.fromkeys(("point", "lseg", "box", "line", "circle"), _points),
}

__all__ = ["array_of"]
