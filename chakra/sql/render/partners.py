"""Rows of the table: subqueries over the rows behind a to-many relation, and the joins that FROM is made of."""

from __future__ import annotations

from chakra.expressions import Combined
from chakra.sql.nodes import FirstPartner, HasPartner, PartnerAggregate, RowsInFrom
from chakra.sql.render.base import render
from chakra.sql.sources import Source
from chakra.sql.statement import Writer


def has_partner(node: HasPartner, writer: Writer) -> None:
    keyword = " WHERE "
    writer.write("EXISTS (SELECT 1 FROM ")
    first = node.sources[0]
    if id(first) not in node.required:
        writer.write("(SELECT 1) AS one")
        for source in node.sources:
            write_join(source, "LEFT JOIN", writer)
    else:
        write_source(first, writer)
        for source in node.sources[1:]:
            write_join(source, "JOIN" if id(source) in node.required else "LEFT JOIN", writer)
        writer.write(keyword)
        write_link(first, writer)
        keyword = " AND "
    if node.condition is not None:
        writer.write(keyword)
        either = isinstance(node.condition, Combined) and node.condition.connector == "OR"
        writer.write("(" if either else "")
        render(node.condition, writer)
        writer.write(")" if either else "")
    writer.write(")")


def partner_aggregate(node: PartnerAggregate, writer: Writer) -> None:
    _write_partners(node, writer)
    writer.write(")")


def first_partner(node: FirstPartner, writer: Writer) -> None:
    _write_partners(node, writer)
    writer.write(f" ORDER BY 1{' DESC' if node.descending else ''} NULLS LAST LIMIT 1)")


def _write_partners(node: PartnerAggregate, writer: Writer) -> None:
    first = node.sources[0]
    writer.write("(SELECT ")
    render(node.aggregate, writer)
    writer.write(" FROM ")
    write_source(first, writer)
    for source in node.sources[1:]:
        write_join(source, "LEFT JOIN", writer)
    writer.write(" WHERE ")
    write_link(first, writer)
    for condition in node.conditions:
        writer.write(" AND (")
        render(condition, writer)
        writer.write(")")


def write_source(source: Source, writer: Writer) -> None:
    """Write a source as FROM has it: a table, or the rows of a query."""
    if source.rows is None:
        writer.touch(source.table.quoted)
        writer.write(source.table.quoted)
    else:
        render(source.rows, writer)
    writer.write(f" AS {source.alias}")
    if isinstance(source.rows, RowsInFrom):
        writer.write(f" ({', '.join(column.quoted for column in source.table.columns)})")


def write_join(source: Source, kind: str, writer: Writer) -> None:
    """Write the join of a source to its parent."""
    writer.write(f" {kind} ")
    write_source(source, writer)
    writer.write(" ON ")
    write_link(source, writer)


def write_link(source: Source, writer: Writer) -> None:
    """Write which rows of a source belong to one of its parent."""
    hop, parent = source.on, source.parent
    assert hop is not None and parent is not None
    if not hop.columns:
        _write_condition(source, writer)
    for position, (own, other) in enumerate(zip(hop.columns, hop.target_columns, strict=True)):
        own_column = parent.table.by_attribute[own].quoted
        other_column = source.table.by_attribute[other].quoted
        writer.write(" AND " if position else "")
        writer.write(f"{source.alias}.{other_column} = {parent.alias}.{own_column}")
    for column in source.present:
        writer.write(f" AND {source.alias}.{column.quoted} IS NOT NULL")


def _write_condition(source: Source, writer: Writer) -> None:
    if source.condition is None:
        writer.write("TRUE")
        return
    outside, writer.qualify = writer.qualify, True
    render(source.condition, writer)
    writer.qualify = outside
