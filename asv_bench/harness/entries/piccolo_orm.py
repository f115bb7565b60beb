"""Piccolo's way. Its tables do without the many-to-many, which no operation asks for."""

from __future__ import annotations

from types import new_class
from typing import Any

from piccolo.columns import (
    JSONB,
    BigInt,
    BigSerial,
    DoublePrecision,
    ForeignKey,
    Integer,
    Numeric,
    SmallInt,
    Text,
    Timestamptz,
    Varchar,
)
from piccolo.query.functions import Count, Sum
from piccolo.table import Table

from asv_bench.harness.entries import Operations
from asv_bench.harness.entries.tables import Wide, document, now, wide

TYPES: dict[str, Any] = {
    "float": (DoublePrecision, {}),
    "small": (SmallInt, {}),
    "whole": (Integer, {}),
    "big": (BigInt, {}),
    "chars": (Varchar, {"length": 255}),
    "words": (Text, {}),
    "amount": (Numeric, {"digits": (12, 8)}),
    "doc": (JSONB, {}),
}

MOST_PARAMETERS = 32_767
"""Of one statement; Piccolo does not split."""


class Entry(Table, tablename="entries"):
    id = BigSerial(primary_key=True)
    noted_at = Timestamptz(default=now)
    level = Integer(index=True)
    message = Varchar(length=255, index=True)


class LinkedEntry(Table, tablename="linked_entries"):
    id = BigSerial(primary_key=True)
    noted_at = Timestamptz(default=now)
    level = Integer(index=True)
    message = Varchar(length=255, index=True)
    parent = ForeignKey("self", null=True, db_column_name="parent_id")

    @property
    def parent_id(self) -> Any:
        return self.parent


def _column(column: Wide) -> Any:
    made, options = TYPES[column.part]
    if column.nullable:
        return made(null=True, default=None, **options)
    return made(default=document if column.part == "doc" else column.default, **options)


def _body(namespace: dict[str, Any]) -> None:
    namespace["__module__"] = __name__
    namespace["id"] = BigSerial(primary_key=True)
    namespace["noted_at"] = Timestamptz(default=now)
    namespace["level"] = Integer(index=True)
    namespace["message"] = Varchar(length=255, index=True)
    namespace.update({column.name: _column(column) for column in wide()})


WideEntry: Any = new_class("WideEntry", (Table,), {"tablename": "wide_entries"}, _body)


class Item(Table, tablename="items"):
    id = BigSerial(primary_key=True)
    name = Varchar(length=50)
    value = Integer()
    category = Integer()
    created_at = Timestamptz(default=now)


class PiccoloOperations(Operations):
    name = "Piccolo"
    models = {"small": Entry, "related": LinkedEntry, "large": WideEntry, "items": Item}  # noqa: RUF012
    cannot = {"tuples": "it gives dicts only"}  # noqa: RUF012

    def __init__(self, engine: Any) -> None:
        self.transaction = engine.transaction  # type: ignore[method-assign]
        for model in self.models.values():
            model._meta.db = engine

    def _objects(self, kind: str) -> Any:
        found = self.models[kind].objects()
        return found.output(load_json=True) if kind == "large" else found

    async def create(self, kind: str, values: dict[str, Any]) -> Any:
        made = self.models[kind](**values)
        await made.save()
        return made

    async def bulk(self, kind: str, made: list[Any]) -> Any:
        model = self.models[kind]
        chunk = MOST_PARAMETERS // len(model._meta.columns)
        for start in range(0, len(made), chunk):
            await model.insert(*made[start : start + chunk])

    async def level(self, kind: str, level: int) -> Any:
        return await self._objects(kind).where(self.models[kind].level == level)

    async def page(self, kind: str, level: int, offset: int) -> Any:
        model = self.models[kind]
        rows = self._objects(kind).where(model.level == level).order_by(model.id)
        return await rows.limit(20).offset(offset)

    async def get(self, kind: str, key: int) -> Any:
        return await self._objects(kind).where(self.models[kind].id == key).first()

    async def dicts(self, kind: str, level: int) -> Any:
        model = self.models[kind]
        found = model.select().where(model.level == level)
        return await (found.output(load_json=True) if kind == "large" else found)

    async def everything(self, kind: str) -> Any:
        return await self._objects(kind)

    async def save(self, made: Any, fields: list[str] | None) -> Any:
        await made.save([getattr(type(made), name) for name in fields] if fields else None)

    async def delete(self, made: Any) -> Any:
        await made.remove()

    async def count(self, kind: str) -> Any:
        return await self.models[kind].count()

    async def at_least(self, value: int) -> Any:
        return await Item.objects().where(Item.value >= value)

    async def grouped(self, more_than: int) -> Any:
        rows = Count(Item.id, alias="rows")
        query = Item.select(Item.category, rows, Sum(Item.value, alias="total")).group_by(Item.category)
        return await query.having(Count(Item.id) > more_than).order_by(Item.category)

    async def set_zero(self, below: int) -> Any:
        await Item.update({Item.value: 0}).where(Item.value < below)

    async def remove(self, at_least: int) -> Any:
        await Item.delete().where(Item.value >= at_least)
