"""Lists of Python values to Arrow arrays for the type of their column, at library speed; no I/O."""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import chain
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import pyarrow as pa

from chakra.columnar.families.ends import DATE_ENDS, TIMESTAMP_ENDS
from chakra.columnar.said_infinity import with_ends
from chakra.columnar.types import ZONE, ColumnSpec, arrow_type
from chakra.errors import DataError, FieldError
from chakra.pg.composites import fields_of
from chakra.pg.conversion import Naive, Unfit, conversion_of, depth_of, items_of, shown
from chakra.pg.conversion.numbers import MONEY_SCALE
from chakra.pg.conversion.times import FIRST_DATE, FIRST_MOMENT, LAST_DATE, LAST_MOMENT
from chakra.pg.interval import Interval, interval_parts
from chakra.pg.json_text import JsonNull, dump_json
from chakra.pg.showing import reason as why
from chakra.pg.types import PgType

Values: TypeAlias = Sequence[Any]
_NONE = type(None)
_AWARE = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NAIVE = dt.datetime(1970, 1, 1)
DECIMAL_DIGITS = 38
DAYS = 2**31  # what a date32 counts, either way


# What pyarrow raises for a value that fits no Arrow type, and Python for one that is not what it should be.
_FAULTS = (pa.ArrowException, Unfit, TypeError, ValueError, OverflowError, AttributeError)


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
    if spec.declared is not None and spec.by_value:
        return _by_value(values, spec, first_row)
    base = _unlimited(spec.outside.base) if spec.rounded else spec.outside.base
    try:
        return as_array(values, base, spec.naive)
    except _FAULTS as error:
        first = error
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            as_array(values[low:middle], base, spec.naive)
            low = middle
        except _FAULTS as error:
            high, first = middle, error
    raise _unfit(values, spec, first_row, low, why(first).splitlines()[0]) from None


def _by_value(values: list[Any], spec: ColumnSpec, first_row: int) -> pa.Array:
    """Numbers of the declared type as those of the column's: the same number, or an error, as in single rows."""
    try:
        meant = conversion_of(spec.outside, spec.naive).all_of(values)
    except Unfit as error:
        raise _unfit(values, spec, first_row, error.row, str(error)) from None
    return array_of(meant, replace(spec, declared=None), first_row)


def _unfit(values: list[Any], spec: ColumnSpec, first_row: int, index: int, reason: str) -> DataError:
    row = first_row + index
    return DataError(
        f'row {row}, column "{spec.name}": {shown(values[index]) if values else ""} does not fit '
        f"{spec.outside.sql}: {reason}",
        row=row,
        column=spec.name,
    )


_MODIFIED = frozenset({"numeric", "time", "timetz", "timestamp", "timestamptz", "interval"})


def _unlimited(type_: PgType) -> PgType:
    """The type, or that of its elements, without a limit to the digits behind the point."""
    if type_.kind == "array" and type_.element is not None:
        return replace(type_, element=_unlimited(type_.element.base))
    return replace(type_, typmod=-1) if type_.name in _MODIFIED else type_


def _numpy(values: np.ndarray[Any, Any], spec: ColumnSpec) -> pa.Array:
    mask = None
    if isinstance(values, np.ma.MaskedArray):
        mask, values = np.ma.getmaskarray(values), values.data
    if values.dtype == object and values.ndim:
        if mask is not None:
            values = values.copy()
            values[mask] = None
        refuse_objects(values, spec)
        found = values.tolist()
        if spec.outside.base.name in _DAYS and set(map(type, found)) <= _TEXT:
            return pa.array(found, pa.string())  # a column of texts, which may say Python's last day, too
        return array_of(found, spec)
    if values.dtype.kind == "m" and values.ndim == 1 and spec.outside.base.name == "time":
        return _since_midnight(values, mask)
    months = values.dtype.kind == "m" and np.datetime_data(values.dtype)[0] in ("Y", "M")
    try:
        if months and spec.outside.base.name == "interval":
            return _months(values, mask)
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


_DAYS = frozenset({"date", "timestamp", "timestamptz"})


def _since_midnight(values: np.ndarray[Any, Any], mask: np.ndarray[Any, Any] | None) -> pa.Array:
    """Times of day, for which NumPy has no type: what to_numpy() gives for them, as Arrow's, if they fit a day."""
    nulls = np.isnat(values) if mask is None else np.isnat(values) | mask
    try:
        found = pa.array(values, pa.duration("us"), mask=nulls) if values.dtype.str[4:] != "ns]" else None
    except (pa.ArrowException, TypeError):
        found = _flat(values, nulls).cast(pa.duration("us"))
    if found is None:  # nanoseconds keep the checks of Arrow's
        return pa.array(values, mask=nulls).view(pa.int64()).view(pa.time64("ns"))
    return found.view(pa.int64()).view(pa.time64("us"))


