"""A row comes once and counts once, whichever names of a relation a query uses, and in whichever order."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import (
    Count,
    F,
    Field,
    ForeignKey,
    ManyToMany,
    Model,
    Prefetch,
    Q,
    Sum,
    field,
    foreign_key,
    many_to_many,
)
from chakra.errors import FieldError
from chakra.types import Integer
from tests.relations.conftest import SHARED

pytestmark = SHARED


class Writer(Model, table="op_writers"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Text(Model, table="op_texts"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    views: Field[int] = field(Integer, default=0)
    writer: ForeignKey[Writer] = foreign_key(related_name="texts")
    marks: ManyToMany["Mark"] = many_to_many(related_name="texts")  # noqa: UP037


class Mark(Model, table="op_marks"):
    name: Field[str] = field(primary_key=True)
    size: Field[int] = field(Integer, default=0)


MODELS = (Writer, Text, Mark)


async def fill() -> None:
    """Ada wrote t1 (10 views; x, y) and t2 (20; y, z), Bob t3 (30; x), Cy nothing; x, y, z are of size 1, 2, 3."""
    ada, bob, _ = [await Writer.objects.create(name=name) for name in ("Ada", "Bob", "Cy")]
    for size, name in enumerate("xyz", 1):
        await Mark.objects.create(name=name, size=size)
    for title, views, writer, marks in (("t1", 10, ada, "xy"), ("t2", 20, ada, "yz"), ("t3", 30, bob, "x")):
        text = await Text.objects.create(title=title, views=views, writer=writer)
        await text.marks.add(*marks)


@pytest.fixture
def texts(rows: Any) -> None:
    """The tables, filled."""


def _orders(**conditions: Any) -> list[dict[str, Any]]:
    return [conditions, dict(reversed(list(conditions.items())))]


async def test_the_key_and_a_field_of_one_partner_are_about_one_partner(texts: None) -> None:
    for conditions in _orders(marks="x", marks__size=2):
        assert await Text.objects.filter(**conditions).count() == 0
        assert await Text.objects.exclude(**conditions).count() == 3
    for conditions in _orders(marks="x", marks__size=1):
        assert await Text.objects.filter(**conditions).order_by("id").values_list("title", flat=True) == [
            "t1",
            "t3",
        ]
    for conditions in _orders(texts__marks="x", texts__marks__size=2):
        assert await Writer.objects.filter(**conditions).count() == 0
    query = Text.objects.filter(title="t1").order_by("marks")
    assert await query.values_list("marks", "marks__size") == [("x", 1), ("y", 2)]
    assert await query.values_list("marks__size", "marks") == [(1, "x"), (2, "y")]
    assert await query.filter(marks__size=2).values_list("marks", flat=True) == ["y"]


@pytest.mark.parametrize("before", [False, True], ids=["filter=", "filter()"])
async def test_partners_count_once_whatever_is_behind_them(texts: None, before: bool) -> None:
    marked = Q(texts__marks__in=["x", "y"])

    async def asked(aggregate: Any) -> list[Any]:
        query = Writer.objects.order_by("name")
        query = (
            query.filter(marked).annotate(n=aggregate("texts__views"))
            if before
            else query.annotate(n=aggregate("texts__views", filter=marked))
        )
        return await query.filter(name__in=["Ada", "Bob"]).values_list("n", flat=True)

    assert await asked(Count) == [2, 1]
    assert await asked(Sum) == [30, 30]


async def test_the_condition_of_an_aggregate_denies_all_partners(texts: None) -> None:
    query = Writer.objects.order_by("name").annotate(n=Count("texts", filter=~Q(texts__marks="x")))
    assert await query.values_list("name", "n") == [("Ada", 1), ("Bob", 0), ("Cy", 0)]
    query = Writer.objects.order_by("name").annotate(n=Count("texts", filter=~Q(texts__title="t1")))
    assert await query.values_list("name", "n") == [("Ada", 1), ("Bob", 1), ("Cy", 0)]


async def test_aggregates_of_all_rows_take_each_row_once(texts: None) -> None:
    marked = Q(marks__in=["x", "y"])
    assert await Text.objects.aggregate(n=Sum("views", filter=marked), m=Count("id")) == {"n": 60, "m": 3}
    seen = Q(texts__views__gt=5)
    assert await Writer.objects.aggregate(n=Count("id", filter=seen), s=Sum("texts__views")) == {
        "n": 2,
        "s": 60,
    }
    groups = Mark.objects.values("name").annotate(n=Count("texts", filter=Q(texts__views__gt=15)))
    assert await groups.order_by("name").values_list("name", "n") == [("x", 1), ("y", 1), ("z", 1)]


async def test_exclude_is_the_complement_where_values_of_partners_are_returned(texts: None) -> None:
    query = Writer.objects.order_by("name", "texts__title")
    assert await query.exclude(texts__title="t1").values_list("name", "texts__title") == [
        ("Bob", "t3"),
        ("Cy", None),
    ]
    assert await query.filter(~Q(texts__title="t1")).values_list("name", "texts__title") == [
        ("Bob", "t3"),
        ("Cy", None),
    ]
    two = query.filter(texts__title="t1").filter(texts__title="t2")
    assert await two.values_list("name", "texts__title") == [("Ada", "t2")]
    shown = query.annotate(v=F("texts__views")).exclude(texts__title="t1")
    assert await shown.values_list("name", "v") == [("Bob", 30), ("Cy", None)]


async def test_an_aggregate_of_partners_needs_no_name(texts: None) -> None:
    names = Writer.objects.order_by("name")
    several = names.filter(Count("texts") > 1)
    assert await several.values_list("name", flat=True) == ["Ada"]
    assert await several.count() == 1
    assert await names.exclude(Count("texts") > 1).count() == 2
    assert await names.annotate(n=Sum("texts__views")).filter(Count("texts") == 1).values_list(
        "name", "n"
    ) == [("Bob", 30)]
    assert [w.name for w in await Writer.objects.order_by(Count("texts").desc(), "id")] == [
        "Ada",
        "Bob",
        "Cy",
    ]
    assert await several.update(name="Eve") == 1
    assert await names.values_list("name", flat=True) == ["Bob", "Cy", "Eve"]


async def test_aggregates_without_groups_are_refused_by_name(texts: None) -> None:
    with pytest.raises(FieldError, match="name the aggregate first"):
        await Writer.objects.filter(Count("id") > 1)
    with pytest.raises(FieldError, match="name it first"):
        await Writer.objects.order_by(Count("id"))


async def test_locks_that_no_server_grants_are_refused_by_name(texts: None) -> None:
    with pytest.raises(FieldError, match="select_for_update"):
        await Text.objects.select_for_update().distinct()
    with pytest.raises(FieldError, match="may not be there"):
        await Text.objects.select_for_update(of=("marks",)).filter(title="t1")
    sliced = Prefetch("texts", Text.objects.select_for_update()[:1])
    with pytest.raises(FieldError, match="lock them in a query of their own"):
        await Writer.objects.prefetch_related(sliced)


async def test_errors_name_no_relations_without_a_name(texts: None) -> None:
    with pytest.raises(FieldError) as caught:
        await Text.objects.filter(nothing=1)
    assert "+" not in str(caught.value)
