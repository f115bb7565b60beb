"""Authors, posts, tags, seats and bookings: models and rows on which wrong subqueries give wrong answers."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from typing import Any

from chakra import Field, ForeignKey, ManyToMany, Model, field, foreign_key, many_to_many
from chakra.types import Integer, Numeric


class Kind(enum.Enum):
    NEWS = "news"
    ESSAY = "essay"


class Author(Model, table="authors"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    fame: Field[int | None] = field(Integer)
    city: Field[str | None]


class Tag(Model, table="tags"):
    name: Field[str] = field(primary_key=True)


class Post(Model, table="posts"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    views: Field[int | None] = field(Integer)
    price: Field[Decimal | None] = field(Numeric(8, 2), default=None)
    day: Field[dt.date]
    kind: Field[Kind]
    author: ForeignKey[Author | None] = foreign_key(related_name="posts", default=None)
    answer_to: ForeignKey["Post | None"] = foreign_key(related_name="answers", default=None)  # noqa: UP037
    tags: ManyToMany[Tag] = many_to_many(related_name="posts")


class Seat(Model, table="seats"):
    row: Field[int] = field(primary_key=True)
    number: Field[int] = field(primary_key=True)


class Booking(Model, table="bookings"):
    id: Field[int] = field(primary_key=True)
    row: Field[int | None]
    number: Field[int | None]


MODELS = (Author, Tag, Post, Seat, Booking)

AUTHORS = [(1, "Ann", 5, "Oslo"), (2, "Bob", 3, "Rome"), (3, "Cyd", None, "Oslo"), (4, "Dee", 9, None)]
POSTS = [
    (1, "a", 10, "1.50", "2020-01-01", Kind.NEWS, 1, None, "xy"),
    (2, "b", 30, None, "2020-06-01", Kind.NEWS, 1, 1, "x"),
    (3, "c", None, "9.99", "2021-01-01", Kind.ESSAY, 2, 1, ""),
    (4, "d", 20, "3.00", "2021-06-01", Kind.ESSAY, None, 3, "y"),
    (5, "e", 5, "2.00", "2022-01-01", Kind.NEWS, 3, None, ""),
]


async def fill(db: Any) -> None:
    await db.create_tables(*MODELS)
    await fill_tables()


async def fill_tables() -> None:
    for id_, name, fame, city in AUTHORS:
        await Author.objects.create(id=id_, name=name, fame=fame, city=city)
    for name in "xyz":
        await Tag.objects.create(name=name)
    for id_, title, views, price, day, kind, author, answer_to, tags in POSTS:
        post = await Post.objects.create(
            id=id_,
            title=title,
            views=views,
            price=price and Decimal(price),
            day=dt.date.fromisoformat(day),
            kind=kind,
            author_id=author,
            answer_to_id=answer_to,
        )
        await post.tags.add(*tags)
    for row, number in ((1, 1), (1, 2), (2, 1)):
        await Seat.objects.create(row=row, number=number)
    for row, number in ((1, 1), (2, 1), (2, None)):
        await Booking.objects.create(row=row, number=number)
