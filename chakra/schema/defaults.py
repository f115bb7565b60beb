"""What Python fills in where a row is written without a value for a column; the server knows nothing of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PythonDefault:
    """The default of a field.

    Attributes:
        value: what each new row gets.
        factory: called for each new row instead.
    """

    value: Any = None
    factory: Callable[[], Any] | None = None

    def values(self, rows: int) -> list[Any]:
        """The values of so many rows; one, if all get the same."""
        return [self.value] if self.factory is None else [self.factory() for _ in range(rows)]


@dataclass(frozen=True, slots=True)
class Moment:
    """A field that takes the time of a write: ``auto_now``, ``auto_now_add``.

    Attributes:
        updates: whether of each write, and not only of the one that makes the row.
        part: what of the moment, which is in UTC, a column of the type holds.
    """

    updates: bool
    part: Callable[[dt.datetime], Any]


MOMENTS: Mapping[str, Callable[[dt.datetime], Any]] = {
    "timestamptz": lambda now: now,
    "timestamp": lambda now: now.replace(tzinfo=None),
    "date": lambda now: now.date(),
    "time": lambda now: now.time(),
    "timetz": lambda now: now.timetz(),
}
"""What of a moment a type holds. All processes of an application write the same, wherever they are: that of UTC."""


def clock() -> dt.datetime:
    """The moment; on its own, so that tests can stop it."""
    return dt.datetime.now(dt.UTC)


def moments_now(moments: Mapping[str, Moment], *, update: bool = False) -> dict[str, Any]:
    """The values of such fields for a write now, the same for all its rows.

    Args:
        update: only those that each write sets.
    """
    moment = clock()
    return {name: one.part(moment) for name, one in moments.items() if one.updates or not update}


__all__ = ["MOMENTS", "Moment", "PythonDefault", "moments_now"]
