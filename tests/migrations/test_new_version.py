"""A service that runs goes on with the statements it prepared before a migration, and so does its next version."""

from __future__ import annotations

from typing import Any

import chakra
from chakra import F, Field, Model, field
from chakra.migrations import (
    AddColumn,
    AddIndex,
    AlterColumn,
    Column,
    CreateEnum,
    CreateTable,
    DropColumn,
    Index,
    RecreateEnum,
)
from chakra.migrations.files import Name
from chakra.migrations.run import Runner
from chakra.types import Integer
from tests.migrations.carried_out import emptied, history, quick

BEFORE = [
    CreateEnum("mood", ["ok", "sad"]),
    CreateTable(
        "posts",
        [
            Column("id", "bigint", identity="by default"),
            Column("title", "text"),
            Column("stars", "integer", default="0"),
            Column("mood", "mood", default="'ok'"),
            Column("old", "text", null=True),
        ],
        primary_key=["id"],
    ),
]
AFTER = [
    AddColumn("posts", Column("slug", "text", default="''"), fill="lower(title)"),
    AlterColumn("posts", Column("stars", "bigint", default="0")),
    RecreateEnum("mood", ["sad", "ok", "great"]),
    AddIndex("posts", Index("slug", name="posts_slug_idx")),
    DropColumn("posts", "old"),
]


class Post(Model, table="posts"):
    """Of the version before, which does not name the column that goes any more."""

    id: Field[int] = field(primary_key=True)
    title: Field[str]
    stars: Field[int] = field(Integer, db_default="0")


class NewPost(Model, table="posts"):
    """Of the next one."""

    id: Field[int] = field(primary_key=True)
    title: Field[str]
    stars: Field[int] = field(db_default="0")
    slug: Field[str] = field(db_default="''")


async def use(model: Any, db: Any, number: int) -> None:
    """Everything that prepares a statement: rows, values, columns, writes of one and of many."""
    made = await model.objects.using(db).create(title=f"T{number}")
    assert (await model.objects.using(db).get(id=made.id)).title == f"T{number}"
    made.title = f"t{number}"
    await made.save()
    await model.objects.using(db).filter(id=made.id).update(stars=F("stars") + 1)
    assert await model.objects.using(db).filter(title=f"t{number}").values_list("stars") == [(1,)]
    assert (await model.objects.using(db).to_arrow())["stars"].to_pylist() == [1] * number
    await model.objects.using(db).bulk_create([model(title="gone"), model(title="gone")])
    assert await model.objects.using(db).filter(title="gone").delete() is not None


async def test_statements_of_before(dsn: str) -> None:
    async with await emptied(dsn) as admin, await chakra.connect(dsn, max_connections=1) as service:
        graph = history(BEFORE, AFTER)
        await Runner(admin, graph, quick()).apply(Name("", "0001_test"))
        for number in (1, 2):
            await use(Post, service, number)
        await Runner(admin, graph, quick()).apply()
        await use(Post, service, 3)  # not deployed yet
        await use(NewPost, service, 4)
        await Runner(admin, graph, quick()).back(Name("", "0002_test"))
        await use(Post, service, 5)
