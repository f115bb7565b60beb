"""The fixtures every other test relies on."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("turn", [1, 2])
async def test_every_test_starts_with_an_empty_database(pg: Any, turn: int) -> None:
    assert await pg.fetchval("select count(*) from pg_class where relnamespace = 'public'::regnamespace") == 0
    assert await pg.fetchval("select to_regnamespace('other')") is None
    await pg.execute(
        "create table left_behind (i int); create schema other; create extension hstore schema public"
    )


async def test_a_connection_left_open_does_not_block_the_next_test(pg: Any, dsn: str) -> None:
    import asyncpg

    leaked = await asyncpg.connect(dsn)
    await leaked.execute("begin; create table locked (i int)")
    again = await asyncpg.connect(dsn)
    from tests.plugins.database import EMPTY

    await again.execute(EMPTY)
    assert await again.fetchval("select to_regclass('locked')") is None
    await again.close()
    leaked.terminate()
