"""Expressions of declarations as constant SQL: what indexes, constraints, defaults and computed columns hold.

DDL has no parameters, so values are typed literals (``chakra.sql.literals``), as in COPY. What a declaration says is
about one row of its own table: relations, queries, aggregates and windows are refused by name. The text goes into the
description of the table, which compares and travels as data (docs/decisions/0030-declared-sql.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from chakra._late import late
from chakra.errors import DataError, FieldError
from chakra.expressions import Expression, F, Value, as_condition
from chakra.pg.types import PgType
from chakra.schema import Check, Column, Exclude, Given, Index, Table, Term, Unique
from chakra.schema.terms import changed

if TYPE_CHECKING:
    from chakra.expressions import Collate
    from chakra.sql.adapting import ToType
    from chakra.sql.infer import type_of
    from chakra.sql.own_columns import TableScope
    from chakra.sql.render.base import render
    from chakra.sql.sources import ColumnRef
    from chakra.sql.statement import Writer
else:
    late(globals(), "chakra.expressions", "Collate")
    late(globals(), "chakra.sql.adapting", "ToType")
    late(globals(), "chakra.sql.infer", "type_of")
    late(globals(), "chakra.sql.own_columns", "TableScope")
    late(globals(), "chakra.sql.render.base", "render")
    late(globals(), "chakra.sql.sources", "ColumnRef")
    late(globals(), "chakra.sql.statement", "Writer")


T = TypeVar("T", Index, Unique, Exclude)


class Declaring:
    """Writes what a table's declaration holds as SQL.

    Args:
        table: with its columns; what else it has is not looked at.
        keys: the attributes that hold the key of each relation, by its name.
    """

    def __init__(self, table: Table, keys: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._table = table
        if keys is None:
            keys = {name: relation.keys for name, relation in table.relations.items() if relation.forward}
        self._keys = {name: held for name, held in keys.items() if held}

    def expression(self, node: Expression, what: str, *, fixed: str = "") -> str:
        """The SQL of a value.

        Args:
            what: what holds it, for errors.
            fixed: why it may name no column.

        Raises:
            FieldError: it names what is no column of the table, or is not about one row.
            DataError: a value does not fit its place.
        """
        return self._written(node, what, fixed)[0]

    def _written(self, node: Expression, what: str, fixed: str = "") -> tuple[str, PgType | None]:
        """The SQL of a value, and its type where that is known."""
        values: list[Any] = []
        node.shape(values)
        numbers = count()
        numbered = node.numbered(numbers)
        assert next(numbers) == len(values), f"{node!r} lists other literals than it numbers"
        scope = TableScope(self._table, self._keys, fixed)
        writer = Writer()
        try:
            resolved = scope.resolve(numbered)
            render(resolved, writer)
            return str(writer.finish().literal_sql(values)), type_of(resolved)
        except (FieldError, DataError) as error:
            raise type(error)(f"{what}: {error}") from error

    def condition(self, given: Any, what: str) -> str:
        """The SQL of a condition; text stays as it is.

        Raises:
            FieldError: as :meth:`expression`, or it is a value and no condition.
        """
        return self.expression(as_condition(given.node), what) if isinstance(given, Given) else given

    def default(self, column: Column, given: Any, what: str) -> str:
        """The SQL of a default: an expression without fields, or a value as the column stores it; text is SQL.

        Raises:
            FieldError: as :meth:`expression`.
            DataError: the value does not fit the column.
        """
        if isinstance(given, str):
            return given
        if isinstance(given, Expression) and not (type(given) is Value and given.type is None):
            return self.expression(
                given, what, fixed="a default is made before there is a row, and names no field"
            )
        value = given.value if isinstance(given, Value) else given
        writer = Writer()
        writer.parameter(0, (ToType(column.type),), column.type, what)
        try:
            return str(writer.finish().literal_sql([value]))
        except DataError as error:
            raise DataError(f"{what}: {error}") from error

    def term(self, term: Term, what: str) -> Term:
        """A term with SQL in place of an expression, or a column where the expression is nothing else."""
        given = term.expression
        if not isinstance(given, Given):
            if term.column is not None:
                self._field(term.column, what)
            return term
        node, collation = given.node, term.collation
        if isinstance(node, Collate):
            collation = node.collation if node.schema is None else (node.schema, node.collation)
            node = node.value
        column = self._column(node, what)
        if column is not None:
            return changed(term, column=column, expression=None, collation=collation)
        written, type_ = self._written(node, what)
        return changed(term, expression=written, collation=collation, type=type_)

    def _field(self, name: str, what: str) -> None:
        """Check that there is a field of a name."""
        try:
            self._table.column(name)
        except FieldError as error:
            begin = name.split("__", maxsplit=1)[0]
            path = "__" in name and (begin in self._table.by_attribute or begin in self._keys)
            hint = f'; a path is written F("{name}")' if path else ""
            raise FieldError(f"{what}: {error}{hint}") from error

    def _column(self, node: Any, what: str) -> str | None:
        """The attribute that an expression is, if it is nothing else."""
        name = node.path if isinstance(node, F) else getattr(node, "attribute", None)
        if not isinstance(node, F) and getattr(type(node), "bind_column", None) is None:
            return None
        try:
            found = TableScope(self._table, self._keys).resolve(node)
        except FieldError as error:
            raise FieldError(f"{what}: {error}") from error
        return found.column.attribute if isinstance(found, ColumnRef) and isinstance(name, str) else None

    def index(self, given: Index) -> Index:
        """An index without expressions: SQL text stands for them."""
        return self._over_terms(given, "Index")

    def unique(self, given: Unique) -> Unique:
        """A UNIQUE constraint without expressions."""
        return self._over_terms(given, "Unique")

    def exclusion(self, given: Exclude) -> Exclude:
        """An exclusion constraint without expressions."""
        return self._over_terms(given, "Exclude")

    def _over_terms(self, given: T, word: str) -> T:
        what = f"{self._table.title}, {word}({given.name or ', '.join(given.columns)})"
        terms = tuple([self.term(term, what) for term in given.terms])
        where = None if given.where is None else self.condition(given.where, f"{what}, where=")
        for name in given.include:
            self._field(name, f"{what}, include=")
        return (
            given
            if terms == given.terms and where is given.where
            else changed(given, terms=terms, where=where)
        )

    def check(self, given: Check) -> Check:
        """A CHECK constraint whose condition is SQL."""
        if not isinstance(given.condition, Given):
            return given
        what = f"{self._table.title}, Check({given.name or repr(given.condition)})"
        return changed(given, condition=self.condition(given.condition, what))


__all__ = ["Declaring"]
