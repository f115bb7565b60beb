"""What writes return besides a number: ``returning=`` of ``create``, ``update`` and ``delete``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from chakra.errors import DatabaseError, FieldError
from chakra.expressions.sides import Side
from chakra.pg.conversion import Naive
from chakra.query import bulk, execute, hooks, prefetch, write
from chakra.query.arbiters import undecided
from chakra.query.described import checked_table
from chakra.query.hydrate import hydrate, loader
from chakra.query.options import flag
from chakra.query.read_only import read_only
from chakra.query.returning import by_keys
from chakra.query.state import RowState, own_state
from chakra.schema import Table
from chakra.sql import (
    Conflict,
    Output,
    Select,
    Statement,
    delete_statement,
    loaded_of,
    select_statement,
    update_statement,
)
from chakra.sql.staging import Merge, plan_merge
from chakra.sql.targets import named_columns
from chakra.sql.writes import OfSide, Returned

if TYPE_CHECKING:
    from chakra.db import Database

CREATE = frozenset(
    {"returning", "validate", "on_conflict", "conflict_fields", "conflict_constraint", "conflict_where"}
    | {"update_fields", "where"}
)
"""Keywords of ``create`` that are options where the table has no field of that name."""

Wanted: TypeAlias = "bool | Literal['arrow'] | tuple[Returned, ...]"
"""Checked ``returning=``: nothing (``False``), instances (``True``), a table, or the attributes of dicts."""

SIDES_FROM = 18
"""First server whose RETURNING knows rows as they were."""


def asked_for(table: Table, values: dict[str, Any]) -> Any:
    """Take ``returning`` out of keywords, unless it is a field of the table; ``None``: it is not there."""
    if "returning" not in values or is_field(table, "returning"):
        return None
    return values.pop("returning")


def is_field(table: Table, name: str) -> bool:
    """Whether a keyword of a write names a field or a relation, and so is none of its options."""
    return name in table.by_attribute or name in table.relations


def wanted(
    table: Table, verb: str, returning: Any, *, columns: bool = True, sides: Database | None = None
) -> Wanted:
    """Check ``returning=``.

    Args:
        columns: whether a table can be returned.
        sides: where the write runs, if it changes rows that are there, so that they have an old and a new side.

    Raises:
        FieldError: neither a flag nor names of fields.
    """
    if returning is None or returning is False:
        return False
    if returning is True:
        return True
    if columns and isinstance(returning, str) and returning == "arrow":
        return "arrow"
    what = 'True, "arrow" or a list of names' if columns else "True or a list of names"
    if isinstance(returning, str) or not isinstance(returning, Iterable):
        hint = f": returning=[{returning!r}]" if isinstance(returning, str) and returning != "arrow" else ""
        raise FieldError(f"{verb}(returning=…) takes {what}{hint}, not {returning!r}")
    given = tuple(returning)
    if not given:
        raise FieldError(
            f"{verb}(returning=[]) would return rows without a value; leave it out for their number"
        )
    found: list[Returned] = []
    for one in given:
        if isinstance(one, str):
            found += table.attributes(one)
        elif isinstance(one, Side):
            _check_side(verb, one, sides)
            sides_of = [OfSide(one.word, attribute) for attribute in table.attributes(one.name)]
            for side in sides_of:
                if side.name in table.by_attribute:
                    raise FieldError(
                        f"{verb}(returning=…): {one!r} is called {side.name}, and {table.title} has such a field"
                    )
            found += sides_of
        else:
            raise FieldError(f"{verb}(returning=…) takes names of fields, not {returning!r}")
    titles = [one if isinstance(one, str) else one.name for one in found]
    if len(set(titles)) < len(titles):
        raise FieldError(f"{verb}(returning=…): a field stands twice among {', '.join(titles)}")
    return tuple(found)


def _check_side(verb: str, side: Side, database: Database | None) -> None:
    """Refuse ``Old`` and ``New`` where there is but one of them.

    Raises:
        FieldError: the write changes no rows, or the server does not know them as they were.
    """
    if database is None:
        raise FieldError(
            f"{verb}(returning=…): rows have no old and new side there, only the one that they are returned as: "
            f"{side.name!r}; {side!r} is for writes that change rows"
        )
    major = database.server_version[0]
    if major and major < SIDES_FROM:
        raise FieldError(
            f"{verb}(returning=…): {side!r} needs PostgreSQL {SIDES_FROM}; the server is {major}. There, read the rows "
            "first, with select_for_update() in the same transaction"
        )


async def update(query: Any, values: dict[str, Any], returning: Any) -> Any:
    """One UPDATE over all rows of a query, which gives these back.

    Raises:
        FieldError: no fields to set, or such that there are not.
    """
    select, database = query._select, query.database
    table = select.table
    found = wanted(table, "update", returning, sides=database)
    if found is False:
        return await write.update_rows(by_keys(query)._select, database, values)
    along = query._prefetches if found is True else ()
    if found is True and select.clauses.related:
        rows = await query.updating(**values).objects
        await prefetch.load(database, rows, along, loaded_of(select))
        return rows
    assigned, names = write.assigned_fields(table, values), names_of(table, found)
    select = by_keys(query)._select

    def work(stored: Table) -> Awaitable[Any]:
        statement, literals = update_statement(select.for_write(), assigned, stored, names)
        return _written(database, table, statement, literals, found)

    rows = await write.on_checked(database, table, tuple(assigned), work)
    if along:
        await prefetch.load(database, rows, along, loaded_of(select))
    return rows


async def delete(query: Any, returning: Any) -> Any:
    """One DELETE over all rows of a query, which gives them as they were."""
    select, database = query._select, query.database
    table = select.table
    found = wanted(table, "delete", returning)
    if found is False:
        return await write.delete_rows(by_keys(query)._select, database)
    if found is True and select.clauses.related:
        rows = await query.deleting().objects
    else:
        names, select = only_fields(names_of(table, found)), by_keys(query)._select
        stored = await checked_table(database, table, names)
        statement, literals = delete_statement(select.for_write(), stored, names)
        rows = await _written(database, table, statement, literals, found)
    if found is True and table.row_class is not None:
        for row in rows:
            own_state(row).saved = False
    return rows


async def create(query: Any, values: dict[str, Any]) -> Any:
    """INSERT a row, with options among the keywords: what comes back, and what happens where the row is there."""
    table = query.table
    options = {name: values.pop(name) for name in CREATE if name in values and not is_field(table, name)}
    validate = flag("validate", options.pop("validate", False))
    changes = query.database if options.get("on_conflict") == "update" else None
    found = wanted(table, "create", options.pop("returning", None), columns=False, sides=changes)
    names = found if isinstance(found, tuple) else readable(table) if found or options else ()
    if table.row_class is None:
        if validate:
            raise FieldError(f"create(validate=True) goes by what a model says, and {table.title} has none")
        if not options:
            return await write.insert_values(table, query.database, values, only_fields(names))
        assigned = {table.column(name).attribute: value for name, value in values.items()}
        return await _upsert(None, table, query.database, assigned, options, names)
    instance = table.row_class(**query._given() | values)
    if validate:
        # Behind a conflict clause a row that is there is no fault.
        await instance.validate(unique=not options, using=query.database)
    if options:
        if table.read_only:
            raise read_only(table, "create()")
        assigned = dict(zip(*write.written_values(instance, table), strict=True))
        row = await _upsert(instance, table, query.database, assigned, options, names)
        return row if row is None or isinstance(found, tuple) else instance
    insert = write.insert if table.row_class.__chakra__.hooks is None else hooks.insert
    fields = only_fields(names)
    await insert(instance, query.database, table if table.partition_of is not None else None, fields)
    return {name: getattr(instance, name) for name in fields} if isinstance(found, tuple) else instance


async def _upsert(
    instance: Any,
    table: Table,
    database: Database,
    assigned: dict[str, Any],
    options: dict[str, Any],
    names: tuple[Returned, ...],
) -> dict[str, Any] | None:
    """``write.upsert``; what decides on a conflict and is not there is named, as for many rows.

    Raises:
        FieldError: no unique index is over the conflict fields, or there is no such constraint.
    """
    merge = _merge(table, assigned, options, database.naive)
    changed = dict(merge.update) if options["on_conflict"] == "update" else None
    conflict = Conflict(merge.target.sql(table), changed, merge.where)
    try:
        return await write.upsert(instance, table, database, assigned, conflict, names)
    except DatabaseError as error:
        state = error.sqlstate
        if state not in (NO_ARBITER, NO_CONSTRAINT):
            raise
        if database.current_transaction() is not None:  # which is aborted, and answers nothing
            raise FieldError(f"create(): {error}. {_DECIDES}") from error
        found = await undecided(database, merge)
        if found is None:
            raise
        raise found from error


NO_ARBITER, NO_CONSTRAINT = "42P10", "42704"
_DECIDES = (
    "conflict_fields names exactly what a unique index is over, with conflict_where=Q(…) where that is a partial one; "
    "conflict_constraint takes the name of a constraint, and a unique index that is none is found by its fields"
)


def _merge(table: Table, assigned: dict[str, Any], options: dict[str, Any], naive: Naive) -> Merge:
    """Check the options of an upsert.

    Raises:
        FieldError: they contradict each other, or name what is no field.
    """
    action = options.get("on_conflict")
    if action not in ("ignore", "update"):
        named = "on_conflict" if action is not None else ", ".join(sorted(options))
        raise FieldError(f'create(): {named} needs on_conflict="ignore" or "update", not {action!r}')
    columns = [table.by_attribute[name] for name in assigned]
    given, where, predicate = (
        options.get("update_fields"),
        options.get("where"),
        options.get("conflict_where"),
    )
    if action == "ignore" and (given is not None or where is not None):
        raise FieldError(
            'update_fields and where need on_conflict="update"; a row that is ignored stays as it is'
        )
    fields, constraint = options.get("conflict_fields"), options.get("conflict_constraint")
    return plan_merge(
        table,
        columns,
        action,
        fields,
        _updated(table, assigned, given),
        predicate,
        where,
        constraint,
        naive=naive,
    )


def _updated(table: Table, assigned: dict[str, Any], given: Any) -> Any:
    if given is None or isinstance(given, Mapping):
        return given
    given = given if isinstance(given, str) else tuple(given)
    for column in named_columns(table, given, "update_fields"):
        if column.attribute not in assigned:
            raise FieldError(f"update_fields names {column.attribute!r}, for which the new row has no value")
    return given


def readable(table: Table) -> tuple[str, ...]:
    """The attributes that the role may read."""
    return tuple([c.attribute for c in table.columns if c.readable])


def names_of(table: Table, found: Wanted) -> tuple[Returned, ...]:
    """The attributes that are returned."""
    if isinstance(found, tuple):
        return found
    return tuple([output.name for output in select_statement(all_of(table))[0].statement.outputs])


def only_fields(names: Iterable[Returned]) -> tuple[str, ...]:
    """The attributes among what is returned; all of it where rows have one side only."""
    return tuple([name for name in names if isinstance(name, str)])


def all_of(table: Table) -> Select:
    """A query for rows of a table, of which instances are made if it has a model."""
    select = Select(table)
    select.order = ()
    if table.row_class is None:
        select = select.with_clauses(outputs=tuple([(name, name) for name in readable(table)]))
        select.result = "dict"
    return select


async def _written(
    database: Database, table: Table, statement: Statement, literals: list[Any], found: Wanted
) -> Any:
    """Run a write that returns rows."""
    if found == "arrow":
        return await bulk.written_table(all_of(table), database, statement, literals)
    records = await execute.fetch_written(database, statement, literals)
    if found is True:
        load = loader(select_statement(all_of(table))[0])
        return hydrate(len(records), load, records, RowState(database, True, shared=True))
    return as_dicts(statement.outputs, records)


def as_dicts(outputs: Iterable[Output], records: Iterable[Any]) -> list[dict[str, Any]]:
    """Rows as dicts, with the values that instances have."""
    makers: list[tuple[str, Callable[[Any], Any] | None]] = [(o.name, o.load) for o in outputs]
    return [
        {
            name: value if load is None else load(value)
            for (name, load), value in zip(makers, row, strict=True)
        }
        for row in records
    ]


__all__ = [
    "CREATE",
    "Wanted",
    "all_of",
    "as_dicts",
    "asked_for",
    "create",
    "delete",
    "is_field",
    "names_of",
    "only_fields",
    "readable",
    "update",
    "wanted",
]
