"""Kernels against their twins on generated values, and damaged bytes: right or refused, nothing else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chakra.columnar.families import decode_column, encode_column
from chakra.columnar.families.numeric import decimal_type
from chakra.columnar.kernels._jit import ENABLED
from chakra.errors import DataError
from chakra.pg import types as t
from chakra.pg.types import PgType
from tests.columnar import reference_families as reference
from tests.columnar.families.strategies import VALUES, columns
from tests.columnar.families.support import raw_of, values_of
from tests.columnar.type_samples import same

EXAMPLES = settings(
    max_examples=400 if ENABLED else 200,
    deadline=None,  # the first call of a kernel compiles it
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@EXAMPLES
@given(columns())
def test_twins_agree(column: tuple[PgType, list[Any]]) -> None:
    type_, values = column
    wire = [reference.encode(value, type_) for value in values]
    assert same([reference.decode(value, type_) for value in wire], values)

    decoded = decode_column(raw_of(wire), type_)

    decoded.validate(full=True)
    assert same(decoded.to_pylist(), values)
    assert values_of(encode_column(decoded, type_)) == wire


@EXAMPLES
@given(columns().filter(lambda column: any(column[1])), st.data())
def test_damage_is_refused_or_harmless(column: tuple[PgType, list[Any]], data: st.DataObject) -> None:
    type_, values = column
    wire = [reference.encode(value, type_) for value in values]
    index = data.draw(st.sampled_from([i for i, value in enumerate(wire) if value is not None]))
    value = bytearray(wire[index] or b"")
    kind = data.draw(st.sampled_from(["cut", "grow", "flip", "overwrite"]))
    if kind == "cut":
        del value[data.draw(st.integers(0, len(value))) :]
    elif kind == "grow":
        value += data.draw(st.binary(min_size=1, max_size=9))
    elif value:
        at = data.draw(st.integers(0, len(value) - 1))
        if kind == "flip":
            value[at] ^= 1 << data.draw(st.integers(0, 7))
        else:
            value[at : at + 4] = data.draw(
                st.sampled_from([b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4), b"\x80\0\0\0"])
            )
    wire[index] = bytes(value)
    try:
        decoded = decode_column(raw_of(wire, "c", 10), type_)
    except DataError as error:
        assert error.row == 10 + index
        assert error.column == "c"
    else:
        decoded.validate(full=True)
        assert len(decoded) == len(wire)


@pytest.mark.parametrize(("type_", "strategy"), VALUES, ids=lambda v: v.sql if isinstance(v, PgType) else "")
def test_a_value_past_the_end_of_the_data_is_refused(type_: PgType, strategy: Any) -> None:
    raw = raw_of([b"\0" * 16, None])
    for start, length in ((len(raw.data) - 3, 16), (-5, 8), (2**40, 8), (0, 2**31 - 1)):
        raw.starts[0], raw.lengths[0] = start, length
        with pytest.raises(DataError):
            decode_column(raw, type_)


@pytest.mark.parametrize("precision", [1, 2, 3, 4] if ENABLED else [1, 2])
def test_every_numeric_of_a_small_precision(precision: int) -> None:
    limit = 10**precision
    for scale in range(precision + 1):
        type_ = t.NUMERIC(precision, scale)
        integers = np.arange(-limit + 1, limit)
        halves = np.stack([integers, integers >> 63], axis=1).astype(np.int64)
        arrow = decimal_type(precision, scale)
        array = pa.Array.from_buffers(arrow, len(integers), [None, pa.py_buffer(halves.copy())])
        values = array.to_pylist()

        wire = values_of(encode_column(array, type_))

        assert wire == [reference.encode_numeric(value) for value in values]
        assert decode_column(raw_of(wire), type_).equals(array)
        text = pa.array([str(value) for value in values])
        assert values_of(encode_column(text, type_)) == wire


def test_every_byte_of_a_bit_string() -> None:
    wire = [len(text).to_bytes(4, "big") + bytes([byte, byte >> 3 << 3]) for byte, text in BYTES.items()]
    decoded = decode_column(raw_of(wire), t.VARBIT)
    assert decoded.to_pylist() == list(BYTES.values())
    assert values_of(encode_column(decoded, t.VARBIT)) == wire


BYTES = {byte: f"{byte:08b}{byte >> 3:05b}" for byte in range(256)}


@EXAMPLES
@given(
    st.lists(st.decimals(allow_nan=True, allow_infinity=True).filter(lambda d: not d.is_snan()), max_size=6)
)
def test_numeric_as_text_and_float(values: list[Any]) -> None:
    values = [v for v in values if not v.is_finite() or abs(v.as_tuple().exponent) < 300]
    wire = [reference.encode_numeric(value) for value in values]
    text = decode_column(raw_of(wire), t.NUMERIC, _options("string"))
    assert [reference.decode_numeric(w).is_nan() or None for w in wire] == [
        value == "NaN" or None for value in text.to_pylist()
    ]
    for shown, value in zip(text.to_pylist(), values, strict=True):
        assert value.is_nan() or type(value)(shown) == value
    assert values_of(encode_column(text, t.NUMERIC)) == wire
    for found, value in zip(
        decode_column(raw_of(wire), t.NUMERIC, _options("float64")).to_pylist(), values, strict=True
    ):
        expected = math.nan if value.is_nan() else float(value)
        assert found == expected or (math.isnan(found) and math.isnan(expected))


@EXAMPLES
@given(st.lists(st.floats(), max_size=6))
def test_floats_go_into_numeric_with_the_fewest_digits(values: list[float]) -> None:
    wire = values_of(encode_column(pa.array(values, pa.float64()), t.NUMERIC))
    for value, sent in zip(values, wire, strict=True):
        assert sent is not None
        found = reference.decode_numeric(sent)
        assert found.is_nan() if math.isnan(value) else float(found) == value


def _options(numeric: Any) -> Any:
    from chakra.columnar.options import Options

    return Options(numeric=numeric)
