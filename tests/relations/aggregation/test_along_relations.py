"""Aggregates and values along to-many relations: nothing is counted twice, and a filter before says of which rows."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import (
    ArrayAgg,
    Avg,
    Cast,
    Coalesce,
    Count,
    F,
    Field,
    ForeignKey,
    JsonAgg,
    Max,
    Model,
    Q,
    Sum,
    field,
    foreign_key,
)
from chakra.errors import FieldError
from chakra.types import Integer
from tests.query.conftest import watched
from tests.relations.conftest import SHARED

pytestmark = SHARED


class Writer(Model, table="writers"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    city: Field[str]


class Novel(Model, table="novels"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    pages: Field[int] = field(Integer)
    writer: ForeignKey[Writer] = foreign_key(related_name="novels")


class Prize(Model, table="prizes"):
    id: Field[int] = field(primary_key=True)
    sum: Field[int] = field(Integer)
    writer: ForeignKey[Writer] = foreign_key(related_name="prizes")


class Review(Model, table="reviews"):
    id: Field[int] = field(primary_key=True)
    stars: Field[int] = field(Integer)
    novel: ForeignKey[Novel] = foreign_key(related_name="reviews")


MODELS = (Writer, Novel, Prize, Review)


async def fill() -> None:
    """Ann (Rome): novels a 100 (reviews 5, 1), b 200 (3), c 300; prizes 10, 20. Bob (Rome): novel d 50. Cy (Oslo)."""
    ann, bob, _ = [
        await Writer.objects.create(name=name, city=city)
        for name, city in (("Ann", "Rome"), ("Bob", "Rome"), ("Cy", "Oslo"))
    ]
    for title, pages, writer in (("a", 100, ann), ("b", 200, ann), ("c", 300, ann), ("d", 50, bob)):
        await Novel.objects.create(title=title, pages=pages, writer=writer)
    for stars, novel in ((5, 1), (1, 1), (3, 2)):
        await Review.objects.create(stars=stars, novel_id=novel)
    for prize in (10, 20):
        await Prize.objects.create(sum=prize, writer=ann)


@pytest.fixture
def writers(rows: Any) -> Any:
    """All writers."""
    return Writer.objects.order_by("id")


async def test_one_value_a_row(writers: Any) -> None:
    query = writers.annotate(
        n=Count("novels"),
        pages=Sum("novels__pages"),
        won=Sum("prizes__sum", default=0),
        stars=Avg("novels__reviews__stars"),
    )
    found = [(w.name, w.n, w.pages, w.won, w.stars) for w in await query]
    assert found == [("Ann", 3, 600, 30, 3), ("Bob", 1, 50, 0, None), ("Cy", 0, None, 0, None)]
    assert await query.values_list("name", "n", "won") == [("Ann", 3, 30), ("Bob", 1, 0), ("Cy", 0, 0)]
    assert (await query.values("n", "won").to_arrow()).to_pylist() == [
        {"n": 3, "won": 30}, {"n": 1, "won": 0}, {"n": 0, "won": 0},
    ]  # fmt: skip
    with watched(writers.database) as statements:
        assert await query.filter(n__gt=0, won=0).values_list("name", flat=True) == ["Bob"]
        assert await query.order_by("-n", "name").values_list("name", flat=True) == ["Ann", "Bob", "Cy"]
        assert await query.exclude(n=0).count() == 2
    assert len(statements) == 3


async def test_one_value_a_row_with_the_rows_own(writers: Any) -> None:
    """Count("*") is about the row itself, once."""
    query = writers.annotate(rows=Count("*"), n=Count("novels"), shout=F("name"))
    assert await query.values_list("rows", "n", "shout") == [(1, 3, "Ann"), (1, 1, "Bob"), (1, 0, "Cy")]


async def test_options_of_aggregates(writers: Any) -> None:
    query = writers.annotate(
        long=Count("novels", filter=Q(novels__pages__gt=100)),
        other=Count("novels", filter=~Q(novels__title="a")),
        good=Count("novels__reviews", filter=Q(novels__reviews__stars__gte=3)),
        titles=ArrayAgg("novels__title", order_by="-novels__pages"),
        reviewed=Count("novels", distinct=True, filter=Q(novels__reviews__isnull=False)),
    )
    ann, bob, cy = await query
    assert (ann.long, ann.other, ann.good, ann.titles, ann.reviewed) == (2, 2, 2, ["c", "b", "a"], 2)
    assert (bob.long, bob.other, bob.good, bob.titles, bob.reviewed) == (0, 1, 0, ["d"], 0)
    assert (cy.long, cy.titles) == (0, None)


async def test_a_filter_before_says_of_which_partners(writers: Any) -> None:
    """One after does not: it keeps or drops the row."""
    before = writers.filter(novels__pages__lt=250).annotate(n=Count("novels"), won=Sum("prizes__sum"))
    assert await before.values_list("name", "n", "won") == [("Ann", 2, 30), ("Bob", 1, None)]
    after = writers.annotate(n=Count("novels")).filter(novels__pages__lt=250)
    assert await after.values_list("name", "n") == [("Ann", 3), ("Bob", 1)]
    twice = writers.filter(novels__pages=300).filter(novels__pages__lt=150).annotate(n=Count("novels"))
    assert await twice.values_list("name", "n") == [("Ann", 1)]
    apart = writers.filter(prizes__sum=10).annotate(n=Count("novels"))
    assert await apart.values_list("name", "n") == [("Ann", 3)]
    never = writers.exclude(novels__pages=50).annotate(n=Count("novels"))
    assert await never.values_list("name", "n") == [("Ann", 3), ("Cy", 0)]


async def test_values_of_partners(writers: Any) -> None:
    """They come one row each; the last filter about them says which."""
    assert await writers.order_by("novels__title").values_list("name", "novels__title") == [
        ("Ann", "a"), ("Ann", "b"), ("Ann", "c"), ("Bob", "d"), ("Cy", None),
    ]  # fmt: skip
    kept = writers.filter(novels__pages__gte=200).order_by("novels__title")
    assert await kept.values_list("name", "novels__title") == [("Ann", "b"), ("Ann", "c")]
    two = kept.filter(novels__title="b", name="Ann", prizes__sum=20)
    assert await two.values_list("novels__title", flat=True) == ["b"]
    # A row is there once, whatever a condition finds.
    assert await writers.filter(novels__pages__gte=100).values_list("name", flat=True) == ["Ann"]
    assert await writers.filter(novels__pages__gte=100).count() == 1
    assert [w.name for w in await writers.filter(novels__reviews__stars__gt=0)] == ["Ann"]


async def test_groups_along_one_relation(writers: Any) -> None:
    by_city = writers.order_by("city").values("city").annotate(n=Count("novels"), most=Max("novels__pages"))
    assert await by_city == [{"city": "Oslo", "n": 0, "most": None}, {"city": "Rome", "n": 4, "most": 300}]
    kept = writers.filter(novels__pages__gt=50).order_by().values("city").annotate(n=Count("novels"))
    assert await kept == [{"city": "Rome", "n": 3}]
    per_novel = writers.order_by("novels__title").values("novels__title").annotate(n=Count("novels__reviews"))
    assert await per_novel.values_list("novels__title", "n") == [
        ("a", 2),
        ("b", 1),
        ("c", 0),
        ("d", 0),
        (None, 0),
    ]


async def test_groups_along_several_relations_are_refused(writers: Any) -> None:
    """Their rows would multiply each other's."""
    by_city = writers.values("city")
    with pytest.raises(FieldError, match="would count each row once for every partner"):
        await by_city.annotate(n=Count("novels"), won=Sum("prizes__sum"))
    with pytest.raises(FieldError, match="would count each row once for every partner"):
        await by_city.annotate(n=Count("novels"), rows=Count("id"))
    found = by_city.order_by("city").annotate(
        n=Count("novels", distinct=True), rows=Count("id", distinct=True)
    )
    assert await found == [{"city": "Oslo", "n": 0, "rows": 1}, {"city": "Rome", "n": 4, "rows": 2}]


