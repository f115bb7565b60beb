"""The text of single values as PostgreSQL's input functions read it; containers and quoting: literals.py.

Every function takes the Python value and returns text that, cast to the type, is the value asyncpg would have
sent for the same bound parameter: the same conversions (``int()`` of a float column's value for an integer,
local time for a naive ``timestamptz``), the same ranges, the same infinities. Anything else raises, and the
caller turns that into one ``DataError``. Return values are built from exact built-in types only, so that a
subclass with a ``__str__`` of its own cannot put its text into a statement.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import json
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from chakra.pg.conversion import enum_labels
from chakra.pg.interval import interval_parts, interval_text
from chakra.pg.json_text import dump_json

TextOf: TypeAlias = Callable[[Any], str]

NAME_BYTES = 63  # NAMEDATALEN - 1; namein() would cut what namerecv() refuses
NUMERIC_MAX_SCALE = 16383  # src/include/utils/numeric.h, NUMERIC_DSCALE_MAX
NUMERIC_MAX_INTEGER_DIGITS = 131072  # 4 * (NUMERIC_WEIGHT_MAX + 1), src/backend/utils/adt/numeric.c
TIMEZONE_LIMIT = dt.timedelta(hours=16)  # TZDISP_LIMIT, src/include/datatype/timestamp.h

_FLOAT4 = struct.Struct("=f")
_FLOAT8 = struct.Struct("=d")
_HALF = struct.Struct("=e")
_NONFINITE = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
_UUID = re.compile(r"[0-9A-Fa-f-]{32,36}")
_LSN = re.compile(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}")


def expected(what: str, value: object) -> TypeError:
    """The error of a value that is of the wrong Python type."""
    return TypeError(f"expected {what}, found {type(value).__name__}")


def whole_number(value: Any, low: int, high: int) -> int:
    """``value`` as an exact ``int`` between two bounds, by asyncpg's rule: whatever has ``__int__``."""
    if type(value) is not int:
        if not hasattr(type(value), "__int__"):
            raise expected("a whole number", value)
        value = int(value)
    if not low <= value <= high:
        raise OverflowError(f"expected a whole number from {low} to {high}")
    return int(value)


def _integer(bits: int, *, signed: bool = True) -> TextOf:
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    return lambda value: str(whole_number(value, low, high))


