"""Helpers of the family tests: values out of and into binary COPY streams, and OIDs from a server."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import numpy as np

from chakra.columnar.buffers import RawColumn
from chakra.pg.quoting import quote_qualified
from chakra.pg.types import PgType

SIGNATURE = b"PGCOPY\n\xff\r\n\0"


def raw_of(values: Sequence[bytes | None], name: str = "x", first_row: int = 0) -> RawColumn:
    """Values as a column, with junk between them: families may not assume that they touch."""
    data, starts, lengths = bytearray(b"\xaa\xbb"), [], []
    for value in values:
        starts.append(len(data))
        lengths.append(-1 if value is None else len(value))
        data += (value or b"") + b"\xcc"
    return RawColumn(
        np.frombuffer(data, np.uint8),
        np.array(starts, np.int64),
        np.array(lengths, np.int32),
        name,
        first_row,
    )


def values_of(raw: RawColumn) -> list[bytes | None]:
    """The wire bytes of every value."""
    return [
        None if length < 0 else raw.data[start : start + length].tobytes()
        for start, length in zip(raw.starts.tolist(), raw.lengths.tolist(), strict=True)
    ]


def copy_values(stream: bytes) -> list[bytes | None]:
    """The values of a one-column binary COPY stream."""
    assert stream.startswith(SIGNATURE)
    at, found = 19, []
    while struct.unpack_from(">h", stream, at)[0] == 1:
        (length,) = struct.unpack_from(">i", stream, at + 2)
        at += 6
        found.append(None if length < 0 else stream[at : at + length])
        at += max(length, 0)
    return found


def copy_stream(values: Sequence[bytes | None]) -> bytes:
    """A one-column binary COPY stream."""
    out = [SIGNATURE, bytes(8)]
    for value in values:
        out.append(struct.pack(">hi", 1, -1 if value is None else len(value)) + (value or b""))
    return b"".join(out) + b"\xff\xff"


async def copy_out(pg: asyncpg.Connection[Any], query: str) -> list[bytes | None]:
    """The wire values of a one-column query."""
    stream = bytearray()

    async def sink(chunk: bytes) -> None:
        stream.extend(chunk)

    await pg.copy_from_query(query, output=sink, format="binary")
    return copy_values(bytes(stream))


async def copy_in(pg: asyncpg.Connection[Any], table: str, column: str, raw: RawColumn) -> None:
    """Write a column into a table."""

    async def source() -> Any:
        yield copy_stream(values_of(raw))

    await pg.copy_to_table(table, source=source(), columns=[column], format="binary")


async def resolve(pg: asyncpg.Connection[Any], type_: PgType) -> PgType:
    """The type with the OIDs this server has given it."""
    element = None if type_.element is None else await resolve(pg, type_.element)
    fields = tuple([(name, await resolve(pg, field)) for name, field in type_.fields])
    oid = type_.oid
    if oid == 0:
        name = quote_qualified(type_.schema, type_.name)
        oid = await pg.fetchval("select $1::text::regtype::oid", name)
    return replace(type_, oid=oid, element=element, fields=fields)
