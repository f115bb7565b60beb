"""Families inside whole streams: top-level columns of every type, cut anywhere, and the way back."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chakra.columnar import ColumnSpec, decode, decode_table, encode
from chakra.columnar.families import decode_column
from chakra.pg.types import PgType
from tests.columnar import reference_families as reference
from tests.columnar.families.strategies import columns
from tests.columnar.families.support import copy_stream, raw_of
from tests.columnar.type_samples import same

EXAMPLES = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@EXAMPLES
@given(columns(), st.integers(1, 40), st.integers(1, 4))
def test_row_kernel_and_families_agree(column: tuple[PgType, list[Any]], size: int, max_rows: int) -> None:
    type_, values = column
    wire = [reference.encode(value, type_) for value in values]
    stream = copy_stream(wire)
    chunks = [stream[i : i + size] for i in range(0, len(stream), size)]
    specs = [ColumnSpec("c", type_)]

    table = decode_table(chunks, specs)

    alone = decode_column(raw_of(wire), type_)
    assert table.column("c").type == alone.type
    assert same(table.column("c").to_pylist(), values)
    assert b"".join(encode(table, specs)) == stream
    batches = list(decode(chunks, specs, max_rows=max_rows))
    assert same([value for batch in batches for value in batch.column(0).to_pylist()], values)
    assert b"".join(encode(pa.Table.from_batches(batches, table.schema), specs)) == stream


@EXAMPLES
@given(st.lists(columns().map(lambda c: (c[0], (c[1] + [None] * 3)[:3])), min_size=1, max_size=4))
def test_columns_side_by_side(parts: list[tuple[PgType, list[Any]]]) -> None:
    specs = [ColumnSpec(f"c{i}", type_) for i, (type_, _) in enumerate(parts)]
    arrays = [decode_column(raw_of([reference.encode(v, t) for v in values]), t) for t, values in parts]
    table = pa.table(arrays, names=[spec.name for spec in specs])
    found = decode_table(encode(table, specs), specs)
    for (_, values), column in zip(parts, found.columns, strict=True):
        assert same(column.to_pylist(), values)
