"""What a program has done before its first query: imports, models with a relation, a query that was said."""

from __future__ import annotations

import asyncio

from chakra import Field, ForeignKey, Model, connect, field, foreign_key


class Author(Model):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Book(Model):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    author: ForeignKey[Author] = foreign_key(related_name="books")


BOOKS = Book.objects.filter(author__name="Ann").exclude(title="").order_by("-title")[:10]


async def main(url: str) -> None:
    """What it would go on with."""
    async with connect(url):
        print(await BOOKS)


def run(url: str) -> None:
    asyncio.run(main(url))
