"""Data in unusual containers: tables without columns, frames of frames, types that Arrow does not have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from chakra import raw
from chakra.errors import DataError, FieldError

NOTHING = pa.RecordBatch.from_struct_array(pa.array([{}, {}], pa.struct([])))


async def test_tables_without_columns(db: Any) -> None:
    await db.execute("create table z ()")
    z = db.table("z")
    assert (await z, await z.count(), await z.first(), await z.exists()) == ([], 0, None, False)
    assert await z.create() == {}
    for data, rows in (
        (NOTHING, 2),
        (pa.Table.from_batches([NOTHING]), 2),
        (pd.DataFrame(index=range(3)), 3),
        ({}, 0),
    ):
        assert (await z.bulk_insert(data)).inserted == rows
    assert [row async for row in z.iterator(3)] == await z == await z.values() == [{}] * 8
    assert [tuple(r) for r in await raw("select from z", db)] == [()] * 8
    for table in (await z.to_arrow(), await raw("select from z", db).to_arrow()):
        assert (table.num_rows, table.schema.names) == (8, [])
    assert [b.num_rows async for b in z.arrow_batches(max_rows=3)] == [3, 3, 2]
    assert (await z.to_pandas()).shape == (8, 0)
    assert await z.to_numpy() == {}
    assert (await z.bulk_insert(await z.to_arrow())).inserted == 8
    assert await z.delete() == 16
    await db.execute("create table t (id int)")
    for data in ({}, NOTHING):
        with pytest.raises(DataError, match="the data has no columns; those of t are id"):
            await db.table("t").bulk_insert(data)


FRAMES: list[Callable[[], Any]] = [
    lambda: pl.DataFrame({"id": [1], "s": ["a"]}),
    lambda: pd.DataFrame({"s": ["b", "c"], "id": [2, 3]}),
    lambda: pd.DataFrame({"id": [4, 5, 6], "s": ["x", "d", "y"]})[lambda d: d.id == 5],
    lambda: pa.table({"id": pa.chunked_array([[6], [7]]), "s": ["e", "f"]}),
    lambda: pa.record_batch({"id": pa.array([8], pa.int8()), "s": ["g"]}),
    lambda: pl.DataFrame({"s": [], "id": []}, schema={"s": pl.String, "id": pl.Int64}),
]


@pytest.mark.parametrize("first", range(len(FRAMES)))
async def test_iterables_of_frames(db: Any, first: int) -> None:
    await db.execute("create table t (id int, s text)")
    t = db.table("t")
    frames = [make() for make in (*FRAMES[first:], *FRAMES[:first])]

    async def asynchronous() -> AsyncIterator[Any]:
        for frame in frames:
            yield frame

    for data in (frames, iter(frames), tuple(frames), asynchronous()):
        assert (await t.bulk_insert(data)).inserted == 7
        found = await t.order_by("id").values_list("id", "s")
        assert found == [(1, "a"), (2, "b"), (3, "c"), (5, "d"), (6, "e"), (7, "f"), (8, "g")]
        await t.delete()


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (pl.DataFrame({"id": [1]}), r"batch 1 has the columns \['id'\], the first one had \['id', 's'\]"),
        (5, "cannot insert an iterable of int"),
        (pd.Series([1]), "cannot insert an iterable of Series"),
        (pa.array([1]), "cannot insert an iterable of Int64Array"),
    ],
)
async def test_other_members(db: Any, second: Any, says: str) -> None:
    await db.execute("create table t (id int, s text)")

    async def asynchronous() -> AsyncIterator[Any]:
        yield FRAMES[0]()
        yield second

    for data in ([FRAMES[0](), second], asynchronous()):
        with pytest.raises(DataError, match=says):
            await db.table("t").bulk_insert(data)
    assert await db.table("t").count() == 0


INT128 = [
    ([1, None, -(2**63)], "bigint"),
    ([2**100, None, -(10**37)], "numeric"),
    ([2**127 - 1, -(2**127)], "numeric"),
    ([None], "int"),
    ([], "int"),
]


@pytest.mark.parametrize(("values", "type_"), INT128)
async def test_integers_of_128_bits(db: Any, values: list[Any], type_: str) -> None:
    await db.execute(f"create table t (v {type_})")
    series = pl.Series(values, dtype=pl.Int128)
    for data in (pl.DataFrame({"v": series}), {"v": series}, iter([pl.DataFrame({"v": series})])):
        await db.table("t").bulk_insert(data)
        found = [None if v is None else int(v) for (v,) in await db.fetch("select v from t")]
        assert sorted(map(str, found)) == sorted(map(str, values))
        await db.execute("delete from t")


async def test_integers_of_128_bits_out_of_range(db: Any) -> None:
    await db.execute("create table t (v int)")
    with pytest.raises(DataError, match='row 1, column "v"'):
        await db.table("t").bulk_insert(pl.DataFrame({"v": pl.Series([1, 2**100], dtype=pl.Int128)}))
    with pytest.raises(DataError, match="cannot be read as columns of Arrow"):
        await db.table("t").bulk_insert(pl.DataFrame({"v": pl.Series([[1]], dtype=pl.List(pl.Int128))}))


DAYS = pd.DatetimeIndex(["2020-01-01 01:02:03", None])
COLUMNS = [
    ("timestamp", DAYS, ["2020-01-01 01:02:03", None]),
    ("timestamptz", DAYS.tz_localize("Europe/Oslo"), ["2020-01-01 00:02:03+00", None]),
    ("interval", pd.TimedeltaIndex(["1 day 00:00:01", None]), ["24:00:01", None]),
    ("int", pd.RangeIndex(2, 4), ["2", "3"]),
    ("int", pd.Index([5, 6]), ["5", "6"]),
    ("int", pd.array([5, None], dtype="Int64"), ["5", None]),
    ("text", pd.CategoricalIndex(["a", "b"]), ["a", "b"]),
    ("text", pd.Categorical(["a", None]), ["a", None]),
    ("text", pd.Index(["a", "b"]), ["a", "b"]),
    ("text", pd.array(["a", None], dtype="string"), ["a", None]),
    ("bool", pd.array([True, None], dtype="boolean"), ["true", None]),
    (
        "bool",
        pa.ExtensionArray.from_storage(pa.bool8(), pa.array([2, 0, None], pa.int8())),
        ["true", "false", None],
    ),
]


@pytest.mark.parametrize(("type_", "values", "texts"), COLUMNS, ids=range(len(COLUMNS)))
async def test_columns_of_other_containers(db: Any, type_: str, values: Any, texts: list[Any]) -> None:
    await db.execute(f"create table t (n serial, v {type_}, l {type_}[]); set timezone to 'UTC'")
    await db.table("t").bulk_insert({"v": values})
    if isinstance(values, pd.Index) and not isinstance(values, pd.RangeIndex):
        await db.table("t").bulk_insert(pd.DataFrame(index=values.rename("v")))
    if isinstance(values, pa.Array):
        await db.table("t").bulk_insert(pa.table({"v": values}))
    async with db.transaction(readonly=True):
        await db.execute("set local timezone to 'UTC'")
        found = [text for (text,) in await db.fetch("select v::text from t order by n")]
    assert found[: len(texts)] == texts
    assert found == texts * (len(found) // len(texts))


@pytest.mark.parametrize("values", [pd.PeriodIndex(["2020-01"], freq="M"), pd.interval_range(0, 1)])
async def test_types_of_pandas_alone(db: Any, values: Any) -> None:
    await db.execute("create table t (v bigint)")
    for data in ({"v": values}, pd.DataFrame({"v": values})):
        with pytest.raises(DataError, match='column "v" holds values of pandas'):
            await db.table("t").bulk_insert(data)


async def test_sizes_of_batches(db: Any) -> None:
    await db.execute(
        "create table t (id int, d numeric(5, 2)); insert into t select n, n from generate_series(1, 5) n"
    )
    t = db.table("t")
    for size in (5, 6, 2**31, 10**10, 10**30):
        assert [b.num_rows async for b in t.arrow_batches(max_rows=size)] == [5]
        assert [b.num_rows async for b in t.arrow_batches(max_bytes=max(size, 1000))] == [5]
        assert (await t.bulk_insert({"id": [1, 2]}, batch_rows=size)).inserted == 2
        await t.filter(d__isnull=True).delete()
    assert [b.num_rows async for b in t.arrow_batches(max_rows=2)] == [2, 2, 1]
    for wrong in (0, -1, -(10**30), True, 1.5, 1e10, "5", np.int64(5), Decimal(5)):
        for option in ("max_rows", "max_bytes"):
            with pytest.raises(FieldError, match=rf"{option}=.*: expected a whole number from 1 on, or None"):
                [b async for b in t.arrow_batches(**{option: wrong})]
        with pytest.raises(FieldError, match=r"batch_rows=.*: expected a whole number"):
            await t.bulk_insert({"id": [1]}, batch_rows=wrong)
        with pytest.raises(FieldError, match="chunk_size is a whole number from 1 to 2147483647, not"):
            [row async for row in t.iterator(wrong)]
    with pytest.raises(FieldError, match="chunk_size"):
        [row async for row in t.iterator(10**10)]
