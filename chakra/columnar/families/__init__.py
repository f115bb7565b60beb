"""Families: types whose value needs more than the row kernel's byte swap or copy; bytes and Arrow only, no I/O."""

from __future__ import annotations

from chakra.columnar.families.dispatch import decode_column, encode_column
from chakra.columnar.families.unify import unify

__all__ = ["decode_column", "encode_column", "unify"]
