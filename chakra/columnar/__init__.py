"""Columns in and out of PostgreSQL's binary COPY format: bytes on one side, Arrow on the other; no I/O."""

from __future__ import annotations

from chakra.columnar.decode import Decoder, decode, decode_table, schema
from chakra.columnar.encode import Encoder, encode
from chakra.columnar.options import Options
from chakra.columnar.result import InsertResult
from chakra.columnar.types import ColumnSpec
from chakra.columnar.warmup import Warmup, warmup

__all__ = [
    "ColumnSpec",
    "Decoder",
    "Encoder",
    "InsertResult",
    "Options",
    "Warmup",
    "decode",
    "decode_table",
    "encode",
    "schema",
    "warmup",
]
