"""Copies, pickles and dicts of instances: what they hold, and what saving them writes."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import chakra
from chakra import Count, Field, ForeignKey, ManyToMany, Model, Prefetch, field, foreign_key, many_to_many
from chakra.errors import FieldError, NotLoaded
from chakra.models.copying import LAYOUT
from chakra.types import Jsonb
from tests.relations.conftest import SHARED, rows, sends, shared_tables

__all__ = ["rows", "shared_tables"]

pytestmark = SHARED


class House(Model, table="cp_houses"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Author(Model, table="cp_authors"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    house: ForeignKey[House | None] = foreign_key(related_name="authors", default=None)


class Tag(Model, table="cp_tags"):
    id: Field[int] = field(primary_key=True)
    word: Field[str]


class Post(Model, table="cp_posts"):
    __slots__ = ("__dict__", "note")
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    body: Field[str] = field(default="")
    data: Field[dict[str, Any]] = field(Jsonb, default_factory=dict)
    author: ForeignKey[Author] = foreign_key(related_name="posts")
    tags: ManyToMany[Tag] = many_to_many(related_name="posts")


MODELS = (House, Author, Tag, Post)


async def fill() -> None:
    """House 1; Ann 1 of it, Bob 2 of none; posts 1 and 2 of Ann, 3 of Bob; tags x and y on post 1."""
    house = await House.objects.create(name="Ace")
    ann, bob = await Author.objects.create(name="Ann", house=house), await Author.objects.create(name="Bob")
    for title, author in (("one", ann), ("two", ann), ("three", bob)):
        await Post.objects.create(title=title, author=author, data={"a": [1]})
    post = await Post.objects.get(id=1)
    await post.tags.create(word="x")
    await post.tags.create(word="y")


async def loaded() -> Post:
    """Post 1 with all around it, a list of its own, an annotation, and without its body."""
    comments = Prefetch("author__posts", queryset=Post.objects.order_by("-id"), to_attr="others")
    query = Post.objects.select_related("author__house").prefetch_related("tags", comments).defer("body")
    post = await query.annotate(n=Count("tags")).get(id=1)
    post.note, post.free = "mine", ["f"]  # type: ignore[attr-defined]
    post.title = "changed"
    post.data["a"].append(2)
    return post


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda post: pickle.loads(pickle.dumps(post)),
    "pickle of an old protocol": lambda post: pickle.loads(pickle.dumps(post, 2)),
    "a pickle of a copy": lambda post: pickle.loads(pickle.dumps(copy.copy(post))),
}


@pytest.mark.parametrize("case", COPIES)
async def test_a_copy_knows_what_the_instance_knew(rows: Any, case: str) -> None:
    post = await loaded()
    made = COPIES[case](post)
    with sends(rows, 0):
        assert made == post and made is not post and type(made) is Post
        assert (made.title, made.data, made.n, made.note, made.free) == (
            "changed",
            {"a": [1, 2]},
            2,
            "mine",
            ["f"],
        )
        assert made.author.house.name == "Ace" and [tag.word for tag in made.tags] == ["x", "y"]
        assert [other.title for other in made.author.others] == ["two", "one"]
    deep = case != "copy" and case != "a pickle of a copy"
    assert (made.data is post.data) is (case == "copy") and (not deep or made.author is not post.author)
    with pytest.raises(NotLoaded, match=r"Post\.body was not loaded"):
        _ = made.body
    with sends(rows, 1) as sent:
        await made.save()
    assert 'SET "title" = $1::text, "data" = $2::jsonb WHERE' in sent[0]
    made.title = "again"
    assert post.title == "changed"
    with sends(rows, 1):
        await post.save()
    await made.refresh("body")
    assert made.body == ""


async def test_unsaved_ones_and_those_that_point_at_each_other(rows: Any) -> None:
    for make in COPIES.values():
        new = make(Post(title="new", author_id=2))
        with sends(rows, 1) as sent:
            await new.save()
        assert sent[0].startswith("INSERT") and new.id > 3
        await new.delete()
        (author,) = await Author.objects.filter(id=1).prefetch_related("posts")
        again = make(author)
        assert [post.id for post in again.posts] == [1, 2] and next(iter(again.posts)).author == again


async def test_copies_stay_with_their_database(rows: Any, dsn: str) -> None:
    other = await chakra.connect(dsn)
    try:
        post = await Post.objects.using(other).get(id=1)
        for make in (copy.copy, copy.deepcopy):
            made: Any = make(post)
            made.title = "elsewhere"
            with sends(rows, 0), sends(other, 1):
                await made.save()
        with sends(rows, 1), sends(other, 0):
            await pickle.loads(pickle.dumps(post)).refresh()
    finally:
        await other.close()
        await Post.objects.filter(id=1).update(title="one")


READ = """
import pickle, sys
post = pickle.loads(sys.stdin.buffer.read())
print(post.title, post.author.house.name, [tag.word for tag in post.tags], post.to_dict(fields=["id", "author__name"]))
try:
    post.body
