"""Random tables on a server: the row path, the column path and the server's own text agree on every cell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from chakra.pg.quoting import quote_string
from tests.columnar.server_values import NO_ARROW, NO_PYTHON, SETUP, VALUES, both, values_of
from tests.columnar.type_samples import same
from tests.plugins.needs import ServerFacts

Table = tuple[list[str], list[tuple[str | None, ...]]]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """SQL types of one to six columns, and up to eight rows of values as text, some NULL."""
    types = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=6))
    row = st.tuples(*(st.none() | VALUES[type_] for type_ in types))
    return types, draw(st.lists(row, max_size=8))


@pytest.fixture
async def prepared(db: Any, server_facts: ServerFacts) -> Any:
    await db.execute(SETUP)
    if "vector" in server_facts.extensions:
        await db.execute("create extension vector")
    return db


async def create(db: Any, types: list[str], rows: list[tuple[str | None, ...]]) -> None:
    columns = ", ".join(f"c{i} {type_}" for i, type_ in enumerate(types))
    await db.execute(
        "drop table if exists source, target;"
        f"create table source (i int, {columns});"
        f"create table target (i int, {columns})"
    )
    for number, row in enumerate(rows):
        values = ", ".join("null" if value is None else quote_string(value) for value in row)
        await db.execute(f"insert into source values ({number}, {values})")


async def texts(db: Any, table: str, types: list[str]) -> list[list[str | None]]:
    """Every cell as the server writes it; a column is a list."""
    columns = ", ".join(f"c{i}::text" for i in range(len(types)))
    rows = await db.fetch(f"select {columns} from {table} order by i")
    return [[row[c] for row in rows] for c in range(len(types))]


@given(table=tables())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_three_ways_agree(prepared: Any, server_facts: ServerFacts, table: Table) -> None:
    types, rows = table
    assume("vector" in server_facts.extensions or "vector(3)" not in types)
    db = prepared
    await create(db, types, rows)
    expected = await texts(db, "source", types)

    # Columns to columns: the text of every cell of the copy is the same. As strings, since the zeros at the end
    # of a numeric without precision are no part of a decimal.
    exact = await db.table("source").to_arrow(infinity="null", numeric="string")
    result = await db.table("target").bulk_insert(exact)
    assert result.inserted == len(rows)
    copied = await texts(db, "target", types)
    for c, type_ in enumerate(types):
        for before, after in zip(expected[c], copied[c], strict=True):
            assert before == after or NO_ARROW.search(before or ""), (type_, before, after)

    # Rows to columns.
    found = await db.table("source").order_by("i").to_arrow(infinity="null")
    for c, type_ in enumerate(types):
        if any(text is not None and NO_PYTHON.search(text) for text in expected[c]):
            continue
        arrow = values_of(found.column(f"c{c}"))
        assert arrow is not None, type_
        gives = await db.table("source").order_by("i").values_list(f"c{c}", flat=True)
        for a, b, text in zip(arrow, gives, expected[c], strict=True):
            left, right = both(type_, a, b)
            skipped = left is None and NO_ARROW.search(text or "")
            assert skipped or same(left, right), (type_, text, a, b)
