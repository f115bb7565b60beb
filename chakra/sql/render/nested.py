"""Rows of the table: rows inside of rows, as anonymous records (docs/decisions/0024-nested-columns.md)."""

from __future__ import annotations

from chakra.pg.quoting import quote_identifier
from chakra.schema import Hop
from chakra.sql.nodes import Behind, Record
from chakra.sql.render.base import render
from chakra.sql.render.select import write_rows
from chakra.sql.resolve import NestedRows
from chakra.sql.sources import Source
from chakra.sql.statement import Writer


def record(node: Record, writer: Writer) -> None:
    if node.there is not None:
        writer.write("CASE WHEN ")
        render(node.there, writer)
        writer.write(" IS NOT NULL THEN ")
    writer.write("ROW(")
    for position, (value, cast) in enumerate(node.fields):
        writer.write(", " if position else "")
        render(value, writer)
        writer.write(f"::{cast}" if cast else "")
    writer.write(")" if node.there is None else ") END")


def nested_rows(node: NestedRows, writer: Writer) -> None:
    """An array of records, empty where there are no rows, or one record or NULL."""
    names = [f"c{position}" for position in range(len(node.rows.outputs))]
    casts = [f"::{node.casts[name]}" if name in node.casts else "" for name, _ in node.rows.outputs]
    values = ", ".join(f"r.{name}{cast}" for name, cast in zip(names, casts, strict=True))
    writer.write("ARRAY" if node.many else "")
    writer.write(f"(SELECT ROW({values}) FROM (")
    write_rows(node.rows, writer)
    writer.write(f") AS r ({', '.join(names)}))")


def behind(node: Behind, writer: Writer) -> None:
    if len(node.hops) == 1:
        writer.write(equal(node.around, node.hops[0], node.target))
        return
    first, second = node.hops
    between = Source(first.target, quote_identifier(node.alias), node.around, first, False)
    writer.touch(between.table.quoted)
    writer.write(
        f"EXISTS (SELECT 1 FROM {between.table.quoted} AS {between.alias} "
        f"WHERE {equal(node.around, first, between)} AND {equal(between, second, node.target)})"
    )


def equal(source: Source, hop: Hop, target: Source) -> str:
    """The equations between the columns of a hop."""
    pairs = zip(hop.columns, hop.target_columns, strict=True)
    return " AND ".join(
        f"{target.alias}.{target.table.by_attribute[theirs].quoted} = "
        f"{source.alias}.{source.table.by_attribute[own].quoted}"
        for own, theirs in pairs
    )
