"""Django's way, called synchronously; can be imported only when Django is configured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Count, Sum

from asv_bench.harness.entries import Operations, next_level
from asv_bench.harness.entries.django_models import Entry, Item, LinkedEntry, WideEntry


class DjangoOperations(Operations):
    name = "Django"
    models = {"small": Entry, "related": LinkedEntry, "large": WideEntry, "items": Item}  # noqa: RUF012

    def create(self, kind: str, values: dict[str, Any]) -> Any:
        return self.models[kind].objects.create(**values)

    def bulk(self, kind: str, made: list[Any]) -> Any:
        return self.models[kind].objects.bulk_create(made)

    def level(self, kind: str, level: int) -> Any:
        return list(self.models[kind].objects.filter(level=level))

    def page(self, kind: str, level: int, offset: int) -> Any:
        return list(self.models[kind].objects.filter(level=level).order_by("id")[offset : offset + 20])

    def get(self, kind: str, key: int) -> Any:
        return self.models[kind].objects.get(id=key)

    def dicts(self, kind: str, level: int) -> Any:
        return list(self.models[kind].objects.filter(level=level).values())

    def tuples(self, kind: str, level: int) -> Any:
        return list(self.models[kind].objects.filter(level=level).values_list())

    def everything(self, kind: str) -> Any:
        return list(self.models[kind].objects.all())

    def create_each(self, kind: str, rows: Sequence[dict[str, Any]]) -> Any:
        with transaction.atomic():
            for row in rows:
                self.models[kind].objects.create(**row)

    def update_whole(self, loaded: Sequence[Any]) -> Any:
        with transaction.atomic():
            for made in loaded:
                made.level = next_level(made.level)
                made.message += " again"
                made.save()

    def update_partial(self, loaded: Sequence[Any]) -> Any:
        with transaction.atomic():
            for made in loaded:
                made.level = next_level(made.level)
                made.save(update_fields=["level"])

    def delete_each(self, loaded: Sequence[Any]) -> Any:
        with transaction.atomic():
            for made in loaded:
                made.delete()

    def count(self, kind: str) -> Any:
        return self.models[kind].objects.count()

    def at_least(self, value: int) -> Any:
        return list(Item.objects.filter(value__gte=value))

    def grouped(self, more_than: int) -> Any:
        query = Item.objects.values("category").annotate(rows=Count("id"), total=Sum("value"))
        return list(
            query.filter(rows__gt=more_than).order_by("category").values_list("category", "rows", "total")
        )

    def set_zero(self, below: int) -> Any:
        return Item.objects.filter(value__lt=below).update(value=0)

    def remove(self, at_least: int) -> Any:
        return Item.objects.filter(value__gte=at_least).delete()
