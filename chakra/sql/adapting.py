"""How a query's values become those of the types they are sent as: the table of conversions, at a parameter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import EnumMeta
from functools import lru_cache
from types import CodeType
from typing import Any, Literal, NamedTuple

from chakra.errors import DataError
from chakra.pg.conversion import Conversion, Naive, Unfit, check_member, conversion_of, unfit
from chakra.pg.conversion.base import ODD
from chakra.pg.conversion.comparing import comparison_of, members_of, whole_bounds
from chakra.pg.json_text import dump_json
from chakra.pg.showing import cause
from chakra.pg.types import PgType
from chakra.sql.literals import ServerText

Adapt = Callable[[Any], Any]

TEXTS = frozenset({"text", "varchar", "bpchar", "name", "citext"})
"""Types for which the driver takes nothing but ``str``, of any class, as it is."""
As = Literal["stored", "compared", "beyond", "member list"]


class Step(NamedTuple):
    """What is done to a value.

    Attributes:
        usual: classes that need nothing; see :class:`~chakra.pg.conversion.Conversion`.
        zoned: the same.
        convert: for all others but ``None``.
    """

    usual: frozenset[type]
    zoned: bool | None
    convert: Adapt


class ToType(NamedTuple):
    """Conversion of a value to a type, as it is stored in a column of it or compared with one.

    What a datetime without a zone means is said by the database, so that this is no function yet.
    """

    type: PgType
    place: As = "stored"

    def step(self, naive: Naive) -> Step:
        """The conversion for databases of one setting ``naive_datetimes``."""
        type_ = self.type
        if self.place == "stored":
            conversion = conversion_of(type_, naive)
        elif self.place == "member list":
            conversion = members_of(type_, naive)
        else:
            conversion = comparison_of(type_, naive, self.place == "beyond")
        convert = conversion.convert

        def checked(value: Any) -> Any:
            if type(value) is ServerText:
                return value
            try:
                return convert(value)
            except Unfit as error:
                found = value[error.row] if self.place == "member list" else value
                raise unfit(found, type_, error) from None
            except ODD as error:
                raise unfit(value, type_, error) from cause(error)

        return Step(conversion.usual, conversion.zoned, checked)


class ToMember(NamedTuple):
    """The check that a value, converted to its column's type, is that of a member of the field's Python enum."""

    cls: EnumMeta

    def step(self, naive: Naive) -> Step:
        """The check, which no setting changes."""
        cls = self.cls

        def checked(value: Any) -> Any:
            if type(value) is not ServerText:
                check_member(value, cls)
            return value

        return Step(frozenset(), None, checked)


@dataclass(frozen=True, slots=True)
class ToColumn:
    """Conversion of a list of values, one a row, as they are stored in a column; an error names the row.

    Attributes:
        column: what errors call the column.
        types: converted to, one after the other.
        documents: they travel as JSON text.
        members: the Python enum that has all of them.
    """

    column: str
    types: tuple[PgType, ...]
    documents: bool = False
    members: EnumMeta | None = None

    def step(self, naive: Naive) -> Step:
        """The conversion for databases of one setting ``naive_datetimes``."""
        conversions = [(type_, conversion_of(type_, naive)) for type_ in self.types]
        return Step(frozenset(), None, lambda values: self._convert(values, conversions))

    def _convert(self, values: list[Any], conversions: list[tuple[PgType, Conversion]]) -> list[Any]:
        for type_, conversion in conversions:
            try:
                values = conversion.all_of(values)
            except Unfit as error:
                raise self._named(error.row, unfit(values[error.row], type_, error)) from None
            except ODD:
                self._find(values, type_, conversion)
                raise
        if self.members is not None:
            for row, value in enumerate(values):
                try:
                    check_member(value, self.members)
                except DataError as error:
                    raise self._named(row, error) from None
        return list(map(self._json, range(len(values)), values)) if self.documents else values

    def _find(self, values: list[Any], type_: PgType, conversion: Conversion) -> None:
        """Raise for the value whose class raises something of its own."""
        for row, value in enumerate(values):
            try:
                _ = None if value is None else conversion.convert(value)
            except ODD as error:
                raise self._named(row, unfit(value, type_, error)) from cause(error)

    def _json(self, row: int, value: Any) -> str | None:
        try:
            return None if value is None else dump_json(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise self._named(row, unfit(value, self.types[-1], f"it is no JSON: {error}")) from None

    def _named(self, row: int, error: DataError) -> DataError:
        return DataError(f'row {row}, column "{self.column}": {error}', row=row, column=self.column)


@dataclass(frozen=True, slots=True)
class Said:
    """A value that the statement brings itself: a part of its names, which stands in no query's list of values."""

    value: Any

    def __call__(self, nothing: None) -> Any:
        return self.value


SAID = -1
"""The number of such a value."""


@dataclass(frozen=True, slots=True)
class WholeBounds:
    """The two bounds of ``range`` beside a column of whole numbers."""

    type: PgType

    def step(self, naive: Naive) -> Step:
        """The conversion, which no setting changes."""

        def convert(pair: tuple[Any, Any]) -> tuple[int, int]:
            try:
                return whole_bounds(pair)
            except Unfit as error:
                raise unfit(pair, self.type, error) from None

        return Step(frozenset(), None, convert)


def step_of(adapt: Any, naive: Naive) -> Step:
    """What one of a parameter's conversions does; a plain function takes every value, ``None`` too."""
    step = getattr(adapt, "step", None)
    return Step(frozenset(), None, adapt) if step is None else step(naive)


@lru_cache(maxsize=512)
def binder(
    sent: tuple[tuple[int, tuple[Any, ...]], ...], naive: Naive
) -> Callable[[list[Any]], Sequence[Any]]:
    """A function from a query's values to a statement's parameters.

    Shapes differ in SQL far more often than in how their values are bound, and making one is a fifth of what a new
    shape takes. A value of a usual class is told apart without a call: 25 ns where a call takes 60.

    Args:
        sent: for each parameter the number of its value (or ``SAID``), and what is done to it.
    """
    names: dict[str, Any] = {}

    def named(value: Any, letter: str) -> str:
        name = f"{letter}{len(names)}"
        names[name] = value
        return name

    terms: list[str] = []
    for index, adapts in sent:
        term = "None" if index == SAID else f"v[{index}]"
        for adapt in adapts:
            step = step_of(adapt, naive)
            function = named(step.convert, "a")
            if not hasattr(adapt, "step"):
                term = f"{function}({term})"
                continue
            if not step.usual:
                term = f"(None if (x := {term}) is None else {function}(x))"
                continue
            one = len(step.usual) == 1
            classes = named(next(iter(step.usual)) if one else step.usual, "c")
            test = f"type(x := {term}) {'is' if one else 'in'} {classes}"
            if step.zoned is not None:
                test = f"({test} and x.tzinfo is {'not ' if step.zoned else ''}None)"
            term = f"(x if {test} or x is None else {function}(x))"
        terms.append(term)
    source = f"lambda v: ({', '.join(terms)},)" if terms else "lambda v: ()"
    return eval(_code(source), names)  # type: ignore[no-any-return]


@lru_cache(maxsize=512)
def _code(source: str) -> CodeType:
    """The compiled source of a binder: parsing is most of making one."""
    return compile(source, "<bind>", "eval")


__all__ = [
    "SAID",
    "TEXTS",
    "Said",
    "Step",
    "ToColumn",
    "ToMember",
    "ToType",
    "WholeBounds",
    "binder",
    "step_of",
]
