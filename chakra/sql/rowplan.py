"""What a row of the result holds, and how slices of it become instances; says nothing about where rows come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chakra.errors import FieldError
from chakra.expressions import Expression
from chakra.pg.types import PgType
from chakra.schema import Column, Relation, Table
from chakra.sql.infer import load_of
from chakra.sql.loaded import Loaded, loaded_of
from chakra.sql.nodes import Record
from chakra.sql.scope import Scope
from chakra.sql.select import Select
from chakra.sql.sources import ColumnRef, Source
from chakra.sql.statement import Statement


class RowPlan(NamedTuple):
    """How a slice of a result row becomes an instance of ``table.row_class``.

    Attributes:
        start: position of the first column.
        columns: in result order.
        joined_by: of one that may be missing (LEFT JOIN), the position of a column that is NULL only then.
        related: relation name → plan of the instance behind it.
        extras: names of annotations, standing after all columns of the row.
        loads: what turns the values of these into those that instances have.
        back: of one in front of a one-to-one key, the relation behind which is the instance it is loaded with.
    """

    table: Table
    columns: tuple[Column, ...]
    start: int
    joined_by: int | None = None
    related: tuple[tuple[str, RowPlan], ...] = ()
    extras: tuple[str, ...] = ()
    loads: tuple[Callable[[Any], Any] | None, ...] = ()
    back: str | None = None


@dataclass(slots=True)
class Compiled:
    """A compiled SELECT: the statement, for instances their plan, and the loader made of it.

    ``loader``, ``groupers`` (those that put rows beside others), ``last_rows`` (how many rows the shape returned last
    time) and ``not_columns`` (why it is not read as columns, however many rows there are; ``""`` = it may be,
    ``None`` = nobody has asked) belong to whoever runs the query, and ``derived`` and ``described`` (``sql.withs``)
    describe its rows where they stand in place of a table; they live here so that they live as long.
    """

    statement: Statement
    plan: RowPlan | None
    result: str
    loader: Any = field(default=None)
    groupers: dict[Any, Any] = field(default_factory=dict)
    last_rows: int = 0
    not_columns: str | None = None
    derived: Table | None = None
    described: dict[str, Any] = field(default_factory=dict)
    keys: int = 0
    """Outputs behind those of the rows themselves, which say where a row stands in the order."""


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
        plan = compiled.plan
        compiled.derived = Table(
            "rows",
            tuple(columns.values()),
            () if plan is None else plan.table.primary_key,  # instances always have it
            relations=_kept_relations(plan),
            label=title,
        )
    return compiled.derived


def _kept_relations(plan: RowPlan | None) -> dict[str, Relation]:
    """The relations of instances whose keys are among the columns of a query."""
    if plan is None:
        return {}
    names = {column.attribute for column in plan.columns}
    return {n: r for n, r in plan.table.relations.items() if names.issuperset(r.hops[0].columns)}


UNKNOWN = PgType("unknown")
"""The type of what only the server knows the type of."""


def plain_outputs(select: Select, scope: Scope) -> list[tuple[str, Expression]]:
    """The values that rows of ``values`` have; all columns and annotations if none are named."""
    chosen = select.clauses.outputs
    if not chosen:
        columns = readable_columns(select.table)
        return [*((c.attribute, ColumnRef(scope.root, c)) for c in columns), *_returned(select, scope)]
    return [(alias, scope.resolve_term(value)) for alias, value in chosen]


def instance_outputs(select: Select, scope: Scope) -> tuple[list[tuple[str, Expression]], RowPlan]:
    """The columns of instances and of those loaded along, then the annotations; and the plan that takes them apart."""
    clauses = select.clauses
    outputs: list[tuple[str, Expression]] = []
    tree = _relation_tree(clauses.related)
    plan = _plan(scope, scope.root, tree, loaded_of(select), outputs)
    if clauses.annotations:
        computed = _returned(select, scope)
        outputs.extend(computed)
        plan = plan._replace(
            extras=tuple(name for name, _ in computed), loads=tuple(load_of(value) for _, value in computed)
        )
    return outputs, plan


def _returned(select: Select, scope: Scope) -> list[tuple[str, Expression]]:
    """The annotations that rows have; those of ``alias`` are only names."""
    hidden = select.clauses.hidden
    return [(name, value) for name, value in scope.annotations.items() if name not in hidden]


def record_outputs(select: Select, scope: Scope) -> list[tuple[str, Expression]]:
    """What instances hold, as values: their columns, the annotations, and a record of each row that is loaded along."""
    outputs, plan = instance_outputs(select, scope)
    casts = dict(select.clauses.texts)
    extras = outputs[len(outputs) - len(plan.extras) :]
    records = [(name, _record(outputs, child, (name,), casts)) for name, child in plan.related]
    return [*outputs[: len(plan.columns)], *extras, *records]


def _record(
    outputs: list[tuple[str, Expression]], plan: RowPlan, path: tuple[str, ...], casts: dict[Any, str]
) -> Record:
    """The record of a row that is loaded along, out of the values of the whole row."""
    values = [value for _, value in outputs[plan.start : plan.start + len(plan.columns)]]
    names = [(*path, column.attribute) for column in plan.columns]
    fields = [(value, casts.get(name, "")) for value, name in zip(values, names, strict=True)]
    there = None if plan.joined_by is None else outputs[plan.joined_by][1]
    fields += [(_record(outputs, child, (*path, name), casts), "") for name, child in plan.related]
    return Record(tuple(fields), there)


def readable_columns(table: Table) -> tuple[Column, ...]:
    """The columns the role may read; all, if it may read none, so that the server says so."""
    return tuple(c for c in table.columns if c.readable) or table.columns


def _relation_tree(paths: tuple[str, ...]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in paths:
        level = tree
        for part in path.split("__"):
            level = level.setdefault(part, {})
    return tree


def _plan(
    scope: Scope,
    source: Source,
    tree: dict[str, Any],
    loaded: Loaded,
    outputs: list[tuple[str, Expression]],
    prefix: str = "",
) -> RowPlan:
    """Add the columns of a source and of what is loaded along with its rows to the outputs."""
    relations = {name: _to_one(source.table, name) for name in tree}
    keys = [key for relation in relations.values() for key in relation.hops[0].columns]
    joined_by = None if source.on is None else source.on.target_columns[0]
    if source.on is not None:
        keys += source.on.target_columns
    columns = loaded.columns(source.table, keys)
    start = len(outputs)
    outputs.extend((f"{prefix}{c.attribute}", ColumnRef(source, c)) for c in columns)
    place = next((start + i for i, c in enumerate(columns) if c.attribute == joined_by), None)
    related = []
    for name, relation in relations.items():
        joined = scope.join(source, relation)
        behind = _plan(scope, joined, tree[name], loaded.behind(name), outputs, f"{name}__")
        back = relation.way_here(source.table)
        related.append((name, behind if back in tree[name] else behind._replace(back=back)))
    return RowPlan(source.table, columns, start, place if source.nullable else None, tuple(related))


def _to_one(table: Table, name: str) -> Relation:
    """The relation of a name given to ``select_related``.

    Raises:
        FieldError: there is none, or it leads to several rows; says what does.
    """
    relation = table.relations.get(name)
    if relation is not None and not relation.many:
        return relation
    if relation is not None:
        raise FieldError(
            f"select_related: {name!r} of {table.title} may have several rows for each; load them with "
            f'prefetch_related("{name}")'
        )
    single = [n for n, r in table.relations.items() if not r.many]
    raise FieldError(
        f"select_related: {table.title} has no relation {name!r}; its relations to one row are "
        f"{', '.join(single) or 'none'}"
    )


__all__ = [
    "Compiled",
    "RowPlan",
    "derived_table",
    "instance_outputs",
    "plain_outputs",
    "readable_columns",
    "record_outputs",
]
