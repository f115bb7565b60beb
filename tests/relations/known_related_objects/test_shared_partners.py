"""A row beside several rows of a result is one instance; loading makes no Python call, set or dict per row."""

from __future__ import annotations

import copy
import tracemalloc
from typing import Any

import pytest

import chakra
from chakra import (
    Field,
    ForeignKey,
    ManyToMany,
    Model,
    OneToOne,
    Prefetch,
    Value,
    field,
    foreign_key,
    many_to_many,
    one_to_one,
)
from chakra.models.doors import doors
from chakra.query.hydrate import hydrate, loader
from chakra.query.state import RowState
from chakra.sql import select_statement
from chakra.types import Integer, Jsonb
from tests.query.conftest import counting, watched


class Country(Model, table="countries"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Writer(Model, table="writers"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    country: ForeignKey[Country | None] = foreign_key(related_name="writers", default=None)


class Text(Model, table="texts"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    writer: ForeignKey[Writer | None] = foreign_key(related_name="texts", default=None)
    editor: ForeignKey[Writer | None] = foreign_key(related_name="edited", default=None)
    words: ManyToMany["Word"] = many_to_many(related_name="texts")  # noqa: UP037


class Word(Model, table="words"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Cover(Model, table="covers"):
    id: Field[int] = field(primary_key=True)
    color: Field[str]
    text: OneToOne[Text] = one_to_one(related_name="cover")


@pytest.fixture
async def texts(db: Any) -> Any:
    """Writers Ann, Bob (of Oz) and Cy (of nowhere); texts a (Ann, edited by Bob), b (Ann), c (Cy), d (nobody)."""
    await db.create_tables(Country, Writer, Text, Word, Cover)
    oz = await Country.objects.create(name="Oz")
    ann, bob = [await Writer.objects.create(name=name, country=oz) for name in ("Ann", "Bob")]
    cy = await Writer.objects.create(name="Cy")
    rows = [("a", ann, bob), ("b", ann, None), ("c", cy, ann), ("d", None, None)]
    a, b, c, _ = [await Text.objects.create(title=t, writer=w, editor=e) for t, w, e in rows]
    x, y = await Word.objects.create(name="x"), await Word.objects.create(name="y")
    await a.words.add(x, y)
    await b.words.add(y)
    await Cover.objects.create(color="red", text=a)
    await Cover.objects.create(color="red", text=c)
    return db


async def test_partners_in_the_same_statement(texts: Any) -> None:
    found = await Text.objects.order_by("id").select_related("writer__country", "editor")
    assert [(t.writer and t.writer.name, t.editor and t.editor.name) for t in found] == [
        ("Ann", "Bob"),
        ("Ann", None),
        ("Cy", "Ann"),
        (None, None),
    ]
    a, b, c, _ = found
    assert a.writer is b.writer
    assert a.writer is not c.writer
    assert a.writer.country.name == "Oz" and c.writer.country is None  # type: ignore[union-attr]
    # What one of the rows says of its partner, the others say, too; the partners of another relation are others.
    a.writer.name = "Anna"  # type: ignore[union-attr]
    assert (b.writer.name, c.editor.name) == ("Anna", "Ann")  # type: ignore[union-attr]
    await b.writer.save()  # type: ignore[union-attr]
    assert await Writer.objects.filter(name="Anna").count() == 1
    # A partner that is given to one row is not given to the others.
    a.writer = c.writer
    assert (a.writer.name, b.writer.name) == ("Cy", "Anna")  # type: ignore[union-attr]


async def test_one_partner_is_all_that_is_loaded(texts: Any) -> None:
    a, b, c, d = await Text.objects.order_by("id").select_related("writer")
    assert a.writer is b.writer and c.writer.name == "Cy" and d.writer is None  # type: ignore[union-attr]
    b.writer = None
    assert a.writer.name == "Ann" and b.writer is None  # type: ignore[union-attr]
    noted = await Text.objects.order_by("id").select_related("writer").annotate(n=Value(7))
    assert [(t.writer and t.writer.name, t.n) for t in noted] == [  # type: ignore[attr-defined]
        ("Ann", 7),
        ("Ann", 7),
        ("Cy", 7),
        (None, 7),
    ]
    first, second = await Cover.objects.order_by("id").select_related("text__writer")
    assert [(c.text.title, c.text.writer.name) for c in (first, second)] == [("a", "Ann"), ("c", "Cy")]  # type: ignore[union-attr]
    backwards = await Text.objects.order_by("id").select_related("cover")
    assert [t.cover and t.cover.id for t in backwards] == [1, None, 2, None]


async def test_partners_over_a_table_between(texts: Any) -> None:
    a, b, *_ = await Text.objects.order_by("id").prefetch_related(
        Prefetch("words", Word.objects.order_by("id"))
    )
    assert [word.name for word in a.words] == ["x", "y"] and [word.name for word in b.words] == ["y"]
    assert list(a.words)[1] is list(b.words)[0]  # noqa: RUF015
    with watched(texts) as statements:
        x, y = await Word.objects.order_by("id").prefetch_related("texts__writer", "texts__words")
    assert len(statements) == 4
    (of_x,) = x.texts
    assert sorted(t.title for t in y.texts) == ["a", "b"]
    assert any(of_x is text for text in y.texts)
    assert {t.writer.name for t in y.texts} == {"Ann"}
    assert sorted(word.name for word in of_x.words) == ["x", "y"]
    # What is computed with a row may depend on whose it is: then each has its own.
    named = Prefetch("words", Word.objects.annotate(of=chakra.F("texts__title")).order_by("id"))
    a, b, *_ = await Text.objects.order_by("id").prefetch_related(named)
    assert {w.of for w in b.words} <= {"a", "b"}  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        list(a.words)[0]._owner  # noqa: B018, RUF015


async def test_loaded_before_and_prefetched_further(texts: Any) -> None:
    """Of partners that many rows share, what is behind them is asked for once."""
    with watched(texts) as statements:
        a, b, c, d = await (
            Text.objects.order_by("id").select_related("writer").prefetch_related("writer__country")
        )
    assert len(statements) == 2
    assert a.writer is b.writer and a.writer.country.name == "Oz"  # type: ignore[union-attr]
    assert c.writer.country is None and d.writer is None  # type: ignore[union-attr]


def test_keys_of_several_columns_and_keys_that_cannot_be_looked_up() -> None:
    class Shelf(Model):
        room: Field[int] = field(Integer, primary_key=True)
        place: Field[int] = field(Integer, primary_key=True)

    class Odd(Model):
        id: Field[dict[str, Any]] = field(Jsonb, primary_key=True)

    class Thing(Model):
        id: Field[int] = field(primary_key=True)
        odd: ForeignKey[Odd] = foreign_key()

    load = loader(select_statement(Thing.objects.select_related("odd")._select)[0])
    one, two = load([(1, {"a": 1}, {"a": 1}), (2, {"a": 1}, {"a": 1})], RowState(None, True, shared=True))
    assert one.odd == two.odd
    assert one.odd is not two.odd
    assert loader(select_statement(Shelf.objects._select)[0])([(1, 2)], RowState(None, True, shared=True))


@pytest.mark.parametrize(
    "path",
    ["texts", "country", "texts__words", "edited__writer"],
)
async def test_prefetching_makes_no_call_per_row(texts: Any, path: str) -> None:
    await texts.execute(
        "INSERT INTO writers (name, country_id) SELECT 'w' || n, 1 FROM generate_series(1, 300) n"
    )
    await texts.execute("INSERT INTO texts (title, writer_id, editor_id) SELECT 't', id, 1 FROM writers")
    await texts.execute(
        "INSERT INTO texts_words (text_id, word_id) SELECT id, 1 FROM texts ON CONFLICT DO NOTHING"
    )
    query = Writer.objects.prefetch_related(path)
    assert len(await query.filter(id__lte=1_000)) == 303  # and its statements are known now
    with counting() as few:
        await query.filter(id__lte=2)
    with counting() as many:
        await query.filter(id__lte=1_000)
    assert 0 < few["made"] <= many["made"] <= few["made"] + 8  # the driver calls for each block that it reads


def test_loading_along_makes_no_call_per_row() -> None:
    for query, row in (
        (Text.objects.select_related("writer"), lambda n: (n, "t", 1, 2, 1, "Ann", 1)),
        (
            Text.objects.select_related("writer__country", "editor"),
            lambda n: (n, "t", 1, 2, 1, "Ann", 1, 1, "Oz", 2, "Bob", None),
        ),
    ):
        load = loader(select_statement(query._select)[0])
        state = RowState(None, True, shared=True)
        with counting() as few:
            load([row(n) for n in range(10)], state)
        rows = [row(n) for n in range(5_000)]
        with counting() as many:
            loaded = load(rows, state)
        assert 0 < few["made"] == many["made"]
        assert len({id(text.writer) for text in loaded}) == 1


def test_memory_of_a_row_with_a_partner() -> None:
    """The instance, and what it takes to hold its partner; the values are there already."""
    load = loader(select_statement(Text.objects.select_related("writer")._select)[0])
    rows = [(n, "t", n % 100, None, n % 100, "Ann", 1) for n in range(10_000)]
    tracemalloc.start()
    try:
        found = hydrate(len(rows), load, rows, RowState(None, True, shared=True))
        size = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    # Four values, state, tuple and weak references: 7 slots of 8 bytes and 32 of the object, and 8 of the list.
    assert size / len(found) < 120


async def test_reading_what_was_loaded_costs_few_calls(texts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded set is no query before it is asked for more; then it is one like any other."""
    monkeypatch.setattr(doors, "partners", None)  # which chakra.sync opens when it is imported
    (text, *_) = await Text.objects.order_by("id").select_related("writer").prefetch_related("words")
    (writer, *_) = await Writer.objects.order_by("id").prefetch_related("texts")
    _ = text.words, writer.texts  # the classes of the sets are made when the first ones are read
    with counting() as one:
        assert text.writer.name == "Ann"  # type: ignore[union-attr]
    with counting() as several:
        assert (len(text.words), len(writer.texts)) == (2, 2)
    assert one["made"] == 1
    assert several["made"] <= 10
    words = text.words
    assert words.to_sql()[1] == [text.id]
    assert await words.filter(name="x").count() == 1
    assert [word.name for word in await copy.copy(words).order_by("-name")] == ["y", "x"]
    await words.remove(*await words.filter(name="x"))
    assert await words.count() == 1
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        words.nothing  # noqa: B018
