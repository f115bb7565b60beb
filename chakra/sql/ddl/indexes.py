"""CREATE INDEX."""

from __future__ import annotations

from chakra.pg.quoting import quote_identifier
from chakra.schema import Index, Table
from chakra.sql.ddl.constraints import unique_name
from chakra.sql.ddl.names import object_name


def index_names(table: Table) -> list[str]:
    """The names of a table's indexes. Those that are not given are made of the columns, and a number where two
    indexes over the same columns differ otherwise, as the server makes them.
    """
    taken = {unique_name(table, unique) for unique in table.uniques}
    taken |= {index.name for index in table.indexes if index.name}
    found: list[str] = []
    for index in table.indexes:
        name, number = index.name, 0
        while name is None:
            columns = (_part(table, item, "expr") for item in index.columns)
            ending = f"{'key' if index.unique else 'idx'}{number or ''}"
            made = object_name(table.name, *columns, ending)
            name, number = (None if made in taken else made), number + 1
        taken.add(name)
        found.append(name)
    return found


def create_index(table: Table, index: Index, name: str, if_not_exists: bool = False) -> str:
    """``CREATE INDEX`` for one index of a table, under one of its ``index_names``."""
    if index.definition is not None:
        return (
            index.definition.replace(" INDEX ", " INDEX IF NOT EXISTS ", 1)
            if if_not_exists
            else index.definition
        )
    columns: list[str] = []
    for item in index.columns:
        bare = item.lstrip("-")
        sql = bare if bare.startswith("(") else table.column(bare).quoted
        columns.append(sql + (" DESC" if item.startswith("-") else ""))
    method = "" if index.method == "btree" else f" USING {quote_identifier(index.method)}"
    return (
        f"CREATE {'UNIQUE ' if index.unique else ''}INDEX {'IF NOT EXISTS ' if if_not_exists else ''}"
        f"{quote_identifier(name)} ON {table.quoted}{method} ({', '.join(columns)})"
        f"{f' WHERE {index.where}' if index.where else ''}"
    )


def _part(table: Table, item: str, expression: str) -> str:
    """What the name of an index calls one of its columns."""
    bare = item.lstrip("-")
    return expression if bare.startswith("(") else table.column(bare).name


__all__ = ["create_index", "index_names"]
