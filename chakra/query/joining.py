"""Queries in WITH and in FROM: ``with_``, ``join`` and ``lateral``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from chakra._late import late
from chakra.errors import FieldError
from chakra.expressions import Condition, Expression, as_condition
from chakra.query.base import R_co
from chakra.query.combining import Combining
from chakra.sql.loaded import SEPARATOR

if TYPE_CHECKING:
    from chakra.query.checks import value_name
    from chakra.query.ctes import CTE, Query, taken
    from chakra.query.options import flag
    from chakra.sql import Described, Join, described, key_between, pairs_of, with_clause
else:
    late(globals(), "chakra.query.checks", "value_name")
    late(globals(), "chakra.query.ctes", "CTE taken")
    late(globals(), "chakra.query.options", "flag")
    late(globals(), "chakra.sql", "Join described key_between pairs_of with_clause")


class Joining(Combining[R_co]):
    """The methods of ``QuerySet`` that put queries beside its rows."""

    __slots__ = ()

    def with_(self, /, **queries: Query | CTE) -> Self:
        """Put queries in WITH: ``Author.objects.with_(totals=Post.objects.values("author").annotate(n=Count("*")))``.

        Their values are named by paths, ``totals__n``, in everything that takes the name of a field, as if a relation
        led there: by the primary key of this query's table among the values, else by a foreign key to it, else by one
        of its own to the rows, else by one that both have. Rows without a partner have NULL there. Where no key says
        it, ``join("totals", on=…)`` does.

        Args:
            queries: querysets, or CTEs, which say more (``CTE(query, materialized=True)``, ``CTE.recursive(…)``).

        Raises:
            FieldError: not a query; a name that is none, or taken.
        """
        new: Self = self
        for name, query in queries.items():
            new._check_name("with_", name)
            cte = query if isinstance(query, CTE) else CTE(query)
            clause = with_clause(self.table, name, CTE.__chakra_cte__(cte))
            new = new._clauses(withs=(*new._select.clauses.withs, clause))
        return new

    def join(
        self,
        /,
        *names: str,
        on: Condition | str | Iterable[str] | bool | None = None,
        left: bool = False,
        **queries: Query | CTE,
    ) -> Self:
        """Join the rows of queries, whose values paths name: ``join(best=query, on=Q(id=F("best__post")))``.

        A row comes once for each row that it is joined to, and not at all if there is none, as in SQL.

        Args:
            names: of queries that ``with_`` put in WITH.
            on: a condition, or names of fields that both have. Left out, a key decides, as for ``with_``; ``True``:
                every row with every other.
            left: whether rows stay to which none is joined.
            queries: querysets, which stand in FROM, or CTEs.

        Raises:
            FieldError: no key, or several, tie the rows to these; not a query; a name that is none, or taken.
        """
        if not names and not queries:
            raise FieldError(
                "join() takes a query under a name, join(best=query), or the name of one in with_()"
            )
        flag("left", left)
        new: Self = self
        withs = {each.name: each.cte for each in self._select.clauses.withs}
        for name in names:
            if not isinstance(name, str):
                raise FieldError(
                    "join() takes a query under a name, join(best=query), by which paths find it"
                )
            if name not in withs:
                there = ", ".join(withs) or "none"
                raise FieldError(
                    f"join({name!r}): with_() put no query of that name in WITH (there are {there}); "
                    f"join({name}=query) takes any"
                )
            new = new._joined(name, withs[name], withs[name].described, on, left)
        for name, query in queries.items():
            new._check_name("join", name)
            if isinstance(query, CTE):
                cte = CTE.__chakra_cte__(query)
                new = new._joined(name, cte, cte.described, on, left)
                continue
            select, database = taken(query, f"join({name}=…)")
            found = described(select, f"join({name}=…)")
            new = new._joined(name, found.rows, found, on, left, database=database)
        return new

    def lateral(self, /, *, left: bool = False, on: Condition | None = None, **queries: Query) -> Self:
        """Join the rows that a query gives for each row, of which ``OuterRef`` in it names values:
        ``Author.objects.lateral(latest=Post.objects.filter(author=OuterRef("pk")).order_by("-id")[:3])``.

        Paths name its values, ``latest__title``. A row comes once for each row that it is joined to.

        Args:
            left: whether rows stay for which the query gives none.
            on: a condition on both.
            queries: querysets.

        Raises:
            FieldError: not a query; a name that is none, or taken.
        """
        if not queries:
            raise FieldError("lateral() takes a query under a name: lateral(latest=query)")
        new: Self = self
        for name, query in queries.items():
            new._check_name("lateral", name)
            if hasattr(query, "__chakra_cte__"):
                raise FieldError(
                    f"lateral({name}=…): a query in WITH is computed once, not for each row; lateral({name}=cte.objects"
                    ".filter(…)) asks it for each"
                )
            select, database = taken(query, f"lateral({name}=…)")
            found = described(select, f"lateral({name}=…)", new._select)
            new = new._joined(
                name, found.rows, found, True if on is None else on, left, lateral=True, database=database
            )
        return new

    def _joined(
        self,
        name: str,
        rows: Any,
        found: Described,
        on: Any,
        left: bool,
        *,
        lateral: bool = False,
        database: Any = None,
    ) -> Self:
        method = "lateral" if lateral else "join"
        self._not_sliced("joined", method)
        select = self._select
        clauses = select.clauses
        if clauses.groups or clauses.distinct is not None:
            raise FieldError(
                f"{method}() joins rows, and those of this query are grouped or distinct already; put it into a CTE, "
                f"and join that, or {method} first"
            )
        if name in [each.name for each in clauses.joins]:
            raise FieldError(f"{method}(): {name!r} is joined already")
        what = f"{method}({name}=…)"
        if on is None:
            key = key_between(self.table, found)
            if isinstance(key, str):
                raise FieldError(
                    f"{what}: {key}; say which rows of {found.table.title} belong to one of {self.table.title}: "
                    f'on=Q(field=F("{name}__field")), or on="field" for one that both have'
                )
            on = key.pairs
        elif on is True:
            on = None
        elif isinstance(on, Expression):
            on = as_condition(on)
        else:
            given = (on,) if isinstance(on, str) else tuple(on) if isinstance(on, Iterable) else (on,)
            if isinstance(on, Mapping):
                pairs = [f'Q({one}=F("{name}__{other}"))' for one, other in on.items()]
                raise FieldError(f"{what}: on= is a condition, not a dict: on={' & '.join(pairs)}")
            if not given or not all(isinstance(each, str) for each in given):
                raise FieldError(
                    f"{what}: on= is a condition, names of fields that both have, or True, not {on!r}"
                )
            on = pairs_of(self.table, found.table, given, what)
        join = Join(name, rows, found.table, on, flag("left", left), lateral, database)
        return self._clauses(joins=(*clauses.joins, join))

    def _check_name(self, method: str, name: str) -> None:
        """Check the name of a query.

        Raises:
            FieldError: it is none, or paths could not tell it from something else.
        """
        value_name(name)
        table, clauses = self.table, self._select.clauses
        if SEPARATOR in name or name.endswith("_"):
            raise FieldError(f"{method}(): {name!r} cannot name a query: paths are cut at {SEPARATOR}")
        if name in table.by_attribute or name in table.relations or name == "pk":
            raise FieldError(f"{method}(): {name!r} is a field or a relation of {table.title}")
        if name in clauses.queries or name in dict(clauses.annotations):
            raise FieldError(f"{method}(): {name!r} is the name of another value of the query")


__all__ = ["Joining"]
