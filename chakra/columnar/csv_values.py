"""Text of a CSV file as values of columns: what PostgreSQL writes for a type, read by the rules of all writers; no I/O.

Most text goes on as it is: the table of conversions and the families read it. Here is what PostgreSQL writes and they
do not read (truth, bytes, days before Christ and after 9999), and a fast way for columns in which every value is plain.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chakra.columnar.families.ends import DATE_ENDS, TIMESTAMP_ENDS
from chakra.errors import DataError
from chakra.pg.conversion import Naive, Unfit, conversion_of, shown
from chakra.pg.types import PgType

READ_HERE: Final = frozenset(
    {
        *("text", "varchar", "bpchar", "name", "citext", "json", "jsonb", "uuid", "inet", "cidr", "macaddr"),
        *("int2", "int4", "int8", "oid", "float4", "float8", "numeric", "bool", "bytea"),
        *("date", "time", "timestamp", "timestamptz"),
    }
)
"""Types whose text is read on this side, with the row in every error. That of all others the server reads."""

_WHOLE = r"^-?[0-9]{1,18}$"
_REAL = r"^-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?$"
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_CLOCK = r"[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_MOMENT = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_CLOCK}$"
_INSTANT = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_CLOCK}(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$"

_FAR = re.compile(
    r"\s*([0-9]{4,7})-([0-9]{2})-([0-9]{2})(?:[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?)?"
    r"\s*(Z|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?)?(\s+BC)?\s*",
    re.I,
)
"""A day or a moment as PostgreSQL writes it, of any year (``EncodeDateOnly``, ``EncodeDateTime`` in ``datetime.c``)."""

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
"""What ``boolin`` takes, and each beginning that says which (``src/backend/utils/adt/bool.c``)."""


def values_of(array: pa.Array, type_: PgType, naive: Naive, name: str, first_row: int) -> pa.Array:
    """The values of a column of text, as the encoder takes them; text where its families read that.

    Raises:
        DataError: a text is no value of the type; names row and column.
    """
    read = _reader(type_.base.name) if type_.base.kind == "base" else None
    if read is None or array.null_count == len(array):
        return array
    try:
        return read(array, type_.base, naive)
    except _Wrong as wrong:
        row = first_row + wrong.row
        raise DataError(
            f'row {row}, column "{name}": {shown(wrong.text)} does not fit {type_.sql}: {wrong.reason}',
            row=row,
            column=name,
        ) from None


class _Wrong(Exception):
    def __init__(self, row: int, text: str, reason: str) -> None:
        self.row, self.text, self.reason = row, text, reason


def _all(array: pa.Array, pattern: str) -> bool:
    found = pc.call_function("match_substring_regex", [array], pc.MatchSubstringOptions(pattern))
    return bool(found.false_count == 0)


def _one_by_one(array: pa.Array, read: Callable[[str], Any], kind: pa.DataType) -> pa.Array:
    made = []
    for row, text in enumerate(array.to_pylist()):
        try:
            made.append(None if text is None else read(text))
        except (Unfit, ValueError, OverflowError) as error:
            raise _Wrong(row, text or "", str(error)) from None
    return pa.array(made, kind)


def _whole(array: pa.Array, base: PgType, naive: Naive) -> pa.Array:
    return array.cast(pa.int64()) if _all(array, _WHOLE) else array


def _real(array: pa.Array, base: PgType, naive: Naive) -> pa.Array:
    if not _all(array, _REAL):
        return array
    numbers = array.cast(pa.float64())
    plain = numbers.to_numpy(zero_copy_only=False)
    # Zeros may be what is left of a smaller number, infinities of a larger one: the table of conversions knows.
    return array if np.isinf(plain).any() or (plain == 0).any() else numbers


def _bool(array: pa.Array, base: PgType, naive: Naive) -> pa.Array:
    answers = {
        text: _truth(text) for text in pc.call_function("unique", [array]).to_pylist() if text is not None
    }
    return _one_by_one(array, lambda text: _told(answers[text]), pa.bool_())


def _truth(text: str) -> bool | None:
    word = text.strip().lower()
    if word and word != "o":
        for value, words in ((True, _TRUE), (False, _FALSE)):
            if any(each.startswith(word) for each in words):
                return value
    return None


def _told(answer: bool | None) -> bool:
    if answer is None:
        raise Unfit("expected t or f, true or false, yes or no, on or off, 1 or 0")
    return answer


def _bytes(array: pa.Array, base: PgType, naive: Naive) -> pa.Array:
    return _one_by_one(array, _bytes_of, pa.binary())


_OCTET = re.compile(rb"\\(\\|[0-3][0-7]{2})|\\")


def _bytes_of(text: str) -> bytes:
    """``byteain`` (``src/backend/utils/adt/varlena.c``): hex digits behind ``\\x``, or the old format."""
    if text.startswith("\\x"):
        try:
            return bytes.fromhex(text[2:])
        except ValueError:
            raise Unfit("expected pairs of hex digits behind \\x") from None

    def octet(found: re.Match[bytes]) -> bytes:
        if found[1] is None:
            raise Unfit("behind a backslash stand another one or three octal digits")
        return b"\\" if found[1] == b"\\" else bytes([int(found[1], 8)])

    return _OCTET.sub(octet, text.encode())


def _date(array: pa.Array, base: PgType, naive: Naive) -> pa.Array:
    if _all(array, _DAY):
        try:
            return _with_years(array.cast(pa.date32()), array)
        except (pa.ArrowInvalid, ValueError):
            pass
    convert = conversion_of(base, naive, True).convert

    def read(text: str) -> int:
        end = _end(text, DATE_ENDS)
        if end is not None:
            return end
        found = _FAR.fullmatch(text)
        if found is not None and found[4] is None and found[8] is None:
            return _days(found)
        return int(np.datetime64(convert(text), "D").astype(np.int64))

    return _one_by_one(array, read, pa.int32()).view(pa.date32())


def _moment(array: pa.Array, base: PgType, naive: Naive) -> pa.Array:
    zoned = base.name == "timestamptz"
    kind = pa.timestamp("us", "UTC") if zoned else pa.timestamp("us")
    if _all(array, _INSTANT if zoned else _MOMENT):
        try:
            return _with_years(array.cast(kind), array)
        except (pa.ArrowInvalid, ValueError):
            pass
    if not any(map(_is_rare, array.to_pylist())):
        return array  # the table of conversions reads the others, and knows about zones

    convert = conversion_of(base, naive, True).convert

    def read(text: str) -> int:
        end = _end(text, TIMESTAMP_ENDS)
        if end is not None:
            return end
        found = _FAR.fullmatch(text) if _is_rare(text) else None
        if found is None or (found[8] is not None) is not zoned:
            value = convert(text)
            since = value - (_AWARE if zoned else _NAIVE)
            return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds  # type: ignore[no-any-return]
        hours, minutes, seconds = (int(found[group] or 0) for group in (4, 5, 6))
        if hours > 23 or minutes > 59 or seconds > 59:
            raise Unfit("expected a time of day from 00:00:00 to 23:59:59.999999")
        clock = (hours * 60 + minutes) * 60 + seconds - _offset(found[8])
        moment = (_days(found) * 86_400 + clock) * 1_000_000 + int((found[7] or "").ljust(6, "0"))
        if abs(moment) >= TIMESTAMP_ENDS[1]:
            raise Unfit("moments after 294247-01-09 have no place in Arrow")
        return moment

    return _one_by_one(array, read, pa.int64()).view(kind)


def _with_years(found: pa.Array, array: pa.Array) -> pa.Array:
    """The days or moments, if none is of the year 0, which PostgreSQL does not have and Arrow does.

    Raises:
        ValueError: there is one.
    """
    if not _all(array, "^(000[1-9]|00[1-9]|0[1-9]|[1-9])"):
        raise ValueError
    return found


_RARE = re.compile(
    r"\s*-?infinity\s*\Z|.*\bBC\s*\Z|\s*[0-9]{5}|.*[+-][0-9]{2}:?[0-9]{2}:?[0-9]{2}\s*\Z", re.I
)


@lru_cache(maxsize=4096)
def _is_rare(text: str | None) -> bool:
    return text is not None and _RARE.match(text) is not None


def _end(text: str, ends: tuple[int, int]) -> int | None:
    word = text.strip().lower()
    return ends[0] if word == "-infinity" else ends[1] if word in ("infinity", "+infinity") else None


def _days(found: re.Match[str]) -> int:
    """Days from 1970. The year before the year 1 is 1 BC; NumPy calls it 0."""
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not year:
        raise Unfit("there is no year 0: the year before 1 is 0001-01-01 BC")
    if found[9] is not None:
        year = 1 - year
    if not 1 <= month <= 12:
        raise Unfit(f"there is no month {month}")
    months = np.array([0, 1]) + ((year - 1970) * 12 + month - 1)
    first, after = map(int, months.astype("M8[M]").astype("M8[D]").astype(np.int64))
    if not 1 <= day <= after - first:
        raise Unfit(f"the month has no day {day}")
    days = first + day - 1
    if not -2_440_588 <= days < DATE_ENDS[1]:
        raise Unfit("it is out of range of date")
    return days


def _offset(zone: str | None) -> int:
    if zone is None or zone in "Zz":
        return 0
    digits = zone[1:].replace(":", "").ljust(6, "0")
    seconds = (int(digits[:2]) * 60 + int(digits[2:4])) * 60 + int(digits[4:])
    return -seconds if zone[0] == "-" else seconds


def _time(array: pa.Array, base: PgType, naive: Naive) -> pa.Array:
    """Times of day; 24:00:00 is one for PostgreSQL, and Arrow carries it."""
    late = [text is not None and text.strip() in ("24:00:00", "24:00") for text in array.to_pylist()]
    if not any(late):
        return array
    convert = conversion_of(base, naive, True).convert

    def read(text: str) -> int:
        if text.strip() in ("24:00:00", "24:00"):
            return 86_400_000_000
        found = convert(text)
        return ((found.hour * 60 + found.minute) * 60 + found.second) * 1_000_000 + found.microsecond  # type: ignore[no-any-return]

    return _one_by_one(array, read, pa.int64()).view(pa.time64("us"))


_AWARE = conversion_of(PgType("timestamptz")).convert("1970-01-01T00:00:00+00:00")
_NAIVE = conversion_of(PgType("timestamp")).convert("1970-01-01T00:00:00")

_READERS: dict[str, Callable[[pa.Array, PgType, Naive], pa.Array]] = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), _whole),
    **dict.fromkeys(("float4", "float8"), _real),
    **dict.fromkeys(("timestamp", "timestamptz"), _moment),
    "bool": _bool,
    "bytea": _bytes,
    "date": _date,
    "time": _time,
}


def _reader(name: str) -> Callable[[pa.Array, PgType, Naive], pa.Array] | None:
    return _READERS.get(name)


def read_here(type_: PgType) -> bool:
    """Whether the text of a type is read on this side."""
    base = type_.base
    return base.kind == "enum" or (base.kind == "base" and base.name in READ_HERE)


_NAIVE_MOMENT = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?([^0-9:.+\-Z T]|$| BC)"
)


def check_zones(array: pa.Array, type_: PgType, name: str, first_row: int) -> None:
    """Refuse moments without a zone in text that the server reads: it would take its own zone for them.

    Raises:
        DataError: there is one in a list or a range of moments; names row and column.
    """
    inner = type_.base
    while inner.element is not None and inner.kind in ("array", "range", "multirange", "domain"):
        inner = inner.element.base
    if inner.name != "timestamptz":
        return
    found = pc.call_function("match_substring_regex", [array], pc.MatchSubstringOptions(_NAIVE_MOMENT))
    if found.true_count:
        at = pc.call_function("index", [found], pc.IndexOptions(pa.scalar(True))).as_py()
        row = first_row + int(at)
        raise DataError(
            f'row {row}, column "{name}": {shown(array[int(at)].as_py())} has a moment without a zone, which is no '
            "instant: write one behind it, 2026-01-01 00:00:00+00",
            row=row,
            column=name,
        )


__all__ = ["READ_HERE", "check_zones", "read_here", "values_of"]
