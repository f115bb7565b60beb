"""What a table refuses is the same class of error however the row is written: one at a time, many, or as columns."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import asyncpg
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from chakra import Model, field
from chakra.errors import (
    ChakraError,
    CheckViolation,
    DataError,
    ForeignKeyViolation,
    NotNullViolation,
    UniqueViolation,
)
from chakra.types import BigInt, Enum, Integer, Numeric, Text, Varchar

COLUMNS: dict[str, Any] = {
    "name": "ok",
    "code": "ok",
    "size": 1,
    "price": Decimal("1.00"),
    "mood": "ok",
    "kind": "ok",
    "owner": 1,
    "word": "ok",
}

# column, a value that is none, what every writer raises for it
FAULTS: list[tuple[str, Any, type[ChakraError]]] = [
    ("name", None, NotNullViolation),
    ("mood", None, NotNullViolation),
    ("word", None, NotNullViolation),
    ("code", "too long", DataError),
    ("size", 2**31, DataError),
    ("size", "x", DataError),
    ("size", -1, CheckViolation),
    ("price", Decimal("1000"), DataError),
    ("price", Decimal("1.005"), DataError),
    ("price", Decimal("NaN"), CheckViolation),
    ("mood", "glad", DataError),
    ("name", "a\0b", DataError),
    ("name", "taken", UniqueViolation),
    ("owner", 99, ForeignKeyViolation),
    ("kind", "other", CheckViolation),
]


class Mood(enum.Enum):
    OK = "ok"
    SAD = "sad"


class Owner(Model, table="error_owners"):
    id = field(BigInt, primary_key=True)


class Thing(Model, table="error_things"):
    """Written with every fault in each way."""

    id = field(BigInt, primary_key=True)
    name = field(Text)
    code = field(Varchar(3))
    size = field(Integer)
    price = field(Numeric(5, 2))
    mood = field(Enum(Mood, "error_mood"))
    kind = field(Text)
    owner = field(BigInt)
    word = field(Text, column="word_column")


SETUP = """
create type error_mood as enum ('ok', 'sad');
create domain error_kind as text check (value in ('ok', 'fine'));
create table error_owners (id int8 primary key);
insert into error_owners values (1);
create table error_things (
    id int8 primary key, name text not null, code varchar(3) not null, size int4 not null check (size >= 0),
    price numeric(5, 2) not null check (price <> 'NaN'), mood error_mood not null, kind error_kind not null,
    owner int8 not null references error_owners, word_column text not null
);
create unique index on error_things (name) where name = 'taken';
insert into error_things values (1000000, 'taken', 'ok', 1, 1, 'ok', 'ok', 1, 'ok');
insert into error_things select n, 'ok', 'ok', 1, 1, 'ok', 'ok', 1, 'ok' from generate_series(-600, -1) n;
"""

Writer = Callable[[Any, dict[str, Any]], Awaitable[Any]]


def some(values: dict[str, Any], count: int, first: int = 1) -> list[dict[str, Any]]:
    """Rows of which the last but one has the values."""
    bad = max(count - 2, 0)
    return [{"id": first + n, **(COLUMNS | (values if n == bad else {}))} for n in range(count)]


def instances(rows: list[dict[str, Any]]) -> list[Thing]:
    return [Thing(**row) for row in rows]


def listed(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def stored_names(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"word_column" if k == "word" else k: v for k, v in row.items()} for row in rows]


async def save(model: Any, values: dict[str, Any]) -> None:
    one = await Thing.objects.get(id=-1)
    for name, value in values.items():
        setattr(one, name, value)
    await one.save()


async def upsert_row(model: Any, values: dict[str, Any]) -> None:
    await Thing.objects.update_or_create(id=-1, defaults=values)


async def bulk_update(model: Any, values: dict[str, Any]) -> None:
    await Thing.objects.bulk_update(instances(some(values, 3, -3)), list(values))


ONE: dict[str, Writer] = {
    "create": lambda db, values: Thing.objects.create(**some(values, 1)[0]),
    "instance": lambda db, values: Thing(**some(values, 1)[0]).save(),
    "save": save,
    "update": lambda db, values: Thing.objects.filter(id=-1).update(**values),
    "get_or_create": lambda db, values: Thing.objects.get_or_create(id=7, defaults=COLUMNS | values),
    "update_or_create": upsert_row,
    "table": lambda db, values: db.table("error_things").create(**stored_names(some(values, 1))[0]),
}
MANY: dict[str, Writer] = {
    "bulk_create 2": lambda db, values: Thing.objects.bulk_create(instances(some(values, 2))),
    "bulk_create 600": lambda db, values: Thing.objects.bulk_create(instances(some(values, 600))),
    "upsert": lambda db, values: Thing.objects.bulk_create(
        instances(some(values, 3)), on_conflict="update", conflict_fields=["id"]
    ),
    "bulk_update": bulk_update,
    "bulk_update columns": lambda db, values: Thing.objects.bulk_update(
        {k: v for k, v in listed(some(values, 3, -3)).items() if k == "id" or k in values}
    ),
    "dicts": lambda db, values: Thing.objects.bulk_insert(some(values, 3)),
    "lists": lambda db, values: Thing.objects.bulk_insert(listed(some(values, 3))),
    "many lists": lambda db, values: Thing.objects.bulk_insert(listed(some(values, 600))),
    "ignore": lambda db, values: Thing.objects.bulk_insert(
        some(values, 3), on_conflict="ignore", conflict_fields=["id"]
    ),
    "arrow": lambda db, values: Thing.objects.bulk_insert(pa.table(listed(some(values, 3)))),
    "polars": lambda db, values: Thing.objects.bulk_insert(
        pl.DataFrame({k: pl.Series(v, strict=False) for k, v in listed(some(values, 3)).items()})
    ),
    "pandas": lambda db, values: Thing.objects.bulk_insert(pd.DataFrame(listed(some(values, 3)))),
    "table": lambda db, values: db.table("error_things").bulk_insert(stored_names(some(values, 3))),
}
# Containers that have no such value: another column's type comes out of it.
NO_MIXTURE = ("arrow", "polars", "pandas")


@pytest.mark.parametrize(("name", "value", "kind"), FAULTS, ids=lambda v: getattr(v, "__name__", repr(v)))
async def test_one_class_of_error(
    db: Any, pg: asyncpg.Connection[Any], name: str, value: Any, kind: type[ChakraError]
) -> None:
    await pg.execute(SETUP)
    before = await pg.fetchval("select array_agg(t::text order by id) from error_things t")
    wrong: dict[str, Any] = {}
    for way, write in [*(("one: " + k, w) for k, w in ONE.items()), *MANY.items()]:
        if way in NO_MIXTURE and (value == "x" or (isinstance(value, Decimal) and value.is_nan())):
            continue
        try:
            await write(db, {name: value})
        except ChakraError as error:
            said = str(error)
            if not isinstance(error, kind) or (kind is DataError and type(error) is not DataError):
                wrong[way] = repr(error)
            elif name not in said and not isinstance(
                error, CheckViolation | ForeignKeyViolation | UniqueViolation
            ):
                wrong[way] = f"does not name the field: {said}"
            elif (
                kind in (DataError, NotNullViolation)
                and way in MANY
                and (
                    error.row != (598 if "600" in way or "many" in way else 0 if way.endswith(" 2") else 1)
                    or error.column not in (name, f"{name}_column")
                )
            ):
                wrong[way] = f"row {error.row}, column {error.column}: {said}"
            elif kind is NotNullViolation and (error.table, error.sqlstate) != ("error_things", "23502"):
                wrong[way] = f"table {error.table}, {error.sqlstate}"
        else:
            wrong[way] = "written"
    assert wrong == {}
    assert await pg.fetchval("select array_agg(t::text order by id) from error_things t") == before


async def test_a_field_left_out_is_null_as_well(db: Any, pg: asyncpg.Connection[Any]) -> None:
    await pg.execute(SETUP)
    values = {name: value for name, value in COLUMNS.items() if name != "word"}
    for write in (
        lambda: Thing.objects.create(id=1, **values),
        lambda: Thing.objects.bulk_create([Thing(id=n, **values) for n in range(3)]),
        lambda: Thing.objects.bulk_create([Thing(id=n, **values) for n in range(600)]),
        lambda: Thing.objects.bulk_insert([{"id": 1, **values}]),
        lambda: Thing.objects.bulk_insert(
            {"id": [1], **{k: [v] for k, v in values.items()}}, on_conflict="ignore"
        ),
    ):
        with pytest.raises(NotNullViolation, match="word") as caught:
            await write()
        assert isinstance(caught.value, DataError)
        assert caught.value.column == "word" and caught.value.table == "error_things"
