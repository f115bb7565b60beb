"""Values whose binary format the driver does not read, or not exactly, as Python objects, both ways; pure."""

from __future__ import annotations

import datetime as dt
import json
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from asyncpg.types import BitString, Range

from chakra.pg.conversion.containers import make_ranges_by
from chakra.pg.interval import interval_of, interval_parts
from chakra.pg.json_text import dump_json, load_json

_JSONB_VERSION = b"\x01"  # src/backend/utils/adt/jsonb.c, jsonb_send
_PAIR_OF_INT16 = struct.Struct(">hh")
_INT32 = struct.Struct(">i")
_INTERVAL = struct.Struct(">qii")
_TIMETZ = struct.Struct(">qi")
_INFINITE = (_INTERVAL.pack(2**63 - 1, 2**31 - 1, 2**31 - 1), _INTERVAL.pack(-(2**63), -(2**31), -(2**31)))
_DAY = 86_400_000_000
_HEX = re.compile(r"[0-9A-Fa-f]+")

# pgvector, src/vector.h and src/halfvec.h: VECTOR_MAX_DIM, HALFVEC_MAX_DIM
_MAX_DIMENSIONS = 16000


class Codec(NamedTuple):
    """How values of one type are written and read; both ends see the binary format of ``typsend``."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


def encode_json(value: Any) -> bytes:
    """JSON text of a value, compact, non-ASCII as is; NaN and infinities are refused, as PostgreSQL does."""
    return dump_json(value).encode()


def decode_json(data: bytes) -> Any:
    """The Python value of a JSON text; of ``null`` it is ``JSON_NULL``."""
    return load_json(str(data, "utf-8"))


def encode_jsonb(value: Any) -> bytes:
    """Like ``encode_json``, behind jsonb's version byte."""
    return _JSONB_VERSION + encode_json(value)


def decode_jsonb(data: bytes) -> Any:
    """Like ``decode_json``, behind jsonb's version byte."""
    return load_json(str(data[1:], "utf-8"))


def encode_hstore(value: Any) -> bytes:
    """A mapping of texts to texts or ``None`` (contrib/hstore/hstore_io.c, hstore_recv)."""
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a mapping of str to str or None, got {type(value).__name__}")
    parts = [_INT32.pack(len(value))]
    for key, text in value.items():
        if not isinstance(key, str) or not (text is None or isinstance(text, str)):
            raise TypeError(f"hstore holds str keys and str or None values, got {key!r}: {text!r}")
        raw = key.encode()
        parts += (_INT32.pack(len(raw)), raw)
        if text is None:
            parts.append(_INT32.pack(-1))
        else:
            raw = text.encode()
            parts += (_INT32.pack(len(raw)), raw)
    return b"".join(parts)


def decode_hstore(data: bytes) -> dict[str, str | None]:
    """A mapping of texts to texts or ``None`` (contrib/hstore/hstore_io.c, hstore_send)."""
    found: dict[str, str | None] = {}
    at = 4
    for _ in range(_INT32.unpack_from(data)[0]):
        (length,) = _INT32.unpack_from(data, at)
        key = str(data[at + 4 : at + 4 + length], "utf-8")
        at += 4 + length
        (length,) = _INT32.unpack_from(data, at)
        at += 4
        if length < 0:
            found[key] = None
        else:
            found[key] = str(data[at : at + length], "utf-8")
            at += length
    return found


def _vector_codec(letter: str) -> Codec:
    """pgvector, src/vector.c (vector_send) and src/halfvec.c: int16 dimensions, int16 0, then the numbers."""

    def encode(value: Any) -> bytes:
        numbers = json.loads(value) if isinstance(value, str) else list(value)
        if not 1 <= len(numbers) <= _MAX_DIMENSIONS:
            raise ValueError(f"a vector has 1 to {_MAX_DIMENSIONS} dimensions, not {len(numbers)}")
        return struct.pack(f">hh{len(numbers)}{letter}", len(numbers), 0, *numbers)

    def decode(data: bytes) -> list[float]:
        count, _ = _PAIR_OF_INT16.unpack_from(data)
        return list(struct.unpack_from(f">{count}{letter}", data, 4))

    return Codec(encode, decode)


def encode_interval(value: Any) -> bytes:
    """The parts of an interval (``timestamp.c``, interval_recv)."""
    if not isinstance(value, dt.timedelta):
        raise TypeError(f"expected a timedelta, got {type(value).__name__}")
    months, days, microseconds = interval_parts(value)
    try:
        return _INTERVAL.pack(microseconds, days, months)
    except struct.error:
        raise OverflowError("its months or days pass 32 bits, or its microseconds 64") from None


def decode_interval(data: bytes) -> dt.timedelta:
    """A ``timedelta``, or an ``Interval`` where that would lose months or the border between days and time."""
    if data in _INFINITE:
        raise OverflowError(f"{'-' if data == _INFINITE[1] else ''}infinity of an interval is no timedelta")
    microseconds, days, months = _INTERVAL.unpack(data)
    return interval_of(months, days, microseconds)


def encode_timetz(value: Any) -> bytes:
    """Microseconds of the day, and seconds west of UTC (``date.c``, timetz_recv)."""
    if not isinstance(value, dt.time | dt.datetime):
        raise TypeError(f"expected a time, got {type(value).__name__}")
    offset = value.tzinfo.utcoffset(None) if value.tzinfo is not None else None
    if offset is None:
        raise ValueError("expected a time with a fixed tzinfo")
    seconds = value.hour * 3600 + value.minute * 60 + value.second
    return _TIMETZ.pack(seconds * 1_000_000 + value.microsecond, -(offset.days * 86400 + offset.seconds))


