"""Type aliases shared by every layer; imports nothing of Chakra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

Params: TypeAlias = Sequence[Any]
"""Bound values of a statement, in the order of ``$1``, ``$2``, …"""

Record: TypeAlias = Mapping[str, Any]
"""One result row as a mapping (an asyncpg ``Record`` is one)."""


class ArrowStream(Protocol):
    """Anything that exports the Arrow C stream interface (pyarrow, polars, pandas, duckdb, …)."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


__all__ = ["ArrowStream", "Params", "Record"]
