"""The tables of a module are shared, as those of the tests of relations are."""

from __future__ import annotations

from typing import Any

import chakra
from tests.relations.conftest import rows, shared_tables


async def check(db: Any, query: Any, expected: list[tuple[Any, ...]], sql: str) -> None:
    """A query of values has the rows that are expected, the same as SQL by hand, whichever way they are read.

    Args:
        query: ordered, so that rows can be compared.
        sql: with as many columns, in that order.
    """
    by_hand = await chakra.raw(sql, db).all()
    assert [tuple(dict(row).values()) for row in by_hand] == expected
    assert [tuple(row.values()) for row in await query] == expected
    assert [tuple(row.values()) async for row in query.iterator(2)] == expected
    assert [tuple(row.values()) for row in (await query.to_arrow()).to_pylist()] == expected
    assert sorted(map(str, (await query.to_arrow(partitions=2)).to_pylist())) == sorted(
        map(
            str,
            [dict(zip(row, values, strict=True)) for row, values in zip(await query, expected, strict=True)],
        )
    )
    batches = [batch async for batch in query.arrow_batches(max_rows=2, numeric="string")]
    assert sum(batch.num_rows for batch in batches) == len(expected)
    assert (await query.to_polars()).height == len(expected)
    assert await query.count() == len(expected)
    assert await query.exists() is bool(expected)
    assert [tuple(row.values()) for row in await query[1:3]] == expected[1:3]
    assert [tuple(row.values()) for row in await query.reverse()] == expected[::-1]
    assert (await query.union(query).count()) == len(set(expected))
    assert await query.aggregate(n=chakra.Count("*")) == {"n": len(expected)}
    assert "Scan" in await query.explain()


__all__ = ["check", "rows", "shared_tables"]
