"""Keys and conditions of tables as data; knows no model, no SQL, no server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chakra.errors import FieldError
from chakra.schema.indexes import included, with_opclasses
from chakra.schema.terms import Given, Name, Term, condition_of, named, term_of

OnDelete = Literal["no action", "restrict", "cascade", "set null", "set default"]
ON_DELETE: tuple[str, ...] = ("no action", "restrict", "cascade", "set null", "set default")
Match = Literal["simple", "full"]
MATCH: tuple[str, ...] = ("simple", "full")
Deferrable = Literal["deferred", "immediate"]


def deferral(given: Any, where: str) -> Deferrable | None:
    """When a deferrable constraint is checked unless a transaction says otherwise; ``None`` = it is not deferrable.

    Args:
        given: ``"deferred"`` (or ``True``): at the end of the transaction; ``"immediate"``: with each statement, until
            SET CONSTRAINTS says otherwise.

    Raises:
        FieldError: it is none of them.
    """
    if given is None or given is False:
        return None
    if given is True:
        return "deferred"
    if isinstance(given, str) and given.lower() in ("deferred", "immediate"):
        return "deferred" if given.lower() == "deferred" else "immediate"
    raise FieldError(f'{where}: deferrable={given!r}: it is True or "deferred", "immediate", or False')


@dataclass(frozen=True)
class ForeignKeyConstraint:
    """``FOREIGN KEY (columns) REFERENCES target (target_columns)``, all by database name.

    Attributes:
        deferrable: ``"deferred"``, ``"immediate"`` or ``None``; ``True`` is taken as ``"deferred"``.
        set_columns: which of the columns ``on_delete`` sets to NULL or to their defaults; empty = all.
        on_update: what becomes of the key where that of its target changes.
        match: whether a key that is NULL in part leads nowhere (``"simple"``), or is refused (``"full"``).
        name: made of table and columns if not given.
    """

    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    target_schema: str | None = None
    on_delete: OnDelete = "no action"
    deferrable: Deferrable | bool | None = None
    set_columns: tuple[str, ...] = ()
    on_update: OnDelete = "no action"
    match: Match = "simple"
    name: str | None = None

    def __post_init__(self) -> None:
        when = deferral(self.deferrable, f"the key ({', '.join(self.columns)})")
        object.__setattr__(self, "deferrable", when)


@dataclass(frozen=True, init=False)
class Unique:
    """No two rows have the same values: ``Unique("tenant", "code")``.

    With a condition, an expression, an operator class or a collation it becomes a unique index, which is what
    PostgreSQL has for it; errors name it all the same.

    Args:
        terms: as for ``Index``.
        name: name in the database; made of table and columns if not given.
        where: condition: it holds among rows of which this is true.
        include: names of fields that its index holds besides.
        deferrable: ``"deferred"`` (or ``True``): checked at the end of the transaction; ``"immediate"``: with each
            statement, until SET CONSTRAINTS says otherwise. Conflict clauses cannot use such a constraint.
        nulls_not_distinct: whether two NULLs are equal (PostgreSQL 15).
        opclasses: operator class of each term, as for ``Index``.

    Raises:
        FieldError: there is no term, or one is neither a name nor an expression; words contradict each other.
    """

    terms: tuple[Term, ...]
    name: str | None
    where: str | Given | None
    include: tuple[str, ...]
    deferrable: Deferrable | None
    nulls_not_distinct: bool

    def __init__(
        self,
        *terms: Any,
        name: str | None = None,
        where: Any = None,
        include: Sequence[str] | str = (),
        deferrable: Deferrable | bool | None = None,
        nulls_not_distinct: bool = False,
        opclasses: Sequence[Name | None] | str = (),
    ) -> None:
        where_ = "a Unique constraint" if name is None else f"the Unique {name!r}"
        if not terms:
            raise FieldError("a Unique constraint needs at least one column")
        values = {
            "terms": with_opclasses(tuple([term_of(term, where_) for term in terms]), opclasses, where_),
            "name": name,
            "where": condition_of(where, f"{where_}: where="),
            "include": included(include, where_),
            "deferrable": deferral(deferrable, where_),
            "nulls_not_distinct": nulls_not_distinct,
        }
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)

    @property
    def columns(self) -> tuple[str, ...]:
        """The terms as text: attributes, and expressions in parentheses."""
        return tuple([term.text for term in self.terms])

    @property
    def is_constraint(self) -> bool:
        """Whether PostgreSQL has a constraint for it, and not only an index."""
        return self.where is None and all(term.simple for term in self.terms)


@dataclass(frozen=True, init=False)
class Check:
    """A condition that every row fulfils: ``Check(Q(price__gt=0))``, ``Check("price > 0")``.

    As everywhere in SQL, a row for which it is NULL passes.

    Args:
        condition: ``Q(…)``, a typed expression (``F("ends") > F("starts")``), or SQL text.
        name: name in the database; made of the table's if not given.
        no_inherit: whether tables that inherit from this one are free of it.

    Raises:
        FieldError: it is no condition, or an empty one.
    """

    condition: str | Given
    name: str | None
    no_inherit: bool

    def __init__(self, condition: Any, *, name: str | None = None, no_inherit: bool = False) -> None:
        found = condition_of(condition, "a Check" if name is None else f"the Check {name!r}")
        if found is None:
            raise FieldError("a Check needs a condition")
        object.__setattr__(self, "condition", found)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "no_inherit", no_inherit)


_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]{1,63}\Z")  # manual, "Lexical Structure": Operators


@dataclass(frozen=True, init=False)
class Exclude:
    """No two rows for which all comparisons hold: ``Exclude(("room", "="), ("during", "&&"))``.

    Args:
        pairs: a term as for ``Index``, and an operator that is the same both ways round; ``(schema, operator)`` where
            the search path does not find it.
        name: name in the database; made of table and columns if not given.
        method: access method of its index. ``gist`` compares numbers and texts by ``=`` with the extension
            ``btree_gist``.
        where: condition: it holds among rows of which this is true.
        include: names of fields that its index holds besides.
        deferrable: as for ``Unique``.

    Raises:
        FieldError: there is no pair, or something else than a pair; an operator is none.
    """

    terms: tuple[Term, ...]
    operators: tuple[Name, ...]
    name: str | None
    method: str
    where: str | Given | None
    include: tuple[str, ...]
    deferrable: Deferrable | None

    def __init__(
        self,
        *pairs: tuple[Any, Name],
        name: str | None = None,
        method: str = "gist",
        where: Any = None,
        include: Sequence[str] | str = (),
        deferrable: Deferrable | bool | None = None,
    ) -> None:
        where_ = "an Exclude" if name is None else f"the Exclude {name!r}"
        if not pairs:
            raise FieldError('an Exclude needs a term and an operator: Exclude(("during", "&&"))')
        for pair in pairs:
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise FieldError(
                    f'{where_} takes pairs of a term and an operator, ("during", "&&"), not {pair!r}'
                )
        values = {
            "terms": tuple([term_of(term, where_) for term, _ in pairs]),
            "operators": tuple([_operator(operator, where_) for _, operator in pairs]),
            "name": name,
            "method": method.lower(),
            "where": condition_of(where, f"{where_}: where="),
            "include": included(include, where_),
            "deferrable": deferral(deferrable, where_),
        }
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)

    @property
    def columns(self) -> tuple[str, ...]:
        """The terms as text: attributes, and expressions in parentheses."""
        return tuple([term.text for term in self.terms])


def _operator(given: Any, where: str) -> Name:
    sign = named(given, where)
    bare = sign if isinstance(sign, str) else sign[1]
    if _OPERATOR.match(bare) is None or "--" in bare or "/*" in bare:
        raise FieldError(f"{where}: {given!r} is no operator, such as '=' or '&&'")
    return sign


__all__ = [
    "MATCH",
    "ON_DELETE",
    "Check",
    "Deferrable",
    "Exclude",
    "ForeignKeyConstraint",
    "Match",
    "OnDelete",
    "Unique",
    "deferral",
]
