"""What people new to relations write: on the class in place of an instance, names in place of lists, and so on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chakra import (
    ArrayAgg,
    Count,
    F,
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
from chakra.errors import DatabaseError, DataError, DoesNotExist, FieldError
from tests.relations.conftest import SHARED, sends


class Writer(Model, table="ww_writers"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Desk(Model, table="ww_desks"):
    id: Field[int] = field(primary_key=True)
    writer: OneToOne[Writer | None] = one_to_one(related_name="desk", default=None)


class Essay(Model, table="ww_essays"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    writer: ForeignKey[Writer | None] = foreign_key(related_name="essays", default=None)
    topics: ManyToMany["Topic"] = many_to_many(related_name="essays")  # noqa: UP037
    words: ManyToMany["Word"] = many_to_many(related_name="essays")  # noqa: UP037


class Topic(Model, table="ww_topics"):
    id: Field[int] = field(primary_key=True)


class Word(Model, table="ww_words"):
    text: Field[str] = field(primary_key=True)


MODELS = [Writer, Desk, Essay, Topic, Word]
pytestmark = SHARED


async def fill() -> None:
    ada, _ = await Writer.objects.bulk_create([Writer(name="Ada"), Writer(name="Bob")])
    one, _ = await Essay.objects.bulk_create([Essay(title="b", writer=ada), Essay(title="a")])
    await Topic.objects.bulk_create([Topic(), Topic(), Topic()])
    await Word.objects.bulk_create([Word(text=letter) for letter in "abc"])
    await one.topics.set([1, 2])
    await one.words.set(["a"])


async def topics_of(essay: Essay) -> list[int]:
    return await essay.topics.order_by("id").values_list("id", flat=True)


@pytest.mark.parametrize("key", [1.5, 1.0000001, True], ids=str)
async def test_a_key_that_is_none_does_not_stand_for_the_row_it_is_near(rows: Any, key: Any) -> None:
    essay = await Essay.objects.get(id=1)
    with pytest.raises(DataError, match="does not fit bigint"):
        await essay.topics.set([key])
    with pytest.raises(DataError, match="does not fit bigint"):
        await essay.topics.add(key)
    assert await topics_of(essay) == [1, 2]


@pytest.mark.parametrize("key", [3, 3.0, "3"], ids=repr)
async def test_a_key_in_any_spelling_does(rows: Any, key: Any) -> None:
    essay = await Essay.objects.get(id=1)
    await essay.topics.set([key])
    assert await topics_of(essay) == [3]


async def test_set_takes_lists_and_no_text_or_instance(rows: Any) -> None:
    essay, ada = await Essay.objects.get(id=1), await Writer.objects.get(id=1)
    with sends(rows, 0):
        with pytest.raises(FieldError, match=r"Essay\.words\.set\(\) takes a list of Word .*, not 'abc'"):
            await essay.words.set("abc")
        for given in (None, 5, Topic(id=1)):
            with pytest.raises(FieldError, match=r"Essay\.topics\.set\(\) takes a list of Topic instances"):
                await essay.topics.set(given)
            with pytest.raises(FieldError, match=r"Writer\.essays\.set\(\) takes a list of Essay instances"):
                await ada.essays.set(given)
    assert await essay.words.values_list("text", flat=True) == ["a"]


ON_THE_CLASS: dict[str, tuple[Callable[[], Any], str]] = {
    "field behind a key": (
        lambda: Essay.writer.name,
        r"Essay\.writer is the key and has no \.name; .*filter\(writer__name=…\)",
    ),
    "set of partners": (
        lambda: Essay.topics.add(1),
        r"Essay\.topics: a relation has no \.add on the class; .*instance\.topics",
    ),
    "way back": (
        lambda: Writer.essays.filter(title="a"),
        r"has no \.filter on the class; .*instance\.essays",
    ),
    "Django's name of a way back": (
        lambda: Writer(name="x").essay_set,
        r"no field 'essay_set'.*related_name=",
    ),
}


@pytest.mark.parametrize("case", ON_THE_CLASS)
async def test_relations_on_the_class_say_where_their_rows_are(rows: Any, case: str) -> None:
    write, says = ON_THE_CLASS[case]
    with pytest.raises(AttributeError, match=says):
        write()


async def test_typed_fields_and_keys_stand_where_names_do(rows: Any) -> None:
    assert await Essay.objects.aggregate(a=Count(Essay.id), b=Count(Essay.writer)) == {"a": 2, "b": 1}
    assert await Essay.objects.order_by("id").values(Essay.writer, Essay.title) == [
        {"writer": 1, "title": "b"},
        {"writer": None, "title": "a"},
    ]
    assert (await Essay.objects.latest(Essay.title)).id == 1
    assert (await Essay.objects.earliest(F("title").asc(), "id")).id == 2
    assert (await Essay.objects.latest("-title")).id == 2
    assert (await Essay.objects.latest(Essay.writer.asc(nulls="last"))).id == 2
    assert (await Essay.objects.latest(Essay.writer.desc(nulls="first"), "id")).id == 1


WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "values": (lambda q: q.values(5), r"values\(\) takes names of fields and expressions, not 5"),
    "values_list": (lambda q: q.values_list(None), r"values_list\(\) takes names of fields .*, not None"),
    "values_list of a list": (
        lambda q: q.values_list(["id"]),
        r"named one by one: values_list\(\*\['id'\]\)",
    ),
    "distinct": (lambda q: q.distinct(None), r"distinct\(\) takes names of fields and expressions, not None"),
    "only": (lambda q: q.only(Essay.id), r"only\(\) takes names of fields"),
    "select_related": (lambda q: q.select_related(Essay.writer), r"select_related\(\) takes names"),
    "select_for_update": (lambda q: q.select_for_update(of=5), r"list of relations, not 5"),
    "select_for_update of": (lambda q: q.select_for_update(of=[5]), r"names of relations, not 5"),
    "latest": (lambda q: q.latest(5), r"order_by\(\) takes names and expressions, not 5"),
    "in_bulk": (lambda q: q.in_bulk(5), r"in_bulk\(\) takes a list of keys, not 5"),
    "in_bulk of a text": (lambda q: q.in_bulk("12"), r"in_bulk\(\) takes a list of keys, not '12'"),
    "in_bulk field": (lambda q: q.in_bulk([1], field=5), r"in_bulk\(\) takes names of fields, not 5"),
    "defaults": (
        lambda q: q.get_or_create(id=1, defaults=["title"]),
        r"defaults=…\) takes a dict .*\['title'\]",
    ),
    "Count of nothing": (lambda q: q.aggregate(n=Count(None)), r"Count\(\) takes the name of a field"),
    "Count of a model": (lambda q: q.aggregate(n=Count(Essay)), r"Count\(\) takes the name of a field"),
    "Count of a relation": (lambda q: q.aggregate(n=Count(Essay.topics)), r"Count\(\) .*not Essay\.topics"),
    "order of an aggregate": (
        lambda q: q.aggregate(n=ArrayAgg("id", order_by=[5])),
        r"order_by= takes names .*5",
    ),
}


@pytest.mark.parametrize("case", WRONG)
async def test_what_is_no_name_is_refused_by_the_method_that_got_it(rows: Any, case: str) -> None:
    write, says = WRONG[case]
    with sends(rows, 0), pytest.raises(FieldError, match=says):
        await write(Essay.objects)


@pytest.mark.parametrize("name", [None, 5, ["id"]], ids=repr)
async def test_fields_of_an_instance(rows: Any, name: Any) -> None:
    essay = await Essay.objects.get(id=1)
    with pytest.raises(FieldError, match="Essay has no field"):
        await essay.refresh(name)
    with pytest.raises(FieldError, match="Essay has no field"):
        await essay.save(update_fields=[name])
    with pytest.raises(FieldError, match="this Essay was never saved; there is nothing to refresh"):
        await Essay(title="new").refresh()
    with pytest.raises(DoesNotExist):
        await Essay(id=99, title="new").refresh()


DECLARATIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "on_delete": (lambda: foreign_key(on_delete=None), r"on_delete=None: use one of"),
    "to_field": (lambda: foreign_key(to_field=5), r"to_field=5: takes the name of a field"),
    "fields": (lambda: foreign_key(fields=(5,)), r"fields=\(5,\): takes the name"),
    "related_name": (lambda: one_to_one(related_name=5), "related_name=5: takes a name"),
    "column": (lambda: foreign_key(column=""), "column='': takes a name"),
    "table": (lambda: many_to_many(table=5), "table=5: takes a name"),
    "through": (lambda: many_to_many(through=5), r"through=5\): takes a model"),
    "through_fields alone": (lambda: many_to_many(through_fields=("a", "b")), "of the model of through="),
    "one of through_fields": (
        lambda: many_to_many(through=Essay, through_fields=("a",)),
        "names two foreign keys",
    ),
}


@pytest.mark.parametrize("case", DECLARATIONS)
async def test_declarations(case: str) -> None:
    declare, says = DECLARATIONS[case]
    with pytest.raises(FieldError, match=says):
        declare()


async def test_the_other_side_of_a_one_to_one_relation_follows_assignments(rows: Any) -> None:
    ada, bob = await Writer.objects.order_by("id").select_related("desk")
    assert ada.desk is None and bob.desk is None
    desk = await Desk.objects.create(writer=ada)
    assert await ada.desk == desk
    desk.writer = bob
    await desk.save()
    assert await ada.desk is None and await bob.desk == desk
    with sends(rows, 0):
        assert await bob.desk == desk
    found = await bob.desk
    found.writer = None
    await found.save()
    assert await bob.desk is None


async def test_tables_that_are_not_there(rows: Any) -> None:
    class Missing(Model, table="ww_missing"):
        id: Field[int] = field(primary_key=True)

    class Pointing(Model, table="ww_pointing"):
        id: Field[int] = field(primary_key=True)
        missing: ForeignKey[Missing] = foreign_key()

    with pytest.raises(
        DatabaseError, match=r'"ww_missing" does not exist; await db\.create_tables\(Model, …\)'
    ):
        await Missing.objects.all()
    with pytest.raises(
        DatabaseError, match=r"Pointing refers to Missing; create_tables\(\) takes them together"
    ):
        await rows.create_tables(Pointing)