async def test_aggregates_of_all_rows(writers: Any) -> None:
    """Of several relations in one statement, each counted for itself."""
    with watched(writers.database) as statements:
        found = await writers.aggregate(
            rows=Count("*"),
            n=Count("novels"),
            won=Sum("prizes__sum"),
            stars=Sum("novels__reviews__stars"),
            most=Max("novels__pages"),
        )
    assert found == {"rows": 3, "n": 4, "won": 30, "stars": 9, "most": 300}
    assert len(statements) == 1
    assert await writers.filter(novels__pages__lt=250).aggregate(n=Count("novels"), rows=Count("id")) == {
        "n": 3, "rows": 2,
    }  # fmt: skip
    assert await writers.filter(name="Ann").aggregate(Count("novels__reviews")) == {
        "novels__reviews__count": 3
    }


async def test_writing_by_what_partners_say(writers: Any) -> None:
    few = writers.annotate(n=Count("novels")).filter(n=0)
    assert await few.update(city="Nowhere") == 1
    assert await Writer.objects.filter(novels__title="d").update(city="Paris") == 1
    assert await writers.values_list("city", flat=True) == ["Rome", "Paris", "Nowhere"]
    assert await Prize.objects.filter(writer__novels__reviews__stars=5, sum__gt=10).delete() == 1
    assert await Novel.objects.exclude(reviews__isnull=False).delete() == 2
    assert await Writer.objects.filter(novels=None).delete() == 2


