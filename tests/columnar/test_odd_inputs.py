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
from pyarrow import dataset, parquet

from chakra import raw
from chakra.errors import ChakraError, DataError, FieldError

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
    with pytest.raises(DataError, match="does not fit integer"):
        await db.table("t").bulk_insert(pl.DataFrame({"v": pl.Series([[1]], dtype=pl.List(pl.Int128))}))


DAYS = pd.DatetimeIndex(["2020-01-01 01:02:03", None])
COLUMNS = [
    ("timestamp", DAYS, ["2020-01-01 01:02:03", None]),
    ("timestamptz", DAYS.tz_localize("Europe/Oslo"), ["2020-01-01 00:02:03+00", None]),
    ("interval", pd.TimedeltaIndex(["1 day 00:00:01", None]), ["1 day 00:00:01", None]),
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


NULLS: list[pa.Array] = [
    pa.nulls(2),
    *(
        pa.nulls(2, kind)
        for kind in (pa.int32(), pa.float64(), pa.string(), pa.bool_(), pa.uuid(), pa.duration("s"))
    ),
    pa.nulls(2, pa.list_(pa.int8())),
    pa.nulls(2, pa.struct({"q": pa.int8()})),
    pa.DictionaryArray.from_arrays(pa.array([0, None]), pa.nulls(1, pa.int64())),
    pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.nulls(1, pa.date32())),
]


@pytest.mark.parametrize(
    "kind", ["text", "int4", "numeric(5, 2)", "timestamptz", "jsonb", "uuid", "int4[]", "int4range"]
)
async def test_null_has_no_type(db: Any, kind: str) -> None:
    await db.execute(f"create table t (v {kind})")
    frames = [pa.table({"v": array}) for array in NULLS]
    frames += [
        pd.DataFrame({"v": [np.nan] * 2}),
        pd.DataFrame({"v": [pd.NaT] * 2}),
        pl.DataFrame({"v": [None] * 2}),
    ]
    for frame in frames:
        await db.table("t").bulk_insert(frame)
    assert await db.table("t").filter(v__isnull=True).count() == 2 * len(frames)


async def test_lazy_frames_and_datasets(db: Any, tmp_path: Any) -> None:
    await db.execute("create table t (v int)")
    table, path = pa.table({"v": [1, 2]}), tmp_path / "t.parquet"
    parquet.write_table(table, path)
    files = dataset.dataset(path)
    for data in (
        pl.LazyFrame({"v": [1, 2]}),
        pl.scan_parquet(path).filter(pl.col("v") > 0),
        files,
        files.scanner(),
        next(files.get_fragments()),
        dataset.Scanner.from_batches(iter(table.to_batches()), schema=table.schema),
        parquet.ParquetFile(path),
    ):
        await db.table("t").bulk_insert(data)
        assert await db.table("t").order_by("v").values_list("v", flat=True) == [1, 2]
        await db.table("t").delete()
    assert (await db.table("t").bulk_insert(pl.LazyFrame({"v": [1]}).filter(pl.col("v") > 1))).inserted == 0
    for plan in (pl.LazyFrame({"v": [1]}).select("w"), pl.LazyFrame({"v": ["x"]}).cast(pl.Int64)):
        with pytest.raises(DataError, match="the polars LazyFrame cannot be read"):
            await db.table("t").bulk_insert(plan)


async def test_duckdb_goes_on_after_a_refusal(db: Any) -> None:
    duckdb = pytest.importorskip("duckdb")
    await db.execute("create table t (v int2)")
    with duckdb.connect() as connection:
        connection.execute("create table d as select range v from range(100000)")
        relation = connection.table("d")
        kept = []
        for query, options in (
            (relation, {}),
            (relation.project("v as w"), {}),
            (relation, {"on_conflict": "nonsense"}),
            (relation, {"mode": "nonsense"}),
        ):
            with pytest.raises(ChakraError) as caught:
                await db.table("t").bulk_insert(query, **options)
            kept.append(caught)  # who keeps the error keeps its frames
            assert connection.execute("select count(*) from d").fetchall() == [(100_000,)]
        await db.table("new").bulk_insert(relation, create=True, dry_run=True)
        connection.execute("drop table d")


