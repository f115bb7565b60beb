"""What writes return besides a number: ``returning=`` of ``create``, ``update`` and ``delete``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from chakra.errors import FieldError
from chakra.query import bulk, execute, write
from chakra.query.described import checked_table
from chakra.query.hydrate import hydrate, loader
from chakra.query.state import RowState, own_state
from chakra.schema import Table
from chakra.sql import Output, Select, Statement, delete_statement, select_statement, update_statement

if TYPE_CHECKING:
    from chakra.db import Database

Wanted: TypeAlias = "bool | Literal['arrow'] | tuple[str, ...]"
"""Checked ``returning=``: nothing (``False``), instances (``True``), a table, or the attributes of dicts."""


def asked_for(table: Table, values: dict[str, Any]) -> Any:
    """Take ``returning`` out of keywords, unless it is a field of the table; ``None``: it is not there."""
    if "returning" not in values or is_field(table, "returning"):
        return None
    return values.pop("returning")


def is_field(table: Table, name: str) -> bool:
    """Whether a keyword of a write names a field or a relation, and so is none of its options."""
    return name in table.by_attribute or name in table.relations


def wanted(table: Table, verb: str, returning: Any, *, columns: bool = True) -> Wanted:
    """Check ``returning=``.

    Args:
        columns: whether a table can be returned.

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
    if not all(isinstance(name, str) for name in given):
        raise FieldError(f"{verb}(returning=…) takes names of fields, not {returning!r}")
    found = tuple([attribute for name in given for attribute in table.attributes(name)])
    if len(set(found)) < len(found):
        raise FieldError(f"{verb}(returning=…): a field stands twice among {', '.join(found)}")
    return found


async def update(query: Any, values: dict[str, Any], returning: Any) -> Any:
    """One UPDATE over all rows of a query, which gives these back.

    Raises:
        FieldError: no fields to set, or such that there are not.
    """
    select, database = query._select, query.database
    table = select.table
    found = wanted(table, "update", returning)
    if found is False:
        return await write.update_rows(select, database, values)
    if found is True and select.clauses.related:
        return await query.updating(**values).objects
    assigned, names = write.assigned_fields(table, values), _names(table, found)

    def work(stored: Table) -> Awaitable[Any]:
        statement, literals = update_statement(select.for_write(), assigned, stored, names)
        return _written(database, table, statement, literals, found)

    return await write.on_checked(database, table, tuple(assigned), work)


async def delete(query: Any, returning: Any) -> Any:
    """One DELETE over all rows of a query, which gives them as they were."""
    select, database = query._select, query.database
    table = select.table
    found = wanted(table, "delete", returning)
    if found is False:
        return await write.delete_rows(select, database)
    if found is True and select.clauses.related:
        rows = await query.deleting().objects
    else:
        names = _names(table, found)
        stored = await checked_table(database, table, names)
        statement, literals = delete_statement(select.for_write(), stored, names)
        rows = await _written(database, table, statement, literals, found)
    if found is True and table.row_class is not None:
        for row in rows:
            own_state(row).saved = False
    return rows


async def create(query: Any, instance: Any, into: Table | None, returning: Any) -> Any:
    """INSERT an instance; the instance with all that its row has then, or some values of that."""
    table = query.table
    found = wanted(table, "create", returning, columns=False)
    if found is False:
        await write.insert(instance, query.database, into)
        return instance
    names = readable(table) if found is True else cast("tuple[str, ...]", found)
    await write.insert(instance, query.database, into, names)
    return instance if found is True else {name: getattr(instance, name) for name in names}


def readable(table: Table) -> tuple[str, ...]:
    """The attributes that the role may read."""
    return tuple([c.attribute for c in table.columns if c.readable])


def _names(table: Table, found: Wanted) -> tuple[str, ...]:
    if isinstance(found, tuple):
        return found
    return tuple([output.name for output in select_statement(_all_of(table))[0].statement.outputs])


def _all_of(table: Table) -> Select:
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
        return await bulk.written_table(_all_of(table), database, statement, literals)
    records = await execute.fetch(database, statement, literals)
    if found is True:
        load = loader(select_statement(_all_of(table))[0])
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


__all__ = ["Wanted", "as_dicts", "asked_for", "create", "delete", "is_field", "readable", "update", "wanted"]
