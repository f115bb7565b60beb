"""What a row of the result holds, and how slices of it become instances; says nothing about where rows come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chakra.errors import FieldError
from chakra.expressions import Expression
from chakra.pg.types import PgType
from chakra.schema import Column, Table
from chakra.sql.scope import Scope
from chakra.sql.select import Select
from chakra.sql.sources import ColumnRef, Source
from chakra.sql.statement import Statement


class RowPlan(NamedTuple):
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
    """A compiled SELECT: the statement, for instances their plan, and the loader made of it.

    ``loader``, ``last_rows`` (how many rows the shape returned last time) and ``listable`` (whether the types
    allow reading it as columns) belong to whoever runs the query, and ``derived`` describes its rows where they
    stand in place of a table; they live here so that they live as long.
    """

    statement: Statement
    plan: RowPlan | None
    result: str
    loader: Any = field(default=None)
    last_rows: int = 0
    listable: bool | None = None
    derived: Table | None = None


def derived_table(compiled: Compiled, title: str) -> Table:
    """A description of the rows of a query, as if they were those of a table.

    Args:
        title: what error messages call it.
    """
    if compiled.derived is None:
        columns: dict[str, Column] = {}
        for position, output in enumerate(compiled.statement.outputs):
            name = f"c{position}" if output.name in columns else output.name
            columns[name] = Column(name, output.type or UNKNOWN, output.nullable)
        compiled.derived = Table("rows", tuple(columns.values()), label=title)
    return compiled.derived


UNKNOWN = PgType("unknown")
"""The type of what only the server knows the type of."""


def plain_outputs(select: Select, scope: Scope) -> list[tuple[str, Expression]]:
    """The values that rows of ``values`` have; all columns and annotations if none are named."""
    chosen = select.clauses.outputs
    if not chosen:
        columns = _readable(select.table)
        return [*((c.attribute, ColumnRef(scope.root, c)) for c in columns), *scope.annotations.items()]
    return [(alias, scope.resolve_term(value)) for alias, value in chosen]


def instance_outputs(select: Select, scope: Scope) -> tuple[list[tuple[str, Expression]], RowPlan]:
    """The columns of instances and of those loaded along, then the annotations; and the plan that takes them apart."""
    columns, root = _row_columns(select), scope.root
    outputs: list[tuple[str, Expression]] = [(c.attribute, ColumnRef(root, c)) for c in columns]
    if select.more is None:
        return outputs, RowPlan(select.table, columns, 0)
    start = len(columns)
    related: list[tuple[str, RowPlan]] = []
    for path, children in _relation_tree(select.clauses.related).items():
        plan, start = _related_plan(scope, scope.root, path, children, start, outputs)
        related.append((path, plan))
    outputs.extend(scope.annotations.items())
    extras = tuple(name for name, _ in select.clauses.annotations)
    return outputs, RowPlan(select.table, columns, 0, False, tuple(related), extras)


def _readable(table: Table) -> tuple[Column, ...]:
    """The columns the role may read; all, if it may read none, so that the server says so."""
    return tuple(c for c in table.columns if c.readable) or table.columns


def _row_columns(select: Select) -> tuple[Column, ...]:
    only, deferred = select.clauses.only, select.clauses.deferred
    key = select.table.primary_key
    if only is None and not deferred:
        return select.table.columns
    return tuple(
        c
        for c in select.table.columns
        if c.attribute in key or (c.attribute not in deferred if only is None else c.attribute in only)
    )


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
    if relation is None or relation.many:
        single = [n for n, r in source.table.relations.items() if not r.many]
        if relation is not None:
            raise FieldError(
                f"select_related: {name!r} of {source.table.title} may have several rows for each; load them with "
                f'prefetch_related("{name}")'
            )
        raise FieldError(
            f"select_related: {source.table.title} has no relation {name!r}; its relations to one row are "
            f"{', '.join(single) or 'none'}"
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


__all__ = ["Compiled", "RowPlan", "derived_table", "instance_outputs", "plain_outputs"]
