"""Large results read as columns: the same values and classes as the row path, and the row path where it must be."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

import chakra
from chakra import Field, Model, field
from chakra.errors import DataError
from chakra.query import columnar_rows
from chakra.types import Bytea, Char, Date, Double, Integer, Json, Jsonb, Real, SmallInt, Timestamp, Varchar

ROWS = 2_500


class Sample(Model, table="samples"):
    id: Field[int] = field(primary_key=True)
    flag: Field[bool | None]
    small: Field[int | None] = field(SmallInt)
    whole: Field[int | None] = field(Integer)
    real: Field[float | None] = field(Real)
    double: Field[float | None] = field(Double)
    text: Field[str | None]
    short: Field[str | None] = field(Varchar(20))
    fixed: Field[str | None] = field(Char(5))
    raw: Field[bytes | None] = field(Bytea)
    day: Field[dt.date | None] = field(Date)
    at: Field[dt.datetime | None] = field(Timestamp)
    moment: Field[dt.datetime | None]
    plain: Field[dict[str, Any] | None] = field(Json)
    data: Field[list[Any] | None] = field(Jsonb)


FILL = f"""
insert into samples select i, i % 2 = 0, (i % 60000 - 30000)::int2, -i, i / 7.0,
    case when i % 5 = 0 then 'NaN' else i / 3.0 end,
    'text ' || i || chr(1000 + i % 5000), 'v' || i, 'c' || i % 99, decode(md5(i::text), 'hex'),
    date '0001-01-01' + i * 1000, timestamp '0001-01-01' + i * interval '1 year 3 microseconds',
    timestamptz '1969-12-31 23:59:59.999999+00' - i * interval '1 hour', json_build_object('n', i),
    case when i % 4 = 0 then 'null'::jsonb else jsonb_build_array(i, 'x', null, 1.5) end
from generate_series(1, {ROWS}) i;
update samples set flag = null, small = null, whole = null, real = null, double = null, text = null, short = null,
    fixed = null, raw = null, day = null, at = null, moment = null, plain = null, data = null where id % 10 = 3
