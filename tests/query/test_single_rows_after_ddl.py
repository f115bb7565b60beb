"""Single-row writes after DDL of another session, and text over JSON columns in rows: right at once, every time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chakra import Field, Model, field
from chakra.errors import DataError, FieldError
from chakra.types import BigInt, Composite, Integer, Text


class Word(Model, table="t"):
    id: Field[int] = field(BigInt, primary_key=True)
    v: Field[str | None] = field(Text)


class Whole(Model, table="t"):
    id: Field[int] = field(BigInt, primary_key=True)
    v: Field[int | None] = field(BigInt)


class Pair(Model, table="t"):
    id: Field[int] = field(BigInt, primary_key=True)
    v: Field[Any] = field(Composite("pair", a=Integer, b=Text))


async def create(model: Any, value: Any) -> None:
    await model.objects.create(id=2, v=value)


async def update(model: Any, value: Any) -> None:
    assert await model.objects.filter(id=1).update(v=value) == 1


async def save(model: Any, value: Any) -> None:
    row = await model.objects.only("id").get(id=1)
    row.v = value
    await row.save()


Way = Callable[[Any, Any], Awaitable[None]]
WAYS: list[Way] = [create, update, save]

DOCUMENT = '{"b":  1, "a": 2}'

CHANGES: list[tuple[Any, str, Any, str, Any, str]] = [
    # a model; the column and a value at first; the column later, a value for it and what is stored then
    (Whole, "int4", 5, "int8", 3_000_000_000, "3000000000"),
    (Whole, "int2", 5, "int4", 70_000, "70000"),
    (Word, "text", "ab", "jsonb", DOCUMENT, '{"a": 2, "b": 1}'),
    (Word, "text", "ab", "json", DOCUMENT, DOCUMENT),
    (Word, "name", "ab", "jsonb", '"x"', '"x"'),
    (Word, "jsonb", "[1]", "text", DOCUMENT, DOCUMENT),
    (Word, "jsonb", "[1]", "text", "no document", "no document"),
    (Word, "jsonb", "[1]", "json", DOCUMENT, DOCUMENT),
    (Word, "json", "[1]", "varchar", DOCUMENT, DOCUMENT),
    (Word, "char(4)", "ab", "text", "ab  ", "ab  "),
    (Word, "char(4)", "ab", "varchar", "ab  ", "ab  "),
    (Word, "name", "ab", "text", "x" * 70, "x" * 70),
    (Word, "mood", "ok", "text", "no label", "no label"),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("change", CHANGES, ids=lambda c: f"{c[1]} to {c[3]}: {c[4]!r:.12}")
async def test_a_column_gets_another_type(
    db: Any, pg: Any, change: tuple[Any, str, Any, str, Any, str], way: Way
) -> None:
    model, before, first, after, value, stored = change
    await pg.execute(
        f"create type mood as enum ('ok'); create table t (id bigint primary key, v {before});"
        "insert into t (id) values (1)"
    )
    for _ in range(2):
        await way(model, first)
        await pg.execute("delete from t where id = 2")
    await pg.execute(f"alter table t alter v type {after} using null")
    for _ in range(2):
        await way(model, value)
        assert await pg.fetchval("select v::text from t where v is not null") == stored
        await pg.execute("delete from t where id = 2; update t set v = null")


async def test_a_value_refused_for_the_described_column_is_still_refused(db: Any, pg: Any) -> None:
    await pg.execute("create table t (id bigint primary key, v int2)")
    for _ in range(2):
        with pytest.raises(DataError, match=r"Whole\.v \(smallint\)"):
            await Whole.objects.create(id=2, v=70_000)
    assert not await Whole.objects.exists()


async def test_attributes_renamed_and_back(db: Any, pg: Any) -> None:
    await pg.execute("create type pair as (a int, b text); create table t (id bigint primary key, v pair)")
    await pg.execute("insert into t values (1, row(5, 'x'))")
    for _ in range(2):
        assert (await Pair.objects.to_arrow()).column("v").to_pylist() == [{"a": 5, "b": "x"}]
        await pg.execute("alter type pair rename attribute a to c")
        for _ in range(2):
            with pytest.raises(FieldError, match=r"Pair\.v is declared as .*\(c integer, b text\)"):
                await Pair.objects.to_arrow()
        await pg.execute("alter type pair rename attribute c to a")


async def test_documents_declared_as_text(db: Any, pg: Any) -> None:
    """The types of the columns say that they are documents: texts, null and numbers among them look like others."""
    documents = ['"x"', "null", "5", '{"a": 1}', "[1]", "true"]
    await pg.execute("create table t (id bigint primary key, v jsonb)")
    await pg.execute(
        "insert into t select i, d::jsonb from unnest($1::text[]) with ordinality q(d, i)", documents
    )
    for _ in range(2):
        for number, document in enumerate(documents, 1):
            assert (await Word.objects.get(id=number)).v == document
        assert [row.v for row in await Word.objects.order_by("id")] == documents
        assert await Word.objects.order_by("id").values_list("v", flat=True) == documents
        assert [row.v async for row in Word.objects.order_by("id")] == documents
    assert (await Word.objects.order_by("id").to_arrow()).column("v").to_pylist() == documents
    row = await Word.objects.create(id=9, v='"y"')
    await row.refresh()
    assert row.v == '"y"'


async def test_a_column_that_becomes_documents_later(db: Any, pg: Any) -> None:
    await pg.execute("create table t (id bigint primary key, v bool); insert into t values (1, true)")
    assert (await Word.objects.get(id=1)).v is True  # rows keep the server's value
    await pg.execute("alter table t alter v type jsonb using '{\"a\": 1}'")
    for _ in range(2):
        assert (await Word.objects.get(id=1)).v == '{"a": 1}'
    await pg.execute("alter table t alter v type text using 'plain'")
    for _ in range(2):
        assert (await Word.objects.get(id=1)).v == "plain"


class Words(Model, table="t"):
    id: Field[int] = field(BigInt, primary_key=True)
    v: Field[list[str] | None] = field(default=None)


@pytest.mark.parametrize("rows", [1, 3, 50])
async def test_arrays_of_documents_declared_as_text(db: Any, pg: Any, rows: int) -> None:
    value, stored = ['"x"', '{"a": 1}', "null"], r'{"\"x\"","{\"a\": 1}","null"}'
    await pg.execute("create table t (id bigint primary key, v jsonb[])")
    await Words.objects.bulk_create([Words(id=i, v=value) for i in range(rows)])
    await Words.objects.create(id=99, v=value)
    await Words.objects.filter(id=0).update(v=value)
    assert [r[0] for r in await pg.fetch("select distinct v::text from t")] == [stored]
    for _ in range(2):
        assert [row.v for row in await Words.objects.all()] == [value] * (rows + 1)
    assert (await Words.objects.to_arrow()).column("v").to_pylist() == [value] * (rows + 1)
