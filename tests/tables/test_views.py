"""Views as models: every way of reading them, every way of writing them refused, and what their queries are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chakra import (
    Count,
    Exists,
    F,
    Field,
    FieldError,
    ForeignKey,
    Index,
    Model,
    OuterRef,
    Prefetch,
    Q,
    Sum,
    Value,
    Window,
    field,
    foreign_key,
    many_to_many,
)
from chakra.functions import Lower
from chakra.sql.ddl import create_statements
from chakra.types import BigInt, Integer, Numeric, Text
from tests.relations.conftest import SHARED

pytestmark = SHARED


HOSTILE = "'; DROP TABLE authors; --"


class Author(Model):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Post(Model):
    id: Field[int] = field(primary_key=True)
    author: ForeignKey[Author] = foreign_key(related_name="posts")
    title: Field[str]
    price: Field[Any] = field(Numeric(8, 2))
    draft: Field[bool] = field(default=False)

    class Meta:
        table = 'po"sts'


class Stats(Model):
    """Grouped, over a relation, with a hostile literal."""

    author: ForeignKey[Author] = foreign_key(primary_key=True, related_name="stats")
    name: Field[str]
    posts: Field[int] = field(comment="how many")
    total: Field[Any] = field(Numeric, column="sum's")

    class Meta:
        comment = "what's sold"
        view = lambda: (  # noqa: E731
            Post.objects.exclude(title="'; DROP TABLE authors; --")
            .values("author", name=F("author__name"))
            .annotate(posts=Count("id"), total=Sum("price"))
        )


class Published(Model):
    """Rows of a query for instances: the columns of the view's names."""

    id: Field[int] = field(primary_key=True)
    title: Field[str]
    author: ForeignKey[Author] = foreign_key(related_name="published")

    class Meta:
        view = lambda: Post.objects.filter(draft=False)  # noqa: E731
        ordering = ("title",)


class Rich(Model, view="SELECT name, posts + 1 AS more FROM statss WHERE posts > 1;", table="rich ones"):
    """SQL text over another view."""

    name: Field[str] = field(primary_key=True)
    more: Field[int] = field(Integer)


class Top(Model):
    """Materialized, with indexes."""

    post: ForeignKey[Published] = foreign_key(primary_key=True, related_name="tops")
    name: Field[str]
    place: Field[int]

    class Meta:
        materialized = True
        storage = {"fillfactor": 70}  # noqa: RUF012
        comment = "the best"
        indexes = (Index("name"),)
        view = lambda: Published.objects.values(  # noqa: E731
            post=F("id"),
            name=F("author__name"),
            place=Window(Count("id"), partition_by="author", order_by="title"),
        )


# Views first: their tables have to be made before them all the same.
MODELS = (Rich, Top, Stats, Published, Post, Author)


async def fill() -> None:
    ann, bob = await Author.objects.bulk_create([Author(name="Ann"), Author(name="Bob")])
    await Post.objects.bulk_create(
        [
            Post(author=ann, title="b", price="1.50"),
            Post(author=ann, title="A", price="2.25"),
            Post(author=ann, title="c", price="0.25", draft=True),
            Post(author=bob, title="d", price="9.00"),
            Post(author=bob, title="'; DROP TABLE authors; --", price="100"),
        ]
    )
    await Top.refresh()


