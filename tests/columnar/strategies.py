"""Hypothesis strategies: columns of every simple type with values the twins know."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st

from chakra.pg import types as t

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=80)
DATETIMES = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))

VALUES: dict[t.PgType, st.SearchStrategy[Any]] = {
    t.BOOL: st.booleans(),
    t.INT2: st.integers(-(2**15), 2**15 - 1),
    t.INT4: st.integers(-(2**31), 2**31 - 1),
    t.INT8: st.integers(-(2**63), 2**63 - 1),
    t.FLOAT4: st.floats(width=32, allow_nan=False),
    t.FLOAT8: st.floats(allow_nan=False),
    t.OID: st.integers(0, 2**32 - 1),
    t.TEXT: TEXTS,
    t.BYTEA: st.binary(max_size=80),
    t.UUID: st.uuids(),
    t.DATE: st.dates(),
    t.TIME: st.times(),
    t.TIMESTAMP: DATETIMES,
    t.TIMESTAMPTZ: DATETIMES.map(lambda d: d.replace(tzinfo=dt.UTC)),
    t.JSONB: TEXTS,
    t.JSON: TEXTS,
}


@st.composite
def tables(draw: st.DrawFn, max_rows: int = 12) -> tuple[list[t.PgType], list[list[Any]]]:
    """Types of one to six columns, and rows of values with NULLs."""
    types = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=6))
    row = st.tuples(*(st.none() | VALUES[type_] for type_ in types))
    return types, [list(r) for r in draw(st.lists(row, max_size=max_rows))]
