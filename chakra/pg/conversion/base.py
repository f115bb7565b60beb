"""What a conversion is: from any Python value to the one object of a column's type that all writers take."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, Literal, NoReturn

from chakra.errors import DataError
from chakra.pg.showing import reason as why
from chakra.pg.showing import shown
from chakra.pg.types import PgType

Naive = Literal["error", "utc", "local"]
"""What a datetime without a zone means for ``timestamptz``."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """How values become those of one type.

    Attributes:
        usual: classes whose values are left as they are: what does not fit among them, the driver or the server
            refuses, and neither changes it. Only exactly these, no subclasses.
        convert: takes a value of any class but ``None``, and checks all that can be known.
        takes: what it takes, in words, for the documentation and for errors.
        zoned: where the usual class says a time of day or a moment: whether only values with a zone are left as they
            are, or only those without; ``None`` = it does not matter.
        many: converts a list of values, ``None`` among them, at library speed, or raises anything: then one by one.
    """

    usual: frozenset[type]
    convert: Callable[[Any], Any]
    takes: str
    zoned: bool | None = None
    many: Callable[[list[Any]], list[Any]] | None = None

    def leaves(self, values: list[Any]) -> bool:
        """Whether all values of a list are left as they are; ``None`` is."""
        classes = set(map(type, values))
        classes.discard(_NONE)
        if not classes <= self.usual:
            return False
        if self.zoned is None or not classes:
            return True
        known = values if None not in values else [value for value in values if value is not None]
        zones = map(_tzinfo, known)
        return all(zones) if self.zoned else not any(zones)

    def all_of(self, values: list[Any]) -> list[Any]:
        """The values of a list converted; the list itself where there is nothing to do.

        Raises:
            Unfit: one of them is none of the type; its ``row`` says which.
        """
        if self.leaves(values):
            return values
        if self.many is not None:
            try:
                return self.many(values)
            except Exception:  # one by one it shows which, and why
                pass
        convert, found = self.convert, []
        for row, value in enumerate(values):
            try:
                found.append(None if value is None else convert(value))
            except Unfit as error:
                error.row = row
                raise
        return found


_NONE = type(None)
_tzinfo = attrgetter("tzinfo")


class Unfit(Exception):
    """A value is none of the type; the message says why, the caller adds which value and where.

    Attributes:
        row: which of a list of values it is.
        own_words: the message is made here, and has no value in it.
    """

    own_words = True
    row: int = 0


ODD = (TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What classes of the caller raise when they are asked for their value, beside :class:`Unfit`."""


def refuse(what: str, value: Any) -> NoReturn:
    """Refuse a value because of its class.

    Raises:
        Unfit: always.
    """
    raise Unfit(f"expected {what}, found {type(value).__name__}")


def unfit(value: Any, type_: PgType, reason: Exception | str) -> DataError:
    """The error about a value that does not fit a type."""
    return DataError(f"{shown(value)} does not fit {type_.sql}: {why(reason)}")


def is_numpy(value: Any) -> bool:
    """Whether a value is one of NumPy's scalars; NumPy itself is not imported for it."""
    return hasattr(value, "dtype") and hasattr(value, "item") and not hasattr(value, "__len__")


def as_str(value: Any) -> str | None:
    """The exact ``str`` of a string of any class (``np.str_``, members of string enums), else ``None``."""
    if type(value) is str:
        return value
    return str.__str__(value) if isinstance(value, str) else None


def plain(value: Any) -> Any:
    """The value of a member of a Python enum, which stands for it in columns of texts and numbers; else the value."""
    return value.value if isinstance(value, enum.Enum) else value


def numpy_unit(value: Any) -> str:
    """The unit of a NumPy moment or length of time: ``"D"``, ``"us"``, ``"25s"``; empty if it has none."""
    return str(value.dtype.name.partition("[")[2].rstrip("]"))


_COARSER: Final = frozenset({"Y", "M", "W", "D", "h", "m", "s", "ms", "us"})


def in_microseconds(value: Any, range_of: str) -> Any:
    """A NumPy moment or length of time in microseconds.

    Raises:
        Unfit: it is more exact, or has more of them than 64 bits hold. ``range_of`` names what has fewer yet.
    """
    unit = numpy_unit(value)
    try:
        found = value.astype(f"{value.dtype.kind}8[us]")
        # Compared in the unit of the value: compared in microseconds both are cut off alike.
        same = found.astype(value.dtype) == value
    except OverflowError:  # NumPy 2.5 says so; before it gives another moment
        raise Unfit(f"it is out of range of {range_of}") from None
    if not same and unit.lstrip("0123456789") in _COARSER:
        raise Unfit(f"it is out of range of {range_of}")
    if not same:
        raise Unfit("it has nanoseconds, and the column keeps microseconds")
    return found


__all__ = [
    "ODD",
    "Conversion",
    "Naive",
    "Unfit",
    "as_str",
    "in_microseconds",
    "is_numpy",
    "numpy_unit",
    "plain",
    "refuse",
    "shown",
    "unfit",
]
