"""Instances as columns of values, for bulk writes: in groups that have the same attributes set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from chakra.errors import ChakraError, DatabaseError, DataError, FieldError
from chakra.expressions import Expression
from chakra.pg.showing import shown
from chakra.query.hydrate import SLOT
from chakra.query.write import written_values
from chakra.schema import Column, Table

# Where messages of bulk writes name a row; one of two equal rows names the other as well.
_ROW = re.compile(r'\A(row )(\d+)(?=: |, column "| has the same )|( as row )(\d+)(?=: which of them)')


@dataclass(slots=True)
class Group:
    """Instances that have the same attributes set.

    Attributes:
        columns, values: the columns to write, with the instances' values one list a column.
        positions: where the instances stand among those the group was taken from.
    """

    instances: list[Any]
    columns: list[Column]
    values: list[Any]
    positions: Sequence[int]

    def parts(self, rows: int) -> Iterator[Group]:
        """The group in groups of at most so many rows."""
        for start in range(0, len(self.instances), rows):
            some = slice(start, start + rows)
            members = self.instances[some]
            yield Group(
                members,
                self.columns,
                [values[some] for values in self.values],
                range(start, start + len(members)),
            )


@contextmanager
def rows_named_by(positions: Sequence[int]) -> Iterator[None]:
    """Let errors about rows of a group name them by their position among all."""

    def renamed(found: re.Match[str]) -> str:
        row = int(found[2] or found[4])
        return f"{found[1] or found[3]}{positions[row]}" if row < len(positions) else found[0]

    try:
        yield
    except ChakraError as error:
        error.args = (_ROW.sub(renamed, str(error.args[0])), *error.args[1:])
        if isinstance(error, DataError | DatabaseError) and error.row is not None:
            error.row = positions[error.row]
        raise


def all_unset(column: Column, instances: list[Any]) -> bool:
    """Whether no instance has a value for the column."""
    get = attrgetter(SLOT + column.attribute)
    try:
        return list(map(get, instances)).count(None) == len(instances)
    except AttributeError:
        return all(getattr(instance, SLOT + column.attribute, None) is None for instance in instances)


def refuse_expressions(table: Table, instances: list[Any]) -> None:
    """Name the first value that is an expression: compared with ``None`` it has no truth value.

    Raises:
        FieldError: there is one.
    """
    for row, instance in enumerate(instances):
        for name, value in zip(*written_values(instance, table), strict=True):
            if isinstance(value, Expression):
                raise FieldError(
                    f"row {row}, {name}: {value!r} is computed by the server, and bulk writes take values: create() "
                    "takes expressions, and update() sets many rows to one"
                )


def check_class(table: Table, instances: list[Any], what: str) -> None:
    """Refuse what is no instance of the table's model.

    Raises:
        DataError: names the row.
    """
    cls = table.row_class
    if not instances or set(map(type, instances)) == {cls}:
        return
    for position, instance in enumerate(instances):
        if not isinstance(instance, cls):
            raise DataError(
                f"{what} of {table.title}: row {position} is {shown(instance)}, not a {table.title}",
                row=position,
            )


def groups_of(table: Table, instances: list[Any]) -> list[Group]:
    """Instances by the attributes they have set, with the values of those column by column.

    Nearly always all instances have the same ones; then each column is one pass of ``map``, and no Python
    runs per value.
    """
    columns: list[Column] = []
    gathered: list[list[Any]] = []
    for column in table.columns:
        if column.computed is not None:
            continue
        try:
            values = list(map(attrgetter(SLOT + column.attribute), instances))
        except AttributeError:
            if any(hasattr(instance, SLOT + column.attribute) for instance in instances):
                return _mixed_groups(table, instances)
            continue
        if column.generated:
            missing = values.count(None)
            if missing == len(values):
                continue
            if missing:
                return _mixed_groups(table, instances)
        columns.append(column)
        gathered.append(values)
    return [Group(instances, columns, gathered, range(len(instances)))]


def _mixed_groups(table: Table, instances: list[Any]) -> list[Group]:
    by_names: dict[tuple[str, ...], list[int]] = {}
    for position, instance in enumerate(instances):
        by_names.setdefault(written_values(instance, table)[0], []).append(position)
    found = []
    for names, positions in by_names.items():
        members = [instances[position] for position in positions]
        values = [list(map(attrgetter(SLOT + name), members)) for name in names]
        found.append(Group(members, [table.by_attribute[name] for name in names], values, positions))
    return found


__all__ = ["Group", "all_unset", "check_class", "groups_of", "refuse_expressions", "rows_named_by"]
