"""What a failed write leaves behind: instances as they were before it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chakra.query.hydrate import SLOT
from chakra.query.state import RowState
from chakra.query.undone import settle
from chakra.schema import Table


def _made(table: Table) -> tuple[str, ...]:
    """What writes fill in."""
    return (*table.generated, *table.moments) if table.moments else table.generated


class Unwritten:
    """Takes new instances back to what they were, if the block that writes them fails and its rows are gone again."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._before: list[tuple[Any, RowState, bool, set[str], dict[str, Any], dict[str, Any]]] = []
        for row in rows:
            if hasattr(type(row), "__chakra_model__"):
                state: RowState = row._state
                made = {
                    n: getattr(row, SLOT + n) for n in _made(type(row).__table__) if hasattr(row, SLOT + n)
                }
                self._before.append((row, state, state.saved, {*state.changed}, state.held, made))

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        for row, state, saved, changed, held, made in self._before if kind is not None else ():
            if row._state.undo:
                settle(row)
                changed |= row._state.changed
            row._state = state
            if not state.shared:
                state.saved, state.changed, state.held = saved, changed, held
            for name in _made(type(row).__table__):
                if name in made:
                    setattr(row, SLOT + name, made[name])
                elif hasattr(row, SLOT + name):
                    delattr(row, SLOT + name)


__all__ = ["Unwritten"]
