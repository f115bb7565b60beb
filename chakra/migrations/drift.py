"""Where models, history and database differ, three ways."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from chakra import introspect
from chakra.migrations.diff import diff
from chakra.migrations.frozen import frozen, thawed
from chakra.migrations.observed import observed, without_schema
from chakra.migrations.operations import Operation
from chakra.migrations.state import State

if TYPE_CHECKING:
    from chakra.db import Database


@dataclass(frozen=True)
class Drift:
    """What would lead from one to another.

    Attributes:
        unmade: from the history to the models: migrations that were not made.
        strayed: from the database to the history, as far as it was applied: what was changed by hand.
        behind: from the database to the models, altogether.
    """

    unmade: tuple[Operation, ...]
    strayed: tuple[Operation, ...]
    behind: tuple[Operation, ...]


async def drift(
    database: Database, models: State, made: State, history: State, *, others: bool = False
) -> Drift:
    """Compare.

    Expressions are compared as this server writes them. What neither models nor history know is left out, unless it
    is asked for: tables of others, extensions, schemas.

    Args:
        models: what they ask for.
        made: the state after all migrations there are.
        history: the state after the migrations that the database has.
        others: whether tables that only the database has count.

    Raises:
        DatabaseError: the role may not create the scratch schemas in which declared tables are read back.
    """
    there = await observed(database)
    known = {*models.tables, *history.tables}
    if not others:
        there = _only(there, models, history, known)
    wanted = await as_stored(database, models, there)
    past = await as_stored(database, history, there)
    return Drift(
        tuple(diff(made, models)),
        tuple(diff(there, _with_grounds(past, there))),
        tuple(diff(there, _with_grounds(wanted, there))),
    )


def _only(there: State, models: State, history: State, known: Iterable[object]) -> State:
    def kept(group: str) -> MappingProxyType[object, object]:
        names = {*getattr(models, group), *getattr(history, group)}
        return MappingProxyType({key: one for key, one in getattr(there, group).items() if key in names})

    groups = {
        group: kept(group) for group in ("enums", "domains", "composites", "sequences", "tables", "guards")
    }
    return replace(
        there,
        schemas=there.schemas & (models.schemas | history.schemas),
        extensions=there.extensions & (models.extensions | history.extensions),
        **groups,  # type: ignore[arg-type]
    )


def _with_grounds(state: State, there: State) -> State:
    """Extensions and schemas are there for others, too: more of them is no difference."""
    return replace(
        state, extensions=state.extensions | there.extensions, schemas=state.schemas | there.schemas
    )


async def as_stored(database: Database, state: State, there: State) -> State:
    """A state with expressions as this server writes them.

    Args:
        there: the state of the database, whose types the scratch tables are made of where it has them.
    """
    keys = [key for key, table in state.tables.items() if table.view is None and table.partition_of is None]
    known = replace(
        state,
        enums={**state.enums, **there.enums},
        domains={**state.domains, **there.domains},
        composites={**state.composites, **there.composites},
    )
    made = await introspect.normalised(database, [thawed(state.tables[key], known) for key in keys])
    ((current,),) = await database.run_fetch("SELECT current_schema()::text", ())
    tables = dict(state.tables)
    for key, table in zip(keys, made, strict=True):
        tables[key] = replace(
            frozen(without_schema(table, current)),
            schema=key[0],
            foreign_keys=state.tables[key].foreign_keys,
            statements={},
            taken={},
            parts={},
        )
    return replace(state, tables=MappingProxyType(tables))


__all__ = ["Drift", "as_stored", "drift"]
