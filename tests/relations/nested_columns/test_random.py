"""Random trees of prefetched relations over random rows: columns hold what instances hold."""

from __future__ import annotations

import random
from typing import Any

import pytest

from chakra import Count, Prefetch
from tests.relations.nested_columns.library import (
    MODELS,
    Animal,
    Farmer,
    Food,
    Licence,
    Market,
    Region,
    Stall,
)

RELATIONS: dict[Any, dict[str, Any]] = {
    Region: {"farmers": Farmer},
    Farmer: {
        "region": Region,
        "teacher": Farmer,
        "pupils": Farmer,
        "friends": Farmer,
        "markets": Market,
        "stalls": Stall,
        "licence": Licence,
        "animals": Animal,
    },
    Licence: {"farmer": Farmer},
    Market: {"farmers": Farmer, "stalls": Stall},
    Stall: {"farmer": Farmer, "market": Market},
    Animal: {"farmer": Farmer, "foods": Food},
    Food: {"eaters": Animal},
}
COUNTED = {Region: "farmers", Farmer: "animals", Market: "stalls", Animal: "foods", Food: "eaters"}


async def fill(db: Any, rng: random.Random) -> None:
    await db.create_tables(*MODELS)

    async def some(model: Any, most: int, **values: Any) -> list[Any]:
        made = [
            model(**{name: value() for name, value in values.items()}) for _ in range(rng.randrange(most + 1))
        ]
        return await model.objects.bulk_create(made)  # type: ignore[no-any-return]

    def name() -> str:
        return rng.choice("abc")

    regions = await some(Region, 3, name=name)
    farmers = await Farmer.objects.bulk_create(
        [Farmer(name=name(), region=rng.choice([None, *regions])) for _ in range(rng.randrange(1, 9))]
    )
    for farmer in farmers:
        if rng.random() < 0.5:
            farmer.teacher = rng.choice(farmers)
            await farmer.save()
        await farmer.friends.add(*rng.sample(farmers, rng.randrange(min(3, len(farmers)))))
    await Licence.objects.bulk_create(
        [Licence(code=name(), farmer=farmer) for farmer in farmers if rng.random() < 0.5]
    )
    markets = [await Market.objects.create(name=name()) for _ in range(2)]
    await some(
        Stall,
        12,
        farmer=lambda: rng.choice(farmers),
        market=lambda: rng.choice(markets),
        rent=lambda: rng.randrange(4),
    )
    foods = [await Food.objects.create(name=name()) for _ in range(3)]
    animals = await some(
        Animal,
        16,
        name=name,
        weight=lambda: rng.choice([None, 1, 2, 3]),
        farmer=lambda: rng.choice(farmers),
    )
    for animal in animals:
        await animal.foods.add(*rng.sample(foods, rng.randrange(4)))


class Tree:
    """What is loaded along with rows of a model: the same as prefetches, and as a recipe to read instances by."""

    def __init__(self, rng: random.Random, model: Any, depth: int) -> None:
        self.model = model
        self.annotated = False
        self.sorted = bool(model.__table__.ordering)
        self.branches: dict[str, tuple[str, Tree]] = {}
        self.joined = [
            name
            for name in RELATIONS[model]
            if not model.__table__.relations[name].many and depth and rng.random() < 0.2
        ]
        self.query = model.objects.all()
        if rng.random() < 0.4:
            self.sorted = True
            self.query = self.query.order_by(rng.choice(["id", "-id"]))
        if rng.random() < 0.3:
            self.query = self.query.filter(id__gt=rng.randrange(4))
        if model in COUNTED and rng.random() < 0.3:
            self.annotated = True
            self.query = self.query.annotate(counted=Count(COUNTED[model]))
        for name in (
            rng.sample(sorted(RELATIONS[model]), min(len(RELATIONS[model]), rng.randrange(3)))
            if depth
            else ()
        ):
            if name not in self.joined:
                called = rng.choice([name, f"{name}_too"])
                self.branches[called] = name, Tree(rng, RELATIONS[model][name], depth - 1)
        self.sliced = False

    def whole(self) -> Any:
        """The query with everything that is loaded along."""
        query = self.query.select_related(*self.joined)
        for called, (name, tree) in self.branches.items():
            rows = tree.whole()
            if tree.sliced:
                rows = rows[:2]
            query = query.prefetch_related(Prefetch(name, rows, to_attr=None if called == name else called))
        return query

    def held(self, row: Any) -> Any:
        """What an instance holds."""
        if row is None:
            return None
        found = {c.attribute: getattr(row, c.attribute) for c in self.model.__table__.columns}
        if self.annotated:
            found["counted"] = row.counted
        for name in self.joined:
            behind = getattr(row, name)
            columns = RELATIONS[self.model][name].__table__.columns
            found[name] = behind and {c.attribute: getattr(behind, c.attribute) for c in columns}
        for called, (name, tree) in self.branches.items():
            behind = getattr(row, called)
            if self.model.__table__.relations[name].many:
                rows = list(behind) if tree.sorted else sorted(behind, key=lambda each: each.id)
                found[called] = [tree.held(each) for each in rows]
            else:
                found[called] = tree.held(behind)
        return found


def slices(rng: random.Random, tree: Tree) -> None:
    """Let some of the sorted branches be cut: the order says which rows stay."""
    for name, branch in tree.branches.values():
        many = tree.model.__table__.relations[name].many
        branch.sliced = many and branch.sorted and rng.random() < 0.3
        slices(rng, branch)


@pytest.mark.parametrize("seed", range(4))
async def test_columns_hold_what_instances_hold(db: Any, seed: int) -> None:
    rng = random.Random(seed)
    await fill(db, rng)
    nested = 0
    for _ in range(25):
        tree = Tree(rng, rng.choice(list(RELATIONS)), 3)
        if not (tree.branches or tree.joined):
            continue
        slices(rng, tree)
        query = tree.whole().order_by("id")
        table = await query.to_arrow(nested=True)
        table.validate(full=True)
        assert table.to_pylist() == [tree.held(row) for row in await query], repr(query)
        nested += sum(len(each or ()) for name in tree.branches for each in table[name].to_pylist())
    assert nested > 20
