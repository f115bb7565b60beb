"""Types that are a few numbers of fixed width to structs, and back: points and kin, ctid, timetz."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import RawColumn
from chakra.columnar.families.fault import ValueFault
from chakra.columnar.families.parts import (
    build,
    build_nested,
    cast,
    fixed_column,
    is_valid,
    refuse,
    values_of,
)
from chakra.columnar.families.simple import gather, time_of_day, times
from chakra.columnar.options import Options
from chakra.pg.types import PgType


def _floats(*names: str) -> tuple[tuple[str, str, pa.DataType], ...]:
    return tuple((name, ">f8", pa.float64()) for name in names)


# Field, wire type, Arrow type, in wire order. src/backend/utils/adt: geo_ops.c, tid.c, date.c (timetz_send).
LAYOUTS: Mapping[str, tuple[tuple[str, str, pa.DataType], ...]] = MappingProxyType(
    {
        "point": _floats("x", "y"),
        "line": _floats("a", "b", "c"),  # a * x + b * y + c = 0
        "lseg": _floats("x1", "y1", "x2", "y2"),
        "box": _floats("x1", "y1", "x2", "y2"),  # upper right corner first, as PostgreSQL stores it
        "circle": _floats("x", "y", "r"),
        "tid": (("block", ">u4", pa.uint32()), ("offset", ">u2", pa.uint16())),
        # On the wire the zone counts seconds west of Greenwich; here, as everywhere else, east is positive.
        "timetz": (("time", ">i8", pa.time64("us")), ("offset_seconds", ">i4", pa.int32())),
    }
)


def _dtype(type_: PgType) -> np.dtype[Any]:
    return np.dtype([(name, wire) for name, wire, _ in LAYOUTS[type_.name]])


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """The struct of the layout's fields."""
    return pa.struct([(name, arrow) for name, _, arrow in LAYOUTS[type_.name]])


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode the fields side by side.

    Raises:
        ValueFault: wrong length, or 24:00:00 in a timetz against the policy.
    """
    dtype = _dtype(type_)
    wire = gather(raw, dtype.itemsize, type_.name, swap=False).view(dtype)
    valid = raw.lengths >= 0
    columns: dict[str, Any] = {
        name: wire[name].astype(arrow.to_pandas_dtype() if name != "time" else np.int64)
        for name, _, arrow in LAYOUTS[type_.name]
    }
    if type_.name == "timetz":
        columns["time"] = time_of_day(columns["time"], valid, type_, options)
        columns["offset_seconds"] = -columns["offset_seconds"]
    children = [build(arrow, len(raw), valid, columns[name]) for name, _, arrow in LAYOUTS[type_.name]]
    return build_nested(arrow_type(type_, options), len(raw), valid, children)


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode structs with exactly the layout's fields, in any order.

    Raises:
        ValueFault: other fields, a NULL field in a value that is not NULL, or a number that does not fit.
    """
    layout = LAYOUTS[type_.name]
    names = [name for name, _, _ in layout]
    if not pa.types.is_struct(array.type):
        refuse(array, type_, f"structs of {', '.join(names)}")
    given = [array.type.field(i).name for i in range(array.type.num_fields)]
    if sorted(given) != sorted(names):
        refuse(array, type_, f"structs of exactly {', '.join(names)}")
    columns = dict(zip(given, array.flatten(), strict=True))
    valid = is_valid(array)
    out = np.zeros(len(array), _dtype(type_))
    for name, _, arrow in layout:
        column = columns[name]
        missing = valid & ~is_valid(column)
        if missing.any():
            raise ValueFault(int(np.argmax(missing)), f"a NULL {name}, which {type_.sql} cannot hold")
        if name == "time":
            out[name] = times(column, type_, options)
        else:
            out[name] = values_of(cast(column, arrow, type_), arrow.to_pandas_dtype())
    if type_.name == "timetz":
        _check_offsets(out["offset_seconds"], type_)
        out["offset_seconds"] *= -1
    return fixed_column(out, valid)


def _check_offsets(offsets: Any, type_: PgType) -> None:
    # src/include/datatype/timestamp.h, TZDISP_LIMIT: less than 16 hours either way
    outside = np.abs(offsets.astype(np.int64)) >= 16 * 3600
    if outside.any():
        index = int(np.argmax(outside))
        raise ValueFault(
            index, f"an offset of {int(offsets[index])} seconds, {type_.sql} takes less than 16 hours"
        )


__all__ = ["LAYOUTS", "arrow_type", "decode", "encode"]
