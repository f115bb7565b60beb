"""Asking and writing: querysets over tables, and the objects that rows become."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chakra._late import exported

if TYPE_CHECKING:
    from chakra.query.hooks import on
    from chakra.query.queryset import QuerySet
    from chakra.query.raw import RawQuery
else:
    __getattr__, __dir__ = exported(
        __name__,
        {"chakra.query.hooks": "on", "chakra.query.queryset": "QuerySet", "chakra.query.raw": "RawQuery"},
    )

__all__ = ["QuerySet", "RawQuery", "on"]
