"""What Python fills in where a row is made without a value for a column; the server knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PythonDefault:
    """The default of a field.

    Attributes:
        value: what each new row gets.
        factory: called for each new row instead.
    """

    value: Any = None
    factory: Callable[[], Any] | None = None

    def values(self, rows: int) -> list[Any]:
        """The values of so many rows; one, if all get the same."""
        return [self.value] if self.factory is None else [self.factory() for _ in range(rows)]


__all__ = ["PythonDefault"]
