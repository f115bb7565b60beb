"""From column specs and options to what the row kernel does with each column, and what comes out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from chakra.columnar.kernels import rows_decode as kernels
from chakra.columnar.options import Options
from chakra.columnar.types import (
    BOOL,
    FIXED2,
    FIXED4,
    FIXED8,
    FIXED16,
    VARLEN,
    ColumnSpec,
    arrow_type,
    column_type,
)
from chakra.errors import FieldError
from chakra.pg.types import PgType

METADATA_KEY = b"postgresql:type"
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
DAY_MICROSECONDS = 86_400_000_000
INLINE_DIGITS = 18  # of a numeric the row kernel decodes itself: 10**18 fits an int64 with room for one carry

_POLICIES = {"error": kernels.ERROR, "null": kernels.NULL, "clamp": kernels.CLAMP, "sentinel": kernels.ERROR}
_FIXED = {FIXED2: kernels.FIXED2, FIXED4: kernels.FIXED4, FIXED8: kernels.FIXED8, FIXED16: kernels.FIXED16}
_WIDTHS = {
    kernels.FIXED2: 2,
    kernels.FIXED4: 4,
    kernels.FIXED8: 8,
    kernels.FIXED16: 16,
    kernels.BOOL: 1,
    kernels.RANGED4: 4,
    kernels.RANGED8: 8,
    kernels.NUMERIC: 16,
}


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """What becomes of one column.

    Attributes:
        spec: the column.
        arrow: its Arrow type; ``None`` = follows from the data.
        layout: the row kernel's layout code.
        width: bytes a value, 0 where it varies.
        words: entries of the kernel's plan row, by index.
        target: Arrow type the decoded values are converted to; ``None`` = it follows from the data, or they stay as
            they are: ``spec.declared`` tells.
    """

    spec: ColumnSpec
    arrow: pa.DataType | None
    layout: int
    width: int
    words: tuple[tuple[int, int], ...] = ()
    target: pa.DataType | None = None

    @property
    def converts(self) -> bool:
        """Decoded values are converted to those of another type."""
        return self.target is not None or (self.arrow is None and self.spec.declared is not None)

    @property
    def varies(self) -> bool:
        """Values have offsets."""
        return self.width == 0

    @property
    def narrow(self) -> bool:
        """The offsets are int32."""
        return self.layout in (kernels.TEXT, kernels.BINARY)


def metadata(type_: PgType) -> dict[bytes, bytes]:
    """Arrow field metadata: JSON of the PostgreSQL type under ``postgresql:type``."""
    facts = {
        "name": type_.name,
        "oid": type_.oid,
        "typmod": type_.typmod,
        "kind": type_.kind,
        "sql": type_.sql,
    }
    return {METADATA_KEY: json.dumps(facts).encode()}


def field(spec: ColumnSpec, arrow: pa.DataType) -> pa.Field:
    """The Arrow field of a column; always nullable, since joins and the ``infinity`` policy can add NULLs."""
    return pa.field(spec.name, arrow, metadata=metadata(spec.outside))


def plan_columns(specs: Sequence[ColumnSpec], options: Options) -> tuple[ColumnPlan, ...]:
    """Plan every column.

    Raises:
        FieldError: ``options.streaming`` and a type that follows from the data; names column and options.
    """
    return tuple(_converted(_plan(spec, options), options) for spec in specs)


def _converted(plan: ColumnPlan, options: Options) -> ColumnPlan:
    """The plan of a column whose values are to be of a declared type."""
    declared = plan.spec.declared
    if declared is None:
        return plan
    if plan.arrow is None:  # something beside what is converted follows from the data
        return plan
    target = arrow_type(declared, options)
    return plan if target == plan.arrow else replace(plan, target=target)


def _plan(spec: ColumnSpec, options: Options) -> ColumnPlan:
    base, row = spec.type.base, column_type(spec.type)
    try:
        arrow = arrow_type(spec.type, options)
    except FieldError as error:
        if options.streaming:
            raise FieldError(f'column "{spec.name}": {error}') from None
        arrow = None
    if arrow is not None and pa.types.is_decimal128(arrow) and arrow.precision <= INLINE_DIGITS:
        words = (
            (kernels.ADD, arrow.scale),
            (kernels.HIGH, 10**arrow.precision - 1),
            (kernels.POLICY, _POLICIES[options.infinity]),
        )
        return ColumnPlan(spec, arrow, kernels.NUMERIC, 16, words)
    if row.layout == VARLEN and arrow is not None:
        layout = _varlen(arrow)
        return ColumnPlan(spec, arrow, layout, 0, ((kernels.SKIP, row.skip),))
    if options.infinity == "sentinel" and (row.infinities or base.name == "time"):
        return ColumnPlan(spec, arrow, kernels.RAW, 0)  # the family tells infinity from what is only too late
    if row.infinities or base.name == "time":
        return _ranged(spec, arrow, row.add, options)
    if row.layout == BOOL:
        return ColumnPlan(spec, arrow, kernels.BOOL, 1)
    layout = _FIXED.get(row.layout, kernels.RAW)
    return ColumnPlan(spec, arrow, layout, _WIDTHS.get(layout, 0))


def _varlen(arrow: pa.DataType) -> int:
    storage = arrow.storage_type if isinstance(arrow, pa.BaseExtensionType) else arrow
    if pa.types.is_large_string(storage):
        return kernels.LARGE_TEXT
    if pa.types.is_large_binary(storage):
        return kernels.LARGE_BINARY
    return kernels.TEXT if pa.types.is_string(storage) or pa.types.is_string_view(storage) else kernels.BINARY


def _ranged(spec: ColumnSpec, arrow: pa.DataType | None, add: int, options: Options) -> ColumnPlan:
    wide = column_type(spec.type).layout == FIXED8
    least, most = (INT64_MIN, INT64_MAX) if wide else (-(2**31), 2**31 - 1)
    if spec.type.base.name == "time":  # 24:00:00 is the one time without a time64 value
        low, high, floor, ceiling = 0, DAY_MICROSECONDS - 1, DAY_MICROSECONDS, DAY_MICROSECONDS
        clamp_low, clamp_high = 0, DAY_MICROSECONDS - 1
    else:  # ±infinity are the ends of the width; timestamps of 294247 and later have no room after the shift
        low, high, floor, ceiling = least + 1, most - add, least, most
        clamp_low, clamp_high = least, most
    words = (
        (kernels.ADD, add),
        (kernels.LOW, low),
        (kernels.HIGH, high),
        (kernels.FLOOR, floor),
        (kernels.CEILING, ceiling),
        (kernels.CLAMP_LOW, clamp_low),
        (kernels.CLAMP_HIGH, clamp_high),
        (kernels.POLICY, _POLICIES[options.infinity]),
    )
    layout = kernels.RANGED8 if wide else kernels.RANGED4
    return ColumnPlan(spec, arrow, layout, _WIDTHS[layout], words)


__all__ = ["METADATA_KEY", "ColumnPlan", "field", "metadata", "plan_columns"]
