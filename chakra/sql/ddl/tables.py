"""CREATE and DROP of tables, in dependency order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chakra.errors import FieldError
from chakra.pg.quoting import quote_block, quote_qualified
from chakra.schema import ForeignKeyConstraint, Table
from chakra.sql.ddl.columns import column_line, column_statements
from chakra.sql.ddl.constraints import constraint_lines, foreign_key
from chakra.sql.ddl.guards import guard_statements
from chakra.sql.ddl.indexes import create_index, index_names
from chakra.sql.ddl.sequences import create_sequences, drop_sequences
from chakra.sql.ddl.types import create_types, drop_types
from chakra.sql.ddl.views import create_view, drop_views, views_in_order
from chakra.sql.ddl.words import (
    comment_on,
    partition_clause,
    storage_clause,
    tablespace_clause,
    unless_there,
)


def creation_order(tables: Iterable[Table]) -> list[Table]:
    """Order tables so that a foreign key's target comes before its source, as far as there are no cycles, and a table
    before its partitions.
    """
    known = {(t.schema, t.name): t for t in tables}
    done: dict[tuple[str | None, str], Table] = {}
    visiting: set[tuple[str | None, str]] = set()

    def visit(key: tuple[str | None, str]) -> None:
        if key in done or key in visiting:
            return
        visiting.add(key)
        targets = [(constraint.target_schema, constraint.target) for constraint in known[key].foreign_keys]
        whole = known[key].partition_of
        for target in targets if whole is None else [*targets, (whole.schema, whole.name)]:
            if target in known:
                visit(target)
        visiting.discard(key)
        done[key] = known[key]

    for key in known:
        visit(key)
    return list(done.values())


def create_statements(
    tables: Iterable[Table], *, if_not_exists: bool = False, replace_views: bool = False
) -> list[str]:
    """Everything needed to create tables and views: extensions, enum types, sequences, tables, late foreign keys,
    indexes, views.
    """
    ordered, views = _split(tables)
    batch = {(t.schema, t.name) for t in ordered}
    statements = [*create_types([*ordered, *views]), *create_sequences(ordered)]
    created: set[tuple[str | None, str]] = set()
    late: list[str] = []
    for table in ordered:
        created.add((table.schema, table.name))
        early: list[ForeignKeyConstraint] = []
        for constraint in table.foreign_keys:
            target = (constraint.target_schema, constraint.target)
            if target in batch and target not in created:
                statement = f"ALTER TABLE {table.quoted} ADD {foreign_key(table, constraint)}"
                if if_not_exists:
                    ignored = "EXCEPTION WHEN duplicate_object THEN NULL"
                    statement = quote_block(f"{statement}; {ignored};")
                late.append(statement)
            else:
                early.append(constraint)
        statements.extend(create_table(table, early, if_not_exists))
    statements.extend(late)
    for table in ordered:
        statements.extend(
            create_index(table, index, name, if_not_exists)
            for index, name in zip(table.indexes, index_names(table), strict=True)
        )
    for table in ordered:
        made = list(guard_statements(table, table.guard))
        if made and if_not_exists:
            made = [quote_block(f"{';'.join(made)}; EXCEPTION WHEN duplicate_object THEN NULL;")]
        statements.extend(made)
    for view in views:
        statements.extend(create_view(view, if_not_exists=if_not_exists, replace=replace_views))
    return statements


def _split(tables: Iterable[Table]) -> tuple[list[Table], list[Table]]:
    """Tables and views, each in the order in which they can be made."""
    given = list(tables)
    ordered = creation_order(table for table in given if table.view is None)
    return ordered, views_in_order(table for table in given if table.view is not None)


def drop_statements(tables: Iterable[Table], *, cascade: bool = False) -> list[str]:
    """Drop views, then tables, sources of foreign keys first, then the sequences and enum types nobody else uses."""
    ordered, views = _split(tables)
    statements = drop_views(views, cascade=cascade)
    if ordered:
        names = ", ".join(t.quoted for t in reversed(ordered))
        statements.append(f"DROP TABLE IF EXISTS {names}{' CASCADE' if cascade else ''}")
    return [*statements, *drop_sequences(ordered), *drop_types([*ordered, *views])]


def create_table(
    table: Table, foreign_keys: Sequence[ForeignKeyConstraint], if_not_exists: bool
) -> list[str]:
    """``CREATE TABLE`` with its constraints and some of its foreign keys, and what is said of it and of its columns."""
    made = [_create_table(table, foreign_keys, if_not_exists), *column_statements(table)]
    if table.comment is not None:
        made.append(comment_on("TABLE", table.quoted, table.comment))
    if len(made) == 1:
        return made
    return [unless_there(table.quoted, made)] if if_not_exists else made


def _create_table(table: Table, foreign_keys: Sequence[ForeignKeyConstraint], if_not_exists: bool) -> str:
    start = (
        f"CREATE {'UNLOGGED ' if table.unlogged else ''}TABLE {'IF NOT EXISTS ' if if_not_exists else ''}"
        f"{table.quoted}"
    )
    ending = f"{storage_clause(table.storage)}{tablespace_clause(table.tablespace)}"
    cut = partition_clause(table, table.partition_by)
    if table.partition_of is not None:
        parent = table.partition_of
        whole = quote_qualified(parent.schema, parent.name)
        return f"{start} PARTITION OF {whole} {parent.bound}{cut}{ending}"
    if not table.columns:
        raise FieldError(f"{table.title} has no columns")
    lines = [column_line(column) for column in table.columns]
    lines.extend(constraint_lines(table))
    lines.extend(foreign_key(table, constraint) for constraint in foreign_keys)
    body = ",\n    ".join(lines)
    return f"{start} (\n    {body}\n){cut}{ending}"


__all__ = ["create_statements", "create_table", "creation_order", "drop_statements"]
