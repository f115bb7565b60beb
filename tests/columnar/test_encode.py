"""Encoding: the bytes are the twin's, every fitting Arrow type is taken, every other value is refused by row."""

# ruff: noqa: E501 - tables read better in one line a row

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from chakra.columnar import ColumnSpec, Encoder, decode_table, encode
from chakra.errors import DataError
from chakra.pg import types as t
from tests.columnar import reference
from tests.columnar.strategies import tables


def stream(array: pa.Array, type_: t.PgType | str, **options: Any) -> bytes:
    return b"".join(encode(pa.record_batch([array], ["c"]), [("c", type_)], **options))


def round_trip(array: pa.Array, type_: t.PgType | str, **options: Any) -> list[Any]:
    return decode_table([stream(array, type_, **options)], [("c", type_)])["c"].to_pylist()


@given(tables())
@settings(max_examples=200, deadline=None)  # the first call compiles
def test_bytes_are_the_twin_s(table: tuple[list[t.PgType], list[list[Any]]]) -> None:
    types, rows = table
    expected = reference.stream_of(
        [[reference.wire(v, type_) for v, type_ in zip(row, types, strict=True)] for row in rows]
    )
    columns = [(f"c{i}", type_) for i, type_ in enumerate(types)]
    decoded = decode_table([expected], columns)
    assert b"".join(encode(decoded, columns)) == expected
    assert b"".join(encode(decoded, columns, chunk_bytes=64)) == expected
    for start in range(min(len(rows), 9)):  # slices: bit and byte offsets
        part = decoded.slice(start)
        tail = decode_table([b"".join(encode(part, columns))], columns)
        assert tail.equals(part)


DAY = dt.date(2020, 2, 29)
MOMENT = dt.datetime(2020, 2, 29, 12, 30, 1, 5)
UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
Y2K = 946_684_800_000_000


def stamps(unit: str, tz: str | None = None) -> pa.DataType:
    return pa.timestamp(unit, tz)


@pytest.mark.parametrize(
    ("array", "type_", "expected"),
    [
        *[
            (pa.array([0, 7, None, 100], kind), target, [0, 7, None, 100])
            for kind in (pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64())
            for target in ("smallint", "integer", "bigint", "oid")
        ],
        (pa.array([-(2**63), 2**63 - 1]), "bigint", [-(2**63), 2**63 - 1]),
        (pa.array([1.5, None], pa.float16()), "real", [1.5, None]),
        (pa.array([1.5, None], pa.float32()), "double precision", [1.5, None]),
        (pa.array([0.1, float("inf")]), "double precision", [0.1, float("inf")]),
        (pa.array([1.5]), "real", [1.5]),
        (pa.array([3], pa.int64()), "double precision", [3.0]),
        *[
            (pa.array(["grüß", "", None, "a" * 40], kind), target, ["grüß", "", None, "a" * 40])
            for kind in (pa.string(), pa.large_string(), pa.string_view())
            for target in ("text", "varchar", "varchar(40)", "json", "jsonb", "citext", "name")
        ],
        (pa.array(["b", None, "a", "b"]).dictionary_encode(), "text", ["b", None, "a", "b"]),
        (pa.array(["b", "a"], pa.large_string()).dictionary_encode(), "text", ["b", "a"]),
        *[
            (pa.array([b"\0\xff", b"", None, b"x" * 40], kind), "bytea", [b"\0\xff", b"", None, b"x" * 40])
            for kind in (pa.binary(), pa.large_binary(), pa.binary_view())
        ],
        (pa.array([b"ab", None], pa.binary(2)), "bytea", [b"ab", None]),
        (pa.array([True, None, False] * 7), "boolean", [True, None, False] * 7),
        (pa.array([DAY, None]), "date", [DAY, None]),
        (pa.array([DAY, None], pa.date64()), "date", [DAY, None]),
        (pa.array([dt.time(1, 2, 3), None], pa.time32("s")), "time", [dt.time(1, 2, 3), None]),
        (pa.array([dt.time(1, 2, 3, 5000)], pa.time32("ms")), "time", [dt.time(1, 2, 3, 5000)]),
        (pa.array([dt.time(1, 2, 3, 5)], pa.time64("ns")), "time", [dt.time(1, 2, 3, 5)]),
        *[
            (pa.array([MOMENT.replace(microsecond=0), None], stamps(unit)), "timestamp", [MOMENT.replace(microsecond=0), None])
            for unit in ("s", "ms", "us", "ns")
        ],
        (pa.array([MOMENT], stamps("us", "Europe/Berlin")), "timestamptz", [MOMENT.replace(tzinfo=dt.UTC)]),
        (pa.array([MOMENT], stamps("ns", "UTC")), "timestamptz", [MOMENT.replace(tzinfo=dt.UTC)]),
        (pa.array([1.0, 2.0]), "int", [1, 2]),
        (pa.array(["1", " 2 "]), "bigint", [1, 2]),
        (pa.array(["2020-02-29T12:30:01.000005Z"]), "timestamptz", [MOMENT.replace(tzinfo=dt.UTC)]),
        (pa.array(["2020-02-29"]).dictionary_encode(), "date", [DAY]),
        (pa.array([{"a": [1, None]}]), "jsonb", ['{"a":[1,null]}']),
        (pa.array([1, 2]), "json", ["1", "2"]),
        (pa.array([12.5]), "money", [1250]),
        (pa.array([Decimal("12.50")]), "money", [1250]),
        (pa.array([1250]), "money", [1250]),
        (pa.array([[MOMENT], None, []], pa.list_(stamps("us", "UTC"))), "timestamptz[]", [[MOMENT.replace(tzinfo=dt.UTC)], None, []]),
        (pa.array([0.1 + 0.2]), "numeric(20,18)", [Decimal("0.300000000000000000")]),
        (pa.array([UUID.bytes, None], pa.binary(16)), "uuid", [UUID, None]),
        (pa.array([UUID.bytes], pa.binary()), "uuid", [UUID]),
        (pa.array([str(UUID)]), "uuid", [UUID]),
        (pa.ExtensionArray.from_storage(pa.uuid(), pa.array([UUID.bytes], pa.binary(16))), "uuid", [UUID]),
        (pa.array([Decimal("1.25"), None]), "numeric(12,2)", [Decimal("1.25"), None]),
        (pa.array([3], pa.int8()), "numeric(12,2)", [Decimal("3.00")]),
        *[(pa.nulls(3), target, [None] * 3) for target in ("bigint", "text", "boolean", "numeric(5,2)", "uuid")],
        (pa.array([None, None], pa.string()), "text", [None, None]),
        (pa.RunEndEncodedArray.from_arrays([2, 3], pa.array(["a", "b"])), "text", ["a", "a", "b"]),
    ],
)  # fmt: skip
def test_accepted(array: pa.Array, type_: str, expected: list[Any]) -> None:
    assert round_trip(array, type_) == expected
    if len(array) > 1 and not pa.types.is_run_end_encoded(array.type):
        assert round_trip(array.slice(1), type_) == expected[1:]


