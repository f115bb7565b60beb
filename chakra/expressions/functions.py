"""Functions of the server, by name."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

from chakra.errors import FieldError
from chakra.expressions.base import Expression
from chakra.expressions.values import F, as_expression
from chakra.pg.types import PgType

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


class Func(Expression):
    """A call of a function of the server: ``Func("lower", "title")``, ``Func("app.tax", F("price"), 0.2)``.

    Args:
        name: the function, with its schema where the search path does not find it. It is SQL, and no place for what
            users of a program enter: who may name a function may run any.
        arguments: names of fields and expressions; other values are parameters. A text is ``Value("…")``.
        type: what the result is cast to (``chakra.types``); without it the result has the type that the server says.

    Raises:
        FieldError: the name is no identifier of letters, digits and underscores, or several joined by dots.
    """

    __slots__ = ("arguments", "name", "type")

    def __init__(self, name: str, *arguments: Any, type: PgType | None = None) -> None:
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise FieldError(
                f"Func() takes the name of a function, such as 'lower' or 'app.tax', not {name!r}: letters, digits and "
                "underscores, with a dot behind its schema"
            )
        if type is not None and not isinstance(type, PgType):
            raise FieldError(f"Func({name!r}): type= is one of chakra.types, not {type!r}")
        self.name = name
        self.arguments = tuple([F(a) if isinstance(a, str) else as_expression(a) for a in arguments])
        self.type = type

    @property
    def children(self) -> tuple[Expression, ...]:
        return self.arguments

    def rebuild(self, children: tuple[Expression, ...]) -> Func:
        new = Func.__new__(Func)
        new.name, new.arguments, new.type = self.name, children, self.type
        return new

    def own_shape(self) -> Hashable:
        return self.name, self.type

    def __repr__(self) -> str:
        return f"Func({', '.join(map(repr, (self.name, *self.arguments)))})"


__all__ = ["Func"]
