"""Enum, composite and domain types in schemas that are not on the search path, and arrays of them, on every path."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from chakra import Field, Model, field
from chakra.pg.types import PgType
from chakra.types import Array, Composite, Domain, Enum, Integer, Text, Varchar


class Mood(enum.Enum):
    SAD = "sad"
    OK = "it's ok"


ADDRESS = Composite("address", "app", street=Text, zip=Integer)
CODE = Domain("code", Varchar(4), "app")

SETUP = """
create schema app; create type app.mood as enum ('sad', 'it''s ok'); create type app.address as (street text, zip int);
create domain app.code as varchar(4) check (value <> 'bad');
create table app.t (id int primary key, v {type}); create table t (id int primary key, v {type})
"""

# Type of the server, declared type, two values.
TYPES: dict[str, tuple[str, PgType, Any, Any]] = {
    "enum": ("app.mood", Enum(Mood, schema="app"), Mood.SAD, Mood.OK),
    "enums": ("app.mood[]", Array(Enum(Mood, schema="app")), [Mood.SAD, Mood.OK], [Mood.OK, None]),
    "composite": ("app.address", ADDRESS, ("s, (1)", 1), ('"t"', None)),
    "composites": ("app.address[]", Array(ADDRESS), [("s", 1)], [("t", 2), None]),
    "domain": ("app.code", CODE, "ab", "cd"),
    "domains": ("app.code[]", Array(CODE), ["ab"], ["cd", None]),
}


def plain(value: Any) -> Any:
    """A value as rows of tables without a model hold it."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.value if isinstance(value, Mood) else value


def same(found: Any, wanted: Any) -> bool:
    if isinstance(found, asyncpg.Record):
        return bool(tuple(found) == wanted)
    if isinstance(found, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    return bool(found == wanted)


@pytest.mark.parametrize("model_schema", [None, "app"])
@pytest.mark.parametrize("name", TYPES)
async def test_rows(db: Any, pg: asyncpg.Connection[Any], name: str, model_schema: str | None) -> None:
    actual, type_, first, second = TYPES[name]
    await pg.execute(SETUP.format(type=actual))
    options = type("Meta", (), {"table": "t", "schema": model_schema})
    columns = {"id": field(Integer, primary_key=True), "v": field(type_, null=True)}
    model: Any = type("Holder", (Model,), {"__module__": __name__, "Meta": options, **columns})
    objects = model.objects

    assert same((await objects.create(id=1, v=first)).v, first)
    made = await objects.create(id=2, v=second)
    assert [same(m.v, w) for m, w in zip(await objects.order_by("id"), (first, second), strict=True)] == [
        True
    ] * 2
    for id_, value in ((1, first), (2, second)):
        assert await objects.filter(v=value).values_list("id", flat=True) == [id_]
        assert (await objects.filter(v=value).values("id").to_arrow())["id"].to_pylist() == [id_]
        assert await objects.filter(v__in=[value]).values_list("id", flat=True) == [id_]
    assert await objects.filter(v__in=[first, second, None]).count() == 2
    assert await objects.exclude(v=first).count() == 1
    if isinstance(first, list):
        assert await objects.filter(v__contains=first[:1]).order_by("id").first() is not None
        assert await objects.filter(v__overlap=first).exists()
    made.v = first
    await made.save()
    assert await objects.filter(v=first).update(v=second) == 2
    assert await objects.bulk_create([model(id=3, v=first)])
    await objects.bulk_create([model(id=4 + i, v=first) for i in range(2)])
    assert await objects.filter(v=first).count() == 3
    assert await objects.filter(v=first).delete() == 3

    table = db.table("t" if model_schema is None else "app.t")
    assert same((await table.create(id=9, v=plain(first)))["v"], plain(first))
    assert await table.filter(v=plain(first)).values_list("id", flat=True) == [9]
    assert await table.filter(v__in=[plain(first)]).values_list("id", flat=True) == [9]
    assert await table.filter(id=9).update(v=plain(second)) == 1


async def test_meta_schema_holds_the_enums_of_the_model(db: Any, pg: asyncpg.Connection[Any]) -> None:
    class Held(Model):
        id: Field[int] = field(primary_key=True)
        mood: Field[Mood]
        moods: Field[list[Mood] | None]
        other: Field[Mood | None] = field(Enum(Mood, "other", schema="public"))

        class Meta:
            schema = "app"

    types = """
    select n.nspname || '.' || t.typname from pg_type t join pg_namespace n on n.oid = typnamespace
    where typtype = 'e' order by 1
    """
    await pg.execute("create schema app")
    await db.create_tables(Held)
    await db.create_tables(Held, if_not_exists=True)
    assert [r[0] for r in await pg.fetch(types)] == ["app.mood", "public.other"]
    made = await Held.objects.create(mood=Mood.OK, moods=[Mood.SAD], other=Mood.OK)
    assert await Held.objects.get(mood=Mood.OK, moods=[Mood.SAD], other=Mood.OK) == made
    assert await Held.objects.filter(moods__contains=[Mood.SAD], mood__in=list(Mood)).count() == 1
    await db.drop_tables(Held)
    assert await pg.fetch(types) == []


WRITERS: dict[str, Callable[[Any, list[Any]], Any]] = {
    "bulk_create": lambda model, values: model.objects.bulk_create(
        [model(id=i, v=v) for i, v in enumerate(values)]
    ),
    "bulk_insert": lambda model, values: model.objects.bulk_insert(
        {"id": list(range(len(values))), "v": list(map(plain, values))}
    ),
    "table": lambda model, values: model.objects.database.table("t").bulk_insert(
        {"id": list(range(len(values))), "v": list(map(plain, values))}
    ),
}


@pytest.mark.parametrize("count", [1, 2, 1_000])
@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", TYPES)
async def test_columns(db: Any, pg: asyncpg.Connection[Any], name: str, writer: str, count: int) -> None:
    actual, type_, first, second = TYPES[name]
    await pg.execute(SETUP.format(type=actual))
    columns = {"id": field(Integer, primary_key=True), "v": field(type_, null=True)}
    model: Any = type("Held", (Model,), {"__module__": __name__, **columns}, table="t")
    values = [first if i % 2 else second for i in range(count)]
    await WRITERS[writer](model, values)
    found = await model.objects.order_by("id").values_list("v", flat=True)
    assert all(map(same, found, values)) and len(found) == count
    assert await model.objects.bulk_update({"id": [0], "v": [plain(first)]}, ["v"]) == 1
    assert same((await model.objects.get(id=0)).v, first)
    assert (await model.objects.to_arrow()).num_rows == count
