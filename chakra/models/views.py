"""Models over views: the query of ``Meta.view`` as the description of a table, and ``refresh`` of materialized ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, overload

from chakra._late import late
from chakra.errors import ChakraError, FieldError
from chakra.query.queryset import QuerySet
from chakra.schema import Column, Index, Table, View
from chakra.sql import Select

if TYPE_CHECKING:
    from chakra.db import Database
    from chakra.db.default import default_database
    from chakra.pg.lexing import tokens
    from chakra.query.reflect import reflect
    from chakra.schema.declared import reading, shown
    from chakra.sql import Output, select_statement
    from chakra.sql.ddl import refresh_view
else:
    late(globals(), "chakra.db.default", "default_database")
    late(globals(), "chakra.pg.lexing", "tokens")
    late(globals(), "chakra.query.reflect", "reflect")
    late(globals(), "chakra.schema.declared", "reading shown")
    late(globals(), "chakra.sql", "select_statement")
    late(globals(), "chakra.sql.ddl", "refresh_view")


def as_view(table: Table, options: dict[str, Any]) -> Table:
    """The description of a model over a view, out of that of its fields: no constraints, nothing the server makes.

    Of a materialized view, its keys become unique indexes.

    Raises:
        FieldError: the query is none, or does not give the columns that the model declares.
    """
    if table.between:
        raise FieldError(
            f"{table.title} is a view, to whose rows no table between can hold keys; declare the relation by "
            "through=, a model of a table or view between"
        )
    materialized = bool(options.get("materialized"))
    columns = tuple(
        replace(c, identity=False, serial=False, db_default=None, computed=None) for c in table.columns
    )
    keys = [table.primary_key] if table.primary_key else []
    keys += [unique.columns for unique in table.uniques]
    indexes = (*(Index(*key, unique=True) for key in keys), *table.indexes) if materialized else ()
    described = replace(
        table,
        columns=columns,
        uniques=(),
        checks=(),
        foreign_keys=(),
        indexes=tuple(dict.fromkeys(indexes)),
        defaults={},
        read_only=True,
    )
    return replace(described, view=_view(described, options["view"], materialized))


def _view(table: Table, given: Any, materialized: bool) -> View:
    where = f"{table.title}.Meta.view"
    if callable(given) and not isinstance(given, QuerySet):
        given = given()
    if isinstance(given, str):
        return View(_checked(where, given), materialized)
    if not isinstance(given, QuerySet):
        raise FieldError(
            f"{where} is a query of models, or a function that gives one (view = lambda: Post.objects.values(…)), or "
            f"the text of a SELECT, not {given!r}"
        )
    try:
        select = _select(table, given)
        compiled, values = select_statement(select)
        sql = compiled.statement.literal_sql(values)
    except ChakraError as error:
        error.args = (f"{where}: {error}", *error.args[1:])
        raise
    names = _columns(table, where, compiled.statement.outputs)
    return View(str(sql), materialized, names)


def _checked(where: str, text: str) -> str:
    """The text of a query without what may stand behind it.

    Raises:
        FieldError: it is empty, several statements, or has parameters, which a view cannot keep.
    """
    sql = text.strip()
    while sql.endswith(";"):
        sql = sql[:-1].rstrip()
    found = list(tokens(sql))
    if not sql or any(token == ";" for _, token in found):
        raise FieldError(f"{where} is one SELECT, not {text!r}")
    if any(kind == "param" for kind, _ in found):
        raise FieldError(
            f"{where}: a view has no parameters; write the values in, or say it as a query of models"
        )
    return sql


def _select(table: Table, query: QuerySet[Any]) -> Select:
    """The question whose values are the view's columns; of a query for instances the fields of the view's name."""
    clauses = query._select.clauses
    if clauses.lock is not None:
        raise FieldError("a view locks no rows; leave out select_for_update()")
    if query._select.result == "instances":
        query = query.values(*(column.attribute for column in table.columns))
    select = query._select.copy()
    select.result = "dict"
    if select.order is None and not (select.sliced or select.backwards or clauses.distinct or clauses.each):
        select.order = ()  # the order of a model nobody asked for would be sorted by at every read
    return select


def _columns(table: Table, where: str, outputs: Sequence[Output]) -> tuple[str, ...]:
    """The columns of the view in the order of its query.

    Raises:
        FieldError: a declared column is not there, or is of another type; or the query gives others.
    """
    known: dict[str, Column] = {}
    for name, relation in table.relations.items():
        if relation.forward and len(relation.keys) == 1:
            known[name] = table.by_attribute[relation.keys[0]]
    known |= {column.name: column for column in table.columns} | table.by_attribute
    given = [(output, known.get(output.name)) for output in outputs]
    missing = [c.attribute for c in table.columns if all(c is not found for _, found in given)]
    more = [output.name for output, found in given if found is None]
    if missing or more:
        said = (
            [f"{table.title} declares {', '.join(missing)}, which the query does not give"] if missing else []
        )
        said += [f"the query gives {', '.join(more)}, which {table.title} does not declare"] if more else []
        raise FieldError(f"{where}: {'; '.join(said)}; values(…) and annotate(…) name what it gives")
    for output, column in given:
        assert column is not None
        if output.type is not None and reading(column.type, output.type) is None:
            raise FieldError(
                f"{where}: {table.title}.{column.attribute} is declared as {shown(column.type)}, and the query gives "
                f"{shown(output.type)}; declare that, or Cast() it"
            )
    return tuple(column.name for _, column in given if column is not None)


async def check_views(database: Database, views: Iterable[Table]) -> None:
    """Check that views which were just made have the columns that their models declare, of types they can be read as.

    Raises:
        FieldError: one is not there, or is of another type.
    """
    for table in views:
        there = {column.name: column for column in (await reflect(database, table.quoted)).columns}
        for column in table.columns:
            found = there.get(column.name)
            label = f"{table.title}.{column.attribute}"
            if found is None:
                raise FieldError(
                    f"{label}: the view gives no column {column.name!r}; it gives {', '.join(there)}. Nothing was "
                    "created"
                )
            if reading(column.type, found.type) is None:
                raise FieldError(
                    f"{label} is declared as {shown(column.type)}, and the view gives {shown(found.type)}; declare "
                    "that, or cast it in the query. Nothing was created"
                )


async def refresh(model: Any, concurrently: bool, with_data: bool, using: Database | None) -> None:
    """Read the rows of a materialized view again.

    Raises:
        FieldError: the model is none of a materialized view, or has no key by which rows could be told apart.
    """
    table: Table = model.__table__
    if table.view is None or not table.view.materialized:
        raise FieldError(
            f"{table.title} is no materialized view, whose rows could be read again; of a row, refresh() is a method "
            "of the instance"
        )
    if concurrently and not with_data:
        raise FieldError(
            f"{table.title}.refresh(): concurrently=True reads the rows; leave out with_data=False"
        )
    if concurrently and not any(index.key for index in table.indexes):
        raise FieldError(
            f"{table.title}.refresh(concurrently=True) needs a key by which rows are told apart: "
            "field(primary_key=True), field(unique=True), or Index(…, unique=True) over fields and without where="
        )
    database = using or default_database()
    await database.execute(refresh_view(table, concurrently=concurrently, with_data=with_data))


class RefreshRow(Protocol):
    """``instance.refresh``."""

    def __call__(
        self, *given: str, fields: Iterable[str] | None = None, using: Database | None = None
    ) -> Coroutine[Any, Any, None]:
        """Read the row again, all of it or the given fields."""
        ...


class RefreshRows(Protocol):
    """``Model.refresh``."""

    def __call__(
        self, *, concurrently: bool = False, with_data: bool = True, using: Database | None = None
    ) -> Coroutine[Any, Any, None]:
        """Read the rows of a materialized view again.

        Args:
            concurrently: without keeping readers from it; needs a key by which rows are told apart.
            with_data: ``False`` empties it, until it is refreshed again.
            using: another database than the default one.
        """
        ...


class Refresh:
    """``refresh``: of a row, reading it again; of a class, reading the rows of a materialized view again."""

    def __init__(self, row: Callable[..., Awaitable[None]]) -> None:
        self.row = row
        self.__doc__ = row.__doc__

    @overload
    def __get__(self, instance: None, owner: Any) -> RefreshRows: ...

    @overload
    def __get__(self, instance: object, owner: Any) -> RefreshRow: ...

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is not None:
            return self.row.__get__(instance, owner)

        async def refresh_all(
            *rows: Any, concurrently: bool = False, with_data: bool = True, using: Database | None = None
        ) -> None:
            if rows:  # Model.refresh(instance), as a function
                await self.row(*rows, **({} if using is None else {"using": using}))
                return
            await refresh(owner, concurrently, with_data, using)

        return refresh_all


__all__ = ["Refresh", "as_view", "check_views", "refresh"]