def boolean(value: Any) -> str:
    """``true`` or ``false``; only a ``bool`` is one."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    raise expected("a bool", value)


def _float_text(value: float) -> str:
    text = float.__repr__(value)
    return text if math.isfinite(value) else _NONFINITE[text]


def float8(value: Any) -> str:
    """The shortest decimal that reads back as the same 8-byte float."""
    # struct converts as C does (float, int, __float__, no strings), and returns an exact float.
    return _float_text(value if type(value) is float else _FLOAT8.unpack(_FLOAT8.pack(value))[0])


def float4(value: Any) -> str:
    """The value rounded to 4 bytes, written with the digits of 8: reading cannot round a second time."""
    return _float_text(_FLOAT4.unpack(_FLOAT4.pack(value))[0])


def numeric(value: Any) -> str:
    """Digits and exponent of a ``Decimal``, or of anything ``Decimal()`` takes."""
    number = value if type(value) is decimal.Decimal else decimal.Decimal(value)
    if not number.is_finite():
        if number.is_snan():
            raise ValueError("expected a number, found a signaling NaN")
        return "NaN" if number.is_nan() else "-Infinity" if number < 0 else "Infinity"
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    if exponent < -NUMERIC_MAX_SCALE:
        raise ValueError(f"numeric keeps at most {NUMERIC_MAX_SCALE} digits after the point")
    if not number:
        return "0" if exponent >= 0 else f"0e{exponent}"
    if number.adjusted() >= NUMERIC_MAX_INTEGER_DIGITS:
        raise ValueError(f"numeric keeps at most {NUMERIC_MAX_INTEGER_DIGITS} digits before the point")
    return str(number)


def text(value: Any) -> str:
    """A ``str`` as it is; a member of a ``str`` enum is the string it carries."""
    if type(value) is str:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    raise expected("a str", value)


def name(value: Any) -> str:
    """A ``str`` of at most 63 bytes."""
    found = text(value)
    if len(found.encode()) > NAME_BYTES:
        raise ValueError(f"a name holds at most {NAME_BYTES} bytes")
    return found


def enum_label(value: Any) -> str:
    """The label of an enum: a ``str``, or what a member of a Python enum is called in PostgreSQL."""
    if isinstance(value, enum.Enum):
        cls = type(value)
        return dict(zip(cls, enum_labels(cls), strict=True))[value]
    return text(value)


def _bytes(value: Any) -> bytes:
    if type(value) is bytes:
        return value
    view = memoryview(value)  # TypeError for what has no buffer
    if not view.c_contiguous:
        raise BufferError("expected a contiguous buffer")
    return view.tobytes()


def bytea(value: Any) -> str:
    """Hex format (manual, 8.4.1) of anything with a contiguous buffer."""
    return "\\x" + _bytes(value).hex()


def _one_byte(value: Any) -> int:
    raw = _bytes(value)
    if len(raw) != 1:
        raise ValueError(f"expected exactly one byte, found {len(raw)}")
    return raw[0]


def char_number(value: Any) -> str:
    """The number of a ``"char"``: its one byte as a signed integer."""
    byte = _one_byte(value)
    return str(byte - 256 if byte > 127 else byte)


def char_member(value: Any) -> str:
    """A ``"char"`` inside an array or a composite, where only the text of its input function can stand."""
    byte = _one_byte(value)
    if byte > 127:
        raise ValueError("inside an array or a composite only bytes up to 127 can be written")
    return chr(byte) if byte else ""  # charin() makes the zero byte of an empty string


def uuid_text(value: Any) -> str:
    """32 hex digits, from a UUID (anything with 16 ``bytes``) or its text with or without hyphens."""
    if isinstance(value, str):
        found = text(value)
        digits = found.replace("-", "")
        if _UUID.fullmatch(found) is None or len(digits) != 32:
            raise ValueError("expected a UUID: 32 hex digits, hyphens between them or not")
        return digits.lower()
    raw = getattr(value, "bytes", None)
    if not isinstance(raw, bytes):
        raise expected("a UUID or a str", value)
    if len(raw) != 16:
        raise ValueError(f"expected 16 bytes, found {len(raw)}")
    return raw.hex()


def date(value: Any) -> str:
    """ISO date; ``date.max`` and ``date.min`` stand for the infinities, as they do when read."""
    if not hasattr(value, "toordinal"):
        raise expected("a date", value)
    day = dt.date.fromordinal(value.toordinal())
    if day == dt.date.max:
        return "infinity"
    return "-infinity" if day == dt.date.min else day.isoformat()


def _clock(value: Any) -> str:
    if not hasattr(value, "microsecond"):
        raise expected("a time", value)
    return dt.time(value.hour, value.minute, value.second, value.microsecond).isoformat()


def timetz(value: Any) -> str:
    """Clock and offset; the zone must be a fixed offset, since a time alone has no daylight saving."""
    clock = _clock(value)
    zone = value.tzinfo
    offset = None if zone is None else zone.utcoffset(None)
    if offset is None:
        raise ValueError("expected a time with a zone of fixed offset")
    if abs(offset) >= TIMEZONE_LIMIT:
        raise ValueError("PostgreSQL has offsets below 16 hours")
    seconds = offset.days * 86400 + offset.seconds
    hours, rest = divmod(abs(seconds), 3600)
    return f"{clock}{'-' if seconds < 0 else '+'}{hours:02}:{rest // 60:02}:{rest % 60:02}"


def _datetime(value: Any, zone: Callable[[], dt.tzinfo | None]) -> dt.datetime:
    """``value`` as an exact datetime (pandas' Timestamp is a subclass with nanoseconds in ``isoformat``)."""
    if type(value) is dt.datetime:
        return value
    if isinstance(value, dt.datetime):
        return dt.datetime(
            value.year,
            value.month,
            value.day,
            value.hour,
            value.minute,
            value.second,
            value.microsecond,
            value.tzinfo,
            fold=value.fold,
        )
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=zone())
    raise expected("a datetime or a date", value)


def _instant(moment: dt.datetime) -> str:
    if moment == dt.datetime.max:
        return "infinity"
    return "-infinity" if moment == dt.datetime.min else moment.isoformat(" ")


def timestamp(value: Any) -> str:
    """A naive datetime, or a date at midnight; the extremes stand for the infinities."""
    moment = _datetime(value, lambda: None)
    if moment.tzinfo is not None:
        raise ValueError("expected a datetime without a zone; timestamptz is the type with one")
    return _instant(moment)


def timestamptz(value: Any) -> str:
    """The instant in UTC; a naive datetime is local time, a date is midnight at today's local offset."""
    moment = _datetime(value, lambda: dt.datetime.now(dt.UTC).astimezone().tzinfo)
    if moment.tzinfo is None and moment in (dt.datetime.min, dt.datetime.max):
        return _instant(moment)
    found = _instant(moment.astimezone(dt.UTC).replace(tzinfo=None))
    return found if found.endswith("infinity") else found + "+00"


def interval(value: Any) -> str:
    """The parts of an ``Interval``, or days and clock of a timedelta."""
    if not isinstance(value, dt.timedelta):
        raise expected("a timedelta", value)
    months, days, microseconds = interval_parts(value)
    whole_number(months, -(2**31), 2**31 - 1)
    whole_number(days, -(2**31), 2**31 - 1)
    whole_number(microseconds, -(2**63), 2**63 - 1)
    return interval_text(value)


def inet(value: Any) -> str:
    """Host address, with its prefix where an interface or a network was given."""
    try:
        host = ipaddress.ip_address(value)
    except ValueError:
        wide = ipaddress.ip_interface(value)
        return f"{ipaddress.ip_address(wide.packed)}/{wide.network.prefixlen}"
    return str(ipaddress.ip_address(host.packed))  # drops an IPv6 scope, which PostgreSQL has no place for


