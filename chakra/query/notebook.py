"""Rows as tables, for notebooks and terminals: ``chakra.show(rows)``, and lists as IPython shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from chakra.errors import FieldError
from chakra.query.shown import html_table, text_table

MOST_ROWS = 20
"""Rows that are shown where nobody says how many."""

MOST_SIGNS = 60
"""Signs of a value that are shown, as many as of an instance by itself."""


class Shown:
    """Rows as a table: HTML in a notebook, text elsewhere; made by ``chakra.show``."""

    __slots__ = ("_heads", "_lines", "_more")

    def __init__(self, heads: list[str], lines: list[list[str]], more: int) -> None:
        self._heads = heads
        self._lines = lines
        self._more = more

    @property
    def _rest(self) -> str:
        return "" if not self._more else f"… and {self._more} more"

    def __repr__(self) -> str:
        if not self._heads:
            return "(no rows)"
        return "\n".join(filter(None, [text_table(self._heads, self._lines), self._rest]))

    def _repr_html_(self) -> str:
        if not self._heads:
            return "<p>(no rows)</p>"
        return html_table(self._heads, self._lines) + (f"<p>{self._rest}</p>" if self._more else "")


def show(rows: Iterable[Any], limit: int = MOST_ROWS) -> Shown:
    """Show rows as a table: ``chakra.show(await Post.objects.all())``, in a notebook as HTML, elsewhere as text.

    Args:
        rows: instances, and what ``values()``, ``values_list()`` and ``raw()`` give. Nothing is loaded: of instances
            there are the fields that are there.
        limit: how many are shown; how many more there are is said.

    Raises:
        FieldError: what is given are no rows, or a query that has not run.
    """
    if hasattr(type(rows), "__aiter__"):
        raise FieldError("show() takes rows, and a query has none before it ran: show(await query)")
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise FieldError(f"show() takes rows, a list of them, not {rows!r}")
    given = list(rows)
    cells = [_cells(row) for row in given[:limit]]
    heads = [*dict.fromkeys(name for row in cells for name in row)]
    lines = [[_short(row[name]) if name in row else "" for name in heads] for row in cells]
    return Shown(heads, lines, max(len(given) - limit, 0))


def _cells(row: Any) -> Mapping[str, Any]:
    """What a row holds, by name."""
    kind = type(row)
    if hasattr(kind, "__chakra_cells__"):
        return kind.__chakra_cells__(row)  # type: ignore[no-any-return]
    if hasattr(row, "keys"):
        return {str(name): row[name] for name in row.keys()}  # noqa: SIM118 - a record is no mapping to Python
    if isinstance(row, tuple):
        names = getattr(row, "_fields", None) or [f"column{place}" for place in range(1, len(row) + 1)]
        return dict(zip(names, row, strict=True))
    return {"value": row}


def _short(value: Any) -> str:
    text = str(value)
    if not text.isprintable():
        text = repr(text)  # a table has one line for each row
    return text if len(text) <= MOST_SIGNS else text[: MOST_SIGNS - 1] + "…"


class Shell(Protocol):
    """What is used of IPython's shell."""

    display_formatter: Any


def _html(rows: list[Any]) -> str | None:
    """The table for a list of instances, or of dicts with the same names; ``None`` = IPython shows the list as ever."""
    if not rows:
        return None
    first = rows[0]
    if hasattr(type(first), "__chakra_cells__"):
        alike = all(hasattr(type(row), "__chakra_cells__") for row in rows)
    elif type(first) is dict and first:
        names = first.keys()
        alike = all(type(row) is dict and row.keys() == names for row in rows)
    else:
        return None
    return show(rows)._repr_html_() if alike else None


def show_lists(shell: Shell) -> None:
    """Let a shell of IPython show lists of rows as tables."""
    shell.display_formatter.formatters["text/html"].for_type(list, _html)


def show_lists_as_ever(shell: Shell) -> None:
    """Take that back."""
    formatter = shell.display_formatter.formatters["text/html"]
    if formatter.lookup_by_type(list) is _html:
        formatter.pop(list)


__all__ = ["Shown", "show", "show_lists", "show_lists_as_ever"]
