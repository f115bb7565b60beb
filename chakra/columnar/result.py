"""What a bulk write did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class InsertResult:
    """Rows of a bulk write.

    Attributes:
        inserted, updated, skipped: how many rows met which fate.
        keys: the generated keys in the order of the data, if they were asked for.
    """

    inserted: int
    updated: int = 0
    skipped: int = 0
    keys: pa.Array | None = None

    def __repr__(self) -> str:
        keys = "" if self.keys is None else f", keys=<{len(self.keys)} of {self.keys.type}>"
        counts = f"inserted={self.inserted:,}, updated={self.updated:,}, skipped={self.skipped:,}"
        return f"InsertResult({counts}{keys})"


__all__ = ["InsertResult"]
