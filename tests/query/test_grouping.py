"""What a query with aggregates is grouped by: the first aggregate decides, whatever is chosen, kept or sorted later."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from chakra import (
    Avg,
    Count,
    F,
    Field,
    ForeignKey,
    Max,
    Min,
    Model,
    OuterRef,
    Q,
    Subquery,
    Sum,
    field,
    foreign_key,
)
from chakra.errors import FieldError
from chakra.types import Integer
from tests.query.conftest import watched


class Shelf(Model, table="shelves"):
    id: Field[int] = field(primary_key=True)
    label: Field[str]
    rank: Field[int] = field(Integer)

    class Meta:
        ordering = ["label"]  # noqa: RUF012


class Box(Model, table="boxes"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    size: Field[int] = field(Integer)
    shelf: ForeignKey[Shelf] = foreign_key(related_name="boxes")


@pytest.fixture
async def boxes(db: Any) -> Any:
    """Two shelves of one rank; boxes (name, size, shelf): x 1 zz, x 2 aa, y 3 aa."""
    await db.create_tables(Shelf, Box)
    zz, aa = await Shelf.objects.create(label="zz", rank=7), await Shelf.objects.create(label="aa", rank=7)
    for name, size, shelf in (("x", 1, zz), ("x", 2, aa), ("y", 3, aa)):
        await Box.objects.create(name=name, size=size, shelf=shelf)
    return Box.objects


async def rows(query: Any) -> list[Any]:
    """The rows of a query, sorted: groups come in no order."""
    return sorted(await query, key=repr)


async def test_values_after_annotate_choose_and_do_not_group(boxes: Any) -> None:
    query = boxes.annotate(n=Count("shelf"))
    assert await rows(query.values("name", "n")) == [
        {"name": "x", "n": 1}, {"name": "x", "n": 1}, {"name": "y", "n": 1},
    ]  # fmt: skip
    assert await query.values_list("n", flat=True) == [1, 1, 1]
    assert await query.values("name").count() == 3
    assert await query.filter(n=1).values_list("name", flat=True).order_by("id") == ["x", "x", "y"]
    assert await rows(query.values_list("name", flat=True).distinct()) == ["x", "y"]
    assert await boxes.values_list(Count("id")) == [(1,), (1,), (1,)]
    assert await rows(boxes.values("name", n=Count("id"))) == [
        {"name": "x", "n": 1}, {"name": "x", "n": 1}, {"name": "y", "n": 1},
    ]  # fmt: skip


async def test_values_before_annotate_group(boxes: Any) -> None:
    by_name = boxes.values("name").annotate(n=Count("id"), most=Max("size"))
    assert await rows(by_name) == [{"name": "x", "n": 2, "most": 2}, {"name": "y", "n": 1, "most": 3}]
    assert await by_name.count() == 2
    assert await by_name.filter(n__gt=1).values_list("name", flat=True) == ["x"]
    assert await by_name.filter(n__gt=1).count() == 1
    # Chosen fewer than grouped by: the groups stay.
    both = boxes.values("name", "size").annotate(n=Count("id"))
    assert await rows(both.values("name", "n")) == [
        {"name": "x", "n": 1}, {"name": "x", "n": 1}, {"name": "y", "n": 1},
    ]  # fmt: skip
    assert await rows(boxes.values("shelf__label").annotate(total=Sum("size"))) == [
        {"shelf__label": "aa", "total": 5}, {"shelf__label": "zz", "total": 1},
    ]  # fmt: skip
    assert await rows(boxes.values(half=F("size") / 2).annotate(n=Count("id"))) == [
        {"half": 0, "n": 1}, {"half": 1, "n": 2},
    ]  # fmt: skip


async def test_plain_values_beside_aggregates_join_the_groups(boxes: Any) -> None:
    assert await rows(boxes.values("name").annotate(t=Sum("size") + F("size"))) == [
        {"name": "x", "t": 2}, {"name": "x", "t": 4}, {"name": "y", "t": 6},
    ]  # fmt: skip
    by_size = boxes.values("name").annotate(n=Count("id")).order_by("-size")
    assert await by_size == [{"name": "y", "n": 1}, {"name": "x", "n": 2}]
    assert await by_size.count() == 2
    assert [b.t for b in await boxes.annotate(t=Sum("size") + F("size")).order_by("id")] == [2, 4, 6]
    with_label = boxes.annotate(n=Count("id"), label=F("shelf__label")).order_by("id")
    assert [(b.n, b.label) for b in await with_label] == [(1, "zz"), (1, "aa"), (1, "aa")]
    loaded = await boxes.annotate(n=Count("id")).select_related("shelf").order_by("id")
    assert [(b.n, b.shelf.label) for b in loaded] == [(1, "zz"), (1, "aa"), (1, "aa")]


async def test_what_each_row_has_may_be_grouped_by(boxes: Any) -> None:
    """Aggregates of partners are values of each row; what is aggregated after `values()` chose them is of these."""
    counted = Shelf.objects.annotate(n=Count("boxes"), total=Sum("boxes__size"))
    await Shelf.objects.create(label="empty", rank=9)
    await boxes.create(name="z", size=5, shelf_id=1)
    for query, expected in (
        (counted.values("n").annotate(k=Count("*")), [{"n": 0, "k": 1}, {"n": 2, "k": 2}]),
        (counted.values("n").annotate(k=Sum("rank")), [{"n": 0, "k": 9}, {"n": 2, "k": 14}]),
        (counted.values("rank").annotate(k=Sum("total")), [{"rank": 7, "k": 11}, {"rank": 9, "k": None}]),
        (
            counted.values(some=Q(n__gt=0)).annotate(k=Sum("n"), m=Max("label")),
            [{"some": False, "k": 0, "m": "empty"}, {"some": True, "k": 4, "m": "zz"}],
        ),
        (counted.filter(total__gt=5).values("n").annotate(k=Count("*")), [{"n": 2, "k": 1}]),
        (counted.values("n").annotate(k=Count("*")).filter(k__gt=1), [{"n": 2, "k": 2}]),
        (
            counted.values("n").annotate(k=Count("*", filter=Q(boxes__size=5))),
            [{"n": 0, "k": 0}, {"n": 2, "k": 1}],
        ),
        (
            counted.values("label", "n").annotate(m=Count("boxes__name")),  # of partners again: of each row
            [
                {"label": "aa", "n": 2, "m": 2},
                {"label": "empty", "n": 0, "m": 0},
                {"label": "zz", "n": 2, "m": 2},
            ],
        ),
    ):
        assert await rows(query) == expected
        assert sorted((await query.to_arrow()).to_pylist(), key=repr) == expected
        assert await query.count() == len(expected)
    assert await counted.values("n").annotate(k=Count("*")).aggregate(Max("k")) == {"k__max": 2}
    own = boxes.annotate(n=Count("*")).values("n").annotate(k=Count("*"))
    with pytest.raises(
        FieldError, match=r"n=Count\('\*'\) was said of each row, and no aggregate can be of another"
    ):
        await own


async def test_the_tables_order_does_not_group(boxes: Any) -> None:
    assert await Shelf.objects.values("rank").annotate(n=Count("id")) == [{"rank": 7, "n": 2}]


async def test_conditions_on_aggregates_and_on_rows_in_one(boxes: Any) -> None:
    query = boxes.annotate(n=Count("id"))
    assert await query.filter(Q(n=2) | Q(size=3)).values_list("id", flat=True) == [3]
    assert await query.exclude(n=1).count() == 0
    assert await query.filter(n=1).exists()
    assert not await query.filter(n=5).exists()


async def test_writing_what_a_condition_on_an_aggregate_keeps(boxes: Any) -> None:
    by_shelf = Shelf.objects.annotate(n=Count("*"))
    with watched(boxes.database) as statements:
        assert await by_shelf.filter(n=1).update(rank=F("rank") + 1) == 2
    assert len(statements) == 1
    assert await by_shelf.filter(n=2).update(rank=0) == 0
    assert await Shelf.objects.values_list("rank", flat=True) == [8, 8]
    assert await boxes.annotate(n=Count("id")).filter(n=1, name="x").delete() == 2
    assert await boxes.count() == 1
    with pytest.raises(FieldError, match="grouped by name"):
        await boxes.values("name").annotate(n=Count("id")).filter(n=1).delete()


async def test_unnamed_aggregates_are_named_after_their_field(boxes: Any) -> None:
    assert await boxes.aggregate(Sum("size"), Max("size"), n=Count("*")) == {
        "size__sum": 6, "size__max": 3, "n": 3,
    }  # fmt: skip
    assert [b.id__count for b in await boxes.annotate(Count("id"))] == [1, 1, 1]
    assert await rows(boxes.values("name").annotate(Count("shelf__label"))) == [
        {"name": "x", "shelf__label__count": 2}, {"name": "y", "shelf__label__count": 1},
    ]  # fmt: skip
    for nameless in (Count("*"), Sum(F("size") + 1), F("size")):
        with pytest.raises(FieldError, match="has no name of its own; give it one"):
            boxes.annotate(nameless)
    with pytest.raises(FieldError, match="two values are named 'size__sum'"):
        boxes.annotate(Sum("size"), Sum("size"))


async def test_aggregates_that_are_not_awaited_are_values(boxes: Any) -> None:
    mean = boxes.filter(size__gt=1).aggregate(mean=Avg("size"))  # 2.5
    of_shelf = boxes.filter(shelf=OuterRef("shelf"))
    for query, expected in (
        (boxes.filter(size__gt=mean), [3]),
        (boxes.filter(F("size") < mean), [1, 2]),
        (boxes.exclude(size__gt=mean), [1, 2]),
        (boxes.filter(size=of_shelf.aggregate(Max("size"))), [1, 3]),
        (boxes.filter(size=of_shelf.aggregate(x=Max("size") - 1)), [2]),
        (boxes.filter(size__in=boxes.aggregate(Min("size"))), [1]),
        (boxes.filter(size=boxes.order_by("size")[:2].aggregate(Max("size"))), [2]),
        (boxes.filter(size=boxes.values("name").annotate(n=Count("*")).aggregate(Max("n"))), [2]),
        (boxes.filter(size=boxes.none().aggregate(Max("size"))), []),
        (boxes.filter(size__gt=boxes.none().aggregate(Max("size", default=1))), [2, 3]),
    ):
        assert await query.order_by("id").values_list("id", flat=True) == expected
        assert (await query.order_by("id").values("id").to_arrow())["id"].to_pylist() == expected
    each = boxes.annotate(most=Subquery(of_shelf.aggregate(Max("size")))).order_by("id")
    assert await each.values_list("most", flat=True) == [1, 3, 3]
    assert await mean == {"mean": Decimal("2.5")}

    found = await boxes.filter(size__gt=1).aggregate(total=Sum("size"), n=Count("*")).to_arrow()
    assert found.to_pylist() == [{"total": 5, "n": 2}] and found.schema.names == ["total", "n"]
    sql, values = boxes.filter(size__gt=1).aggregate(n=Count("*")).to_sql()
    assert (await boxes.database.fetch(sql, *values))[0]["n"] == 2
    with pytest.raises(FieldError, match="gives 2 values a row"):
        await boxes.filter(size=boxes.aggregate(Max("size"), Min("size")))
    with pytest.raises(FieldError, match="needs one: slice it"):
        await boxes.filter(size=boxes.values("name").annotate(n=Count("*")).values("n"))
    with pytest.raises(TypeError, match="a number only once it was awaited"):
        boxes.aggregate(n=Count("*")) + 1
    with pytest.raises(AttributeError, match=r"was not awaited, and has no \.filter before"):
        boxes.aggregate(n=Count("*")).filter()


async def test_aggregates_over_what_is_cut_distinct_or_grouped(boxes: Any) -> None:
    """They are taken of the rows the query gives, those of a subquery."""
    assert await boxes.order_by("-id")[:2].aggregate(total=Sum("size")) == {"total": 5}
    assert await boxes.values("name").distinct().aggregate(n=Count("*")) == {"n": 2}
    by_name = boxes.values("name").annotate(n=Count("id"))
    assert await by_name.aggregate(most=Max("n"), names=Count("name")) == {"most": 2, "names": 2}
    assert await boxes.annotate(double=Sum("size") * 2).aggregate(all=Sum("double")) == {"all": 12}
    assert await by_name.filter(n__gt=1).aggregate(Max("n")) == {"n__max": 2}
    with pytest.raises(FieldError, match="has no field 'shelf'"):
        await by_name.aggregate(Max("shelf__rank"))


async def test_distinct_rows_in_an_order_of_something_else(boxes: Any) -> None:
    """Rows that are alike come once, where the first of them stands; the table's own order gives way."""
    names = boxes.values_list("name", flat=True).distinct()
    assert await names.order_by("-size") == ["y", "x"]
    assert await names.order_by("-size").count() == 2
    assert (await boxes.values("name").distinct().order_by("-size").to_arrow())["name"].to_pylist() == [
        "y",
        "x",
    ]
    assert await names.order_by("-size").reverse() == ["x", "y"]
    assert await boxes.values_list("name", flat=True).distinct().order_by("-name") == ["y", "x"]
    assert await Shelf.objects.values_list("rank", flat=True).distinct() == [7]
    assert await names.order_by("-size")[1:3] == ["x"]
    firsts = boxes.distinct("name").order_by("-size")
    assert [(b.name, b.size) for b in await firsts] == [("y", 3), ("x", 2)]
    assert [(b.name, b.size) for b in await boxes.distinct("name").order_by("name", "size")] == [
        ("x", 1),
        ("y", 3),
    ]
    assert await firsts.count() == 2
    assert [s.label for s in await Shelf.objects.distinct("rank").order_by("-label")] == ["zz"]


async def test_the_name_of_a_relation_sorts_by_the_order_of_its_table(boxes: Any) -> None:
    """Its key sorts by the key."""
    assert await boxes.order_by("shelf", "id").values_list("id", flat=True) == [2, 3, 1]
    assert await boxes.order_by("-shelf", "-id").values_list("id", flat=True) == [1, 3, 2]
    assert await boxes.order_by("shelf_id", "id").values_list("id", flat=True) == [1, 2, 3]
    assert await boxes.order_by("shelf", "id").reverse().values_list("id", flat=True) == [1, 3, 2]
    assert await Shelf.objects.order_by("rank").first() is not None
