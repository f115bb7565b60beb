"""Peak memory of bulk reads: ``python asv_bench/decisions/peak_memory.py URL`` (docs/decisions/0011-memory.md).

Each figure comes from a process of its own: growth of resident memory at its highest during the read (VmHWM,
proc(5)), against the size of the finished table. What imports, kernels and a first small read took is not counted.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import asyncpg

import chakra
from asv_bench.harness.peaks import Peak

USERS = """
create table memory_users as select i::int8 as id, 'User Name ' || i as name,
    'user' || i || '@example.com' as email, (i % 90)::int4 as age, i % 2 = 0 as is_active,
    case when i % 10 > 0 then i / 7.0::float8 end as score,
    timestamptz '2020-01-01 UTC' + i * interval '1 second' as created_at
from generate_series(1, 1000000) i
"""
LINES = """
create table memory_lines as select i::int8 / 4 as l_orderkey, i::int8 % 200000 as l_partkey,
    i::int8 % 10000 as l_suppkey, (i % 7)::int4 as l_linenumber, (i % 50)::numeric(15,2) as l_quantity,
    (i * 1.37 + 901)::numeric(15,2) as l_extendedprice, (i % 11 / 100.0)::numeric(15,2) as l_discount,
    (i % 9 / 100.0)::numeric(15,2) as l_tax, substr('ANR', i % 3 + 1, 1) as l_returnflag,
    substr('OF', i % 2 + 1, 1) as l_linestatus, date '1992-01-02' + i % 2500 as l_shipdate,
    date '1992-01-31' + i % 2500 as l_commitdate, date '1992-01-04' + i % 2500 as l_receiptdate,
    (array['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[i % 4 + 1] as l_shipinstruct,
    (array['AIR', 'FOB', 'MAIL', 'RAIL', 'REG AIR', 'SHIP', 'TRUCK'])[i % 7 + 1] as l_shipmode,
    left(md5(i::text), 10 + i % 23) as l_comment
from generate_series(1, 1200000) i
"""
FAMILIES = """
create table memory_families as select i::int8 as id, array[i, i + 1, i + 2] as numbers,
    array['tag ' || i % 10, 'tag ' || i % 7] as tags, (i / 3.0)::numeric as price, i * interval '1 second' as span,
    int4range(i, i + 10) as part
from generate_series(1, 1000000) i
"""
LONG = """
create table memory_texts as select i::int8 as id, repeat(md5(i::text), 800) as t from generate_series(1, 10000) i
"""
TABLES = {
    "memory_users": USERS,
    "memory_lines": LINES,
    "memory_families": FAMILIES,
    "memory_texts": LONG,
}
WAYS = ("to_arrow", "to_arrow partitions=4", "to_polars", "arrow_batches")


async def measured(url: str, name: str, way: str) -> dict[str, int]:
    async with chakra.connect(url) as db:
        query = db.table(name)
        size = 0
        options: Any = {"numeric": (38, 20)} if name == "memory_families" else {}
        await query.limit(1000).to_polars()
        result: Any = None
        with Peak() as peak:
            if way == "arrow_batches":
                async for _ in query.arrow_batches(**options):
                    pass
            elif way == "to_polars":
                result = await query.to_polars()
                size = result.estimated_size()
            else:
                result = await query.to_arrow(partitions=4 if "partitions" in way else 1)
                size = result.nbytes
        return {"peak": peak.grown, "size": size}


async def prepare(url: str) -> None:
    connection = await asyncpg.connect(url)
    for name, sql in TABLES.items():
        if await connection.fetchval("select to_regclass($1)", name) is None:
            await connection.execute(sql)
            await connection.execute(f"vacuum analyze {name}")
    await connection.close()


def main(url: str) -> None:
    asyncio.run(prepare(url))
    print("| table | way | finished, MB | peak, MB | peak / finished |\n|---|---|---|---|---|")
    for name in TABLES:
        for way in WAYS:
            found = []
            for _ in range(3):
                command = [sys.executable, __file__, url, name, way]
                found.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
            best = min(found, key=lambda f: f["peak"])
            worst = max(f["peak"] for f in found)
            size, peak = best["size"] / 1e6, best["peak"] / 1e6
            ratio = f"{peak / size:.2f}–{worst / 1e6 / size:.2f}" if size else "–"
            print(f"| {name} | {way} | {size:.0f} | {peak:.0f} | {ratio} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(sys.argv[1])
    else:
        print(json.dumps(asyncio.run(measured(*sys.argv[1:4]))))
