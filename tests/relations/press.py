"""Houses, authors, passports, posts and tags: models and rows for what is loaded of relations."""

from __future__ import annotations

from typing import Any

from chakra import (
    Field,
    ForeignKey,
    ManyToMany,
    Model,
    OneToOne,
    field,
    foreign_key,
    many_to_many,
    one_to_one,
)


class House(Model, table="houses"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    city: Field[str]


class Author(Model, table="authors"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    bio: Field[str | None]
    house: ForeignKey[House | None] = foreign_key(related_name="authors", default=None)


class Passport(Model, table="passports"):
    id: Field[int] = field(primary_key=True)
    number: Field[str]
    country: Field[str]
    author: OneToOne[Author] = one_to_one(related_name="passport")


class Post(Model, table="posts"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    body: Field[str]
    author: ForeignKey[Author] = foreign_key(related_name="posts")
    editor: ForeignKey[Author | None] = foreign_key(related_name="edited", default=None)
    tags: ManyToMany["Tag"] = many_to_many(related_name="posts")  # noqa: UP037


class Tag(Model, table="tags"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    color: Field[str]


async def fill(db: Any) -> None:
    """Ann (Penguin, passport A1) wrote one, edited by Bob, and two; Bob (no house, no passport) wrote three."""
    await db.create_tables(House, Author, Passport, Post, Tag)
    penguin = await House.objects.create(name="Penguin", city="London")
    ann = await Author.objects.create(name="Ann", bio="long", house=penguin)
    bob = await Author.objects.create(name="Bob")
    await Passport.objects.create(number="A1", country="UK", author=ann)
    one = await Post.objects.create(title="one", body="1", author=ann, editor=bob)
    two = await Post.objects.create(title="two", body="2", author=ann)
    await Post.objects.create(title="three", body="3", author=bob)
    red, blue = [await Tag.objects.create(name=name, color=name[0]) for name in ("red", "blue")]
    await one.tags.add(red, blue)
    await two.tags.add(red)