def cidr(value: Any) -> str:
    """Network address and prefix; bits set right of the prefix are an error."""
    network = ipaddress.ip_network(value)
    return f"{ipaddress.ip_address(network.network_address.packed)}/{network.prefixlen}"


def bits(value: Any) -> str:
    """``0`` and ``1`` of a BitString (``bytes`` and a length in bits), of a buffer, or of such a ``str``."""
    if isinstance(value, str):
        found = text(value)
        if found.strip("01"):
            raise ValueError("expected only 0 and 1")
        return found
    raw = getattr(value, "bytes", None)
    if isinstance(raw, bytes):
        length = len(value)
    else:
        raw = _bytes(value)
        length = len(raw) * 8
    return format(int.from_bytes(raw, "big"), f"0{len(raw) * 8}b")[:length] if length else ""


def tid(value: Any) -> str:
    """``(block, offset)`` of a row."""
    if not isinstance(value, tuple | list):
        raise expected("a pair of whole numbers", value)
    block, offset = value
    if not (isinstance(block, int) and isinstance(offset, int)):
        raise TypeError("expected two whole numbers")
    return f"({whole_number(block, 0, 2**32 - 1)},{whole_number(offset, 0, 2**16 - 1)})"


def pg_lsn(value: Any) -> str:
    """A log position, from a signed 64-bit number or from text such as ``16/B374D848``."""
    if isinstance(value, str):
        found = text(value)
        if _LSN.fullmatch(found) is None:
            raise ValueError("expected a log position such as 16/B374D848")
        return found
    position = whole_number(value, -(2**63), 2**63 - 1) & (2**64 - 1)
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def hstore(value: Any) -> str:
    """``"key"=>"value"`` of a mapping; ``None`` is NULL."""
    if not isinstance(value, Mapping):
        raise expected("a mapping of str to str or None", value)
    return ",".join(
        f"{quoted(text(key))}=>{'NULL' if item is None else quoted(text(item))}"
        for key, item in value.items()
    )


def quoted(found: str) -> str:
    """``found`` in the double quotes of array, composite, range and hstore input, with backslash escapes."""
    if "\\" in found:
        found = found.replace("\\", "\\\\")
    if '"' in found:
        found = found.replace('"', '\\"')
    return f'"{found}"'


def _dense(element: Callable[[Any], str]) -> TextOf:
    def vector(value: Any) -> str:
        # Text goes through the same rounding as numbers do: pgvector's own reading of it can differ in a bit.
        numbers = json.loads(value) if isinstance(value, str) else value
        if not hasattr(numbers, "__len__"):  # what has no length may have no end: an IPv6Network, a generator
            raise expected("a list of numbers", value)
        return f"[{','.join(map(element, numbers))}]"

    return vector


def _half(value: Any) -> str:
    return _float_text(_HALF.unpack(_HALF.pack(value))[0])


def _point(value: Any) -> str:
    return f"({float8(value[0])},{float8(value[1])})"


def _points(value: Sequence[Any]) -> str:
    return ",".join(map(_point, value))


def path(value: Any) -> str:
    """Points of a path: a tuple is closed, a list open, a Path says so itself."""
    if isinstance(value, tuple):
        closed = True
    elif isinstance(value, list):
        closed = False
    else:
        closed = bool(value.is_closed)
    return f"({_points(value)})" if closed else f"[{_points(value)}]"


TEXT_OF: Mapping[str, TextOf] = MappingProxyType(
    {
        "bool": boolean,
        "int2": _integer(16),
        "int4": _integer(32),
        "int8": _integer(64),
        "oid": _integer(32, signed=False),
        "xid": _integer(32, signed=False),
        "cid": _integer(32, signed=False),
        "xid8": _integer(64, signed=False),
        "float4": float4,
        "float8": float8,
        "numeric": numeric,
        "name": name,
        "bytea": bytea,
        "char": char_member,
        "uuid": uuid_text,
        "date": date,
        "time": _clock,
        "timetz": timetz,
        "timestamp": timestamp,
        "timestamptz": timestamptz,
        "interval": interval,
        "json": dump_json,
        "jsonb": dump_json,
        "inet": inet,
        "cidr": cidr,
        "bit": bits,
        "varbit": bits,
        "tid": tid,
        "pg_lsn": pg_lsn,
        "hstore": hstore,
        "vector": _dense(float4),
        "halfvec": _dense(_half),
        "point": _point,
        "lseg": lambda value: f"[{_points((value[0], value[1]))}]",
        "box": lambda value: _points((value[0], value[1])),
        "line": lambda value: f"{{{','.join(map(float8, (value[0], value[1], value[2])))}}}",
        "path": path,
        "polygon": lambda value: f"({_points(value)})",
        "circle": lambda value: f"<{_point(value[0])},{float8(value[1])}>",
    }
)
"""The text of a base type by its catalog name; a type that is not here takes a ``str``, kept as it is."""

BARE = frozenset({"bool", "int2", "int4", "int8", "oid", "float4", "float8", "numeric", "uuid", "date"})
"""Types whose text never needs quotes inside an array or a composite."""