READS: dict[str, tuple[Callable[[], Any], Any]] = {
    "rows": (lambda: Stats.objects.order_by("name").values_list("name", "posts"), [("Ann", 3), ("Bob", 1)]),
    "filter and get": (lambda: Stats.objects.filter(posts__gt=1).values_list("name", flat=True).get(), "Ann"),
    "by key": (lambda: Stats.objects.values_list("name", flat=True).get(pk=2), "Bob"),
    "along a key": (lambda: Stats.objects.filter(author__name="Bob").count(), 1),
    "from a table": (lambda: Author.objects.filter(stats__posts=3).values_list("name", flat=True), ["Ann"]),
    "annotate": (
        lambda: Stats.objects.annotate(low=Lower("name")).order_by("low").values_list("low", flat=True),
        ["ann", "bob"],
    ),
    "aggregate": (lambda: Stats.objects.aggregate(n=Sum("posts")), {"n": 4}),
    "exists": (lambda: Stats.objects.filter(posts=7).exists(), False),
    "first by ordering": (
        lambda: Published.objects.values_list("title", flat=True).first(),
        "'; DROP TABLE authors; --",
    ),
    "in_bulk": (lambda: _names(Stats.objects.in_bulk([1])), {1: "Ann"}),
    "union": (
        lambda: Rich.objects.values_list("name", flat=True).union(Stats.objects.values_list("name", flat=True)).count(),
        2,
    ),
    "view of a view": (lambda: Rich.objects.values_list("name", "more"), [("Ann", 4)]),
    "materialized": (
        lambda: Top.objects.order_by("post_id").values_list("post", "name", "place"),
        [(1, "Ann", 2), (2, "Ann", 1), (4, "Bob", 2), (5, "Bob", 1)],
    ),
    "view to view": (lambda: Top.objects.filter(post__title="d").values_list("name", flat=True), ["Bob"]),
    "distinct and slice": (
        lambda: Top.objects.order_by("name").distinct("name")[1:].values_list("name", flat=True),
        ["Bob"],
    ),
}  # fmt: skip


async def _names(found: Any) -> dict[Any, str]:
    return {key: row.name for key, row in (await found).items()}


@pytest.mark.parametrize("read", READS)
async def test_reading(rows: Any, read: str) -> None:
    ask, answer = READS[read]
    assert await ask() == answer


async def test_instances_and_what_is_loaded_along(rows: Any) -> None:
    ann, bob = await Stats.objects.order_by("name").select_related("author")
    assert (ann.author.name, ann.posts, bob.total) == ("Ann", 3, 9)
    assert repr(ann).startswith("Stats(author_id=1, name='Ann', posts=3")
    (author,) = await Author.objects.filter(id=1).prefetch_related(
        "stats", Prefetch("published", to_attr="shown")
    )
    assert [s.posts for s in await author.stats] == [3]
    assert [p.title for p in author.shown] == ["A", "b"]
    (one,) = await Published.objects.filter(title="d").prefetch_related("tops")
    assert [t.place for t in await one.tops] == [2]
    assert (await bob.author).name == "Bob"
    ann.posts = 0
    await ann.refresh()
    assert ann.posts == 3
    streamed = [s.name async for s in Stats.objects.order_by("name")]
    assert streamed == ["Ann", "Bob"]


async def test_columns(rows: Any) -> None:
    table = await Stats.objects.order_by("name").to_arrow()
    assert table.to_pydict()["posts"] == [3, 1]
    assert [str(f.type) for f in table.schema] == [
        "int64",
        "string",
        "int64",
        "string",
    ] or table.num_rows == 2
    top = await Top.objects.filter(name="Ann").select_related("post").to_polars()
    assert sorted(top["place"].to_list()) == [1, 2]
    batches = [b async for b in Published.objects.arrow_batches(max_rows=2)]
    assert sum(b.num_rows for b in batches) == 4
    assert (
        await Stats.objects.order_by().to_arrow(partitions=2)
    ).num_rows == 2  # a view has no addresses: in one part
    parts = await Stats.objects.order_by().to_arrow(partitions=2, partition_by="author_id")
    assert sorted(parts["name"].to_pylist()) == ["Ann", "Bob"]


async def _stats() -> Any:
    return await Stats.objects.get(pk=1)


async def _author() -> Any:
    return await Author.objects.get(pk=1)


WRITES: dict[str, Callable[[], Any]] = {
    "create": lambda: Stats.objects.create(author_id=3, name="C", posts=1),
    "save": lambda: Stats(author_id=3, name="C", posts=1).save(),
    "get_or_create": lambda: Stats.objects.get_or_create(pk=1),
    "update_or_create": lambda: Stats.objects.update_or_create(pk=1, defaults={"name": "x"}),
    "update": lambda: Published.objects.update(title="x"),
    "delete": lambda: Published.objects.filter(id=1).delete(),
    "bulk_create": lambda: Published.objects.bulk_create([Published(title="x", author_id=1)]),
    "bulk_insert": lambda: Published.objects.bulk_insert({"title": ["x"], "author_id": [1]}),
    "bulk_update": lambda: Published.objects.bulk_update({"id": [1], "title": ["x"]}),
    "sync_sequences": lambda: Published.objects.sync_sequences(),  # noqa: PLW0108 - no table yet
}


