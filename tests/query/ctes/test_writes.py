"""Writes in WITH: what was written comes back, each time it is asked for, and no read that is repeated writes."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

import chakra
from chakra import CTE, Case, F, Field, Model, Q, Subquery, Sum, When, field
from chakra.errors import DataError, FieldError, NotNullViolation
from chakra.sql import select_statement
from chakra.types import Integer
from tests.query.conftest import watched
from tests.query.ctes.tables import MODELS, Author, Node, Old, Post, fill
from tests.query.ctes.test_answers import TOTALS
from tests.relations.conftest import SHARED

__all__ = ["MODELS", "fill"]

pytestmark = SHARED

AUTHORS, POSTS, OLD = Author.objects, Post.objects, Old.objects
IDS = POSTS.order_by("id").values_list("id", flat=True)


async def test_update_and_give_me_the_rows(rows: Any) -> None:
    found = (
        await POSTS.filter(views__gt=10).updating(views=F("views") + 1, title="new").objects.order_by("id")
    )
    assert [(p.id, p.title, p.views, p.price, p.author_id) for p in found] == [
        (2, "new", 31, None, 1),
        (4, "new", 21, D("3.00"), None),
    ]
    assert await POSTS.filter(title="new").order_by("id").values_list("views", flat=True) == [31, 21]
    found[0].title = "newer"
    await found[0].save()
    assert (await POSTS.get(id=2)).title == "newer"
    named = POSTS.filter(id=1).updating("id", "author", author=AUTHORS_2)
    assert await named.objects == [{"id": 1, "author_id": 2}]
    query = POSTS.filter(id__lt=3).select_related("author").updating(views=None).objects.order_by("id")
    assert [(p.views, p.author.name) for p in await query] == [(None, "Bob"), (None, "Ann")]
    chosen = Case(When(Q(id=3), then=1), default=F("views"))
    assert [p.views for p in await POSTS.filter(id__gte=3).updating(views=chosen).objects.order_by("id")] == [
        1,
        21,
        5,
    ]
    per = Subquery(TOTALS.filter(author=chakra.OuterRef("id")).values("n"))
    assert await AUTHORS.filter(id=2).updating("name", name=per).objects == [{"name": "2"}]
    assert await POSTS.filter(author__city="Rome").updating("id", title="r").objects.order_by("id") == [
        {"id": 1},
        {"id": 3},
    ]


AUTHORS_2 = Author(id=2, name="Bob", city=None)


async def test_delete_and_give_me_the_rows(rows: Any) -> None:
    gone = await POSTS.filter(author=1).deleting().objects.order_by("-id")
    assert [(p.id, p.title, p.price) for p in gone] == [(2, "b", None), (1, "a", D("1.50"))]
    assert await IDS == [3, 4, 5]
    assert await POSTS.filter(id__gt=3).deleting("title").objects.order_by("title") == [
        {"title": "d"},
        {"title": "e"},
    ]
    assert await POSTS.deleting("id").objects.values_list("id", flat=True) == [3]
    assert await POSTS.deleting("id").objects == []


async def test_rows_move_from_one_table_to_another(rows: Any) -> None:
    moved = POSTS.filter(views__gte=10).deleting("id", "title", "views")
    with watched(rows) as sent:
        found = await OLD.inserting(moved.objects).objects.order_by("id")
    assert len(sent) == 1
    expected = [(1, "a", 10, "moved"), (2, "b", 30, "moved"), (4, "d", 20, "moved")]
    assert [(o.id, o.title, o.views, o.note) for o in found] == expected
    assert await OLD.order_by("id").values_list("id", "title", "views", "note") == expected
    assert await IDS == [3, 5]
    again = OLD.inserting(
        POSTS.filter(id=5).deleting().objects.values("id", "title", note=F("title")), "id", "note"
    )
    assert await again.objects == [{"id": 5, "note": "e"}]
    sliced = POSTS.order_by("-id").values("id", "title")[:1]
    assert await OLD.inserting(sliced, "id", "views").objects == [{"id": 3, "views": None}]


async def test_beside_other_rows(rows: Any) -> None:
    gone = POSTS.filter(id__in=[2, 5]).deleting()
    query = AUTHORS.with_(gone=gone).order_by("id").values("id", "gone__title")
    assert await query == [
        {"id": 1, "gone__title": "b"},
        {"id": 2, "gone__title": None},
        {"id": 3, "gone__title": "e"},
        {"id": 4, "gone__title": None},
    ]
    assert await IDS == [1, 3, 4]
    # It writes, whether its rows are read or not, and however many of them.
    assert await AUTHORS.with_(gone=POSTS.filter(id=4).deleting()).count() == 4
    assert await IDS == [1, 3]
    assert await POSTS.filter(id=3).deleting().objects.filter(id=99).first() is None
    assert await IDS == [1]
    # A main statement that writes, too.
    left = POSTS.deleting("author").objects.values("author")
    assert await AUTHORS.filter(id__in=left).update(city="gone") == 1
    assert (await AUTHORS.get(id=1)).city == "gone"
    assert await IDS == []


async def test_a_queue(rows: Any) -> None:
    """The first rows that nobody else has locked."""
    async with rows.transaction():
        waiting = CTE(POSTS.order_by("id").select_for_update(skip_locked=True)[:2])
        taken = (
            await POSTS.filter(id__in=waiting.objects).updating("id", title="running").objects.order_by("id")
        )
        assert taken == [{"id": 1}, {"id": 2}]
    # One statement that locks and writes needs no transaction around it.
    assert (
        await POSTS.filter(id__in=waiting.objects).updating("title", title="done").objects
        == [{"title": "done"}] * 2
    )
    assert await POSTS.filter(id__in=waiting.objects).update(title="done") == 2


async def test_each_time_it_is_awaited(rows: Any) -> None:
    more = POSTS.filter(id=1).updating("views", views=F("views") + 1).objects
    assert [(await more)[0]["views"] for _ in range(3)] == [11, 12, 13]
    assert [row["views"] async for row in more] == [14]
    assert await more.exists()
    assert await more.count() == 1
    assert (await more.get())["views"] == 17
    assert await more.aggregate(s=Sum("views")) == {"s": 18}
    both = POSTS.filter(id__lt=3).updating("id", title="s").objects.order_by("id")
    assert [row["id"] async for row in both.iterator(1)] == [1, 2]
    async for _ in both.iterator(1):
        break  # all of it is written before the first row is there
    assert await POSTS.filter(title="s").count() == 2
    repr(more), more.to_sql(), await more.explain()
    assert (await POSTS.get(id=1)).views == 18
    with pytest.raises(ZeroDivisionError):
        async with rows.transaction():
            assert await POSTS.deleting().objects.count() == 5
            raise ZeroDivisionError
    assert await POSTS.count() == 5


def statement(query: Any) -> Any:
    return select_statement(query._select)[0].statement


async def test_what_the_connection_layer_knows(rows: Any) -> None:
    """Nothing that runs a statement a second time, or somewhere else, takes it for a read."""
    query = POSTS.filter(id=1).updating("id", title="x", views=F("id")).objects
    found = statement(query)
    assert not found.reads
    assert ('"posts"', True) in found.touches
    assert [(table.name, names) for table, names in found.writes] == [("posts", ("title",))]
    assert statement(POSTS.filter(id=1)).reads
    for around in (
        AUTHORS.with_(x=POSTS.deleting()),
        AUTHORS.filter(id__in=POSTS.deleting("author").objects.values("author")),
        POSTS.all().union(POSTS.deleting().objects),
        OLD.inserting(POSTS.deleting("id", "title").objects).objects,
        CTE(POSTS.deleting().objects).objects,
    ):
        assert not statement(around).reads


@pytest.mark.parametrize(
    "verb", ["to_arrow", "to_polars", "arrow_schema", "read_plan", "arrow_batches", "nested"]
)
async def test_columns_are_not_read_of_a_write(rows: Any, verb: str) -> None:
    query = POSTS.deleting().objects
    with pytest.raises(
        FieldError, match="the query writes rows of Post, and columns may be read more than once"
    ):
        if verb == "arrow_batches":
            async for _ in query.arrow_batches():
                pass
        elif verb == "nested":
            await query.prefetch_related("author").to_arrow(nested=True)
        else:
            await getattr(query, verb)()
    assert await POSTS.count() == 5


class Narrow(Model, table="narrow"):
    id: Field[int] = field(primary_key=True)
    n: Field[int] = field(Integer)
    text: Field[str]


async def test_columns_that_are_others_than_declared(rows: Any) -> None:
    await rows.execute("DROP TABLE IF EXISTS narrow")
    await rows.execute("CREATE TABLE narrow (id bigint PRIMARY KEY, n numeric(4, 1), text json)")
    await rows.execute("INSERT INTO narrow VALUES (1, 2, '{\"a\": 1}')")
    try:
        with pytest.raises(FieldError, match=r"Narrow\.n is declared as integer and is numeric"):
            await Narrow.objects.updating(n=3).objects
        assert await Narrow.objects.updating("text", n=F("n") + 1).objects == [{"text": '{"a": 1}'}]
    finally:
        await rows.execute("DROP TABLE narrow")


async def test_values_are_checked_as_in_other_writes(rows: Any) -> None:
    with pytest.raises(DataError, match=r"Post\.views"):
        await POSTS.updating(views=2**40).objects
    with pytest.raises(DataError, match=r"Post\.price"):
        await POSTS.updating(price=D("1.234")).objects
    with pytest.raises(NotNullViolation):
        await POSTS.updating(title=None).objects
    assert await POSTS.filter(title="'; DROP TABLE posts; --").updating("id", title="\"'%").objects == []
    assert await POSTS.count() == 5


REFUSED: list[tuple[str, Any]] = [
    ("at least one field to set", lambda: POSTS.updating("id")),
    ("no field 'nothing'", lambda: POSTS.updating(nothing=1)),
    ("no field 'nothing'", lambda: POSTS.updating("nothing", views=1)),
    ("no field 'nothing'", lambda: POSTS.deleting("nothing")),
    ("no field 'author__name'", lambda: POSTS.deleting("author__name")),
    ("deleting", lambda: POSTS.deleting(3)),
    ("stands twice", lambda: POSTS.deleting("id", "id")),
    ("fields of the same table only", POSTS.updating(title=F("author__name")).objects.to_sql),
    ("takes a query, not 3", lambda: OLD.inserting(3)),
    ("takes a query of values", lambda: OLD.inserting(POSTS)),
    ("Old has no field 'price'", lambda: OLD.inserting(POSTS.values("id", "price"))),
    ("stands twice", lambda: POSTS.inserting(POSTS.values("author", "author_id"))),
    ("no field 'nothing'", lambda: OLD.inserting(POSTS.values("id", "title"), "nothing")),
    ("locks rows of tables", lambda: POSTS.deleting().objects.select_for_update().to_sql()),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
async def test_refused(rows: Any, case: int) -> None:
    text, make = REFUSED[case]
    with pytest.raises(FieldError, match=text):
        make()


async def test_a_tree_goes_with_its_leaves(rows: Any) -> None:
    tree = CTE.recursive(
        Node.objects.filter(name="left").values("id"),
        lambda up: Node.objects.join(up=up, on=Q(parent=F("up__id"))).values("id"),
    )
    gone = Node.objects.filter(id__in=tree.objects.values("id")).deleting("name")
    assert await gone.objects.order_by("name").values_list("name", flat=True) == ["leaf", "left", "twig"]
    assert await Node.objects.count() == 4


async def test_tables_without_a_model(rows: Any) -> None:
    posts = rows.table("posts")
    with pytest.raises(FieldError, match="not known before it was read"):
        rows.table("nodes").deleting("id")
    await posts.reflect()
    found = (
        await posts.filter(views__gt=10).updating("id", "views", views=F("views") + 1).objects.order_by("id")
    )
    assert found == [{"id": 2, "views": 31}, {"id": 4, "views": 21}]
    old = rows.table("old_posts")
    await old.reflect()
    moved = posts.filter(id=2).deleting("id", "title").objects
    assert await old.inserting(moved.values("id", "title", note=F("title"))).objects == [
        {"id": 2, "title": "b", "views": None, "note": "b"}
    ]
    assert await posts.count() == 4
