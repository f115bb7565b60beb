"""CREATE and DROP of tables, in dependency order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chakra.errors import FieldError
from chakra.pg.quoting import quote_block, quote_string
from chakra.schema import ForeignKeyConstraint, Table
from chakra.sql.ddl.columns import column_line, column_statements
from chakra.sql.ddl.constraints import constraint_lines, foreign_key
from chakra.sql.ddl.indexes import create_index, index_names
from chakra.sql.ddl.types import create_types, drop_types


def creation_order(tables: Iterable[Table]) -> list[Table]:
    """Order tables so that a foreign key's target comes before its source, as far as there are no cycles."""
    known = {(t.schema, t.name): t for t in tables}
    done: dict[tuple[str | None, str], Table] = {}
    visiting: set[tuple[str | None, str]] = set()

    def visit(key: tuple[str | None, str]) -> None:
        if key in done or key in visiting:
            return
        visiting.add(key)
        for constraint in known[key].foreign_keys:
            target = (constraint.target_schema, constraint.target)
            if target in known:
                visit(target)
        visiting.discard(key)
        done[key] = known[key]

    for key in known:
        visit(key)
    return list(done.values())


def create_statements(tables: Iterable[Table], *, if_not_exists: bool = False) -> list[str]:
    """Everything needed to create tables: extensions, enum types, tables, late foreign keys, indexes."""
    ordered = creation_order(tables)
    batch = {(t.schema, t.name) for t in ordered}
    statements = create_types(ordered)
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
    return statements


def drop_statements(tables: Iterable[Table], *, cascade: bool = False) -> list[str]:
    """Drop tables, sources of foreign keys first, then the enum types nobody else uses."""
    ordered = creation_order(tables)
    if not ordered:
        return []
    names = ", ".join(t.quoted for t in reversed(ordered))
    statements = [f"DROP TABLE IF EXISTS {names}{' CASCADE' if cascade else ''}"]
    return [*statements, *drop_types(ordered)]


def create_table(
    table: Table, foreign_keys: Sequence[ForeignKeyConstraint], if_not_exists: bool
) -> list[str]:
    """``CREATE TABLE`` with its constraints and some of its foreign keys, and what is said of its columns."""
    made = [_create_table(table, foreign_keys, if_not_exists)]
    said = [*column_statements(table)]
    if not said:
        return made
    made += said
    return [unless_there(table.quoted, made)] if if_not_exists else made


def unless_there(quoted: str, statements: list[str]) -> str:
    """Statements that run together, and only if there is nothing of that name."""
    body = " ".join(f"{statement};" for statement in statements)
    return quote_block(f"IF pg_catalog.to_regclass({quote_string(quoted)}) IS NULL THEN {body} END IF;")


def _create_table(table: Table, foreign_keys: Sequence[ForeignKeyConstraint], if_not_exists: bool) -> str:
    if not table.columns:
        raise FieldError(f"{table.title} has no columns")
    lines = [column_line(column) for column in table.columns]
    lines.extend(constraint_lines(table))
    lines.extend(foreign_key(table, constraint) for constraint in foreign_keys)
    body = ",\n    ".join(lines)
    return f"CREATE TABLE {'IF NOT EXISTS ' if if_not_exists else ''}{table.quoted} (\n    {body}\n)"


__all__ = ["create_statements", "create_table", "creation_order", "drop_statements"]