def decode_timetz(data: bytes) -> dt.time:
    """A time with its offset to the second, of which asyncpg keeps the minutes only."""
    microseconds, west = _TIMETZ.unpack(data)
    if microseconds == _DAY:
        raise OverflowError("24:00:00 is no time of Python")
    seconds, fraction = divmod(microseconds, 1_000_000)
    minutes, second = divmod(seconds, 60)
    zone = dt.timezone(dt.timedelta(seconds=-west))
    return dt.time(minutes // 60, minutes % 60, second, fraction, zone)


# What macaddr_in() and macaddr8_in() read, but for single digits of hex.
_MAC = re.compile(
    r"(?:[0-9A-Fa-f]{2}(?:(?P<by>[:-])[0-9A-Fa-f]{2}(?:(?P=by)[0-9A-Fa-f]{2}){4})|[0-9A-Fa-f]{6}[:-]?[0-9A-Fa-f]{6}"
    r"|[0-9A-Fa-f]{4}(?P<dot>[.-])[0-9A-Fa-f]{4}(?P=dot)[0-9A-Fa-f]{4})"
)
_MAC8 = re.compile(
    r"[0-9A-Fa-f]{2}(?:[0-9A-Fa-f]{2})*(?:(?P<by>[:.-])(?:[0-9A-Fa-f]{2})+(?:(?P=by)(?:[0-9A-Fa-f]{2})+)*)?"
)


def _address_codec(size: int) -> Codec:
    """``mac.c`` and ``mac8.c``: the bytes; as text with colons, as the server writes it."""
    spelling = _MAC if size == 6 else _MAC8

    def encode(value: Any) -> bytes:
        if not isinstance(value, str):
            raise TypeError(f"expected str, got {type(value).__name__}")
        raw = "".join(_HEX.findall(value))
        if len(raw) == 12 and size == 8:
            raw = raw[:6] + "fffe" + raw[6:]  # as macaddr8_in() completes six bytes
        if len(raw) != 2 * size or spelling.fullmatch(value.strip()) is None:
            raise ValueError(f"{value!r} is not an address of {size} bytes")
        return bytes.fromhex(raw)

    def decode(data: bytes) -> str:
        return data.hex(":")

    return Codec(encode, decode)


def _versioned_text() -> Codec:
    """contrib/ltree (``ltree_io.c``, ltree_send and its kin): a version byte, 1, before the text."""

    def encode(value: Any) -> bytes:
        if not isinstance(value, str):
            raise TypeError(f"expected str, got {type(value).__name__}")
        return b"\x01" + value.encode()

    def decode(data: bytes) -> str:
        return str(data[1:], "utf-8")

    return Codec(encode, decode)


def encode_bits(value: Any) -> bytes:
    """``varbit.c``, bit_recv: the number of bits, and the bits; from 0s and 1s, ``BitString``, or bytes."""
    if isinstance(value, str):
        made: Any = BitString
        value = made(value)  # its annotation says bytes
    raw = value.bytes if isinstance(value, BitString) else bytes(memoryview(value))
    count = len(value) if isinstance(value, BitString) else 8 * len(raw)
    return _INT32.pack(count) + raw[: (count + 7) // 8]


def decode_bits(data: bytes) -> BitString:
    """The driver's own class, which keeps the length."""
    return BitString.frombytes(data[4:], _INT32.unpack_from(data)[0])


make_ranges_by(
    lambda found: Range(
        found.lower,
        found.upper,
        lower_inc=found.lower_inc,
        upper_inc=found.upper_inc,
        empty=found.isempty,
    )
)

BUILTIN_CODECS: Mapping[str, tuple[int, Codec]] = {
    "json": (114, Codec(encode_json, decode_json)),
    "jsonb": (3802, Codec(encode_jsonb, decode_jsonb)),
    "interval": (1186, Codec(encode_interval, decode_interval)),
    "timetz": (1266, Codec(encode_timetz, decode_timetz)),
    "bit": (1560, Codec(encode_bits, decode_bits)),
    "varbit": (1562, Codec(encode_bits, decode_bits)),
    "macaddr": (829, _address_codec(6)),
    "macaddr8": (774, _address_codec(8)),
}
"""Built-in types by name, with their OID (src/include/catalog/pg_type.dat)."""

PLAIN_TEXT: Mapping[str, int] = {"refcursor": 1790, "pg_node_tree": 194}
"""Built-in types whose binary format is their text, which the driver would ask for as text all the same."""

EXTENSION_CODECS: Mapping[str, Codec] = {
    "hstore": Codec(encode_hstore, decode_hstore),
    "vector": _vector_codec("f"),
    "halfvec": _vector_codec("e"),
    "ltree": _versioned_text(),
    "lquery": _versioned_text(),
    "ltxtquery": _versioned_text(),
}
"""Types of extensions by name, wherever the extension was put."""

EXTENSION_TEXT = frozenset({"citext"})
"""Types of extensions whose binary format is their text; all others (isbn13, cube, sparsevec, …) are read as text."""

__all__ = [
    "BUILTIN_CODECS",
    "EXTENSION_CODECS",
    "EXTENSION_TEXT",
    "PLAIN_TEXT",
    "Codec",
    "decode_bits",
    "decode_hstore",
    "decode_interval",
    "decode_json",
    "decode_jsonb",
    "decode_timetz",
    "encode_bits",
    "encode_hstore",
    "encode_interval",
    "encode_json",
    "encode_jsonb",
    "encode_timetz",
]