async def test_infinity_of_duckdb(db: Any) -> None:
    duckdb = pytest.importorskip("duckdb")
    await db.execute("create table t (d date, s timestamp, z timestamptz)")
    with duckdb.connect() as connection:
        ends = connection.sql(
            "select '-infinity'::date d, 'infinity'::timestamp s, '-infinity'::timestamptz z "
            "union all select '2024-01-01', '2024-01-01', null"
        )
        with pytest.raises(DataError, match=r'infinity="sentinel"'):
            await db.table("t").bulk_insert(ends)
        await db.table("t").bulk_insert(ends, infinity="sentinel")
    found = await db.fetch("select d::text, s::text, z::text from t order by d")
    assert [tuple(row) for row in found] == [
        ("-infinity", "infinity", "-infinity"),
        ("2024-01-01", "2024-01-01 00:00:00", None),
    ]
    with pytest.raises(FieldError, match=r'infinity=.clamp.: for writes it is "error" or "sentinel"'):
        await db.table("t").bulk_insert({"d": []}, infinity="clamp")


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
async def test_texts_that_name_infinity(db: Any, kind: str) -> None:
    """In columns of arrays and frames date.max is a day; the text "infinity" is none. Lists mean what rows mean,
    where the text of that day is refused."""
    await db.execute(f"create table t (id int, v {kind}, r {kind}[])")
    words = [
        "infinity",
        "-infinity",
        None,
        "9999-12-31T00:00:00+00" if kind == "timestamptz" else "9999-12-31",
    ]
    for values in (words, pa.array(words), pl.Series(words), np.array(words, object)):
        lists = [[word] for word in words[:3]] + [None]
        if values is words and kind == "date":
            with pytest.raises(DataError, match=r'row 3, column "v".*cannot tell this from infinity'):
                await db.table("t").bulk_insert({"id": [0, 1, 2, 3], "v": values, "r": lists})
            continue
        await db.table("t").bulk_insert({"id": [0, 1, 2, 3], "v": values, "r": lists})
        rows = await db.fetch("select v::text, r::text from t order by id")
        assert [row[0] and row[0][:10] for row in rows] == ["infinity", "-infinity", None, "9999-12-31"]
        assert [row[1][:9] for row in rows[:2]] == ["{infinity", "{-infinit"]
        await db.table("t").delete()


MAPS = [
    (pa.array([{"m": [("a", 1)]}], pa.struct({"m": pa.map_(pa.string(), pa.int8())})), {"m": {"a": 1}}),
    (pa.array([[[("a", 1)]], None], pa.list_(pa.map_(pa.string(), pa.int8()))), [{"a": 1}]),
    (
        pa.array([[("k", [("a", None)])]], pa.map_(pa.string(), pa.map_(pa.string(), pa.int8()))),
        {"k": {"a": None}},
    ),
]


@pytest.mark.parametrize("number", range(len(MAPS)))
async def test_maps_are_objects_of_json_at_any_depth(db: Any, number: int) -> None:
    array, expected = MAPS[number]
    await db.execute("create table t (v jsonb)")
    await db.table("t").bulk_insert(pa.table({"v": array}))
    assert (await db.table("t").values_list("v", flat=True))[0] == expected


async def test_a_doubled_key_is_refused_in_json(db: Any) -> None:
    await db.execute("create table t (v jsonb)")
    twice = pa.array([[[("a", 1), ("a", 2)]]], pa.list_(pa.map_(pa.string(), pa.int8())))
    with pytest.raises(DataError, match=r"the key 'a' twice"):
        await db.table("t").bulk_insert(pa.table({"v": twice}))


async def test_objects_of_pandas_mean_what_they_mean_in_lists(db: Any) -> None:
    await db.execute("create table t (id int, r int4range, d interval, l int8[], j jsonb)")
    values = {
        "r": [(1, 5), None],
        "d": ["P1D", None],
        "l": [[2**53 + 1, None], None],
        "j": [{"a": [1, None]}, None],
    }
    frame = pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in values.items()})
    for data in (frame.assign(id=[0, 1]), {**values, "id": [0, 1]}):
        await db.table("t").bulk_insert(data)
        found = await db.fetch("select r::text, d::text, l::text, j::text from t order by id")
        assert tuple(found[0]) == ("[1,5)", "1 day", "{9007199254740993,NULL}", '{"a": [1, null]}')
        assert tuple(found[1]) == (None,) * 4
        await db.table("t").delete()


async def test_other_columns_are_not_asked_for_their_types(db: Any) -> None:
    await db.execute("create table t (v int)")
    for frame in (
        pl.DataFrame({"v": [1], "w": [object()]}, schema={"v": pl.Int64, "w": pl.Object}),
        pd.DataFrame({"v": [1], "w": pd.period_range("2024", periods=1, freq="D")}),
    ):
        await db.table("t").bulk_insert(frame, extra="ignore")
        with pytest.raises(DataError, match='column "w"'):
            await db.table("t").bulk_insert(frame)
    assert await db.table("t").count() == 2


async def test_runs_and_wide_integers_anywhere(db: Any) -> None:
    await db.execute("create table t (v text, n int8[])")
    runs = pa.RunEndEncodedArray.from_arrays(
        pa.array([2, 3], pa.int32()), pa.array(["a", None]).dictionary_encode()
    )
    await db.table("t").bulk_insert(pa.table({"v": runs}).slice(1))
    wide = pl.DataFrame({"n": pl.Series([[2**62, None]], dtype=pl.List(pl.Int128))})
    await db.table("t").bulk_insert(wide)
    assert await db.table("t").values_list("v", "n") == [("a", None), (None, None), (None, [2**62, None])]