def refuse_objects(values: np.ndarray[Any, Any], spec: ColumnSpec) -> None:
    """Refuse strings among Python objects for json: nothing says whether they are documents or strings of one.

    Raises:
        DataError: there is one; says both ways to say it.
    """
    if spec.outside.base.name in ("json", "jsonb"):
        for row, value in enumerate(values.tolist()):
            if isinstance(value, str):
                raise DataError(
                    f'row {row}, column "{spec.name}": {shown(value)} in an array of objects may be JSON text or a '
                    'string of JSON: for text give a column of strings (Arrow, Polars, pandas dtype "str", NumPy '
                    "StringDType), for strings a list",
                    row=row,
                    column=spec.name,
                )


def _months(values: np.ndarray[Any, Any], mask: np.ndarray[Any, Any] | None) -> pa.Array:
    """Years and months have no length in days, but intervals have a place for them."""
    nulls = np.isnat(values) if mask is None else np.isnat(values) | mask
    counted = values.astype("m8[M]").astype(np.int64)
    rows = [None if null else (n, 0, 0) for n, null in zip(counted.tolist(), nulls.tolist(), strict=True)]
    return pa.array(rows, pa.month_day_nano_interval())


def _flat(values: np.ndarray[Any, Any], mask: np.ndarray[Any, Any] | None) -> pa.Array:
    """An array of one dimension, in the units and byte order Arrow has."""
    kind = values.dtype.kind
    if kind in "UST":
        return pa.array(values.astype(object).tolist() if kind == "T" else values.astype(object), mask=mask)
    zone = (values.dtype.metadata or {}).get(ZONE)
    if zone is not None:  # what to_numpy() gave: NumPy itself knows no zones
        plain = _flat(values.astype(values.dtype.str), mask)
        return plain.cast(pa.timestamp(plain.type.unit, zone))
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if kind not in "mM" or np.datetime_data(values.dtype)[0] not in _COARSE:
        return pa.array(values, mask=mask)
    # pyarrow knows none of these units but datetime64[D], whose days it cuts to int32.
    if kind == "m" and np.datetime_data(values.dtype)[0] in ("Y", "M"):
        raise pa.ArrowInvalid("years and months have no length")
    known = values[~np.isnat(values)].astype(np.int64)
    if values.dtype == "M8[D]" and (not known.size or (known.min() >= -DAYS and known.max() < DAYS)):
        return pa.array(values, mask=mask)
    try:
        with np.errstate(over="ignore"):
            seconds = values.astype(f"{kind}8[s]")
        if np.array_equal(seconds.astype(values.dtype), values, equal_nan=True):
            return pa.array(seconds, mask=mask)
    except OverflowError:  # NumPy 2.5 says so; before it gives another moment
        pass
    raise pa.ArrowInvalid("a value is out of range of 64-bit seconds")


_COARSE = frozenset({"Y", "M", "W", "D", "h", "m"})


def as_array(values: list[Any], type_: PgType, naive: Naive) -> pa.Array:
    """The array of one column, of list elements or of a field; ``type_`` is no domain.

    Values of the classes a builder takes as they are go to it at once. All others, and what it refuses, go through the
    table of conversions one by one, which says what they mean or what is wrong with them.
    """
    if type_.kind == "array":
        return _array(values, type_, naive)
    if type_.kind == "composite":
        return _composite(values, type_, naive)
    if type_.kind == "range":
        return _range(values, type_, naive)
    if type_.kind == "multirange":
        return _list(_converted(values, type_, naive), _element(type_), naive)
    build = _BY_NAME.get(type_.name, _plain)
    known = _AS_THEY_ARE.get(type_.name, _NONES) if type_.name != "interval" or type_.typmod < 0 else _NONES
    if set(map(type, values)) <= known:
        try:
            return build(values, type_)
        except _FAULTS:
            pass
    return build(_converted(values, type_, naive), type_)


def _converted(values: list[Any], type_: PgType, naive: Naive) -> list[Any]:
    conversion = conversion_of(type_, naive)
    if conversion.many is not None:
        try:
            return conversion.many(values)
        except Exception:  # one by one it shows which does not fit, and why
            pass
    convert = conversion.convert
    return [None if v is None else convert(v) for v in values]


