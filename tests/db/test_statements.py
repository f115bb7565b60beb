"""The statement cache: least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from chakra.db import Database
from chakra.db.cache import StatementCache
from tests.db.conftest import Open


def test_the_least_recently_used_goes_first() -> None:
    cache: StatementCache[int] = StatementCache(2)
    assert cache.put("a", 1) == []
    assert cache.put("b", 2) == []
    assert cache.get("a") == 1
    assert cache.put("c", 3) == [2]
    assert "b" not in cache
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


def test_a_limit_of_zero_keeps_nothing() -> None:
    cache: StatementCache[int] = StatementCache(0)
    assert cache.put("a", 1) == []
    assert cache.get("a") is None
    assert len(cache) == 0


def test_drop_and_clear_give_back_what_they_forget() -> None:
    cache: StatementCache[int] = StatementCache(5)
    for n, name in enumerate("abc"):
        cache.put(name, n)
    assert cache.drop("b") == 1
    assert cache.drop("b") is None
    assert cache.clear() == [0, 2]
    assert len(cache) == 0


@given(st.lists(st.tuples(st.sampled_from("gp"), st.integers(0, 6))), st.integers(0, 4))
def test_like_a_plain_model(calls: list[tuple[str, int]], limit: int) -> None:
    cache: StatementCache[int] = StatementCache(limit)
    model: OrderedDict[str, int] = OrderedDict()
    for what, n in calls:
        if what == "g":
            assert cache.get(str(n)) == model.get(str(n))
            if str(n) in model:
                model.move_to_end(str(n))
        else:
            cache.put(str(n), n)
            model[str(n)] = n
            model.move_to_end(str(n))
            while len(model) > limit:
                model.popitem(last=False)
        assert len(cache) == len(model)


async def test_the_server_forgets_what_the_cache_gave_up(open_db: Open) -> None:
    db: Database = await open_db(max_connections=1, statement_cache_size=3)
    for n in range(20):
        await db.run_fetch(f"select {n}::int")
    kept = await db.run_fetch("select statement from pg_prepared_statements where name like 'chakra%'")
    # Given up ones are closed when the next is prepared, so one may still be there.
    assert len(kept) <= 4
    assert {"select 0::int", "select 15::int"}.isdisjoint(row["statement"] for row in kept)


async def test_a_statement_is_prepared_once_per_connection(open_db: Open) -> None:
    db = await open_db(max_connections=1)
    for n in range(5):
        assert (await db.run_fetchrow("select $1::int + 1 as x", (n,)))["x"] == n + 1  # type: ignore[index]
    count = await db.fetchval(
        "select count(*) from pg_prepared_statements where statement = 'select $1::int + 1 as x'"
    )
    assert count == 1
