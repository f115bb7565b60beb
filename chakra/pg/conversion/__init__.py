"""One meaning for one value: from Python values to the objects of a column's type, the same for every writer.

``conversion_of(type)`` gives the row of the table for a type. What it returns is what the driver encodes exactly and
what the columnar engine takes; anything that would change on the way is refused with the reason. Pure: no NumPy, no
server. The rules stand in ``docs/types.md``, which is written from here.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from chakra.pg.conversion.base import Conversion, Naive, Unfit, shown, unfit
from chakra.pg.conversion.containers import Bounds, container_conversion, depth_of, items_of
from chakra.pg.conversion.intervals import interval_conversion
from chakra.pg.conversion.members import check_member
from chakra.pg.conversion.numbers import number_conversion
from chakra.pg.conversion.shapes import shape_conversion
from chakra.pg.conversion.texts import OPAQUE, enum_label, enum_labels, text_conversion
from chakra.pg.conversion.times import time_conversion
from chakra.pg.types import PgType


@lru_cache(maxsize=1024)
def conversion_of(type_: PgType, naive: Naive = "error", in_columns: bool = False) -> Conversion:
    """The conversion of a type; a domain takes what its base does.

    Args:
        naive: what a datetime without a zone means for ``timestamptz``, also inside containers.
        in_columns: for texts in columns, where Python's first and last day and moment do not mean infinity.
    """
    base = type_.base
    inner = partial(conversion_of, naive=naive, in_columns=in_columns)
    return (
        container_conversion(base, inner)
        or number_conversion(base)
        or time_conversion(base, naive, in_columns)
        or interval_conversion(base)
        or shape_conversion(base)
        or text_conversion(base)
        or OPAQUE
    )


def convert(value: Any, type_: PgType, naive: Naive = "error") -> Any:
    """One value as one of the type; ``None`` stays ``None``.

    Raises:
        DataError: it is none, or would change; says why.
    """
    if value is None:
        return None
    try:
        return conversion_of(type_, naive).convert(value)
    except Unfit as error:
        raise unfit(value, type_, error) from None


__all__ = [
    "Bounds",
    "Conversion",
    "Naive",
    "Unfit",
    "conversion_of",
    "check_member",
    "convert",
    "depth_of",
    "enum_label",
    "enum_labels",
    "items_of",
    "shown",
    "unfit",
]
