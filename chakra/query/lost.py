"""What it means that a write to the row of an instance found none: it is gone, or somebody else wrote to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chakra.errors import ChakraError, DoesNotExist, FieldError, NotLoaded, StaleData
from chakra.expressions import F
from chakra.query import execute
from chakra.query.hydrate import SLOT
from chakra.schema import Table
from chakra.sql import Select, no_key, select_statement

if TYPE_CHECKING:
    from chakra.db import Database


def own_row(instance: Any, *, seen: bool = False) -> Select:
    """The query for the row of an instance.

    Args:
        seen: as the instance has seen it, of a model with a version.
    """
    table: Table = type(instance).__table__
    if not table.primary_key:
        raise FieldError(no_key(table))
    which = {name: getattr(instance, SLOT + name) for name in table.primary_key}
    if seen and table.version:
        which[table.version] = version_seen(instance, table)
    return Select(table).filtered(False, (), which)


def version_seen(instance: Any, table: Table) -> Any:
    """The version of its row that an instance has seen.

    Raises:
        NotLoaded: none.
    """
    found = getattr(instance, SLOT + table.version, None)
    if found is None:
        raise NotLoaded(
            f"this {table.title} has no {table.version}, by which a write would notice what others wrote: load it, "
            f'`await instance.refresh("{table.version}")`, or set it'
        )
    return found


def moved_on(instance: Any, table: Table) -> None:
    """Note that a write counted up the version of the instance's row."""
    if table.version:
        setattr(instance, SLOT + table.version, getattr(instance, SLOT + table.version) + 1)


def forget_version(instance: Any, table: Table) -> None:
    """Forget the version of an instance's row: it may have been there, with another one."""
    if hasattr(instance, SLOT + table.version):
        delattr(instance, SLOT + table.version)


def with_version(table: Table, assigned: dict[str, Any]) -> dict[str, Any]:
    """What a write of many rows sets, and their version counted up, unless it is among that."""
    if not table.version or table.version in assigned:
        return assigned
    return {**assigned, table.version: F(table.version) + 1}


def key_text(instance: Any) -> str:
    """The key of an instance, as errors show it."""
    table: Table = type(instance).__table__
    return ", ".join(f"{name}={getattr(instance, SLOT + name)!r}" for name in table.primary_key)


def gone(instance: Any, what: str) -> ChakraError:
    """The error for a row that is not there any more: it cannot be ``what``."""
    table: Table = type(instance).__table__
    kind = getattr(type(instance), "DoesNotExist", DoesNotExist)
    way = "; save(force_insert=True) makes it again" if what == "updated" else ""
    return kind(
        f"{table.title} with {key_text(instance)} cannot be {what}: the row is not there any more{way}"
    )


async def stale(instance: Any, database: Database, what: str) -> StaleData | None:
    """The error for a row that was not ``what``, because it has another version now; ``None`` if it is not there."""
    table: Table = type(instance).__table__
    if not table.version:
        return None
    select = own_row(instance).with_clauses(outputs=((table.version, table.version),))
    select.result, select.order = "tuple", ()
    compiled, values = select_statement(select)
    row = await execute.fetchrow(database, compiled.statement, values)
    if row is None:
        return None
    seen = getattr(instance, SLOT + table.version)
    key = tuple([getattr(instance, SLOT + name) for name in table.primary_key])
    return StaleData(
        f"{table.title} with {key_text(instance)} was not {what}: its {table.version} is {row[0]} in the database, "
        f"and {seen} when this one was read; somebody else wrote to it. Nothing was written: refresh() reads it "
        "again, and what was to be changed can be changed anew",
        model=type(instance),
        key=key[0] if len(key) == 1 else key,
        expected=seen,
        found=row[0],
    )


__all__ = ["forget_version", "gone", "moved_on", "own_row", "stale", "version_seen", "with_version"]
