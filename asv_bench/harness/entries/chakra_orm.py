"""Chakra's way."""

from __future__ import annotations

from datetime import datetime
from types import new_class
from typing import Any

import chakra
from asv_bench.harness.entries import Operations
from asv_bench.harness.entries.tables import Wide, document, now, wide
from chakra import Count, Field, ForeignKey, ManyToMany, Model, Sum, field, foreign_key, many_to_many
from chakra.types import BigInt, Double, Integer, Jsonb, Numeric, SmallInt, Text, Varchar

TYPES = {
    "float": Double,
    "small": SmallInt,
    "whole": Integer,
    "big": BigInt,
    "chars": Varchar(255),
    "words": Text,
    "amount": Numeric(12, 8),
    "doc": Jsonb,
}


class Entry(Model, table="entries"):
    id: Field[int] = field(primary_key=True)
    noted_at: Field[datetime] = field(default_factory=now)
    level: Field[int] = field(Integer, index=True)
    message: Field[str] = field(Varchar(255), index=True)


class LinkedEntry(Model, table="linked_entries"):
    id: Field[int] = field(primary_key=True)
    noted_at: Field[datetime] = field(default_factory=now)
    level: Field[int] = field(Integer, index=True)
    message: Field[str] = field(Varchar(255), index=True)
    parent: ForeignKey[LinkedEntry | None] = foreign_key(
        related_name="children", on_delete="set null", default=None
    )
    knows: ManyToMany[LinkedEntry] = many_to_many(
        through="Knows", through_fields=("one", "other"), related_name="known_by"
    )


class Knows(Model, table="knows"):
    id: Field[int] = field(primary_key=True)
    one: ForeignKey[LinkedEntry] = foreign_key(related_name="knows_links", on_delete="cascade")
    other: ForeignKey[LinkedEntry] = foreign_key(related_name="known_links", on_delete="cascade")


def _column(column: Wide) -> Any:
    if column.nullable:
        return field(TYPES[column.part], null=True, default=None)
    if column.part == "doc":
        return field(Jsonb, default_factory=document)
    return field(TYPES[column.part], default=column.default)


def _body(namespace: dict[str, Any]) -> None:
    namespace["__module__"] = __name__
    namespace["id"] = field(BigInt, primary_key=True)
    namespace["noted_at"] = field(chakra.types.TimestampTz, default_factory=now)
    namespace["level"] = field(Integer, index=True)
    namespace["message"] = field(Varchar(255), index=True)
    namespace.update({column.name: _column(column) for column in wide()})


WideEntry: Any = new_class("WideEntry", (Model,), {"table": "wide_entries"}, _body)


class Item(Model, table="items"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(Varchar(50))
    value: Field[int] = field(Integer)
    category: Field[int] = field(Integer)
    created_at: Field[datetime] = field(default_factory=now)


class Chakra(Operations):
    name = "chakra"
    models = {"small": Entry, "related": LinkedEntry, "large": WideEntry, "items": Item}  # noqa: RUF012

    def __init__(self, db: chakra.Database) -> None:
        self.transaction = db.transaction  # type: ignore[method-assign]

    def create(self, kind: str, values: dict[str, Any]) -> Any:
        return self.models[kind].objects.create(**values)

    def bulk(self, kind: str, made: list[Any]) -> Any:
        return self.models[kind].objects.bulk_create(made)

    def level(self, kind: str, level: int) -> Any:
        return self.models[kind].objects.filter(level=level)

    def page(self, kind: str, level: int, offset: int) -> Any:
        return self.models[kind].objects.filter(level=level).order_by("id")[offset : offset + 20]

    def get(self, kind: str, key: int) -> Any:
        return self.models[kind].objects.get(id=key)

    def dicts(self, kind: str, level: int) -> Any:
        return self.models[kind].objects.filter(level=level).values()

    def tuples(self, kind: str, level: int) -> Any:
        return self.models[kind].objects.filter(level=level).values_list()

    def everything(self, kind: str) -> Any:
        return self.models[kind].objects.all()

    def save(self, made: Any, fields: list[str] | None) -> Any:
        return made.save()

    def delete(self, made: Any) -> Any:
        return made.delete()

    def count(self, kind: str) -> Any:
        return self.models[kind].objects.count()

    def at_least(self, value: int) -> Any:
        return Item.objects.filter(value__gte=value)

    def grouped(self, more_than: int) -> Any:
        query = Item.objects.values("category").annotate(rows=Count("id"), total=Sum("value"))
        return query.filter(rows__gt=more_than).order_by("category").values_list("category", "rows", "total")

    def set_zero(self, below: int) -> Any:
        return Item.objects.filter(value__lt=below).update(value=0)

    def remove(self, at_least: int) -> Any:
        return Item.objects.filter(value__gte=at_least).delete()
