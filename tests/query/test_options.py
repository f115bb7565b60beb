"""Options of the calls that read and write columns: a wrong one is refused with its name, before anything happens."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from chakra import Field, Model, Q, field
from chakra.errors import ConfigError, DataError, FieldError
from chakra.types import Numeric


class Thing(Model, table="option_things"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


DATA: dict[str, Any] = {"id": [2], "name": ["b"]}
UPSERT: dict[str, Any] = {"on_conflict": "update", "conflict_fields": ["id"]}

ROWS = (0, -1, 1.5, "10", True, [1])
WORDS = (1, "nonsense", True, b"error", ["error"])
GIVEN = (1, "nonsense", b"error")  # True and names of fields are rows to give back
FLAGS = ("yes", 1, 0, None, [])
NAMES = ("name", 3, [3], [None], ["nonsense"], [[]], {"name": None}.values)
CONDITIONS = (True, "name = 'a'", 1, {"name": "a"}, Thing.name.asc())

COMMON: dict[str, tuple[Any, ...]] = {
    "timeout": (0, -1, "1", True, [1], float("nan")),
    "sync_sequences": FLAGS,
}
WRITTEN: dict[str, tuple[Any, ...]] = {
    "batch_rows": ROWS,
    "progress": (1, "yes", False, []),
    "allow_truncate": FLAGS,
    "naive_datetimes": WORDS,
}
CONFLICTS: dict[str, tuple[Any, ...]] = {
    "on_conflict": (1, "nonsense", True, ["update"]),
    "conflict_fields": NAMES,
    "update_fields": NAMES,
    "conflict_where": CONDITIONS,
    "where": CONDITIONS,
}
READ: dict[str, tuple[Any, ...]] = {
    "numeric": (1, "decimal", (1,), (0, 0), (99, 1), [10, 2], (10.0, 2), True),
    "infinity": WORDS,
    "strings": WORDS,
}
PARTS: dict[str, tuple[Any, ...]] = {
    "partitions": (0, -1, 1.0, "2", True, None, 10**6),
    "partition_by": (1, "nonsense", True, ["id"]),
}
PROGRESS: dict[str, tuple[Any, ...]] = {"progress": (1, "yes", False, [])}
TIMED = {"timeout": COMMON["timeout"]}

DIALECT: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("delimiter", "quote"), (1, "", ";;", "\n", "é", None)),
    "null": (1, None, "a\nb", 'x"'),
    "header": (1, "yes", None),
    "encoding": (1, "nonsense", "base64", None),
    "compression": WORDS,
}


def parquet_file() -> BytesIO:
    file = BytesIO()
    parquet.write_table(pa.table({"id": [2], "name": ["b"]}), file)
    file.seek(0)
    return file


Call = Callable[[Any, dict[str, Any]], Any]


async def drained(stream: Any) -> None:
    async for _ in stream:
        pass


CALLS: dict[str, tuple[Call, dict[str, tuple[Any, ...]]]] = {
    "bulk_insert": (
        lambda db, o: Thing.objects.bulk_insert(DATA, **o),
        WRITTEN | COMMON | CONFLICTS | {"returning": GIVEN, "extra": WORDS},
    ),
    "bulk_insert of a table": (
        lambda db, o: db.table("option_things").bulk_insert(DATA, **o),
        WRITTEN | COMMON | CONFLICTS | {"returning": GIVEN, "extra": WORDS}
        | {"create": FLAGS, "mode": WORDS, "dry_run": FLAGS},
    ),
    "load_csv": (
        lambda db, o: Thing.objects.load_csv(BytesIO(b"id,name\n2,b\n"), **o),
        WRITTEN | COMMON | CONFLICTS | DIALECT | {"returning": GIVEN, "extra": WORDS}
        | {"columns": (1, "id", {"nobody": "name"}, [], [1])},
    ),
    "load_parquet": (
        lambda db, o: Thing.objects.load_parquet(parquet_file(), **o),
        WRITTEN | COMMON | CONFLICTS | {"returning": GIVEN, "extra": WORDS}
        | {"columns": (1, "id", ["id", "name"], {"nobody": "name"})},
    ),
    "to_csv": (lambda db, o: Thing.objects.to_csv(BytesIO(), **o), DIALECT | PROGRESS),
    "to_parquet": (
        lambda db, o: Thing.objects.to_parquet(BytesIO(), **o),
        READ | PROGRESS | {"compression": WORDS, "row_group_rows": (*ROWS, None)},
    ),
    "bulk_create": (
        lambda db, o: Thing.objects.bulk_create([Thing(id=2, name="b")], **o),
        COMMON | CONFLICTS,
    ),
    "bulk_create of many": (
        lambda db, o: Thing.objects.bulk_create([Thing(id=n, name="b") for n in range(2, 700)], **o),
        COMMON | CONFLICTS,
    ),
    "bulk_update": (
        lambda db, o: Thing.objects.bulk_update({"id": [1], "name": ["b"]}, **o),
        WRITTEN | TIMED | {"key": NAMES, "fields": NAMES},
    ),
    "bulk_update of instances": (
        lambda db, o: Thing.objects.bulk_update([Thing(id=1, name="b")], **({"fields": ["name"]} | o)),
        TIMED | {"key": NAMES, "fields": NAMES, "batch_rows": ROWS, "naive_datetimes": WORDS},
    ),
    **{
        name: (lambda db, o, name=name: getattr(Thing.objects, name)(**o), READ | PARTS | PROGRESS | TIMED)
        for name in ("to_arrow", "to_polars", "to_pandas", "to_numpy")
    },
    "arrow_batches": (
        lambda db, o: drained(Thing.objects.arrow_batches(**o)),
        READ | PROGRESS | {"max_rows": (0, -1, 1.5, "10", True), "max_bytes": (0, -1, 1.5, "10", True)},
    ),
    "arrow_schema": (lambda db, o: Thing.objects.arrow_schema(**o), READ),
    "read_plan": (lambda db, o: Thing.objects.read_plan(**o), READ | PARTS),
    "iterator": (lambda db, o: drained(Thing.objects.iterator(**o)), {"chunk_size": (*ROWS, None)}),
    "explain": (
        lambda db, o: Thing.objects.explain(**o),
        {
            **{"format": (1, "nonsense", True, ["json"]), "serialize": ("x", 1, None), "update": (1, "x", {})},
            **{n: FLAGS for n in ("analyze", "buffers", "verbose", "settings", "wal", "memory", "generic_plan")},
            **{n: FLAGS for n in ("timing", "costs", "delete", "columns")},
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
async def test_wrong_options_are_named(db: Any, call: str) -> None:
    await db.create_tables(Thing)
    await Thing.objects.create(id=1, name="a")
    run, options = CALLS[call]
    wrong: dict[str, str] = {}
    for option, values in {**options, "nonsense": (1, None)}.items():
        for value in values:
            given = {option: value}
            if option in ("conflict_fields", "update_fields", "where", "conflict_where"):
                given = UPSERT | given
            try:
                found = await run(db, given)
            except (FieldError, ConfigError) as error:
                if option not in str(error):
                    wrong[f"{option}={value!r:.40}"] = f"does not name it: {error}"
            except Exception as error:
                if (
                    option == "nonsense"
                    and isinstance(error, TypeError)
                    and "unexpected keyword" in str(error)
                ):
                    continue  # Python's own word about a call without options
                wrong[f"{option}={value!r:.40}"] = f"{type(error).__name__}: {error}"
            else:
                wrong[f"{option}={value!r:.40}"] = f"taken, gave {found!r:.60}"
    assert wrong == {}
    assert await Thing.objects.values_list("id", "name") == [(1, "a")]


async def test_right_options_are_taken(db: Any) -> None:
    await db.create_tables(Thing)
    for options in (
        {
            "batch_rows": 1,
            "timeout": 60,
            "sync_sequences": True,
            "extra": "ignore",
            "progress": lambda *_: None,
        },
        {"on_conflict": "update", "where": Q(name="b"), "update_fields": ("name",), "allow_truncate": True},
        {"on_conflict": "ignore", "conflict_fields": {"id"}, "returning": "keys", "naive_datetimes": "utc"},
    ):
        await Thing.objects.bulk_insert(DATA, **options)
    assert await Thing.objects.count() == 1


async def test_options_hold_for_instances_too(db: Any) -> None:
    await db.execute("create table option_times (id int8 primary key, at timestamptz, price numeric(5, 1))")

    class Time(Model, table="option_times"):
        id: Field[int] = field(primary_key=True)
        at: Field[dt.datetime | None] = field(default=None)
        price: Field[Decimal | None] = field(Numeric(5, 1), default=None)

    await Time.objects.bulk_create([Time(id=n) for n in range(3)])
    noon, seen = dt.datetime(2024, 2, 29, 12), []
    changed = [Time(id=n, at=noon, price=Decimal("1.25")) for n in range(3)]
    with pytest.raises(DataError, match="naive_datetimes"):
        await Time.objects.bulk_update(changed, ["at"])
    with pytest.raises(DataError, match="digits"):
        await Time.objects.bulk_update(changed, ["price"])
    options: dict[str, Any] = {"naive_datetimes": "utc", "allow_truncate": True, "batch_rows": 1}
    await Time.objects.bulk_update(changed, ["at", "price"], progress=lambda *n: seen.append(n), **options)
    assert (
        await Time.objects.values_list("at", "price") == [(noon.replace(tzinfo=dt.UTC), Decimal("1.3"))] * 3
    )
    assert seen[-1][0] == 3
