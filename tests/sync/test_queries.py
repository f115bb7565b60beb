"""Querysets with plain calls: every verb, streams, blocks, what stands in place of ``await``."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import chakra
from chakra import Count, Subquery, sync
from chakra.errors import DataError, FieldError
from chakra.query import QuerySet
from chakra.query.grouping import Grouped
from chakra.query.returning import Returning
from chakra.query.tables import TableQuery
from chakra.query.verbs import is_running
from chakra.sync.queries import plain_class
from tests.sync.models import Author, Post

Ask = Callable[[sync.Database], Any]


def posts(db: sync.Database) -> sync.QuerySet[Post]:
    return Post.objects.using(db).order_by("id")


def titles(rows: Any) -> list[str]:
    return [row.title for row in rows]


READS: dict[str, tuple[Ask, Any]] = {
    "list": (lambda db: titles(posts(db).list()), ["a", "b", "c"]),
    "iterated": (lambda db: titles(posts(db)), ["a", "b", "c"]),
    "list()": (lambda db: titles(list(posts(db))), ["a", "b", "c"]),
    "streamed": (lambda db: titles(posts(db).iterator(chunk_size=2)), ["a", "b", "c"]),
    "sliced": (lambda db: titles(posts(db)[1:3]), ["b", "c"]),
    "position": (lambda db: posts(db)[1].title, "b"),
    "get": (lambda db: posts(db).get(title="c").id, 3),
    "first": (lambda db: posts(db).first().title, "a"),  # type: ignore[union-attr]
    "last": (lambda db: posts(db).last().title, "c"),  # type: ignore[union-attr]
    "none": (lambda db: posts(db).none().first(), None),
    "latest": (lambda db: posts(db).latest("title").title, "c"),
    "count": (lambda db: posts(db).exclude(id=1).count(), 2),
    "exists": (lambda db: posts(db).filter(title="z").exists(), False),
    "contains": (lambda db: posts(db).contains(posts(db).get(id=1)), True),
    "aggregate": (lambda db: posts(db).aggregate(n=Count("*")), {"n": 3}),
    "in_bulk": (lambda db: sorted(posts(db).in_bulk([1, 3])), [1, 3]),
    "page": (lambda db: titles(posts(db).page(2, after=posts(db).page(2).next)), ["c"]),
    "values": (lambda db: posts(db).values("id", "title")[0], {"id": 1, "title": "a"}),
    "flat": (lambda db: posts(db).values_list("title", flat=True).list(), ["a", "b", "c"]),
    "named": (lambda db: posts(db).values_list("title", named=True).first().title, "a"),
    "annotated": (
        lambda db: [
            (a.name, a.n) for a in Author.objects.using(db).annotate(n=Count("posts")).order_by("id")
        ],  # type: ignore[attr-defined]
        [("Ann", 2), ("Bob", 1)],
    ),
    "related": (
        lambda db: [p.author.name for p in posts(db).select_related("author")],
        ["Ann", "Ann", "Bob"],
    ),
    "prefetched": (
        lambda db: [
            titles(a.posts) for a in Author.objects.using(db).prefetch_related("posts").order_by("id")
        ],  # type: ignore[attr-defined]
        [["a", "b"], ["c"]],
    ),
    "subquery": (
        lambda db: titles(posts(db).filter(author__in=Author.objects.using(db).filter(name="Bob"))),
        ["c"],
    ),
    "scalar subquery": (
        lambda db: titles(
            posts(db).filter(author_id=Subquery(Author.objects.using(db).filter(name="Bob").values("id")))
        ),
        ["c"],
    ),
    "union": (
        lambda db: posts(db).filter(id=1).order_by().union(posts(db).filter(id=2).order_by()).count(),
        2,
    ),
    "arrow": (lambda db: posts(db).values("id").to_arrow().to_pylist(), [{"id": 1}, {"id": 2}, {"id": 3}]),
    "polars": (lambda db: posts(db).values("id").to_polars()["id"].to_list(), [1, 2, 3]),
    "numpy": (lambda db: posts(db).to_numpy()["id"].tolist(), [1, 2, 3]),
    "batches": (lambda db: [b.num_rows for b in posts(db).arrow_batches(max_rows=2)], [2, 1]),
    "schema": (lambda db: posts(db).values("id").arrow_schema().names, ["id"]),
    "table": (lambda db: db.table("sync_tags").filter(id=2).list(), [{"id": 2, "name": "blue"}]),
    "table, iterated": (
        lambda db: [r["name"] for r in db.table("sync_tags").order_by("id")],
        ["red", "blue"],
    ),
    "table's columns": (lambda db: [c.name for c in db.table("sync_tags").columns], ["id", "name"]),
    "table's query": (lambda db: db.table("sync_tags").reflect().count(), 2),
    "tables": (lambda db: {t.name for t in db.tables()} >= {"sync_posts", "sync_tags"}, True),
    "raw": (lambda db: dict(db.raw("select $1::int as x", params=[4]).one()), {"x": 4}),
    "raw, iterated": (lambda db: [r["x"] for r in sync.raw("select 1 as x", db)], [1]),
    "raw arrow": (lambda db: sync.raw("select 1 as x", db).to_arrow().to_pylist(), [{"x": 1}]),
    "raw model": (lambda db: sync.raw("select * from sync_tags where id = 2", db).first()["name"], "blue"),
    "plain SQL": (lambda db: db.fetchval("select sum(id) from sync_posts where id < $1", 3), 3),
    "rows of SQL": (lambda db: [tuple(r) for r in db.fetch("values (1), (2)")], [(1,), (2,)]),
    "plan": (lambda db: "sync_posts" in posts(db).explain(), True),
    "SQL": (lambda db: posts(db).filter(id=1).to_sql()[1], [1]),
}

WRITES: dict[str, tuple[Ask, Any, list[str]]] = {
    "create": (lambda db: posts(db).create(title="d", author_id=2).id, 4, ["a", "b", "c", "d"]),
    "get_or_create": (lambda db: posts(db).get_or_create(title="a", author_id=1)[1], False, ["a", "b", "c"]),
    "update_or_create": (
        lambda db: posts(db).update_or_create(id=3, defaults={"title": "z"})[1],
        False,
        ["a", "b", "z"],
    ),
    "update": (lambda db: posts(db).order_by().filter(id=1).update(title="x"), 1, ["x", "b", "c"]),
    "delete": (lambda db: posts(db).order_by().filter(author_id=1).delete(), 2, ["c"]),
    "bulk_create": (
        lambda db: [p.id for p in posts(db).bulk_create([Post(title=t, author_id=1) for t in "xy"])],
        [4, 5],
        ["a", "b", "c", "x", "y"],
    ),
    "bulk_insert": (
        lambda db: posts(db).bulk_insert({"title": ["x"], "author_id": [1]}).inserted,
        1,
        ["a", "b", "c", "x"],
    ),
    "files": (
        lambda db: (
            posts(db).load_csv(BytesIO(b"title,author_id\nx,1\n")).inserted + posts(db).to_csv(BytesIO())
        ),
        5,
        ["a", "b", "c", "x"],
    ),
    "bulk_update": (
        lambda db: Post.objects.using(db).bulk_update({"id": [1, 2], "title": ["x", "y"]}),
        2,
        ["x", "y", "c"],
    ),
    "table": (
        lambda db: db.table("sync_posts").bulk_insert({"title": ["t"], "author_id": [2]}).inserted,
        1,
        ["a", "b", "c", "t"],
    ),
    "WITH": (
        lambda db: Post.objects.filter(id=1).updating("title", title="w").objects.using(db).list(),
        [{"title": "w"}],
        ["w", "b", "c"],
    ),
}


@pytest.mark.parametrize("name", READS)
def test_reads(db: sync.Database, name: str) -> None:
    ask, expected = READS[name]
    assert ask(db) == expected


@pytest.mark.parametrize("name", WRITES)
def test_writes(db: sync.Database, name: str) -> None:
    write, expected, after = WRITES[name]
    assert write(db) == expected
    assert posts(db).values_list("title", flat=True).list() == after


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "truth": (bool, r"query\.exists"),
    "length": (len, r"query\.count"),
    "in": (lambda rows: 5 in rows, r"query\.contains"),
    "reversed": (reversed, r"\.reverse"),
    "awaited": (lambda rows: rows.__await__(), r"\.list\(\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_query_is_not(db: sync.Database, name: str) -> None:
    act, said = REFUSED[name]
    with pytest.raises(TypeError, match=said):
        act(posts(db))


def test_errors_are_those_of_the_call(db: sync.Database) -> None:
    """Their traceback leads from the caller to Chakra's own code, with one frame of the portal between."""
    with pytest.raises(Post.DoesNotExist, match="title='z'") as caught:
        posts(db).get(title="z")
    files = [Path(str(entry.path)).name for entry in caught.traceback]
    assert files == ["test_queries.py", "queries.py", "portal.py", "portal.py", "reading.py"]
    with pytest.raises(FieldError, match="title"):
        posts(db).filter(titel="z").list()
    with pytest.raises(DataError, match="id"):
        posts(db).filter(id="x").count()