@pytest.mark.parametrize(
    ("array", "type_", "row", "says"),
    [
        (pa.array([1, 2**15]), "smallint", 1, "32768"),
        (pa.array([1, -(2**31) - 1]), "integer", 1, "-2147483649"),
        (pa.array([0, 2**63], pa.uint64()), "bigint", 1, "9223372036854775808"),
        (pa.array([0, -1]), "oid", 1, "-1"),
        (pa.array([1.0, 1e300]), "real", 1, "1e\\+300"),
        (pa.array(["a", "b\0c"]), "text", 1, "NUL"),
        (pa.array(["a" * 20, "b" * 20 + "\0"], pa.string_view()), "text", 1, "NUL"),
        (pa.array([b"a", b"\xff"]).view(pa.string()), "text", 1, "UTF-8"),
        (pa.array(["ok", "grüße"]), "varchar(4)", 1, "4 characters"),
        (pa.array(["ok", "x" * 64]), "name", 1, "63 bytes"),
        (pa.array(["1", "a"]), "bigint", 1, "the digits of a whole number"),
        (pa.array(["true"]), "boolean", 0, "expected a bool"),
        (pa.array([1.0, 1.5]), "int", 1, "1.5 does not fit integer: it is not a whole number"),
        (pa.array([1.0, float("nan")]), "int", 1, "not a whole number"),
        (pa.array([None, MOMENT], stamps("us")), "timestamptz", 1, "naive_datetimes"),
        (pa.array([None, DAY]), "timestamptz", 1, "naive_datetimes"),
        (pa.array([[], [MOMENT]], pa.list_(stamps("us"))), "timestamptz[]", 1, "naive_datetimes"),
        (pa.array(["2020-02-29"]), "timestamptz", 0, "naive_datetimes"),
        (pa.array([0, 2**63 - 1], stamps("us")), "timestamp", 1, "infinity"),
        (pa.array([0, 1], stamps("ms")), "timestamp(0)", 1, "more digits of a second"),
        (pa.array([0, 1], pa.time64("us")), "time(3)", 1, "more digits of a second"),
        (pa.array([Decimal("12.505")]), "money", 0, "2 are kept"),
        (pa.array([float("nan")]), "jsonb", 0, "no JSON"),
        (pa.array([1]), "text", 0, "int64"),
        (pa.array([1]), "boolean", 0, "int64"),
        (pa.array([1]), "timestamp", 0, "int64"),
        (pa.array([None, MOMENT], stamps("us", "UTC")), "timestamp", 1, "without zone"),
        (pa.array([0, 1001], stamps("ns")), "timestamp", 1, "allow_truncate"),
        (pa.array([0, -(2**63)], stamps("us")), "timestamp", 1, "out of range"),
        (pa.array([0, 2**62], stamps("s")), "timestamp", 1, "4611686018427387904|does not fit|out of range"),
        (pa.array([0, 2**31 - 2], pa.date32()), "date", 1, "out of range"),
        (pa.array(["x", str(UUID)]), "uuid", 0, "not a UUID"),
        (pa.array([b"abc"]), "uuid", 0, "3 bytes"),
        (pa.array([Decimal("1.255")]), "numeric(12,2)", 0, "digits after the point"),
        (pa.array([10**12]), "numeric(5,2)", 0, "out of range"),
    ],
)  # fmt: skip
def test_refused(array: pa.Array, type_: str, row: int, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        stream(array, type_)
    assert (caught.value.row, caught.value.column) == (row, "c")
    assert f'row {row}, column "c"' in str(caught.value)


def test_padded_text_may_be_longer_than_its_limit_by_spaces() -> None:
    assert round_trip(pa.array(["grüß    "]), "varchar(4)") == ["grüß    "]


def test_values_hidden_under_null_are_not_checked() -> None:
    hidden = pa.array(["bad\0", "ok"])
    mask = pa.py_buffer(b"\x02")
    array = pa.Array.from_buffers(pa.string(), 2, [mask, *hidden.buffers()[1:]])
    assert round_trip(array, "text") == [None, "ok"]


def test_allow_truncate_cuts_nanoseconds() -> None:
    found = round_trip(pa.array([1999], stamps("ns")), "timestamp", allow_truncate=True)
    assert found == [dt.datetime(1970, 1, 1, 0, 0, 0, 1)]


@pytest.mark.parametrize(
    "array", [pa.array([1, None]), pa.nulls(2), pa.array(["1", None]), pa.array([Decimal(1), None])]
)
def test_null_in_a_not_null_column(array: pa.Array) -> None:
    type_ = {"string": t.TEXT, "int64": t.INT8, "null": t.INT8}.get(str(array.type), t.NUMERIC)
    spec = [ColumnSpec("c", type_, nullable=False)]
    row = 0 if pa.types.is_null(array.type) else 1
    with pytest.raises(DataError, match=f'row {row}, column "c": NULL in a column declared NOT NULL'):
        list(encode(pa.record_batch([array], ["c"]), spec))


def test_errors_count_rows_from_the_first_batch() -> None:
    batches = [
        pa.record_batch([pa.array([1] * 100_000)], ["c"]),
        pa.record_batch([pa.array([1, 2**40])], ["c"]),
    ]
    with pytest.raises(DataError, match="row 100001"):
        list(encode(batches, {"c": "integer"}))


def test_rows_larger_than_a_chunk() -> None:
    texts = ["x" * 1000, "y" * 100_000, None, "z"]
    chunks = list(encode(pa.record_batch([pa.array(texts)], ["c"]), {"c": "text"}, chunk_bytes=64))
    assert decode_table(chunks, {"c": "text"})["c"].to_pylist() == texts


def test_chunks_have_the_size_asked_for() -> None:
    batch = pa.record_batch([pa.array(np.arange(100_000))], ["c"])
    sizes = [len(chunk) for chunk in encode(batch, {"c": "bigint"}, chunk_bytes=10_000)]
    assert max(sizes) <= 10_000
    assert min(sizes[:-1]) > 10_000 - 14


def test_chunks_stay_valid_while_encoding_goes_on() -> None:
    encoder = Encoder({"c": "bigint"}, chunk_bytes=1000)
    batch = pa.record_batch([pa.array(np.arange(10_000))], ["c"])
    kept = [*encoder.encode(batch), encoder.finish()]
    assert decode_table(kept, {"c": "bigint"})["c"].to_pylist() == list(range(10_000))
    assert encoder.bytes_written == sum(map(len, kept))


def test_inputs() -> None:
    table = pa.table({"c": pa.chunked_array([[1, 2], [3]])})
    expected = b"".join(encode(table, {"c": "int"}))
    assert b"".join(encode(table.to_batches(), {"c": "int"})) == expected
    assert b"".join(encode(table.to_reader(), {"c": "int"})) == expected
    assert b"".join(encode(pa.table({"c": pa.array([], pa.int64())}), {"c": "int"})) == reference.stream_of(
        []
    )
    with pytest.raises(DataError, match="expected 2 columns, found 1"):
        list(encode(table, {"c": "int", "d": "int"}))


def test_frames_of_other_libraries() -> None:
    import polars as pl

    frame = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    types = {"a": "int", "b": "text"}
    assert decode_table(encode(frame, types), types).to_pylist() == frame.to_dicts()


def test_columns_in_another_order_are_refused() -> None:
    """Two columns of one type would change places without a word."""
    with pytest.raises(DataError, match=r"of the data are b, a, those of the stream a, b: .* by position"):
        list(encode(pa.table({"b": [1], "a": [2]}), {"a": "int", "b": "int"}))
    assert list(encode(pa.table({"x": [1], "y": [2]}), {"a": "int", "b": "int"}))  # other names are renamed


@pytest.mark.parametrize("data", [1, [1], {"a": [1]}, pa.array([1])])
def test_what_is_no_table_is_refused(data: Any) -> None:
    with pytest.raises((DataError, pa.ArrowInvalid), match=r"record batch|struct"):
        list(encode(data, {"a": "int"}))
