"""The plain containers that kernels, families and the reader hand each other; nothing here knows a type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

U8: TypeAlias = NDArray[np.uint8]
I32: TypeAlias = NDArray[np.int32]
I64: TypeAlias = NDArray[np.int64]
AnyArray: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True)
class RawColumn:
    """Many values of one type as PostgreSQL sent them (or will receive them), undecoded.

    Attributes:
        data: uint8, wire bytes of many values; those of one column need not be contiguous.
        starts: int64[n], byte offset of each value in ``data``.
        lengths: int32[n], byte length of each value, -1 = NULL.
        name: column name, for errors.
        first_row: absolute number of row 0, for errors.
    """

    data: U8
    starts: I64
    lengths: I32
    name: str = ""
    first_row: int = 0

    def __len__(self) -> int:
        return len(self.lengths)


__all__ = ["I32", "I64", "U8", "AnyArray", "RawColumn"]
