"""Queries in WITH and in FROM: how they are written, and what is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import CTE, Cast, Count, F, OuterRef, Q, Sum, Value
from chakra.errors import FieldError
from chakra.functions import Concat
from chakra.types import BigInt
from tests.query.ctes.tables import Author, Edge, Node, Post
from tests.query.ctes.test_answers import AUTHORS, LATE, POSTS, SEEN, TOP, TOTALS


def test_what_is_written() -> None:
    sql, values = AUTHORS.with_(top=TOP).filter(top__n=3).values("id").to_sql()
    assert sql.startswith('WITH "top" ("author", "n", "seen") AS MATERIALIZED (SELECT ')
    assert values == [1, 3]
    assert " AS NOT MATERIALIZED (" in CTE(TOTALS, materialized=False).objects.to_sql()[0]
    assert CTE(TOTALS).objects.to_sql()[0].startswith('WITH "cte" (')
    both = TOP.objects.union(TOP.objects.filter(n=1))
    assert both.to_sql()[0].count('SELECT "author_id"') == 1, "two references are one query"
    two = CTE(AUTHORS.filter(id=1)).objects.union(CTE(AUTHORS.filter(id=2)).objects)
    assert two.to_sql()[0].startswith('WITH "cte" (') and '"cte_2" (' in two.to_sql()[0]
    assert two.to_sql()[1] == [1, 2]


REFUSED: list[tuple[str, Any]] = [
    ("'posts' is a field or a relation of Author", lambda: AUTHORS.with_(posts=TOTALS)),
    ("'name' is a field or a relation of Author", lambda: AUTHORS.join(name=TOTALS)),
    ("'pk' is a field or a relation of Author", lambda: AUTHORS.lateral(pk=LATE)),
    ("paths are cut at __", lambda: AUTHORS.with_(a__b=TOTALS)),
    ("paths are cut at __", lambda: AUTHORS.with_(a_=TOTALS)),
    ("start with an underscore", lambda: AUTHORS.with_(_a=TOTALS)),
    ("cannot be an alias", lambda: AUTHORS.with_(**{'a"; DROP TABLE authors; --': TOTALS})),
    ("cannot be an alias", lambda: AUTHORS.join(**{"a b": TOTALS})),
    ("cannot be an alias", lambda: AUTHORS.lateral(**{"a'b": TOTALS})),
    ("cannot be an alias", lambda: CTE(TOTALS, name='x"y')),
    ("cannot be an alias", lambda: CTE(TOTALS, name="x" * 64)),
    ("name of another value", lambda: AUTHORS.with_(x=TOTALS).with_(x=TOTALS)),
    ("name of another value", lambda: AUTHORS.annotate(x=Value(1)).join(x=TOTALS)),
    ("name of a query in with_", lambda: AUTHORS.with_(x=TOTALS).annotate(x=Value(1))),
    ("name of a query in with_", lambda: AUTHORS.join(x=SEEN).alias(x=Value(1))),
    ("name of a query in with_", lambda: AUTHORS.with_(x=TOTALS).values("id", x=Value(1))),
    ('"authors" is a table that the query reads, too', lambda: AUTHORS.with_(authors=TOTALS).to_sql()),
    ('"posts" is a table that the query reads, too', CTE(SEEN, name="posts").objects.to_sql),
    (r"CTE\(\) takes a query, not 3", lambda: AUTHORS.with_(x=3)),
    (r"CTE\(\) takes a query", lambda: CTE([1])),
    ("takes a query, not 'posts'", lambda: AUTHORS.lateral(x="posts")),
    ("takes a query under a name", AUTHORS.join),
    ("takes a query under a name", AUTHORS.lateral),
    ("put no query of that name in WITH \\(there are x\\)", lambda: AUTHORS.with_(x=TOTALS).join("y")),
    ("'x' is joined already", lambda: AUTHORS.with_(x=TOTALS).join("x").join("x")),
    ("is computed once, not for each row", lambda: AUTHORS.lateral(x=TOP)),
    ("a sliced query cannot be joined", lambda: AUTHORS[:2].join(x=TOTALS)),
    (
        "grouped or distinct already",
        lambda: AUTHORS.values("city").annotate(n=Count("*")).join(x=TOTALS, on=True),
    ),
    ("grouped or distinct already", lambda: AUTHORS.distinct().lateral(x=LATE)),
    ("no key is among its values; say which rows of Edge", lambda: AUTHORS.join(x=Edge.objects.all())),
    ("on= is a condition, names", lambda: AUTHORS.join(x=TOTALS, on=3)),
    ("on= is a condition, names", lambda: AUTHORS.join(x=TOTALS, on=False)),
    ("no field 'city'", lambda: AUTHORS.join(x=TOTALS, on="city")),
    ("left is True or False", lambda: AUTHORS.join(x=TOTALS, left=1)),
    ("materialized is True or False", lambda: CTE(TOTALS, materialized="yes")),
    (
        "no key tells which rows of 'e' belong to one of Author",
        lambda: AUTHORS.with_(e=Edge.objects.all()).values("e__a").to_sql(),
    ),
    ("has no field 'foo'", lambda: AUTHORS.with_(x=TOTALS).values("x__foo").to_sql()),
    ("it has id, name, city, posts, x", lambda: AUTHORS.with_(x=TOTALS).filter(y=1).to_sql()),
    (r"lateral\(…\)", lambda: AUTHORS.join(x=LATE).to_sql()),
    (r"OuterRef\('pk'\)", CTE(LATE).objects.to_sql),
    ("has no field 'nothing'", lambda: AUTHORS.lateral(x=POSTS.filter(author=OuterRef("nothing"))).to_sql()),
    ("has no field 'nothing'", lambda: AUTHORS.lateral(x=POSTS.values(y=OuterRef("nothing")))),
    ("no relation 'x'", lambda: AUTHORS.with_(x=TOTALS).select_related("x").to_sql()),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_refused(case: int) -> None:
    text, make = REFUSED[case]
    with pytest.raises(FieldError, match=text):
        make()


def number(first: Any = 1) -> Any:
    return AUTHORS.filter(id=1).values(n=Value(first))


NODES = Node.objects
STEPS: list[tuple[str, Any, Any]] = [
    # what the error says, the first rows, the step
    ("asks in a subquery", number(), lambda r: AUTHORS.filter(id__in=r.objects).values(n=F("id"))),
    (
        "inside of the step reads the rows",
        number(),
        lambda r: AUTHORS.with_(z=r.objects.filter(n=1)).values(n=F("id")),
    ),
    ("n is bigint in the first rows and text", number(), lambda r: r.objects.values(n=Value("x"))),
    (
        "n is integer in the first rows and bigint",
        POSTS.values(n=F("views")),
        lambda r: r.objects.values(n=F("n") + 1),
    ),
    (
        r"n is numeric\(8, ?2\) in the first rows",
        POSTS.values(n=F("price")),
        lambda r: r.objects.values(n=F("n") * 2),
    ),
    (
        "would keep rows to which none of 'z'",
        number(),
        lambda r: AUTHORS.join(z=r, left=True, on=True).values(n=F("id")),
    ),
    ("would keep rows to which none of 'z'", number(), lambda r: AUTHORS.with_(z=r).values(n=F("id"))),
    ("have 1 values .n., and those of the step 2", number(), lambda r: r.objects.values("n", m=F("n"))),
    ("the step gives rows of Author", number(), lambda r: AUTHORS),
    (
        "annotated with depth, and the step gives rows of Node",
        NODES.annotate(depth=Value(0)),
        lambda r: NODES.join(up=r),
    ),
    ("the step gives values", NODES.all(), lambda r: NODES.values("id")),
    ("the step takes a query, not None", number(), lambda r: None),
]


@pytest.mark.parametrize("case", range(len(STEPS)))
def test_steps_that_are_refused(case: int) -> None:
    text, base, step = STEPS[case]
    with pytest.raises(FieldError, match=text):
        CTE.recursive(base, step).objects.to_sql()


OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ('search is "depth" or "breadth"', {"search": "first", "by": "n"}),
    ("search needs the names of columns: by=", {"search": "depth"}),
    ("by says what search goes by", {"by": "n"}),
    ("has no field 'x'", {"search": "depth", "by": "x"}),
    ("has no field 'x'", {"cycle": ["x"]}),
    ("'n' is the name of another column", {"search": "depth", "by": "n", "order": "n"}),
    ("'n' is the name of another column", {"cycle": "n", "mark": "n"}),
    ("'m' is the name of another column", {"cycle": "n", "mark": "m", "path": "m"}),
    ("cannot be an alias", {"cycle": "n", "mark": 'm"'}),
    ("all is True or False", {"all": 1}),
]


@pytest.mark.parametrize("case", range(len(OPTIONS)))
def test_options_that_are_refused(case: int) -> None:
    text, options = OPTIONS[case]
    with pytest.raises(FieldError, match=text):
        CTE.recursive(number(), lambda r: r.objects.filter(n__lt=5).values(n=F("n") + 1), **options)


TYPES: list[tuple[str, Any, Any]] = [
    # what is right, though the two types differ as far as is known here
    (
        "a sum has no digits",
        POSTS.values(n=Sum("price")),
        lambda r: r.objects.filter(n__lt=0).values(n=F("n") * 2),
    ),
    (
        "integers beside numerics",
        POSTS.values(n=Sum("price")),
        lambda r: r.objects.filter(n__lt=0).values(n=Value(1)),
    ),
    (
        "a smaller number",
        number(),
        lambda r: POSTS.join(r=r, on=True).filter(r__n__lt=0).values(n=F("views")),
    ),
    (
        "cast to what comes",
        POSTS.values(n=Cast("views", BigInt)),
        lambda r: r.objects.filter(n__lt=0).values(n=F("n") + 1),
    ),
    (
        "a text",
        AUTHORS.values(n=F("name")),
        lambda r: r.objects.filter(n="").values(n=Concat("n", Value("x"))),
    ),
]


@pytest.mark.parametrize("case", range(len(TYPES)))
async def test_types_that_go_together(db: Any, case: int) -> None:
    await db.create_tables(Author, Post)
    _, base, step = TYPES[case]
    assert await CTE.recursive(base, step).objects.count() == 0


async def test_what_is_no_query(db: Any) -> None:
    """Conditions that stand in other statements, which have no place for WITH."""
    await db.create_tables(Author, Post)
    ids = CTE(POSTS.all()).objects.values("id")
    with pytest.raises(FieldError, match="WITH"):
        await AUTHORS.bulk_insert({"id": [1], "name": ["a"]}, on_conflict="update", where=Q(id__in=ids))
    assert await AUTHORS.count() == 0
