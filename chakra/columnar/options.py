"""What a caller may ask of the decoder, checked once and then passed down unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from chakra.errors import FieldError

NumericOption = tuple[int, int] | Literal["float64", "string"] | None
InfinityOption = Literal["error", "null", "clamp", "sentinel"]
StringsOption = Literal["utf8", "large_utf8", "view"]
UuidOption = Literal["bytes", "text"]
IntervalOption = Literal["month_day_nano", "duration", "text"]

DECIMAL256_DIGITS = 76  # Arrow columnar format, Decimal: 128 bits hold 38 digits, 256 bits hold 76


@dataclass(frozen=True, slots=True)
class Options:
    """Choices that change Arrow types or values.

    Attributes:
        numeric: ``"float64"`` or ``"string"`` for every numeric; ``(p, s)`` for those without precision, which
            else become decimals of the largest scale in the data (whole tables only).
        infinity: what ±infinity of dates and timestamps, and NaN and ±infinity of a numeric, become:
            ``"error"``, ``"null"``, ``"clamp"`` (the nearest value the Arrow type holds; a numeric NaN
            has no nearest value and stays an error), or ``"sentinel"`` (values that writes take for infinity,
            see ``families.simple``; an error for numeric, which has none). In writes ``"sentinel"`` says that
            ±(2**63 - 1) of a timestamp, too, mean infinity, as other systems have it.
        strings: ``"utf8"`` (int32 offsets), ``"large_utf8"`` (int64 offsets) or ``"view"`` (string_view).
        uuid: ``"bytes"`` (the extension type ``arrow.uuid``) or ``"text"``.
        interval: ``"month_day_nano"``, ``"duration"`` (days are 24 hours; months are an error) or ``"text"``
            (ISO 8601).
        streaming: ``True`` where the schema must be known before the data.
        allow_truncate: writes only: let nanoseconds be cut to PostgreSQL's microseconds, and decimals be rounded
            to the scale of their column.
        bounds_are_infinite: writes only: ``date.max``, ``datetime.max`` and their minima become ±infinity, as in
            single rows; Arrow data means the days themselves.

    Raises:
        FieldError: an option has a value outside this list.
    """

    numeric: NumericOption = None
    infinity: InfinityOption = "error"
    strings: StringsOption = "utf8"
    streaming: bool = False
    allow_truncate: bool = False
    bounds_are_infinite: bool = False
    uuid: UuidOption = "bytes"
    interval: IntervalOption = "month_day_nano"

    def __post_init__(self) -> None:
        if self.infinity not in ("error", "null", "clamp", "sentinel"):
            raise FieldError(f'infinity={self.infinity!r}: expected "error", "null", "clamp" or "sentinel"')
        if self.strings not in ("utf8", "large_utf8", "view"):
            raise FieldError(f'strings={self.strings!r}: expected "utf8", "large_utf8" or "view"')
        if self.uuid not in ("bytes", "text"):
            raise FieldError(f'uuid={self.uuid!r}: expected "bytes" or "text"')
        if self.interval not in ("month_day_nano", "duration", "text"):
            raise FieldError(f'interval={self.interval!r}: expected "month_day_nano", "duration" or "text"')
        _check_numeric(self.numeric)


def _check_numeric(numeric: Any) -> None:
    if numeric is None or numeric in ("float64", "string"):
        return
    if isinstance(numeric, tuple) and len(numeric) == 2 and all(type(n) is int for n in numeric):
        precision, scale = numeric
        if 1 <= precision <= DECIMAL256_DIGITS and -DECIMAL256_DIGITS <= scale <= DECIMAL256_DIGITS:
            return
    raise FieldError(
        f'numeric={numeric!r}: expected (precision, scale) of at most 76 digits, "float64", "string" or None'
    )


DEFAULT = Options()

__all__ = [
    "DECIMAL256_DIGITS",
    "DEFAULT",
    "InfinityOption",
    "IntervalOption",
    "NumericOption",
    "Options",
    "StringsOption",
    "UuidOption",
]
