"""One row behind a key and one row in front of it: both sides are single rows, or none."""

from __future__ import annotations

from typing import Any

import pytest

import chakra
from chakra import Count, Field, ForeignKey, Model, OneToOne, Q, field, foreign_key, one_to_one
from chakra.errors import FieldError, NotLoaded, NotNullViolation, UniqueViolation
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED


class Place(Model, table="oo_places"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Restaurant(Model, table="oo_restaurants"):
    place: OneToOne[Place] = one_to_one(related_name="restaurant", primary_key=True, on_delete="cascade")
    pizza: Field[bool] = field(default=False)


class Bar(Model, table="oo_bars"):
    id: Field[int] = field(primary_key=True)
    beer: Field[str]
    place: OneToOne[Place | None] = one_to_one(related_name="bar", default=None, on_delete="set null")


class Waiter(Model, table="oo_waiters"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    restaurant: ForeignKey[Restaurant] = foreign_key(related_name="waiters", on_delete="cascade")


class Secret(Model, table="oo_secrets"):
    id: Field[int] = field(primary_key=True)
    place: OneToOne[Place] = one_to_one(related_name="+")


MODELS = (Place, Restaurant, Bar, Waiter, Secret)


async def fill() -> None:
    """Ace 1 has a restaurant with pizza and two waiters, Joe and Moe, Bob's 2 a bar with ale, Cy's 3 both (no pizza,
    stout), Don's 4 neither; a bar of no place has gin.
    """
    ace, bob, cy, _ = [await Place.objects.create(name=name) for name in ("Ace", "Bob's", "Cy's", "Don's")]
    first = await Restaurant.objects.create(place=ace, pizza=True)
    await Restaurant.objects.create(place=cy)
    for beer, place in (("ale", bob), ("stout", cy), ("gin", None)):
        await Bar.objects.create(beer=beer, place=place)
    for name in ("Joe", "Moe"):
        await Waiter.objects.create(name=name, restaurant=first)


async def names(query: Any) -> list[str]:
    return [place.name for place in await query.order_by("id")]


async def test_both_sides(rows: Any) -> None:
    ace, bob, _, _ = await Place.objects.order_by("id")
    with sends(rows, 3):
        restaurant = await ace.restaurant
        assert restaurant.pizza and restaurant.pk == 1
        assert ace.restaurant is restaurant
        assert await bob.restaurant is None
        assert not bob.restaurant  # and can be awaited again
        assert (await bob.bar).beer == "ale"
        assert restaurant.place is ace
    with pytest.raises(NotLoaded, match=r'Place\.restaurant is not loaded.*select_related\("restaurant"\)'):
        (await Place.objects.get(id=1)).restaurant.pizza  # noqa: B018
    with pytest.raises(NotLoaded, match=r"Place\.restaurant is not loaded"):
        bool((await Place.objects.get(id=1)).restaurant)
    with pytest.raises(FieldError, match=r"Place\.restaurant is the other side's key: set Restaurant\.place"):
        bob.restaurant = restaurant


async def test_a_key_that_is_the_primary_key(rows: Any) -> None:
    place = await Place.objects.get(id=3)
    for query in (
        Restaurant.objects.filter(place=place),
        Restaurant.objects.filter(pk=3),
        Restaurant.objects.filter(pk=place),
        Restaurant.objects.filter(place__pk=3),
        Restaurant.objects.filter(place_id=3),
        Restaurant.objects.filter(place__in=[place, 77]),
    ):
        assert "JOIN" not in query.to_sql()[0]
        assert await query.exists()
    assert await Waiter.objects.filter(restaurant__place__name="Ace").count() == 2
    assert [w.restaurant_id for w in await Waiter.objects.all()] == [1, 1]


async def test_at_most_one(rows: Any) -> None:
    ace, bob, _, don = await Place.objects.order_by("id")
    with pytest.raises(UniqueViolation):
        await Bar.objects.create(beer="water", place=bob)
    with pytest.raises(UniqueViolation):
        await Restaurant.objects.create(place=ace)
    bar = await Bar.objects.get(beer="ale")
    bar.place = don
    await bar.save()
    assert await bob.bar is None
    assert await don.bar == bar
    bar.place = None
    await bar.save()
    assert await Bar.objects.filter(place=None).count() == 2  # NULLs are not equal
    with pytest.raises(NotNullViolation, match="place_id"):
        await Restaurant.objects.create()


async def test_asking_from_the_side_without_the_key(rows: Any) -> None:
    """There is one row at most, so it is joined, once."""
    every = Place.objects
    query = every.filter(restaurant__pizza=True).order_by("restaurant__pizza")
    sql, _ = query.to_sql()
    assert (sql.count("JOIN"), "EXISTS" in sql) == (1, False)
    assert await names(query) == ["Ace"]
    assert await names(every.exclude(restaurant__pizza=True)) == ["Bob's", "Cy's", "Don's"]
    assert await names(every.filter(restaurant=None)) == ["Bob's", "Don's"]
    assert await names(every.filter(restaurant__isnull=False, bar__isnull=False)) == ["Cy's"]
    assert await names(every.filter(bar__beer=None)) == ["Ace", "Don's"]
    assert await names(every.filter(Q(bar__beer="stout") | Q(restaurant__pizza=True))) == ["Ace", "Cy's"]
    assert await names(every.filter(restaurant=1)) == ["Ace"]
    assert await names(every.filter(restaurant__in=await Restaurant.objects.all())) == ["Ace", "Cy's"]
    assert await names(every.filter(restaurant__waiters__name="Moe")) == ["Ace"]
    assert await every.order_by("bar__beer", "id").values_list("name", "bar__beer") == [
        ("Bob's", "ale"), ("Cy's", "stout"), ("Ace", None), ("Don's", None),
    ]  # fmt: skip
    counted = every.order_by("id").annotate(n=Count("restaurant__waiters"), m=Count("bar"))
    assert await counted.values_list("n", "m") == [(2, 0), (0, 1), (0, 1), (0, 0)]


async def test_no_name_for_the_way_back(rows: Any) -> None:
    await Secret.objects.create(place_id=1)
    assert not [name for name in vars(Place) if "secret" in name.lower()]
    with pytest.raises(FieldError, match=r"Place has no field 'secret'; it has id, name, restaurant, bar$"):
        await Place.objects.filter(secret=1)
    assert (await Secret.objects.select_related("place").get()).place.name == "Ace"


async def test_loaded_in_the_same_statement(rows: Any) -> None:
    """Along the key and back, and on from there; nothing else is sent."""
    with sends(rows, 1) as statements:
        places = await Place.objects.order_by("id").select_related("restaurant", "bar")
        assert [place.restaurant and place.restaurant.pizza for place in places] == [True, None, False, None]
        assert [place.bar and place.bar.beer for place in places] == [None, "ale", "stout", None]
    assert statements[0].count("LEFT JOIN") == 2
    with sends(rows, 1) as statements:
        waiter = await Waiter.objects.select_related("restaurant__place__bar").get(name="Joe")
        assert waiter.restaurant.place.name == "Ace"
        assert waiter.restaurant.place.bar is None
    assert statements[0].count("JOIN") == 3


async def test_loaded_with_a_statement_of_its_own(rows: Any) -> None:
    with sends(rows, 4):
        places = await Place.objects.order_by("id").prefetch_related("bar", "restaurant__waiters")
        assert [place.bar and place.bar.beer for place in places] == [None, "ale", "stout", None]
        assert places[2].bar.place is places[2]
        assert [waiter.name for waiter in places[0].restaurant.waiters] == ["Joe", "Moe"]
        assert [w.restaurant for w in places[0].restaurant.waiters] == [places[0].restaurant] * 2
        assert (places[1].restaurant, list(places[2].restaurant.waiters)) == (None, [])
    with sends(rows, 0):  # all of it is there
        await chakra.prefetch(places, "bar__place", "restaurant__place__restaurant__waiters__restaurant")
        assert places[2].restaurant.place.restaurant is places[2].restaurant


async def test_deleting(rows: Any) -> None:
    await Place.objects.filter(id__in=[1, 3]).delete()
    assert await Restaurant.objects.count() == await Waiter.objects.count() == 0
    bars = Bar.objects.order_by("id").values_list("beer", "place_id")
    assert await bars == [
        ("ale", 2),
        ("stout", None),
        ("gin", None),
    ]