@pytest.mark.parametrize("verb", WRITES)
async def test_writes_are_refused_by_name(rows: Any, verb: str) -> None:
    with pytest.raises(FieldError, match=rf"(Stats|Published) is a view, and {verb}\(\) cannot write to it"):
        await WRITES[verb]()


async def test_writes_of_instances_and_sets_are_refused(rows: Any) -> None:
    stats = await _stats()
    stats.posts = 7
    with pytest.raises(FieldError, match=r"Stats is a view, and save\(\) cannot"):
        await stats.save()
    with pytest.raises(FieldError, match=r"Stats is a view, and delete\(\) cannot"):
        await stats.delete()
    author = await _author()
    with pytest.raises(FieldError, match="Published is a view"):
        await author.published.create(title="x")
    with pytest.raises(FieldError, match="Published is a view"):
        await author.published.add(await Published.objects.get(title="d"))
    with pytest.raises(
        FieldError, match=r"Top is a materialized view, and update\(\).*await Top.refresh\(\)"
    ):
        await Top.objects.update(name="x")


async def test_refresh(rows: Any) -> None:
    await Post.objects.filter(title="d").update(draft=True)
    assert await Top.objects.count() == 4
    await Top.refresh(concurrently=True)
    assert await Top.objects.count() == 3
    async with rows.transaction():
        await Post.objects.update(draft=True)
        await Top.refresh()
        assert await Top.objects.count() == 0
        await Top.refresh(with_data=False)
    with pytest.raises(Exception, match="has not been populated"):
        await Top.objects.count()
    await Top.refresh()
    with pytest.raises(FieldError, match="Stats is no materialized view"):
        await Stats.refresh()
    with pytest.raises(FieldError, match="leave out with_data=False"):
        await Top.refresh(concurrently=True, with_data=False)


class Loose(Model):
    name: Field[str]

    class Meta:
        materialized = True
        indexes = (Index("(lower(name))", unique=True),)
        view = "SELECT name FROM authors"


async def test_refresh_concurrently_needs_a_key() -> None:
    with pytest.raises(FieldError, match=r"concurrently=True\) needs a key"):
        await Loose.refresh(concurrently=True)


async def test_the_catalog_says_so(rows: Any) -> None:
    found = {t.name: t.kind for t in await rows.tables()}
    assert {found[n] for n in ("statss", "publisheds", "rich ones")} == {"view"}
    assert found["tops"] == "materialized view"
    read = {name: (await rows.table(f'"{name}"').reflect()).table for name in ("statss", "tops")}
    assert read["statss"].comment == "what's sold"
    assert {c.name: c.comment for c in read["statss"].columns}["posts"] == "how many"
    assert {c.name: c.type.sql for c in read["statss"].columns} == {
        "author_id": "bigint", "name": "text", "posts": "bigint", "sum's": "numeric",
    }  # fmt: skip
    assert read["tops"].storage == (("fillfactor", "70"),) == Top.__table__.storage
    assert [(i.columns, i.unique) for i in read["tops"].indexes] == [(("post_id",), True), (("name",), False)]
    assert read["tops"].view.materialized and not read["statss"].view.materialized
    # Rows of a view without a model are dicts; the server decides whether they can be written.
    assert await rows.table("publisheds").filter(title="d").update(title="e") == 1
    assert await Published.objects.filter(title="e").count() == 1


async def test_a_view_made_of_its_description_is_the_same(rows: Any) -> None:
    names = ("statss", "publisheds", '"rich ones"', "tops")
    before = [(await rows.table(name).reflect()).table for name in names]
    await rows.drop_tables(Stats, Published, Rich, Top)
    assert [t.kind for t in await rows.tables() if t.kind != "table"] == []
    for statement in create_statements(reversed(before)):
        await rows.execute(statement)
    assert [(await rows.table(name).reflect()).table for name in names] == before


