"""Decoding: every simple type against its twin, options, batches, and the frame cut anywhere."""

from __future__ import annotations

import datetime as dt
import json
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from chakra.columnar import Decoder, Options, decode, decode_table, schema
from chakra.columnar.families import decode_column
from chakra.columnar.kernels import rows_decode as kernels
from chakra.errors import CopyFormatError, DataError, FieldError
from chakra.pg import types as t
from tests.columnar import reference
from tests.columnar.families.support import raw_of
from tests.columnar.reference import stream_of
from tests.columnar.strategies import tables

KINDS = [t.INT8, t.TEXT, t.BOOL, t.FLOAT8, t.BYTEA, t.UUID, t.NUMERIC(12, 2), t.INT2, t.TIMESTAMPTZ, t.JSONB]
NUMERIC_1_25 = struct.pack(">hhHHhh", 2, 0, 0, 2, 1, 2500)
ROWS = [
    [
        struct.pack(">q", -7),
        "grüß".encode(),
        b"\1",
        struct.pack(">d", 1.5),
        b"\0\xff",
        bytes(range(16)),
        NUMERIC_1_25,
        struct.pack(">h", -2),
        struct.pack(">q", 0),
        b'\1{"a":1}',
    ],
    [None] * 10,
    [struct.pack(">q", 2**62), b"", b"\0", struct.pack(">d", -0.0), b"", bytes(16), *[None] * 4],
]
STREAM = stream_of(ROWS)
COLUMNS = [(f"c{i}", type_) for i, type_ in enumerate(KINDS)]


def whole(stream: bytes, columns: Any = COLUMNS, **options: Any) -> pa.Table:
    return decode_table([stream], columns, **options)


EXPECTED = whole(STREAM)


def test_values() -> None:
    assert EXPECTED.slice(0, 1).to_pylist()[0] == {
        "c0": -7,
        "c1": "grüß",
        "c2": True,
        "c3": 1.5,
        "c4": b"\0\xff",
        "c5": __import__("uuid").UUID(bytes=bytes(range(16))),
        "c6": __import__("decimal").Decimal("1.25"),
        "c7": -2,
        "c8": dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
        "c9": '{"a":1}',
    }
    assert set(EXPECTED.slice(1, 1).to_pylist()[0].values()) == {None}
    EXPECTED.validate(full=True)


@given(tables())
@settings(max_examples=200, deadline=None)  # the first call compiles
def test_like_the_twin(table: tuple[list[t.PgType], list[list[Any]]]) -> None:
    types, rows = table
    stream = stream_of(
        [[reference.wire(v, type_) for v, type_ in zip(row, types, strict=True)] for row in rows]
    )
    found = whole(stream, [(f"c{i}", type_) for i, type_ in enumerate(types)])
    found.validate(full=True)
    assert found.num_rows == len(rows)
    for i, type_ in enumerate(types):
        assert found.column(i).to_pylist() == [row[i] for row in rows], type_


def test_cut_at_every_byte() -> None:
    for cut in range(len(STREAM) + 1):
        assert decode_table([STREAM[:cut], STREAM[cut:]], COLUMNS).equals(EXPECTED)
    assert decode_table([STREAM[i : i + 1] for i in range(len(STREAM))], COLUMNS).equals(EXPECTED)


def test_truncated_at_every_byte() -> None:
    for cut in range(len(STREAM)):
        with pytest.raises(CopyFormatError, match="the end of the stream") as caught:
            whole(STREAM[:cut])
        assert caught.value.position <= cut


def exact(value: Any) -> Any:
    """Floats compare by their text: -0.0 and NaN count."""
    return repr(value) if isinstance(value, float) else value


def test_every_bit_flip_is_data_or_a_clean_error() -> None:
    for position in range(len(STREAM)):
        for bit in range(8):
            broken = bytearray(STREAM)
            broken[position] ^= 1 << bit
            try:
                fields: Any = reference.rows_of(bytes(broken), len(KINDS))
                expected = [
                    [reference.value(f, k) for f, k in zip(row, KINDS, strict=True)] for row in fields
                ]
            except (ValueError, OverflowError, UnicodeDecodeError):
                expected = None
            try:
                found = whole(bytes(broken))
            except CopyFormatError as error:
                assert error.expected
                assert error.found
                assert 0 <= error.position <= len(STREAM)
                assert expected is None, error
            except DataError as error:  # a numeric of more digits than declared, a timestamp after 294247
                assert error.column in ("c6", "c8")
            else:
                found.validate(full=True)
                if expected is not None:
                    shown = [[exact(v) for v in row.values()] for row in found.to_pylist()]
                    assert shown == [[exact(v) for v in row] for row in expected]


