"""What a type sample is, and the shorthands the sample files share."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from chakra.columnar.options import Options
from chakra.pg.types import PgType
from tests.plugins.needs import needs_extension, needs_server

UTC = dt.UTC
NAN = float("nan")
INF = float("inf")
MDN = pa.MonthDayNano
AS_TEXT: Any = object()
"""Stands for what the server itself writes for the value as text."""


@dataclass(frozen=True)
class TypeSample:
    """One type with values.

    Attributes:
        type: the type; OIDs that only a server knows are filled in by the tests.
        arrow: the Arrow type it decodes to.
        values: (SQL expression that can be cast to the type, value of ``pa.Array.to_pylist``).
        setup: SQL that creates the type.
        options: how to decode.
        integers: values are given as the integers behind a date or timestamp, which Python's cannot hold.
        writes: the decoded array can be encoded again.
        since: the PostgreSQL that came with such values, and what they are.
    """

    type: PgType
    arrow: pa.DataType
    values: tuple[tuple[str, Any], ...]
    setup: str = ""
    options: Options = field(default_factory=Options)
    integers: bool = False
    writes: bool = True
    since: tuple[int, str] | None = None

    @property
    def id(self) -> str:
        more = [str(v) for v in (self.options.numeric, self.options.strings) if v not in (None, "utf8")]
        if self.options.infinity != "error":
            more.append(self.options.infinity)
        if self.integers:
            more.append("integers")
        return "-".join([self.type.sql, *more])

    @property
    def marks(self) -> list[pytest.MarkDecorator]:
        """Skips where the server cannot have it."""
        extension = self.setup.removeprefix("create extension ") if "create extension" in self.setup else ""
        found = [needs_extension(extension)] if extension else []
        return [*found, needs_server(*self.since)] if self.since else found


def s(type_: PgType, arrow: pa.DataType, *values: tuple[str, Any], **more: Any) -> TypeSample:
    return TypeSample(type_, arrow, (("NULL", None), *values), **more)


def d(text: str) -> Decimal:
    return Decimal(text)


def range_of(lower: Any, upper: Any, lower_inc: bool = True, upper_inc: bool = False) -> dict[str, Any]:
    return {"lower": lower, "upper": upper, "lower_inc": lower_inc, "upper_inc": upper_inc, "empty": False}


EMPTY = {"lower": None, "upper": None, "lower_inc": False, "upper_inc": False, "empty": True}


def range_type(bound: pa.DataType) -> pa.DataType:
    flags = [(name, pa.bool_()) for name in ("lower_inc", "upper_inc", "empty")]
    return pa.struct([("lower", bound), ("upper", bound), *flags])


XY = pa.struct([("x", pa.float64()), ("y", pa.float64())])


def struct_of(*names: str) -> pa.DataType:
    return pa.struct([(name, pa.float64()) for name in names])


def same(a: Any, b: Any) -> bool:
    """Equality of ``to_pylist`` values with NaN equal to itself and -0.0 other than 0.0."""
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, dt.timedelta) and isinstance(b, dt.timedelta):
        return a == b  # an Interval is one that keeps its parts
    return type(a) is type(b) and a == b
