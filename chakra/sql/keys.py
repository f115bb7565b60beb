"""Primary keys of several columns in conditions: ``filter(pk=(a, b))``, ``filter(pk__in=[(a, b), …])``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chakra.errors import DataError, FieldError
from chakra.expressions import Expression, Lookup, Slot
from chakra.pg.conversion.comparing import WHOLE, beyond_integers, may_be_integer
from chakra.pg.types import INT8, NUMERIC, PgType, array_of
from chakra.schema import Column, Table
from chakra.sql.adapting import ToColumn, ToType
from chakra.sql.statement import Writer

_OPERATORS = {"exact": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


_ROWS = (tuple, list)


def _is_whole(column: Column) -> bool:
    return column.type.base.kind == "base" and column.type.base.name in WHOLE


class KeyRef(Expression):
    """The primary key of a source's table, if it has several columns; it compares as a row does in SQL."""

    __slots__ = ("parts", "table")

    def __init__(self, table: Table, parts: tuple[Any, ...]) -> None:
        self.table = table
        self.parts = parts

    def __repr__(self) -> str:
        return f"{self.table.title}.pk"

    def render_sql(self, writer: Writer, render: Callable[[Expression, Writer], None]) -> None:
        """Write the columns as a row."""
        for position, part in enumerate(self.parts):
            writer.write(", " if position else "(")
            render(part, writer)
        writer.write(")")

    def render_lookup(
        self, lookup: Lookup, writer: Writer, render: Callable[[Expression, Writer], None]
    ) -> None:
        """Write a comparison with a tuple, or with a list of tuples.

        Raises:
            FieldError: the lookup has no meaning for rows, or the right side is no plain value.
        """
        slot, operator = lookup.right, _OPERATORS.get(lookup.name)
        if operator is None and lookup.name != "in":
            words = ", ".join([*_OPERATORS, "in", "isnull"])
            raise FieldError(f"{self!r} has several columns, and the lookups {words}, not {lookup.name!r}")
        if not isinstance(slot, Slot):
            raise FieldError(
                f"{self!r} has several columns and takes tuples of {self._names()}, not {slot!r}"
            )
        self.render_sql(writer, render)
        columns = [part.column for part in self.parts]
        if operator is not None:
            writer.write(f" {operator} (")
            for position, column in enumerate(columns):
                writer.write(", " if position else "")
                type_, whole = column.type, _is_whole(column)
                if whole:
                    beyond = (
                        any(map(beyond_integers, slot.sample)) if isinstance(slot.sample, _ROWS) else False
                    )
                    type_ = NUMERIC if beyond else INT8
                to_type = (
                    ToType(column.type, "beyond" if type_ is NUMERIC else "compared")
                    if whole
                    else ToType(type_)
                )
                self._parameter(
                    writer, slot, column, (self._part(position), to_type), type_, beside_column=True
                )
            writer.write(")")
            return
        writer.write(" IN (SELECT * FROM unnest(")
        for position, column in enumerate(columns):
            writer.write(", " if position else "")
            type_ = INT8 if _is_whole(column) else column.type
            adapt = (self._parts(position), ToColumn(column.attribute, (type_,)))
            self._parameter(writer, slot, column, adapt, array_of(type_))
        writer.write("))")

    def _parameter(
        self,
        writer: Writer,
        slot: Slot,
        column: Column,
        adapt: tuple[Any, ...],
        type_: PgType,
        *,
        beside_column: bool = False,
    ) -> None:
        label = f"{self.table.title}.{column.attribute}"
        writer.parameter(slot.index, (*slot.steps, *adapt), type_, label, beside_column=beside_column)

    def _part(self, position: int) -> Callable[[Any], Any]:
        count = len(self.parts)

        def part(value: Any) -> Any:
            if not isinstance(value, tuple | list) or len(value) != count:
                raise DataError(
                    f"{self!r} takes a tuple of {self._names()}, not {value!r}", column=repr(self)
                )
            return value[position]

        return part

    def _parts(self, position: int) -> Callable[[Any], Any]:
        part = self._part(position)
        wholes = [self._part(i) for i, other in enumerate(self.parts) if _is_whole(other.column)]

        def parts(values: Any) -> list[Any]:
            if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
                raise DataError(f"in takes several values, not the single {values!r}")
            found = [value for value in values if value is not None]
            if wholes:  # keys that no row can have
                found = [value for value in found if all(may_be_integer(one(value)) for one in wholes)]
            return [part(value) for value in found]

        return parts

    def _names(self) -> str:
        return f"({', '.join(part.column.attribute for part in self.parts)})"


__all__ = ["KeyRef"]