def test_a_stream_may_be_left(db: sync.Database) -> None:
    with db.transaction():  # on whose connection the stream would be in the way of everything else
        for post in posts(db).iterator(chunk_size=1):
            assert post.title == "a"
            break
        batches = posts(db).arrow_batches(max_rows=1)
        assert next(batches).num_rows == 1
        batches.close()
        assert list(batches) == []
        with posts(db).iterator() as rows:
            assert next(rows).title == "a"
        assert posts(db).count() == 3


def test_rows_before_an_error_are_given(db: sync.Database) -> None:
    rows = db.raw("select 1 / (2 - n) as x from generate_series(0, 5) n")
    with pytest.raises(DataError, match="zero"):
        rows.list()
    seen = []
    db.execute("create view sync_broken as select n, 1 / (3 - n) as x from generate_series(0, 5) n")
    try:
        with pytest.raises(DataError, match="zero"):
            for row in db.table("sync_broken").iterator(chunk_size=2):
                seen.append(row["n"])
    finally:
        db.execute("drop view sync_broken")
    assert seen == [0, 1]


def test_a_read_plan_is_a_block(db: sync.Database) -> None:
    with Post.objects.using(db).read_plan(partitions=2) as plan:
        assert plan.snapshot and len(plan.tasks) >= 1


