"""One expression, asked in every way: as rows, as columns, as SQL text written by hand; one lookup likewise."""

from __future__ import annotations

from typing import Any

from chakra import F, Q, raw
from chakra.pg.types import BY_OID, PgType
from chakra.sql import select_statement
from tests.query.expressions.agree import same


async def wrong_about(db: Any, query: Any, expression: Any, sql: str, type_: PgType | None) -> str | None:
    """What is wrong about an expression over the rows of a query (by ``id``) that means ``sql``; ``None`` = nothing.

    Args:
        type_: what is to be known of it without the server; ``None`` = that it is left to the server.
    """
    text = f"SELECT {sql} AS x FROM {query._select.table.quoted} ORDER BY id"
    expected = [row["x"] for row in await db.fetch(text)]
    annotated = query.annotate(x=expression)
    found = await annotated.values_list("x", flat=True)
    if len(found) != len(expected) or not all(map(alike, found, expected)):
        return f"rows: {found}, and not {expected}"
    table = await annotated.values("x").to_arrow()
    independent = await raw(text).to_arrow()
    if table["x"].to_pylist() != independent["x"].to_pylist():
        return f"columns: {table['x'].to_pylist()}, and not {independent['x'].to_pylist()}"
    if table.schema.field("x").type != independent.schema.field("x").type:
        return f"column of {table.schema.field('x').type}, and not {independent.schema.field('x').type}"
    output = select_statement(annotated.values("x")._select)[0].statement.outputs[0]
    if output.type != type_:
        return f"type {output.type}, and not {type_}"
    (oid,) = {row["t"] for row in await db.fetch(f"SELECT pg_typeof(x)::oid AS t FROM ({text}) q")}
    if type_ is not None and BY_OID.get(oid) is not None and BY_OID[oid].name != type_.base.name:
        return f"type {type_.sql}, and the server's is {BY_OID[oid].sql}"
    if not output.nullable and None in expected:
        return "it is said never to be NULL, and is"
    as_condition = await annotated.filter(Q(x=F("x")) | Q(x__isnull=True)).count()
    return None if as_condition == len(expected) else f"equal to itself in {as_condition} rows"


def alike(one: Any, other: Any) -> bool:
    """Whether two values are equal; containers are those of Python on one side, of the driver on the other."""
    return same(one, other) or (type(one) is not bool and type(other) is not bool and bool(one == other))


async def wrong_rows(
    query: Any, keyword: str, value: Any, expected: list[int], everything: list[int]
) -> str | None:
    """What is wrong about a lookup that keeps the rows ``expected`` (of all of them); ``None`` = nothing."""
    conditions = {keyword: value}
    rest = [n for n in everything if n not in expected]
    name, _, words = keyword.partition("__")
    asked = {
        "filter": (query.filter(**conditions), expected),
        "exclude": (query.exclude(**conditions), rest),
        "not Q": (query.filter(~Q(**conditions)), rest),
        "expression": (query.filter(F(name).lookup(words or "exact", value)), expected),
        "computed": (query.annotate(computed=F(name)).filter(**{f"computed{keyword[len(name) :]}": value}), expected),
    }  # fmt: skip
    for way, (narrowed, wanted) in asked.items():
        found = await narrowed.values_list("id", flat=True)
        if found != wanted:
            return f"{way}: {found}, and not {wanted}"
    column = (await query.filter(**conditions).values("id").to_arrow())["id"].to_pylist()
    return None if column == expected else f"columns: {column}, and not {expected}"
