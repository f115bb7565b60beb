"""The families' slow, obvious twins: one value at a time, in plain Python; they define what the kernels do.

``encode`` writes a value as the server would send it, ``decode`` reads one. Values are those of
``pa.Array.to_pylist``, but numerics are Decimals of any scale.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import struct
import uuid
from decimal import Context, Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from chakra.pg.types import PgType
from tests.columnar import reference_textsearch as textsearch

EPOCH = dt.datetime(2000, 1, 1)
FORMATS = {
    "bool": ">?",
    "int2": ">h",
    "int4": ">i",
    "int8": ">q",
    "oid": ">I",
    "xid8": ">Q",
    "pg_lsn": ">Q",
    "money": ">q",
    "float4": ">f",
    "float8": ">d",
}
STRUCTS = {
    "point": ">dd",
    "line": ">ddd",
    "lseg": ">dddd",
    "box": ">dddd",
    "circle": ">ddd",
    "tid": ">IH",
}
NAMES = {
    "point": ("x", "y"),
    "line": ("a", "b", "c"),
    "lseg": ("x1", "y1", "x2", "y2"),
    "box": ("x1", "y1", "x2", "y2"),
    "circle": ("x", "y", "r"),
    "tid": ("block", "offset"),
}
TEXTS = {"text", "varchar", "bpchar", "name", "citext", "json", "xml"}


class Reader:
    """A cursor over one value."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        assert 0 <= count <= len(self.data) - self.at
        self.at += count
        return self.data[self.at - count : self.at]

    def unpack(self, code: str) -> tuple[Any, ...]:
        return struct.unpack(">" + code, self.take(struct.calcsize(">" + code)))

    def sized(self) -> bytes | None:
        (length,) = self.unpack("i")
        return None if length == -1 else self.take(length)


def sized(value: bytes | None) -> bytes:
    return struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value


