"""Conditions along relations: which row a call is about, OR and NOT, and every lookup behind a path."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from chakra import F, Field, ForeignKey, ManyToMany, Model, Q, field, foreign_key, many_to_many
from chakra.errors import DataError, FieldError
from chakra.types import Integer
from tests.relations.conftest import SHARED

pytestmark = SHARED


class Author(Model, table="lo_authors"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    alias: Field[str | None]


class Post(Model, table="lo_posts"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    stars: Field[int] = field(Integer)
    day: Field[dt.date]
    author: ForeignKey[Author] = foreign_key(related_name="posts")
    tags: ManyToMany["Tag"] = many_to_many(related_name="posts")  # noqa: UP037


class Tag(Model, table="lo_tags"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    parent: ForeignKey["Tag | None"] = foreign_key(related_name="children", default=None)  # noqa: UP037


MODELS = (Author, Post, Tag)


async def fill() -> None:
    """Ann 1 (alias A): Alpha 1 (5 stars, 2020-01-01; tags x, y), Beta 2 (1 star, 2021-06-15; y). Bob 2: Gamma 3 (3
    stars, 2021-12-31; z). Cy 3 (alias Cy): no posts. Tag z is a child of x.
    """
    ann, bob, _ = [
        await Author.objects.create(name=n, alias=a) for n, a in (("Ann", "A"), ("Bob", None), ("Cy", "Cy"))
    ]
    x, y = await Tag.objects.create(name="x"), await Tag.objects.create(name="y")
    z = await Tag.objects.create(name="z", parent=x)
    for title, stars, day, author, tags in (
        ("Alpha", 5, dt.date(2020, 1, 1), ann, (x, y)),
        ("Beta", 1, dt.date(2021, 6, 15), ann, (y,)),
        ("Gamma", 3, dt.date(2021, 12, 31), bob, (z,)),
    ):
        post = await Post.objects.create(title=title, stars=stars, day=day, author=author)
        await post.tags.add(*tags)


async def authors(query: Any) -> str:
    return " ".join([author.name for author in await query.order_by("id")])


async def posts(query: Any) -> str:
    return " ".join([post.title for post in await query.order_by("id")])


@pytest.mark.parametrize(
    ("lookups", "expected"),
    [
        ({"posts__title": "Alpha"}, "Ann"),
        ({"posts__title__iexact": "aLPHA"}, "Ann"),
        ({"posts__title__contains": "amm"}, "Bob"),
        ({"posts__title__icontains": "A"}, "Ann Bob"),
        ({"posts__title__startswith": "B"}, "Ann"),
        ({"posts__title__iendswith": "MA"}, "Bob"),
        ({"posts__title__in": ["Beta", "Gamma", "Delta"]}, "Ann Bob"),
        ({"posts__title__regex": "^.{5}$"}, "Ann Bob"),
        ({"posts__title__ne": "Alpha"}, "Ann Bob"),
        ({"posts__stars__gt": 3}, "Ann"),
        ({"posts__stars__gte": 3}, "Ann Bob"),
        ({"posts__stars__lt": 3}, "Ann"),
        ({"posts__stars__lte": 0}, ""),
        ({"posts__stars__range": (2, 4)}, "Bob"),
        ({"posts__stars": F("posts__id")}, "Bob"),
        ({"posts__day__year": 2021}, "Ann Bob"),
        ({"posts__day__month__gte": 12}, "Bob"),
        ({"posts__day": dt.date(2020, 1, 1)}, "Ann"),
        ({"posts__tags__name": "y"}, "Ann"),
        ({"posts__tags__parent__name": "x"}, "Bob"),
        ({"posts__tags__children__name": "z"}, "Ann"),
        ({"posts__tags__in": [1, 3]}, "Ann Bob"),
        ({"posts__tags__isnull": False}, "Ann Bob"),
        ({"posts__isnull": True}, "Cy"),
        ({"posts": None}, "Cy"),
        ({"alias": F("name")}, "Cy"),
        ({"posts__author__alias": "A"}, "Ann"),
        ({"posts__author__posts__title": "Beta"}, "Ann"),
        ({"posts__pk": 3}, "Bob"),
        ({"posts__in": []}, ""),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else None,
)
async def test_every_lookup_behind_a_path(rows: Any, lookups: dict[str, Any], expected: str) -> None:
    """And its complement, and the number of rows: each once."""
    query = Author.objects.filter(**lookups)
    assert await authors(query) == expected
    assert await query.count() == len(expected.split())
    others = " ".join(name for name in ("Ann", "Bob", "Cy") if name not in expected.split())
    assert await authors(Author.objects.exclude(**lookups)) == others
    assert await authors(Author.objects.filter(~Q(**lookups))) == others
    assert await authors(Author.objects.exclude(~Q(**lookups))) == expected


async def test_one_call_is_about_one_row(rows: Any) -> None:
    """Of everything it says of a relation; each further call may be about another one."""
    every = Author.objects
    assert await authors(every.filter(posts__title="Alpha", posts__stars=5)) == "Ann"
    assert await authors(every.filter(posts__title="Alpha", posts__stars=1)) == ""
    assert await authors(every.filter(Q(posts__title="Alpha"), posts__stars=1)) == ""
    assert await authors(every.filter(Q(posts__title="Alpha") & Q(posts__stars=1))) == ""
    assert await authors(every.filter(posts__title="Alpha").filter(posts__stars=1)) == "Ann"
    assert await authors(every.filter(posts__tags__name="x", posts__stars=1)) == ""
    assert await authors(every.filter(posts__tags__name="x").filter(posts__stars=1)) == "Ann"
    assert await authors(every.filter(posts__tags__name="x", posts__tags__id=2)) == ""
    sql, _ = every.filter(posts__title="Alpha", posts__stars=1).to_sql()
    assert sql.count("EXISTS") == 1
    sql, _ = every.filter(posts__title="Alpha").filter(posts__stars=1).to_sql()
    assert sql.count("EXISTS") == 2


async def test_what_is_excluded_is_about_one_row_too(rows: Any) -> None:
    """Nobody has Alpha with one star, so nobody is dropped."""
    every = Author.objects
    assert await authors(every.exclude(posts__title="Alpha", posts__stars=1)) == "Ann Bob Cy"
    assert await authors(every.exclude(posts__title="Alpha", posts__stars=5)) == "Bob Cy"
    assert await authors(every.exclude(posts__title="Alpha").exclude(posts__stars=3)) == "Cy"
    assert await authors(every.exclude(Q(posts__title="Alpha") | Q(posts__stars=3))) == "Cy"
    assert await authors(every.filter(posts__stars=1).exclude(posts__title="Gamma")) == "Ann"
    assert await authors(every.filter(~Q(posts__title="Alpha"), posts__stars__gt=0)) == "Bob"
    assert await authors(every.exclude(posts__tags__name="y", posts__stars=1)) == "Bob Cy"
    assert await authors(every.exclude(posts__tags__name="x", posts__stars=1)) == "Ann Bob Cy"


async def test_either_or(rows: Any) -> None:
    every = Author.objects
    assert await authors(every.filter(Q(posts__title="Alpha") | Q(name="Cy"))) == "Ann Cy"
    assert await authors(every.filter(Q(posts__title="Alpha") | Q(posts__title="Gamma"))) == "Ann Bob"
    assert await authors(every.filter(Q(posts=None) | Q(posts__tags__parent=1))) == "Bob Cy"
    assert await authors(every.filter(Q(posts__title="Alpha") | ~Q(posts__title="Beta"))) == "Ann Bob Cy"
    assert (
        await authors(every.filter(Q(posts__stars=5) & (Q(name="Bob") | Q(posts__tags__name="x")))) == "Ann"
    )
    both = Q(name="Ann") | Q(name="Bob"), Q(posts__stars__gt=4) | Q(alias=None)
    assert await authors(every.filter(*both)) == "Ann Bob"
    assert await authors(every.filter(Q())) == "Ann Bob Cy"
    assert await authors(every.filter(Q() | Q(posts__stars=3))) == "Bob"
    assert await authors(every.filter(Q(pk__in=[]) | Q(posts__stars=3))) == "Bob"
    found = every.filter(posts__tags__name="x")
    assert await authors(found.filter(Q(posts__title="Beta") | Q(posts__title="Gamma"))) == "Ann"
    assert await posts(Post.objects.filter(Q(author__name="Bob") | Q(tags__name="x"))) == "Alpha Gamma"
    assert await posts(Post.objects.filter(Q(author__name="Bob") | Q(author__name="Cy"))) == "Gamma"
    assert await posts(Post.objects.exclude(Q(author__alias=None) | Q(tags__name="x"))) == "Beta"


async def test_typed_expressions_beside_paths(rows: Any) -> None:
    assert await posts(Post.objects.filter(Post.stars > 1, author__name="Ann")) == "Alpha"
    assert await posts(Post.objects.filter((Post.stars == 1) | Q(tags__name="z"))) == "Beta Gamma"
    with pytest.raises(
        FieldError, match=r"Author\.name cannot be used in a query over Post; .*relation__name"
    ):
        await Post.objects.filter(Author.name == "Ann")


async def test_values_of_two_rows_compared(rows: Any) -> None:
    assert await posts(Post.objects.filter(stars__gt=F("author__id"))) == "Alpha Gamma"
    assert await posts(Post.objects.filter(stars=F("tags__id") + 4)) == "Alpha"
    assert await authors(Author.objects.filter(posts__stars__gt=F("posts__tags__id") + 3)) == "Ann"
    assert await authors(Author.objects.filter(id=F("posts__tags__id"))) == "Ann"


@pytest.mark.parametrize(
    ("lookups", "why"),
    [
        ({"post": 1}, r"Author has no field 'post'; it has id, name, alias, posts\. Did you mean 'posts'\?"),
        (
            {"posts__titel": 1},
            r"Post has no field 'titel' \(in 'posts__titel'\); it has .*Did you mean 'title'\?",
        ),
        (
            {"posts__title__name": 1},
            r"'posts__title__name': 'name' is no lookup for 'posts__title' of type text",
        ),
        ({"posts__title__tags__name": 1}, r"'tags' is no lookup for 'posts__title' of type text"),
        ({"posts__tags__name__foo": 1}, r"'foo' is no lookup for 'posts__tags__name' of type text"),
        ({"posts__stars__year": 1}, r"'year' is no lookup for 'posts__stars' of type integer"),
        ({"name__exact__exact": 1}, r"'exact' is no lookup for 'name'"),
        ({"posts__": 1}, r"Post has no field ''"),
        ({"__posts": 1}, r"Author has no field ''"),
        ({"posts__pk__title": 1}, r"'title' is no lookup for 'posts__pk'"),
        ({"alias__isnull": "yes"}, r"isnull"),
        ({"posts__isnull": 1}, r"isnull"),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else None,
)
async def test_what_is_no_path(rows: Any, lookups: dict[str, Any], why: str) -> None:
    for query in (Author.objects.filter, Author.objects.exclude):
        with pytest.raises(FieldError, match=why):
            await query(**lookups)


async def test_instances_where_they_do_not_belong(rows: Any) -> None:
    ann, post, tag = await Author.objects.get(id=1), await Post.objects.get(id=1), await Tag.objects.get(id=1)
    assert await authors(Author.objects.filter(posts=post)) == "Ann"
    assert await authors(Author.objects.filter(posts__tags=tag)) == "Ann"
    assert await authors(Author.objects.filter(pk=ann)) == "Ann"
    for query, why in (
        (Author.objects.filter(posts=ann), r"Post\.id takes an instance of Post, not an instance of Author"),
        (
            Author.objects.filter(posts__in=[post, ann]),
            r"Post\.id takes an instance of Post, not an instance of Author",
        ),
        (
            Post.objects.filter(author=post),
            r"Post\.author_id takes an instance of Author, not an instance of Post",
        ),
        (Post.objects.filter(tags=post), r"takes an instance of Tag, not an instance of Post"),
        (
            Post.objects.filter(author__name=ann),
            r"Author\.name takes plain values, not an instance of Author",
        ),
        (Post.objects.filter(title=tag), r"Post\.title takes plain values, not an instance of Tag"),
    ):
        with pytest.raises(FieldError, match=why):
            await query
    with pytest.raises(DataError, match=r"posts|Post\.id|bigint"):
        await Author.objects.filter(posts="first")
