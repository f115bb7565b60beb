"""Positions as texts that may travel through a web page and back: what is in them is checked like all that comes from
outside, and ends as parameters.

A cursor holds the values by which a row is sorted, readable for whoever decodes it, and which order they are of.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import enum
import hashlib
import ipaddress
import json
import re
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from chakra.errors import DataError, FieldError
from chakra.expressions import Order
from chakra.pg.interval import Interval
from chakra.pg.showing import cause, shown

VERSION = 1
LONGEST = 65_536
"""Characters of a cursor that is looked at; one that is made of longer values is refused when it is made."""

_PLAIN = (bool, int, str)
_LETTERS = re.compile(r"[A-Za-z0-9_-]+")


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _interval(text: str) -> Interval:
    months, days, microseconds = map(int, text.split(" "))
    return Interval(months=months, days=days, microseconds=microseconds)


def _text_of_interval(value: Interval) -> str:
    return " ".join(map(str, value.parts))


_CODES: dict[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = {
    "f": (float, repr, float),
    "n": (Decimal, str, Decimal),
    "t": (dt.datetime, dt.datetime.isoformat, _moment),
    "d": (dt.date, dt.date.isoformat, dt.date.fromisoformat),
    "c": (dt.time, dt.time.isoformat, dt.time.fromisoformat),
    "i": (Interval, _text_of_interval, _interval),
    "e": (
        dt.timedelta,
        lambda v: str(v // dt.timedelta(microseconds=1)),
        lambda t: dt.timedelta(microseconds=int(t)),
    ),
    "u": (uuid.UUID, str, uuid.UUID),
    "b": (bytes, lambda v: base64.b64encode(v).decode(), lambda t: base64.b64decode(t, validate=True)),
}
"""Code → class, what makes a text of a value, and a value of a text. A class stands before those it derives from:
a moment is a date, an interval a timedelta.
"""

_ADDRESSES = (
    ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network,
    ipaddress.IPv4Interface, ipaddress.IPv6Interface,
)  # fmt: skip


def cursor(table: str, terms: Sequence[Order], values: Sequence[Any]) -> str:
    """The position of a row as a text.

    Args:
        table: what the rows are of.
        terms, values: those of the order, one value each.

    Raises:
        FieldError: a value of a class that no cursor holds, or a very long one.
    """
    written = [VERSION, _order(table, terms), *map(_encoded, values)]
    text = json.dumps(written, separators=(",", ":"), ensure_ascii=False)
    found = base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).rstrip(b"=").decode()
    if len(found) > LONGEST:
        raise FieldError(
            f"a cursor of {len(found)} characters: the rows are sorted by values too long for one; page by after(row)"
        )
    return found


def position(text: str, table: str, terms: Sequence[Order]) -> list[Any]:
    """The values of a cursor.

    Raises:
        DataError: it is none, or one of another query.
    """
    if len(text) > LONGEST:
        raise DataError("this is no cursor: it is too long for one")
    if not _LETTERS.fullmatch(text):
        raise DataError(f"this is no cursor: {_short(text)}")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = json.loads(raw.decode(), parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise DataError(f"this is no cursor: {_short(text)}") from cause(error)
    if not isinstance(found, list) or found[:1] != [VERSION] or isinstance(found[0], bool) or len(found) < 3:
        raise DataError(f"this is no cursor: {_short(text)}")
    if found[1] != _order(table, terms) or len(found) - 2 != len(terms):
        raise DataError("this cursor is of another query, or of one with another order")
    try:
        return [_decoded(value) for value in found[2:]]
    except (ValueError, TypeError, KeyError, OverflowError, InvalidOperation, binascii.Error) as error:
        raise DataError(f"this is no cursor: {_short(text)}") from cause(error)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def _short(text: str) -> str:
    return shown(text if len(text) <= 40 else f"{text[:40]}…")


def _order(table: str, terms: Sequence[Order]) -> str:
    """Which order a cursor is of; no secret."""
    said = "|".join([table, *(f"{term.expression!r} {term.descending} {term.nulls}" for term in terms)])
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _encoded(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        value = value.value
    if value is None or type(value) in _PLAIN:
        return value
    for code, (cls, write, _) in _CODES.items():
        if isinstance(value, cls):
            return {code: write(value)}
    if isinstance(value, _ADDRESSES):
        return str(value)
    if type(value) is list:
        return [_encoded(item) for item in value]
    raise FieldError(
        f"a cursor holds no {type(value).__name__}, by which the rows are sorted: order by another field, or by a text "
        'of it: Cast("…", Text)'
    )


def _decoded(value: Any) -> Any:
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    ((code, text),) = value.items()
    if type(text) is not str:
        raise TypeError(text)
    return _CODES[code][2](text)


__all__ = ["cursor", "position"]