def encode_numeric(value: Decimal) -> bytes:
    if value.is_nan():
        return struct.pack(">hhHh", 0, 0, 0xC000, 0)
    if value.is_infinite():
        return struct.pack(">hhHh", 0, 0, 0xF000 if value < 0 else 0xD000, 0)
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    dscale = max(-exponent, 0)
    text = ("".join(map(str, digits)) + "0" * max(exponent, 0)).rjust(dscale, "0")
    whole, fraction = text[: len(text) - dscale], text[len(text) - dscale :]
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    fraction = fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    groups = [int((whole + fraction)[i : i + 4]) for i in range(0, len(whole + fraction), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        groups.pop(0)
        weight -= 1
    while groups and groups[-1] == 0:
        groups.pop()
    if not groups:
        sign = weight = 0
    return struct.pack(f">hhHh{len(groups)}h", len(groups), weight, sign * 0x4000, dscale, *groups)


def decode_numeric(data: bytes) -> Decimal:
    count, weight, sign, dscale = struct.unpack_from(">hhHh", data)
    if sign >= 0xC000:
        return Decimal({0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"}[sign])
    groups = struct.unpack_from(f">{count}h", data, 8)
    whole = sum(group * 10000 ** (count - 1 - i) for i, group in enumerate(groups))
    context = Context(prec=100_000)
    value = context.multiply(Decimal(whole), context.power(Decimal(10), 4 * (weight - count + 1)))
    value = value.quantize(Decimal(1).scaleb(-dscale), context=context)
    return value.copy_negate() if sign else value


def _interval(value: Any) -> bytes:
    return struct.pack(">qii", value.nanoseconds // 1000, value.days, value.months)


def address_text(data: bytes) -> str:
    """inet_net_ntop.c: Python's text, but an IPv4 tail where PostgreSQL writes one."""
    if len(data) == 4:
        return str(ipaddress.IPv4Address(data))
    tail = str(ipaddress.IPv4Address(data[12:]))
    if data[:12] == bytes(10) + b"\xff\xff":
        return "::ffff:" + tail
    words = struct.unpack(">8H", data)
    if words[:6] == (0,) * 6 and words[6] != 0:
        return "::" + tail
    # RFC 5952 shortens the first of the longest runs, as PostgreSQL does.
    return ipaddress.IPv6Address(data).compressed


def _microseconds(value: dt.datetime) -> int:
    delta = value.replace(tzinfo=None) - EPOCH
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


def _clock(value: dt.time) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond


def _time(value: int) -> dt.time:
    return (EPOCH + dt.timedelta(microseconds=value)).time()


def _shape(value: Any, ndims: int) -> list[int]:
    shape = []
    for _ in range(ndims):
        shape.append(len(value))
        value = value[0] if value else []
    return shape if 0 not in shape else []


def _flat(value: Any, ndims: int) -> list[Any]:
    return list(value) if ndims == 1 else [item for part in value for item in _flat(part, ndims - 1)]


def _fold(items: list[Any], shape: list[int]) -> Any:
    if len(shape) == 1:
        return items
    step = len(items) // shape[0]
    return [_fold(items[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def encode(value: Any, type_: PgType) -> bytes | None:
    """One value as the server sends it."""
    if value is None:
        return None
    type_ = type_.base
    name, element = type_.name, type_.element
    if type_.kind == "array":
        assert element is not None
        shape, items = (
            _shape(value, type_.ndims),
            [encode(item, element) for item in _flat(value, type_.ndims)],
        )
        head = struct.pack(">iiI", len(shape), int(None in items), element.oid)
        return head + b"".join(struct.pack(">ii", n, 1) for n in shape) + b"".join(map(sized, items))
    if type_.kind == "composite":
        parts = [struct.pack(">I", t.oid) + sized(encode(value[n], t)) for n, t in type_.fields]
        return struct.pack(">i", len(parts)) + b"".join(parts)
    if type_.kind == "range":
        assert element is not None
        if value["empty"]:
            return b"\x01"
        bounds = [encode(value[side], element) for side in ("lower", "upper")]
        flags = 2 * value["lower_inc"] + 4 * value["upper_inc"]
        flags += 8 * (bounds[0] is None) + 16 * (bounds[1] is None)
        return bytes([flags]) + b"".join(sized(bound) for bound in bounds if bound is not None)
    if type_.kind == "multirange":
        assert element is not None
        return struct.pack(">i", len(value)) + b"".join(sized(encode(item, element)) for item in value)
    if type_.kind == "enum" or name in TEXTS:
        return str(value).encode()
    if name in FORMATS:
        return struct.pack(FORMATS[name], value)
    if name in STRUCTS:
        return struct.pack(STRUCTS[name], *(value[n] for n in NAMES[name]))
    match name:
        case "numeric":
            return encode_numeric(value)
        case "jsonb" | "ltree" | "jsonpath":
            return b"\1" + value.encode()
        case "bytea":
            return bytes(value)
        case "uuid":
            return bytes(value.bytes)
        case "date":
            return struct.pack(">i", (value - EPOCH.date()).days)
        case "time":
            return struct.pack(">q", _clock(value))
        case "timestamp" | "timestamptz":
            return struct.pack(">q", _microseconds(value))
        case "timetz":
            return struct.pack(">qi", _clock(value["time"]), -value["offset_seconds"])
        case "interval":
            return _interval(value)
        case "inet" | "cidr":
            found = ipaddress.ip_interface(value)
            head = (
                2 if found.version == 4 else 3,
                found.network.prefixlen,
                int(name == "cidr"),
                len(found.packed),
            )
            return bytes(head) + found.packed
        case "macaddr" | "macaddr8":
            return bytes.fromhex(value.replace(":", ""))
        case "bit" | "varbit":
            padded = value.ljust(-(-len(value) // 8) * 8, "0")
            return struct.pack(">i", len(value)) + bytes(
                int(padded[i : i + 8], 2) for i in range(0, len(padded), 8)
            )
        case "hstore":
            pairs = b"".join(sized(k.encode()) + sized(None if v is None else v.encode()) for k, v in value)
            return struct.pack(">i", len(value)) + pairs
        case "tsvector":
            return textsearch.vector_wire(value)
        case "tsquery":
            return textsearch.query_wire(value)
        case "vector" | "halfvec":
            code = "f" if name == "vector" else "e"
            return struct.pack(f">hh{len(value)}{code}", len(value), 0, *map(float, value))
        case "sparsevec":
            n = len(value["indices"])
            head = (value["dimensions"], n, 0, *value["indices"], *value["values"])
            return struct.pack(f">iii{n}i{n}f", *head)
        case "polygon":
            return struct.pack(">i", len(value)) + b"".join(struct.pack(">dd", p["x"], p["y"]) for p in value)
        case "path":
            points = value["points"]
            head = struct.pack(">?i", value["closed"], len(points))
            return head + b"".join(struct.pack(">dd", p["x"], p["y"]) for p in points)
    raise NotImplementedError(name)


def decode(data: bytes | None, type_: PgType) -> Any:
    """One value from what the server sends."""
    if data is None:
        return None
    type_ = type_.base
    name, element, reader = type_.name, type_.element, Reader(data)
    if type_.kind == "array":
        assert element is not None
        ndims, _, _ = reader.unpack("iiI")
        shape = [reader.unpack("ii")[0] for _ in range(ndims)]
        items = [decode(reader.sized(), element) for _ in range(int(np.prod(shape)) if shape else 0)]
        return _fold(items, shape) if shape else []
    if type_.kind == "composite":
        reader.unpack("i")
        return {n: (reader.unpack("I"), decode(reader.sized(), t))[1] for n, t in type_.fields}
    if type_.kind == "range":
        assert element is not None
        (flags,) = reader.unpack("B")
        found: dict[str, Any] = {"lower": None, "upper": None}
        for side, infinite in (("lower", 8), ("upper", 16)):
            if not flags & (1 | infinite):
                found[side] = decode(reader.sized(), element)
        return {**found, "lower_inc": bool(flags & 2), "upper_inc": bool(flags & 4), "empty": bool(flags & 1)}
    if type_.kind == "multirange":
        assert element is not None
        return [decode(reader.sized(), element) for _ in range(reader.unpack("i")[0])]
    if type_.kind == "enum" or name in TEXTS:
        return data.decode()
    if name in FORMATS:
        return struct.unpack(FORMATS[name], data)[0]
    if name in STRUCTS:
        return dict(zip(NAMES[name], struct.unpack(STRUCTS[name], data), strict=True))
    match name:
        case "numeric":
            return decode_numeric(data)
        case "jsonb" | "ltree" | "jsonpath":
            return data[1:].decode()
        case "bytea":
            return data
        case "uuid":
            return uuid.UUID(bytes=data)
        case "date":
            return EPOCH.date() + dt.timedelta(days=reader.unpack("i")[0])
        case "time":
            return _time(reader.unpack("q")[0])
        case "timestamp" | "timestamptz":
            zone = dt.UTC if name == "timestamptz" else None
            return (EPOCH + dt.timedelta(microseconds=reader.unpack("q")[0])).replace(tzinfo=zone)
        case "timetz":
            clock, west = reader.unpack("qi")
            return {"time": _time(clock), "offset_seconds": -west}
        case "interval":
            clock, days, months = reader.unpack("qii")
            return pa.MonthDayNano([months, days, clock * 1000])
        case "inet" | "cidr":
            _, prefix, cidr, size = reader.unpack("4B")
            text = address_text(reader.take(size))
            return f"{text}/{prefix}" if cidr or prefix != size * 8 else text
        case "macaddr" | "macaddr8":
            return data.hex(":")
        case "tsvector":
            return textsearch.vector_text(data)
        case "tsquery":
            return textsearch.query_text(data)
        case "bit" | "varbit":
            (bits,) = reader.unpack("i")
            return "".join(f"{byte:08b}" for byte in data[4:])[:bits]
        case "hstore":
            pairs = [(reader.sized(), reader.sized()) for _ in range(reader.unpack("i")[0])]
            return [((k or b"").decode(), None if v is None else v.decode()) for k, v in pairs]
        case "vector" | "halfvec":
            n, _ = reader.unpack("hh")
            return list(reader.unpack(f"{n}{'f' if name == 'vector' else 'e'}"))
        case "sparsevec":
            dimensions, n, _ = reader.unpack("iii")
            return {
                "dimensions": dimensions,
                "indices": list(reader.unpack(f"{n}i")),
                "values": list(reader.unpack(f"{n}f")),
            }
        case "polygon":
            return [dict(zip("xy", reader.unpack("dd"), strict=True)) for _ in range(reader.unpack("i")[0])]
        case "path":
            closed, n = reader.unpack("?i")
            points = [dict(zip("xy", reader.unpack("dd"), strict=True)) for _ in range(n)]
            return {"closed": closed, "points": points}
    raise NotImplementedError(name)
