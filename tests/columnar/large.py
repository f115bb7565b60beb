"""Columns of more than 2 GiB of text through every way of reading: ``python -m tests.columnar.large [--url URL]``.

Arrow's ``string`` has offsets of 32 bits. The test suite lowers that limit; this run passes the real one, with
2.3 GB of text in one column. It takes about a minute and 12 GB of memory, so it is not part of the suite.
"""

from __future__ import annotations

import argparse
import asyncio

import pyarrow as pa
import pyarrow.compute as pc

import chakra
from chakra.columnar import Decoder, Options, encode

SIZE = 1_000_000
ROWS = 2_300
SQL = f"select i, lpad(i::text, {SIZE}, 'x') as t from generate_series(1, {ROWS}) i"


def check(column: pa.ChunkedArray, what: str) -> None:
    """Every value is there and right at both ends."""
    assert len(column) == ROWS, what
    lengths = [pc.binary_length(chunk.cast(pa.large_string())) for chunk in column.chunks]
    assert sum(pc.sum(chunk).as_py() for chunk in lengths) == SIZE * ROWS, what
    for row in (0, 1, ROWS // 2, ROWS - 1):
        value = column[row].as_py()
        assert value == str(row + 1).rjust(SIZE, "x"), f"{what}: row {row}"
    for chunk in column.chunks:
        chunk.validate(full=True)
    print(f"{what}: {column.type}, {column.num_chunks} chunks, {column.nbytes / 2**30:.2f} GiB", flush=True)


async def main(url: str) -> None:
    """Read the column in every way, and encode it."""
    async with chakra.connect(url) as db:
        query = chakra.raw(SQL, db)
        for strings in ("utf8", "large_utf8", "view"):
            check((await query.to_arrow(strings=strings))["t"], f"to_arrow(strings={strings!r})")
        frame = await query.to_polars()
        assert frame["t"].str.len_bytes().sum() == SIZE * ROWS
        assert frame["t"][ROWS - 1] == str(ROWS).rjust(SIZE, "x")
        print(f"to_polars: {frame.schema}", flush=True)
        del frame

        # One batch that is told to take more than 32-bit offsets can say is cut before that.
        types = {"i": "int", "t": "text"}
        decoder = Decoder(types, Options(), max_rows=ROWS, segment_bytes=2**32)
        await db.copy_out(SQL, decoder.feed)
        decoder.finish()
        batches = decoder.table().to_batches()
        assert batches[0].num_rows == (2**31 - 1) // SIZE, [b.num_rows for b in batches]
        check(pa.chunked_array([b.column("t") for b in batches]), "one batch of 2.3 GB asked for")

        table = pa.Table.from_batches(batches)
        sent = sum(len(chunk) for chunk in encode(table, types))
        assert sent == 19 + ROWS * (2 + 4 + 4 + 4 + SIZE) + 2
        print(f"encode: {sent} bytes", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="embedded:///:temp:")
    asyncio.run(main(parser.parse_args().url))
