"""Writes that return rows, as queries in WITH: ``updating``, ``deleting``, ``inserting``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chakra._late import late
from chakra.errors import FieldError
from chakra.expressions.infer import operand
from chakra.query.base import Base, R_co
from chakra.query.joining import Joining
from chakra.query.not_a_list import check_field
from chakra.schema import Table
from chakra.sql import Select

if TYPE_CHECKING:
    from chakra.query.ctes import CTE, taken
    from chakra.query.lost import with_version
    from chakra.schema import moments_now
    from chakra.sql import Write, as_rows, assign, columns_of_rows, no_key
else:
    late(globals(), "chakra.query.ctes", "CTE taken")
    late(globals(), "chakra.query.lost", "with_version")
    late(globals(), "chakra.schema", "moments_now")
    late(globals(), "chakra.sql", "Write as_rows assign columns_of_rows no_key")


def by_keys(query: Any) -> Any:
    """A query that is cut or distinct as one of the same rows by their keys, which a write can take. The keys are
    computed once, whatever the plan: rows in random order, or those that nobody has locked, are others each time.

    Raises:
        FieldError: the table has no primary key.
    """
    select: Select = query._select
    if not select.sliced and select.clauses.distinct is None:
        return query
    table = select.table
    if not table.primary_key:
        raise FieldError(no_key(table))
    # Keys alone would be distinct in any case; it is the order that says which of the rows alike comes first.
    rows = query._rows_as("instances") if select.result != "instances" else query
    keys = CTE(rows.select_related(None).values(*table.primary_key), materialized=True)
    found = Select(table).with_clauses(related=select.clauses.related)
    found.order, found.result = (), select.result
    return query._with(found).filter(pk__in=keys.objects)


class Returning(Joining[R_co]):
    """The methods of ``QuerySet`` that write and say what was written. What they return is a ``CTE``: it writes when a
    query that names it runs, once for each time that is awaited, and all of it, whatever that query reads.
    """

    __slots__ = ()

    def updating(self, /, *returning: str, **values: Any) -> CTE:
        """Set fields of all rows, and return these: ``await queue.filter(…).updating(state="running").objects``.

        Args:
            returning: fields that are returned, as they are afterwards; none: instances.
            values: as for ``update``.

        Raises:
            FieldError: no fields to set, or such that there are not.
        """
        if not values:
            raise FieldError("updating() needs at least one field to set")
        table, assigned = self.table, dict[str, Any]()
        for name, value in values.items():
            assign(table, assigned, name, operand(value))
        for name in assigned:
            table.column(name)
        assigned = with_version(table, moments_now(table.moments, update=True) | assigned)
        return self._written("update", "updating", by_keys(self)._select.for_write(), returning, assigned)

    def deleting(self, /, *returning: str) -> CTE:
        """Delete all rows, and return them: ``await Post.objects.filter(…).deleting("id", "title").objects``.

        Args:
            returning: fields that are returned; none: instances.

        Raises:
            FieldError: there is no such field.
        """
        return self._written("delete", "deleting", by_keys(self)._select.for_write(), returning, {})

    def inserting(self, rows: Base[Any], /, *returning: str) -> CTE:
        """Insert the rows of a query, and return them as they are in the table:
        ``Old.objects.inserting(Post.objects.filter(…).deleting().objects.values("id", "title"))`` moves them.

        Args:
            rows: a query of values, which are called as the fields are. Fields that it does not have get their
                defaults.
            returning: fields that are returned; none: instances.

        Raises:
            FieldError: not a query of values, or such that are no fields; a default that Python makes for each row.
        """
        table = self.table
        select, database = taken(rows, "inserting()")
        if select.result not in ("dict", "tuple", "flat", "named"):
            raise FieldError(
                f"inserting() takes a query of values, which are called as the fields of {table.title}: "
                'query.values("…")'
            )
        rows_ = as_rows(select)
        columns: list[str] = []
        for column in columns_of_rows("inserting()", [rows_]):
            columns += table.attributes(column.name)
        if len(set(columns)) < len(columns):
            raise FieldError(f"inserting(): a field stands twice among {', '.join(columns)}")
        made = _defaults(table, columns)
        found = self._written("insert", "inserting", rows_, returning, made, tuple(columns))
        cte = CTE.__chakra_cte__(found)
        cte.database = cte.database or database
        return found

    def _written(
        self,
        kind: str,
        method: str,
        select: Select,
        returning: tuple[str, ...],
        assigned: dict[str, Any],
        columns: tuple[str, ...] = (),
    ) -> CTE:
        table = self.table
        for name in returning:
            check_field(method, name)
        returned = Select(table)
        named = tuple([attribute for name in returning for attribute in table.attributes(name)])
        if named or table.row_class is None:
            if len(set(named)) < len(named):
                raise FieldError(f"{method}(): a field stands twice among {', '.join(named)}")
            named = named or tuple(table.by_attribute)
            returned = returned.with_clauses(outputs=tuple([(name, name) for name in named]))
            returned.result = "dict"
        else:
            named = tuple(table.by_attribute)
            returned = returned.with_clauses(related=self._select.clauses.related)
        returned.order = ()
        write = Write(kind, table, select, assigned, columns, named)
        return CTE._writing(self, write, returned)


def _defaults(table: Table, given: list[str]) -> dict[str, Any]:
    """What columns get that rows of a query do not have, where Python knows it.

    Raises:
        FieldError: Python would have to make another value for each row.
    """
    made: dict[str, Any] = {}
    for name, default in table.defaults.items():
        if name in given:
            continue
        if default.factory is not None:
            raise FieldError(
                f"inserting(): the default of {table.title}.{name} is made in Python for each row; name a value of the "
                "query so"
            )
        made[name] = default.value
    return made | {name: value for name, value in moments_now(table.moments).items() if name not in given}


__all__ = ["Returning", "by_keys"]
