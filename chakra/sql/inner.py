"""Resolving queries inside of others: which of their values is meant, and which of the query around they refer to."""

from __future__ import annotations

from typing import Any

from chakra.errors import FieldError
from chakra.expressions import (
    ArraySubquery,
    Condition,
    Exists,
    Expression,
    OuterRef,
    QueryExpression,
    Rows,
    Subquery,
)
from chakra.expressions.rows import Row
from chakra.schema import Table
from chakra.sql.nodes import InnerArray, InnerExists, InnerQuery, KeyRef
from chakra.sql.partner_keys import of_columns
from chakra.sql.partners import columns_of
from chakra.sql.resolve import resolve_select
from chakra.sql.scope import RESOLVERS, Scope
from chakra.sql.select import Numbered
from chakra.sql.sources import ColumnRef


def outer_value(scope: Scope, node: OuterRef) -> Expression:
    """A value of the query around.

    Raises:
        FieldError: there is none.
    """
    around = scope.around
    if around is None:
        raise FieldError(
            f"{node!r} stands for a value of the query around the one it is in, and there is none: put that query into "
            "Exists(…), Subquery(…), lateral(…) or a condition of another one"
        )
    path = node.path
    found = outer_value(around, path) if isinstance(path, OuterRef) else around.resolve_value(path)
    scope.outer += columns_of(found)
    return found


def rows(scope: Scope, node: Rows) -> Expression:
    """A queryset beside a field: for ``in`` its rows, else the one that it is cut to.

    Raises:
        FieldError: it may have several rows where one is needed.
    """
    left, word = _compared(scope)
    if word == "in":
        return InnerQuery(*_values(scope, node, _unordered(_one_field(node.query, left, node)), left))
    if node.query.limit is None and not node.query.select.one_row:
        raise FieldError(
            f"{node!r} may give several rows, and {word!r} needs one: slice it, [:1], use Subquery(…) where there can "
            "be only one, or aggregate(…)"
        )
    return InnerQuery(*_values(scope, node, _one_field(node.query, left, node), left))


def one_value(scope: Scope, node: Subquery) -> Expression:
    """The value of the one row of a query; beside ``in``, those of all."""
    left, word = _compared(scope)
    query = _one_field(node.query, left, node)
    return InnerQuery(*_values(scope, node, _unordered(query) if word == "in" else query, left))


def array(scope: Scope, node: ArraySubquery) -> Expression:
    """The values of all rows of a query."""
    return InnerArray(*_values(scope, node, _one_field(node.query, None, node), None))


def exists(scope: Scope, node: Exists) -> Condition:
    """Whether a query has a row."""
    query = node.query
    query = query._replace(select=query.select.for_scalar("exists"), order=())
    return InnerExists(*_resolved(scope, node, query))


def _compared(scope: Scope) -> tuple[Expression | None, str]:
    """The value that a query stands beside, and the word of the lookup between them."""
    return (None, "exact") if scope.compared is None else scope.compared


def _resolved(
    scope: Scope, node: QueryExpression, query: Numbered
) -> tuple[Numbered, Any, list[ColumnRef], Any]:
    parts = resolve_select(query, scope.inner(query.select.table))
    # What a query further inside asks of the query around this one's is named here, too.
    scope.outer += parts.scope.outer
    return query, parts, parts.scope.outer, node.database


def _values(
    scope: Scope, node: QueryExpression, query: Numbered, left: Expression | None
) -> tuple[Numbered, Any, list[ColumnRef], Any]:
    """A query that gives one value a row, or as many as the key has columns beside which it stands.

    Raises:
        FieldError: it gives others.
    """
    found = _resolved(scope, node, query)
    parts = found[1]
    parts.outputs = [
        (name, part)
        for name, value in parts.outputs
        for part in (value.parts if isinstance(value, KeyRef) else (value,))
    ]
    width = len(left.parts) if isinstance(left, KeyRef | Row) else 1
    if len(parts.outputs) != width:
        names = ", ".join(name for name, _ in parts.outputs)
        beside = f"{left!r} has {width} values" if width > 1 else "one is needed"
        raise FieldError(
            f'{node!r} gives {len(parts.outputs)} values a row ({names}), and {beside}: name it, values("…")'
        )
    return found


def _one_field(query: Numbered, left: Expression | None, node: QueryExpression) -> Numbered:
    """The query with the outputs that stand for its rows: those it names, or the key of its instances."""
    select = query.select
    outputs = select.clauses.outputs
    if select.result == "instances" and select.table.row_class is not None:
        outputs = tuple((name, name) for name in _meant(select.table, left, node))
    elif not outputs:
        outputs = tuple((column.attribute, column.attribute) for column in select.table.columns)
    chosen = select.with_clauses(outputs=outputs, related=(), only=None, deferred=frozenset())
    chosen.result = "tuple"
    return query._replace(select=chosen)


def _unordered(query: Numbered) -> Numbered:
    """A query whose rows are looked through for a value: in which order, and how often each, says nothing."""
    select = query.select
    if select.sliced or select.clauses.distinct:
        return query
    select = select.with_clauses(distinct=None)
    select.order, select.backwards = (), False
    return query._replace(select=select, order=())


def _meant(table: Table, left: Expression | None, node: QueryExpression) -> tuple[str, ...]:
    """The attributes that instances of a table stand for beside a value.

    Raises:
        FieldError: the value is no key of such instances.
    """
    if not table.primary_key:
        raise FieldError(
            f'{table.title} has no primary key for which its rows could stand; name a field: values("…")'
        )
    if left is None:
        return table.primary_key
    refs = left.parts if isinstance(left, KeyRef) else (left,) if isinstance(left, ColumnRef) else ()
    if not refs:
        raise FieldError(f'{left!r} holds no keys of {table.title}; name a field of {node!r}: values("…")')
    held = of_columns(refs[0].source.table, tuple(ref.column.attribute for ref in refs))
    if table.model in held:
        return held[table.model]
    taken = " or ".join(sorted(f"rows of {model.__name__}" for model in held if model is not None))
    raise FieldError(
        f'{left!r} takes {taken or "plain values"}, not rows of {table.title}; name a field of the query: values("…")'
    )


RESOLVERS.update(
    {OuterRef: outer_value, Rows: rows, Subquery: one_value, ArraySubquery: array, Exists: exists},
)

__all__: list[str] = []