async def test_writes_mean_the_rows_that_are_read(writers: Any) -> None:
    """A filter before an aggregate says of which partners it is, whatever is done with the rows."""
    two = Writer.objects.filter(novels__pages__gt=150).annotate(n=Count("novels")).filter(n=2)
    assert [w.name for w in await two] == ["Ann"], "b and c"
    assert await two.update(city="Two") == 1
    assert await Writer.objects.filter(city="Two").values_list("name", flat=True) == ["Ann"]
    three = Writer.objects.filter(novels__pages__gt=150).annotate(n=Count("novels")).filter(n=3)
    assert (await three.count(), await three.update(city="Three")) == (0, 0)
    assert await Prize.objects.all().delete() == 2
    few = Review.objects.filter(novel__reviews__stars__gt=3).annotate(n=Count("novel__reviews")).filter(n=1)
    assert [r.stars for r in await few.order_by("id")] == [5, 1], "one of novel a's two has more than 3 stars"
    assert await few.delete() == 2
    assert await Review.objects.values_list("stars", flat=True) == [3]


async def test_update_takes_the_annotations_of_its_query(writers: Any) -> None:
    assert await Novel.objects.annotate(more=F("pages") + 1).filter(title="a").update(pages=F("more")) == 1
    counted = Novel.objects.annotate(n=Count("reviews"), city=F("writer__city"))
    assert await counted.filter(city="Rome", pages__gt=150).update(pages=F("n")) == 2
    pages = Novel.objects.order_by("title").values_list("title", "pages")
    assert await pages == [("a", 101), ("b", 1), ("c", 0), ("d", 50)]
    with pytest.raises(FieldError, match="not across relations"):
        await counted.update(title=F("city"))
    with pytest.raises(FieldError, match="not across relations"):
        await Novel.objects.update(pages=Sum("pages"))


async def test_conditions_are_values_about_any_partner(writers: Any) -> None:
    thick = Q(novels__pages__gt=150)
    found = [("Ann", True), ("Bob", False), ("Cy", False)]
    assert await writers.annotate(thick=thick).values_list("name", "thick") == found
    assert [tuple(row.values()) for row in await writers.values("name", thick=thick)] == found
    thin = [("Ann", False), ("Bob", True), ("Cy", True)]
    assert await writers.annotate(thin=~thick).values_list("name", "thin") == thin
    groups = Writer.objects.values(thick=thick).annotate(n=Count("id")).order_by("thick")
    assert await groups.values_list("thick", "n") == [(False, 2), (True, 1)]
    assert (await groups.to_arrow()).to_pydict() == {"thick": [False, True], "n": [2, 1]}


async def test_aggregates_of_a_slice_know_the_key(writers: Any) -> None:
    assert await writers[:2].aggregate(n=Count("pk"), most=Max("pk")) == {"n": 2, "most": 2}


async def test_conditions_inside_of_values_and_orders(writers: Any) -> None:
    thick = Q(novels__pages__gt=150)
    found = await writers.annotate(thick=Cast(thick, Integer)).values_list("name", "thick")
    assert found == [("Ann", 1), ("Bob", 0), ("Cy", 0)]
    names = Writer.objects.order_by(thick, "-name").values_list("name", flat=True)
    assert await names == ["Cy", "Bob", "Ann"]


async def test_a_partner_without_further_rows_is_no_value(writers: Any) -> None:
    """Novels b and c of two relations: the reviews of a novel without any are none, and no NULL among them."""
    stars = {"stars": ArrayAgg("novels__reviews__stars", order_by="novels__reviews__id")}
    found = writers.annotate(**stars, all=JsonAgg("novels__reviews__stars", order_by="novels__reviews__id"))
    answers = [("Ann", [5, 1, 3], [5, 1, 3]), ("Bob", None, None), ("Cy", None, None)]
    assert await found.values_list("name", "stars", "all") == answers
    assert (await found.values("stars").to_arrow())["stars"].to_pylist() == [[5, 1, 3], None, None]
    cities = Writer.objects.values("city").annotate(**stars).order_by("city")
    assert await cities.values_list("city", "stars") == [("Oslo", None), ("Rome", [5, 1, 3])]
    assert await Writer.objects.aggregate(**stars) == {"stars": [5, 1, 3]}
    # A value that is there without a row is one of each novel.
    zero = ArrayAgg(Coalesce("novels__reviews__stars", 0), order_by=["novels__id", "novels__reviews__id"])
    assert await writers.annotate(x=zero).values_list("x", flat=True) == [[5, 1, 3, 0], [0], None]
    # Of a key that may be NULL, the row is there.
    back = Novel.objects.values("writer__city").annotate(x=ArrayAgg("title", order_by="title"))
    assert await back.values_list("writer__city", "x") == [("Rome", ["a", "b", "c", "d"])]
