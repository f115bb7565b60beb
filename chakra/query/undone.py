"""What an instance was before a write that was rolled back later, by its transaction or a savepoint in it.

A row that is saved in a block has no changes any more, so that a second ``save()``, as when the block is run again
after a serialization failure, would write nothing, and lose what the first one wrote. So a write inside of a block is
noted with the instance, together with the mark of the block, which says whether it was rolled back. The next write of
the instance looks at it: nobody holds instances for it until the transaction ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from chakra.query.hydrate import SLOT
from chakra.query.state import Undo, own_state
from chakra.schema import Table

if TYPE_CHECKING:
    from chakra.db.scope import Mark, Scope

_MISSING: Any = object()


class Before(NamedTuple):
    """An instance that is about to be written in a block."""

    mark: Mark
    saved: bool
    values: dict[str, Any]


def before(instance: Any, block: Scope, table: Table, filled: Iterable[str] = ()) -> Before:
    """Look at an instance that is about to be written in a block.

    Args:
        filled: fields that get values by the write, besides those that always do.
    """
    names = {*table.generated, *table.computed, *table.moments, *filled}
    if table.version:
        names.add(table.version)
    values = {name: getattr(instance, SLOT + name, _MISSING) for name in names}
    return Before(block.mark(), instance._state.saved, values)


def note(instance: Any, found: Before | None, changed: Iterable[str] = (), *, deleted: bool = False) -> None:
    """Note that an instance was written.

    Args:
        found: what it was before.
        changed: the fields that were written.
        deleted: its row was deleted.
    """
    state = own_state(instance)
    if found is None:
        state.undo = ()
        return
    values = {}
    for name, old in found.values.items():
        new = getattr(instance, SLOT + name, _MISSING)
        if new is not old:
            values[name] = (old, new)
    held = {}
    if deleted:
        names = [column.attribute for column in type(instance).__table__.columns]
        held = {name: getattr(instance, SLOT + name, _MISSING) for name in names}
    mark, saved, fields = found.mark, found.saved, frozenset(changed)
    undo = state.undo
    if undo and undo[-1].mark is mark:
        *rest, last = undo
        for name, (old, _) in last.values.items():
            values[name] = (old, getattr(instance, SLOT + name, _MISSING))
        state.undo = (*rest, Undo(mark, last.saved, last.changed | fields, values, held))
    else:
        state.undo = (*undo, Undo(mark, saved, fields, values, held))


def settle(instance: Any) -> None:
    """Take back what was rolled back since: it is to be written again. Values that were set since then stay."""
    state = own_state(instance)
    undo = state.undo
    while undo and undo[-1].mark.undone:
        *rest, last = undo
        undo = tuple(rest)
        state.saved = last.saved
        state.changed |= last.changed
        for name, value in last.deleted.items():
            if getattr(instance, SLOT + name, _MISSING) is not value:
                state.changed.add(name)
        for name, (old, new) in last.values.items():
            if getattr(instance, SLOT + name, _MISSING) is not new:
                continue
            if old is not _MISSING:
                setattr(instance, SLOT + name, old)
            elif new is not _MISSING:
                delattr(instance, SLOT + name)
    state.undo = undo


__all__ = ["Before", "before", "note", "settle"]
