"""Fields that take the time of a write (``auto_now``, ``auto_now_add``), set for many instances at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chakra.query.hydrate import SLOT
from chakra.schema import Table, moments_now

_UNSET: Any = object()


@contextmanager
def moments_set(table: Table, instances: Sequence[Any], *, update: bool = False) -> Iterator[None]:
    """Set the fields that take the time of a write, the same for all; they are what they were before if it fails.

    What somebody set by hand stands.

    Args:
        update: the rows are there already.
    """
    if not table.moments:
        yield
        return
    before: list[tuple[Any, str, Any]] = []
    for attribute, value in moments_now(table.moments, update=update).items():
        name = SLOT + attribute
        for instance in instances:
            if not isinstance(instance, table.row_class):
                continue  # which is said with its row later
            held = getattr(instance, name, _UNSET)
            if attribute in instance._state.changed if update else held is not _UNSET:
                continue
            before.append((instance, name, held))
            setattr(instance, name, value)
    try:
        yield
    except BaseException:
        for instance, name, held in before:
            if held is _UNSET:
                delattr(instance, name)
            else:
                setattr(instance, name, held)
        raise


def with_moments(table: Table, fields: Iterable[str]) -> Iterable[str]:
    """The fields that an update writes, those that take its time among them."""
    if not table.moments:
        return fields
    return dict.fromkeys((*fields, *[name for name, moment in table.moments.items() if moment.updates]))


__all__ = ["moments_set", "with_moments"]
