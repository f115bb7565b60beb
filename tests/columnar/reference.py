"""The slow, obvious twins of the row kernels and the framing; they define what those must do."""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from chakra.pg.types import PgType

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
DATE_EPOCH = dt.date(2000, 1, 1)
TIME_EPOCH = dt.datetime(2000, 1, 1)
MIDNIGHT = dt.datetime(2000, 1, 1)

Row = Sequence[bytes | None]


def stream_of(
    rows: Sequence[Row], *, flags: int = 0, extension: bytes = b"", trailer: bytes = b"\xff\xff"
) -> bytes:
    """A COPY BINARY stream, as ``src/backend/commands/copyto.c`` writes it."""
    parts = [SIGNATURE, struct.pack(">Ii", flags, len(extension)), extension]
    for row in rows:
        parts.append(struct.pack(">h", len(row)))
        for value in row:
            parts.append(struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value)
    return b"".join(parts) + trailer


def rows_of(stream: bytes, columns: int) -> list[list[bytes | None]]:
    """The fields of a COPY BINARY stream.

    Raises:
        ValueError: it is malformed in any way.
    """
    if stream[:11] != SIGNATURE or len(stream) < 19:
        raise ValueError("header")
    flags, extension = struct.unpack_from(">Ii", stream, 11)
    if flags >> 16 or not 0 <= extension <= 1 << 20:
        raise ValueError("flags")
    at, rows = 19 + extension, []
    while True:
        if at + 2 > len(stream):
            raise ValueError("truncated")
        (count,) = struct.unpack_from(">h", stream, at)
        at += 2
        if count == -1:
            if at != len(stream):
                raise ValueError("garbage")
            return rows
        if count != columns:
            raise ValueError("count")
        row: list[bytes | None] = []
        for _ in range(columns):
            if at + 4 > len(stream):
                raise ValueError("truncated")
            (length,) = struct.unpack_from(">i", stream, at)
            at += 4
            if length < -1:
                raise ValueError("length")
            if length == -1:
                row.append(None)
                continue
            if at + length > len(stream):
                raise ValueError("truncated")
            row.append(stream[at : at + length])
            at += length
        rows.append(row)


def numeric(data: bytes) -> Decimal:
    """``numeric_recv``: base-10000 digits with a weight."""
    ndigits, weight, sign, _ = struct.unpack_from(">hhHH", data)
    if len(data) != 8 + 2 * ndigits or sign not in (0, 0x4000):
        raise ValueError("numeric")
    digits = struct.unpack_from(f">{ndigits}h", data, 8)
    if any(not 0 <= d <= 9999 for d in digits):
        raise ValueError("numeric")
    total = sum((Decimal(d).scaleb(4 * (weight - i)) for i, d in enumerate(digits)), Decimal(0))
    return -total if sign else total


def _width(data: bytes, code: str) -> Any:
    if len(data) != struct.calcsize(code):
        raise ValueError("width")
    return struct.unpack(code, data)[0]


def value(data: bytes | None, type_: PgType) -> Any:
    """One field as the Python value Arrow gives for it.

    Raises:
        ValueError: the bytes are not a value of the type.
    """
    if data is None:
        return None
    name = type_.base.name
    if name == "bool":
        if data not in (b"\0", b"\1"):
            raise ValueError("bool")
        return data == b"\1"
    codes = {"int2": ">h", "int4": ">i", "int8": ">q", "float4": ">f", "float8": ">d", "oid": ">I"}
    if name in codes:
        return _width(data, codes[name])
    if name in ("text", "varchar", "bpchar", "name", "json"):
        return data.decode()
    if name == "jsonb":
        if data[:1] != b"\1":
            raise ValueError("jsonb")
        return data[1:].decode()
    if name == "bytea":
        return data
    if name == "uuid":
        if len(data) != 16:
            raise ValueError("uuid")
        return uuid.UUID(bytes=data)
    if name == "date":
        return DATE_EPOCH + dt.timedelta(_width(data, ">i"))
    if name == "time":
        passed = _width(data, ">q")
        if not 0 <= passed < 86_400_000_000:
            raise ValueError("time")
        return (MIDNIGHT + dt.timedelta(microseconds=passed)).time()
    if name in ("timestamp", "timestamptz"):
        moment = TIME_EPOCH + dt.timedelta(microseconds=_width(data, ">q"))
        return moment.replace(tzinfo=dt.UTC) if name == "timestamptz" else moment
    if name == "numeric":
        return numeric(data)
    raise AssertionError(f"no twin for {name}")


def wire(item: Any, type_: PgType) -> bytes | None:
    """The inverse of :func:`value`."""
    if item is None:
        return None
    name = type_.base.name
    if name == "bool":
        return b"\1" if item else b"\0"
    codes = {"int2": ">h", "int4": ">i", "int8": ">q", "float4": ">f", "float8": ">d", "oid": ">I"}
    if name in codes:
        return struct.pack(codes[name], item)
    if name in ("text", "varchar", "bpchar", "name", "json"):
        return bytes(item.encode())
    if name == "jsonb":
        return b"\1" + item.encode()
    if name == "bytea":
        return bytes(item)
    if name == "uuid":
        return bytes(item.bytes)
    if name == "date":
        return struct.pack(">i", (item - DATE_EPOCH).days)
    if name == "time":
        return struct.pack(
            ">q", (dt.datetime.combine(DATE_EPOCH, item) - MIDNIGHT) // dt.timedelta(microseconds=1)
        )
    if name in ("timestamp", "timestamptz"):
        return struct.pack(">q", (item.replace(tzinfo=None) - TIME_EPOCH) // dt.timedelta(microseconds=1))
    raise AssertionError(f"no twin for {name}")