async def test_existing_views(rows: Any) -> None:
    with pytest.raises(Exception, match=r"already exists.*if_not_exists=True.*replace_views=True"):
        await rows.create_tables(Stats)
    await rows.create_tables(*MODELS, if_not_exists=True)
    assert await Stats.objects.count() == 2

    class Other(Model, table="publisheds", view=lambda: Post.objects.filter(draft=True), comment="others"):
        id: Field[int] = field(primary_key=True)
        title: Field[str]
        author: ForeignKey[Author] = foreign_key()

    await rows.create_tables(Other, if_not_exists=True)
    assert await Published.objects.count() == 4
    await rows.create_tables(Other, replace_views=True)
    assert [p.title for p in await Published.objects.all()] == ["c"]
    assert (await rows.table("publisheds").reflect()).table.comment == "others"
    await rows.create_tables(Published, replace_views=True)
    assert (await rows.table("publisheds").reflect()).table.comment is None
    await rows.create_tables(Top, replace_views=True)
    assert await Top.objects.count() == 4


VIEWS: dict[str, tuple[Callable[[], Any], list[tuple[int, str]]]] = {
    "a union": (
        lambda: Author.objects.filter(name="Ann").union(Author.objects.filter(id=2)),
        [(1, "Ann"), (2, "Bob")],
    ),
    "a union of values": (
        lambda: Author.objects.values("id", "name").union(Post.objects.filter(id=4).values("id", name=F("title"))),
        [(1, "Ann"), (2, "Bob"), (4, "d")],
    ),
    "instances with values": (
        lambda: Author.objects.filter(id=2).annotate(n=Count("posts")).filter(n=2),
        [(2, "Bob")],
    ),
    "a slice": (lambda: Published.objects.order_by("-id")[:1].values("id", name=F("title")), [(5, HOSTILE)]),
    "distinct": (
        lambda: Post.objects.values(name=F("author__name"), id=F("author")).distinct(),
        [(1, "Ann"), (2, "Bob")],
    ),
    "a subquery": (
        lambda: Author.objects.filter(Exists(Post.objects.filter(author=OuterRef("pk"), price__gt=50))),
        [(2, "Bob")],
    ),
    "a related row": (lambda: Post.objects.filter(id=1).values("id", name=Lower("author__name")), [(1, "ann")]),
    "text": (lambda: "WITH a AS (SELECT * FROM authors) TABLE a; ", [(1, "Ann"), (2, "Bob")]),
    "values": (lambda: "VALUES (7, 'it''s; -- $1')", [(7, "it's; -- $1")]),
    "nothing": (lambda: Author.objects.none(), []),  # noqa: PLW0108 - no table yet
}  # fmt: skip


@pytest.mark.parametrize("case", VIEWS)
async def test_queries_of_views(rows: Any, case: str) -> None:
    make, answer = VIEWS[case]
    columns = {"id": field(BigInt, primary_key=True)}
    if case == "values":
        columns = {"id": field(Integer, column="column1"), "name": field(Text, column="column2")}
    made = view(make, **columns)
    await rows.create_tables(made)
    try:
        assert await made.objects.order_by("id").values_list("id", "name") == answer
        assert (await made.objects.to_arrow()).num_rows == len(answer)
    finally:
        await rows.drop_tables(made)


async def test_an_order_that_nobody_asked_for_is_left_out() -> None:
    made = view(lambda: Published.objects.values("id", name=F("title")), id=field(BigInt))
    assert "ORDER BY" not in made.__table__.view.sql
    made = view(lambda: Published.objects.values("id", name=F("title")).order_by("id"), id=field(BigInt))
    assert "ORDER BY" in made.__table__.view.sql


def view(given: Any, **columns: Any) -> Any:
    """A model over a view of two columns."""
    body = {
        "id": field(Integer, primary_key=True),
        "name": field(Text),
        "__module__": __name__,
        "__qualname__": "V",
    }
    return type(Model)("V", (Model,), {**body, **columns}, view=given)


