"""Publishers, authors and books: the models and rows of the query tests."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from decimal import Decimal

from chakra import Field, ForeignKey, Model, field, foreign_key
from chakra.types import Array, Int4Range, Jsonb, Numeric, SmallInt, Text, Timestamp, Varchar

UTC = dt.UTC


class Kind(enum.Enum):
    NOVEL = "novel"
    POETRY = "poetry"


class Publisher(Model):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(unique=True)
    city: Field[str | None]


class Author(Model):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    email: Field[str] = field(Varchar(60), unique=True)
    publisher: ForeignKey[Publisher | None] = foreign_key(default=None, on_delete="set null")


class Book(Model):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    author: ForeignKey[Author] = foreign_key(related_name="books", on_delete="cascade")
    sequel_of: ForeignKey["Book | None"] = foreign_key(default=None, on_delete="set null")  # noqa: UP037
    price: Field[Decimal | None] = field(Numeric(10, 2), default=None)
    pages: Field[int | None]
    stock: Field[int] = field(SmallInt, default=0)
    rating: Field[float | None]
    kind: Field[Kind | None]
    sold_out: Field[bool] = field(default=False)
    printed: Field[dt.date | None]
    added: Field[dt.datetime | None]
    local: Field[dt.datetime | None] = field(Timestamp)
    opens: Field[dt.time | None]
    loan: Field[dt.timedelta | None]
    cover: Field[bytes | None]
    code: Field[uuid.UUID | None]
    tags: Field[list[str] | None] = field(Array(Text))
    span: Field[object] = field(Int4Range, null=True, default=None)
    data: Field[dict | None] = field(Jsonb, default=None)


def stamp(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=UTC)


async def fill() -> None:
    """Two publishers, three authors (one without a publisher), six books, the last one nearly all NULL."""
    big = await Publisher.objects.create(name="Big House", city="Berlin")
    small = await Publisher.objects.create(name="small press")
    ann = await Author.objects.create(name="Ann", email="ann@x.org", publisher=big)
    bob = await Author.objects.create(name="Bob", email="bob@x.org", publisher=small)
    zoe = await Author.objects.create(name="Zoë", email="zoe@x.org")
    first = await Book.objects.create(
        title="Alpha", author=ann, price=Decimal("10.00"), pages=100, stock=5, rating=4.5, kind=Kind.NOVEL,
        printed=dt.date(2019, 12, 30), added=stamp("2020-01-05T00:30:15"),
        local=dt.datetime(2020, 1, 5, 12, 0), opens=dt.time(9, 30, 5), loan=dt.timedelta(days=14),
        cover=b"\x00\xff", code=uuid.UUID(int=1), tags=["new", "blue"], data={"a": 1, "b": {"c": [1, 2]}},
    )  # fmt: skip
    await Book.objects.create(
        title="100% alpha_beta", author=ann, sequel_of=first, price=Decimal("20.50"), pages=250, stock=1,
        rating=2.5, kind=Kind.POETRY, sold_out=True, printed=dt.date(2020, 2, 29),
        added=stamp("2020-02-29T23:59:59.75"), local=dt.datetime(2020, 2, 29, 23, 59, 59),
        opens=dt.time(10, 0), loan=dt.timedelta(hours=5), cover=b"", code=uuid.UUID(int=2), tags=["old"],
        data={"a": 2},
    )  # fmt: skip
    await Book.objects.create(
        title="back\\slash", author=bob, price=Decimal("0.99"), pages=100, stock=0, rating=float("inf"),
        kind=Kind.NOVEL, printed=dt.date(2021, 7, 4), added=stamp("2021-07-04T12:00:00"),
        local=dt.datetime(2021, 7, 4, 12), opens=dt.time(23, 59, 59), loan=dt.timedelta(days=-1),
        code=uuid.UUID(int=3), tags=[], data={},
    )  # fmt: skip
    await Book.objects.create(
        title="Ünïcode 日本", author=zoe, sequel_of=first, price=Decimal("15.25"), pages=320, stock=32767,
        rating=-1.0, kind=Kind.POETRY, printed=dt.date(2022, 1, 1), added=stamp("2022-01-01T00:00:00"),
        local=dt.datetime(2022, 1, 1), opens=dt.time(0, 0), tags=["new", "日本"], data={"a": None},
    )  # fmt: skip
    await Book.objects.create(title="", author=bob, price=Decimal("5.00"), pages=0, stock=-3, rating=0.0)
    await Book.objects.create(title="alphabet", author=zoe)


async def ids(queryset: object) -> list[int]:
    """Primary keys of a query's rows, in their order."""
    return [row.pk for row in await queryset]  # type: ignore[attr-defined]
