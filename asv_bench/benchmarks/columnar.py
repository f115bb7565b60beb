"""The columnar engine over rows, path, type and share of NULLs; absolute times, against a server."""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks.common import SIZE, URL

from asv_bench.harness import bench, typed
from asv_bench.harness.targets.types import model

READS = ("to_arrow", "to_arrow, 4 partitions", "arrow_batches", "to_polars")
WRITES = ("bulk_insert",)
TYPES = ("int8", "text", "timestamptz", "numeric(15,2)", "int4[]", "tsvector")
BY_ID = {sample.id: sample for sample in typed.SAMPLES}
TABLE = f"{typed.SCHEMA}.asv_rows"


class Columnar:
    """A table of a key and one column of a type."""

    params: tuple[Any, ...] = ()
    param_names = ("rows", "path", "type", "nulls")
    timeout = 600.0

    def setup(self, rows: int, path: str, type: str, nulls: float) -> None:
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.context = bench.opened(URL, SIZE, peers=frozenset())
        self.loop.run_until_complete(self._open(rows, path, BY_ID[type], nulls))

    async def _open(self, rows: int, path: str, sample: typed.Sample, nulls: float) -> None:
        opened = await self.context.__aenter__()
        await typed.prepare(opened.connection, opened.size.typed)
        every = round(1 / nulls) if nulls else rows + 1
        value = f"CASE WHEN i % {every} > 0 THEN ({sample.value})::{sample.sql} END"
        await opened.connection.execute(
            f"DROP TABLE IF EXISTS {TABLE}; CREATE UNLOGGED TABLE {TABLE} (id bigint PRIMARY KEY, v {sample.sql});"
            f"INSERT INTO {TABLE} SELECT i, {value} FROM generate_series(1, {rows}) AS i; ANALYZE {TABLE}"
        )
        keyed = model(sample, "asv_rows", keyed=True).objects
        if path in WRITES:
            table = await keyed.to_arrow()
            await opened.connection.execute(f"TRUNCATE {TABLE}")
            self.call = lambda: keyed.bulk_insert(table)
            return
        self.call = {
            "to_arrow": keyed.to_arrow,
            "to_arrow, 4 partitions": lambda: keyed.to_arrow(partitions=4),
            "arrow_batches": lambda: self._stream(keyed),
            "to_polars": keyed.to_polars,
        }[path]
        await self.call()  # imports and kernels are not what is timed

    @staticmethod
    async def _stream(keyed: Any) -> int:
        return sum([batch.num_rows async for batch in keyed.arrow_batches()])

    def teardown(self, rows: int, path: str, type: str, nulls: float) -> None:
        self.loop.run_until_complete(self.context.__aexit__(None, None, None))
        self.loop.close()

    def run(self) -> None:
        """Call once."""
        self.loop.run_until_complete(self.call())


class Reads(Columnar):
    params = ([1_000, 100_000], list(READS), list(TYPES), [0.0, 0.5])

    def time_read(self, rows: int, path: str, type: str, nulls: float) -> None:
        self.run()


class Writes(Columnar):
    """Every sample begins with an empty table: asv calls ``setup`` before each."""

    params = ([1_000, 100_000], list(WRITES), list(TYPES), [0.0, 0.5])
    number, repeat, warmup_time = 1, 5, 0.0

    def time_write(self, rows: int, path: str, type: str, nulls: float) -> None:
        self.run()


class Memory(Columnar):
    params = ([1_000_000], ["to_arrow", "arrow_batches"], ["int8", "text", "numeric(15,2)", "int4[]"], [0.0])

    def peakmem_read(self, rows: int, path: str, type: str, nulls: float) -> None:
        self.run()
