"""CREATE, REFRESH and DROP of views, in the order in which they read one another."""

from __future__ import annotations

from collections.abc import Iterable

from chakra.pg.lexing import tokens
from chakra.pg.quoting import quote_identifier
from chakra.schema import Table
from chakra.sql.ddl.columns import column_comments
from chakra.sql.ddl.indexes import create_index, index_names
from chakra.sql.ddl.words import comment_on, storage_clause, tablespace_clause, unless_there


def views_in_order(views: Iterable[Table]) -> list[Table]:
    """Order views so that one comes after those that its query names, as far as there are no cycles.

    A name in the query counts wherever it stands: one too many changes the order and nothing else.
    """
    waiting = list(views)
    names = {view.name for view in waiting}
    read = {id(view): _words(view) & names - {view.name} for view in waiting}
    found: list[Table] = []
    while waiting:
        there = {view.name for view in found} | (names - {view.name for view in waiting})
        ready = [view for view in waiting if read[id(view)] <= there] or waiting[:1]
        found += ready
        waiting = [view for view in waiting if all(view is not one for one in ready)]
    return found


def _words(view: Table) -> set[str]:
    assert view.view is not None
    found = set()
    for kind, text in tokens(view.view.sql):
        if kind == "word":
            found |= {text, text.lower()}
        elif kind == "quoted":
            found.add(text[1:-1].replace('""', '"'))
    return found


def create_view(table: Table, *, if_not_exists: bool = False, replace: bool = False) -> list[str]:
    """``CREATE VIEW`` or ``CREATE MATERIALIZED VIEW`` with its indexes and its comment.

    Args:
        if_not_exists: leave one alone that is there.
        replace: put it in place of one that is there. Of a view the server keeps what depends on it, and refuses to
            take columns away; a materialized view is made anew.
    """
    view = table.view
    assert view is not None
    columns = f" ({', '.join(map(quote_identifier, view.columns))})" if view.columns else ""
    options = storage_clause(table.storage)
    if view.materialized:
        made = [
            f"CREATE MATERIALIZED VIEW {table.quoted}{columns}{options}{tablespace_clause(table.tablespace)} "
            f"AS {view.sql}"
        ]
        if replace:
            made.insert(0, f"DROP MATERIALIZED VIEW IF EXISTS {table.quoted}")
        made += [
            create_index(table, index, name)
            for index, name in zip(table.indexes, index_names(table), strict=True)
        ]
    else:
        made = [
            f"CREATE {'OR REPLACE ' if replace else ''}VIEW {table.quoted}{columns}{options} AS {view.sql}"
        ]
    made += column_comments(table)
    if table.comment is not None or replace:
        made.append(comment_on(view_kind(table), table.quoted, table.comment))
    return [unless_there(table.quoted, made)] if if_not_exists and not replace else made


def view_kind(table: Table) -> str:
    """``VIEW`` or ``MATERIALIZED VIEW``."""
    return "MATERIALIZED VIEW" if table.view is not None and table.view.materialized else "VIEW"


def drop_views(views: Iterable[Table], *, cascade: bool = False) -> list[str]:
    """Statements that drop views, those first that read others."""
    return [
        f"DROP {view_kind(table)} IF EXISTS {table.quoted}{' CASCADE' if cascade else ''}"
        for table in reversed(views_in_order(views))
    ]


def refresh_view(table: Table, *, concurrently: bool = False, with_data: bool = True) -> str:
    """``REFRESH MATERIALIZED VIEW``."""
    return (
        f"REFRESH MATERIALIZED VIEW {'CONCURRENTLY ' if concurrently else ''}{table.quoted}"
        f"{'' if with_data else ' WITH NO DATA'}"
    )


__all__ = ["create_view", "drop_views", "refresh_view", "view_kind", "views_in_order"]
