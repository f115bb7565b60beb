"""Prefetched relations as columns: a query whose rows hold the rows behind them, and what types those have.

One statement reads all levels. What a server knows of the types of a record is only told value by value, so each level
is described as the flat query it is without the others, as any query is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chakra.errors import FieldError
from chakra.pg.types import array_of, record_of, without_binary
from chakra.query.described import Described, described_columns
from chakra.query.grouping import grouped_names
from chakra.query.prefetch import Level, Prefetch, levels_of, with_keys
from chakra.schema import Table
from chakra.sql import Loaded, Nested, RowPlan, Select, loaded_of, select_statement
from chakra.sql.guards import ReadGuard

if TYPE_CHECKING:
    from chakra.columnar import ColumnSpec
    from chakra.db import Database


def nested_select(select: Select, prefetches: Sequence[Prefetch], database: Database | None) -> Select:
    """The query whose rows hold what is prefetched, and in records what is joined.

    Args:
        database: the one that is read, if one was named.

    Raises:
        FieldError: nothing is loaded along, the query is one of values, or rows behind a relation cannot be nested.
    """
    if select.result != "instances":
        raise FieldError(
            "nested=True is for rows with relations: values() has none; only() and defer() choose the columns of each "
            "table, and Prefetch(…, queryset=….values()) those behind a relation"
        )
    if not prefetches and not select.clauses.related:
        raise FieldError(
            "nested=True reads what prefetch_related() and select_related() load along, and the query has neither: "
            'Author.objects.prefetch_related("posts").to_arrow(nested=True)'
        )
    select = with_keys(select, prefetches)
    said = loaded_of(select)
    levels = levels_of(prefetches)
    _check_database(levels.values(), database)
    return _with(select, [(level, said) for level in levels.values()], "nested=True")


def _check_database(levels: Iterable[Level], database: Database | None) -> None:
    for level in levels:
        if level.database is not None and level.database is not database:
            raise FieldError(
                f"nested=True reads all levels by one statement, and {level.to_attr or level.name!r} is to be read "
                f"from another database, {level.database!r}; leave out using() there"
            )
        _check_database(level.behind().values(), database)


def _with(select: Select, levels: Sequence[tuple[Level, Loaded]], what: str) -> Select:
    """A query with the levels behind its rows, and what the query before them says of the columns of each."""
    clauses = select.clauses
    if clauses.lock is not None:
        raise FieldError("COPY takes no row locks; drop select_for_update() to read columns")
    plain = select.result != "instances"
    if plain and clauses.groups and levels:
        raise FieldError(
            f"{what}: its rows are grouped, and no row has relations of its own; prefetch nothing behind it"
        )
    nested = tuple(_nested(select.table, level, said.behind(level.name), what) for level, said in levels)
    names = [name for name, _ in (*clauses.outputs, *clauses.annotations)] if plain else []
    names += [name for name, _ in clauses.annotations if name not in clauses.hidden] if not plain else []
    twice = next((n.name for n in nested if n.name in names), None)
    if twice is not None:
        raise FieldError(
            f"{what}: {twice!r} is the name of a value of the rows and of what is prefetched for them"
        )
    new = select.with_clauses(nested=nested)
    if not plain:
        new.result = "nested"
    return new


def _nested(table: Table, level: Level, said: Loaded, path: str) -> Nested:
    relation = table.relations[level.name]
    name = level.to_attr or level.name
    path = name if path == "nested=True" else f"{path}__{name}"
    rows = level.query(relation, said)
    own, of_query = loaded_of(rows), levels_of(level.of_query)
    behind = [(inner, own if key in of_query else said) for key, inner in level.behind().items()]
    nested = _with(rows, behind, path)
    return Nested(name, level.name, _sorted(nested) if relation.many else nested)


def _sorted(select: Select) -> Select:
    """A query whose rows come in the same order whenever they are asked for."""
    clauses = select.clauses
    if select.ordered_by:
        return select
    new = select.copy()
    if clauses.groups:
        new.order = tuple(grouped_names(select))
    elif clauses.distinct is not None and select.result != "nested":
        new.order = clauses.distinct or tuple(name for name, _ in clauses.outputs)
    else:
        new.order = (*(clauses.distinct or ()), *select.table.primary_key)
    return new


async def nested_columns(database: Database, select: Select) -> tuple[Described, list[ColumnSpec], Select]:
    """The columns of a nested query, where their types come from, and the query as it is to be read: values without a
    binary format are text inside of records.
    """
    described, columns, select, guards = await _level(database, select, root=True)
    own, *others = guards
    return replace(described, guard=replace(own, levels=tuple(others))), columns, select


async def _level(
    database: Database, select: Select, *, root: bool = False
) -> tuple[Described, list[ColumnSpec], Select, list[ReadGuard]]:
    compiled, values = select_statement(_flat(select))
    sql = compiled.statement.literal_sql(values, database.naive)
    described, specs = await described_columns(database, compiled.statement, sql)
    guards = [replace(described.guard, asked=sql)]
    texts: dict[tuple[str, ...], str] = {}
    plan = compiled.plan
    if plan is None:
        columns = specs
    else:
        columns = [*specs[: len(plan.columns)], *specs[len(specs) - len(plan.extras) :]]
    if not root:  # of the outermost rows, those are made text around the query
        columns = _as_text(columns, (), texts)
    if plan is not None:
        columns += [_record(name, _joined(specs, child, (name,), texts)) for name, child in plan.related]
    nested = []
    for each in select.clauses.nested:
        _, inside, rows, further = await _level(database, each.select)
        guards += further
        many = select.table.relations[each.relation].many
        columns.append(_record(each.name, inside, many=many))
        nested.append(each._replace(select=rows))
    select = select.with_clauses(nested=tuple(nested), texts=tuple(texts.items()))
    return described, columns, select, guards


def _flat(select: Select) -> Select:
    """The query for rows like those of one level, as instances or values: all that matters here are their types."""
    flat = select.with_clauses(nested=(), texts=(), distinct=None, nothing=False)
    flat.result = "instances" if select.result == "nested" else select.result
    flat.filters, flat.order, flat.backwards, flat.limit, flat.offset = (), (), False, None, None
    return flat


def _joined(
    specs: Sequence[ColumnSpec], plan: RowPlan, path: tuple[str, ...], texts: dict[tuple[str, ...], str]
) -> list[ColumnSpec]:
    """The fields of the record of a joined row."""
    own = specs[plan.start : plan.start + len(plan.columns)]
    named = [replace(spec, name=c.attribute) for spec, c in zip(own, plan.columns, strict=True)]
    fields = _as_text(named, path, texts)
    return fields + [_record(n, _joined(specs, child, (*path, n), texts)) for n, child in plan.related]


def _as_text(
    specs: Sequence[ColumnSpec], path: tuple[str, ...], texts: dict[tuple[str, ...], str]
) -> list[ColumnSpec]:
    """The same, as they travel inside of records; what is made text for that is noted."""
    found = []
    for spec in specs:
        stand_in = without_binary(spec.type, to="read")
        if stand_in is not None:
            texts[*path, spec.name] = stand_in.sql
            spec = replace(spec, type=stand_in)
        found.append(spec)
    return found


def _record(name: str, fields: Sequence[ColumnSpec], *, many: bool = False) -> ColumnSpec:
    """The column of records of these fields, or of lists of them."""
    from chakra.columnar import ColumnSpec

    wire = record_of([(field.name, field.type) for field in fields])
    declared = None
    if any(field.declared is not None for field in fields):
        declared = record_of([(field.name, field.outside) for field in fields])
    if many:
        wire, declared = array_of(wire), None if declared is None else array_of(declared)
    return ColumnSpec(name, wire, True, declared)


__all__ = ["nested_columns", "nested_select"]