def meta(**words: Any) -> Any:
    """A class statement with these words."""
    body = {"name": field(Text), "__module__": __name__, "__qualname__": "V"}
    return type(Model)("V", (Model,), body, **words)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a column is missing": (
        lambda: view(lambda: Author.objects.values("id")),
        "V declares name, which the query does not give; values",
    ),
    "a column too many": (
        lambda: view(lambda: Author.objects.values("id", "name", more=Value(1))),
        "the query gives more, which V does not declare",
    ),
    "no such field": (lambda: view(lambda: Author.objects.filter(nme="x")), "V.Meta.view: .*nme"),
    "not of instances": (lambda: view(lambda: Post.objects.filter(draft=True)), "V.Meta.view: .*'name'"),
    "another type": (
        lambda: view(lambda: Author.objects.values("id", name=F("id"))),
        r"V.name is declared as text, and the query gives bigint; declare that, or Cast\(\) it",
    ),
    "no query": (lambda: view(3), "V.Meta.view is a query of models, or"),
    "several statements": (lambda: view("SELECT 1 AS id, '' AS name; DROP TABLE authors"), "is one SELECT"),
    "nothing": (lambda: view(" ; "), "is one SELECT"),
    "parameters": (lambda: view("SELECT $1 AS id, '' AS name"), "a view has no parameters"),
    "a lock": (lambda: view(lambda: Author.objects.select_for_update(nowait=True)), "locks no rows"),
    "many to many from a view": (
        lambda: view(lambda: Author.objects.values("id", "name"), others=many_to_many(Author)),
        "V is a view, to whose rows no table between can hold keys",
    ),
    "a key to a view": (
        lambda: type(Model)(
            "V",
            (Model,),
            {"to": foreign_key(Stats, null=True), "__module__": __name__, "__qualname__": "V"},
        ),
        "V.to: Stats is a view, to whose rows no key",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_no_view(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(FieldError, match=message):
        _ = make().__table__


WORDS: dict[str, tuple[dict[str, Any], str]] = {
    "materialized alone": ({"materialized": True}, "materialized=True is about a view"),
    "constraints": (
        {"view": "SELECT 1", "unique_together": ("name",)},
        "V is a view, which has no unique_together",
    ),
    "partitions": ({"view": "SELECT 1", "partition_by": ("hash", "name")}, "which has no partition_by"),
    "indexes": (
        {"view": "SELECT 1", "indexes": (Index("name"),)},
        "which has no indexes; a materialized view has",
    ),
    "a number": ({"view": "SELECT 1", "materialized": 1}, "materialized is True or False, not 1"),
}


@pytest.mark.parametrize("case", WORDS)
async def test_words_of_views(case: str) -> None:
    words, message = WORDS[case]
    with pytest.raises(FieldError, match=message):
        meta(**words)


async def test_the_server_is_asked_about_sql_of_ones_own(rows: Any) -> None:
    other = view("SELECT id, id AS name FROM authors")
    with pytest.raises(
        FieldError, match=r"V.name is declared as text, and the view gives bigint.*Nothing was created"
    ):
        await rows.create_tables(other)
    missing = view("SELECT id FROM authors")
    with pytest.raises(FieldError, match=r"V.name: the view gives no column 'name'; it gives id"):
        await rows.create_tables(missing)
    assert "vs" not in {t.name for t in await rows.tables()}


async def test_null_in_a_column_that_is_declared_without(rows: Any) -> None:
    """No view can be held to NOT NULL: what is read is what is there."""
    nulls = view("SELECT id::int, CASE WHEN id = 1 THEN name END AS name FROM authors")
    await rows.create_tables(nulls)
    try:
        query = nulls.objects.order_by("id")
        assert [v.name for v in await query] == ["Ann", None]
        assert (await query.to_arrow())["name"].to_pylist() == ["Ann", None]
        assert await nulls.objects.filter(Q(name=None)).count() == 1
    finally:
        await rows.drop_tables(nulls)
