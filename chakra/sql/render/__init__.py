"""Rendering: resolved trees become SQL text and parameters, by one table of functions; nothing else writes them."""

from chakra.sql.render.base import RENDERERS, render, render_conditions, render_list, render_order
from chakra.sql.render.select import write_from, write_select
from chakra.sql.render.table import TABLE

RENDERERS.update(TABLE)

__all__ = [
    "RENDERERS",
    "render",
    "render_conditions",
    "render_list",
    "render_order",
    "write_from",
    "write_select",
]
