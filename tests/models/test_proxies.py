"""Proxies: classes over the rows of another model's table, with other behaviour; and equality across them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from chakra import (
    F,
    Field,
    ForeignKey,
    Index,
    ManyToMany,
    Model,
    Prefetch,
    QuerySet,
    Version,
    field,
    foreign_key,
    many_to_many,
    on,
    prefetch,
)
from chakra.errors import FieldError
from chakra.types import Text
from tests.relations.conftest import SHARED, rows, sends, shared_tables

__all__ = ["rows", "shared_tables"]

pytestmark = SHARED


class Author(Model, table="px_authors"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Writer(Author, proxy=True):
    def shout(self) -> str:
        return self.name.upper()


class PostQuerySet(QuerySet["Post"]):
    def long(self) -> Any:
        return self.filter(words__gte=100)


class Post(Model, table="px_posts"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    words: Field[int] = field(default=0)
    draft: Field[bool] = field(default=False)
    author: ForeignKey[Writer | None] = foreign_key(related_name="posts", default=None)
    fans: ManyToMany[Writer] = many_to_many(related_name="liked")
    version: Field[int] = Version()

    objects = PostQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        indexes = (Index("title"),)


class Plain:
    __slots__ = ()

    def label(self: Any) -> str:
        return f"draft {self.title}"


class Draft(Plain, Post):
    objects = PostQuerySet.as_manager(draft=True)
    every = PostQuerySet.as_manager()

    class Meta:
        proxy = True
        ordering = ("-title",)

    async def before_save(self) -> None:
        self.draft = True


class Shouted(Draft, proxy=True):
    def label(self) -> str:
        return super().label().upper()


class Comment(Model, table="px_comments"):
    id: Field[int] = field(primary_key=True)
    post: ForeignKey[Draft] = foreign_key(related_name="comments", on_delete="cascade")


heard: list[tuple[str, str]] = []


@on(Post, "after_save")
async def of_posts(post: Post) -> None:
    heard.append(("Post", type(post).__name__))


@on(Draft, "after_save")
async def of_drafts(post: Draft) -> None:
    heard.append(("Draft", type(post).__name__))


MODELS = (Draft, Writer, Comment, Post, Author, Shouted)


async def fill() -> None:
    """Ann 1; her posts a 1, b 2 (200 words), drafts c 3 and d 4; comments on c 1 and a 2; Ann likes a."""
    ann = await Writer.objects.create(name="Ann")
    for title, words, draft in (("a", 1, False), ("b", 200, False), ("c", 3, True), ("d", 400, True)):
        await Post.objects.create(title=title, words=words, draft=draft, author=ann)
    await Comment.objects.create(post_id=3)
    await Comment.objects.create(post_id=1)
    await (await Post.objects.get(id=1)).fans.add(ann)
    heard.clear()


def titles(found: Any) -> str:
    return " ".join(f"{type(row).__name__}:{row.title}" for row in found)


async def test_rows_are_of_the_class_that_is_asked(rows: Any) -> None:
    ann = Author(id=1)
    queries = {
        Draft.objects.all(): "Draft:d Draft:c",
        Draft.objects.long(): "Draft:d",
        Draft.every.all(): "Draft:d Draft:c Draft:b Draft:a",
        Post.objects.all(): "Post:a Post:b Post:c Post:d",
        Shouted.objects.filter(Post.title == "c"): "Shouted:c",
        Post.objects.filter(Draft.title == "c", Shouted.words < 5): "Post:c",
        Draft.objects.filter(author=ann): "Draft:d Draft:c",
        Draft.objects.filter(pk__in=[Post(id=3), Draft(id=1)]): "Draft:c",
        Draft.objects.filter(pk__in=Post.objects.filter(title="c")): "Draft:c",
        Post.objects.filter(comments__isnull=False): "Post:a Post:c",
        Draft.objects.filter(comments__id=1, fans__isnull=True): "Draft:c",
        Draft.objects.annotate(n=F("words") + 1).order_by("n")[:1]: "Draft:c",
        Draft.objects.union(Draft.every.filter(id=1)).order_by("id"): "Draft:a Draft:c Draft:d",
    }
    for query, expected in queries.items():
        assert titles(await query) == expected
    assert (await Draft.objects.to_arrow()).column("title").to_pylist() == ["d", "c"]
    assert await Draft.objects.values_list("title", flat=True) == ["d", "c"]
    assert (await Draft.objects.get(id=3)).label() == "draft c" and (
        await Shouted.objects.get(id=3)
    ).label() == "DRAFT C"
    with pytest.raises(Post.DoesNotExist):
        await Draft.objects.get(id=1)
    with pytest.raises(Draft.DoesNotExist, match="Draft"):
        await Draft.objects.get(id=1)


async def test_relations_lead_to_proxies_and_from_them(rows: Any) -> None:
    with sends(rows, 3):
        (post, *_) = await Draft.objects.select_related("author").prefetch_related(
            "comments", "author__posts"
        )
    assert post.author.shout() == "ANN" and titles(post.author.posts) == "Post:a Post:b Post:c Post:d"  # type: ignore[union-attr]
    comment = await Comment.objects.select_related("post").get(id=1)
    assert comment.post.label() == "draft c"
    assert titles([await (await Comment.objects.get(id=2)).post]) == "Draft:a", (
        "one row is found whatever the manager"
    )
    writer, author = await Writer.objects.get(), await Author.objects.get()
    assert titles(await writer.posts) == titles(await author.posts) == "Post:a Post:b Post:c Post:d"  # type: ignore[attr-defined]
    assert titles(await writer.liked) == "Post:a"  # type: ignore[attr-defined]
    (first,) = await Post.objects.filter(id=1).prefetch_related(
        Prefetch("author", queryset=Author.objects.all())
    )
    assert type(first.author) is Author
    await prefetch([writer], "posts__comments")
    with pytest.raises(FieldError, match="instances of one model"):
        await prefetch([writer, author], "posts")
    draft = await Draft.objects.get(id=4)
    assert await draft.comments.count() == 0  # type: ignore[attr-defined]
    made = await draft.comments.create()  # type: ignore[attr-defined]
    assert made.post is draft
    await draft.fans.add(author, writer)
    assert [type(fan) for fan in await draft.fans] == [Writer]
    other = await Post.objects.create(title="e")
    await writer.posts.add(other, Draft(id=4, title="d"))  # type: ignore[attr-defined]
    other.author = author
    await other.save()
    comment.post = other
    await comment.save()
    assert titles([await (await Comment.objects.get(id=1)).post]) == "Draft:e"


async def test_writing_through_a_proxy(rows: Any) -> None:
    draft = await Draft.objects.create(title="x")
    assert (type(draft), draft.draft, draft.version) == (Draft, True, 1)
    await Post.objects.create(title="y")
    await Shouted(title="z").save()
    assert heard == [
        ("Post", "Draft"),
        ("Draft", "Draft"),
        ("Post", "Post"),
        ("Post", "Shouted"),
        ("Draft", "Shouted"),
    ]
    draft.title = "xx"
    await draft.save()
    await draft.refresh()
    assert draft.version == 2 and await draft.delete() == 1
    assert await Draft.objects.update(words=F("words") + 1) == 3
    await Draft.objects.bulk_create([Draft(title="u"), Shouted(title="v")])
    await Post.objects.bulk_create([Draft(title="w")])
    assert await Draft.objects.filter(id__gt=4).delete() == 1, (
        "batches run no before_save: z alone is a draft"
    )
    assert await Post.objects.filter(title__in=["u", "v", "w", "y"]).count() == 4
    found, made = await Draft.objects.get_or_create(title="c")
    assert (found.id, made) == (3, False)


async def test_equality_across_proxies(rows: Any) -> None:
    post, draft = await Post.objects.get(id=3), await Draft.objects.get(id=3)
    assert (
        post == draft
        and draft == post
        and hash(post) == hash(draft)
        and len({post, draft, Shouted(id=3)}) == 1
    )
    assert post != Draft(id=4) and Draft() != Draft() and Draft() != Post() and draft != Author(id=3)
    assert (await Comment.objects.get(id=1)).post == post
    for made in (copy.copy(draft), copy.deepcopy(draft), pickle.loads(pickle.dumps(draft))):
        assert type(made) is Draft and made == post


async def test_a_relation_that_comes_later_is_known_to_proxies(rows: Any) -> None:
    assert await Draft.objects.filter(author__name="Ann").count() == 2

    class Note(Model, table="px_notes"):
        id: Field[int] = field(primary_key=True)
        post: ForeignKey[Post] = foreign_key(related_name="later")

    await rows.create_tables(Note)
    await Note.objects.create(post_id=4)
    assert titles(await Draft.objects.filter(later__isnull=False)) == "Draft:d"
    await rows.drop_tables(Note)


async def test_refused() -> None:
    def made(name: str, *bases: type, **meta: Any) -> None:
        own = meta.pop("own", {})
        type(name, bases, {"__module__": "m", "Meta": type("Meta", (), meta), **own})

    class Fields(Model):
        extra: Field[int]

        class Meta:
            abstract = True

    own = {"x": field(Text)}
    cases: list[tuple[str, Any]] = [
        (r"A is a proxy of Post and has no fields of its own: x", lambda: made("A", Post, proxy=True, own=own)),
        (r"A is a proxy of Post and Author; the rows", lambda: made("A", Post, Author, proxy=True)),
        (r"A is a proxy: its table is that of Post, which says table", lambda: made("A", Draft, proxy=True, table="x")),
        (r"A is a proxy of nothing", lambda: made("A", Model, proxy=True)),
        (r"its base Fields has others: extra", lambda: made("A", Fields, Post, proxy=True)),
        (r"A inherits from Draft, which has a table.*proxy=True.*one_to_one", lambda: made("A", Draft)),
        (r"a proxy has rows, and so is not abstract", lambda: made("A", Post, proxy=True, abstract=True)),
    ]  # fmt: skip
    for message, make in cases:
        with pytest.raises(FieldError, match=message):
            make()
    assert Draft.__table__ == Post.__table__ and Draft.__table__.indexes == Post.__table__.indexes
