"""Several groupings of the same rows in one query: totals and subtotals beside the groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from chakra._late import late
from chakra.errors import QueryError
from chakra.expressions import Expression, F
from chakra.query.base import Base, R_co
from chakra.sql import Select

if TYPE_CHECKING:
    from chakra.expressions.aggregates import has_aggregate
    from chakra.expressions.grouping import GroupingSets
    from chakra.expressions.windows import has_window
    from chakra.sql import as_made
else:
    late(globals(), "chakra.expressions.aggregates", "has_aggregate")
    late(globals(), "chakra.expressions.grouping", "GroupingSets")
    late(globals(), "chakra.expressions.windows", "has_window")
    late(globals(), "chakra.sql", "as_made")


class Grouped(Base[R_co]):
    """The methods of ``QuerySet`` that group its rows in several ways.

    Values that are not named are in every group. Where a row is of all values of what it could be grouped by, that is
    NULL in it; ``Grouping("city")`` tells such rows from those whose value is NULL. Filters on fields and plain values
    are about rows before they are grouped, those on aggregates and ``Grouping`` about groups.
    """

    __slots__ = ()

    def rollup(self, *terms: Any) -> Self:
        """Group by all terms, by all but the last one, and so on, down to one row for everything.

        ``values("region", "city", total=Sum("price")).rollup("region", "city")`` has a row for each city, one for each
        region, and one for all. After another call, each of its groupings is made with each of this one.

        Args:
            terms: names of values or fields, or expressions; several in a tuple stand and fall together.

        Raises:
            FieldError: nothing was named, or the query is one of instances, or sliced.
        """
        return self._in_sets("ROLLUP", terms)

    def cube(self, *terms: Any) -> Self:
        """Group by every choice of the terms: with two of them by both, by each, and by none; as ``rollup``."""
        return self._in_sets("CUBE", terms)

    def grouping_sets(self, *sets: Any) -> Self:
        """Group by each of the sets: ``grouping_sets(("region", "city"), "year", ())``; as ``rollup``.

        Args:
            sets: of each, its terms in a tuple; a single one may stand alone, and ``()`` is one group of all rows.
        """
        return self._in_sets("GROUPING SETS", sets)

    def _in_sets(self, word: str, elements: tuple[Any, ...]) -> Self:
        made = GroupingSets.of(word, elements)
        method = word.lower().replace(" ", "_")
        select = self._select
        clauses = select.clauses
        if select.result == "instances" or not clauses.outputs:
            raise QueryError(
                f"{method}() makes rows of groups; name what they have: "
                f'values("region", total=Sum("price")).{method}(…)'
            )
        self._not_sliced("grouped", "group")
        select = _of_made_rows(select, {term.path for term in made.terms if isinstance(term, F)})
        clauses = select.clauses
        made = made.rebuild(tuple([_returned(term, select) for term in made.terms]))
        # What is returned, and is not named here, joins the groups when the names are known.
        returned = [value for _, value in clauses.outputs]
        named = {term.path for term in made.terms if isinstance(term, F)}
        kept = [
            term
            for term in clauses.groups or ()
            if isinstance(term, GroupingSets)
            or not (
                any(term is value for value in returned)
                or (isinstance(term, str) and term in (*returned, *named))
            )
        ]
        return self._with(select.with_clauses(groups=(*kept, made), of_rows=_of_rows(select, named)))


def _of_rows(select: Select, named: set[str]) -> int:
    """How many annotations, of the first ones, are values of each row: an aggregate by which the rows are grouped is,
    and so is one that was there before ``values()`` and is not among these.
    """
    clauses = select.clauses
    returned = (
        {value for _, value in clauses.outputs if isinstance(value, str)} if clauses.groups == () else None
    )
    found = clauses.of_rows
    for at, (name, value) in enumerate(clauses.annotations, 1):
        if has_aggregate(value) and (name in named or (returned is not None and name not in returned)):
            found = max(found, at)
    return found


def _of_made_rows(select: Select, named: set[str]) -> Select:
    """The query over rows with the windows that these are grouped or filtered by: groups come before windows."""
    clauses = select.clauses
    values = [value for _, value in clauses.annotations]
    first = _of_rows(select, named)
    at = next((at for at, value in enumerate(values) if at >= first and has_aggregate(value)), len(values))
    filters = clauses.after[at] if at < len(values) else len(select.filters)
    rows = select.with_clauses(annotations=clauses.annotations[:at], after=clauses.after[:at], of_rows=0)
    rows = rows.with_clauses(groups=() if has_aggregate(*values[:at]) else None)
    rows.filters = select.filters[:filters]
    grouped = any(name in named and has_window(value) for name, value in rows.clauses.annotations)
    if not grouped and not rows.filtered_by_window:
        return select
    made = as_made(rows)
    known = made.clauses
    made = made.with_clauses(
        annotations=(*known.annotations, *clauses.annotations[at:]),
        after=(*known.after, *[after - filters + len(made.filters) for after in clauses.after[at:]]),
        groups=clauses.groups,
        of_rows=0,
        hidden=clauses.hidden,
    )
    made.filters = (*made.filters, *select.filters[filters:])
    return made


def grouped_names(select: Select) -> list[str]:
    """The names by which the groups of a query are told apart."""
    clauses = select.clauses
    found = []
    for term in clauses.groups or ():
        parts = term.terms if isinstance(term, GroupingSets) else (F(term),) if isinstance(term, str) else ()
        found += [part.path for part in parts if isinstance(part, F)]
    if any(isinstance(term, GroupingSets) for term in clauses.groups or ()):
        computed = dict(clauses.annotations)
        names = [value for _, value in clauses.outputs if isinstance(value, str)]
        found += [name for name in names if name not in computed or not _makes_one(computed[name])]
    return list(dict.fromkeys(found))


def _makes_one(value: Any) -> bool:
    """Whether a value is computed of groups."""
    return isinstance(value, Expression) and (has_aggregate(value) or has_window(value))


def _returned(term: Expression, select: Select) -> Expression:
    """A term as what the query returns, if it is that: the same value under another literal would be another one."""
    clauses = select.clauses
    computed = dict(clauses.annotations)
    if isinstance(term, F):
        return dict((n, v) for n, v in clauses.outputs if isinstance(v, Expression)).get(term.path, term)
    for name, value in clauses.outputs:
        known = computed.get(value) if isinstance(value, str) else value
        if isinstance(known, Expression) and _alike(known, term):
            return F(name) if isinstance(value, str) else known
    return term


def _alike(one: Expression, other: Expression) -> bool:
    mine: list[Any] = []
    others: list[Any] = []
    return one.shape(mine) == other.shape(others) and mine == others


__all__ = ["Grouped", "grouped_names"]
