"""Random conditions over relations in any direction, against a naive evaluation in Python.

What a call of ``filter`` means is said here once more, in the plainest way: for a row, take one partner behind each
path (or none, where there is none), and see whether the condition holds for some choice of partners. A denied part
makes a choice of its own, and holds if no choice fulfils it.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from chakra import (
    Field,
    ForeignKey,
    ManyToMany,
    Model,
    OneToOne,
    Q,
    field,
    foreign_key,
    many_to_many,
    one_to_one,
)
from chakra.types import Integer
from tests.relations.conftest import SHARED

pytestmark = SHARED


class Town(Model, table="towns"):
    id: Field[int] = field(primary_key=True)
    size: Field[int | None] = field(Integer)


class Person(Model, table="persons"):
    id: Field[int] = field(primary_key=True)
    age: Field[int | None] = field(Integer)
    town: ForeignKey[Town | None] = foreign_key(related_name="people", default=None)
    boss: ForeignKey["Person | None"] = foreign_key(related_name="staff", default=None)  # noqa: UP037
    visits: ManyToMany[Town] = many_to_many(related_name="guests")


class Pet(Model, table="pets"):
    id: Field[int] = field(primary_key=True)
    age: Field[int | None] = field(Integer)
    owner: ForeignKey[Person] = foreign_key(related_name="pets")


class Desk(Model, table="desks"):
    id: Field[int] = field(primary_key=True)
    age: Field[int | None] = field(Integer)
    person: OneToOne[Person] = one_to_one(related_name="desk")


VALUES = {Town: "size", Person: "age", Pet: "age", Desk: "age"}
FORWARD = {(Person, "town"): Town, (Person, "boss"): Person, (Pet, "owner"): Person, (Desk, "person"): Person}
BACK = {
    (Town, "people"): (Person, "town"),
    (Person, "staff"): (Person, "boss"),
    (Person, "pets"): (Pet, "owner"),
    (Person, "desk"): (Desk, "person"),
}
LINKED = {(Person, "visits"): (Town, 0), (Town, "guests"): (Person, 1)}
"""Many-to-many: the model behind, and the side of the pairs that is here."""


@dataclass
class World:
    """All rows by model and key."""

    rows: dict[Any, dict[int, Any]]
    pairs: list[tuple[int, int]]

    def partners(self, model: Any, name: str, row: Any) -> list[Any]:
        """The rows behind a relation of a row."""
        if (model, name) in FORWARD:
            found = self.rows[FORWARD[model, name]].get(getattr(row, f"{name}_id"))
            return [] if found is None else [found]
        if (model, name) in LINKED:
            other, side = LINKED[model, name]
            return [self.rows[other][pair[1 - side]] for pair in self.pairs if pair[side] == row.id]
        other, back = BACK[model, name]
        return [r for r in self.rows[other].values() if getattr(r, f"{back}_id") == row.id]


def target(model: Any, name: str) -> Any:
    if (model, name) in FORWARD:
        return FORWARD[model, name]
    return (LINKED if (model, name) in LINKED else BACK)[model, name][0]


@dataclass
class Test:
    """``path__word=value``; the last part of the path is a field, or with ``isnull`` may be a relation."""

    __test__ = False
    path: tuple[str, ...]
    word: str
    value: Any


def choices(world: World, model: Any, row: Any, tests: list[Test]) -> Iterator[dict[tuple[str, ...], Any]]:
    """Every choice of one partner (or none) behind each prefix of the paths."""
    prefixes = sorted({t.path[:n] for t in tests for n in range(1, len(t.path) + 1)}, key=len)
    prefixes = [p for p in prefixes if _ends_at(model, p) is not None]

    def choose(rest: list[tuple[str, ...]], chosen: dict[tuple[str, ...], Any]) -> Iterator[dict[Any, Any]]:
        if not rest:
            yield chosen
            return
        first = rest[0]
        parent = chosen[first[:-1]]
        found = [] if parent is None else world.partners(_ends_at(model, first[:-1]), first[-1], parent)
        for partner in found or [None]:
            yield from choose(rest[1:], {**chosen, first: partner})

    yield from choose(prefixes, {(): row})


def _ends_at(model: Any, path: tuple[str, ...]) -> Any:
    """The model behind a path of relations, or ``None`` if it ends in a field."""
    for name in path:
        if (model, name) not in {**FORWARD, **BACK, **LINKED}:
            return None
        model = target(model, name)
    return model


def holds(world: World, model: Any, row: Any, q: Any) -> bool:
    """Whether a row fulfils a condition."""
    return any(_true(world, model, row, q, choice) for choice in choices(world, model, row, _tests(q)))


def _tests(q: Any) -> list[Test]:
    """The tests of a tree that make one choice together."""
    if isinstance(q, Test):
        return [q]
    kind, parts = q
    return [] if kind == "not" else [test for part in parts for test in _tests(part)]


def _true(world: World, model: Any, row: Any, q: Any, choice: dict[tuple[str, ...], Any]) -> bool:
    if isinstance(q, Test):
        if _ends_at(model, q.path) is not None:
            return (choice[q.path] is None) == q.value
        partner = choice[q.path[:-1]]
        value = None if partner is None else getattr(partner, q.path[-1])
        if q.word == "isnull":
            return (value is None) == q.value
        return value is not None and (value == q.value if q.word == "exact" else value > q.value)
    kind, parts = q
    if kind == "not":
        return not holds(world, model, row, parts)
    return (all if kind == "and" else any)(_true(world, model, row, part, choice) for part in parts)


def to_q(q: Any) -> Q:
    if isinstance(q, Test):
        word = "" if q.word == "exact" else f"__{q.word}"
        return Q(**{"__".join(q.path) + word: q.value})
    kind, parts = q
    if kind == "not":
        return ~to_q(parts)  # type: ignore[return-value]
    found: Any = to_q(parts[0])
    for part in parts[1:]:
        found = found & to_q(part) if kind == "and" else found | to_q(part)
    return found  # type: ignore[no-any-return]


def random_test(chance: random.Random, model: Any) -> Test:
    path: list[str] = []
    here = model
    for _ in range(chance.choice([0, 1, 1, 1, 2, 2, 3])):
        names = [name for m, name in (*FORWARD, *BACK, *LINKED) if m is here]
        name = chance.choice(names)
        path.append(name)
        here = target(here, name)
    if path and chance.random() < 0.2:
        return Test(tuple(path), "isnull", chance.random() < 0.5)
    word = chance.choice(["exact", "exact", "gt", "isnull"])
    value = chance.random() < 0.5 if word == "isnull" else chance.randrange(4)
    return Test((*path, VALUES[here]), word, value)


def random_condition(chance: random.Random, model: Any, depth: int = 3) -> Any:
    kind = chance.choice(["test", "test", "and", "or", "not"]) if depth else "test"
    if kind == "test":
        return random_test(chance, model)
    if kind == "not":
        return ("not", random_condition(chance, model, depth - 1))
    return (kind, [random_condition(chance, model, depth - 1) for _ in range(chance.choice([2, 2, 3]))])


MODELS = (Town, Person, Pet, Desk)


async def fill() -> None:
    """Few rows, with few values."""
    chance = random.Random(7)
    for n in range(1, 4):
        await Town.objects.create(id=n, size=chance.choice([None, 0, 1, 2, 3]))
    for n in range(1, 9):
        await Person.objects.create(
            id=n,
            age=chance.choice([None, 0, 1, 2, 3]),
            town_id=chance.choice([None, 1, 2]),
            boss_id=chance.choice([None, *range(1, n)]),
        )
    for n in range(1, 13):
        await Pet.objects.create(id=n, age=chance.choice([None, 0, 1, 2, 3]), owner_id=chance.randrange(1, 6))
    for n, person in enumerate((1, 3, 8), 1):
        await Desk.objects.create(id=n, age=chance.choice([None, 1, 2]), person_id=person)
    pairs = sorted({(chance.randrange(1, 9), chance.randrange(1, 4)) for _ in range(9)})
    for person, town in pairs:
        await Person(id=person).visits.add(town)


@pytest_asyncio.fixture(loop_scope="module")
async def world(rows: Any) -> World:
    """All rows, in memory."""
    pairs = [tuple(pair) for pair in await rows.fetch("select person_id, town_id from persons_visits")]
    return World({m: {row.id: row for row in await m.objects.all()} for m in VALUES}, pairs)


@pytest.mark.parametrize("seed", range(4))
async def test_filter_and_exclude(world: World, seed: int) -> None:
    """A condition, its opposite, and two calls after another."""
    chance = random.Random(seed)
    for model, _ in itertools.product(VALUES, range(10)):
        q, second = random_condition(chance, model), random_condition(chance, model, 1)
        every = world.rows[model].values()
        kept = {row.id for row in every if holds(world, model, row, q)}
        both = {row.id for row in every if row.id in kept and holds(world, model, row, second)}
        query = model.objects.filter(to_q(q))
        shown = f"{model.__name__}: {to_q(q)!r}\n{query.to_sql()}"
        found = [row.id for row in await query]
        assert sorted(found) == sorted(kept), shown
        assert {row.id for row in await model.objects.exclude(to_q(q))} == set(world.rows[model]) - kept, (
            shown
        )
        assert {row.id for row in await query.filter(to_q(second))} == both, shown
        assert await query.count() == len(kept), shown
        assert (await query.order_by("id").values("id").to_arrow())["id"].to_pylist() == sorted(kept), shown
