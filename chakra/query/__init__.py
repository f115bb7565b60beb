"""Asking and writing: querysets over tables, and the objects that rows become."""

from chakra.query.hooks import on
from chakra.query.queryset import QuerySet
from chakra.query.raw import RawQuery, raw

__all__ = ["QuerySet", "RawQuery", "on", "raw"]
