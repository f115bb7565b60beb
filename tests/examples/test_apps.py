"""The example applications over a real server: each line of their pages, and what they leave in the database."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import asyncpg
import httpx
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet
import pytest

from examples import litestar_app
from examples.fastapi_app import app as fastapi_app
from tests.examples.serving import served

MANY = """
insert into shop_orders (customer_id, cents, placed) select 1, n, now() from generate_series(1, 25000) n
"""
OPEN = """
select count(*) from pg_stat_activity where state like 'idle in transaction%' and datname = current_database()
"""


def _queries(answer: httpx.Response) -> int:
    return int(answer.headers["server-timing"].split('desc="')[1].split(" ")[0])


async def _until(client: httpx.AsyncClient, spent: int) -> dict[str, Any]:
    """The customer, once the task in the background is over."""
    while (found := (await client.get("/customers/1")).json())["spent"] != spent:
        await asyncio.sleep(0)
    return found


def _tables(answers: dict[str, httpx.Response]) -> list[list[int]]:
    arrow, parquet, csv = (answers[name].content for name in ("arrow", "parquet", "csv"))
    return [
        table["cents"].to_pylist()
        for table in (
            pyarrow.ipc.open_stream(arrow).read_all(),
            pyarrow.parquet.read_table(io.BytesIO(parquet)),
            pyarrow.csv.read_csv(io.BytesIO(csv)),
        )
    ]


@pytest.mark.parametrize("name", ["fastapi", "litestar"])
async def test_an_app(pg: asyncpg.Connection[Any], dsn: str, name: str) -> None:
    module: Any = {"fastapi": fastapi_app, "litestar": litestar_app}[name]
    fastapi = name == "fastapi"
    app = module.create_app(dsn)

    def orders(*cents: int, customer: int = 1) -> Any:
        made = [{"customer_id": customer, "cents": each} for each in cents]
        return made if fastapi else made[0]

    async with served(app) as client:
        sent: list[str] = []
        db = app.state.db
        db.hooks.add(lambda event: event.phase == "before" and sent.append(event.sql.split(" ")[0]))
        assert (await client.get("/health")).json() == {"status": "ok"}
        assert (sent, db.pool.figures.idle) == ([], db.pool.figures.size)

        new = {"name": "Ada", "email": "a@example.org"}
        made = await client.post("/customers", json=new)
        assert (made.status_code, made.json()) == (201, {"id": 1})
        assert (sent[0], sent[-1], sent.count("BEGIN")) == ("BEGIN", "COMMIT", 1)
        assert _queries(made) == 1 and "total;dur=" in made.headers["server-timing"]
        sent.clear()
        refused = await client.post("/customers", json=new)
        assert (refused.status_code, "a@example.org" in refused.text) == (409, False)
        assert (sent[0], sent[-1]) == ("BEGIN", "ROLLBACK")
        assert (await client.get("/customers/9")).status_code == 404

        assert (await client.post("/orders", json=orders(100))).status_code == 201
        assert (await _until(client, 100))["orders"] == [100]
        if fastapi:
            failed = await client.post("/orders", json=[*orders(7), *orders(8, customer=9)])
            assert (failed.status_code, failed.json()["detail"]) == (422, "no customer 9")
        assert await pg.fetchval("select count(*) from shop_orders") == 1
        await pg.execute(MANY)

        sent.clear()
        answers = {each: await client.get(f"/orders/{each}") for each in ("arrow", "parquet", "csv")}
        assert [answer.status_code for answer in answers.values()] == [200, 200, 200]
        expected = [100, *range(1, 25001)]
        assert _tables(answers) == [expected] * 3
        assert sent.count("SELECT") == 3 and "BEGIN SELECT" not in " ".join(sent), sent
        assert (await client.get("/orders/nonsense")).status_code in (404, 422)

        async with client.stream("GET", "/orders/csv") as answer:  # somebody who goes away
            async for _ in answer.aiter_bytes():
                break
        while db.pool.figures.idle != db.pool.figures.size:
            await asyncio.sleep(0)
        assert await pg.fetchval(OPEN) == 0
        if fastapi:
            assert json.loads((await client.get("/openapi.json")).text)["info"]["title"] == "shop"
    assert await pg.fetchval("select count(*) from pg_stat_activity where datname = current_database()") == 1
