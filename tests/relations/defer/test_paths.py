"""only() and defer() of the query's own rows and of those loaded along: which columns are read, and which say so."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest

import chakra
from chakra import F, Prefetch
from chakra.errors import FieldError, NotLoaded
from tests.query.conftest import watched
from tests.relations.press import Author, House, Passport, Post, fill
from tests.sql.test_shapes import calls


@pytest.fixture
async def press(db: Any) -> Any:
    await fill(db)
    return db


def held(instance: Any) -> str:
    """The fields of an instance that can be read."""
    found = []
    for name in type(instance).__table__.by_attribute:
        try:
            getattr(instance, name)
        except NotLoaded:
            continue
        found.append(name)
    return " ".join(found)


POSTS = Post.objects.filter(title="one")
ALONG = POSTS.select_related("author", "editor")
DEEP = POSTS.select_related("author__house")

CASES: dict[str, tuple[Any, dict[str, str]]] = {
    "of the root": (POSTS.only("title"), {"": "id title"}),
    "a relation is its key": (POSTS.only("author"), {"": "id author_id"}),
    "only of the partner": (ALONG.only("author__name"), {"": "id author_id editor_id", "author": "id name"}),
    "of both": (
        ALONG.only("title", "author__name"),
        {"": "id title author_id editor_id", "author": "id name", "editor": "id name bio house_id"},
    ),
    "of none of the partner's": (
        ALONG.only("title"),
        {"": "id title author_id editor_id", "author": "id name bio house_id"},
    ),
    "the partner as a whole": (
        ALONG.only("author", "editor__bio"),
        {"": "id author_id editor_id", "author": "id name bio house_id", "editor": "id bio"},
    ),
    "the partner's key": (
        ALONG.only("title", "author__id"),
        {"author": "id", "editor": "id name bio house_id"},
    ),
    "the partner's pk": (ALONG.only("title", "author__pk"), {"author": "id"}),
    "pk": (POSTS.only("pk"), {"": "id"}),
    "two levels": (
        DEEP.only("title", "author__house__name"),
        {"": "id title author_id", "author": "id house_id", "author__house": "id name"},
    ),
    "the middle": (
        DEEP.only("title", "author__name"),
        {"": "id title author_id", "author": "id name house_id", "author__house": "id name city"},
    ),
    "deferred": (ALONG.defer("body"), {"": "id title author_id editor_id", "author": "id name bio house_id"}),
    "deferred of the partner": (
        ALONG.defer("body", "author__bio", "editor__name"),
        {"": "id title author_id editor_id", "author": "id name house_id", "editor": "id bio house_id"},
    ),
    "keys are not deferred": (
        DEEP.defer("id", "author", "author__house", "author__id", "author__house__pk"),
        {
            "": "id title body author_id editor_id",
            "author": "id name bio house_id",
            "author__house": "id name city",
        },
    ),
    "a key that joins nothing": (ALONG.defer("author__house"), {"author": "id name bio"}),
    "deferred two levels": (DEEP.defer("author__house__city"), {"author__house": "id name"}),
    "back": (
        Author.objects.filter(name="Ann").select_related("passport").only("name", "passport__number"),
        {"": "id name", "passport": "id number author_id"},
    ),
    "back, only the partner's": (
        Author.objects.filter(name="Ann").select_related("passport").only("passport__country"),
        {"": "id", "passport": "id country author_id"},
    ),
    "back, deferred": (
        Author.objects.filter(name="Ann")
        .select_related("passport")
        .defer("passport__country", "passport__author"),
        {"": "id name bio house_id", "passport": "id number author_id"},
    ),
    "back and forth": (
        Passport.objects.select_related("author__house").only("author__house__city"),
        {"": "id author_id", "author": "id house_id", "author__house": "id city"},
    ),
    "forth and back": (
        POSTS.select_related("author__passport").only("title", "author__passport__number"),
        {"": "id title author_id", "author": "id", "author__passport": "id number author_id"},
    ),
    "defer, then only": (POSTS.defer("body").only("title", "body"), {"": "id title"}),
    "only, then defer": (POSTS.only("title", "body").defer("body"), {"": "id title"}),
    "only instead of only": (POSTS.only("title").only("body"), {"": "id body"}),
    "defer, only, only": (POSTS.defer("body").only("title").only("title", "body"), {"": "id title body"}),
    "defer twice": (POSTS.defer("body").defer("title"), {"": "id author_id editor_id"}),
    "none is deferred": (POSTS.only("title").defer("title"), {"": "id"}),
    "taken back": (POSTS.only("title").defer("title").defer(None), {"": "id title body author_id editor_id"}),
    "along, only, then defer": (
        ALONG.only("title", "author__name", "author__bio").defer("author__bio"),
        {"": "id title author_id editor_id", "author": "id name"},
    ),
    "along, only another, then defer": (
        ALONG.only("title").defer("author__bio"),
        {"": "id title author_id editor_id", "author": "id name house_id"},
    ),
    "along, defer, then only": (
        ALONG.defer("author__bio").only("title", "author__name", "author__bio"),
        {"author": "id name"},
    ),
    "not loaded along": (POSTS.only("title", "author__name"), {"": "id title author_id"}),
    "deferred and not loaded along": (POSTS.defer("author__name"), {"": "id title body author_id editor_id"}),
    "beside an annotation": (
        ALONG.annotate(n=F("id") + 1).only("title", "author__name"),
        {"": "id title author_id editor_id", "author": "id name"},
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_is_loaded(press: Any, name: str) -> None:
    query, expected = CASES[name]
    with watched(press) as statements:
        row = await query.get()
        rows = await query
    assert len(statements) == 2
    streamed = [each async for each in query]
    for found in (row, *rows, *streamed):
        for path, fields in expected.items():
            partner = found
            for part in path.split("__") if path else ():
                partner = getattr(partner, part)
            assert held(partner) == fields, path or "the row itself"
    assert len(rows) == len(streamed) == 1


async def test_the_values_are_those_of_their_columns(press: Any) -> None:
    posts = Post.objects.select_related("author__house", "editor").order_by("id")
    found = await posts.only("title", "author__bio", "author__house__city", "editor__name").annotate(
        n=F("id") * 2
    )
    assert [
        (p.title, p.author.bio, p.author.house and p.author.house.city, p.editor and p.editor.name, p.n)
        for p in found
    ] == [
        ("one", "long", "London", "Bob", 2),
        ("two", "long", "London", None, 4),
        ("three", None, None, None, 6),
    ]


async def test_nobody_at_the_other_end(press: Any) -> None:
    bob = (
        await Author.objects.select_related("passport", "house")
        .only("name", "passport__number", "house__city")
        .get(name="Bob")
    )
    assert (bob.name, bob.passport, bob.house) == ("Bob", None, None)


def columns(query: Any) -> list[str]:
    picked = query.to_sql()[0].partition(" FROM ")[0].removeprefix("SELECT ")
    return re.findall(r'\S*"(\w+)"(?=,|$)', picked)


def test_no_other_column_is_read() -> None:
    query = Post.objects.select_related("author__house").only("title", "author__name", "author__house__city")
    assert columns(query) == ["id", "title", "author_id", "id", "name", "house_id", "id", "city"]
    assert columns(Post.objects.select_related("author").defer("body", "author__bio")) == [
        "id", "title", "author_id", "editor_id", "id", "name", "house_id",
    ]  # fmt: skip


def test_the_order_of_the_calls_is_free() -> None:
    one = Post.objects.select_related("author").only("title", "author__name")
    other = Post.objects.only("title", "author__name").select_related("author")
    assert one.to_sql() == other.to_sql()


async def test_reading_says_what_to_write(press: Any) -> None:
    post = await Post.objects.select_related("author").only("title", "author__name").order_by("id").first()
    with watched(press) as statements:
        with pytest.raises(
            NotLoaded,
            match=r"Author\.bio was not loaded with this row \(only\(\), defer\(\), or made by the server\); "
            r'load it with the query, or read it with `await instance\.refresh\("bio"\)`',
        ):
            post.author.bio  # noqa: B018
        with pytest.raises(NotLoaded, match=r"Post\.body was not loaded"):
            post.body  # noqa: B018
        with pytest.raises(NotLoaded, match=r"Post\.editor is not loaded, so \.name cannot be read"):
            post.editor.name  # noqa: B018
        for unknown in (
            bool,
            hash,
            lambda editor: editor == post.author,
            lambda editor: editor is None or {editor},
        ):
            with pytest.raises(NotLoaded, match=r'Post\.editor_id was not loaded.*refresh\("editor_id"\)'):
                unknown(post.editor)
        with pytest.raises(NotLoaded, match=r"Post\.editor_id was not loaded"):
            Author.objects.filter(pk=post.editor).to_sql()
    assert not statements
    await post.author.refresh("bio")
    assert post.author.bio == "long"
    with watched(press) as statements:
        assert (await post.editor).name == "Bob"
        assert post.editor.name == "Bob"
        assert post.editor_id == 2
    assert len(statements) == 1
    two = await Post.objects.only("title").get(title="two")
    assert await two.editor is None
    assert two.editor_id is None
    assert not two.editor
    assert await two.editor is None


async def test_changes_of_partly_loaded_rows(press: Any) -> None:
    post = await Post.objects.select_related("author").only("title", "author__name").order_by("id").first()
    post.author.name, post.body = "Anna", "new"
    await post.author.save()
    await post.save()
    assert await Author.objects.order_by("id").values_list("name", "bio") == [("Anna", "long"), ("Bob", None)]
    assert await Post.objects.order_by("id").values_list("title", "body") == [
        ("one", "new"), ("two", "2"), ("three", "3"),
    ]  # fmt: skip


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda row: pickle.loads(pickle.dumps(row))])
async def test_copies_hold_the_same(press: Any, again: Any) -> None:
    post = again(await Post.objects.select_related("author").only("title", "author__name").get(title="one"))
    assert (held(post), held(post.author)) == ("id title author_id", "id name")
    assert post.author.name == "Ann"


PREFETCHED: dict[str, tuple[Any, dict[str, str]]] = {
    "of the partners": (
        Author.objects.prefetch_related("posts").only("name", "posts__title"),
        {"": "id name", "posts": "id title author_id"},
    ),
    "only of the partners": (
        Author.objects.prefetch_related("posts").only("posts__title"),
        {"": "id", "posts": "id title author_id"},
    ),
    "of none of the partners": (
        Author.objects.prefetch_related("posts").only("name"),
        {"": "id name", "posts": "id title body author_id editor_id"},
    ),
    "deferred": (
        Author.objects.prefetch_related("posts").defer("bio", "posts__body", "posts__author"),
        {"": "id name house_id", "posts": "id title author_id editor_id"},
    ),
    "two levels": (
        Author.objects.prefetch_related("posts__tags").only("name", "posts__tags__name"),
        {"": "id name", "posts": "id author_id", "posts__tags": "id name"},
    ),
    "the keys of further levels": (
        House.objects.prefetch_related("authors__posts__editor").only("name", "authors__posts__title"),
        {
            "authors": "id house_id",
            "authors__posts": "id title author_id editor_id",
            "authors__posts__editor": "id name bio house_id",
        },
    ),
    "forward": (
        Post.objects.filter(id=1).prefetch_related("editor").only("title", "editor__name"),
        {"": "id title editor_id", "editor": "id name"},
    ),
    "forward, its key deferred": (
        Post.objects.filter(id=1).prefetch_related("author").defer("author", "editor"),
        {"": "id title body author_id", "author": "id name bio house_id"},
    ),
    "behind what is loaded along": (
        Post.objects.filter(id=1)
        .select_related("author")
        .prefetch_related("author__house")
        .only("author__name"),
        {"": "id author_id", "author": "id name house_id", "author__house": "id name city"},
    ),
    "behind what is loaded along, deferred": (
        Post.objects.filter(id=1)
        .select_related("author")
        .prefetch_related("author__house")
        .defer("author__house", "author__house__city"),
        {"author": "id name bio house_id", "author__house": "id name"},
    ),
    "a Prefetch speaks for itself": (
        Author.objects.prefetch_related(Prefetch("posts", Post.objects.only("body"))).only(
            "name", "posts__title"
        ),
        {"": "id name", "posts": "id body author_id"},
    ),
    "behind a Prefetch": (
        Author.objects.prefetch_related(Prefetch("posts", Post.objects.only("body")), "posts__editor").only(
            "name", "posts__editor__name"
        ),
        {"": "id name", "posts": "id body author_id editor_id", "posts__editor": "id name"},
    ),
    "inside of a Prefetch": (
        Author.objects.prefetch_related(
            Prefetch("posts", Post.objects.prefetch_related("editor").only("title", "editor__bio"))
        ),
        {"": "id name bio house_id", "posts": "id title author_id editor_id", "posts__editor": "id bio"},
    ),
    "a list of its own": (
        Author.objects.prefetch_related(Prefetch("posts", to_attr="written")).only("name", "posts__title"),
        {"": "id name", "written": "id title author_id"},
    ),
}


def behind(row: Any, path: str) -> Any:
    """The first row at the end of a path."""
    for part in path.split("__") if path else ():
        row = getattr(row, part)
        if not hasattr(type(row), "__chakra_model__"):
            row = min(row, key=lambda each: each.id)
    return row


@pytest.mark.parametrize("name", PREFETCHED)
async def test_what_is_loaded_by_prefetches(press: Any, name: str) -> None:
    query, expected = PREFETCHED[name]
    query = query.order_by("id")
    with watched(press) as statements:
        rows = await query
    sent = len(statements)
    one_by_one = [row async for row in query]
    first = await query.first()
    single = await query.get(id=1)
    for row in (rows[0], one_by_one[0], first, single):
        for path, fields in expected.items():
            assert held(behind(row, path)) == fields, path or "the row itself"
    assert sent == 1 + len(set(expected) - {"", "author" if "loaded along" in name else ""})


async def test_instances_that_are_there_already(press: Any) -> None:
    posts = await Post.objects.only("title").order_by("id")
    with pytest.raises(NotLoaded, match=r"Post\.author_id was not loaded with these rows"):
        await chakra.prefetch(posts, "author")


WRONG: dict[str, tuple[Any, str]] = {
    "no field": (lambda: Post.objects.only("nope"), r"Post has no field 'nope'; it has id, title"),
    "no field of the partner": (
        lambda: Post.objects.only("author__nmae"),
        r"Author has no field 'nmae'; it has id, name, bio.*Did you mean 'name'",
    ),
    "no relation": (
        lambda: Post.objects.defer("writer__name"),
        r"defer\('writer__name'\): 'writer' is no relation of Post; its relations are author, editor, tags",
    ),
    "a path through a field": (
        lambda: Post.objects.only("title__lower"),
        r"only\('title__lower'\): 'title' is a field, not a relation of Post",
    ),
    "a list": (lambda: Post.objects.only(["title"]), r"fields are named one by one"),
    "a number": (lambda: Post.objects.defer(3), r"defer\(\) takes names of fields, not 3"),
    "of values": (lambda: Post.objects.values("title").only("title"), r"only\(\) is for instances"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name: str) -> None:
    make, message = WRONG[name]
    with pytest.raises(FieldError, match=message):
        make()


@pytest.mark.parametrize("fields", [("title", "author__name"), ("author__house__city",)], ids=" ".join)
async def test_no_call_per_row(press: Any, fields: tuple[str, ...]) -> None:
    from chakra.query.hydrate import loader
    from chakra.query.state import RowState
    from chakra.sql import select_statement

    compiled, _ = select_statement(Post.objects.select_related("author__house").only(*fields)._select)
    load = loader(compiled)
    width = len(compiled.statement.outputs)
    rows = [tuple(range(width))] * 50

    def run() -> None:
        load(rows, RowState(None, True, shared=True))

    few = calls(lambda: load(rows[:1], RowState(None, True, shared=True)))
    assert calls(run) == few
