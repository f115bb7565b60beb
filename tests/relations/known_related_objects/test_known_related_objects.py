"""Rows know the rows they were reached from: no statement asks for what is in memory already."""

from __future__ import annotations

from typing import Any

from chakra import Field, ForeignKey, Model, OneToOne, field, foreign_key, one_to_one
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED


class Cup(Model, table="kr_cups"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Organiser(Model, table="kr_organisers"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Pool(Model, table="kr_pools"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    cup: ForeignKey[Cup] = foreign_key(related_name="pools")
    organiser: ForeignKey[Organiser | None] = foreign_key(related_name="pools", default=None)


class Style(Model, table="kr_styles"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    pool: OneToOne[Pool] = one_to_one(related_name="style")


MODELS = (Cup, Organiser, Pool, Style)


async def fill() -> None:
    """Cup 1: pools a (style fast), b of Org; cup 2: pool c."""
    first, second = await Cup.objects.create(name="1"), await Cup.objects.create(name="2")
    org = await Organiser.objects.create(name="Org")
    a = await Pool.objects.create(name="a", cup=first, organiser=org)
    await Pool.objects.create(name="b", cup=first, organiser=org)
    await Pool.objects.create(name="c", cup=second)
    await Style.objects.create(name="fast", pool=a)


async def test_rows_of_a_set_know_their_owner(rows: Any) -> None:
    cup = await Cup.objects.get(id=1)
    with sends(rows, 6):
        for found in (
            await cup.pools,
            await cup.pools.filter(name="a"),
            await cup.pools.order_by("-id")[:1],
            [await cup.pools.get(name="b")],
            [await cup.pools.first()],
            [pool async for pool in cup.pools.exclude(name="x")],
        ):
            assert found and all(pool.cup is cup for pool in found)


async def test_what_a_query_loads_goes_before(rows: Any) -> None:
    """The row that the statement brought is newer than the one in memory."""
    cup = await Cup.objects.get(id=1)
    cup.name = "changed in memory"
    pools = await cup.pools.select_related("cup").order_by("id")
    assert [pool.cup.name for pool in pools] == ["1", "1"]


async def test_other_keys_are_not_known(rows: Any) -> None:
    org = await Organiser.objects.get(id=1)
    with sends(rows, 2):
        (pool, _) = await org.pools.order_by("id")
        assert pool.organiser is org
        assert (await pool.cup).name == "1"


async def test_prefetched_rows_know_their_owner(rows: Any) -> None:
    with sends(rows, 3):
        cups = await Cup.objects.order_by("id").prefetch_related("pools__style")
        for cup in cups:
            for pool in cup.pools:
                assert pool.cup is cup
                assert pool.style is None or pool.style.pool is pool
    with sends(rows, 3):
        (org,) = await Organiser.objects.prefetch_related("pools__cup")
        assert len({id(pool.cup) for pool in org.pools}) == 1  # one row, one instance


async def test_one_row_in_front_of_a_key_knows_its_partner(rows: Any) -> None:
    """Awaited, or loaded in the same statement or with one of its own."""
    with sends(rows, 4):
        pool = await Pool.objects.get(name="a")
        assert (await pool.style).pool is pool
        (pool, *_) = await Pool.objects.order_by("id").select_related("style")
        assert pool.style.pool is pool
        style = await Style.objects.select_related("pool__style").get()
        assert style.pool.style.pool is style.pool


async def test_rows_that_were_made_know_their_partner(rows: Any) -> None:
    cup = await Cup.objects.get(id=2)
    with sends(rows, 4):
        made = await cup.pools.create(name="d")
        found, _ = await cup.pools.get_or_create(name="c")
        (bulk,) = await cup.pools.bulk_create([Pool(name="e")])
        assert all(pool.cup is cup for pool in (made, found, bulk))
        assert (await Style.objects.create(name="slow", pool=made)).pool is made
