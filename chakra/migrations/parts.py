"""Tables of a state with other parts: what operations do to them, as pure functions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

from chakra.errors import MigrationError
from chakra.migrations.state import Key, State, title
from chakra.pg.lexing import tokens
from chakra.pg.quoting import quote_identifier
from chakra.schema import Check, Column, Exclude, ForeignKeyConstraint, Index, Table, Term, Unique
from chakra.schema.terms import changed

Constraint: TypeAlias = "Unique | Check | Exclude | ForeignKeyConstraint"

GROUPS: dict[type, str] = {
    Unique: "uniques",
    Check: "checks",
    Exclude: "exclusions",
    ForeignKeyConstraint: "foreign_keys",
    Index: "indexes",
}
"""Which attribute of a table lists them."""


def edited(table: Table, **values: Any) -> Table:
    """A table with other values for some attributes, and nothing kept of what was derived from the others."""
    return replace(table, statements={}, described={}, taken={}, parts={}, **values)


def column_of(table: Table, name: str) -> Column:
    """A column by its name.

    Raises:
        MigrationError: there is none.
    """
    found = table.by_attribute.get(name)
    if found is None:
        raise MigrationError(
            f"{title((table.schema, table.name))} has no column {name}; it has {_names(table)}"
        )
    return found


def _names(table: Table) -> str:
    return ", ".join(table.by_attribute)


def with_column(table: Table, column: Column) -> Table:
    """With one more column at the end.

    Raises:
        MigrationError: there is one of that name.
    """
    if column.name in table.by_attribute:
        raise MigrationError(f"{title((table.schema, table.name))} has a column {column.name} already")
    return edited(table, columns=(*table.columns, column))


def without_column(table: Table, name: str) -> Table:
    """Without a column, and without the keys, conditions and indexes that the server drops with it."""
    column_of(table, name)
    return edited(
        table,
        columns=tuple([column for column in table.columns if column.name != name]),
        primary_key=() if name in table.primary_key else table.primary_key,
        **{
            group: tuple([one for one in getattr(table, group) if not names_column(one, name)])
            for group in GROUPS.values()
        },
    )


def names_column(one: Constraint | Index, name: str) -> bool:
    """Whether a constraint or an index of a table is about a column of it, also within an expression."""
    if isinstance(one, ForeignKeyConstraint):
        return name in one.columns
    if isinstance(one, Check):
        return in_sql(one.condition, name)
    return (
        name in one.include
        or in_sql(one.where, name)
        or any(
            in_sql(term.expression, name) if term.column is None else term.column == name
            for term in one.terms
        )
    )


def in_sql(sql: Any, name: str) -> bool:
    """Whether SQL of one table's row names a column."""
    return isinstance(sql, str) and any(_is(kind, text, name) for kind, text in tokens(sql))


def _is(kind: str, text: str, name: str) -> bool:
    if kind == "word":
        return text.lower() == name
    return kind == "quoted" and text[1:-1].replace('""', '"') == name


def renamed_in_sql(sql: Any, old: str, new: str) -> Any:
    """SQL of one table's row with another name for a column, quoted; what stands before a parenthesis is a function."""
    if not in_sql(sql, old):
        return sql
    parts = list(tokens(sql))
    quoted = quote_identifier(new)
    found: list[str] = []
    for number, (kind, text) in enumerate(parts):
        called = number + 1 < len(parts) and parts[number + 1][1] == "("
        found.append(quoted if _is(kind, text, old) and not called else text)
    return "".join(found)


