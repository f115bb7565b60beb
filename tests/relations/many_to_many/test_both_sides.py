"""Many-to-many relations: the table between, sets of partners, and queries from either side."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from chakra import Count, Field, ForeignKey, ManyToMany, Model, Prefetch, Q, field, foreign_key, many_to_many
from chakra.errors import FieldError, ForeignKeyViolation
from chakra.types import Integer
from tests.query.conftest import watched
from tests.relations.conftest import SHARED

pytestmark = SHARED


class Post(Model, table="posts"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    tags: ManyToMany["Tag"] = many_to_many(related_name="posts")  # noqa: UP037
    fans: ManyToMany["Fan"] = many_to_many(through="Vote", related_name="liked")  # noqa: UP037
    like: ManyToMany["Post"] = many_to_many()  # noqa: UP037
    cites: ManyToMany["Post"] = many_to_many(related_name="cited_by")  # noqa: UP037


class Tag(Model, table="tags"):
    name: Field[str] = field(primary_key=True)


class Fan(Model, table="fans"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Vote(Model, table="votes"):
    id: Field[int] = field(primary_key=True)
    post: ForeignKey[Post] = foreign_key(on_delete="cascade")
    fan: ForeignKey[Fan] = foreign_key(on_delete="cascade", related_name="votes")
    stars: Field[int] = field(Integer, default=3)


MODELS = (Post, Tag, Fan, Vote)


async def fill() -> None:
    """Posts a, b, c; tags x (a, b), y (a), z; ann likes a (5) and b (1), bob likes a (3)."""
    found = [await Post.objects.create(title=title) for title in "abc"]
    for name in "xyz":
        await Tag.objects.create(name=name)
    a, b, _ = found
    await a.tags.add("x", "y")
    await b.tags.add("x")
    ann, bob = await Fan.objects.create(name="ann"), await Fan.objects.create(name="bob")
    await a.fans.add(ann, through_defaults={"stars": 5})
    await a.fans.add(bob)
    await b.fans.add(ann, through_defaults={"stars": 1})


@pytest_asyncio.fixture(loop_scope="module")
async def posts(rows: Any) -> list[Post]:
    """The posts a, b, c."""
    return await Post.objects.order_by("title")


async def names(query: Any) -> list[str]:
    return sorted([getattr(row, "name", None) or row.title for row in await query])


async def test_both_sides(posts: list[Post]) -> None:
    a, b, c = posts
    x = await Tag.objects.get(name="x")
    assert await names(a.tags.all()) == ["x", "y"]
    assert await names(x.posts) == ["a", "b"]
    assert await c.tags.count() == 0
    assert await names(x.posts.filter(title__gt="a")) == ["b"]
    assert await a.tags.contains(x)
    assert not await c.tags.contains(x)
    assert await a.tags.order_by("-name").values_list("name", flat=True) == ["y", "x"]
    assert await names(b.fans) == ["ann"]
    fan = await Fan.objects.get(name="ann")
    assert await names(fan.liked) == ["a", "b"]


async def test_add_remove_set_clear(posts: list[Post]) -> None:
    a, b, c = posts
    x, y, z = [await Tag.objects.get(name=name) for name in "xyz"]
    await a.tags.add(x, z, z)
    assert await names(a.tags) == ["x", "y", "z"]
    await z.posts.add(b, c.id)
    assert await names(z.posts) == ["a", "b", "c"]
    await z.posts.remove(b)
    assert await names(b.tags) == ["x"]
    await a.tags.set([y, "z"])
    assert await names(a.tags) == ["y", "z"]
    assert await names(x.posts) == ["b"]
    await a.tags.set([])
    assert await a.tags.count() == 0
    await x.posts.clear()
    assert await b.tags.count() == 0
    assert await Tag.objects.count() == 3
    with watched(a._state.database) as statements:
        await a.tags.add()
        await a.tags.remove()
    assert statements == []


async def test_rows_made_by_a_set_are_linked(posts: list[Post]) -> None:
    _, _, c = posts
    made = await c.tags.create(name="new")
    assert await names(made.posts) == ["c"]
    _, created = await c.tags.get_or_create(name="newer")
    assert created
    _, created = await c.tags.filter(name__startswith="n").get_or_create(name="newer")
    assert not created
    await c.tags.bulk_create([Tag(name="p"), Tag(name="q")])
    assert await names(c.tags) == ["new", "newer", "p", "q"]
    fan = await c.fans.create(name="cy", through_defaults={"stars": 2})
    assert (await Vote.objects.get(fan=fan)).stars == 2


async def test_a_model_of_the_table_between(posts: list[Post]) -> None:
    a, *_ = posts
    ann = await Fan.objects.get(name="ann")
    await a.fans.add(ann)  # is there already, and stays as it is
    assert await Vote.objects.filter(post=a).order_by("stars").values_list("stars", flat=True) == [3, 5]
    await ann.liked.set([a])
    assert await Vote.objects.filter(fan=ann).values_list("post_id", "stars") == [(a.id, 5)]
    assert await names(Fan.objects.filter(votes__stars__gt=3)) == ["ann"]
    assert await names(Post.objects.filter(fans__name="bob")) == ["a"]


async def test_relations_of_a_model_to_itself(posts: list[Post]) -> None:
    a, b, c = posts
    await a.like.add(b)
    assert await names(b.like) == ["a"]
    await b.like.remove(a)
    assert await a.like.count() == 0
    await a.like.add(b, c)
    await a.like.clear()
    assert await c.like.count() == 0
    await a.cites.add(b, c)
    assert await names(b.cited_by) == ["a"]
    assert await b.cites.count() == 0
    assert await names(Post.objects.filter(cites__title="c")) == ["a"]
    assert await names(Post.objects.filter(cited_by__title="a")) == ["b", "c"]


async def test_conditions_and_aggregates(posts: list[Post]) -> None:
    every = Post.objects.order_by("title")
    assert await names(every.filter(tags__name="x")) == ["a", "b"]
    assert await names(every.filter(tags="x")) == ["a", "b"]
    assert await names(every.filter(tags__in=["y", "z"])) == ["a"]
    assert await names(every.filter(tags="x").filter(tags="y")) == ["a"]
    assert await names(every.filter(tags="x", tags__name="y")) == []
    assert await names(every.exclude(tags="x")) == ["c"]
    assert await names(every.filter(tags=None)) == ["c"]
    assert await names(every.filter(Q(tags="y") | Q(title="c"))) == ["a", "c"]
    assert await names(Tag.objects.filter(posts__title="a")) == ["x", "y"]
    assert await names(Tag.objects.filter(posts=posts[1])) == ["x"]
    found = every.annotate(t=Count("tags"), f=Count("fans"))
    assert await found.values_list("title", "t", "f") == [("a", 2, 2), ("b", 1, 1), ("c", 0, 0)]
    assert await Tag.objects.order_by("name").values("name").annotate(n=Count("posts")) == [
        {"name": "x", "n": 2}, {"name": "y", "n": 1}, {"name": "z", "n": 0},
    ]  # fmt: skip
    assert await every.values_list("title", "tags__name").order_by("title", "tags__name") == [
        ("a", "x"), ("a", "y"), ("b", "x"), ("c", None),
    ]  # fmt: skip


async def test_a_set_says_whose_rows_it_has_and_no_more(posts: list[Post]) -> None:
    """Tags of one post are counted with all posts they have, as where they are prefetched."""
    tags = posts[0].tags.order_by("name")
    assert await tags.annotate(n=Count("posts")).values_list("name", "n") == [("x", 2), ("y", 1)]
    counting = Prefetch("tags", Tag.objects.order_by("name").annotate(n=Count("posts")))
    loaded = await Post.objects.prefetch_related(counting).get(title="a")
    assert [(tag.name, tag.n) for tag in loaded.tags] == [("x", 2), ("y", 1)]  # type: ignore[attr-defined]
    assert await posts[0].tags.aggregate(n=Count("posts")) == {"n": 3}
    assert await tags.order_by("name", "posts__title").values_list("name", "posts__title") == [
        ("x", "a"), ("x", "b"), ("y", "a"),
    ]  # fmt: skip
    assert await names(posts[0].tags.order_by("-posts__title")[:1]) == ["x"]
    second = tags.filter(posts__title="b").annotate(n=Count("posts"))
    assert await second.values_list("name", "n") == [("x", 1)], (
        "a filter that was asked for does say of which"
    )


async def test_the_key_of_a_partner_needs_no_join(posts: list[Post]) -> None:
    """The table between has it."""
    for query in (Post.objects.filter(tags="x"), Post.objects.filter(tags__pk="x"), posts[0].tags.all()):
        sql, _ = query.to_sql()
        assert sql.count("JOIN") == 0
        assert sql.count('"posts_tags"') == 1


async def test_what_is_refused(posts: list[Post]) -> None:
    """With an error that says what to do; a set that fails changes nothing."""
    a, b, _ = posts
    with pytest.raises(FieldError, match=r"is a set of rows: await instance\.tags\.set"):
        a.tags = []  # type: ignore[assignment]
    with pytest.raises(FieldError, match=r"Post.tags.add\(\) takes Tag instances, not Post"):
        await a.tags.add(b)
    with pytest.raises(FieldError, match="save it"):
        await a.fans.add(Fan(name="unsaved"))
    with pytest.raises(FieldError, match=r"of a query: add\(\*await query\)"):
        await a.tags.add(Tag.objects.all())
    with pytest.raises(FieldError, match=r"of a query: set\(await query\)"):
        await a.tags.set(Tag.objects.all())
    with pytest.raises(ForeignKeyViolation):
        await a.tags.set(["z", "missing"])
    assert await names(a.tags) == ["x", "y"]
    with pytest.raises(FieldError, match="save it before"):
        Post(title="new").tags  # noqa: B018
    with pytest.raises(FieldError, match="only a relation to the model itself can be symmetrical"):

        class Odd(Model):
            id: Field[int] = field(primary_key=True)
            tags: ManyToMany[Tag] = many_to_many(symmetrical=True)
