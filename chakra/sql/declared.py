"""Expressions of declarations as constant SQL: what indexes, constraints, defaults and computed columns hold.

DDL has no parameters, so values are typed literals (``chakra.sql.literals``), as in COPY. What a declaration says is
about one row of its own table: relations, queries, aggregates and windows are refused by name. The text goes into the
description of the table, which compares and travels as data (docs/decisions/0030-declared-sql.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any, TypeVar

from chakra.errors import DataError, FieldError
from chakra.expressions import (
    Collate,
    Expression,
    F,
    OuterRef,
    QueryExpression,
    Value,
    as_condition,
)
from chakra.expressions.aggregates import Aggregate
from chakra.expressions.calls import find_transform
from chakra.expressions.lookups import find_lookup
from chakra.expressions.windows import Window
from chakra.pg.types import PgType
from chakra.schema import Check, Column, Exclude, Given, Index, Table, Term, Unique
from chakra.schema.storage import NextValue
from chakra.schema.terms import changed
from chakra.sql.adapting import ToType
from chakra.sql.infer import type_of
from chakra.sql.render.base import render
from chakra.sql.scope import Path, Scope
from chakra.sql.sources import ColumnRef
from chakra.sql.statement import Writer

T = TypeVar("T", Index, Unique, Exclude)


class TableScope(Scope):
    """Names of one table's own columns.

    Other tables are not looked at: they may be described later, and may refer to this one.

    Args:
        keys: the attributes that hold the key of a relation, by its name.
        fixed: why no column may be named; empty = they may.
    """

    def __init__(self, table: Table, keys: Mapping[str, tuple[str, ...]], fixed: str = "") -> None:
        super().__init__(table)
        self._keys = keys
        self._fixed = fixed

    def resolve(self, expression: Expression) -> Expression:
        kind = type(expression)
        if getattr(kind, "bind_column", None) is not None:
            owner: Any = getattr(expression, "owner", None)
            attribute: Any = getattr(expression, "attribute", None)
            if owner is not self.root.table.row_class:
                raise FieldError(
                    f"{expression!r} is no field of {self.root.table.title}, and it is about its own"
                )
            return self.resolve_value(attribute)
        for refused, what in _REFUSED:
            if isinstance(expression, refused):
                raise FieldError(f"{expression!r} is {what}, and it is about one row of the table")
        return super().resolve(expression)

    def resolve_path(self, path: str) -> Path:
        """A column of the table and its transforms; a relation stands for the field that holds its key."""
        table = self.root.table
        if isinstance(path, NextValue):
            raise FieldError(
                "Sequence.next() is a default by itself, and no part of an expression; of a sequence that is there "
                "already, nextval() may stand in a default that is SQL text"
            )
        parts = path.split("__")
        if self._fixed:
            raise FieldError(f"{path!r}: {self._fixed}")
        column = table.by_attribute.get(parts[0])
        if column is None and parts[0] == "pk":
            column = table.column("pk")
        if column is None and parts[0] in self._keys:
            column = self._key(parts, path)
        if column is None:
            raise self._unknown(table, parts[0], path)
        return self._transform(ColumnRef(self.root, column), parts, 1, path)

    def _key(self, parts: list[str], path: str) -> Column:
        held = self._keys[parts[0]]
        title = self.root.table.title
        if len(held) != 1:
            raise FieldError(
                f"{path!r}: the key of {title}.{parts[0]} has several fields; name {', '.join(held)}"
            )
        name = held[0]
        column = self.root.table.by_attribute[name]
        if len(parts) > 1 and parts[1] == "pk":
            del parts[1]
        following = parts[1] if len(parts) > 1 else "isnull"
        known = (
            following == "isnull"
            or find_transform(following, column.type)
            or find_lookup(following, column.type)
        )
        if not known:
            raise FieldError(
                f"{path!r} is a value of the row behind {title}.{parts[0]}, and it is about one row of {title}; of the "
                f"relation it has the key: {name!r}"
            )
        return column


_REFUSED: tuple[tuple[type, str], ...] = (
    (Aggregate, "an aggregate"),
    (Window, "a window"),
    (QueryExpression, "a query"),
    (OuterRef, "a value of a query around"),
)


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


__all__ = ["Declaring", "TableScope"]
