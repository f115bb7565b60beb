"""Keys that are equal for the server and not in Python: what was loaded is found by them all the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

import chakra
from chakra import Field, ForeignKey, ManyToMany, Model, field, foreign_key, many_to_many
from chakra.types import Char, CiText, Numeric
from tests.query.conftest import watched

ONE = UUID(int=1)


class Depot(Model, table="ek_depots"):
    id: Field[UUID] = field(primary_key=True)
    code: Field[str] = field(CiText, unique=True)
    short: Field[str] = field(Char(5), unique=True)
    rate: Field[Decimal] = field(Numeric(6, 2), unique=True)


class Cart(Model, table="ek_carts"):
    id: Field[int] = field(primary_key=True)
    depot: ForeignKey[Depot | None] = foreign_key(related_name="carts", default=None)
    coded: ForeignKey[Depot | None] = foreign_key(to_field="code", related_name="coded_carts", default=None)
    shorted: ForeignKey[Depot | None] = foreign_key(
        to_field="short", related_name="shorted_carts", default=None
    )
    rated: ForeignKey[Depot | None] = foreign_key(to_field="rate", related_name="rated_carts", default=None)
    visits: ManyToMany[Depot] = many_to_many(related_name="visitors")


WAYS = {"depot": "carts", "coded": "coded_carts", "shorted": "shorted_carts", "rated": "rated_carts"}


@pytest.fixture
async def made(db: Any) -> tuple[Depot, Cart]:
    """A depot and a cart of it as they were written, with keys in other words than the server's."""
    await db.execute("create extension if not exists citext")
    await db.create_tables(Depot, Cart)
    depot = await Depot.objects.create(id=str(ONE), code="North", short="ab", rate="1.5")
    await Depot.objects.create(id=UUID(int=2), code="South", short="cd", rate=2)
    cart = await Cart.objects.create(
        depot_id=str(ONE).upper(), coded_id="NORTH", shorted_id="ab ", rated_id="1.500"
    )
    await Cart.objects.create(coded_id="north", shorted_id="ab", depot_id=ONE, rated_id=1.5)
    await cart.visits.add(str(ONE))
    return depot, cart


async def test_rows_as_they_were_written(made: tuple[Depot, Cart], db: Any) -> None:
    depot, cart = made
    await chakra.prefetch([cart], *WAYS, "visits")
    await chakra.prefetch([depot], *WAYS.values(), "visitors")
    with watched(db) as statements:
        for way, back in WAYS.items():
            assert getattr(cart, way).code == "North", way
            assert [row.id for row in getattr(depot, back)] == [1, 2], back
            assert [getattr(row, way) is depot for row in getattr(depot, back)] == [True, True]
        assert ([row.id for row in cart.visits], [row.id for row in depot.visitors]) == ([ONE], [1])
    assert statements == []


async def test_rows_as_they_were_read(made: tuple[Depot, Cart], db: Any) -> None:
    for way, back in WAYS.items():
        carts = await Cart.objects.order_by("id").prefetch_related(way)
        assert [getattr(row, way).code for row in carts] == ["North", "North"], way
        depots = await Depot.objects.order_by("rate").prefetch_related(back)
        assert [[row.id for row in getattr(each, back)] for each in depots] == [[1, 2], []], back
        assert getattr([*getattr(depots[0], back)][1], way) is depots[0]


async def test_peers_and_single_rows_find_the_same(made: tuple[Depot, Cart], db: Any) -> None:
    for mode in ("one", "peers"):
        carts = await Cart.objects.order_by("id").fetch_mode(mode)
        assert [(await row.coded).code for row in carts] == ["North", "North"], mode
        depot = await Depot.objects.fetch_mode(mode).get(code="north")
        assert [row.id for row in await depot.coded_carts.order_by("id")] == [1, 2], mode
        assert sorted(row.id for row in await depot.coded_carts) == [1, 2], mode
