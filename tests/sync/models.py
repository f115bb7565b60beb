"""Authors, posts and tags."""

from __future__ import annotations

from chakra import Field, ForeignKey, ManyToMany, Model, field, foreign_key, many_to_many, sync


class Author(Model, table="sync_authors"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(unique=True)


class Tag(Model, table="sync_tags"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Post(Model, table="sync_posts"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    author: ForeignKey[Author] = foreign_key(related_name="posts", on_delete="cascade")
    tags: ManyToMany[Tag] = many_to_many(related_name="posts")


MODELS = (Author, Tag, Post)


def fill(db: sync.Database) -> None:
    """Ann (1) wrote posts 1 and 2, Bob (2) wrote post 3; post 1 has the tag "red"."""
    db.execute("insert into sync_authors (name) values ('Ann'), ('Bob')")
    db.execute("insert into sync_posts (title, author_id) values ('a', 1), ('b', 1), ('c', 2)")
    db.execute("insert into sync_tags (name) values ('red'), ('blue')")
    Post.objects.using(db).get(id=1).tags.using(db).add(1)  # type: ignore[attr-defined]


__all__ = ["MODELS", "Author", "Post", "Tag", "fill"]
