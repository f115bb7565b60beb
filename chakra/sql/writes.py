"""Writes of a query's rows as data: UPDATE, DELETE and INSERT … SELECT that return what they wrote.

Like a ``Select`` they have a ``shape`` and can be numbered, so they stand wherever a query in WITH does.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from chakra.expressions import Expression, Slot, Value
from chakra.schema import Table
from chakra.sql.select import Numbered, Select


class OfSide(NamedTuple):
    """A field of a row before or after a write, among what it returns."""

    word: str
    attribute: str

    @property
    def name(self) -> str:
        """What the value is called."""
        return f"{self.word}_{self.attribute}"


Returned: TypeAlias = str | OfSide
"""An attribute whose value a write returns, or a side of it."""


def assignments_shape(assignments: Mapping[str, Any], values: list[Any]) -> tuple[Hashable, ...]:
    """The structural key of what fields are set to; literals are appended to ``values``."""
    sets: list[Hashable] = []
    for name, value in assignments.items():
        if isinstance(value, Expression) and not isinstance(value, Value):
            sets.append((name, value.shape(values)))
        else:
            sets.append(name)
            values.append(value.value if isinstance(value, Value) else value)
    return tuple(sets)


def numbered_assignments(assignments: Mapping[str, Any], numbers: Iterator[int]) -> dict[str, Expression]:
    """The same with slots for literals, in the order of ``assignments_shape``."""
    found: dict[str, Expression] = {}
    for name, value in assignments.items():
        if isinstance(value, Expression) and not isinstance(value, Value):
            found[name] = value.numbered(numbers)
        else:
            found[name] = Slot(next(numbers), value.value if isinstance(value, Value) else value)
    return found


class Write(NamedTuple):
    """A write that returns rows.

    Attributes:
        kind: ``update``, ``delete`` or ``insert``.
        table: which is written to.
        select: the rows that are written to; of an INSERT those that are written, one value for each column.
        assignments: of an UPDATE, what fields are set to; of an INSERT, what columns get that the rows do not have.
        columns: of an INSERT, the attributes of the values.
        returning: attributes whose values are returned, of a DELETE those from before.
    """

    kind: str
    table: Table
    select: Select
    assignments: dict[str, Any]
    columns: tuple[str, ...]
    returning: tuple[str, ...]

    def shape(self, values: list[Any]) -> Hashable:
        """The structural key; literals are appended to ``values``."""
        sets = assignments_shape(self.assignments, values)
        said = (Write, self.kind, self.columns, self.returning, sets)
        return said, self.select.table, self.select.shape(values)

    def numbered(self, numbers: Iterator[int]) -> NumberedWrite:
        """The write with slots for its literals, in the order of ``shape``."""
        values = numbered_assignments(self.assignments, numbers)
        return NumberedWrite(self, values, self.select.numbered(numbers))


class NumberedWrite(NamedTuple):
    """``Write`` with slots for its literals."""

    write: Write
    values: dict[str, Expression]
    query: Numbered


__all__ = ["NumberedWrite", "OfSide", "Returned", "Write", "assignments_shape", "numbered_assignments"]
