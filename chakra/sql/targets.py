"""What finds the rows that an INSERT … ON CONFLICT meets: columns, expressions, a constraint, a partial index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chakra.errors import FieldError
from chakra.expressions import Collate, Expression, F
from chakra.pg.conversion import Naive
from chakra.pg.quoting import quote_identifier
from chakra.schema import Column, Table
from chakra.sql.constant_conditions import constant_condition, constant_value


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What decides that a row is there already; nothing at all is any unique index.

    Attributes:
        columns: those of a unique index; of ``constraint``, once they were looked up.
        computed: expressions of the same index.
        constraint: the name of one.
        predicate: of a partial index, as a condition.
        naive: what a datetime without a zone means in these.
    """

    columns: tuple[Column, ...] = ()
    computed: tuple[Expression, ...] = ()
    constraint: str | None = None
    predicate: Any = None
    naive: Naive = "error"

    def __bool__(self) -> bool:
        return bool(self.columns or self.computed or self.constraint is not None)

    @property
    def names(self) -> str:
        """What it is, for messages."""
        if self.constraint is not None and not self.columns:
            return self.constraint
        return ", ".join([*(c.attribute for c in self.columns), *map(repr, self.computed)])

    def sql(self, table: Table) -> str:
        """What stands behind ON CONFLICT."""
        if self.constraint is not None:
            return f" ON CONSTRAINT {quote_identifier(self.constraint)}"
        if not self:
            return ""
        terms = [c.quoted for c in self.columns]
        terms += [f"({term})" for term in self._computed(table)]
        where = self.where(table)
        return f" ({', '.join(terms)})" + ("" if where is None else f" WHERE {where}")

    def where(self, table: Table, alias: str = "") -> str | None:
        """The predicate as SQL; ``None``: there is none."""
        if self.predicate is None:
            return None
        return constant_condition(table, self.predicate, "conflict_where", alias=alias, naive=self.naive)

    def terms(self, table: Table, alias: str) -> list[str]:
        """The values of a row that decide, as SQL.

        Args:
            alias: what the statement calls the table, or another one that has the same columns.
        """
        plain = [f"{alias}.{column.quoted}" if alias else column.quoted for column in self.columns]
        return plain + self._computed(table, alias)

    def _computed(self, table: Table, alias: str = "") -> list[str]:
        return [
            constant_value(table, value, "conflict_fields", alias=alias, naive=self.naive)[0]
            for value in self.computed
        ]


def find_target(
    table: Table,
    fields: Iterable[Any] | None,
    constraint: Any,
    predicate: Any,
    written: Sequence[Column],
    naive: Naive,
) -> Target:
    """Check what a call says of rows that are there.

    Args:
        fields: names of fields, and expressions.
        written: columns that new rows have values for.

    Raises:
        FieldError: an unknown field, no value of a row, options that contradict each other, or a field that new rows
            do not have.
    """
    if constraint is not None:
        if not isinstance(constraint, str) or not constraint or fields is not None:
            raise FieldError(
                "conflict_constraint is the name of a constraint, and stands in place of conflict_fields"
            )
        if predicate is not None:
            raise FieldError(
                "conflict_where is the predicate of a partial index over conflict_fields; a constraint has none"
            )
        return Target(constraint=constraint, naive=naive)
    if fields is None:
        return Target(naive=naive)
    if isinstance(fields, str | Expression):
        raise FieldError(f"conflict_fields takes a list of names and expressions: [{fields!r}]")
    names: list[str] = []
    computed: list[Expression] = []
    for given in fields:
        # Whatever collation an index has, it is found by the bare value.
        value = given.value if isinstance(given, Collate) else given
        name = value.path if isinstance(value, F) else value
        if isinstance(value, Expression) and getattr(value, "owner", None) is table.row_class is not None:
            name = getattr(value, "attribute", value)
        if isinstance(name, str) and (name in table.by_attribute or not isinstance(value, Expression)):
            names.append(name)
        elif isinstance(value, Expression):
            computed.append(value)
        else:
            raise FieldError(f"conflict_fields takes names of fields and expressions, not {given!r}")
    columns: tuple[Column, ...] = ()
    if names or not computed:
        columns = named_columns(table, names, "conflict_fields")
    used = list(columns)
    for value in computed:
        of_value = constant_value(table, value, "conflict_fields", naive=naive)[1]
        if not of_value:
            raise FieldError(f"conflict_fields: {value!r} is of no field, and the same for all rows")
        used += of_value
    for column in used:
        if column not in written:
            raise FieldError(
                f"the data has no column {column.attribute!r}, by which conflicts of {table.title} would be "
                f"found; name the columns of a unique constraint in conflict_fields"
            )
    return Target(columns, tuple(computed), None, predicate, naive)


def named_columns(table: Table, names: Iterable[str], option: str) -> tuple[Column, ...]:
    """The columns an option names, by field or relation, each once.

    Raises:
        FieldError: an unknown name, no name at all, or one string in place of several.
    """
    if isinstance(names, str):
        raise FieldError(f"{option} takes a list of names: [{names!r}]")
    try:
        found = tuple(dict.fromkeys(table.by_attribute[a] for name in names for a in table.attributes(name)))
    except FieldError as error:
        raise FieldError(f"{option}: {error}") from None
    if not found:
        raise FieldError(f"{option} is empty; {table.title} has {table.field_names()}")
    return found


__all__ = ["Target", "find_target", "named_columns"]
