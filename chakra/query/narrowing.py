"""Which rows a queryset means, in which order, and whether they are locked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar, overload

from chakra._late import late
from chakra.errors import QueryError
from chakra.expressions import Combined, Expression, Lookup, Not, Order, Value
from chakra.pg.types import FLOAT4, FLOAT8
from chakra.query.base import R_co
from chakra.query.not_a_list import check_field, conditions_of, given_items
from chakra.query.positions import Positioning
from chakra.sql import Sample

if TYPE_CHECKING:
    from chakra.db import Executor
    from chakra.query.checks import given_database, row_count
    from chakra.query.options import flag
else:
    late(globals(), "chakra.query.checks", "given_database row_count")
    late(globals(), "chakra.query.options", "flag")


S_contra = TypeVar("S_contra", contravariant=True)
Q = TypeVar("Q")
Q_co = TypeVar("Q_co", covariant=True)

DOOR = "__chakra_using__"


class Door(Protocol[S_contra, Q_co]):
    """What stands for a database and gives queries of its own, such as those with plain calls."""

    def __chakra_using__(self, query: S_contra, /) -> Q_co: ...


_SAYING = frozenset({Lookup, Combined, Not})
"""Classes of conditions that always say something."""

_TERMS = (str, Order, Expression)
UNSAID: Any = object()
"""What is not said at all, where ``None`` is."""

METHODS = {"system": "SYSTEM", "bernoulli": "BERNOULLI"}
"""How ``sample`` draws rows."""

STRENGTHS = {"no_key": "NO KEY UPDATE", "share": "SHARE", "key_share": "KEY SHARE"}
"""What ``select_for_update`` takes in place of ``FOR UPDATE``."""


def turned(term: Any) -> Any:
    """A term of ``order_by`` the other way round; what is none stays for the check there."""
    if isinstance(term, str):
        if term.startswith("--"):
            return term
        return term[1:] if term.startswith("-") else f"-{term}"
    if isinstance(term, Order):
        return term.reversed()
    return Order(term, True) if isinstance(term, Expression) else term


class Narrowing(Positioning[R_co]):
    """The methods of ``QuerySet`` that take rows away or put them in order."""

    __slots__ = ()

    def filter(self, /, *conditions: Expression, **lookups: Any) -> Self:
        """Keep rows for which all conditions hold: ``filter(User.age > 18, User.active, name__startswith="A")``."""
        return self._filtered(False, conditions, lookups)

    def exclude(self, /, *conditions: Expression, **lookups: Any) -> Self:
        """Drop rows for which all conditions hold; rows for which they are NULL stay."""
        return self._filtered(True, conditions, lookups)

    def _filtered(self, negated: bool, given: tuple[Any, ...], lookups: dict[str, Any]) -> Self:
        select = self._select
        if select.limit is not None or select.offset is not None:
            self._not_sliced("filtered", "filter")
        for condition in given:
            if condition.__class__ not in _SAYING:
                given = conditions_of(given)
                break
        if not given and not lookups:
            return self
        return self._with(select.filtered(negated, given, lookups))

    def all(self) -> Self:
        """Return the same rows; ``await qs.all()`` reads like a sentence."""
        return self

    def none(self) -> Self:
        """Return a query without rows."""
        return self._clauses(nothing=True)

    @overload
    def using(self, database: Executor | str) -> Self: ...

    @overload
    def using(self, database: Door[Self, Q]) -> Q: ...

    def using(self, database: Any) -> Any:
        """Return the query on another database, a pinned connection, or, with plain calls, a database of
        ``chakra.sync``.

        Args:
            database: it, or its name: ``"replica"`` for the replicas of the default database, ``"default"`` for
                itself, or the ``alias=`` another one was connected with.

        Raises:
            FieldError: it is none of these.
            ConfigError: no database that is connected here is called so.
        """
        door = getattr(type(database), DOOR, None)
        if door is not None:
            return door(database, self)
        found = given_database(database, "using()")
        new = self._with(self._select)
        new._database = found
        return new

    def order_by(self, *terms: str | Order | Expression) -> Self:
        """Sort by names (``"-created_at"``), expressions or ``Order`` terms; none at all removes the order.

        Raises:
            FieldError: a term is none of these, or the query is sliced.
        """
        for term in terms:
            if term.__class__ is not str and not isinstance(term, _TERMS):
                raise QueryError(f"order_by() takes names and expressions, not {term!r}")
        select = self._select
        if select.limit is not None or select.offset is not None:
            self._not_sliced("reordered", "order")
        if select.more is not None and select.more.keyed is not None:
            raise QueryError(
                "a query cut by after() or before() cannot be reordered, for these are about its order"
            )
        select = select.copy()
        select.order = terms
        select.backwards = False
        return self._with(select)

    def reverse(self) -> Self:
        """Turn the order round (by primary key if there is none).

        Raises:
            FieldError: the query is sliced.
        """
        self._not_sliced("reversed", "reverse")
        select = self._select.copy()
        select.backwards = not select.backwards
        return self._with(select)

    def distinct(self, *fields: str | Expression) -> Self:
        """Drop duplicate rows; with fields or expressions, keep the first row for each combination of their values.

        Raises:
            FieldError: the query is sliced, or a name is none.
        """
        self._not_sliced("made distinct", "distinct")
        for name in fields:
            check_field("distinct", name, computed=True)
        return self._clauses(distinct=fields)

    def sample(
        self,
        percent: float | Decimal,
        *,
        method: Literal["system", "bernoulli"] = "system",
        seed: float | None = None,
    ) -> Self:
        """Look only at a part of the table's rows, drawn at random by the server (``TABLESAMPLE``), before all filters.

        Args:
            percent: how many of them, from 0 to 100.
            method: ``"system"`` draws pages of the table and reads no others: fast, and rows that stand together come
                together. ``"bernoulli"`` draws each row by itself and reads the whole table.
            seed: a number that draws the same rows again while the table stays as it is.

        Raises:
            FieldError: no such share, method or seed; or the rows are not those of a table.
        """
        if type(percent) not in (int, float, Decimal) or not 0 <= percent <= 100:
            raise QueryError(f"sample() takes a share from 0 to 100 percent, not {percent!r}")
        if not isinstance(method, str) or method not in METHODS:
            raise QueryError(f"sample(method=…) is one of {', '.join(map(repr, METHODS))}, not {method!r}")
        if seed is not None and (type(seed) not in (int, float) or not math.isfinite(seed)):
            raise QueryError(f"sample(seed=…) is a number, not {seed!r}")
        share = Value(float(percent), FLOAT4)
        drawn = Sample(METHODS[method], share, None if seed is None else Value(float(seed), FLOAT8))
        return self._clauses(sample=drawn)

    def limit(self, count: int | None, *, after: Any = UNSAID) -> Self:
        """Return at most ``count`` rows; ``None`` lifts a limit.

        Args:
            after: the position behind which they begin: ``limit(20, after=last)`` is ``after(last).limit(20)``.
        """
        if after is not UNSAID:
            return self.after(after).limit(count)
        select = self._select.copy()
        select.limit = count if type(count) is int and count >= 0 else row_count("limit", count)
        return self._with(select)

    def offset(self, count: int | None) -> Self:
        """Skip ``count`` rows."""
        select = self._select.copy()
        select.offset = row_count("offset", count) or None
        return self._with(select)

    def _slice(self, key: slice) -> Self:
        start = key.start or 0
        select = self._select.copy()
        limit = None if key.stop is None else max(key.stop - start, 0)
        if select.limit is not None:
            rest = max(select.limit - start, 0)
            limit = rest if limit is None else min(limit, rest)
        select.limit, select.offset = limit, ((select.offset or 0) + start) or None
        return self._with(select)

    def select_for_update(
        self,
        *,
        nowait: bool = False,
        skip_locked: bool = False,
        of: Sequence[str] = (),
        no_key: bool = False,
        share: bool = False,
        key_share: bool = False,
    ) -> Self:
        """Lock the rows until the transaction ends; reading them outside of one is an error.

        Args:
            nowait: raise ``QueryCancelled`` instead of waiting for another transaction.
            skip_locked: leave out rows that another transaction has locked.
            of: relations whose rows are locked (``"self"`` = the query's own table, and what is locked if
                nothing is named).
            no_key: take the weaker ``FOR NO KEY UPDATE``, which lets others refer to the rows by foreign keys.
            share: take ``FOR SHARE``, which others may take as well, and which keeps the rows as they are.
            key_share: take ``FOR KEY SHARE``, the weakest, which keeps the rows and their keys.

        Raises:
            FieldError: both ``nowait`` and ``skip_locked``, two strengths, or what is no name of a relation.
        """
        said = {
            "nowait": nowait,
            "skip_locked": skip_locked,
            "no_key": no_key,
            "share": share,
            "key_share": key_share,
        }
        for name, value in said.items():
            flag(name, value)
        if nowait and skip_locked:
            raise QueryError("select_for_update() takes nowait or skip_locked, not both")
        chosen = [name for name in STRENGTHS if said[name]]
        if len(chosen) > 1:
            raise QueryError(f"select_for_update() takes one strength, not {' and '.join(chosen)}")
        strength = STRENGTHS[chosen[0]] if chosen else "UPDATE"
        wait = " NOWAIT" if nowait else " SKIP LOCKED" if skip_locked else ""
        names = (
            (of,) if isinstance(of, str) else tuple(given_items("select_for_update(of=…)", of, "relations"))
        )
        for name in names:
            if not isinstance(name, str):
                raise QueryError(f"select_for_update(of=…) takes names of relations, not {name!r}")
        return self._clauses(lock=(strength, names, wait))


__all__ = ["Narrowing", "turned"]
