"""Locks of rows: each strength against what another session may do, what waits, and where they are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from chakra import Count, F
from chakra.errors import FieldError, QueryCancelled, TransactionError
from tests.query.words import shop
from tests.query.words.shop import Item, Shop
from tests.relations.conftest import SHARED

pytestmark = SHARED
MODELS, fill = shop.MODELS, shop.fill
ITEMS, SHOPS = Item.objects, Shop.objects


@pytest.fixture
async def pg(dsn: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """Another session."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


STRENGTHS: dict[str, tuple[dict[str, bool], set[str]]] = {
    # name: options, which locks of another session it keeps out (manual, "Row-Level Locks")
    "FOR UPDATE": ({}, {"UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"}),
    "FOR NO KEY UPDATE": ({"no_key": True}, {"UPDATE", "NO KEY UPDATE", "SHARE"}),
    "FOR SHARE": ({"share": True}, {"UPDATE", "NO KEY UPDATE"}),
    "FOR KEY SHARE": ({"key_share": True}, {"UPDATE"}),
}


@pytest.mark.parametrize("name", STRENGTHS)
async def test_a_strength(rows: Any, dsn: str, name: str) -> None:
    options, kept_out = STRENGTHS[name]
    other = await asyncpg.connect(dsn)
    try:
        async with rows.transaction():
            assert [
                i.id for i in await ITEMS.filter(id__in=[1, 2]).order_by("id").select_for_update(**options)
            ] == [1, 2]
            found = set()
            for strength in ("UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"):
                try:
                    await other.fetch(f"SELECT id FROM items WHERE id = 1 FOR {strength} NOWAIT")
                except asyncpg.LockNotAvailableError:
                    found.add(strength)
        assert found == kept_out
        assert ITEMS.select_for_update(**options).to_sql()[0].endswith(name)
    finally:
        await other.close()


async def test_what_waits(rows: Any, dsn: str) -> None:
    other = await asyncpg.connect(dsn)
    try:
        async with other.transaction():
            await other.execute("SELECT FROM items WHERE id IN (1, 3) FOR UPDATE")
            async with rows.transaction():
                free = ITEMS.order_by("id").select_for_update(skip_locked=True)
                assert await free.values_list("id", flat=True) == [2, 4, 5, 6, 7, 8]
                assert [i.id async for i in free[:2]] == [2, 4]
                assert (await free.first()).id == 2  # type: ignore[union-attr]
            with pytest.raises(QueryCancelled):
                async with rows.transaction():
                    await ITEMS.select_for_update(nowait=True, share=True)
    finally:
        await other.close()


async def test_whose_rows_are_locked(rows: Any, dsn: str) -> None:
    """Those of the query alone, or of the relations that are named; paths lead on."""
    other = await asyncpg.connect(dsn)

    async def locked(table: str) -> list[int]:
        free = await other.fetch(f"SELECT id FROM {table} FOR UPDATE SKIP LOCKED")
        everything = await other.fetch(f"SELECT id FROM {table}")
        return sorted({row["id"] for row in everything} - {row["id"] for row in free})

    try:
        async with rows.transaction():
            query = Item.objects.filter(shop__city="Oslo")
            await query.select_for_update()
            assert (await locked("items"), await locked("shops")) == ([1, 2], [])
        async with rows.transaction():
            # what is locked may be NULL beside a key that may be NULL; then the server would refuse
            with pytest.raises(FieldError, match="'shop' leads to rows that may not be there"):
                await query.select_for_update(of=["shop"])
            assert await locked("items") == []
    finally:
        await other.close()


async def test_the_queue(rows: Any, dsn: str) -> None:
    """The lock of a query inside of an UPDATE is taken there: what others hold is left out."""
    other = await asyncpg.connect(dsn)
    try:
        async with other.transaction():
            await other.execute("SELECT FROM items WHERE id IN (1, 3) FOR UPDATE")
            free = ITEMS.order_by("id").select_for_update(skip_locked=True)[:2]
            assert "FOR UPDATE SKIP LOCKED)" in ITEMS.filter(pk__in=free).to_sql()[0]
            assert await ITEMS.filter(pk__in=free).update(stock=77) == 2
        assert await ITEMS.filter(stock=77).order_by("id").values_list("id", flat=True) == [2, 4]
    finally:
        await other.close()


async def test_without_a_transaction(rows: Any) -> None:
    query = ITEMS.select_for_update()
    for ask in (
        lambda: query,
        query.first,
        query.values("id").first,
        lambda: query.get(id=1),
        lambda: query.in_bulk([1]),
        lambda: query.explain(analyze=True),
    ):
        with pytest.raises(TransactionError, match="there is none: read them in `async with"):
            await ask()
    with pytest.raises(TransactionError, match="there is none"):
        async for _ in query:
            pass
    assert "LockRows" in await query.explain()
    assert await query.count() == 8
    assert await query.exists()
    assert await query.aggregate(n=Count("*")) == {"n": 8}
    assert await query.filter(id=1).update(stock=F("stock") + 1) == 1
    with pytest.raises(FieldError, match="COPY takes no row locks"):
        await query.to_arrow()


async def test_what_no_server_locks(rows: Any) -> None:
    for options, message in (
        ({"nowait": True, "skip_locked": True}, "nowait or skip_locked, not both"),
        ({"no_key": True, "share": True}, "one strength, not no_key and share"),
        ({"share": True, "key_share": True}, "one strength, not share and key_share"),
        ({"share": 1}, "share is True or False, not 1"),
        ({"of": ["kind"]}, "'kind' is a field, not a relation of Item"),
    ):
        with pytest.raises(FieldError) as caught:
            ITEMS.select_for_update(**options).to_sql()  # type: ignore[arg-type]
        assert message in str(caught.value)
    grouped = ITEMS.values("kind").annotate(n=Count("*")).select_for_update()
    for query in (
        grouped,
        ITEMS.select_for_update().distinct(),
        ITEMS.filter(id=1).union(ITEMS).select_for_update(),
    ):
        with pytest.raises(FieldError, match="locks rows of tables"):
            query.to_sql()