except Exception as error:
    print(type(error).__name__)
"""


async def test_another_process_reads_a_pickle(rows: Any) -> None:
    """It has no database, and asks for none."""
    given = pickle.dumps(await loaded())
    done = subprocess.run(
        [sys.executable, "-c", READ],
        input=given,
        capture_output=True,
        cwd=Path(__file__).parents[2],
        check=False,
        timeout=60,
    )
    assert done.stdout.decode().split("\n") == [
        "changed Ace ['x', 'y'] {'id': 1, 'author': {'name': 'Ann'}}", "NotLoaded", "",
    ], done.stderr.decode()  # fmt: skip


async def test_pickles_of_other_versions() -> None:
    blank, arguments, content = House(id=1, name="x").__reduce__()
    made = blank(*arguments)
    with pytest.raises(
        FieldError, match=rf"pickled by another version of Chakra \(layout 99; this one reads {LAYOUT}\)"
    ):
        made.__setstate__({**content, "layout": 99})
    with pytest.raises(FieldError, match="layout None"):
        made.__setstate__(({}, True))
    old = {**content, "values": {"id": 1, "colour": "red"}, "changed": {"colour"}, "saved": True}
    with pytest.warns(
        RuntimeWarning, match="a House was pickled with the fields colour, which the model does not have"
    ):
        made.__setstate__(old)
    assert made.id == 1 and made._state.changed == set()
    with pytest.raises(NotLoaded, match=r"House\.name was not loaded"):
        _ = made.name


DICTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "what was loaded": ({}, {"id": 1, "title": "changed", "data": {"a": [1, 2]}, "author_id": 1, "n": 2}),
    "some fields": ({"fields": ["title", "pk", "n"]}, {"title": "changed", "id": 1, "n": 2}),
    "a relation is its key": ({"fields": ["author"]}, {"author_id": 1}),
    "but some": ({"exclude": ["data", "author", "n"]}, {"id": 1, "title": "changed"}),
    "relations": (
        {"fields": ["id"], "relations": ["author", "tags"]},
        {"id": 1, "author": {"id": 1, "name": "Ann", "house_id": 1},
         "tags": [{"id": 1, "word": "x"}, {"id": 2, "word": "y"}]},
    ),
    "of relations": (
        {"fields": ["id", "author__house__name"], "exclude": ["tags__id"], "relations": ["tags"]},
        {"id": 1, "tags": [{"word": "x"}, {"word": "y"}], "author": {"house": {"name": "Ace"}}},
    ),
    "deep": (
        {"fields": ["id"], "relations": ["author__house"], "exclude": ["author__name"]},
        {"id": 1, "author": {"id": 1, "house_id": 1, "house": {"id": 1, "name": "Ace"}}},
    ),
    "a list of its own": (
        {"fields": [], "relations": ["author__others"], "exclude": ["author__house", "author__others__data"]},
        {"author": {"id": 1, "name": "Ann", "others": [
            {"id": 2, "title": "two", "body": "", "author_id": 1},
            {"id": 1, "title": "one", "body": "", "author_id": 1}]}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DICTS)
async def test_dicts(rows: Any, case: str) -> None:
    given, expected = DICTS[case]
    post = await loaded()
    with sends(rows, 0):
        found = post.to_dict(**given)
    assert found == expected and list(found) == list(expected)


async def test_what_dicts_refuse(rows: Any) -> None:
    post = await loaded()
    plain = await Post.objects.get(id=1)
    cases: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        (post, {"fields": ["body"]}, NotLoaded, r"Post\.body was not loaded"),
        (post, {"fields": ["nope"]}, FieldError, "Post has no field 'nope'"),
        (post, {"exclude": ["nope"]}, FieldError, "Post has no field 'nope'"),
        (post, {"exclude": ["author__name"]}, FieldError, "author is not among relations="),
        (post, {"fields": "title"}, FieldError, r"fields takes a list of names: \['title'\]"),
        (post, {"relations": ["title"]}, FieldError, "'title' is a field, not a relation"),
        (plain, {"relations": ["author"]}, NotLoaded, r'Post\.author is not loaded.*select_related\("author"\)'),
        (plain, {"relations": ["tags"]}, NotLoaded, r'Post\.tags is not loaded.*\(\.prefetch_related\("tags"\)\)'),
    ]  # fmt: skip
    for row, given, error, message in cases:
        with pytest.raises(error, match=message):
            row.to_dict(**given)
    bob = await Author.objects.get(id=2)
    assert bob.to_dict(relations=["house"]) == {"id": 2, "name": "Bob", "house_id": None, "house": None}
    held = plain.to_dict()["data"]
    held["a"].append(9)
    assert plain.data == {"a": [1]}, "a dict of its own"
    assert Post(title="new").to_dict(exclude=["data"]) == {"id": None, "title": "new", "body": ""}
