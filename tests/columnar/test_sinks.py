"""Sinks: every container holds the values of the table, with the documented rule for NULL."""

from __future__ import annotations

import datetime as dt
import sys
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from chakra.columnar.sinks import to_numpy, to_pandas, to_polars
from chakra.errors import ConfigError, DataError

UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
MOMENT = dt.datetime(2020, 2, 29, 12, 30, 1, 5)


def uuids(*values: Any) -> pa.Array:
    return pa.ExtensionArray.from_storage(pa.uuid(), pa.array(values, pa.binary(16)))


TABLE = pa.table(
    {
        "i": pa.chunked_array([pa.array([1, 2]), pa.array([3])]),
        "j": pa.array([1, None, 3], pa.int32()),
        "b": [True, False, True],
        "f": [1.5, float("nan"), None],
        "t": ["a", None, "c"],
        "d": pa.array([dt.date(2020, 2, 29), None, dt.date(1, 1, 1)]),
        "z": pa.array([MOMENT, None, MOMENT], pa.timestamp("us", "UTC")),
        "c": pa.array([dt.time(1, 2, 3, 4), dt.time(0), dt.time(23)], pa.time64("us")),
        "n": pa.array([Decimal("1.25"), None, Decimal("-3.00")], pa.decimal128(12, 2)),
        "w": pa.array([Decimal("1.25"), None, Decimal("-3.00")], pa.decimal256(50, 2)),
        "u": uuids(UUID.bytes, None, UUID.bytes),
        "k": pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(["{}", None, "[]"])),
        "l": pa.array([[1, None], None, []]),
        "lu": pa.ListArray.from_arrays(pa.array([0, 1, 1, 2]), uuids(UUID.bytes, UUID.bytes)),
        "m": pa.array([[("a", "b")], None, []], pa.map_(pa.string(), pa.string())),
        "v": pa.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], pa.list_(pa.float32(), 2)),
        "p": pa.array([pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([-1, 0, 0])]),
        "e": pa.array(["x", None, "x"]).dictionary_encode(),
    }
)


def test_polars() -> None:
    frame = to_polars(TABLE)
    assert frame["i"].to_list() == [1, 2, 3]
    assert frame["j"].to_list() == [1, None, 3]
    assert frame["t"].to_list() == ["a", None, "c"]
    assert frame["z"].to_list()[0] == MOMENT.replace(tzinfo=dt.UTC)
    assert frame["n"].to_list() == frame["w"].to_list() == [Decimal("1.25"), None, Decimal("-3.00")]
    assert frame["u"].to_list() == [UUID.bytes, None, UUID.bytes]
    assert frame["k"].to_list() == ["{}", None, "[]"]
    assert frame["lu"].to_list() == [[UUID.bytes], [], [UUID.bytes]]
    assert frame["p"].to_list() == [
        {"months": 1, "days": 2, "nanoseconds": 3},
        None,
        {"months": -1, "days": 0, "nanoseconds": 0},
    ]
    assert frame["e"].cast(str).to_list() == ["x", None, "x"]
    assert frame.shape == (3, 18)
    assert to_polars(TABLE.slice(1, 0)).height == 0


def test_polars_decimal_that_does_not_fit() -> None:
    table = pa.table({"w": pa.array([Decimal("1" * 45)], pa.decimal256(50, 2))})
    with pytest.raises(DataError, match=r'column "w".*numeric="string"'):
        to_polars(table)


def test_pandas() -> None:
    frame = to_pandas(TABLE.drop_columns(["lu", "p"]))
    assert frame["i"].tolist() == [1, 2, 3]
    assert frame["t"].tolist()[0] == "a"
    assert frame["u"].tolist() == [UUID.bytes, None, UUID.bytes]
    assert frame["z"].iloc[0].to_pydatetime() == MOMENT.replace(tzinfo=dt.UTC)


def test_numpy() -> None:
    arrays = to_numpy(TABLE)
    assert arrays["i"].tolist() == [1, 2, 3]
    assert not isinstance(arrays["i"], np.ma.MaskedArray)
    assert isinstance(arrays["j"], np.ma.MaskedArray)
    assert arrays["j"].dtype == np.int32
    assert arrays["j"].tolist() == [1, None, 3]
    assert arrays["b"].dtype == np.bool_
    assert arrays["f"].mask.tolist() == [False, False, True]  # NaN is a value, not a NULL
    assert arrays["t"].tolist() == ["a", None, "c"]
    assert arrays["d"].dtype == "datetime64[D]"
    assert arrays["d"].tolist() == [dt.date(2020, 2, 29), None, dt.date(1, 1, 1)]
    assert arrays["z"].dtype == "datetime64[us]"
    assert arrays["z"].tolist() == [MOMENT, None, MOMENT]
    assert arrays["c"].tolist()[0] == dt.timedelta(hours=1, minutes=2, seconds=3, microseconds=4)
    assert arrays["n"].tolist() == [Decimal("1.25"), None, Decimal("-3.00")]
    assert arrays["v"].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert arrays["l"].tolist() == [[1, None], None, []]
    sliced = to_numpy(TABLE.slice(1, 2))
    assert sliced["j"].tolist() == [None, 3]
    assert sliced["b"].tolist() == [False, True]
    assert sliced["v"].tolist() == [[3, 4], [5, 6]]
    assert to_numpy(TABLE.slice(0, 0))["i"].shape == (0,)


@pytest.mark.parametrize(("library", "sink"), [("polars", to_polars), ("pandas", to_pandas)])
def test_missing_library(library: str, sink: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=rf"chakra-orm\[{library}\]"):
        sink(TABLE)