def _plain(values: list[Any], type_: PgType) -> pa.Array:
    """A type whose values travel as their text (enums, inet, macaddr, ltree, …), or as pyarrow reads them."""
    if set(map(type, values)) <= _TEXT:
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


def _integers(values: list[Any], type_: PgType) -> pa.Array:
    return pa.array(values, pa.uint64() if type_.name in ("xid8", "pg_lsn") else pa.int64())


def _booleans(values: list[Any], type_: PgType) -> pa.Array:
    return pa.array(values, pa.bool_())


def _floats(values: list[Any], type_: PgType) -> pa.Array:
    found = pa.array(values, pa.float64())
    if type_.name == "float4":
        wide = found.to_numpy(zero_copy_only=False)
        with np.errstate(over="ignore", under="ignore"):
            narrow = wide.astype(np.float32)
        if (((narrow == 0) & (wide != 0)) | (np.isinf(narrow) & np.isfinite(wide))).any():
            raise Unfit("real would make zero or infinity of it")
    return found


def _texts(values: list[Any], type_: PgType) -> pa.Array:
    return pa.array(values, pa.string())


def _bytes(values: list[Any], type_: PgType) -> pa.Array:
    return pa.array(values, pa.binary())


def _json(values: list[Any], type_: PgType) -> pa.Array:
    return pa.array([None if v is None else dump_json(v) for v in values], pa.string())


def _uuids(values: list[Any], type_: PgType) -> pa.Array:
    if None in values:
        return pa.array([None if v is None else v.bytes for v in values], pa.binary(16))
    flat = b"".join([v.int.to_bytes(16, "big") for v in values])
    return pa.Array.from_buffers(pa.binary(16), len(values), [None, pa.py_buffer(flat)], null_count=0)


def _numerics(values: list[Any], type_: PgType) -> pa.Array:
    if type_.scale is not None and 0 <= type_.scale <= DECIMAL_DIGITS:
        try:  # ten times faster than text; it refuses NaN and whatever has more digits
            return pa.array(
                values, pa.decimal128(min(type_.precision or DECIMAL_DIGITS, DECIMAL_DIGITS), type_.scale)
            )
        except (pa.ArrowInvalid, OverflowError, ValueError):
            if not all(_fits(v, type_) for v in values):
                raise
    return pa.array([None if v is None else "NaN" if v.is_nan() else str(v) for v in values], pa.string())


def _fits(value: Decimal | None, type_: PgType) -> bool:
    if value is None or not value.is_finite() or type_.precision is None or type_.scale is None:
        return True
    exponent = value.as_tuple().exponent
    whole = not value or value.adjusted() < type_.precision - type_.scale
    return whole and isinstance(exponent, int) and -exponent <= type_.scale


def _timestamps(values: list[Any], type_: PgType) -> pa.Array:
    """Microseconds since 1970 by C-level subtraction: 0.5 ms for 10,000; pyarrow takes 4 ms if aware."""
    zoned = type_.name == "timestamptz"
    epoch = _AWARE if zoned else _NAIVE
    subtract: Any = getattr(epoch, "__rsub__")  # noqa: B009 - typeshed does not list it
    try:
        if None in values:
            passed = [None if v is None else v - epoch for v in values]
        else:
            passed = list(map(subtract, values))
    except TypeError:  # naive ones among aware ones, of which only the infinities are left by the conversion
        if not zoned:
            raise
        passed = [None if v is None else _instant(v) - epoch for v in values]
    found = pa.array(passed, pa.duration("us"))
    _check_digits(found, type_)
    found = with_ends(found.view(pa.int64()), values, FIRST_MOMENT, LAST_MOMENT, TIMESTAMP_ENDS)
    return found.view(pa.timestamp("us", "UTC" if zoned else None))


def _check_digits(microseconds: pa.Array, type_: PgType) -> None:
    """Refuse fractions of a second that the column would round.

    Raises:
        Unfit: there is one.
    """
    digits = type_.modifiers[0] if type_.modifiers else 6
    if digits < 6:
        counted = microseconds.view(pa.int64()).drop_null().to_numpy(zero_copy_only=False)
        counted = counted[np.abs(counted) < _LAST]  # not the infinities
        if (counted % 10 ** (6 - digits)).any():
            raise Unfit(f"its fraction of a second has more than the {digits} digits that are kept")


_LAST = (dt.datetime.max - _NAIVE) // dt.timedelta(microseconds=1)


def _instant(value: dt.datetime) -> dt.datetime:
    """The aware datetime of the first and the last naive one, which stand for ±infinity.

    Raises:
        Unfit: another naive one.
    """
    if value.tzinfo is None:
        if value not in (dt.datetime.min, dt.datetime.max):
            raise Unfit("it has no zone")
        return value.replace(tzinfo=dt.UTC)
    return value