@pytest.mark.parametrize(
    ("stream", "position", "expected", "found"),
    [
        (b"PGCOPY\n\xff\r\r\0" + bytes(8), 0, "signature", "PGCOPY"),
        (b"hello", 0, "signature", "hello"),
        (stream_of([], flags=1 << 16), 11, "flags", "OIDs"),
        (stream_of([], flags=1 << 20), 11, "flags", "0x00100000"),
        (stream_of([])[:15] + b"\xff\xff\xff\xff" + b"\xff\xff", 15, "extension", "-1"),
        (stream_of([]) + b"x", 21, "the end of the stream", "1 more byte"),
        (stream_of([[None]]), 19, "10 fields", "count of 1"),
        (stream_of([])[:19] + struct.pack(">h", -2), 19, "10 fields", "count of -2"),
        (stream_of([])[:19] + struct.pack(">hi", 10, -2), 21, "length", "-2"),
        (stream_of([])[:19] + struct.pack(">hi", 10, 1 << 30), 21, "length", "1073741824"),
        (stream_of([[b"1234567", *[None] * 9]]), 25, "8 bytes of bigint", "7 bytes: 31 32"),
        (stream_of([[None, b"abc\xff", *[None] * 8]]), 32, "UTF-8", "0xff"),
        (stream_of([[None, None, b"\2", *[None] * 7]]), 33, "bool of 0 or 1", "02"),
        (stream_of([[*[None] * 9, b"\2{}"]]), 61, "version byte 1", "2"),
        (stream_of([[*[None] * 6, b"\0\1" + bytes(6), *[None] * 3]]), 49, "numeric", "8 bytes"),
    ],
)  # fmt: skip
def test_malformed(stream: bytes, position: int, expected: str, found: str) -> None:
    with pytest.raises(CopyFormatError) as caught:
        whole(stream)
    error = caught.value
    assert error.position == position
    assert expected in error.expected
    assert found in error.found
    assert str(position) in str(error)


def test_error_names_row_and_column() -> None:
    rows = [ROWS[0]] * 3 + [[*ROWS[0][:7], b"\0", *ROWS[0][8:]]]
    with pytest.raises(CopyFormatError, match=r'row 3, column "c7"') as caught:
        whole(stream_of(rows))
    assert (caught.value.row, caught.value.column) == (3, "c7")


def test_position_of_an_error_inside_a_family() -> None:
    array = t.array_of(t.INT4)
    good = struct.pack(">iiiiiii", 1, 0, 23, 1, 1, 4, 5)
    stream = stream_of([[good], [good], [good[:20] + struct.pack(">ii", 3, 5)]])
    with pytest.raises(CopyFormatError, match="row 2") as caught:
        whole(stream, [("a", array)])
    assert 93 <= caught.value.position <= 121  # within the third value
    assert f"at byte {caught.value.position}" in str(caught.value)


def test_header_extension_is_skipped() -> None:
    assert whole(stream_of(ROWS, extension=b"x" * 1000)).equals(EXPECTED)
    assert whole(stream_of(ROWS, flags=0xFFFF)).equals(EXPECTED)  # uncritical bits


def test_empty_result_keeps_its_schema() -> None:
    table = whole(stream_of([]))
    assert table.num_rows == 0
    assert table.schema == EXPECTED.schema
    assert list(decode([stream_of([])], COLUMNS)) == []
    assert whole(stream_of([]), [("n", t.NUMERIC)]).num_rows == 0


def test_schema_is_known_before_the_data() -> None:
    known = schema(COLUMNS)
    assert known == EXPECTED.schema
    assert next(decode([STREAM], COLUMNS)).schema.equals(known, check_metadata=True)
    facts = json.loads(known.field("c6").metadata[b"postgresql:type"])
    assert facts == {
        "name": "numeric",
        "oid": 1700,
        "typmod": 786438,
        "kind": "base",
        "sql": "numeric(12, 2)",
    }


def test_stream_with_unknown_scale_names_column_and_options() -> None:
    for call in (lambda: schema({"n": "numeric"}), lambda: decode([STREAM], {"n": "numeric"})):
        with pytest.raises(FieldError, match=r'column "n".*numeric=\(precision, scale\)'):
            call()


