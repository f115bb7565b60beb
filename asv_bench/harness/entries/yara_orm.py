"""yara-orm's way; its API is like Tortoise's."""

from __future__ import annotations

from typing import Any

from yara_orm import Model, fields, in_transaction
from yara_orm.aggregations import Count, Sum

from asv_bench.harness.entries import Operations
from asv_bench.harness.entries.tables import Wide, document, now, wide

FIELDS: dict[str, Any] = {
    "float": (fields.FloatField, {}),
    "small": (fields.SmallIntField, {}),
    "whole": (fields.IntField, {}),
    "big": (fields.BigIntField, {}),
    "chars": (fields.CharField, {"max_length": 255}),
    "words": (fields.TextField, {}),
    "amount": (fields.DecimalField, {"max_digits": 12, "decimal_places": 8}),
    "doc": (fields.JSONField, {}),
}


class Shared(Model):
    id = fields.BigIntField(pk=True)
    noted_at = fields.DatetimeField(default=now)
    level = fields.IntField(index=True)
    message = fields.CharField(max_length=255, index=True)

    class Meta:
        abstract = True


class Entry(Shared):
    class Meta:
        table = "entries"


class LinkedEntry(Shared):
    parent = fields.ForeignKeyField("LinkedEntry", related_name="children", null=True)
    knows = fields.ManyToManyField(
        "LinkedEntry",
        related_name="known_by",
        through="knows",
        forward_key="other_id",
        backward_key="one_id",
    )

    class Meta:
        table = "linked_entries"


def _field(column: Wide) -> Any:
    made, options = FIELDS[column.part]
    if column.nullable:
        return made(null=True, **options)
    return made(default=document if column.part == "doc" else column.default, **options)


class WideMeta:
    table = "wide_entries"


WideEntry = type(
    "WideEntry",
    (Shared,),
    {"__module__": __name__, "Meta": WideMeta, **{column.name: _field(column) for column in wide()}},
)


class Item(Model):
    id = fields.BigIntField(pk=True)
    name = fields.CharField(max_length=50)
    value = fields.IntField()
    category = fields.IntField()
    created_at = fields.DatetimeField(default=now)

    class Meta:
        table = "items"


class YaraOperations(Operations):
    name = "yara-orm"
    models = {"small": Entry, "related": LinkedEntry, "large": WideEntry, "items": Item}  # noqa: RUF012

    def transaction(self) -> Any:
        return in_transaction()

    def create(self, kind: str, values: dict[str, Any]) -> Any:
        return self.models[kind].create(**values)

    def bulk(self, kind: str, made: list[Any]) -> Any:
        return self.models[kind].bulk_create(made)

    def level(self, kind: str, level: int) -> Any:
        return self.models[kind].filter(level=level)

    def page(self, kind: str, level: int, offset: int) -> Any:
        return self.models[kind].filter(level=level).order_by("id").limit(20).offset(offset)

    def get(self, kind: str, key: int) -> Any:
        return self.models[kind].get(id=key)

    def dicts(self, kind: str, level: int) -> Any:
        return self.models[kind].filter(level=level).values()

    def tuples(self, kind: str, level: int) -> Any:
        return self.models[kind].filter(level=level).values_list()

    def everything(self, kind: str) -> Any:
        return self.models[kind].all()

    def save(self, made: Any, fields: list[str] | None) -> Any:
        return made.save(update_fields=fields)

    def delete(self, made: Any) -> Any:
        return made.delete()

    def count(self, kind: str) -> Any:
        return self.models[kind].all().count()

    def at_least(self, value: int) -> Any:
        return Item.filter(value__gte=value)

    def grouped(self, more_than: int) -> Any:
        query = Item.annotate(rows=Count("id"), total=Sum("value")).group_by("category")
        return query.filter(rows__gt=more_than).order_by("category").values("category", "rows", "total")

    def set_zero(self, below: int) -> Any:
        return Item.filter(value__lt=below).update(value=0)

    def remove(self, at_least: int) -> Any:
        return Item.filter(value__gte=at_least).delete()