def _dates(values: list[Any], type_: PgType) -> pa.Array:
    found = pa.array(values, pa.date32()).view(pa.int32())
    return with_ends(found, values, FIRST_DATE, LAST_DATE, DATE_ENDS).view(pa.date32())


def _times(values: list[Any], type_: PgType) -> pa.Array:
    if any(v is not None and v.tzinfo is not None for v in values):
        raise Unfit("expected a time without a zone")
    found = pa.array(values, pa.time64("us"))
    _check_digits(found, type_)
    return found


def _zoned_times(values: list[Any], type_: PgType) -> pa.Array:
    parts = [
        None
        if v is None
        else {"time": v.replace(tzinfo=None), "offset_seconds": int(v.utcoffset().total_seconds())}
        for v in values
    ]
    return pa.array(parts, arrow_type(type_))


def _intervals(values: list[Any], type_: PgType) -> pa.Array:
    if any(issubclass(found, Interval) for found in set(map(type, values))):
        if any(isinstance(v, Interval) and abs(v.parts.microseconds) >= _LONG for v in values):
            parts = [None if v is None else interval_parts(v)._asdict() for v in values]
            return pa.array(parts, _STORED)
        values = [_month_day_nano(v) if isinstance(v, Interval) else v for v in values]
    return pa.array(values, pa.month_day_nano_interval())


_STORED = pa.struct({"months": pa.int32(), "days": pa.int32(), "microseconds": pa.int64()})
_LONG = 2**63 // 1000 - 1  # microseconds that month_day_nano does not hold


def _month_day_nano(value: Interval) -> pa.MonthDayNano:
    """The parts as they are; pyarrow by itself would add the months to a timedelta that counts them as days."""
    months, days, microseconds = value.parts
    return pa.MonthDayNano([months, days, microseconds * 1000])


def _hstores(values: list[Any], type_: PgType) -> pa.Array:
    return pa.array(
        [None if v is None else list(v.items()) for v in values], pa.map_(pa.string(), pa.string())
    )


def _vectors(values: list[Any], type_: PgType) -> pa.Array:
    return pa.array(values, pa.list_(pa.float32()))


def _numbers_of(value: Any) -> Iterator[Any]:
    """The numbers of a geometric value, which nests points in tuples."""
    for part in value:
        if isinstance(part, tuple):
            yield from _numbers_of(part)
        else:
            yield part


def _structs(values: list[Any], type_: PgType) -> pa.Array:
    kind = arrow_type(type_)
    names = [kind.field(i).name for i in range(kind.num_fields)]
    rows = [None if v is None else dict(zip(names, _numbers_of(v), strict=True)) for v in values]
    return pa.array(rows, kind)


def _paths(values: list[Any], type_: PgType) -> pa.Array:
    if type_.name == "polygon":
        return pa.array([None if v is None else list(map(_point, v)) for v in values], arrow_type(type_))
    rows = [
        None if v is None else {"closed": isinstance(v, tuple), "points": list(map(_point, v))}
        for v in values
    ]
    return pa.array(rows, arrow_type(type_))


def _point(value: tuple[float, float]) -> dict[str, float]:
    return {"x": value[0], "y": value[1]}


def _cents(values: list[Any], type_: PgType) -> pa.Array:
    cents = [None if v is None else int(Decimal(v).scaleb(MONEY_SCALE)) for v in values]
    return pa.array(cents, pa.int64())


def _catalog_numbers(values: list[Any], type_: PgType) -> pa.Array:
    try:
        return pa.array([None if v is None else int(v) for v in values], pa.uint32())
    except ValueError:
        raise Unfit("columns hold the numbers of such objects; only the server knows their names") from None


def _list(values: list[Any], element: PgType, naive: Naive) -> pa.Array:
    """One level of a list: offsets, and the elements converted as one column."""
    filled = [() if v is None else v if isinstance(v, list | tuple) else items_of(v) for v in values]
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum(list(map(len, filled)), out=offsets[1:])
    child = as_array(list(chain.from_iterable(filled)), element, naive)
    nulls = np.array(list(map(operator.is_, values, [None] * len(values))), np.bool_)
    mask = pa.array(nulls) if nulls.any() else None
    return pa.ListArray.from_arrays(pa.array(offsets), child, mask=mask)


