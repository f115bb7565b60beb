"""What a conversion is: from any Python value to the one object of a column's type that all writers take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from chakra.errors import DataError
from chakra.pg.types import PgType

Naive = Literal["error", "utc", "local"]
"""What a datetime without a zone means for ``timestamptz``."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """How values become those of one type.

    Attributes:
        usual: classes whose values are right as they are; only exactly these, no subclasses.
        convert: takes a value of any other class, never ``None``.
        takes: what it takes, in words, for the documentation and for errors.
    """

    usual: frozenset[type]
    convert: Callable[[Any], Any]
    takes: str


class Unfit(Exception):
    """A value is none of the type; the message says why, the caller adds which value and where."""


def refuse(what: str, value: Any) -> NoReturn:
    """Refuse a value because of its class.

    Raises:
        Unfit: always.
    """
    raise Unfit(f"expected {what}, found {type(value).__name__}")


def unfit(value: Any, type_: PgType, reason: Exception | str) -> DataError:
    """The error about a value that does not fit a type."""
    shown = repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:76]} …"
    return DataError(f"{shown} does not fit {type_.sql}: {reason}")


def is_numpy(value: Any) -> bool:
    """Whether a value is one of NumPy's scalars; NumPy itself is not imported for it."""
    return hasattr(value, "dtype") and hasattr(value, "item") and not hasattr(value, "__len__")


def as_str(value: Any) -> str | None:
    """The exact ``str`` of a string of any class (``np.str_``, members of string enums), else ``None``."""
    if type(value) is str:
        return value
    return str.__str__(value) if isinstance(value, str) else None


__all__ = ["Conversion", "Naive", "Unfit", "as_str", "is_numpy", "refuse", "unfit"]
