"""Families: types whose value needs more than the row kernel's swap or copy; bytes and Arrow, no I/O."""

from __future__ import annotations

from chakra.columnar.families.dispatch import decode_column, encode_column
from chakra.columnar.families.unify import unify

__all__ = ["decode_column", "encode_column", "unify"]