def _array(values: list[Any], type_: PgType, naive: Naive) -> pa.Array:
    """Arrays: lists nested as deep as declared, or deeper, for the server counts no dimensions.

    Arrays of different depths, which no Arrow list holds, are a union of lists.
    """
    declared = max(type_.ndims, 1)
    try:
        return _nested(values, type_, declared, naive)
    except _FAULTS:
        found = [declared if v is None else depth_of(v, declared, _element(type_)) for v in values]
        depths = sorted(set(found))
        if depths == [declared]:
            raise
    if len(depths) == 1:
        return _nested(values, type_, depths[0], naive)
    children, codes, offsets = [], [], []
    members: dict[int, list[Any]] = {depth: [] for depth in depths}
    for value, depth in zip(values, found, strict=True):
        codes.append(depths.index(depth))
        offsets.append(len(members[depth]))
        members[depth].append(value)
    for depth in depths:
        children.append(_nested(members[depth], type_, depth, naive))
    return pa.UnionArray.from_dense(pa.array(codes, pa.int8()), pa.array(offsets, pa.int32()), children)


def _nested(values: list[Any], type_: PgType, ndims: int, naive: Naive) -> pa.Array:
    """Lists nested ``ndims`` deep, ``None`` for NULL at any depth."""
    element = _element(type_)
    inner = element if ndims == 1 else PgType(type_.name, kind="array", element=element, ndims=ndims - 1)
    return _list(values, inner, naive)


def _composite(values: list[Any], type_: PgType, naive: Naive) -> pa.Array:
    """Composites: mappings or records by field name, or sequences in field order."""
    children, fields = [], []
    names = [name for name, _ in type_.fields]
    given = [None if v is None else fields_of(v, names, type_.sql) for v in values]
    for index, (name, inner) in enumerate(type_.fields):
        child = as_array([None if v is None else v[index] for v in given], inner.base, naive)
        children.append(child)
        fields.append(pa.field(name, child.type))
    mask = pa.array([v is None for v in values], pa.bool_())
    return pa.StructArray.from_arrays(children, fields=fields, mask=mask)


def _range(values: list[Any], type_: PgType, naive: Naive) -> pa.Array:
    """Ranges, taken apart by the conversion."""
    element = _element(type_)
    rows = _converted(values, type_, naive)
    bounds = [as_array([None if r is None else getattr(r, n) for r in rows], element, naive) for n in _ENDS]
    flags = [pa.array([None if r is None else getattr(r, n) for r in rows], pa.bool_()) for n in _FLAGS]
    mask = pa.array([r is None for r in rows], pa.bool_())
    return pa.StructArray.from_arrays(
        [*bounds, *flags], names=[*_ENDS, "lower_inc", "upper_inc", "empty"], mask=mask
    )


_ENDS = ("lower", "upper")
_FLAGS = ("lower_inc", "upper_inc", "isempty")

_CATALOG = ("regproc", "regprocedure", "regoper", "regoperator", "regclass", "regtype", "regconfig", "regnamespace",
            "regrole", "regcollation", "regdictionary")  # fmt: skip
_NONES = frozenset({_NONE})
_TEXT = frozenset({str, _NONE})
"""Classes of the values of a type that travels as text."""

_AS_THEY_ARE: dict[str, frozenset[type]] = {
    name: frozenset({*classes, _NONE})
    for names, classes in (
        (("int2", "int4", "int8", "oid", "xid", "cid", "xid8"), {int}),
        (("bool",), {bool}),
        (("float4", "float8"), {float}),
        (("bytea",), {bytes}),
        (("uuid",), {UUID}),
        (("numeric",), {Decimal}),
        (("timestamp", "timestamptz"), {dt.datetime}),
        (("date",), {dt.date}),
        (("time",), {dt.time}),
        (("json", "jsonb"), {dict, list, str, int, float, bool, JsonNull}),
        (("interval",), {dt.timedelta, Interval}),
        (("text", "varchar", "bpchar", "name", "citext"), {str}),
        (("hstore",), {dict}),
    )
    for name in names
}
"""Classes whose values the builder of a type takes without a look at each; it raises for those it does not."""

_BY_NAME: dict[str, Callable[[list[Any], PgType], pa.Array]] = {
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
    **dict.fromkeys(("vector", "halfvec"), _vectors),
    **dict.fromkeys(("point", "lseg", "box", "line", "circle", "tid"), _structs),
    **dict.fromkeys(("path", "polygon"), _paths),
    "money": _cents,
    "pg_lsn": _integers,
    "char": _bytes,
    **dict.fromkeys(_CATALOG, _catalog_numbers),
}

__all__ = ["array_of", "as_array", "refuse_objects"]
