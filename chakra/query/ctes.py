"""Queries in WITH as users hold them: ``CTE(query)``, ``CTE.recursive(base, step)``, and their rows as a query."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from chakra.errors import FieldError, QueryError
from chakra.pg.types import BOOL
from chakra.query.aggregated import Aggregated
from chakra.query.base import Base
from chakra.query.checks import value_name
from chakra.query.options import flag, names
from chakra.schema import Column, Table
from chakra.sql import Cte, Described, Select, Write, described, recursive_step, rows_of

Query: TypeAlias = "Base[Any] | Aggregated"
"""What stands for rows: a queryset, or aggregates that were not awaited, which are one row."""


class CTE:
    """A query in WITH: ``busy = CTE(Author.objects.annotate(n=Count("posts")).filter(n__gt=2))``.

    ``busy.objects`` is a query over its rows, which can stand inside of others as well, and is what awaiting ``busy``
    gives; ``with_(busy=busy)`` and ``join(busy=busy)`` tie it to the rows of another query. However often it is named,
    the server computes it once.

    Args:
        queryset: of rows or of values.
        materialized: whether the server computes it by itself (``False``: as a part of what reads it); left out, it
            does so where it is read more than once.
        name: what it is called in SQL, where ``with_`` does not say it.

    Raises:
        FieldError: not a query, or a name that is none.
    """

    __slots__ = ("_columns", "_cte", "_hidden", "_like", "_select")

    def __init__(
        self, queryset: Query | CTE, *, materialized: bool | None = None, name: str | None = None
    ) -> None:
        asked: Any = queryset.objects if isinstance(queryset, CTE) else queryset
        select, database = taken(asked, "CTE()")
        found = described(select, "CTE()")
        if materialized is not None:
            flag("materialized", materialized)
        cte = Cte(
            found.rows,
            found.columns,
            found.table,
            materialized=materialized,
            database=database,
            name="" if name is None else value_name(name),
        )
        like = asked._query if isinstance(asked, Aggregated) else asked
        self._begin(like, select, found, cte)

    def _begin(self, like: Base[Any], select: Select, found: Described, cte: Cte) -> None:
        self._like = like
        self._select = select
        self._cte = cte
        cte.described = found
        self._columns: tuple[Column, ...] = found.columns
        self._hidden: Column | None = None

    @classmethod
    def _writing(cls, like: Base[Any], write: Write, returned: Select) -> CTE:
        """What writes rows and returns them.

        Args:
            like: the queryset it was called on.
            returned: a query that would return the same columns.
        """
        found = described(returned, "")
        new = object.__new__(cls)
        _, database = taken(like, "")
        new._begin(like, returned, found, Cte(write, found.columns, found.table, database=database))
        return new

    @classmethod
    def recursive(
        cls,
        base: Base[Any],
        step: Callable[[CTE], Base[Any]],
        *,
        all: bool = False,
        search: str | None = None,
        by: str | Iterable[str] = (),
        order: str = "search_order",
        cycle: str | Iterable[str] = (),
        mark: str = "is_cycle",
        path: str = "cycle_path",
        materialized: bool | None = None,
        name: str | None = None,
    ) -> CTE:
        """The rows of a query, of another one that is made of these, and so on until it gives no more.

        Args:
            base: the first rows. They say what columns there are, and their types.
            step: takes the rows that came last, as a CTE, and returns the query for the next ones: of the same model
                with the same annotations, or of as many values.
            all: whether rows that are there already come again (``UNION ALL``); without an end in sight, it has none.
            search: ``"depth"`` or ``"breadth"``: the rows come in that order, siblings by the columns ``by``.
            order: the name of what they are sorted by then.
            cycle: columns that tell rows apart: where they come again on the way to a row, this is the last of the way,
                and its value ``mark`` is true. ``path`` names the way.
            materialized, name: as for a ``CTE`` that is not recursive.

        Raises:
            FieldError: the step returns other columns, or such of other types; a name is none.
        """
        if not callable(step):
            raise QueryError(
                "CTE.recursive(): the step is a function of the rows that came last, lambda rows: …, not "
                f"{type(step).__name__}"
            )
        made = cls(base, materialized=materialized, name=name)
        cte = made._cte
        first: Described = cte.described
        cte.word = "UNION ALL" if flag("all", all) else "UNION"
        following = step(made)
        select, database = taken(following, "CTE.recursive(): the step")
        if database is not None and cte.database is not None and database is not cte.database:
            raise QueryError("CTE.recursive(): base and step run on two databases")
        cte.database = cte.database or database
        cte.step = recursive_step(made._select, cte, select)
        added: list[Column] = []
        if search is not None:
            if search not in ("depth", "breadth"):
                raise QueryError(f'CTE.recursive(): search is "depth" or "breadth", not {search!r}')
            columns = _quoted(first.table, by, "search", "by")
            made._hidden = Column(_free(first, order), first.columns[0].type, readable=False)
            cte.search = (search.upper(), columns, made._hidden.quoted)
            added.append(made._hidden)
        elif names("by", _list(by)):
            raise QueryError('CTE.recursive(): by says what search goes by: search="depth" or "breadth"')
        if names("cycle", _list(cycle)):
            columns = _quoted(first.table, cycle, "cycle", "cycle")
            marked = Column(_free(first, mark, order), BOOL)
            way = Column(_free(first, path, order, mark), first.columns[0].type, readable=False)
            cte.cycle = (columns, marked.quoted, way.quoted)
            made._columns = (*first.columns, marked)
            added += marked, way
        if added:
            known = first.table
            cte.table = Table(
                known.name,
                (*known.columns, *added),
                known.primary_key,
                known.schema,
                relations=known.relations,
                row_class=known.row_class,
                label=known.title,
            )
            cte.described = first._replace(table=cte.table)
        return made

    @property
    def objects(self) -> Any:
        """The rows as a query of their own, of what the query inside returns: instances, or values."""
        query = self._like._unbound(rows_of(self._cte, self._select, self._columns, self._hidden))
        if self._select.result != "instances":
            query._prefetches = ()  # rows of values have no relations to load
        return query

    @staticmethod
    def __chakra_cte__(query: CTE) -> Cte:
        """What the query is inside of another one."""
        return query._cte

    @staticmethod
    def __chakra_query__(query: CTE) -> tuple[Any, Any]:
        """Its rows, as for querysets: ``filter(id__in=cte)``."""
        return taken(query.objects, "")

    def __await__(self) -> Generator[Any, None, list[Any]]:
        return self.objects.__await__()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"CTE({self._like!r})"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if not name.startswith("_") and hasattr(type(self._like), name):
                raise AttributeError(
                    f"a query in WITH (CTE) has no attribute {name!r}; its rows are a query: cte.objects.{name}(…)"
                )
            raise AttributeError(f"a query in WITH (CTE) has no attribute {name!r}")


def taken(query: Any, what: str) -> tuple[Any, Any]:
    """The question of a queryset, and a weak reference to the database that it was said to run on.

    Raises:
        FieldError: something else.
    """
    found = getattr(type(query), "__chakra_query__", None)
    if found is None:
        raise QueryError(f"{what} takes a query, not {query!r}")
    question: tuple[Any, Any] = found(query)
    return question


def _list(given: str | Iterable[str]) -> Any:
    return (given,) if isinstance(given, str) else given


def _quoted(table: Table, given: str | Iterable[str], what: str, option: str) -> tuple[str, ...]:
    found = names(option, _list(given)) or ()
    if not found:
        raise FieldError(f"CTE.recursive(): {what} needs the names of columns: {option}=[…]")
    return tuple([table.by_attribute[a].quoted for name in found for a in table.attributes(name)])


def _free(rows: Described, name: str, *others: str) -> str:
    """A name for a column that the server adds.

    Raises:
        FieldError: it is none, or taken.
    """
    if value_name(name) in others or any(name in (c.name, c.attribute) for c in rows.columns):
        raise FieldError(f"CTE.recursive(): {name!r} is the name of another column; take another one")
    return name


__all__ = ["CTE", "Query", "taken"]
