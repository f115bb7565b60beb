"""Rows after a position, and before it: where pages by keys begin and end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from chakra._late import late
from chakra.errors import DataError, QueryError
from chakra.expressions import Order
from chakra.query.base import Base, R_co

if TYPE_CHECKING:
    from chakra.expressions.positions import Beyond
    from chakra.pg.showing import shown as shown_value
    from chakra.query.cursors import position
    from chakra.sql import order_terms, path_of
else:
    late(globals(), "chakra.expressions.positions", "Beyond")
    late(globals(), "chakra.pg.showing", "shown_value=shown")
    late(globals(), "chakra.query.cursors", "position")
    late(globals(), "chakra.sql", "order_terms path_of")


class Positioning(Base[R_co]):
    """The methods of ``QuerySet`` that cut its rows at a position."""

    __slots__ = ()

    def after(self, position: Any) -> Self:
        """Keep the rows that come after one, in the query's order: ``order_by("-created").after(last)[:20]``.

        The order gets the primary key behind its own terms, so that it tells all rows apart; ``after(None)`` keeps all
        rows, for a first page. Rows that come or go before the position move nothing, and the server needs not read
        what it skips.

        Args:
            position: a row of the query (an instance, or a dict of ``values()``), a tuple of the values by which it is
                sorted, those of the primary key behind them, or the cursor of a ``page()``.

        Raises:
            FieldError: the query is sliced, its rows are not told apart by anything, or the row does not have what they
                are sorted by.
            DataError: no cursor, one of another query, or not as many values.
        """
        return self._beyond(position, True)

    def before(self, position: Any) -> Self:
        """Keep the rows that come before one, in the query's order; see ``after``. ``reverse()`` has those next to it
        first, and ``page(before=…)`` gives these in order.
        """
        return self._beyond(position, False)

    def _beyond(self, given: Any, after: bool) -> Self:
        method = "after" if after else "before"
        self._not_sliced(f"cut by {method}()", f"{method}()")
        clauses = self._select.clauses
        select = self._select.copy()
        terms = order_terms(select)
        select.order, select.backwards = terms, False
        if given is not None:
            values = self._values(method, given, terms)
            select.filters = (*select.filters, (None, (Beyond(terms, values, after),), (), ()))
        return self._with(select.with_clauses(keyed=clauses.keyed or False))

    def _values(self, method: str, given: Any, terms: tuple[Order, ...]) -> list[Any]:
        """The values of a position.

        Raises:
            FieldError, DataError: it does not have them.
        """
        table = self.table
        if isinstance(given, str):
            return position(given, table.title, terms)
        shown = ", ".join(path_of(term.expression) or repr(term.expression) for term in terms)
        if hasattr(type(given), "__chakra_model__"):
            if not isinstance(given, table.row_class or ()):
                raise QueryError(
                    f"{method}() takes a row of {table.title}, not one of {type(given).__name__}"
                )
            computed = {name for name, _ in self._select.clauses.annotations}
            return [_of_instance(method, given, term, computed) for term in terms]
        if isinstance(given, Mapping):
            return [_of_dict(method, given, term) for term in terms]
        if not isinstance(given, tuple | list):
            raise DataError(
                f"{method}() takes a row, a cursor, or the values of ({shown}), not {shown_value(given)}"
            )
        if len(given) != len(terms):
            raise DataError(
                f"{method}() takes {len(terms)} values, by which rows are sorted and told apart, ({shown}), not "
                f"{len(given)}: {shown_value(given)}"
            )
        return list(given)


def _of_dict(method: str, row: Mapping[Any, Any], term: Order) -> Any:
    path = path_of(term.expression)
    if path is None or path not in row:
        raise QueryError(
            f"{method}(): the row has no {_named(term)}, by which the query is sorted; {_INSTEAD}"
        )
    return row[path]


def _of_instance(method: str, row: Any, term: Order, computed: set[str]) -> Any:
    """What an instance is sorted by: a field, one of what is loaded along, or what is computed under a name."""
    path = path_of(term.expression)
    if path is None:
        raise QueryError(
            f"{method}(): the query is sorted by {_named(term)}, which rows do not hold; {_INSTEAD}"
        )
    table = type(row).__table__
    *before, last = (path,) if path in computed else path.split("__")
    for name in before:
        relation = table.relations.get(name)
        if relation is None or relation.many:
            raise QueryError(
                f"{method}(): the query is sorted by {path!r}, which rows do not hold; {_INSTEAD}"
            )
        if relation.forward and any(getattr(row, key) is None for key in relation.keys):
            return None
        row, table = getattr(row, name), relation.target
        if row is None:
            return None
    if last in table.by_attribute or last not in table.relations:
        try:
            return getattr(row, last)
        except AttributeError:
            raise QueryError(
                f"{method}(): the query is sorted by {path!r}, which rows do not hold; {_INSTEAD}"
            ) from None
    raise QueryError(f"{method}(): the query is sorted by {path!r}, which rows do not hold; {_INSTEAD}")


def _named(term: Order) -> str:
    return repr(path_of(term.expression) or term.expression)


_INSTEAD = (
    "annotate it and sort by its name, give the values as a tuple, or use page(), whose cursors know them"
)


__all__ = ["Positioning"]
