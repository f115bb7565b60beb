"""The table of functions: each is a row that says what it is called, what it takes, and the type it gives.

A row is what users call (``Lower("name")``), and, if it has a word, a transform in paths (``name__lower="ann"``). Its
SQL is a template over ``{0}``, ``{1}``, …; ``{*}`` stands for all arguments, and ``{1|text}`` for one that may be
left out.
Where the SQL depends on the type of the first argument, it is a table of templates by the type's name, or by its kind:
``"range"`` stands for every range.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from chakra.errors import FieldError
from chakra.expressions.base import Expression, TypedExpression
from chakra.expressions.rules import NUMBERS, TEXT_TYPES
from chakra.expressions.values import as_argument
from chakra.pg.quoting import quote_qualified
from chakra.pg.types import FLOAT8, INT4, TEXT, PgType

T = TypeVar("T")

Rule: TypeAlias = "Callable[[Sequence[PgType | None]], PgType | None]"
"""The type of a result by those of the arguments, where it depends on them; ``None`` = only the server knows."""


class Kind(NamedTuple):
    """What an argument has to be.

    Attributes:
        types: names, or kinds, of types that are taken as they are; empty = all.
        literal: the type of a literal; ``None`` = that of its Python class.
        cast: what values of other types are cast to; ``None`` = they are not.
        like: whether a literal is of the first argument's type, or of that of another argument where it is the first.
        only: whether values of other types are refused.
        part: whether it is an element of the first argument, as a literal and else.
    """

    name: str
    types: frozenset[str] = frozenset()
    literal: PgType | None = None
    cast: PgType | None = None
    like: bool = False
    only: bool = False
    part: bool = False

    def takes(self, type_: PgType) -> bool:
        """Whether values of a type are taken as they are."""
        return not self.types or type_.base.name in self.types or type_.base.kind in self.types


ANY = Kind("value")
STRING = Kind("text", TEXT_TYPES, TEXT, TEXT)
COUNT = Kind("whole number", frozenset({"int2", "int4"}), INT4, INT4)
NUMBER = Kind("number", NUMBERS)
REAL = Kind("number", NUMBERS, FLOAT8)


def of_type(type_: PgType) -> Kind:
    """An argument of one type, which others are cast to."""
    return Kind(type_.sql, frozenset({type_.name}), type_, type_)


@dataclass(frozen=True, eq=False)
class Function(Generic[T]):
    """One function: a row of the table, and what makes calls of it.

    Attributes:
        name: what users and errors call it.
        sql: the template, or templates by the type of the first argument (``""`` = any other).
        takes: its arguments; with ``more``, the last may come several times.
        type: of the result.
        word: what it is called in paths; empty = it is no transform.
        least: how many arguments it needs; ``None`` = all.
        strict: whether it is NULL where an argument is, and, if it is not ``partial``, nowhere else.
        partial: whether it may be NULL where no argument is.
        widest: whether numbers are all taken for the widest of them, whichever comes first.
        known: whether nothing of the user's runs in it.
        bilateral: whether what its result is compared with goes through it as well.
    """

    name: str
    sql: str | Mapping[str, str]
    takes: tuple[Kind, ...]
    type: PgType | Rule | None
    word: str = ""
    least: int | None = None
    more: bool = False
    strict: bool = True
    known: bool = True
    bilateral: bool = False
    partial: bool = False
    widest: bool = False
    words: frozenset[str] = field(init=False)
    """Names, or kinds, of the types of whose values it is a transform."""

    def __post_init__(self) -> None:
        named = frozenset(self.sql) if isinstance(self.sql, Mapping) else frozenset[str]()
        own = self.takes[0].types if self.takes else named
        words = named | own if "" in named or not named else named
        object.__setattr__(self, "words", words - {""})
        if self.word:
            others = TRANSFORMS.get(self.word, ())
            for other in others:
                if not (self.words and other.words) or self.words & other.words:
                    raise FieldError(f"there is a transform {self.word!r} already: {other.name}")
            TRANSFORMS[self.word] = (*others, self)

    def __call__(self, *arguments: Any) -> Call[T]:
        """A call: of names of fields, expressions and plain values; a text is ``Value("…")``.

        Raises:
            FieldError: it takes more arguments, or fewer.
        """
        least, most = self.least if self.least is not None else len(self.takes), len(self.takes)
        if not (least <= len(arguments) and (self.more or len(arguments) <= most)):
            shown = ", ".join(kind.name for kind in self.takes) + (", …" if self.more else "")
            raise FieldError(f"{self.name}() takes ({shown}), not {len(arguments)} arguments")
        return Call(self, tuple(map(as_argument, arguments)))

    def kind(self, position: int) -> Kind:
        """What the argument at a position has to be."""
        return self.takes[min(position, len(self.takes) - 1)]

    def template(self, first: PgType | None) -> str:
        """The SQL for a first argument of a type.

        Raises:
            FieldError: it takes none of that type, or its SQL depends on the type and nobody knows that.
        """
        if isinstance(self.sql, str):
            return self.sql
        base = None if first is None else first.base
        found = None if base is None else self.sql.get(base.name) or self.sql.get(base.kind)
        found = found or self.sql.get("")
        if found is None:
            taken = ", ".join(name for name in self.sql)
            what = "a type that only the server knows; say it: Cast(…, type)" if first is None else first.sql
            raise FieldError(f"{self.name}() takes {taken}, not {what}")
        return found

    def reads(self, type_: PgType) -> bool:
        """Whether it is a transform of values of a type."""
        base = type_.base
        return base.name in self.words or base.kind in self.words

    def result(self, types: Sequence[PgType | None]) -> PgType | None:
        """The type of the result for arguments of those types; ``None`` where only the server knows."""
        if self.type is None or isinstance(self.type, PgType):
            return self.type
        return self.type(types)

    def __repr__(self) -> str:
        return self.name


class Call(TypedExpression[T]):
    """A row of the table of functions, applied to arguments."""

    __slots__ = ("arguments", "function")

    def __init__(self, function: Function[T], arguments: tuple[Expression, ...]) -> None:
        self.function = function
        self.arguments = arguments

    @property
    def children(self) -> tuple[Expression, ...]:
        return self.arguments

    def rebuild(self, children: tuple[Expression, ...]) -> Call[T]:
        return Call(self.function, children)

    def own_shape(self) -> Hashable:
        return self.function

    def __repr__(self) -> str:
        return f"{self.function.name}({', '.join(map(repr, self.arguments))})"


TRANSFORMS: dict[str, tuple[Function[Any], ...]] = {}
"""The functions that are transforms in paths, by their words: one, or several for values of different types."""


def find_transform(word: str, left: PgType | None) -> Function[Any] | None:
    """The transform that a word means for values of a type; ``None`` if there is none."""
    if left is None:
        return None
    return next((each for each in TRANSFORMS.get(word, ()) if each.reads(left)), None)


_WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")


def check_word(word: str, known: Mapping[str, Any], what: str) -> None:
    """Refuse what is no word of a path, or one that is taken.

    Raises:
        FieldError: it is.
    """
    if not isinstance(word, str) or _WORD.match(word) is None:
        raise FieldError(f"{what} are small letters, digits and single underscores, not {word!r}")
    if word in known or word in TRANSFORMS or word in ("isnull", "pk"):
        raise FieldError(f"{word!r} means something in paths already; choose another word")


def first(types: Sequence[PgType | None]) -> PgType | None:
    """The rule of functions that give what their first argument is."""
    return None if types[0] is None else types[0].base


def register_function(
    name: str, *takes: PgType, type: PgType | None = None, schema: str | None = None, transform: str = ""
) -> Function[Any]:
    """Add a function of your database: ``slug = register_function("slug", Text, type=Text, schema="app")``.

    Args:
        name: the function's, as the catalog has it; it is quoted.
        takes: the types of its arguments, which literals are sent as.
        type: of its result; without it the server is asked where the type matters.
        schema: the function's, where the search path does not find it.
        transform: what it is called in paths (``title__slug="a-b"``), for values of the first argument's type.

    Returns:
        What makes calls of it: ``slug("title")``.

    Raises:
        FieldError: the name is none, or the word is none or means something already.
    """
    for given in (*takes, *(() if type is None else (type,))):
        if not isinstance(given, PgType):
            raise FieldError(
                f"register_function({name!r}) takes chakra.types, such as Integer, not {given!r}"
            )
    if not isinstance(name, str):
        raise FieldError(f"register_function() takes the name of a function, not {name!r}")
    if transform:
        check_word(transform, {}, "transforms")
        if len(takes) != 1:
            raise FieldError(f"register_function({name!r}): a transform takes one argument, not {len(takes)}")
    quoted = quote_qualified(schema, name).replace("{", "{{")
    kinds = tuple(
        [STRING if t.name in TEXT_TYPES else Kind(t.sql, frozenset({t.base.name}), t) for t in takes]
    )
    return Function[Any](name, f"{quoted}({{*}})", kinds, type, transform, strict=False, known=False)


__all__ = [
    "ANY", "COUNT", "NUMBER", "REAL", "STRING", "TRANSFORMS", "Call", "Function", "Kind", "check_word",
    "find_transform", "first", "of_type", "register_function",
]  # fmt: skip
