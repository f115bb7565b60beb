"""An expression and a condition, asked as rows, as columns, and as SQL text written by hand."""

from __future__ import annotations

import math
from typing import Any

from chakra import raw
from chakra.pg.types import BY_OID, PgType
from chakra.sql import select_statement


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal; floats, also in lists, NaN in ranges, up to their last digits."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9) or (one != one and other != other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and (bool(one == other) or repr(one) == repr(other))


async def wrong_about(
    db: Any, model: Any, expression: Any, sql: str, type_: PgType | None, where: str = ""
) -> str | None:
    """What is wrong about an expression over the rows of a model, which means ``sql``; ``None`` = nothing.

    Args:
        type_: what is to be known of it without the server; ``None`` = that it is left to the server.
        where: what the SQL by hand needs behind FROM.
    """
    query = model.objects.order_by("id").annotate(x=expression)
    plain = f"SELECT {sql} AS x FROM {model.__table__.quoted} ORDER BY id"
    expected = [row["x"] for row in await db.fetch(plain)]
    found = await query.values_list("x", flat=True)
    if len(found) != len(expected) or not all(map(same, found, expected)):
        return f"rows: {found}, and not {expected}"
    column = (await query.values("x").to_arrow())["x"]
    independent = (await raw(plain).to_arrow())["x"]
    known = column.type == independent.type or type_ is None or type_.base.typmod >= 0
    if not known:
        return f"columns: {column.type}, and not {independent.type}"
    if not all(map(same, column.to_pylist(), independent.to_pylist())):
        return f"columns: {column.to_pylist()}, and not {independent.to_pylist()}"
    output = select_statement(query.values("x")._select)[0].statement.outputs[0]
    if output.type != type_:
        return f"type {output.type}, and not {type_}"
    (oid,) = {row["t"] for row in await db.fetch(f"SELECT pg_typeof(x)::oid AS t FROM ({plain}) AS q")}
    server = BY_OID.get(oid)
    if type_ is not None and server is not None and server.name != type_.base.name:
        return f"type {type_.sql}, and the server's is {server.sql}"
    if not output.nullable and None in expected:
        return "it is said never to be NULL, and is"
    return None


async def wrong_rows(db: Any, model: Any, condition: Any, sql: str) -> str | None:
    """What is wrong about a condition that means ``sql``: its rows, the other rows, and both as columns."""
    name = model.__table__.quoted
    expected = [row["id"] for row in await db.fetch(f"SELECT id FROM {name} WHERE {sql} ORDER BY id")]
    others = [
        row["id"] for row in await db.fetch(f"SELECT id FROM {name} WHERE ({sql}) IS NOT TRUE ORDER BY id")
    ]
    for query, wanted in (
        (model.objects.filter(condition), expected),
        (model.objects.exclude(condition), others),
    ):
        ids = query.order_by("id").values_list("id", flat=True)
        if (found := await ids) != wanted:
            return f"rows: {found}, and not {wanted}"
        if (found := (await ids.to_arrow())["id"].to_pylist()) != wanted:
            return f"columns: {found}, and not {wanted}"
    return None