def test_numeric_without_scale_takes_the_largest_of_the_data() -> None:
    whole_number, fraction = (
        struct.pack(">hhHHh", 1, 0, 0, 0, 7),
        struct.pack(">hhHHh", 1, -1, 0x4000, 3, 1230),
    )
    table = whole(stream_of([[whole_number], [None], [fraction]]), {"n": "numeric"})
    assert table.schema.field("n").type == pa.decimal128(38, 3)
    assert [str(v) for v in table["n"].to_pylist()] == ["7.000", "None", "-0.123"]


@pytest.mark.parametrize("numeric", [(18, 4), "float64", "string"])
def test_numeric_options(numeric: Any) -> None:
    table = whole(stream_of([[NUMERIC_1_25]]), {"n": "numeric"}, numeric=numeric)
    assert float(table["n"][0].as_py()) == 1.25
    expected = {"float64": pa.float64(), "string": pa.string()}.get(numeric) or pa.decimal128(18, 4)
    assert table.schema.field("n").type == expected == schema({"n": "numeric"}, numeric=numeric).field(0).type


NUMERICS = [
    struct.pack(f">hhHH{len(digits)}h", len(digits), weight, sign, dscale, *digits)
    for digits in ([], [1], [9999], [1, 2], [9, 9999, 9999, 9999, 9900], [1, 0, 5000], [5], [100], [1, 9990])
    for weight in (-3, -2, -1, 0, 1, 2, 3, 4, 100, -100)
    for sign in (0, 0x4000, 0xC000, 0xD000, 0xF000, 1)
    for dscale in (0, 4)
]  # fmt: skip


@pytest.mark.parametrize("infinity", ["error", "null", "clamp"])
@pytest.mark.parametrize("precision", [(18, 2), (1, 0), (18, 18), (15, 5)])
def test_numeric_in_the_row_kernel_is_the_family_s(precision: tuple[int, int], infinity: Any) -> None:
    type_ = t.NUMERIC(*precision)
    for value in NUMERICS:
        outcomes = []
        for run in (
            lambda: whole(stream_of([[value]]), [("n", type_)], infinity=infinity)["n"].to_pylist(),  # noqa: B023, PLW0108
            lambda: decode_column(raw_of([value], "n"), type_, Options(infinity=infinity)).to_pylist(),  # noqa: B023
        ):
            try:
                outcomes.append(run())
            except DataError as error:
                outcomes.append((type(error), str(error).split(" at byte")[0]))
        assert outcomes[0] == outcomes[1], value.hex(" ")


EDGES = [
    (t.DATE, struct.pack(">i", 2**31 - 1)),
    (t.DATE, struct.pack(">i", -(2**31))),
    (t.TIMESTAMP, struct.pack(">q", 2**63 - 1)),
    (t.TIMESTAMPTZ, struct.pack(">q", -(2**63))),
    (t.TIMESTAMPTZ, struct.pack(">q", 9223371331199999999)),  # the last microsecond of 294276
    (t.TIMESTAMPTZ, struct.pack(">q", -211813488000000000)),  # 4714-11-24 BC
    (t.TIME, struct.pack(">q", 86_400_000_000)),
    (t.TIME, struct.pack(">q", -1)),
    (t.TIME, struct.pack(">q", 86_400_000_001)),
]


@pytest.mark.parametrize("infinity", ["error", "null", "clamp"])
@pytest.mark.parametrize(("type_", "value"), EDGES, ids=lambda p: getattr(p, "name", ""))
def test_infinity_policy_is_the_family_s(type_: t.PgType, value: bytes, infinity: Any) -> None:
    wide = pa.int32() if type_ is t.DATE else pa.int64()
    outcomes: list[Any] = []
    for run in (
        lambda: whole(stream_of([[value]]), [("n", type_)], infinity=infinity)["n"].combine_chunks(),  # noqa: PLW0108
        lambda: decode_column(raw_of([value], "n"), type_, Options(infinity=infinity)),
    ):
        try:
            outcomes.append(run().view(wide).to_pylist())
        except DataError as error:
            outcomes.append((type(error), str(error).split(" at byte")[0]))
    assert outcomes[0] == outcomes[1]


def test_strings_option() -> None:
    for strings, type_ in (("large_utf8", pa.large_string()), ("view", pa.string_view())):
        table = whole(STREAM, strings=strings)
        assert table.schema.field("c1").type == type_
        assert table["c1"].to_pylist() == EXPECTED["c1"].to_pylist()
        assert table["c4"].to_pylist() == EXPECTED["c4"].to_pylist()
        table.validate(full=True)


