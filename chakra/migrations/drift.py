"""Where models, history and database differ, three ways."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from chakra.migrations.diff import diff
from chakra.migrations.observed import observed
from chakra.migrations.operations import Operation
from chakra.migrations.state import State
from chakra.migrations.stored import as_stored

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


__all__ = ["Drift", "drift"]
