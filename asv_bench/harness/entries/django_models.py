"""Models of Django's way; can be imported only when Django is configured."""

from __future__ import annotations

from typing import Any

from django.db import models

from asv_bench.harness.entries.tables import Wide, document, now, wide

FIELDS: dict[str, Any] = {
    "float": (models.FloatField, {}),
    "small": (models.SmallIntegerField, {}),
    "whole": (models.IntegerField, {}),
    "big": (models.BigIntegerField, {}),
    "chars": (models.CharField, {"max_length": 255}),
    "words": (models.TextField, {}),
    "amount": (models.DecimalField, {"max_digits": 12, "decimal_places": 8}),
    "doc": (models.JSONField, {}),
}


class Shared(models.Model):
    id = models.BigAutoField(primary_key=True)
    noted_at = models.DateTimeField(default=now)
    level = models.IntegerField(db_index=True)
    message = models.CharField(max_length=255, db_index=True)

    class Meta:
        abstract = True
        app_label = "bench"


class Entry(Shared):
    class Meta(Shared.Meta):
        abstract = False
        db_table = "entries"


class LinkedEntry(Shared):
    # The server does what is to be done when a row is deleted; nobody collects it for that.
    parent = models.ForeignKey("self", models.DO_NOTHING, related_name="children", null=True)
    knows = models.ManyToManyField(
        "self", through="Knows", through_fields=("one", "other"), symmetrical=False, related_name="known_by"
    )

    class Meta(Shared.Meta):
        abstract = False
        db_table = "linked_entries"


class Knows(models.Model):
    id = models.BigAutoField(primary_key=True)
    one = models.ForeignKey(LinkedEntry, models.DO_NOTHING, related_name="+")
    other = models.ForeignKey(LinkedEntry, models.DO_NOTHING, related_name="+")

    class Meta:
        app_label = "bench"
        db_table = "knows"


def _field(column: Wide) -> Any:
    made, options = FIELDS[column.part]
    if column.nullable:
        return made(null=True, **options)
    return made(default=document if column.part == "doc" else column.default, **options)


class WideMeta(Shared.Meta):
    abstract = False
    db_table = "wide_entries"


WideEntry = type(
    "WideEntry",
    (Shared,),
    {"__module__": __name__, "Meta": WideMeta, **{column.name: _field(column) for column in wide()}},
)


class Item(models.Model):
    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=50)
    value = models.IntegerField()
    category = models.IntegerField()
    created_at = models.DateTimeField(default=now)

    class Meta:
        app_label = "bench"
        db_table = "items"
