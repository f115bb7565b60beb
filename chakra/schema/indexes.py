"""Indexes as data; knows no model, no SQL, no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chakra.errors import FieldError
from chakra.schema.terms import Given, Name, Term, condition_of, named, parameters, term_of


@dataclass(frozen=True, init=False)
class Index:
    """An index: ``Index("author", "-created")``, ``Index(Lower("name"), where=Q(active=True))``.

    Args:
        terms: names of fields (a leading ``-`` means descending; a relation stands for the fields of its key),
            expressions over the model's own fields (``Lower("name")``, ``F("a") + F("b")``), either with a direction
            (``F("a").desc(nulls="last")``) or an operator class (``OpClass``), or SQL in parentheses:
            ``"(lower(name))"``.
        name: name in the database; made of table and columns if not given.
        unique: whether the index forbids duplicates.
        method: access method: ``btree``, ``hash``, ``gin``, ``gist``, ``spgist``, ``brin``; of extensions ``hnsw``,
            ``ivfflat``, ``bloom`` and others.
        where: condition of a partial index: ``Q(active=True)``, a typed expression, or SQL text.
        include: names of fields that the index holds besides, so that queries need not look into the table.
        opclasses: operator class of each term, ``None`` for the default one; or one text for the only term.
        with_: storage parameters: ``{"fillfactor": 70}``, ``{"m": 16, "ef_construction": 64}``.
        nulls_not_distinct: whether a unique index takes one NULL only (PostgreSQL 15).
        tablespace: where it is stored.

    Raises:
        FieldError: there is no term, or one is neither a name nor an expression; words contradict each other.
    """

    terms: tuple[Term, ...]
    name: str | None
    unique: bool
    method: str
    where: str | Given | None
    include: tuple[str, ...]
    with_: tuple[tuple[str, str], ...]
    nulls_not_distinct: bool
    tablespace: str | None

    def __init__(
        self,
        *terms: Any,
        name: str | None = None,
        unique: bool = False,
        method: str = "btree",
        where: Any = None,
        include: Sequence[str] | str = (),
        opclasses: Sequence[Name | None] | str = (),
        with_: Mapping[str, Any] | Sequence[tuple[str, str]] = (),
        nulls_not_distinct: bool = False,
        tablespace: str | None = None,
    ) -> None:
        where_ = "an Index" if name is None else f"the Index {name!r}"
        if not terms:
            raise FieldError("an Index needs at least one column")
        if nulls_not_distinct and not unique:
            raise FieldError(
                f"{where_}: nulls_not_distinct= says which rows are equal, which needs unique=True"
            )
        found = with_opclasses(tuple([term_of(term, where_) for term in terms]), opclasses, where_)
        if not isinstance(method, str) or not method:
            raise FieldError(f"{where_}: method={method!r} is no access method, such as 'gin'")
        values = {
            "terms": found,
            "name": name,
            "unique": unique,
            "method": method.lower(),
            "where": condition_of(where, f"{where_}: where="),
            "include": included(include, where_),
            "with_": parameters(dict(with_), f"{where_}: with_="),
            "nulls_not_distinct": nulls_not_distinct,
            "tablespace": tablespace,
        }
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)

    @property
    def columns(self) -> tuple[str, ...]:
        """The terms as text: attributes, expressions in parentheses, with ``-`` before what is descending."""
        return tuple([term.text for term in self.terms])

    @property
    def plain(self) -> bool:
        """Whether it is an index over columns that says nothing beyond their order."""
        return (
            all(term.plain and term.nulls is None for term in self.terms)
            and self.where is None
            and not (self.include or self.with_ or self.nulls_not_distinct or self.tablespace)
        )

    @property
    def key(self) -> tuple[str, ...] | None:
        """The attributes of which no two rows have the same values, if it is a unique index over all rows."""
        if not self.unique or self.where is not None or any(t.column is None for t in self.terms):
            return None
        return tuple([term.column for term in self.terms if term.column is not None])


def with_opclasses(
    terms: tuple[Term, ...], opclasses: Sequence[Name | None] | str, where: str
) -> tuple[Term, ...]:
    """The terms with the operator classes that stand beside them.

    Raises:
        FieldError: their number differs, or a term has one already.
    """
    given = (opclasses,) if isinstance(opclasses, str) else tuple(opclasses)
    if not given:
        return terms
    if len(given) != len(terms):
        raise FieldError(f"{where}: {len(terms)} terms and {len(given)} opclasses; None is the default one")
    found: list[Term] = []
    for term, opclass in zip(terms, given, strict=True):
        if opclass and term.opclass is not None:
            raise FieldError(f"{where}: {term.text} has the operator class {term.opclass!r} already")
        found.append(replace(term, opclass=named(opclass, where)) if opclass else term)
    return tuple(found)


def included(given: Sequence[str] | str, where: str) -> tuple[str, ...]:
    """Names of fields that an index holds besides its terms.

    Raises:
        FieldError: something else than names was given.
    """
    names = (given,) if isinstance(given, str) else tuple(given)
    if not all(isinstance(name, str) and name for name in names):
        raise FieldError(f"{where}: include={given!r} takes names of fields; expressions cannot be included")
    return names


__all__ = ["Index", "included", "with_opclasses"]
