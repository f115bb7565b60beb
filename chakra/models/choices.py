"""The values that a field may have: a Python enum, a list, pairs with labels for people, or groups of such."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chakra.errors import DataError, FieldError
from chakra.pg.conversion import convert, shown
from chakra.pg.types import PgType


@dataclass(frozen=True, slots=True)
class Choices:
    """The values that a field may have.

    Attributes:
        labels: what people read for each value, in order.
        enum: the Python enum they are the values of.
    """

    labels: Mapping[Any, str]
    enum: type[enum.Enum] | None = None

    @staticmethod
    def of(given: Any) -> Choices:
        """The values of a Python enum, each with a ``label`` of its own or its name as words."""
        members: list[enum.Enum] = list(given)
        found = {m.value: str(getattr(m, "label", m.name.replace("_", " ").capitalize())) for m in members}
        _some(found, given)
        return Choices(found, given)

    @property
    def values(self) -> tuple[Any, ...]:
        """The values, as columns hold them."""
        return tuple(self.labels)

    def has(self, value: Any) -> bool:
        """Whether a value, or a member of the enum, is one of them."""
        plain = value.value if isinstance(value, enum.Enum) else value
        try:
            return plain in self.labels
        except TypeError:  # a list or dict, which is none
            return False


def read_choices(given: Any) -> Choices:
    """What ``field(choices=…)`` was told.

    Raises:
        FieldError: neither an enum nor values, or none at all.
    """
    if isinstance(given, enum.EnumMeta):
        return Choices.of(given)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise FieldError(
            f'field(choices={given!r}): choices are a Python enum, a list of values, ["draft", "done"], or such with '
            'labels, {"draft": "Draft"}'
        )
    labels: dict[Any, str] = {}
    for value, label in given.items() if isinstance(given, Mapping) else map(_pair, given):
        _add(labels, value, label)
    _some(labels, given)
    return Choices(labels)


def _pair(one: Any) -> tuple[Any, Any]:
    if isinstance(one, tuple | list):
        if len(one) != 2:
            raise FieldError(f"field(choices=…): {one!r} is neither a value nor a pair of value and label")
        return one[0], one[1]
    return one, str(one)


def _add(labels: dict[Any, str], value: Any, label: Any) -> None:
    """Note a choice; a label that holds choices itself is a group, as Django has them."""
    if isinstance(label, Mapping | list | tuple):
        for inner, text in label.items() if isinstance(label, Mapping) else map(_pair, label):
            _add(labels, inner, text)
        return
    try:
        labels[value] = str(label)
    except TypeError:
        raise FieldError(f"field(choices=…): {value!r} cannot be compared with values of a field") from None


def _some(labels: Mapping[Any, str], given: Any) -> None:
    if not labels:
        raise FieldError(f"field(choices={given!r}) leaves a field nothing that it may be")


def check_choices(choices: Choices, type_: PgType, where: str) -> None:
    """Check that a column can hold the choices of its field.

    Raises:
        FieldError: one of them is no value of the type.
    """
    base = type_.base
    element = base.element if base.kind == "array" and base.element is not None else base
    for value in choices.values:
        try:
            convert(value, element)
        except DataError as error:
            raise FieldError(
                f"{where}: the choice {shown(value)} is no value of the column: {error}"
            ) from None


__all__ = ["Choices", "check_choices", "read_choices"]