class Shouted(QuerySet[Post]):
    """A queryset of somebody's own."""

    __slots__ = ()

    def of(self, name: str) -> Shouted:
        return self.filter(author__name=name)

    async def titles(self) -> list[str]:
        return [post.title.upper() async for post in self]


def test_querysets_of_ones_own_are_plain(db: sync.Database) -> None:
    rows: Any = Shouted(Post.__table__).order_by("id").using(db)
    assert rows.of("Ann").titles() == ["A", "B"]
    assert isinstance(rows, Shouted) and isinstance(rows, sync.QuerySet)
    assert rows.all()[:1].titles() == ["A"]


def test_inside_of_the_loop_they_are_asynchronous(db: sync.Database) -> None:
    """Coroutines that are run by the portal may use querysets with plain calls, and await them."""

    async def both() -> tuple[int, int, list[str]]:
        rows: Any = posts(db)
        return await rows.count(), len(await rows), [post.title async for post in rows]

    assert db.run(both()) == (3, 3, ["a", "b", "c"])


def test_every_verb_is_plain_and_typed() -> None:
    """A verb that is new in ``QuerySet`` is plain by itself; type checkers have to be told (``chakra.sync.typed``)."""
    for kind in (QuerySet, TableQuery):
        made = plain_class(kind)
        for name in dir(kind):
            method = inspect.getattr_static(kind, name)
            if not name.startswith("_") and (is_running(method) or inspect.iscoroutinefunction(method)):
                assert not inspect.iscoroutinefunction(inspect.getattr_static(made, name)), name
    known = (
        {name for base in (Returning, Grouped) for name in dir(base)}
        | declared("QuerySet")
        | declared("ColumnCalls")
    )
    public = {name for name in dir(QuerySet) if not name.startswith("_")} - {
        "as_manager",
        "column_source",
        "initial",
    }
    assert public - known == set(), "chakra/sync/typed.py lacks these"


def declared(name: str) -> set[str]:
    """What a class of ``chakra.sync.typed`` declares."""
    tree = ast.parse((Path(chakra.__file__).parent / "sync" / "typed.py").read_text())
    found = next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name)
    names = {node.name for node in found.body if isinstance(node, ast.FunctionDef)}
    return names | {
        target.id
        for node in found.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
