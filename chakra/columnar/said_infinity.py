"""Dates and moments of Python that stand for the texts "infinity" and "-infinity", as the sentinels of columns."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from chakra.columnar.families.simple import DATE_BOUNDS, TIMESTAMP_BOUNDS


def with_ends(
    found: pa.Array, values: list[Any], first: dt.date, last: dt.date, ends: tuple[int, int]
) -> pa.Array:
    """The numbers of dates or moments, those of the texts "infinity" and "-infinity" replaced by their sentinels."""
    if found.null_count == len(found) or not _at_bounds(found):
        return found
    marks = [0 if value is first else 1 if value is last else None for value in values]
    if not any(mark is not None for mark in marks):
        return found
    return pa.array(
        [n if mark is None else ends[mark] for n, mark in zip(found.to_pylist(), marks, strict=True)],
        found.type,
    )


def _at_bounds(numbers: pa.Array) -> bool:
    """Whether some are Python's first or last day or moment: then it is worth a look whether a text named infinity."""
    low, high = DATE_BOUNDS if numbers.type == pa.int32() else TIMESTAMP_BOUNDS
    ends = pc.call_function("min_max", [numbers])
    return bool(ends["min"].as_py() <= low or ends["max"].as_py() >= high)


__all__ = ["with_ends"]
