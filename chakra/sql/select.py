"""SELECT as data, its shape, and its compilation; the state that querysets carry and share.

``Select`` says what to read; ``shape`` gives the key under which the compiled statement is kept; ``compile_select``
runs once per shape.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from chakra.errors import FieldError
from chakra.expressions import Condition, Expression, Not, Order
from chakra.expressions.aggregates import has_aggregate
from chakra.expressions.base import Combined
from chakra.expressions.q import keyword_shape
from chakra.pg.quoting import quote_identifier, quote_output
from chakra.pg.types import BOOL, INT8
from chakra.schema import Column, Table
from chakra.sql.render import may_be_null, render, render_conditions, render_order, type_of_node
from chakra.sql.scope import ColumnRef, Scope, Source
from chakra.sql.statement import Output, Statement, Writer

Filter: TypeAlias = "tuple[bool, tuple[Condition, ...], Mapping[str, Any]]"
"""Whether negated, positional conditions, keyword conditions: one call of ``filter`` or ``exclude``."""


class Select:
    """What a query reads. Treated as immutable: every change is made on a ``copy``.

    Attributes:
        table: the root table.
        mode: ``rows`` (instances) or ``values`` (named columns).
        asks: ``rows``, or only their ``count``, or whether one ``exists``.
        filters: calls of ``filter`` and ``exclude``, in order.
        order: names, ``Order`` terms or expressions; ``None`` = the table's ordering, ``()`` = none.
        backwards: whether the order is turned round.
        limit, offset: numbers of rows, or ``None``.
        fields: names (or expressions) that ``values`` returns; empty = all columns.
        aliases: output names of ``fields``.
        only: attributes to load in ``rows`` mode, or ``None`` for all.
        related: relation paths to load along.
        annotations: computed values by name.
        distinct: ``None``, ``()`` for DISTINCT, or names for DISTINCT ON.
        lock: strength (``UPDATE``, …), relations whose rows are locked, and whether to wait; or ``None``.
        nothing: whether the query is known to be empty (``none()``).
    """

    __slots__ = (
        "aliases",
        "annotations",
        "asks",
        "backwards",
        "distinct",
        "fields",
        "filters",
        "limit",
        "lock",
        "mode",
        "nothing",
        "offset",
        "only",
        "order",
        "related",
        "table",
    )

    table: Table
    mode: str
    asks: str
    filters: tuple[Filter, ...]
    order: tuple[Any, ...] | None
    backwards: bool
    limit: int | None
    offset: int | None
    fields: tuple[Any, ...]
    aliases: tuple[str, ...]
    only: frozenset[str] | None
    related: tuple[str, ...]
    annotations: tuple[tuple[str, Expression], ...]
    distinct: tuple[str, ...] | None
    lock: tuple[str, tuple[str, ...], str] | None
    nothing: bool

    def __init__(self, table: Table) -> None:
        self.table = table
        self.mode = "rows"
        self.asks = "rows"
        self.filters = ()
        self.order = None
        self.backwards = False
        self.limit = None
        self.offset = None
        self.fields = ()
        self.aliases = ()
        self.only = None
        self.related = ()
        self.annotations = ()
        self.distinct = None
        self.lock = None
        self.nothing = False

    def copy(self) -> Select:
        """Return a copy to be changed before anybody else sees it."""
        new = Select.__new__(Select)
        new.table = self.table
        new.mode = self.mode
        new.asks = self.asks
        new.filters = self.filters
        new.order = self.order
        new.backwards = self.backwards
        new.limit = self.limit
        new.offset = self.offset
        new.fields = self.fields
        new.aliases = self.aliases
        new.only = self.only
        new.related = self.related
        new.annotations = self.annotations
        new.distinct = self.distinct
        new.lock = self.lock
        new.nothing = self.nothing
        return new

    def shape(self, values: list[Any]) -> Hashable:
        """Return the key of the statement and append the query's literal values to ``values``.

        The order of the values (annotations, fields, filters, order, limit, offset) is the one in which
        ``compile_select`` numbers them.
        """
        annotations: Hashable = ()
        if self.annotations:
            annotations = tuple((name, e.shape(values)) for name, e in self.annotations)
        fields: Hashable = self.fields
        if fields:
            fields = tuple(f.shape(values) if isinstance(f, Expression) else f for f in self.fields)
        filters = tuple(
            [
                (
                    negated,
                    tuple([c.shape(values) for c in conditions]) if conditions else (),
                    keyword_shape(keywords, values) if keywords else (),
                )
                for negated, conditions, keywords in self.filters
            ]
        )
        order: Hashable = self.order
        if order:
            order = tuple([t if type(t) is str else t.shape(values) for t in order])  # type: ignore[attr-defined]
        limit, offset = self.limit, self.offset
        if limit is not None:
            values.append(limit)
        if offset is not None:
            values.append(offset)
        return (
            self.mode,
            self.asks,
            filters,
            order,
            limit is None,
            offset is None,
            self.backwards,
            self.related,
            self.only,
            fields,
            self.aliases,
            annotations,
            self.distinct,
            self.lock,
            self.nothing,
        )


@dataclass(frozen=True, slots=True)
class RowPlan:
    """How a slice of a result row becomes an instance of ``table.row_class``.

    Attributes:
        start: position of the first column.
        columns: in result order.
        nullable: whether the whole instance may be missing (LEFT JOIN).
        related: relation name → plan of the instance behind it.
        extras: names of annotations, standing after all columns of the row.
    """

    table: Table
    columns: tuple[Column, ...]
    start: int
    nullable: bool = False
    related: tuple[tuple[str, RowPlan], ...] = ()
    extras: tuple[str, ...] = ()


@dataclass(slots=True)
class Compiled:
    """A compiled SELECT: the statement, for ``rows`` the plan of its instances, and loaders made of them.

    ``loaders``, ``last_rows`` (how many rows the shape returned last time) and ``listable`` (whether the types
    allow reading it as columns) belong to whoever runs the query; they live here so that they live as long.
    """

    statement: Statement
    plan: RowPlan | None
    loaders: dict[str, Any] = field(default_factory=dict)
    last_rows: int = 0
    listable: bool | None = None


@dataclass(slots=True)
class _Parts:
    """The resolved pieces of one SELECT."""

    scope: Scope
    outputs: list[tuple[str, Expression]]
    conditions: list[Condition]
    having: list[Condition]
    order: list[Order]
    limit: int | None
    offset: int | None
    plan: RowPlan | None
    grouped: bool
    distinct: list[Expression]
    locked: list[str]


def compile_select(select: Select) -> Compiled:
    """Resolve and render a query.

    Raises:
        FieldError: a name or lookup is unknown, or parts of the query contradict each other.
    """
    parts = _resolve(select)
    writer = Writer(qualify=parts.scope.joined)
    if select.asks == "exists":
        writer.write("SELECT EXISTS (")
        _write_body(select, parts, writer)
        writer.write(")")
        return Compiled(writer.finish([Output("exists", BOOL, False)]), None)
    if select.asks == "count":
        if parts.outputs:
            writer.write("SELECT count(*) FROM (")
            _write_body(select, parts, writer)
            writer.write(") AS counted")
        else:
            _write_body(select, parts, writer)
        return Compiled(writer.finish([Output("count", INT8, False)]), None)
    outputs = _write_body(select, parts, writer)
    return Compiled(writer.finish(outputs), parts.plan)


def _resolve(select: Select) -> _Parts:
    scope = Scope(select.table)
    for name, expression in select.annotations:
        scope.annotations[name] = scope.resolve(expression)
    outputs, plan = _outputs(select, scope)
    resolved = resolve_filters(select.filters, scope)
    having = [c for c in resolved if has_aggregate(c)]
    conditions = [c for c in resolved if not has_aggregate(c)] if having else resolved
    aggregated = any(has_aggregate(e) for e in scope.annotations.values())
    plain = [e for _, e in outputs if not has_aggregate(e)]
    # Without any plain output (aggregate()) the whole result is one group, and there is nothing to group by.
    grouped = aggregated or (len(plain) < len(outputs) and bool(plain))
    order = _order(select, scope, grouped)
    if select.asks != "rows":
        plan = None
        sliced = select.limit is not None or select.offset is not None
        if not (grouped or sliced or select.distinct is not None):
            outputs = []  # nothing depends on what a row holds
    limit = scope.next_index() if select.limit is not None else None
    offset = scope.next_index() if select.offset is not None else None
    distinct = [scope.resolve_value(name) for name in select.distinct or ()]
    locked = _locked(select, scope)
    return _Parts(scope, outputs, conditions, having, order, limit, offset, plan, grouped, distinct, locked)


def resolve_filters(filters: tuple[Filter, ...], scope: Scope) -> list[Condition]:
    """Resolve the calls of ``filter`` and ``exclude`` into conditions to be joined by AND."""
    found: list[Condition] = []
    for negated, conditions, keywords in filters:
        parts = [scope.resolve_condition(c) for c in conditions]
        if keywords:
            parts.extend(scope.resolve_keywords(dict(keywords)))
        if negated:
            found.append(Not(parts[0] if len(parts) == 1 else Combined("AND", tuple(parts))))
        else:
            found.extend(parts)
    return found


def _readable(table: Table) -> tuple[Column, ...]:
    """The columns the role may read; all, if it may read none, so that the server says so."""
    return tuple(c for c in table.columns if c.readable) or table.columns


def _outputs(select: Select, scope: Scope) -> tuple[list[tuple[str, Expression]], RowPlan | None]:
    if select.mode == "values":
        if not select.fields:
            named: list[tuple[str, Expression]] = [
                (c.attribute, ColumnRef(scope.root, c)) for c in _readable(select.table)
            ]
            return named + list(scope.annotations.items()), None
        chosen: list[tuple[str, Expression]] = []
        for alias, value in zip(select.aliases, select.fields, strict=True):
            if isinstance(value, Expression):
                chosen.append((alias, scope.resolve(value)))
            else:
                chosen.append((alias, scope.resolve_value(value)))
        return chosen, None
    columns = _row_columns(select)
    outputs: list[tuple[str, Expression]] = [(c.attribute, ColumnRef(scope.root, c)) for c in columns]
    start = len(columns)
    related: list[tuple[str, RowPlan]] = []
    for path, children in _relation_tree(select.related).items():
        plan, start = _related_plan(scope, scope.root, path, children, start, outputs)
        related.append((path, plan))
    outputs.extend(scope.annotations.items())
    plan = RowPlan(
        select.table, columns, 0, False, tuple(related), tuple(name for name, _ in select.annotations)
    )
    return outputs, plan


def _row_columns(select: Select) -> tuple[Column, ...]:
    if select.only is None:
        return select.table.columns
    needed = select.only | set(select.table.primary_key)
    return tuple(c for c in select.table.columns if c.attribute in needed)


def _relation_tree(paths: tuple[str, ...]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in paths:
        level = tree
        for part in path.split("__"):
            level = level.setdefault(part, {})
    return tree


def _related_plan(
    scope: Scope,
    source: Source,
    name: str,
    children: dict[str, Any],
    start: int,
    outputs: list[tuple[str, Expression]],
) -> tuple[RowPlan, int]:
    relation = source.table.relations.get(name)
    if relation is None:
        known = ", ".join(source.table.relations) or "none"
        raise FieldError(
            f"select_related: {source.table.title} has no relation {name!r}; its relations are {known}"
        )
    joined = scope.join(source, relation)
    columns = joined.table.columns
    outputs.extend((f"{name}__{c.attribute}", ColumnRef(joined, c)) for c in columns)
    own_start, start = start, start + len(columns)
    related: list[tuple[str, RowPlan]] = []
    for child, grandchildren in children.items():
        plan, start = _related_plan(scope, joined, child, grandchildren, start, outputs)
        related.append((child, plan))
    return RowPlan(joined.table, columns, own_start, joined.nullable, tuple(related)), start


def _order(select: Select, scope: Scope, grouped: bool) -> list[Order]:
    # A default order by columns that are not grouped would be an error nobody asked for.
    default = () if grouped else select.table.ordering
    terms = select.order if select.order is not None else default
    found = [_order_term(term, scope) for term in terms]
    if select.backwards:
        if not found and not select.table.primary_key:
            raise FieldError(
                f"{select.table.title} has no primary key and the query no order, so nothing can be turned round: "
                "say which rows come last, order_by(…)"
            )
        if not found:
            found = [Order(ColumnRef(scope.root, c), False) for c in select.table.key_columns]
        found = [term.reversed() for term in found]
    return found


def _order_term(term: Any, scope: Scope) -> Order:
    if isinstance(term, str):
        descending = term.startswith("-")
        return Order(scope.resolve_value(term[1:] if descending else term), descending)
    if isinstance(term, Order):
        return Order(scope.resolve(term.expression), term.descending, term.nulls)
    return Order(scope.resolve(term), False)


def _write_body(select: Select, parts: _Parts, writer: Writer) -> list[Output]:
    writer.write("SELECT ")
    if select.distinct is not None:
        writer.write("DISTINCT ")
        if parts.distinct:
            writer.write("ON (")
            for position, expression in enumerate(parts.distinct):
                writer.write(", " if position else "")
                render(expression, writer)
            writer.write(") ")
    outputs = _write_outputs(select, parts, writer)
    write_from(parts.scope, writer)
    if select.nothing:
        writer.write(" WHERE FALSE")
        render_conditions(parts.conditions, writer, " AND ")
    else:
        render_conditions(parts.conditions, writer)
    if parts.grouped:
        _write_groups(select, parts, writer)
    render_conditions(parts.having, writer, " HAVING ")
    for position, term in enumerate(parts.order):
        writer.write(", " if position else " ORDER BY ")
        render_order(term, writer)
    if parts.limit is not None:
        writer.write(" LIMIT ")
        writer.parameter(parts.limit, (), INT8, "limit")
    if parts.offset is not None:
        writer.write(" OFFSET ")
        writer.parameter(parts.offset, (), INT8, "offset")
    if select.lock is not None:
        strength, _, wait = select.lock
        # Of joined tables only those asked for are locked; the nullable side of a join cannot be.
        of = f" OF {', '.join(parts.locked)}" if parts.scope.joined else ""
        writer.write(f" FOR {strength}{of}{wait}")
    return outputs


def _locked(select: Select, scope: Scope) -> list[str]:
    """Names by which FOR UPDATE OF knows the tables whose rows are to be locked."""
    if select.lock is None:
        return []
    found: list[str] = []
    for path in select.lock[1] or ("self",):
        source = scope.root
        for name in () if path == "self" else path.split("__"):
            relation = source.table.relations.get(name)
            if relation is None:
                known = ", ".join(["self", *source.table.relations])
                raise FieldError(f"select_for_update(of=…): no relation {name!r}; there are {known}")
            source = scope.join(source, relation)
        found.append(quote_identifier(source.table.name) if source is scope.root else source.alias)
    return found


def _write_groups(select: Select, parts: _Parts, writer: Writer) -> None:
    """GROUP BY the plain outputs; for instances the keys of all tables, on which their other columns depend."""
    if select.mode == "values":
        terms = [expression for _, expression in parts.outputs if not has_aggregate(expression)]
    else:
        terms = [
            ColumnRef(source, column) for source in parts.scope.sources for column in source.table.key_columns
        ]
    for position, term in enumerate(terms):
        writer.write(", " if position else " GROUP BY ")
        render(term, writer)


def _write_outputs(select: Select, parts: _Parts, writer: Writer) -> list[Output]:
    if not parts.outputs:
        # A table without columns has rows all the same: SELECT FROM t.
        writer.write({"count": "count(*)", "exists": "1"}.get(select.asks or "", ""))
        return []
    described: list[Output] = []
    for position, (name, expression) in enumerate(parts.outputs):
        writer.write(", " if position else "")
        render(expression, writer)
        load = column = None
        if isinstance(expression, ColumnRef):
            load = expression.column.load
            if expression.source.table.row_class is not None:  # only a model declares
                column = repr(expression)
        elif select.mode != "rows" or position >= len(parts.outputs) - len(select.annotations):
            writer.write(f" AS {quote_output(name)}")
        described.append(Output(name, type_of_node(expression), may_be_null(expression), load, column))
    return described


def write_from(scope: Scope, writer: Writer) -> None:
    """Write FROM with the joins that resolving the query asked for."""
    writer.write(f" FROM {scope.root.table.quoted}")
    for source in scope.sources:
        writer.touch(source.table.quoted)
    for source in scope.sources[1:]:
        relation, parent = source.on, source.parent
        assert relation is not None and parent is not None
        writer.write(" LEFT JOIN " if source.nullable else " JOIN ")
        writer.write(f"{source.table.quoted} AS {source.alias} ON ")
        pairs = zip(relation.columns, relation.target_columns, strict=True)
        for position, (own, other) in enumerate(pairs):
            own_column = parent.table.by_attribute[own].quoted
            other_column = source.table.by_attribute[other].quoted
            writer.write(" AND " if position else "")
            writer.write(f"{source.alias}.{other_column} = {parent.alias}.{own_column}")


__all__ = ["Compiled", "RowPlan", "Select", "compile_select", "resolve_filters", "write_from"]