def replaced_column(table: Table, name: str, column: Column) -> Table:
    """With another column in the place of one, under its own name or another; what is about it follows."""
    column_of(table, name)
    columns = tuple([column if one.name == name else one for one in table.columns])
    if column.name == name:
        return edited(table, columns=columns)
    if column.name in table.by_attribute:
        raise MigrationError(f"{title((table.schema, table.name))} has a column {column.name} already")

    def text(sql: Any) -> Any:
        return renamed_in_sql(sql, name, column.name)

    def called(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple([column.name if one == name else one for one in names])

    def term(one: Term) -> Term:
        return changed(
            one, column=column.name if one.column == name else one.column, expression=text(one.expression)
        )

    def over_terms(one: Any) -> Any:
        words = {
            "terms": tuple(map(term, one.terms)),
            "include": called(one.include),
            "where": text(one.where),
        }
        return changed(one, **words)

    by = table.partition_by
    return edited(
        table,
        columns=tuple(
            [replace(one, computed=text(one.computed)) if one.computed else one for one in columns]
        ),
        primary_key=called(table.primary_key),
        uniques=tuple(map(over_terms, table.uniques)),
        exclusions=tuple(map(over_terms, table.exclusions)),
        indexes=tuple(map(over_terms, table.indexes)),
        checks=tuple([changed(one, condition=text(one.condition)) for one in table.checks]),
        foreign_keys=tuple(
            [
                changed(one, columns=called(one.columns), set_columns=called(one.set_columns))
                for one in table.foreign_keys
            ]
        ),
        partition_by=by
        and replace(
            by, keys=tuple([text(key) if key.startswith("(") else called((key,))[0] for key in by.keys])
        ),
    )


def pointing(state: State, key: Key) -> list[tuple[Key, ForeignKeyConstraint]]:
    """The foreign keys that lead to a table, with the tables that have them."""
    return [
        (where, one)
        for where, table in state.tables.items()
        for one in table.foreign_keys
        if (one.target_schema, one.target) == key
    ]


def retargeted(
    state: State, old: Key, *, new: Key | None = None, columns: dict[str, str] | None = None
) -> State:
    """With foreign keys that lead to a table under another name, or to columns under other names; with its partitions
    and what stands around its rows.
    """
    target = new or old
    named = columns or {}
    for where in {where for where, _ in pointing(state, old)}:
        table = state.table(where)
        keys = tuple(
            [
                changed(
                    one,
                    target=target[1],
                    target_schema=target[0],
                    target_columns=tuple([named.get(name, name) for name in one.target_columns]),
                )
                if (one.target_schema, one.target) == old
                else one
                for one in table.foreign_keys
            ]
        )
        state = state.with_changed("tables", where, edited(table, foreign_keys=keys))
    if new is not None:
        for where, table in state.tables.items():
            whole = table.partition_of
            if whole is not None and (whole.schema, whole.name) == old:
                part = replace(whole, schema=target[0], name=target[1])
                state = state.with_changed("tables", where, edited(table, partition_of=part))
        guard = state.guard(old)
        state = state.with_guard(new, guard)
        if new != old:
            state = replace(state, guards={k: v for k, v in state.guards.items() if k != old})
    return state


def named(table: Table, group: str, name: str) -> Any:
    """A constraint or an index of a table by its name.

    Raises:
        MigrationError: there is none.
    """
    for one in getattr(table, group):
        if one.name == name:
            return one
    known = ", ".join(str(one.name) for one in getattr(table, group)) or "none"
    word = "index" if group == "indexes" else "constraint"
    raise MigrationError(f"{title((table.schema, table.name))} has no {word} {name}; it has {known}")


def constraint_of(table: Table, name: str) -> Constraint:
    """A constraint of a table by its name.

    Raises:
        MigrationError: there is none.
    """
    for group in ("uniques", "checks", "exclusions", "foreign_keys"):
        for one in getattr(table, group):
            if one.name == name:
                return one  # type: ignore[no-any-return]
    return named(table, "uniques", name)  # type: ignore[no-any-return]


def with_one(table: Table, one: Constraint | Index) -> Table:
    """With one more constraint or index.

    Raises:
        MigrationError: it has no name, names a column that is not there, or there is one of its name.
    """
    where = title((table.schema, table.name))
    if one.name is None:
        raise MigrationError(f"{where}: {one!r} needs a name= in a migration")
    if any(other.name == one.name for group in GROUPS.values() for other in getattr(table, group)):
        raise MigrationError(f"{where} has a constraint or an index {one.name} already")
    columns: list[str | None]
    if isinstance(one, ForeignKeyConstraint):
        columns = list(one.columns)
    elif isinstance(one, Check):
        columns = []
    else:
        columns = [*(term.column for term in one.terms), *one.include]
    for name in columns:
        if name is not None:
            column_of(table, name)
    group = GROUPS[type(one)]
    return edited(table, **{group: (*getattr(table, group), one)})


def without_one(table: Table, one: Constraint | Index) -> Table:
    """Without one of its constraints or indexes."""
    group = GROUPS[type(one)]
    return edited(
        table, **{group: tuple([other for other in getattr(table, group) if other.name != one.name])}
    )


__all__ = [
    "GROUPS",
    "Constraint",
    "column_of",
    "constraint_of",
    "edited",
    "in_sql",
    "named",
    "names_column",
    "pointing",
    "replaced_column",
    "retargeted",
    "with_column",
    "with_one",
    "without_column",
    "without_one",
]
