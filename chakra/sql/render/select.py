"""A resolved SELECT as SQL: its clauses, and the queries that stand around it or inside of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chakra.expressions import Combined, Expression, IsTrue, Lookup, Not, Order, Slot
from chakra.expressions.rows import Row
from chakra.expressions.windows import has_window
from chakra.pg.quoting import quote_identifier, quote_output
from chakra.pg.types import BOOL, INT8
from chakra.sql.ctes import NumberedCte
from chakra.sql.grouping import same
from chakra.sql.infer import load_of, may_be_null, type_of
from chakra.sql.nodes import GroupKey, InnerQuery, KeyRef, OutputName, Rank, Reference, Withs
from chakra.sql.products import Branch, branch_of
from chakra.sql.render.base import render, render_conditions, render_list, render_order
from chakra.sql.render.partners import write_join
from chakra.sql.render.windows import write_windows
from chakra.sql.resolve import Resolved, resolve_select
from chakra.sql.scope import Scope
from chakra.sql.select import Numbered, NumberedParts, Sample, Select
from chakra.sql.sources import ColumnRef, Correlated
from chakra.sql.statement import Output, Writer


def write_select(query: Numbered, parts: Resolved, writer: Writer) -> list[Output]:
    """Write a query and return what it returns.

    Args:
        parts: the query, resolved.
    """
    if parts.apart:
        return _write_apart(query, parts, writer)
    result = query.select.result
    if result == "exists":
        writer.write("SELECT EXISTS (")
        write_body(parts, writer)
        writer.write(")")
        return [Output("exists", BOOL, False)]
    if result == "count":
        if parts.outputs:
            writer.write("SELECT count(*) FROM (")
            write_body(parts, writer)
            writer.write(") AS counted")
        else:
            write_body(parts, writer)
        return [Output("count", INT8, False)]
    if parts.each is not None:
        return _write_slice_of_each(parts, parts.each, writer)
    return write_rows(parts, writer)


def write_rows(parts: Resolved, writer: Writer) -> list[Output]:
    """Write a query that returns rows, which may stand inside of another."""
    return _write_sorted_outside(parts, writer) if parts.outer else write_body(parts, writer)


def write_body(parts: Resolved, writer: Writer) -> list[Output]:
    """Write one SELECT, which may stand inside of another."""
    if parts.withs:
        render(Withs(parts.withs), writer)
    outside, writer.qualify = writer.qualify, parts.scope.qualified
    outputs = _write_qualified(parts, writer) if parts.qualify else _write_clauses(parts, writer)
    writer.qualify = outside
    return outputs


def _write_qualified(parts: Resolved, writer: Writer) -> list[Output]:
    """Conditions on windows stand around the SELECT that computes them, and so does what comes after conditions:
    DISTINCT, the numbers of rows, the order and the slice.
    """
    inside = [(name, value) for name, value in parts.outputs if not isinstance(value, Rank)]
    width = len(inside)

    def held(value: Expression) -> OutputName:
        found = next((at for at, (_, known) in enumerate(inside) if same(known, value)), len(inside))
        if found == len(inside):
            inside.append((f"c{found}", value))
        return OutputName(f"c{found}", type_of(value))

    def outside(node: Expression) -> Expression:
        if isinstance(node, Slot) or (isinstance(node, InnerQuery) and not node.outer):
            return node
        if isinstance(node, Row):
            return node.rebuild(tuple(map(outside, node.parts)))
        if isinstance(node, Combined | Not | Lookup | IsTrue) and has_window(node):
            return node.rebuild(tuple(map(outside, node.children)))
        return held(node)

    def around(order: list[Order]) -> list[Order]:
        return [Order(held(term.expression), term.descending, term.nulls) for term in order]

    picked: list[tuple[str, Expression]] = []
    for name, value in parts.outputs:
        if isinstance(value, Rank):
            value = Rank(tuple(map(held, value.each)), around(value.order), value.linked)
        else:
            value = held(value)
        picked.append((name, value))
    conditions: list[Any] = list(map(outside, parts.qualify))
    order, distinct = around(parts.order), list(map(held, parts.distinct))
    select = parts.select
    body = replace(
        parts,
        select=select.with_clauses(distinct=None),
        outputs=inside,
        plan=None,
        order=[],
        limit=None,
        offset=None,
        distinct=[],
        qualify=[],
    )
    writer.write("SELECT ")
    _write_distinct(select, distinct, writer)
    for position, (name, value) in enumerate(picked):
        writer.write(", " if position else "")
        render(value, writer)
        writer.write(f" AS {quote_output(name)}")
    writer.write("" if picked else _WITHOUT_OUTPUTS.get(select.result, ""))
    writer.write(" FROM (")
    outputs = _write_clauses(body, writer)[:width]
    names = ", ".join(quote_identifier(f"c{position}") for position in range(len(inside)))
    writer.write(f") AS windowed ({names})")
    render_conditions(conditions, writer)
    render_order(order, writer)
    _write_slice(parts, writer)
    return outputs


def _write_distinct(select: Select, terms: Sequence[Expression], writer: Writer) -> None:
    if select.clauses.distinct is None:
        return
    writer.write("DISTINCT ")
    if terms:
        writer.write("ON (")
        render_list(terms, writer)
        writer.write(") ")


def _write_clauses(parts: Resolved, writer: Writer) -> list[Output]:
    select = parts.select
    writer.write("SELECT ")
    _write_distinct(select, parts.distinct, writer)
    outputs = _write_outputs(parts, writer)
    if parts.inner is not None:
        _write_inner(parts.inner, parts.scope, writer)
    else:
        write_from(parts.scope, writer, select.clauses.sample)
    if select.clauses.nothing:
        writer.write(" WHERE FALSE")
        render_conditions(parts.conditions, writer, " AND ")
    else:
        render_conditions(parts.conditions, writer)
    if parts.groups:
        writer.write(" GROUP BY ")
        render_list(parts.groups, writer)
    render_conditions(parts.having, writer, " HAVING ")
    if parts.scope.defined:
        sorted_by = (term.expression for term in parts.order)
        write_windows(parts.scope, (*(e for _, e in parts.outputs), *sorted_by, *parts.distinct), writer)
    _write_order(parts.order, parts.outputs, writer)
    _write_slice(parts, writer)
    lock = select.clauses.lock
    if lock is not None:
        strength, _, wait = lock
        # Of joined tables only those asked for are locked; the nullable side of a join cannot be.
        of = f" OF {', '.join(parts.locked)}" if parts.scope.joined else ""
        writer.write(f" FOR {strength}{of}{wait}")
    return outputs


def _write_apart(query: Numbered, parts: Resolved, writer: Writer) -> list[Output]:
    """Aggregates of all rows along several to-many relations: for each of these a subquery that joins no other."""
    block = parts.scope.main
    groups: dict[Branch, list[int]] = {}
    for position, (_, expression) in enumerate(parts.outputs):
        groups.setdefault(branch_of(expression, block), []).append(position)
    where: dict[int, str] = {}
    for number, positions in enumerate(groups.values()):
        where.update({at: f"a{number}.c{place}" for place, at in enumerate(positions)})
    picked = ", ".join(
        f"{where[position]} AS {quote_output(name)}" for position, (name, _) in enumerate(parts.outputs)
    )
    writer.write(f"SELECT {picked} FROM ")
    outputs: dict[int, Output] = {}
    given = query.select.clauses.outputs
    for number, positions in enumerate(groups.values()):
        one = query.select.with_clauses(outputs=tuple(given[position] for position in positions))
        writer.write(", (" if number else "(")
        found = write_body(resolve_select(query._replace(select=one), parts.scope.again(one.table)), writer)
        names = ", ".join(f"c{place}" for place in range(len(positions)))
        writer.write(f") AS a{number} ({names})")
        outputs.update(zip(positions, found, strict=True))
    return [outputs[position] for position in range(len(parts.outputs))]


def _write_inner(inner: Numbered | NumberedParts | NumberedCte, scope: Scope, writer: Writer) -> None:
    """Write FROM with another query, or several, or one in WITH, under the names that their values have outside."""
    if isinstance(inner, NumberedCte):
        writer.write(" FROM ")
        render(Reference(inner), writer)
        writer.write(f" AS {scope.root.alias}")
        _write_joins(scope, writer)
        return
    writer.write(" FROM (")
    if isinstance(inner, NumberedParts):
        for position, part in enumerate(inner.parts):
            writer.write(f" {inner.word} (" if position else "(")
            write_rows(resolve_select(part, scope.again(part.select.table, f"d{position}")), writer)
            writer.write(")")
        names = ", ".join(inner.columns)
    else:
        write_rows(resolve_select(inner, scope.again(inner.select.table, "d")), writer)
        names = ", ".join(column.quoted for column in scope.root.table.columns)
    writer.write(f") AS {scope.root.alias} ({names})")
    _write_joins(scope, writer)


def _write_order(order: list[Order], outputs: list[tuple[str, Expression]], writer: Writer) -> None:
    """Write ORDER BY, in which subqueries that the query returns stand by their names."""
    names = {id(e): name for name, e in outputs if isinstance(e, Correlated)}
    if names:
        order = [
            Order(OutputName(names[id(term.expression)]), term.descending, term.nulls)
            if id(term.expression) in names
            else term
            for term in order
        ]
    render_order(order, writer)


def _write_slice(parts: Resolved, writer: Writer) -> None:
    if parts.limit is not None:
        writer.write(" LIMIT ")
        writer.parameter(parts.limit, (), INT8, "limit")
    if parts.offset is not None:
        writer.write(" OFFSET ")
        writer.parameter(parts.offset, (), INT8, "offset")


def _write_sorted_outside(parts: Resolved, writer: Writer) -> list[Output]:
    """DISTINCT in a subquery that returns what it is sorted by as well; the order and the slice around it."""
    order, limit, offset = parts.order, parts.limit, parts.offset
    width = len(parts.outputs)
    names = [quote_identifier(f"c{position}") for position in range(width + len(order))]
    picked = ", ".join(
        f"{name} AS {quote_output(output)}" for name, (output, _) in zip(names, parts.outputs, strict=False)
    )
    writer.write(f"SELECT {picked} FROM (")
    parts.limit = parts.offset = None
    parts.order = [*(Order(e, False) for e in parts.distinct), *order] if parts.distinct else []
    returned = parts.outputs
    parts.outputs = [*returned, *((f"c{width + i}", term.expression) for i, term in enumerate(order))]
    outputs = write_body(parts, writer)[:width]
    writer.write(f") AS sorted ({', '.join(names)})")
    render_order(
        [Order(OutputName(f"c{width + i}"), term.descending, term.nulls) for i, term in enumerate(order)],
        writer,
    )
    parts.outputs, parts.order, parts.limit, parts.offset = returned, order, limit, offset
    _write_slice(parts, writer)
    return outputs


def _write_slice_of_each(parts: Resolved, each: Expression, writer: Writer) -> list[Output]:
    """A slice for each value of something: rows are numbered inside, and kept by their number outside."""
    width = len(parts.outputs)
    names = [quote_identifier(f"c{position}") for position in range(width)]
    root = parts.scope.root
    parts_of_each: tuple[Expression, ...] = each.parts if isinstance(each, KeyRef) else (each,)
    linked = not all(isinstance(part, ColumnRef) and part.source is root for part in parts_of_each)
    order = parts.order
    if linked or not order:  # rows of one rank are links of one row
        order = [*order, *(Order(ColumnRef(root, column), False) for column in root.table.key_columns)]
    limit, offset, outputs = parts.limit, parts.offset, parts.outputs
    parts.limit = parts.offset = None
    parts.order, parts.outputs = [], [*outputs, ("rank", Rank(parts_of_each, order, linked))]
    picked = ", ".join(names)
    writer.write(f"SELECT {picked} FROM (")
    described = write_body(parts, writer)[:width]
    writer.write(f") AS ranked ({picked}, rank)")
    if offset is not None:
        writer.write(" WHERE rank > ")
        writer.parameter(offset, (), INT8, "offset")
    if limit is not None:
        writer.write(" AND" if offset is not None else " WHERE")
        writer.write(" rank <= ")
        writer.parameter(limit, (), INT8, "limit")
        if offset is not None:
            writer.write(" + ")
            writer.parameter(offset, (), INT8, "offset")
    writer.write(" ORDER BY rank")
    return described


_WITHOUT_OUTPUTS = {"count": "count(*)", "exists": "1"}


def _write_outputs(parts: Resolved, writer: Writer) -> list[Output]:
    if not parts.outputs:
        # A table without columns has rows all the same: SELECT FROM t.
        writer.write(_WITHOUT_OUTPUTS.get(parts.select.result, ""))
        return []
    described: list[Output] = []
    computed = len(parts.outputs) - len(parts.plan.extras) - parts.keys if parts.plan is not None else 0
    for position, (name, expression) in enumerate(parts.outputs):
        writer.write(", " if position else "")
        render(expression, writer)
        if isinstance(expression, ColumnRef):
            described.append(_column_output(name, expression))
            continue
        if position >= computed:
            writer.write(f" AS {quote_output(name)}")
        described.append(_described(name, expression))
    return described


def _column_output(name: str, ref: ColumnRef) -> Output:
    column, source = ref.column, ref.source
    if (
        column.attribute not in source.table.by_attribute
    ):  # of the rows that stand for the table's, in this query alone
        return Output(name, column.type, column.nullable or source.nullable, column.load)
    key = name, column.attribute, column.nullable or source.nullable
    known = source.table.described
    found: Output | None = known.get(key)
    if found is None:
        found = Output(name, column.type, key[2], column.load, _declared_by(ref))
        if len(known) < MOST_OUTPUTS:
            known[key] = found
    return found


MOST_OUTPUTS = 2_000
"""Descriptions of result columns that a table keeps: making one takes 0.9 µs, finding it 0.2."""


def _declared_by(column: ColumnRef) -> str | None:
    """The field that declares a column: only a model does, and what queries compute beside its fields is none."""
    table, attribute = column.source.table, column.column.attribute
    declared = table.row_class is not None and attribute in table.row_class.__table__.by_attribute
    return f"{table.title}.{attribute}" if declared else None


def _described(name: str, expression: Expression) -> Output:
    declared = expression
    while isinstance(declared, InnerQuery | GroupKey):
        declared = declared.value
    if isinstance(declared, ColumnRef):
        load = declared.column.load
        return Output(name, type_of(expression), may_be_null(expression), load, _declared_by(declared))
    if isinstance(declared, KeyRef):
        return Output(name, declared.record, may_be_null(expression), declared.load)
    return Output(name, type_of(expression), may_be_null(expression), load_of(expression))


def write_from(scope: Scope, writer: Writer, sample: Sample | None = None) -> None:
    """Write FROM with the joins that resolving the query asked for."""
    named = f" AS {scope.root.alias}" if scope.alias else ""
    writer.write(f" FROM {scope.root.table.quoted}{named}")
    writer.touch(scope.root.table.quoted)
    if sample is not None:
        writer.write(f" TABLESAMPLE {sample.method} (")
        render(sample.percent, writer)
        writer.write(")")
    if sample is not None and sample.seed is not None:
        writer.write(" REPEATABLE (")
        render(sample.seed, writer)
        writer.write(")")
    _write_joins(scope, writer)


def _write_joins(scope: Scope, writer: Writer) -> None:
    for source in scope.sources[1:]:
        write_join(source, "LEFT JOIN" if source.nullable else "JOIN", writer)
