"""Models with every kind of relation, and what instances with loaded relations hold, as plain values."""

from __future__ import annotations

from typing import Any

from chakra import (
    Field,
    ForeignKey,
    ManyToMany,
    Model,
    OneToOne,
    field,
    foreign_key,
    many_to_many,
    one_to_one,
)
from chakra.types import Integer


class Region(Model, table="nc_regions"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Farmer(Model, table="nc_farmers"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    region: ForeignKey[Region | None] = foreign_key(related_name="farmers", default=None)
    teacher: ForeignKey["Farmer | None"] = foreign_key(related_name="pupils", default=None)  # noqa: UP037
    friends: ManyToMany["Farmer"] = many_to_many()  # noqa: UP037
    markets: ManyToMany["Market"] = many_to_many(through="Stall", related_name="farmers")  # noqa: UP037


class Licence(Model, table="nc_licences"):
    id: Field[int] = field(primary_key=True)
    code: Field[str]
    farmer: OneToOne[Farmer] = one_to_one(related_name="licence")


class Market(Model, table="nc_markets"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Stall(Model, table="nc_stalls"):
    """Of a farmer on a market; there may be several."""

    id: Field[int] = field(primary_key=True)
    farmer: ForeignKey[Farmer] = foreign_key(related_name="stalls")
    market: ForeignKey[Market] = foreign_key(related_name="stalls")
    rent: Field[int] = field(Integer, default=0)


class Animal(Model, table="nc_animals"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    weight: Field[int | None] = field(Integer)
    farmer: ForeignKey[Farmer] = foreign_key(related_name="animals")
    foods: ManyToMany["Food"] = many_to_many(related_name="eaters")  # noqa: UP037

    class Meta:
        ordering = ["-weight", "id"]  # noqa: RUF012


class Food(Model, table="nc_foods"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


MODELS = (Region, Farmer, Licence, Market, Stall, Animal, Food)

Tree = dict[str, Any]
"""Names of what is loaded along, with what is loaded behind each."""


async def fill(db: Any) -> None:
    """Ada (north, taught by nobody, licence A1): cow Bella (500; hay, corn), hen Chick (2; corn), twice on Monday's
    market and once on Friday's; Bob (no region, taught by Ada): goat Dot (no weight; nothing); Cy (north, taught by
    Ada): nothing. Ada and Bob are friends.
    """
    await db.create_tables(*MODELS)
    north = await Region.objects.create(name="north")
    ada = await Farmer.objects.create(name="Ada", region=north)
    bob = await Farmer.objects.create(name="Bob", teacher=ada)
    await Farmer.objects.create(name="Cy", region=north, teacher=ada)
    await Licence.objects.create(code="A1", farmer=ada)
    await ada.friends.add(bob)
    monday = await Market.objects.create(name="Monday")
    friday = await Market.objects.create(name="Friday")
    for market, rent in ((monday, 5), (friday, 7), (monday, 9)):
        await Stall.objects.create(farmer=ada, market=market, rent=rent)
    hay, corn = await Food.objects.create(name="hay"), await Food.objects.create(name="corn")
    chick = await Animal.objects.create(name="Chick", weight=2, farmer=ada)
    bella = await Animal.objects.create(name="Bella", weight=500, farmer=ada)
    await Animal.objects.create(name="Dot", weight=None, farmer=bob)
    await bella.foods.add(hay, corn)
    await chick.foods.add(corn)


def held(row: Any, tree: Tree, extras: tuple[str, ...] = ()) -> Any:
    """The columns of an instance, its annotations, and the rows that are loaded along."""
    if row is None:
        return None
    found = {c.attribute: getattr(row, c.attribute) for c in type(row).__table__.columns}
    found |= {name: getattr(row, name) for name in extras}
    for name, further in tree.items():
        behind = getattr(row, name)
        several = not isinstance(behind, Model | None)
        found[name] = [held(each, further) for each in behind] if several else held(behind, further)
    return found
