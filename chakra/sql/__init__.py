"""Statements out of queries and tables: resolve, render, cache by shape; pure functions, nothing awaits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chakra._late import exported

if TYPE_CHECKING:
    from chakra.sql.combined import as_made, as_rows, columns_of_rows
    from chakra.sql.ctes import Cte, Join
    from chakra.sql.ddl import check_server, create_statements, drop_statements
    from chakra.sql.dml import no_key, takes_columns
    from chakra.sql.loaded import EVERYTHING, Loaded, field_paths, loaded_of
    from chakra.sql.nodes import RootKey
    from chakra.sql.own_rows import of_own_rows
    from chakra.sql.partner_keys import assign
    from chakra.sql.paths import type_at
    from chakra.sql.positions import order_terms, path_of
    from chakra.sql.rowplan import Compiled, RowPlan
    from chakra.sql.select import Clauses, Nested, Sample, Select
    from chakra.sql.shapes import (
        delete_row_statement,
        delete_statement,
        insert_columns_statement,
        insert_computed_statement,
        insert_rows_statement,
        insert_statement,
        over_rows,
        select_statement,
        update_row_statement,
        update_statement,
    )
    from chakra.sql.statement import Output, Statement
    from chakra.sql.upserts import Conflict, upsert_statement
    from chakra.sql.withs import (
        Described,
        described,
        key_between,
        pairs_of,
        recursive_step,
        rows_of,
        with_clause,
    )
    from chakra.sql.writes import Write
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "chakra.sql.combined": "as_made as_rows columns_of_rows",
            "chakra.sql.ctes": "Cte Join",
            "chakra.sql.ddl": "check_server create_statements drop_statements",
            "chakra.sql.dml": "no_key takes_columns",
            "chakra.sql.loaded": "EVERYTHING Loaded field_paths loaded_of",
            "chakra.sql.nodes": "RootKey",
            "chakra.sql.own_rows": "of_own_rows",
            "chakra.sql.partner_keys": "assign",
            "chakra.sql.paths": "type_at",
            "chakra.sql.positions": "order_terms path_of",
            "chakra.sql.rowplan": "Compiled RowPlan",
            "chakra.sql.select": "Clauses Nested Sample Select",
            "chakra.sql.shapes": (
                "delete_row_statement delete_statement insert_columns_statement insert_computed_statement "
                "insert_rows_statement insert_statement over_rows select_statement "
                "update_row_statement update_statement"
            ),
            "chakra.sql.statement": "Output Statement",
            "chakra.sql.upserts": "Conflict upsert_statement",
            "chakra.sql.withs": "Described described key_between pairs_of recursive_step rows_of with_clause",
            "chakra.sql.writes": "Write",
        },
    )

__all__ = [
    "EVERYTHING",
    "Clauses",
    "Compiled",
    "Conflict",
    "Cte",
    "Described",
    "Join",
    "Loaded",
    "Nested",
    "Output",
    "RootKey",
    "RowPlan",
    "Sample",
    "Select",
    "Statement",
    "Write",
    "as_made",
    "as_rows",
    "assign",
    "check_server",
    "columns_of_rows",
    "create_statements",
    "delete_row_statement",
    "delete_statement",
    "described",
    "drop_statements",
    "field_paths",
    "insert_columns_statement",
    "insert_computed_statement",
    "insert_rows_statement",
    "insert_statement",
    "key_between",
    "loaded_of",
    "no_key",
    "of_own_rows",
    "order_terms",
    "over_rows",
    "pairs_of",
    "path_of",
    "recursive_step",
    "rows_of",
    "select_statement",
    "takes_columns",
    "type_at",
    "update_row_statement",
    "update_statement",
    "upsert_statement",
    "with_clause",
]
