"""What becomes of an instance that leaves its place: copies, pickles and dicts of it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chakra._late import late
from chakra.errors import FieldError, NotLoaded
from chakra.query.hydrate import SLOT
from chakra.query.state import NOT_LOADED, RowState, loaded_value, loaded_values
from chakra.schema import Table

if TYPE_CHECKING:
    from chakra.query import options, tracking
else:
    late(globals(), "chakra.query", "options tracking")


LAYOUT = 1
"""Of what pickles of instances hold; another number is another version of Chakra."""

_OURS = frozenset({"__dict__", "__weakref__", "_along", "_state"})


def _values(instance: Any) -> dict[str, Any]:
    """The fields that have a value, by name."""
    return {
        a: getattr(instance, SLOT + a)
        for a, *_ in type(instance).__chakra__.plan
        if hasattr(instance, SLOT + a)
    }


def _others(instance: Any) -> dict[str, Any]:
    """What users keep on an instance beside its fields: free attributes, and slots of their own."""
    found = dict(getattr(instance, "__dict__", {}))
    for base in type(instance).__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in _OURS and not name.startswith(SLOT) and hasattr(instance, name):
                found[name] = getattr(instance, name)
    return found


def _fetch(instance: Any) -> Any:
    fetch = instance._state.fetch
    return None if fetch is None else fetch.alone()


def content_of(instance: Any) -> dict[str, Any]:
    """What a pickle of an instance holds; neither the database it came from nor its peers."""
    return {
        "layout": LAYOUT,
        "values": _values(instance),
        "saved": instance._state.saved,
        "changed": set(tracking.changed(instance)),
        "loaded": loaded_values(instance),
        "fetch": _fetch(instance),
        "others": _others(instance),
    }


def fill(instance: Any, content: dict[str, Any]) -> None:
    """Make an instance what a pickle says it was.

    Raises:
        FieldError: another version of Chakra wrote it.
    """
    name = type(instance).__name__
    layout = content.get("layout") if isinstance(content, dict) else None
    if layout != LAYOUT:
        raise FieldError(
            f"a {name} was pickled by another version of Chakra (layout {layout}; this one reads {LAYOUT}): pickles "
            "are for processes with the same code; what is to be kept belongs into the database, or into to_dict()"
        )
    known = {attribute for attribute, *_ in type(instance).__chakra__.plan}
    gone = [attribute for attribute in content["values"] if attribute not in known]
    if gone:
        warnings.warn(
            f"a {name} was pickled with the fields {', '.join(gone)}, which the model does not have (any more); they "
            "are left out",
            RuntimeWarning,
            stacklevel=2,
        )
    for attribute, value in content["values"].items():
        if attribute in known:
            setattr(instance, SLOT + attribute, value)
    state = instance._state = RowState(None, content["saved"])
    state.changed = content["changed"] & known
    state.loaded = content["loaded"]
    state.fetch = content["fetch"]
    for attribute, value in content["others"].items():
        setattr(instance, attribute, value)


def blank(cls: Any) -> Any:
    """An instance without anything, for ``fill``; loaded rows may point back at it."""
    from_nothing = cls.__new__(cls)
    from_nothing._state = RowState(None, False)
    return from_nothing


def copied(instance: Any, memo: dict[int, Any] | None = None) -> Any:
    """A copy of an instance, of the same row and database; it and the first one change each by itself.

    Args:
        memo: of a deep copy, what was copied already; values and loaded rows are copied as well.
    """
    new = blank(type(instance))
    old = instance._state
    if memo is not None:
        memo[id(instance)] = new

    def take(value: Any) -> Any:
        return value if memo is None else copy.deepcopy(value, memo)

    for attribute, value in _values(instance).items():
        setattr(new, SLOT + attribute, take(value))
    state = new._state
    state.database, state.saved = old.database, old.saved
    state.changed, state.held = {*old.changed}, {**old.held}
    state.loaded = take(loaded_values(instance))
    state.fetch = _fetch(instance)
    for attribute, value in _others(instance).items():
        setattr(new, attribute, take(value))
    return new


# -- dicts --------------------------------------------------------------------------------------------------


def as_dict(
    instance: Any,
    fields: Iterable[str] | None,
    exclude: Iterable[str] | None,
    relations: Iterable[str] | None,
) -> dict[str, Any]:
    """See ``Model.to_dict``."""
    own, own_below = _split(options.names("fields", fields))
    left_out, left_out_below = _split(options.names("exclude", exclude))
    _, below = _split(options.names("relations", relations), whole=True)
    table: Table = type(instance).__table__
    computed = _computed(instance, table)
    found = {name: _copied(value) for name, value in _values(instance).items()} | computed
    if fields is not None:
        names = [a for name in own for a in ((name,) if name in computed else table.attributes(name))]
        for name in names:
            if name not in found:
                raise instance._no_value(name, instance._state)
        found = {name: found[name] for name in names}
    for name in left_out:
        for attribute in (name,) if name in computed else table.attributes(name):
            found.pop(attribute, None)
    for name in {**below, **own_below}:
        inside = (own_below.get(name), left_out_below.get(name), below.get(name))
        partner = _behind(instance, table, name)
        if isinstance(partner, list):
            found[name] = [as_dict(one, *inside) for one in partner]
        else:
            found[name] = None if partner is None else as_dict(partner, *inside)
    for name in left_out_below:
        if name not in found:
            raise FieldError(f"to_dict(exclude=…): {name} is not among relations=")
    return found


def _split(names: tuple[str, ...] | None, *, whole: bool = False) -> tuple[list[str], dict[str, list[str]]]:
    """Names of one level, and for each relation the paths that go on behind it.

    Args:
        whole: names are relations, behind which nothing need be.
    """
    here: list[str] = []
    below: dict[str, list[str]] = {}
    for name in names or ():
        head, _, rest = name.partition("__")
        if rest or whole:
            below.setdefault(head, []).extend([rest] if rest else [])
        else:
            here.append(name)
    return here, below


def _computed(instance: Any, table: Table) -> dict[str, Any]:
    """The values that the query computed for the instance."""
    found: dict[str, Any] = {}
    for name, value in loaded_values(instance).items():
        items = value if isinstance(value, list) else [value]
        if name not in table.relations and not any(hasattr(type(item), "__chakra_model__") for item in items):
            found[name] = _copied(value)
    return found


def _behind(instance: Any, table: Table, name: str) -> Any:
    """What was loaded behind a relation, or into a list of ``Prefetch``.

    Raises:
        FieldError: there is no such relation.
        NotLoaded: nothing was; names the call to add.
    """
    found = loaded_value(instance, name)
    if found is not NOT_LOADED:
        return found
    relation = table.relation(name, "to_dict()")
    values = [getattr(instance, SLOT + key, NOT_LOADED) for key in relation.keys]
    if None in values:
        return None
    calls = f'.prefetch_related("{name}")'
    if not relation.many:
        calls = f'.select_related("{name}") or {calls}'
    raise NotLoaded(
        f"{type(instance).__name__}.{name} is not loaded, as to_dict() was told; load it with the query ({calls})"
    )


def _copied(value: Any) -> Any:
    """A value of which nothing can be changed that is the instance's."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value


__all__ = ["as_dict", "blank", "content_of", "copied", "fill"]
