"""One expression, asked in every way: as rows, as columns, in a condition, and as SQL text written by hand."""

from __future__ import annotations

import math
from typing import Any

from chakra import raw
from chakra.pg.types import BY_OID, PgType
from chakra.sql import select_statement
from tests.query.library import Book

BOOKS = Book.objects.order_by("id")


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, floats up to their last digits."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12) or (one != one and other != other)
    return type(one) is type(other) and bool(one == other)


async def wrong_about(db: Any, expression: Any, sql: str, type_: PgType | None) -> str | None:
    """What is wrong about an expression over books that means ``sql``; ``None`` = nothing.

    Args:
        type_: what is to be known of it without the server; ``None`` = that it is left to the server.
    """
    query = BOOKS.annotate(x=expression)
    expected = [row["x"] for row in await db.fetch(f"SELECT {sql} AS x FROM books ORDER BY id")]
    found = await query.values_list("x", flat=True)
    if len(found) != len(expected) or not all(map(same, found, expected)):
        return f"rows: {found}, and not {expected}"
    column = (await query.values("x").to_arrow())["x"].to_pylist()
    independent = await raw_column(sql)
    if len(column) != len(independent) or not all(map(same, column, independent)):
        return f"columns: {column}, and not {independent}"
    output = select_statement(query.values("x")._select)[0].statement.outputs[0]
    if output.type != type_:
        return f"type {output.type}, and not {type_}"
    (oid,) = {row["t"] for row in await db.fetch(f"SELECT pg_typeof({sql})::oid AS t FROM books")}
    if type_ is not None and BY_OID.get(oid) is not None and BY_OID[oid].name != type_.base.name:
        return f"type {type_.sql}, and the server's is {BY_OID[oid].sql}"
    if not output.nullable and None in expected:
        return "it is said never to be NULL, and is"
    return None


async def raw_column(sql: str) -> list[Any]:
    table = await raw(f"SELECT {sql} AS x FROM books ORDER BY id").to_arrow()
    return table["x"].to_pylist()  # type: ignore[no-any-return]
