"""One column said by two names, or by a set and its rows: refused where they differ; and what decides on conflicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from chakra import F, Field, ForeignKey, Model, Q, Unique, field, foreign_key
from chakra.errors import FieldError, QueryError
from tests.relations.conftest import SHARED, rows, shared_tables

__all__ = ["rows", "shared_tables"]

pytestmark = [SHARED, pytest.mark.usefixtures("rows")]


class Owner(Model, table="tw_owners"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Pet(Model, table="tw_pets"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="-")
    owner: ForeignKey[Owner] = foreign_key(related_name="pets", on_delete="cascade", default=1)

    class Meta:
        constraints: ClassVar = [Unique("owner", "name", name="tw_one_name")]


MODELS = [Owner, Pet]
PETS = Pet.objects


async def fill() -> None:
    await Owner.objects.bulk_create([Owner(name="a"), Owner(name="b")])
    await PETS.create(name="x", owner_id=1)


def upsert(**fields: Any) -> Callable[[Any, Any], Any]:
    return lambda a, b: PETS.create(
        id=1, on_conflict="update", update_fields={k: v(a, b) for k, v in fields.items()}
    )


TWICE: dict[str, Callable[[Any, Any], Any]] = {
    "create": lambda a, b: PETS.create(owner=a, owner_id=b.id),
    "create, key first": lambda a, b: PETS.create(owner_id=b.id, owner=a),
    "create by pk": lambda a, b: PETS.create(pk=8, id=9),
    "update": lambda a, b: PETS.update(owner=a, owner_id=b.id),
    "update by pk": lambda a, b: PETS.update(pk=8, id=9),
    "update by expressions": lambda a, b: PETS.update(owner=a, owner_id=F("owner_id") + 1),
    "returning": lambda a, b: PETS.update(owner=a, owner_id=b.id, returning=True),
    "in WITH": lambda a, b: PETS.updating(owner=a, owner_id=b.id).all(),
    "upsert": upsert(owner=lambda a, b: a, owner_id=lambda a, b: b.id),
    "bulk upsert": lambda a, b: PETS.bulk_insert(
        {"id": [1], "name": ["y"]}, on_conflict="update", update_fields={"owner": a, "owner_id": b.id}
    ),
    "get_or_create": lambda a, b: PETS.get_or_create(name="z", owner=a, defaults={"owner_id": b.id}),
    "update_or_create": lambda a, b: PETS.update_or_create(id=1, defaults={"owner": a, "owner_id": b.id}),
    "create of a set": lambda a, b: a.pets.create(owner=b),
    "bulk_create of a set": lambda a, b: a.pets.bulk_create([Pet(name="n"), Pet(name="m", owner=b)]),
}


@pytest.mark.parametrize("case", TWICE)
async def test_two_values(rows: Any, case: str) -> None:
    a, b = await Owner.objects.order_by("id")
    with pytest.raises(FieldError, match=r"leave (one|owner|that) out"):
        await TWICE[case](a, b)
    assert [tuple(r) for r in await rows.fetch("SELECT id, name, owner_id FROM tw_pets")] == [(1, "x", 1)]


async def test_one_value_said_twice(rows: Any) -> None:
    a, b = await Owner.objects.order_by("id")
    await PETS.create(owner=b, owner_id=b.id, name="1")
    await PETS.create(owner=b, name="2")  # in place of the default
    await b.pets.bulk_create([Pet(name="3"), Pet(name="4", owner=b), Pet(name="5", owner_id=b.id)])
    await PETS.filter(name="x").update(owner=b, owner_id=b.id)
    await PETS.update_or_create(name="x", defaults={"owner": a, "owner_id": a.id})
    found = await rows.fetch("SELECT name, owner_id FROM tw_pets ORDER BY name")
    assert [tuple(r) for r in found] == [*((str(n), 2) for n in range(1, 6)), ("x", 1)]


@pytest.mark.parametrize(
    ("how", "message", "inside"),
    [
        ({"conflict_fields": ["name"]}, r"its unique indexes are .*\(owner_id, name\)", "unique index"),
        (
            {"conflict_fields": ["owner", "name"], "conflict_where": Q(id=1), "conflict_constraint": None},
            None,
            None,
        ),
        ({"conflict_constraint": "nope"}, "it has tw_one_name, tw_pets_pkey", "name of a constraint"),
    ],
    ids=["fields", "whole index for a part", "constraint"],
)
async def test_what_decides_is_named(
    rows: Any, how: dict[str, Any], message: str | None, inside: str | None
) -> None:
    given = {name: value for name, value in how.items() if value is not None}
    if message is None:
        made = await PETS.create(name="x", owner_id=1, on_conflict="ignore", **given)
        assert made is None
        return
    for table in (PETS, rows.table("tw_pets")):
        with pytest.raises(FieldError, match=message):
            await table.create(name="x", owner_id=1, on_conflict="ignore", **given)
    with pytest.raises(FieldError, match=inside):
        async with rows.transaction():
            await PETS.create(name="x", owner_id=1, on_conflict="ignore", **given)


async def test_mistakes_without_rows() -> None:
    for options in (
        {"on_conflict": "nope"},
        {"on_conflict": "update", "update_fields": ["nope"]},
        {"on_conflict": "ignore", "conflict_fields": ["nope"]},
        {"on_conflict": "ignore", "where": Q(id=1)},
        {"returning": ["nope"]},
    ):
        with pytest.raises(FieldError):
            await PETS.bulk_create([], **options)
    assert await PETS.bulk_create([], on_conflict="ignore", conflict_fields=["owner", "name"]) == []
    for name, verb in (("id", "get_or_create"), ("id", "update_or_create")):
        with pytest.raises(QueryError, match="is for instances"):
            await getattr(PETS.values(name), verb)(name="new")
