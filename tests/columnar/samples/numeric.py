"""Samples of numeric: every width of decimal, no precision at all, NaN and infinities."""

from __future__ import annotations

import pyarrow as pa

from chakra.columnar.options import Options
from chakra.pg import types as t
from tests.columnar.samples.base import (
    INF,
    NAN,
    d,
    s,
)

_SCALES = (15, "numeric(p, s) with s < 0 or s > p")
_HUGE = "9" * 76
NUMERIC = (
    s(
        t.NUMERIC(15, 2),
        pa.decimal128(15, 2),
        ("0", d("0.00")),
        ("'-9999999999999.99'", d("-9999999999999.99")),
        ("1.5", d("1.50")),
        ("10000", d("10000.00")),
        ("0.01", d("0.01")),
        ("100000000", d("100000000.00")),
    ),
    s(t.NUMERIC(18, 0), pa.decimal128(18, 0), ("'-999999999999999999'", d("-999999999999999999"))),
    s(
        t.NUMERIC(38, 10),
        pa.decimal128(38, 10),
        ("'9999999999999999999999999999.9999999999'", d("9999999999999999999999999999.9999999999")),
        ("'-0.0000000001'", d("-1E-10")),
        ("1e20", d("1E20") + d("0.0000000000")),
    ),
    s(
        t.NUMERIC(38, 38),
        pa.decimal128(38, 38),
        ("'0." + "9" * 38 + "'", d("0." + "9" * 38)),
        ("1e-38", d("1E-38")),
    ),
    s(
        t.NUMERIC(76, 20),
        pa.decimal256(76, 20),
        (f"'-{'9' * 56}.{'9' * 20}'", d(f"-{'9' * 56}.{'9' * 20}")),
        ("0.5", d("0.5")),
    ),
    s(
        t.NUMERIC(76, 0),
        pa.decimal256(76, 0),
        (f"'{_HUGE}'", d(_HUGE)),
        (f"'-{_HUGE}'", d("-" + _HUGE)),
        ("1", d("1")),
    ),
    s(t.NUMERIC(2, -3), pa.decimal128(5, 0), ("99000", d("99000")), ("'-1000'", d("-1000")), since=_SCALES),
    s(t.NUMERIC(3, 5), pa.decimal128(5, 5), ("0.00999", d("0.00999")), since=_SCALES),
    s(
        t.NUMERIC,
        pa.decimal128(38, 7),
        ("1e-7", d("1E-7")),
        ("12345678901234567890", d("12345678901234567890")),
        ("'-1.50'", d("-1.5")),
    ),
    s(t.NUMERIC, pa.decimal256(76, 10), ("'1" + "0" * 40 + "'", d("1E40")), ("1e-10", d("1E-10"))),
    s(
        t.NUMERIC,
        pa.decimal128(20, 4),
        ("1.5", d("1.5")),
        ("'-0.0001'", d("-0.0001")),
        options=Options(numeric=(20, 4)),
    ),
    s(
        t.NUMERIC,
        pa.float64(),
        ("0.1", 0.1),
        ("'NaN'", NAN),
        ("'Infinity'", INF),
        ("'-Infinity'", -INF),
        ("123456789.123457", 123456789.123457),
        ("1e300", 1e300),
        ("'-1e-300'", -1e-300),
        ("900719925474099", 900719925474099.0),
        ("0.333333333333333", 0.333333333333333),
        options=Options(numeric="float64"),
    ),
    s(
        t.NUMERIC,
        pa.string(),
        ("0.10", "0.10"),
        ("'NaN'", "NaN"),
        ("'Infinity'", "Infinity"),
        ("'-Infinity'", "-Infinity"),
        ("'-12345.678'", "-12345.678"),
        ("1e25", "1" + "0" * 25),
        ("0.00001234", "0.00001234"),
        ("0.000", "0.000"),
        ("10000", "10000"),
        ("'-0.5'", "-0.5"),
        ("100000000.00000001", "100000000.00000001"),
        options=Options(numeric="string"),
    ),
    s(
        t.NUMERIC(10, 2),
        pa.decimal128(10, 2),
        ("'NaN'", None),
        ("1", d("1.00")),
        options=Options(infinity="null"),
    ),
    s(
        t.NUMERIC,
        pa.decimal128(5, 2),
        ("'Infinity'", d("999.99")),
        ("'-Infinity'", d("-999.99")),
        options=Options(infinity="clamp", numeric=(5, 2)),
        writes=False,
    ),
)
