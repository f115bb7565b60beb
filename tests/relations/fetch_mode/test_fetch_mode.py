"""fetch_mode: a relation that is awaited is loaded for one row, for all rows of the result, or not at all."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import gc
import pickle
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import chakra
from chakra import Prefetch
from chakra.errors import DoesNotExist, FieldError, NotLoaded
from chakra.query.hydrate import hydrate, joined, loader
from chakra.query.state import RowState
from chakra.sql import select_statement
from tests.query.conftest import watched
from tests.relations.press import Author, House, Passport, Post, Tag, fill
from tests.sql.test_shapes import calls

PEERS = {
    model: model.objects.fetch_mode("peers").order_by("id") for model in (House, Author, Passport, Post, Tag)
}
RAISE = {
    model: model.objects.fetch_mode("raise").order_by("id") for model in (House, Author, Passport, Post, Tag)
}


@pytest.fixture
async def press(db: Any) -> Any:
    await fill(db)
    return db


async def names(found: Any) -> Any:
    """What a relation gave, by name."""
    if isinstance(found, list):
        return sorted([row.title if isinstance(row, Post) else row.name for row in found])
    return None if found is None else getattr(found, "name", None) or found.number


RELATIONS: dict[str, tuple[Any, str, list[Any]]] = {
    "forward": (Post, "author", ["Ann", "Ann", "Bob"]),
    "forward, nullable": (Post, "editor", ["Bob", None, None]),
    "back": (Author, "posts", [["one", "two"], ["three"]]),
    "back, nullable": (Author, "edited", [[], ["one"]]),
    "one to one": (Passport, "author", ["Ann"]),
    "one to one, back": (Author, "passport", ["A1", None]),
    "many to many": (Post, "tags", [["blue", "red"], ["red"], []]),
    "many to many, back": (Tag, "posts", [["one", "two"], ["one"]]),
}


@pytest.mark.parametrize("name", RELATIONS)
async def test_peers_are_loaded_in_one_statement(press: Any, name: str) -> None:
    model, relation, expected = RELATIONS[name]
    rows = await PEERS[model]
    with watched(press) as statements:
        assert [await names(await getattr(row, relation)) for row in rows] == expected
        assert len(statements) == 1
        assert [await names(await getattr(row, relation)) for row in reversed(rows)] == expected[::-1]
    assert len(statements) == 1


@pytest.mark.parametrize("name", RELATIONS)
async def test_one_by_one_is_what_nothing_said_means(press: Any, name: str) -> None:
    model, relation, expected = RELATIONS[name]
    for query in (model.objects.order_by("id"), model.objects.fetch_mode("one").order_by("id")):
        rows = await query
        with watched(press) as statements:
            assert [await names(await getattr(row, relation)) for row in rows] == expected
        keys = [row for row in rows if relation != "editor" or row.editor_id is not None]
        assert len(statements) == len(keys)


@pytest.mark.parametrize("name", RELATIONS)
async def test_raise(press: Any, name: str) -> None:
    model, relation, expected = RELATIONS[name]
    row = await RAISE[model].first()
    several = isinstance(expected[0], list)
    calls = rf'\.prefetch_related\("{relation}"\)'
    if not several:
        calls = rf'\.select_related\("{relation}"\) or {calls}'
    label = rf"{model.__name__}\.{relation}"
    with (
        watched(press) as statements,
        pytest.raises(NotLoaded, match=rf'{label} is not loaded.*fetch_mode\("raise"\).*\({calls}\)'),
    ):
        await getattr(row, relation)
    assert not statements


async def test_a_stream_of_partners(press: Any) -> None:
    ann, bob = await PEERS[Author]
    with watched(press) as statements:
        assert [post.title async for post in ann.posts] == ["one", "two"]
        assert [post.title async for post in bob.posts] == ["three"]
    assert len(statements) == 1
    bare = await RAISE[Author].first()
    with pytest.raises(NotLoaded, match=r'Author\.posts is not loaded.*prefetch_related\("posts"\)'):
        async for _ in bare.posts:
            pass


async def test_what_was_loaded_is_readable_at_once(press: Any) -> None:
    one, two, three = await PEERS[Post]
    await two.author
    with watched(press) as statements:
        assert [post.author.name for post in (one, two, three)] == ["Ann", "Ann", "Bob"]
        assert one.author is two.author
    ann, bob = await PEERS[Author]
    await bob.posts
    assert len(ann.posts) == 2
    assert [post.title for post in bob.posts] == ["three"]
    assert ann.posts.__class__.__name__ == "RelatedSet"
    assert not statements


async def test_nothing_loads_by_reading(press: Any) -> None:
    one, *_ = await PEERS[Post]
    with watched(press) as statements:
        with pytest.raises(NotLoaded, match=r"Post\.author is not loaded, so \.name cannot be read"):
            one.author.name  # noqa: B018
        with pytest.raises(TypeError, match="await"):
            len(one.tags)
    assert not statements


async def test_rows_nobody_keeps_are_neither_held_nor_asked_for(press: Any) -> None:
    rows = await PEERS[Post]
    three = rows.pop()
    watch = [weakref.ref(row) for row in rows]
    del rows
    gc.collect()
    assert [each() for each in watch] == [None, None]
    assert (await three.author).name == "Bob"
    (state,) = [three._state]
    assert [row.name for row in state.behind["author"][1].values()] == ["Bob"]


async def test_partners_live_on_without_their_posts(press: Any) -> None:
    authors = [post.author for post in await PEERS[Post].select_related("author")]
    gc.collect()
    with watched(press) as statements:
        assert [await names(await author.house) for author in authors] == ["Penguin", "Penguin", None]
    assert len(statements) == 1


async def test_rows_loaded_along_take_it_over(press: Any) -> None:
    posts = await PEERS[Post].select_related("author", "editor").prefetch_related("tags")
    with watched(press) as statements:
        for post in posts:
            await post.author.house
        assert len(statements) == 1
        for post in posts:
            if post.editor:
                await post.editor.passport
        assert len(statements) == 2
        for post in posts:
            for tag in post.tags:
                await tag.posts
    assert len(statements) == 3
    posts = await RAISE[Post].select_related("author").prefetch_related("tags", "author__posts")
    for partner, relation, path in (
        (posts[0].author, "house", "author__house"),
        (next(iter(posts[0].tags)), "posts", "tags__posts"),
        (next(iter(posts[0].author.posts)), "tags", "author__posts__tags"),
    ):
        with pytest.raises(NotLoaded, match=rf'related\("{path}"\)'):
            await getattr(partner, relation)


async def test_rows_that_were_awaited_take_it_over(press: Any) -> None:
    with watched(press) as statements:
        for post in await PEERS[Post]:
            house = await (await post.author).house
            for author in await house.authors if house else []:
                for other in await author.posts:
                    await other.tags
    assert len(statements) == 1 + 5  # posts, authors, houses, authors of houses, posts, tags


async def test_narrowed_sets_ask_for_themselves(press: Any) -> None:
    ann, bob = await PEERS[Author]
    with watched(press) as statements:
        assert [post.title for post in await ann.posts.filter(title="two")] == ["two"]
        assert [post.title for post in await bob.posts.order_by("-id")] == ["three"]
        assert await ann.posts.count() == 2
    assert len(statements) == 3
    (ann, _) = await RAISE[Author]
    (one, two) = await ann.posts.filter(author=ann).order_by("id")
    assert (one.title, two.title) == ("one", "two")
    with pytest.raises(NotLoaded, match=r'\("tags"\)'):
        await one.tags


async def test_many_tasks_at_once(press: Any) -> None:
    posts = await PEERS[Post]
    with watched(press) as statements:
        found = await asyncio.gather(*(post.author for post in posts), *(post.tags for post in posts))
    assert [author.name for author in found[:3]] == ["Ann", "Ann", "Bob"]
    assert [len(tags) for tags in found[3:]] == [2, 1, 0]
    assert len(statements) == 2


async def test_a_task_that_was_cancelled_takes_nobody_along(press: Any) -> None:
    one, two, _ = await PEERS[Post]

    async def get(post: Any) -> Any:
        return await post.author

    first, second = asyncio.ensure_future(get(one)), asyncio.ensure_future(get(two))
    for _ in range(3):
        await asyncio.sleep(0)
    first.cancel()
    assert (await second).name == "Ann"
    with pytest.raises(asyncio.CancelledError):
        await first
    assert not one._state.fetch.running


async def test_a_transaction_waits_for_no_task_outside(press: Any, dsn: str) -> None:
    """Who holds a connection and waits for somebody who waits for one would wait for ever."""
    async with chakra.connect(dsn, max_connections=1) as db:
        one, two, _ = await PEERS[Post].using(db)

        async def get(post: Any) -> Any:
            return await post.author

        async with db.transaction():
            outside = asyncio.get_running_loop().create_task(get(two), context=contextvars.Context())
            for _ in range(3):
                await asyncio.sleep(0)
            assert (await one.author).name == "Ann"
        assert (await outside).name == "Ann"


async def test_streams_know_the_rows_of_a_block(press: Any) -> None:
    with watched(press) as statements:
        async for post in PEERS[Post].iterator(chunk_size=2):
            await post.author
    loads = [sql for sql in statements if 'FROM "authors"' in sql]
    assert len(loads) in (2, 3)
    rows = [row async for row in PEERS[Post].iterator(chunk_size=2)]
    with watched(press) as statements:
        assert [(await row.author).name for row in rows] == ["Ann", "Ann", "Bob"]
    assert len(statements) == 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda query: query.get(title="two"),
        lambda query: query.filter(title="two").first(),
        lambda query: query[1],
        lambda query: query.latest("title"),
    ],
    ids=["get", "first", "index", "latest"],
)
async def test_single_rows_are_their_own_peers(press: Any, ask: Callable[[Any], Awaitable[Any]]) -> None:
    post = await ask(PEERS[Post])
    with watched(press) as statements:
        assert (await post.author).name == "Ann"
        assert (await post.author).name == "Ann"
    assert len(statements) == 1
    bare = await ask(RAISE[Post])
    with pytest.raises(NotLoaded):
        await bare.author


async def test_changes(press: Any) -> None:
    one, two, three = await PEERS[Post]
    bob = await three.author
    one.author = bob
    with watched(press) as statements:
        assert one.author is bob
        two.author_id = bob.id
        assert (await two.author) is bob
        two.author_id = 1
        assert (await two.author).name == "Ann"
    assert not statements
    ann, bob = await PEERS[Author]
    await ann.posts
    await bob.posts.create(title="four", body="4")
    with watched(press) as statements:
        assert await names(await ann.posts) == ["one", "two"]
        assert await names(await bob.posts) == ["four", "three"]
    assert not statements  # what was loaded follows what is created


async def test_what_is_loaded_already_is_not_asked_for(press: Any) -> None:
    one, two, three = await PEERS[Post]
    await chakra.prefetch([one, two], "author")
    ann = one.author
    with watched(press) as statements:
        assert (await one.author) is ann
        assert not statements
        assert (await three.author).name == "Bob"
        assert one.author is two.author is ann
    assert len(statements) == 1


async def test_keys_that_were_left_out(press: Any) -> None:
    posts = await PEERS[Post].only("title")
    with watched(press) as statements:
        assert [await names(await post.author) for post in posts] == ["Ann", "Ann", "Bob"]
        assert [await names(await post.editor) for post in posts] == ["Bob", None, None]
    assert len(statements) == 4  # the keys, then the rows, of each relation
    (one, *_) = await RAISE[Post].only("title")
    with pytest.raises(NotLoaded, match=r'select_related\("author"\)'):
        await one.author


async def test_fields_that_were_left_out(press: Any) -> None:
    one, two, three = await PEERS[Post].only("title")
    three.body = "mine"
    with watched(press) as statements:
        await one.refresh("body")
        assert (one.body, two.body, three.body) == ("1", "2", "mine")
    assert len(statements) == 1
    await Post.objects.update(body="new")
    await one.refresh("body")
    assert (one.body, two.body) == ("new", "2")
    first, second, _ = await Post.objects.order_by("id").only("title")
    await first.refresh("body")
    with pytest.raises(NotLoaded):
        second.body  # noqa: B018
    await Post.objects.filter(title="one").delete()
    gone, *_ = rows = await PEERS[Post].only("title")
    await Post.objects.filter(title="two").delete()
    with pytest.raises(DoesNotExist, match="cannot be refreshed"):
        await gone.refresh("body")
    assert rows[1].body == "new"


async def test_refreshing_a_field_keeps_relations_by_other_keys(press: Any) -> None:
    post = await Post.objects.select_related("author", "editor").prefetch_related("tags").get(title="one")
    await post.refresh("body", "editor")
    assert post.author.name == "Ann"
    assert len(post.tags) == 2
    with pytest.raises(NotLoaded):
        post.editor.name  # noqa: B018
    await post.refresh()
    with pytest.raises(NotLoaded):
        post.author.name  # noqa: B018


async def test_a_prefetch_may_say_otherwise(press: Any) -> None:
    loud = Prefetch("posts", Post.objects.fetch_mode("raise"))
    author = await PEERS[Author].prefetch_related(loud).first()
    with pytest.raises(NotLoaded, match=r'prefetch_related\("posts__tags"\)'):
        await next(iter(author.posts)).tags
    calm = Prefetch("posts", Post.objects.fetch_mode("one").order_by("id"))
    author = await RAISE[Author].prefetch_related(calm).first()
    assert len(await next(iter(author.posts)).tags) == 2


async def test_loaded_with_the_query_nothing_raises(press: Any) -> None:
    author = await RAISE[Author].select_related("house", "passport").prefetch_related("posts").first()
    with watched(press) as statements:
        assert (await author.house).name == author.house.name == "Penguin"
        assert (await author.passport).number == "A1"
        assert await names(await author.posts) == ["one", "two"]
        assert [post.title async for post in author.posts] == ["one", "two"]
        _, two, _ = await RAISE[Post]
        assert await two.editor is None
    assert len(statements) == 1


async def test_where_there_is_nobody_awaiting_goes_on_working(press: Any) -> None:
    for query in (Author.objects.order_by("id"), PEERS[Author]):
        ann, bob = await query
        await ann.passport
        with watched(press) as statements:
            assert await bob.passport is None
            assert await bob.passport is None
            assert not bob.passport
            assert bob.passport == None  # noqa: E711
            assert await bob.house is None
            assert await bob.house is None
            assert not bob.house
        assert len(statements) <= 1
        with pytest.raises(NotLoaded):
            bob.passport.number  # noqa: B018


async def test_a_peer_that_is_gone_and_whose_key_was_left_out(press: Any) -> None:
    posts = await PEERS[Post].defer("author")
    await Post.objects.filter(id=posts[1].id).delete()
    assert [(await post.author).name for post in (posts[0], posts[2])] == ["Ann", "Bob"]
    with pytest.raises(
        Post.DoesNotExist, match=r"Post with id=2 cannot be asked for author: the row is not there"
    ):
        await posts[1].author
    assert posts[1].title == "two"


async def test_a_partner_that_is_gone(press: Any) -> None:
    await press.execute('ALTER TABLE posts DROP CONSTRAINT "posts_author_id_fkey"')
    await press.execute("UPDATE posts SET author_id = 99 WHERE title = 'two'")
    one, two, _ = await PEERS[Post]
    assert (await one.author).name == "Ann"
    for _ in range(2):
        with pytest.raises(DoesNotExist, match=r"Post\.author points at Author 99, which is gone"):
            await two.author


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda row: pickle.loads(pickle.dumps(row))],
    ids=["copy", "deep", "pickle"],
)
async def test_copies_are_alone(press: Any, again: Any) -> None:
    one, two, _ = await PEERS[Post]
    other = again(one)
    with watched(press) as statements:
        assert (await other.author).name == "Ann"
        assert (await other.author).name == "Ann"
        assert len(statements) == 1
        with pytest.raises(NotLoaded):
            two.author.name  # noqa: B018
    bare, *_ = await RAISE[Post].select_related("author")
    other = again(bare)
    assert other.author.name == "Ann"
    with pytest.raises(NotLoaded, match=r'"author__house"'):
        await other.author.house
    with pytest.raises(NotLoaded, match=r'"tags"'):
        await other.tags


async def test_values_and_other_words(press: Any) -> None:
    assert await PEERS[Post].values_list("title", flat=True) == ["one", "two", "three"]
    assert [row async for row in PEERS[Post].values_list("title", flat=True)] == ["one", "two", "three"]
    with pytest.raises(FieldError, match=r"fetch_mode is one of 'one', 'peers', 'raise', not 'all'"):
        Post.objects.fetch_mode("all")
    with pytest.raises(FieldError, match=r"fetch_mode\(\) is for instances"):
        Post.objects.values("id").fetch_mode("peers")


async def test_every_method_keeps_it(press: Any) -> None:
    query = (
        Post.objects.fetch_mode("raise").filter(id=1).exclude(id=2).order_by("id").only("title").distinct()
    )
    (post,) = await query.select_related("author").annotate(n=chakra.F("id")).defer(None).using(press)[:1]
    with pytest.raises(NotLoaded):
        await post.tags


def test_knowing_each_other_costs_no_call_per_row() -> None:
    compiled, _ = select_statement(Post.objects.select_related("author")._select)
    load = loader(compiled)
    row = tuple(range(len(compiled.statement.outputs)))

    def made(count: int) -> int:
        def run() -> None:
            state = RowState(None, True, shared=True)
            joined(hydrate(count, load, [row] * count, state), compiled, "peers")

        return calls(run)

    assert made(50) == made(2)


def test_the_mode_is_no_part_of_the_statement() -> None:
    assert Post.objects.fetch_mode("peers").to_sql() == Post.objects.to_sql()
