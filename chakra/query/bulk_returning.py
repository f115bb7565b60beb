"""What bulk writes return besides numbers: the rows that were written, as instances, dicts or a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from chakra.errors import DatabaseError, FieldError
from chakra.query import bulk, execute
from chakra.query.hydrate import SLOT, hydrate, loader
from chakra.query.state import RowState, own_state
from chakra.query.written import Wanted, all_of, as_dicts, names_of, wanted
from chakra.schema import Table
from chakra.sql import Output, Statement, select_statement
from chakra.sql.writes import Returned

if TYPE_CHECKING:
    from chakra.db import Database


def back_of(
    table: Table,
    database: Database,
    verb: str,
    returning: Any,
    *,
    keys: bool = False,
    changes: bool = True,
    also: Iterable[str] = (),
) -> Back | None:
    """Check ``returning=`` of a bulk verb; ``None``: nothing is asked for.

    Args:
        changes: whether rows are changed that are there.
        keys: whether ``"keys"`` is another answer of the verb, for the message.
        also: attributes by which rows are told apart.

    Raises:
        FieldError: it is none of its words, or names what is no field.
    """
    if keys and isinstance(returning, str) and returning != "arrow":
        raise FieldError(f'returning is "keys", "arrow", True or a list of names, not {returning!r}')
    found = wanted(table, verb, returning, sides=database if changes else None)
    return None if found is False else Back(table, database, found, also)


class Back:
    """Reads the rows that a bulk write returns, and makes of them what was asked for.

    Attributes:
        found: what was.
        names: the attributes that are returned: those asked for, and behind them those that tell rows apart.
        outputs: the columns of the last statement that was run.
        parts: rows so far, each list with their positions among the instances.
    """

    def __init__(self, table: Table, database: Database, found: Wanted, also: Iterable[str] = ()) -> None:
        self.table, self.database, self.found = table, database, found
        self._shown = names_of(table, found)
        self.names: tuple[Returned, ...] = tuple(dict.fromkeys((*self._shown, *also)))
        self.outputs: Sequence[Output] = ()
        self.parts: list[tuple[Sequence[int], Any]] = []

    async def __call__(self, statement: Statement, values: list[Any]) -> tuple[Any, list[Any]]:
        """Run a write; return its rows, and the values of the column behind those that were asked for."""
        *outputs, beside = statement.outputs
        self.outputs = outputs
        if self.found != "arrow":
            rows = await execute.fetch(self.database, statement, values)
            return rows, [row[-1] for row in rows]
        table = await bulk.written_table(all_of(self.table), self.database, statement, values, beside)
        width = len(outputs)
        return table.select(range(width)), table.column(width).to_pylist()

    def column(self, rows: Any, name: str) -> list[Any]:
        """The values that rows have for an attribute, as the driver gives them."""
        position = self.names.index(name)
        if self.found == "arrow":
            values: list[Any] = rows.column(position).to_pylist()
            return values
        return [row[position] for row in rows]

    def add(self, positions: Sequence[int], rows: Any) -> None:
        """Keep rows, one for each of some instances."""
        if len(rows) == len(positions):
            self.parts.append((positions, rows))
            return
        raise FieldError(
            f"{self.table.title} has no primary key, by which to tell which of the instances were written: "
            "bulk_insert(…, returning=…) does without"
        )

    def add_met(self, positions: Sequence[int], rows: Any, keys: list[Any]) -> None:
        """Keep rows behind a conflict clause, which may have left some out.

        Args:
            keys: for each instance the key of the row that it became or met.

        Raises:
            DatabaseError: a row has none of these keys.
        """
        if len(rows) == len(positions):
            self.parts.append((positions, rows))
            return
        found: dict[tuple[Any, ...], int] = {}
        for position, key in zip(positions, keys, strict=True):
            found.setdefault(tuple(key), position)
        columns = [self.column(rows, name) for name in self.table.primary_key]
        places: list[int] = []
        for key in zip(*columns, strict=True):
            if key not in found:
                raise DatabaseError(
                    f"a trigger or rule gave a row of {self.table.title} another key ({key}), so that nobody knows "
                    "which instance it is: no row is written; bulk_insert(…, returning=…) does without"
                )
            places.append(found[key])
        self.parts.append((places, rows))

    def gathered(self, instances: list[Any]) -> Any:
        """What ``bulk_create`` returns: the rows in the order of the instances."""
        order = [position for positions, _ in self.parts for position in positions]
        if self.found == "arrow":
            from chakra.columnar.result import joined

            return self._sorted(joined([rows for _, rows in self.parts]), order)
        rows = [row for _, several in self.parts for row in several]
        return self.made(rows, order, into=instances)

    def made(self, rows: Any, order: list[int] | None = None, *, into: list[Any] | None = None) -> Any:
        """What was asked for.

        Args:
            order: the number of each row, by which they are sorted.
            into: instances by these numbers, which take the values of their rows.
        """
        if rows is None:
            return None
        if self.found == "arrow":
            return self._sorted(rows, order)
        if order is not None:
            places = sorted(range(len(order)), key=order.__getitem__)
            rows, order = [rows[place] for place in places], [order[place] for place in places]
        width = len(self._shown)
        if self.found is True and into is not None and order is not None:
            return self._fill(rows, [into[position] for position in order])
        if width < len(self.names) or (rows and width < len(rows[0])):
            rows = [row[:width] for row in rows]
        if self.found is not True:
            return as_dicts(self.outputs[:width], rows)
        load = loader(select_statement(all_of(self.table))[0])
        return hydrate(len(rows), load, rows, RowState(self.database, True, shared=True))

    def _sorted(self, table: Any, order: list[int] | None) -> Any:
        table = table.select(range(len(self._shown)))
        if order is None or order == sorted(order):
            return table
        return table.take(sorted(range(len(order)), key=order.__getitem__))

    def _fill(self, rows: list[Any], instances: list[Any]) -> list[Any]:
        """Give instances all values of their rows."""
        cls = self.table.row_class
        for position, output in enumerate(self.outputs[: len(self._shown)]):
            put = getattr(cls, SLOT + output.name).__set__
            for instance, row in zip(instances, rows, strict=True):
                value = row[position]
                put(instance, value if output.load is None else output.load(value))
        for instance in instances:
            state = instance._state
            if not (state.shared and state.saved):
                state = own_state(instance)
                state.saved, state.database = True, self.database
                state.changed.clear()
                state.held = {}
        return instances


__all__ = ["Back", "back_of"]
