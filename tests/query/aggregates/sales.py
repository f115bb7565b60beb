"""Shops and their sales: a column of every kind of value that aggregates are about."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from typing import Any

from chakra import Field, ForeignKey, Model, field, foreign_key
from chakra.types import (
    Array,
    BigInt,
    Bit,
    Int4Range,
    Integer,
    Interval,
    Jsonb,
    Numeric,
    Real,
    SmallInt,
    Text,
    Varchar,
)


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Shop(Model, table="shops"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Sale(Model, table="sales"):
    id: Field[int] = field(primary_key=True)
    shop: ForeignKey[Shop | None] = foreign_key(related_name="sales", default=None, on_delete="set null")
    region: Field[str]
    city: Field[str | None]
    code: Field[str] = field(Varchar(10))
    size: Field[Size | None]
    price: Field[Decimal | None] = field(Numeric(12, 2), default=None)
    pages: Field[int | None] = field(Integer, default=None)
    small: Field[int] = field(SmallInt)
    big: Field[int] = field(BigInt)
    rate: Field[float | None]
    real: Field[float] = field(Real)
    paid: Field[bool | None]
    day: Field[dt.date]
    lasts: Field[object] = field(Interval)
    span: Field[object] = field(Int4Range, null=True, default=None)
    bits: Field[object] = field(Bit(4))
    blob: Field[bytes]
    tags: Field[list[str]] = field(Array(Text))
    data: Field[dict[str, Any] | None] = field(Jsonb, default=None)


MODELS = (Shop, Sale)

ROWS: list[tuple[Any, ...]] = [
    # shop, region, city, size, price, pages, small, rate, paid, span
    (1, "east", "Ayr", Size.SMALL, "1.50", 10, 12, 0.5, True, (1, 3)),
    (1, "east", "Ayr", Size.LARGE, "9.99", 30, 10, 1.5, True, (2, 5)),
    (1, "east", "Bath", Size.SMALL, "3.00", None, 6, None, None, (8, 9)),
    (2, "west", "Cork", None, None, 20, 5, 2.0, False, None),
    (2, "west", None, Size.LARGE, "2.00", 5, 7, -1.0, True, (1, 4)),
    (None, "west", "Cork", Size.LARGE, "2.00", 20, 3, 4.0, False, (3, 9)),
]


async def fill() -> None:
    """Three shops, the last without sales; six sales, one without a shop."""
    for name in ("one", "two", "none"):
        await Shop.objects.create(name=name)
    for n, (shop, region, city, size, price, pages, small, rate, paid, span) in enumerate(ROWS, 1):
        await Sale.objects.create(
            shop_id=shop,
            region=region,
            city=city,
            code=f"c{n % 3}",
            size=size,
            price=None if price is None else Decimal(price),
            pages=pages,
            small=small,
            big=n * 10**12,
            rate=rate,
            real=n / 2,
            paid=paid,
            day=dt.date(2026, 1, n),
            lasts=dt.timedelta(hours=n),
            span=span,
            bits=f"{small:04b}",
            blob=bytes([n]),
            tags=[f"t{n}"],
            data={"n": n} if n != 2 else None,
        )
