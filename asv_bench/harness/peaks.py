"""Run as a program: reads a table and prints by how many bytes resident memory had grown at its peak.

The kernel's own high-water mark (``VmHWM``) is set back just before the read, so what imports, compiled kernels
and a first small read took is not counted.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow

import chakra
from asv_bench.harness.models import User
from asv_bench.harness.peers.urls import address

WARM_ROWS = 1_000


def resident(field: str) -> int:
    """``VmRSS`` or ``VmHWM`` of this process in bytes (proc(5))."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


class Peak:
    """Growth of resident memory between ``with`` and its end, at its highest."""

    grown = 0

    def __enter__(self) -> Peak:
        gc.collect()
        pyarrow.default_memory_pool().release_unused()
        Path("/proc/self/clear_refs").write_text("5")  # 5 resets the high-water mark
        self.before = resident("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        self.grown = resident("VmHWM") - self.before


async def chakra_table(url: str, rows: int) -> dict[str, Any]:
    async with chakra.connect(url):
        await User.objects.filter(id__lte=WARM_ROWS).to_arrow()
        with Peak() as peak:
            table = await User.objects.filter(id__lte=rows).to_arrow()
        assert table.num_rows == rows
        return {"peak": peak.grown, "table": table.nbytes}


async def chakra_batches(url: str, rows: int) -> dict[str, Any]:
    async with chakra.connect(url):
        async for _ in User.objects.filter(id__lte=WARM_ROWS).arrow_batches():
            pass
        found = 0
        with Peak() as peak:
            async for batch in User.objects.filter(id__lte=rows).arrow_batches():
                found += batch.num_rows
        assert found == rows
        return {"peak": peak.grown}


async def adbc_table(url: str, rows: int) -> dict[str, Any]:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM users WHERE id <= {WARM_ROWS}")
        cursor.fetch_arrow_table()
        with Peak() as peak:
            cursor.execute(f"SELECT * FROM users WHERE id <= {rows}")
            table = cursor.fetch_arrow_table()
        assert table.num_rows == rows
        return {"peak": peak.grown, "table": table.nbytes}


async def connectorx_table(url: str, rows: int) -> dict[str, Any]:
    import connectorx

    def read(count: int) -> Any:
        sql = f"SELECT * FROM users WHERE id <= {count}"
        return connectorx.read_sql(address(url).url(), sql, return_type="arrow")

    read(WARM_ROWS)
    with Peak() as peak:
        table = read(rows)
    assert table.num_rows == rows
    return {"peak": peak.grown, "table": table.nbytes}


WAYS = {way.__name__: way for way in (chakra_table, chakra_batches, adbc_table, connectorx_table)}

if __name__ == "__main__":
    name, url, rows = sys.argv[1:]
    print(json.dumps(asyncio.run(WAYS[name](url, int(rows)))))
