"""Terms of indexes and of keys as data: a column or an expression, and how it is sorted and compared.

What a model declares may hold expressions; in the description of its table there is SQL text in their place, which
``chakra.sql.declared`` writes. Both are data that compares: see ``Given``.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

from chakra.errors import FieldError
from chakra.pg.types import PgType

Name: TypeAlias = "str | tuple[str, str]"
"""The name of an object of the catalog; with its schema, ``(schema, name)``, where the search path does not find it."""


_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")


class Given:
    """An expression as it was declared. Two are equal if they say the same, values included."""

    __slots__ = ("node",)

    def __init__(self, node: Any) -> None:
        self.node = node

    @property
    def key(self) -> tuple[Hashable, tuple[str, ...]]:
        """What tells it from others. Values need not be hashable, and 1 is not True: their texts stand for them."""
        values: list[Any] = []
        shape = self.node.shape(values)
        return shape, tuple([f"{type(value).__name__} {value!r}" for value in values])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Given) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return repr(self.node)


@dataclass(frozen=True, slots=True)
class Term:
    """One term of an index, a UNIQUE or an exclusion constraint: a column or an expression.

    Attributes:
        column: attribute name, or ``None``.
        expression: SQL (or, as declared, an expression) in place of a column.
        descending: the direction.
        nulls: ``"first"`` or ``"last"`` where that is not what the direction says: NULLs stand last ascending, first
            descending.
        collation: another one than the column's.
        opclass: operator class, if not the default one of the type.
        options: of the operator class: ``(("siglen", "32"),)``.
        type: of an expression, where that is known; what extension an index needs depends on it.
    """

    column: str | None = None
    expression: str | Given | None = None
    descending: bool = False
    nulls: Literal["first", "last"] | None = None
    collation: Name | None = None
    opclass: Name | None = None
    options: tuple[tuple[str, str], ...] = ()
    type: PgType | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        given: Any = self.options
        if not isinstance(given, tuple):  # source writes a list
            object.__setattr__(self, "options", tuple([(name, value) for name, value in given]))
        if self.nulls == ("first" if self.descending else "last"):
            object.__setattr__(self, "nulls", None)

    @property
    def plain(self) -> bool:
        """Whether it is a column as it is, but for the direction."""
        return self.column is not None and self.collation is None and self.opclass is None

    @property
    def simple(self) -> bool:
        """Whether it is nothing but a column, as constraints take them."""
        return self.plain and not self.descending and self.nulls is None

    @property
    def text(self) -> str:
        """A column by its attribute, an expression in parentheses, with ``-`` before what is descending."""
        what = self.column if self.column is not None else f"({self.expression})"
        return f"-{what}" if self.descending else what


def OpClass(term: Any, name: Name, /, **options: Any) -> Term:
    """A term of an index under an operator class: ``Index(OpClass("title", "gin_trgm_ops"), method="gin")``.

    Args:
        term: what an index takes: a name of a field, an expression, or one with a direction.
        name: the operator class; ``(schema, name)`` where the search path does not find it.
        options: parameters of the class: ``OpClass("path", "gist_ltree_ops", siglen=32)``.

    Raises:
        FieldError: a name is none.
    """
    found = term_of(term, "OpClass()")
    given = named(name, "OpClass()")
    pairs = parameters(options, "OpClass()")
    return Term(found.column, found.expression, found.descending, found.nulls, found.collation, given, pairs)


def term_of(given: Any, where: str) -> Term:
    """One term as an index takes it.

    Raises:
        FieldError: it is neither a name nor an expression.
    """
    if isinstance(given, Term):
        return given
    if isinstance(given, str):
        return _of_text(given, where)
    inner = getattr(given, "expression", None)
    if inner is not None and hasattr(given, "descending") and hasattr(inner, "shape"):  # an Order
        return Term(expression=Given(inner), descending=given.descending, nulls=given.nulls)
    if hasattr(given, "shape"):
        return Term(expression=Given(given))
    raise FieldError(
        f'{where} takes names of fields ("name", "-created"), expressions (Lower("name")) and SQL in parentheses '
        f'("(lower(name))"), not {given!r}'
    )


def _of_text(given: str, where: str) -> Term:
    descending = given.startswith("-")
    bare = given[1:] if descending else given
    if not bare.startswith("("):
        if not bare:
            raise FieldError(f"{where}: {given!r} names no field")
        return Term(bare, descending=descending)
    if not _closed(bare):
        raise FieldError(
            f"{where}: {given!r} goes on behind the parenthesis that closes its first. SQL stands in parentheses as "
            'a whole, "((a) + (b))"; an operator class is OpClass("(…)", "name"), a direction "-(…)"'
        )
    return Term(expression=bare[1:-1], descending=descending)


def _closed(text: str) -> bool:
    """Whether the first parenthesis is closed by the last character; those in quotes count for nothing."""
    depth, quote = 0, ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                return position == len(text) - 1
    return False


def condition_of(given: Any, where: str) -> str | Given | None:
    """A condition as it is declared: SQL text, or an expression.

    Raises:
        FieldError: it is neither, or empty.
    """
    if given is None:
        return None
    if isinstance(given, str):
        if not given.strip():
            raise FieldError(f"{where}: an empty text is no condition")
        return given
    if isinstance(given, Given):
        return given
    if hasattr(given, "shape") and hasattr(given, "says_nothing"):
        if given.says_nothing:
            raise FieldError(f"{where}: {given!r} is an empty condition")
        return Given(given)
    if hasattr(given, "shape") and not hasattr(given, "descending"):
        return Given(given)  # a boolean value: the compiler sees whether it is one
    raise FieldError(
        f'{where}: a condition is Q(price__gt=0), F("price") > 0, or SQL text, "price > 0", not {given!r}'
    )


def named(given: Any, where: str) -> Name:
    """A name of the catalog, alone or with its schema.

    Raises:
        FieldError: it is none.
    """
    parts = given if isinstance(given, tuple) else (given,)
    if not 1 <= len(parts) <= 2 or not all(isinstance(p, str) and p and "\0" not in p for p in parts):
        raise FieldError(f"{where}: {given!r} is no name; it is text, or (schema, name)")
    return (parts[0], parts[1]) if len(parts) == 2 else str(parts[0])


def parameters(given: Mapping[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    """Storage parameters as texts, sorted by name: ``{"fillfactor": 70}``.

    Raises:
        FieldError: a name is none, or a value neither a number, a text nor a boolean.
    """
    found: list[tuple[str, str]] = []
    for name, value in given.items():
        if not isinstance(name, str) or _PARAMETER.match(name) is None:
            raise FieldError(f"{where}: {name!r} is no name of a parameter")
        if not isinstance(value, str | int | float):
            raise FieldError(f"{where}: {name}={value!r}: a parameter is a number, a text or a boolean")
        found.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    return tuple(sorted(found))


T = TypeVar("T")


def changed(one: T, **values: Any) -> T:
    """A frozen description with other values for some of its attributes; they are not looked at again."""
    new = object.__new__(type(one))
    for attribute in one.__dataclass_fields__:  # type: ignore[attr-defined]
        object.__setattr__(new, attribute, values.get(attribute, getattr(one, attribute)))
    return new


__all__ = ["Given", "Name", "OpClass", "Term", "changed", "condition_of", "named", "parameters", "term_of"]
