"""Queries inside of queries: what shares a statement, what they cost, which types they give, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

import chakra
from chakra import ArraySubquery, Count, Exists, F, OuterRef, Q, Subquery, Value
from chakra.errors import DatabaseError, FieldError
from chakra.sql import select_statement
from tests.query.subqueries.blog import Author, Booking, Post, Seat, Tag, fill
from tests.sql.test_shapes import calls

POSTS, AUTHORS, TAGS, SEATS = Post.objects, Author.objects, Tag.objects, Seat.objects
OF_AUTHOR = POSTS.filter(author=OuterRef("pk"))


def key(query: Any) -> Any:
    return query._select.shape([])


SHARED: dict[str, Callable[[Any], Any]] = {
    "in": lambda v: POSTS.filter(author__in=AUTHORS.filter(name=v)),
    "typed in": lambda v: POSTS.filter(Post.author_id.in_(AUTHORS.filter(name=v))),
    "one row": lambda v: POSTS.filter(author=AUTHORS.filter(name=v)[:1]),
    "exists": lambda v: AUTHORS.filter(Exists(OF_AUTHOR.filter(title=v))),
    "denied": lambda v: AUTHORS.filter(~Exists(OF_AUTHOR.filter(title=v))),
    "annotation": lambda v: AUTHORS.annotate(x=Subquery(OF_AUTHOR.filter(title=v).values("id")[:1])),
    "array": lambda v: AUTHORS.annotate(x=ArraySubquery(OF_AUTHOR.filter(title=v).values("id"))),
    "order": lambda v: AUTHORS.order_by(Exists(OF_AUTHOR.filter(title=v))),
    "in Q": lambda v: POSTS.filter(Q(author__in=AUTHORS.filter(name=v)) | Q(id=1)),
    "an output": lambda v: AUTHORS.values(x=Subquery(OF_AUTHOR.values(y=Value(v))[:1])),
    "two levels": lambda v: POSTS.filter(
        author__in=AUTHORS.filter(id__in=POSTS.filter(title=v).values("author"))
    ),
}


@pytest.mark.parametrize("name", SHARED)
def test_values_inside_are_values_of_the_statement(name: str) -> None:
    one, other = SHARED[name]("a"), SHARED[name]("b")
    assert key(one) == key(other)
    assert one.to_sql()[0] == other.to_sql()[0]
    assert "a" in one.to_sql()[1]
    assert "b" in other.to_sql()[1]


DIFFERENT: dict[str, list[Any]] = {
    "tables": [
        SEATS.filter(row__in=Booking.objects.values("row")),
        SEATS.filter(row__in=SEATS.values("row")),
    ],
    "fields": [POSTS.filter(id__in=POSTS.values("id")), POSTS.filter(id__in=POSTS.values("answer_to"))],
    "kinds": [
        AUTHORS.annotate(x=Subquery(OF_AUTHOR.values("id"))),
        AUTHORS.annotate(x=ArraySubquery(OF_AUTHOR.values("id"))),
        AUTHORS.annotate(x=Exists(OF_AUTHOR.values("id"))),
    ],
    "conditions": [
        POSTS.filter(author__in=AUTHORS.filter(id=1)),
        POSTS.filter(author__in=AUTHORS.exclude(id=1)),
    ],
    "slices": [POSTS.filter(author__in=AUTHORS.all()), POSTS.filter(author__in=AUTHORS.all()[:3])],
    "types": [
        POSTS.filter(author__in=AUTHORS.annotate(x=Value(1)).filter(x=1)),
        POSTS.filter(author__in=AUTHORS.annotate(x=Value("1")).filter(x="1")),
    ],
    "references": [
        POSTS.filter(Exists(POSTS.filter(views=OuterRef("views")))),
        POSTS.filter(Exists(POSTS.filter(views=OuterRef("author")))),
    ],
    "levels of references": [
        POSTS.filter(Exists(POSTS.filter(Exists(POSTS.filter(views=OuterRef("views")))))),
        POSTS.filter(Exists(POSTS.filter(Exists(POSTS.filter(views=OuterRef(OuterRef("views"))))))),
    ],
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_statements_that_must_not_be_shared(name: str) -> None:
    queries = DIFFERENT[name]
    assert len({key(query) for query in queries}) == len(queries)
    assert len({query.to_sql()[0] for query in queries}) == len(queries)


def build() -> Any:
    rows = AUTHORS.filter(city="Oslo", fame__gt=3)
    return POSTS.filter(author__in=rows, views__gt=5, title="x").order_by("-id").to_sql()


def test_a_known_shape_costs_few_calls() -> None:
    build()
    # 2 × objects, 3 narrowing calls with a copy each, the shapes of both queries, the query as a value, bind.
    assert calls(build) <= 30  # 27 on Python 3.11
    Post.__table__.statements.clear()
    assert calls(build) > 300


SQL: dict[str, tuple[Any, str]] = {
    "no join for the key, no order, no distinct": (
        POSTS.filter(author__in=AUTHORS.order_by("-name").distinct()).values("id"),
        'SELECT "id" FROM "posts" WHERE "author_id" IN (SELECT "q1"."id" FROM "authors" AS "q1")',
    ),
    "an anti-join, whatever is NULL": (
        POSTS.exclude(id__in=POSTS.values("answer_to")).values("id"),
        'SELECT "id" FROM "posts" WHERE NOT EXISTS (SELECT 1 FROM (SELECT "q1"."answer_to_id" FROM "posts" AS "q1") '
        'AS "q1r" ("c0") WHERE "q1r"."c0" = "posts"."id")',
    ),
    "nothing is read where only rows count": (
        AUTHORS.filter(Exists(OF_AUTHOR.order_by("title").select_related("author"))).values("id"),
        'SELECT "id" FROM "authors" WHERE EXISTS (SELECT 1 FROM "posts" AS "q1" WHERE "q1"."author_id" = '
        '"authors"."id")',
    ),
    "computed once to be sorted by": (
        AUTHORS.annotate(x=Exists(OF_AUTHOR)).order_by("x").values("x"),
        'SELECT EXISTS (SELECT 1 FROM "posts" AS "q1" WHERE "q1"."author_id" = "authors"."id") AS "x" FROM "authors" '
        'ORDER BY "x"',
    ),
}


@pytest.mark.parametrize("name", SQL)
def test_how_it_is_written(name: str) -> None:
    query, sql = SQL[name]
    assert query.to_sql()[0] == sql


def test_a_table_that_is_called_like_an_alias() -> None:
    class Odd(chakra.Model, table="q1"):
        id: chakra.Field[int] = chakra.field(primary_key=True)

    sql = Odd.objects.filter(Exists(POSTS.filter(id=OuterRef("id")))).to_sql()[0]
    assert (
        sql
        == 'SELECT "id" FROM "q1" WHERE EXISTS (SELECT 1 FROM "posts" AS "q1_" WHERE "q1_"."id" = "q1"."id")'
    )


TYPES: dict[str, tuple[Any, pa.DataType]] = {
    "text": (Subquery(OF_AUTHOR.values("title")[:1]), pa.string()),
    "integer": (Subquery(OF_AUTHOR.values("views")[:1]), pa.int32()),
    "numeric": (Subquery(OF_AUTHOR.values("price")[:1]), pa.decimal128(8, 2)),
    "date": (Subquery(OF_AUTHOR.values("day")[:1]), pa.date32()),
    "enum": (Subquery(OF_AUTHOR.values("kind")[:1]), pa.dictionary(pa.int32(), pa.string())),
    "count": (Subquery(OF_AUTHOR.values("author").annotate(n=Count("id")).values("n")), pa.int64()),
    "condition": (Exists(OF_AUTHOR), pa.bool_()),
    "array": (ArraySubquery(OF_AUTHOR.values("views")), pa.list_(pa.int32())),
    "array of dates": (ArraySubquery(OF_AUTHOR.values("day")), pa.list_(pa.date32())),
    "arithmetic": (Subquery(OF_AUTHOR.values("views")[:1]) + 1, pa.int64()),
}


@pytest.mark.parametrize("name", TYPES)
async def test_types_of_columns(db: Any, name: str) -> None:
    await fill(db)
    value, expected = TYPES[name]
    table = await AUTHORS.annotate(x=value).order_by("id").values("x").to_arrow()
    found = table.schema.field("x")
    assert found.type == expected or (pa.types.is_dictionary(expected) and pa.types.is_dictionary(found.type))
    compiled, _ = select_statement(AUTHORS.annotate(x=value).values("x")._select)
    (output,) = compiled.statement.outputs
    assert output.type is not None, "known without asking the server"
    assert output.nullable == (name not in ("condition", "array", "array of dates"))


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "several rows for one value": (
        lambda: POSTS.filter(author=AUTHORS.filter(city="Oslo")).to_sql(),
        r"the query of Author may give several rows, and 'exact' needs one: slice it, \[:1\]",
    ),
    "several fields": (
        lambda: POSTS.filter(author__in=AUTHORS.values("id", "name")).to_sql(),
        r"the query of Author gives 2 values a row \(id, name\), and one is needed: name it, values\(",
    ),
    "all fields": (
        lambda: AUTHORS.annotate(x=Subquery(POSTS.values()[:1])).to_sql(),
        r"Subquery\(query of Post\) gives 8 values a row",
    ),
    "rows of another model": (
        lambda: POSTS.filter(author__in=TAGS.all()).to_sql(),
        r"Post\.author_id takes rows of Author, not rows of Tag; name a field of the query: values",
    ),
    "rows beside a plain field": (
        lambda: POSTS.filter(title__in=TAGS.all()).to_sql(),
        r"Post\.title takes plain values, not rows of Tag",
    ),
    "rows beside an expression": (
        lambda: POSTS.annotate(x=F("views") + 1).filter(x__in=AUTHORS.all()).to_sql(),
        r"holds no keys of Author; name a field of the query of Author",
    ),
    "one field for several columns": (
        lambda: SEATS.filter(pk__in=SEATS.values("row")).to_sql(),
        r"gives 1 values a row \(row\), and Seat\.pk has 2 values",
    ),
    "a reference to nothing": (
        lambda: POSTS.filter(author=OuterRef("pk")).to_sql(),
        r"OuterRef\('pk'\) stands for a value of the query around the one it is in, and there is none",
    ),
    "a reference too far": (
        lambda: POSTS.filter(Exists(POSTS.filter(author=OuterRef(OuterRef("pk"))))).to_sql(),
        r"OuterRef\('pk'\) stands for a value of the query around",
    ),
    "a reference to no field": (
        lambda: AUTHORS.filter(Exists(POSTS.filter(title=OuterRef("nmae")))).to_sql(),
        r"Author has no field 'nmae'.*Did you mean 'name'",
    ),
    "no query": (lambda: Subquery(["a"]), r"Subquery\(\) takes a query, not \['a'\]"),
    "no query in Exists": (lambda: Exists(Author), r"Exists\(\) takes a query, not"),
    "no path": (lambda: OuterRef(3), r"OuterRef\(\) takes the name of a field, or another OuterRef, not 3"),
    "a query as a literal": (
        lambda: Value(AUTHORS.all()),
        r"Value\(\) takes a plain value; a query stands by itself, or as Subquery",
    ),
    "a range of rows": (
        lambda: POSTS.filter(views__range=AUTHORS.values("fame")[:1]).to_sql(),
        r"range takes plain values",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name: str) -> None:
    make, message = WRONG[name]
    with pytest.raises(FieldError, match=message):
        make()


async def test_updates_that_are_refused(db: Any) -> None:
    await fill(db)
    with pytest.raises(FieldError, match=r"fields of the same table only"):
        await POSTS.update(views=Subquery(AUTHORS.filter(name=OuterRef("author__name")).values("fame")[:1]))
    with pytest.raises(FieldError, match=r"Post\.author_id takes rows of Author, not rows of Tag"):
        await POSTS.update(author=TAGS.all()[:1])
    with pytest.raises(FieldError, match=r"may give several rows"):
        await POSTS.update(author=AUTHORS.all())
    assert await POSTS.filter(author=None).count() == 1


async def test_several_rows_where_one_is_needed(db: Any) -> None:
    await fill(db)
    with pytest.raises(DatabaseError, match="more than one row"):
        await AUTHORS.annotate(x=Subquery(OF_AUTHOR.values("id"))).values("x")


def test_a_query_that_cannot_run_alone_can_be_shown() -> None:
    assert "cannot run: OuterRef('pk') stands for" in repr(OF_AUTHOR)


async def test_another_database(db: Any, dsn: str) -> None:
    await fill(db)
    async with chakra.connect(dsn) as other:
        there = AUTHORS.using(other).filter(city="Oslo")
        here = AUTHORS.using(db).filter(city="Oslo")
        for query in (
            POSTS.filter(author__in=there),
            POSTS.using(other).filter(author__in=here),
            POSTS.filter(id__in=POSTS.filter(author__in=there)),
            POSTS.annotate(x=Exists(there)).filter(x=True),
        ):
            for run in (
                lambda query: query.count(),
                lambda query: query.first(),
                lambda query: query.to_arrow(),
                lambda query: query.explain(),
                lambda query: query.delete(),
                lambda query: anext(aiter(query)),
            ):
                with pytest.raises(
                    FieldError, match=r"a query inside of this one is said to run on another database"
                ):
                    await run(query)
        assert await POSTS.filter(author__in=here).count() == 3
        assert await POSTS.using(other).filter(author__in=there).count() == 3
        assert await POSTS.using(other).filter(author__in=AUTHORS.filter(city="Oslo")).count() == 3
        async with db.acquire() as connection:
            assert await POSTS.using(connection).filter(author__in=here).count() == 3
    with pytest.raises(FieldError, match=r"another database"):
        await POSTS.filter(author__in=there)


async def test_large_results_read_as_columns(db: Any) -> None:
    await fill(db)
    await db.execute("INSERT INTO authors (id, name) SELECT n, 'x' || n FROM generate_series(10, 3000) n")
    query = AUTHORS.filter(id__in=AUTHORS.exclude(name="x10").values("id")).order_by("id")
    for _ in range(3):
        assert len(await query) == 2994
    assert (await query.values("id").to_arrow(partitions=2)).num_rows == 2994