"""


@pytest.fixture
async def filled(db: Any) -> AsyncIterator[Any]:
    await db.create_tables(Sample)
    await db.execute(FILL)
    await Sample.objects.limit(1).to_arrow()  # the engine is loaded by somebody who wants columns
    yield db


def kinds(db: Any) -> list[str]:
    seen: list[str] = []

    def watch(event: Any) -> None:
        if event.phase == "before":
            seen.append(event.kind)

    db.hooks.add(watch)
    return seen


def contents(rows: list[Any]) -> list[str]:
    names = [column.attribute for column in Sample.__table__.columns]
    return [repr([(type(getattr(row, name)), getattr(row, name)) for name in names]) for row in rows]


async def test_same_values_and_classes(filled: Any, dsn: str) -> None:
    query = Sample.objects.order_by("id").filter(id__gt=0)
    first = await query
    seen = kinds(filled)
    second = await query
    assert seen == ["copy_out"]
    assert len(first) == ROWS and contents(first) == contents(second)
    async with chakra.connect(dsn, columnar_rows=False) as plain:
        watched = kinds(plain)
        rows = await query.using(plain)
        assert watched == ["fetch"] and contents(rows) == contents(second)


async def test_loaded_rows_are_whole_instances(filled: Any) -> None:
    query = Sample.objects.order_by("-id")
    await query
    rows = await query
    rows[0].text = "new"
    await rows[0].save()
    assert (await Sample.objects.get(id=ROWS)).text == "new"
    assert rows[1]._state.saved and not rows[1]._state.changed


async def test_values_and_relations_take_the_same_path(filled: Any) -> None:
    query = Sample.objects.order_by("id").values("id", "text", "moment")
    first = await query
    seen = kinds(filled)
    assert await query == first and seen == ["copy_out"]


async def test_small_results_stay_on_the_row_path(filled: Any) -> None:
    query = Sample.objects.order_by("id").filter(id__lt=columnar_rows.COLUMNAR_FROM_ROWS)
    await query
    seen = kinds(filled)
    await query
    assert seen == ["fetch"]


async def test_locks_and_cursors_stay_on_the_row_path(filled: Any) -> None:
    query = Sample.objects.order_by("id")
    await query
    await query
    seen = kinds(filled)
    assert len([row async for row in query]) == ROWS
    async with filled.transaction():
        locked = query.select_for_update()
        await locked
        await locked
    assert "copy_out" not in seen


@pytest.mark.parametrize("value", ["infinity", "-infinity", "294276-12-31 23:59:59"])
async def test_what_python_cannot_hold_goes_the_row_path(filled: Any, value: str) -> None:
    """Whatever the driver makes of such a value, the answer does not depend on the size of the last result."""
    query = Sample.objects.order_by("id").only("id", "at")
    await query

    async def outcome(rows: Any) -> Any:
        try:
            return [row.at for row in await rows]
        except Exception as error:
            return type(error)

    await filled.execute(f"update samples set at = '{value}' where id = 77")
    async with filled.transaction():
        by_columns = await outcome(query)
    async with chakra.connect(filled.url, columnar_rows=False) as plain:
        assert by_columns == await outcome(query.using(plain))


async def test_inside_a_transaction_own_writes_are_seen(filled: Any) -> None:
    query = Sample.objects.order_by("id").only("id")
    await query
    async with filled.transaction():
        await Sample.objects.create(id=ROWS + 1)
        seen = kinds(filled)
        assert len(await query) == ROWS + 1
        assert seen == ["copy_out"]


async def told(query: Any) -> str:
    """The last line of ``explain``."""
    return str(await query.explain()).splitlines()[-1]


AS_COLUMNS = "Rows are read as columns, by COPY: the query gave 2,500 last time"
AS_RECORDS = "Rows are read as records: "


class Sized(Model, table="samples"):
    id: Field[int] = field(primary_key=True)
    code: Field[str] = field(column="text")
    size: Field[Decimal | None] = field(column="double")


async def test_explain_tells_how_rows_are_read(
    filled: Any, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it tells is what happens."""
    query = Sample.objects.order_by("id").only("id", "text").filter(id__gte=1)
    few = f"{AS_RECORDS}the query did not give 2,000 rows last time, from which on columns are faster"
    assert await told(query) == few
    await query
    seen = kinds(filled)
    assert await told(query) == AS_COLUMNS
    await query
    assert seen == ["fetch", "copy_out"]  # EXPLAIN and the query
    assert await told(query.limit(5)) == few
    plan = await query.explain(format="json")
    assert "read as" not in str(plan)

    for other, why in (
        (query.select_for_update(), "they are locked, which COPY cannot"),
        (
            Sized.objects.only("size"),
            "size is numeric, which columns give in another form than records",
        ),
    ):
        assert await told(other) == AS_RECORDS + why
    async with chakra.connect(dsn, columnar_rows=False) as plain:
        assert await told(query.using(plain)) == f"{AS_RECORDS}the setting database.columnar_rows is off"
    with monkeypatch.context() as context:
        context.delitem(sys.modules, "chakra.columnar.decode")
        assert "the columnar engine is not loaded" in await told(query)
        seen = kinds(filled)
        await query
        assert seen == ["fetch"]

    await filled.execute("update samples set moment = 'infinity' where id = 77")
    infinite = Sample.objects.order_by("id").only("moment")
    with suppress(DataError):
        await infinite
    await filled.execute("update samples set moment = null where id = 77")
    await infinite
    assert await told(infinite) == AS_COLUMNS
    await filled.execute("update samples set moment = 'infinity' where id = 77")
    with suppress(DataError):
        await infinite
    assert await told(infinite) == f"{AS_RECORDS}a value had no place in columns, or in Python"
