"""Shops and what they sell, with ties and NULLs; and how a query is held against SQL written by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from chakra import Field, ForeignKey, Model, field, foreign_key
from chakra.types import Array, Integer, Numeric, Text


class Shop(Model, table="shops"):
    id: Field[int] = field(primary_key=True)
    city: Field[str | None] = field(default=None)


class Item(Model, table="items"):
    id: Field[int] = field(primary_key=True)
    shop: ForeignKey[Shop | None] = foreign_key(related_name="items", on_delete="cascade", default=None)
    name: Field[str]
    kind: Field[str]
    price: Field[Decimal | None] = field(Numeric(8, 2), default=None)
    stock: Field[int] = field(Integer, default=0)
    weight: Field[float | None] = field(default=None)
    day: Field[dt.date | None] = field(default=None)
    sold: Field[dt.datetime | None] = field(default=None)
    sizes: Field[list[int]] = field(Array(Integer), default_factory=list)
    words: Field[list[str]] = field(Array(Text), default_factory=list)


MODELS = (Shop, Item)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


async def fill() -> None:
    oslo, rome, nowhere = [await Shop.objects.create(city=city) for city in ("Oslo", "Rome", None)]
    for shop, name, kind, price, stock, weight, day, sold, sizes in (
        (oslo, "lamp", "light", "19.90", 3, 1.5, dt.date(2024, 1, 31), at("2024-12-31T23:30:15"), [1, 2, 3]),
        (oslo, "desk", "wood", "240.00", 1, 30.0, dt.date(2024, 1, 1), at("2025-01-01T00:30:00"), [200]),
        (rome, "bulb", "light", "2.50", 40, None, dt.date(2024, 3, 5), None, []),
        (rome, "chair", "wood", None, 0, 7.25, None, at("2024-02-29T12:00:00"), [40, 45]),
        (rome, "shelf", "wood", "19.90", 3, 7.25, dt.date(2023, 12, 31), at("2024-02-29T12:00:59"), [3]),
        (nowhere, "Äpfel", "food", "2.50", 40, None, None, None, [0]),
        (None, "100%", "food", None, 3, float("inf"), dt.date(2024, 1, 31), at("2024-07-01T00:00:00"), [3, 3]),
        (None, "a", "food", "0.00", -2, -0.0, dt.date(2024, 12, 30), None, []),
    ):  # fmt: skip
        await Item.objects.create(
            shop=shop, name=name, kind=kind, price=None if price is None else Decimal(price), stock=stock,
            weight=weight, day=day, sold=sold, sizes=sizes, words=[name, kind],
        )  # fmt: skip


async def wrong_about(db: Any, query: Any, sql: str) -> str | None:
    """What is wrong about a query of values that means ``sql``, asked in every way; ``None`` = nothing."""
    expected = [tuple(row) for row in await db.fetch(sql)]
    width = len(expected[0]) if expected else 0
    found = [(row,) if not isinstance(row, tuple) else row for row in await query]
    if found != expected:
        return f"rows: {found}, and not {expected}"
    if [(row,) if not isinstance(row, tuple) else row async for row in query] != expected:
        return "the stream has other rows"
    table = await query.to_arrow()
    columns = [tuple(row.values()) for row in table.to_pylist()]
    if columns != expected or (expected and table.num_columns != width):
        return f"columns: {columns}, and not {expected}"
    if await query.count() != len(expected) or await query.exists() != bool(expected):
        return f"{await query.count()} counted of {len(expected)}"
    if not (await query.explain()).strip():
        return "there is no plan"
    return None
