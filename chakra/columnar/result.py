"""What a bulk write did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class InsertResult:
    """Rows of a bulk write.

    Attributes:
        inserted, updated, skipped: how many rows met which fate.
        keys: the generated keys in the order of the data, if they were asked for.
        rows: the rows that were written, in the order of the data, if ``returning`` asked for them: instances, dicts
            or a ``pyarrow.Table``. Rows that were skipped are none of them.
    """

    inserted: int
    updated: int = 0
    skipped: int = 0
    keys: pa.Array | None = None
    rows: Any = None

    def __repr__(self) -> str:
        keys = "" if self.keys is None else f", keys=<{len(self.keys)} of {self.keys.type}>"
        counts = f"inserted={self.inserted:,}, updated={self.updated:,}, skipped={self.skipped:,}"
        rows = "" if self.rows is None else f", rows=<{len(self.rows):,}>"
        return f"InsertResult({counts}{keys}{rows})"


def joined(tables: list[pa.Table]) -> pa.Table:
    """Tables of the same columns as one."""
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables)


__all__ = ["InsertResult", "joined"]
