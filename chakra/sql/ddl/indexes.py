"""CREATE INDEX."""

from __future__ import annotations

from chakra.pg.quoting import quote_identifier
from chakra.schema import Index, Table
from chakra.sql.ddl.terms import include_clause, parameter_list, term_list
from chakra.sql.declared import Declaring


def index_names(table: Table) -> tuple[str, ...]:
    """The names of a table's indexes, those that were not given included."""
    return table.names.indexes


def create_index(
    table: Table,
    index: Index,
    name: str,
    if_not_exists: bool = False,
    *,
    concurrently: bool = False,
    only: bool = False,
) -> str:
    """``CREATE INDEX`` for one index of a table, under one of its ``index_names``.

    Args:
        concurrently: without keeping writers out; not in a transaction block.
        only: of a partitioned table, without those of its partitions.
    """
    index = Declaring(table).index(index)
    line = (
        f"CREATE {'UNIQUE ' if index.unique else ''}INDEX {'CONCURRENTLY ' if concurrently else ''}"
        f"{'IF NOT EXISTS ' if if_not_exists else ''}"
        f"{quote_identifier(name)} ON {'ONLY ' if only else ''}{table.quoted}"
    )
    if index.method != "btree":
        line += f" USING {quote_identifier(index.method)}"
    line += f" ({term_list(table, index.terms)}){include_clause(table, index.include)}"
    if index.nulls_not_distinct:
        line += " NULLS NOT DISTINCT"
    if index.with_:
        line += f" WITH ({parameter_list(index.with_)})"
    if index.tablespace is not None:
        line += f" TABLESPACE {quote_identifier(index.tablespace)}"
    return line if index.where is None else f"{line} WHERE ({index.where})"


__all__ = ["create_index", "index_names"]
