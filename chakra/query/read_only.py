"""What a write of a model over a view is told."""

from __future__ import annotations

from chakra.errors import FieldError
from chakra.schema import Table


def read_only(table: Table, call: str) -> FieldError:
    """The error for a write to the rows of a view.

    Args:
        call: what was called: ``create()``.
    """
    materialized = table.view is not None and table.view.materialized
    cure = f"; `await {table.title}.refresh()` reads them again" if materialized else ""
    return FieldError(
        f"{table.title} is a {'materialized ' if materialized else ''}view, and {call} cannot write to it: its rows "
        f"are those of its query. Write to the tables that it reads{cure}"
    )


__all__ = ["read_only"]
