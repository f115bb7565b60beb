"""oxyde's way. Its models do without the many-to-many, which no operation asks for."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from oxyde import Count, Field, Model, Sum, db

from asv_bench.harness.entries import Operations
from asv_bench.harness.entries.tables import Wide, document, now, wide

TYPES: dict[str, tuple[Any, str]] = {
    "float": (float, "DOUBLE PRECISION"),
    "small": (int, "SMALLINT"),
    "whole": (int, "INTEGER"),
    "big": (int, "BIGINT"),
    "chars": (str, "VARCHAR(255)"),
    "words": (str, "TEXT"),
    "amount": (Decimal, "NUMERIC(12,8)"),
    "doc": (dict[str, Any], "JSONB"),
}


class Entry(Model):
    id: int | None = Field(default=None, db_pk=True)
    noted_at: datetime = Field(default_factory=now, db_type="TIMESTAMPTZ")
    level: int = Field(db_type="INTEGER")
    message: str

    class Meta:
        is_table = True
        table_name = "entries"


class LinkedEntry(Model):
    id: int | None = Field(default=None, db_pk=True)
    noted_at: datetime = Field(default_factory=now, db_type="TIMESTAMPTZ")
    level: int = Field(db_type="INTEGER")
    message: str
    parent: LinkedEntry | None = Field(default=None)

    class Meta:
        is_table = True
        table_name = "linked_entries"


def _field(column: Wide) -> tuple[Any, Any]:
    kind, type_ = TYPES[column.part]
    if column.nullable:
        return kind | None, Field(default=None, db_type=type_)
    if column.part == "doc":
        return kind, Field(default_factory=document, db_type=type_)
    return kind, Field(default=column.default, db_type=type_)


def _wide() -> Any:
    columns = {
        "id": (int | None, Field(default=None, db_pk=True)),
        "noted_at": (datetime, Field(default_factory=now, db_type="TIMESTAMPTZ")),
        "level": (int, Field(db_type="INTEGER")),
        "message": (str, Field()),
        **{column.name: _field(column) for column in wide()},
    }
    body: dict[str, Any] = {name: made for name, (_, made) in columns.items()}
    body["__annotations__"] = {name: kind for name, (kind, _) in columns.items()}
    # Nested classes are told from fields by their names.
    body |= {"__module__": __name__, "__qualname__": "WideEntry"}
    options = {"is_table": True, "table_name": "wide_entries", "__module__": __name__}
    body["Meta"] = type("Meta", (), {**options, "__qualname__": "WideEntry.Meta"})
    return type(Model)("WideEntry", (Model,), body)


WideEntry = _wide()


class Item(Model):
    id: int | None = Field(default=None, db_pk=True)
    name: str
    value: int = Field(db_type="INTEGER")
    category: int = Field(db_type="INTEGER")
    created_at: datetime = Field(default_factory=now, db_type="TIMESTAMPTZ")

    class Meta:
        is_table = True
        table_name = "items"


class OxydeOperations(Operations):
    name = "oxyde"
    models = {"small": Entry, "related": LinkedEntry, "large": WideEntry, "items": Item}  # noqa: RUF012
    cannot = {"large": "it reads smallint as NULL"}  # noqa: RUF012
    differs = {  # noqa: RUF012
        "dicts": "gives times as text",
        "tuples": "gives times as text",
    }

    def transaction(self) -> Any:
        return db.transaction.atomic()

    def create(self, kind: str, values: dict[str, Any]) -> Any:
        return self.models[kind].objects.create(**values)

    def bulk(self, kind: str, made: list[Any]) -> Any:
        return self.models[kind].objects.bulk_create(made)

    def level(self, kind: str, level: int) -> Any:
        return self.models[kind].objects.filter(level=level).all()

    def page(self, kind: str, level: int, offset: int) -> Any:
        return self.models[kind].objects.filter(level=level).order_by("id").limit(20).offset(offset).all()

    def get(self, kind: str, key: int) -> Any:
        return self.models[kind].objects.get(id=key)

    def dicts(self, kind: str, level: int) -> Any:
        return self.models[kind].objects.filter(level=level).values().all()

    def tuples(self, kind: str, level: int) -> Any:
        return self.models[kind].objects.filter(level=level).values_list().all()

    def everything(self, kind: str) -> Any:
        return self.models[kind].objects.all()

    def save(self, made: Any, fields: list[str] | None) -> Any:
        return made.save(update_fields=fields)

    def delete(self, made: Any) -> Any:
        return made.delete()

    def count(self, kind: str) -> Any:
        return self.models[kind].objects.count()

    def at_least(self, value: int) -> Any:
        return Item.objects.filter(value__gte=value).all()

    def grouped(self, more_than: int) -> Any:
        query = Item.objects.filter().values("category").annotate(rows=Count("id"), total=Sum("value"))
        return query.group_by("category").having(rows__gt=more_than).order_by("category").all()

    def set_zero(self, below: int) -> Any:
        return Item.objects.filter(value__lt=below).update(value=0)

    def remove(self, at_least: int) -> Any:
        return Item.objects.filter(value__gte=at_least).delete()
