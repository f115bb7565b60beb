"""Every type sample through the whole house: out of a table, out of a plain SELECT, and back in."""

from __future__ import annotations

from typing import Any

import chakra
from tests.columnar.type_samples import AS_TEXT, TypeSample, every_sample, same


def plain(column: Any, *, integers: bool) -> list[Any]:
    import pyarrow as pa

    if integers:
        return (
            column.combine_chunks()
            .view(pa.int32() if pa.types.is_date32(column.type) else pa.int64())
            .to_pylist()
        )
    return column.to_pylist()


@every_sample("xml")
async def test_table_to_arrow_and_back(db: Any, sample: TypeSample) -> None:
    if sample.setup:
        for statement in sample.setup.split("; "):
            await db.execute(statement)
    type_ = sample.type.sql
    await db.execute(f"create table source (i int generated always as identity, v {type_})")
    for sql, _ in sample.values:
        await db.execute(f"insert into source (v) values (({sql})::{type_})")
    options = {
        "numeric": sample.options.numeric,
        "infinity": sample.options.infinity,
        "strings": sample.options.strings,
    }

    table = await db.table("source").order_by("i").to_arrow(**options)

    found = plain(table.column("v"), integers=sample.integers)
    if AS_TEXT not in [value for _, value in sample.values]:
        assert same(found, [value for _, value in sample.values])
    assert table.column("v").type == sample.arrow
    if sample.type.modifiers == () and sample.type.ndims < 2:  # a statement's result carries neither
        selected = await chakra.raw("select v from source order by i", db).to_arrow(**options)
        assert same(plain(selected.column("v"), integers=sample.integers), found)
    if not sample.writes:
        return
    await db.execute(f"create table target (i int generated always as identity, v {type_})")
    result = await db.table("target").bulk_insert(table.select(["v"]))
    assert result.inserted == len(sample.values)
    again = await db.table("target").order_by("i").to_arrow(**options)
    assert same(plain(again.column("v"), integers=sample.integers), found)