@pytest.mark.parametrize(
    "options",
    [{"infinity": "ignore"}, {"strings": "s"}, {"numeric": (0, 1)}, {"numeric": "d"}, {"numeric": (77, 1)}],
)  # fmt: skip
def test_unknown_option_values_say_what_is_expected(options: Any) -> None:
    with pytest.raises(FieldError, match="expected"):
        schema(COLUMNS, **options)


@pytest.mark.parametrize("limits", [{"max_rows": 0}, {"max_bytes": -1}, {"max_rows": 1.5}])
def test_bad_limits(limits: Any) -> None:
    with pytest.raises(FieldError, match="whole number"):
        Decoder(COLUMNS, **limits)


def many(count: int) -> bytes:
    return stream_of([[struct.pack(">q", i), b"x" * (i % 50) if i % 7 else None] for i in range(count)])


MANY = {"i": "bigint", "s": "text"}


@pytest.mark.parametrize("max_rows", [1, 7, 1000, 100_000])
def test_batches_of_max_rows(max_rows: int) -> None:
    stream = many(5000)
    batches = list(decode([stream[i : i + 999] for i in range(0, len(stream), 999)], MANY, max_rows=max_rows))
    assert [b.num_rows for b in batches[:-1]] == [max_rows] * (len(batches) - 1)
    assert pa.Table.from_batches(batches).equals(decode_table([stream], MANY))


@pytest.mark.parametrize("max_bytes", [100, 5000, 100_000])
def test_batches_of_max_bytes(max_bytes: int) -> None:
    stream = many(5000)
    batches = list(decode([stream], MANY, max_bytes=max_bytes))
    assert pa.Table.from_batches(batches).equals(decode_table([stream], MANY))
    sizes = [sum(18 + (len(s.as_py() or b"")) for s in b["s"]) for b in batches]
    assert max(sizes) <= max(max_bytes, 100)
    assert len(batches) < 4 * len(stream) / max_bytes + 2  # and they are not needlessly small


def test_rows_larger_than_a_block() -> None:
    rows = [[b"a" * 700_000, b"b"], [None, b"c" * 1_500_000], [b"d", b"e"]] * 2
    stream = stream_of(rows)
    chunks = [stream[i : i + 14_000] for i in range(0, len(stream), 14_000)]
    table = decode_table(chunks, {"x": "text", "y": "bytea"})
    assert table["x"].to_pylist() == [None if r[0] is None else r[0].decode() for r in rows]
    assert table["y"].to_pylist() == [r[1] for r in rows]


def test_int32_offsets_cut_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    import chakra.columnar.segment as segment

    monkeypatch.setattr(segment, "INT32_MAX", 3000)
    original = kernels.decode_rows

    def limited(*args: Any) -> int:
        status = original(*args)
        if status == kernels.GROW and args[-1][3] > 3000:  # what the kernel says at 2**31 - 1
            return kernels.CUT
        return int(status)

    monkeypatch.setattr(kernels, "decode_rows", limited)
    stream = stream_of([[b"x" * 1000]] * 10)
    table = decode_table([stream], {"s": "text"})
    assert table["s"].to_pylist() == ["x" * 1000] * 10
    assert table["s"].num_chunks == 4


def test_the_kernel_cuts_where_int32_ends() -> None:
    plan = np.zeros((1, kernels.WIDTH), np.int64)
    offsets = np.array([2**31 - 3, 0], np.int32)
    nulls = np.zeros(1, np.uint8)
    plan[0, [kernels.LAYOUT, kernels.NULLS, kernels.OFFSETS]] = (
        kernels.TEXT,
        nulls.ctypes.data,
        offsets.ctypes.data,
    )
    plan[0, kernels.CAPACITY] = 2**31 - 1
    data = np.frombuffer(bytearray(stream_of([[b"abc"]])[19:]), np.uint8)
    result = np.zeros(4, np.int64)
    status = kernels.decode_rows(data.ctypes.data, 0, 0, len(data), plan, 1, 0, 1, result)
    assert status == kernels.CUT


def test_no_columns() -> None:
    assert whole(stream_of([[], []]), []).num_columns == 0


def test_a_column_keeps_only_its_own_memory() -> None:
    table = decode_table([many(20_000)], MANY)
    buffer = table["i"].chunk(0).buffers()[1]
    assert buffer.size == 8 * len(table["i"].chunk(0))
