"""Rows of the table: queries inside of others, and what is denied, which may be one."""

from __future__ import annotations

from chakra.expressions import Lookup, Not
from chakra.expressions.library.documents import DOCUMENTS
from chakra.expressions.lookups import find_lookup
from chakra.expressions.rows import Row
from chakra.pg.quoting import quote_identifier
from chakra.sql.infer import may_be_null, type_of
from chakra.sql.nodes import HasPartner, InnerArray, InnerExists, InnerQuery, KeyRef
from chakra.sql.render.base import render
from chakra.sql.render.select import write_body, write_select
from chakra.sql.render.templates import split
from chakra.sql.statement import Writer


def inner_query(node: InnerQuery | InnerArray, writer: Writer) -> None:
    writer.on(node.database)
    writer.depth += 1
    writer.write("(")
    write_select(node.query, node.parts, writer)
    writer.write(")")
    writer.depth -= 1


def inner_array(node: InnerArray, writer: Writer) -> None:
    writer.write("ARRAY")
    inner_query(node, writer)


def inner_exists(node: InnerExists, writer: Writer) -> None:
    writer.on(node.database)
    writer.depth += 1
    writer.write("EXISTS (")
    write_body(node.parts, writer)
    writer.write(")")
    writer.depth -= 1


def none_of(node: Lookup, writer: Writer) -> None:
    """Write that a value is none of those of a query: NULLs among them say nothing, and a NULL is none of any."""
    left, query = node.left, node.right
    assert isinstance(query, InnerQuery)
    names = [quote_identifier(f"c{position}") for position in range(len(query.parts.outputs))]
    writer.write("NOT EXISTS (SELECT 1 FROM ")
    inner_query(query, writer)
    alias = quote_identifier(f"{query.parts.scope.alias}r")
    writer.write(f" AS {alias} ({', '.join(names)}) WHERE ")
    outside, writer.qualify = writer.qualify, True
    for position, part in enumerate(left.parts if isinstance(left, KeyRef | Row) else (left,)):
        writer.write(" AND " if position else "")
        type_ = type_of(part)
        rule = find_lookup("exact", type_)
        assert rule is not None
        found = f"{alias}.{names[position]}"
        if type_ is not None and type_.base.name in DOCUMENTS:
            found = f"to_jsonb({found})"
        for kind, text in split(rule.sql):
            if kind == "r":
                render(part, writer)
            else:
                writer.write(found if kind == "l" else text)
    writer.qualify = outside
    writer.write(")")


def denied(node: Not, writer: Writer) -> None:
    inner = node.inner
    if isinstance(inner, HasPartner | InnerExists):
        writer.write("NOT ")
        render(inner, writer)
    elif isinstance(inner, Lookup) and inner.name == "in" and isinstance(inner.right, InnerQuery):
        none_of(inner, writer)
    elif may_be_null(node.inner):
        writer.write("(")
        render(node.inner, writer)
        writer.write(") IS NOT TRUE")
    else:
        writer.write("NOT (")
        render(node.inner, writer)
        writer.write(")")
