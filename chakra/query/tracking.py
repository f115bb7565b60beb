"""Which values of an instance were changed in place: dicts, lists and what else can be, compared when it is saved.

A row that was loaded holds nothing for it. What a value was is noted when it is first read, as bytes (a tenth of the
time of a copy), and when it is written: from then on somebody may hold it. Only fields whose values can be changed
in place are looked at (``Table.mutable``).
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from chakra.expressions import Expression
from chakra.query.hydrate import SLOT
from chakra.query.state import RowState, own_state
from chakra.schema import Table

_MISSING = object()
_PLAIN = frozenset({type(None), str, int, float, bool})
"""Types of values that documents may be and that cannot be changed in place."""


def image(value: Any) -> Any:
    """What a value is now, as something that does not change with it; equal for values that are stored alike.

    Unlike ``==`` it tells ``1`` from ``True`` and ``1.0``, which are three values in a document.
    """
    try:
        # Version 2 writes neither references nor whether a string is interned: equal values are equal bytes.
        return marshal.dumps(value, 2)
    except ValueError:  # it holds a date, a Decimal, a range …
        return _structure(value)


def _structure(value: Any) -> Any:
    if isinstance(value, Mapping):
        return (dict, *[(key, _structure(item)) for key, item in value.items()])
    if isinstance(value, list | tuple):
        return (list, *map(_structure, value))
    if isinstance(value, set | frozenset):
        return (set, frozenset(value))
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if hasattr(value, "tobytes"):
        return (type(value), getattr(value, "dtype", None), value.tobytes())
    return (type(value), value)


def tracked(attribute: str) -> Callable[[Any], Any]:
    """The getter of a field whose values can be changed in place: it notes what the value was when it is first read."""
    slot = SLOT + attribute

    def read(instance: Any) -> Any:
        value = getattr(instance, slot)
        state = instance._state
        # What was set is written in any case.
        if (
            state.saved
            and type(value) not in _PLAIN
            and attribute not in state.held
            and attribute not in state.changed
        ):
            _note(instance, attribute, value)
        return value

    return read


def _note(instance: Any, attribute: str, value: Any) -> None:
    """Note what a value is that somebody may hold."""
    state = own_state(instance)
    if not state.held:
        state.held = {}
    state.held[attribute] = image(value)


def changed(instance: Any) -> set[str]:
    """The fields of an instance that were set since it was loaded or saved, or whose values were changed in place."""
    state: RowState = instance._state
    if not state.held:
        return state.changed
    found = {
        attribute
        for attribute, before in state.held.items()
        if before != image(getattr(instance, SLOT + attribute, _MISSING))
    }
    return found | state.changed if found else state.changed


def images(instance: Any, table: Table, names: Iterable[str] | None = None) -> dict[str, Any]:
    """What values are that are about to be written and can be changed in place meanwhile, or later."""
    found: dict[str, Any] = {}
    for attribute in table.mutable:
        if names is None or attribute in names:
            value = getattr(instance, SLOT + attribute, None)
            if value is not None and not isinstance(value, Expression):
                found[attribute] = image(value)
    return found


def written(
    instance: Any, names: Iterable[str], noted: Mapping[str, Any], later: Mapping[str, Any] | None = None
) -> None:
    """Note what was written: these fields are as the database has them, but for those that were set meanwhile.

    Args:
        later: what these were set to.
    """
    state = own_state(instance)
    state.changed.difference_update(names)
    if later:
        state.changed.update(later)
        for name, value in later.items():
            setattr(instance, SLOT + name, value)
    if state.held or noted:
        state.held = {**{name: before for name, before in state.held.items() if name not in names}, **noted}


def set_meanwhile(instance: Any, names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """What somebody set while these values were on their way to the server: that is still to be written."""
    found = {}
    for name, value in zip(names, values, strict=False):
        now = getattr(instance, SLOT + name, value)
        if now is not value:
            found[name] = now
    return found


def forget(instance: Any, names: Iterable[str]) -> None:
    """Forget what values were: those of the instance are others now."""
    state = instance._state
    if state.held:
        gone = set(names)
        state.held = {name: before for name, before in state.held.items() if name not in gone}


__all__ = ["changed", "forget", "image", "images", "set_meanwhile", "tracked", "written"]
