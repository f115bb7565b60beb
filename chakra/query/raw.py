"""Hand-written SQL with the comforts of querysets: rows as mappings, instances, or columns."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, Unpack, overload

from chakra.db.default import default_database
from chakra.debug.explain import ExplainOptions
from chakra.errors import DoesNotExist, MultipleObjectsReturned, QueryError
from chakra.pg.lexing import split_parameters, tokens, without_constants
from chakra.pg.showing import showing
from chakra.pg.text import SqlText
from chakra.query import bulk
from chakra.query.base import R_co
from chakra.query.checks import given_database
from chakra.query.columns import ColumnReads
from chakra.query.explaining import explain_raw
from chakra.query.hydrate import SLOT, joined_raw
from chakra.query.not_a_list import NotAList, check_key
from chakra.query.state import RowState
from chakra.sql.literals import render_literal

if TYPE_CHECKING:
    from chakra.db import Database


M = TypeVar("M")

_PARAMS = "; values of $1, $2, … go into params=[…]"


class RawQuery(NotAList, ColumnReads, Generic[R_co]):
    """One statement of the caller's own, with parameters ``$1``, ``$2``, …; made by ``chakra.raw``."""

    def __init__(
        self,
        sql: str,
        database: Database | str | None = None,
        *,
        params: Sequence[Any] = (),
        model: Any = None,
    ) -> None:
        if not isinstance(sql, str):
            raise QueryError(f"raw() takes SQL as text, not {sql!r}")
        if database is not None:
            database = given_database(database, "raw(sql, database)", _PARAMS)
        if isinstance(params, str | bytes | Mapping) or not isinstance(params, Iterable):
            raise QueryError(f"params= takes the values of $1, $2, … in order, params=[{params!r}]")
        if model is not None and getattr(model, "__table__", None) is None:
            raise QueryError(f"model= takes a model class, not {model!r}")
        self.sql = sql
        self.params = tuple(params)
        self.model: Any = model
        self._database: Database | None = database  # type: ignore[assignment]

    @property
    def database(self) -> Database:
        """The database the statement runs on."""
        return self._database or default_database()

    def __chakra_on__(self, database: Any) -> RawQuery[R_co]:
        """The query as ``db.gather()`` runs it: on that database, unless it was given one."""
        if self._database is not None:
            return self
        return RawQuery(self.sql, database, params=self.params, model=self.model)

    @property
    def _source(self) -> Database:
        return self.database

    def __await__(self) -> Generator[Any, None, list[R_co]]:
        return self.all().__await__()

    def __getitem__(self, key: object) -> NoReturn:
        check_key(key)
        raise QueryError(
            f"a raw query has no position {key!r}: write LIMIT and OFFSET into it, or await it first"
        )

    def __repr__(self) -> str:
        return f"<raw query, not run: {self.sql.strip()} {list(self.params)!r}>"

    async def all(self) -> list[R_co]:
        """Return all rows: mappings (``row["id"]``), or instances if a model was given."""
        rows: Any = await self.database.fetch(self.sql, *self.params)
        return list(rows) if self.model is None else self._instances(rows)

    async def one(self) -> R_co:
        """Return the only row.

        Raises:
            DoesNotExist: there is none.
            MultipleObjectsReturned: there are several.
        """
        rows = await self.all()
        if len(rows) == 1:
            return rows[0]
        if not rows:
            raise DoesNotExist(f"the query returned no row: {self._shown()}")
        raise MultipleObjectsReturned(f"the query returned {len(rows)} rows, not one: {self._shown()}")

    def _shown(self) -> str:
        text = self.sql.strip()
        return text if showing.values else without_constants(text)

    async def first(self) -> R_co | None:
        """Return the first row, or ``None``."""
        rows = await self.all()
        return rows[0] if rows else None

    async def explain(self, **options: Unpack[ExplainOptions]) -> Any:
        """Return the server's plan, as ``QuerySet.explain`` does. With ``analyze=True`` the statement is run, and all
        that it writes rolled back.

        Raises:
            FieldError: an option that is none, that this server does not have, or that contradicts another.
        """
        return await explain_raw(self.database, self.sql, self.params, {**options})

    def _instances(self, rows: Sequence[Any]) -> list[Any]:
        if not rows:
            return []
        table = self.model.__table__
        by_name = {column.name: column for column in table.columns}
        names = list(rows[0].keys())
        unknown = [name for name in names if name not in by_name]
        missing = [name for name in table.primary_key if table.by_attribute[name].name not in names]
        if missing:
            raise QueryError(
                f"the rows lack {', '.join(missing)}, without which they are no {table.title}; "
                f"they have {', '.join(names)}"
            )
        instances = []
        for row in rows:
            instance = object.__new__(self.model)
            state = instance._state = RowState(self._database, True)
            for name in names:
                if name in unknown:
                    state.loaded[name] = row[name]
                    continue
                column = by_name[name]
                value = row[name]
                setattr(instance, SLOT + column.attribute, column.load(value) if column.load else value)
            instances.append(instance)
        return joined_raw(instances, self.sql)

    # -- columns --------------------------------------------------------------------------------------

    async def column_source(self, database: Database, *, nested: bool = False) -> bulk.ColumnSource:
        """The statement with its parameters as literals, and what its columns are; the server tells both types.

        It is never cut into parts: only its author knows what it computes over all rows.
        """
        from chakra.columnar import ColumnSpec

        if nested:
            raise QueryError(
                "nested=True is for querysets with prefetch_related() or select_related(); SQL of your own has no "
                "relations: write array_agg(…) for each column"
            )
        parameters, columns = await database.describe_statement(self.sql)
        if len(parameters) != len(self.params):
            raise QueryError(
                f"the statement has {len(parameters)} parameters, but {len(self.params)} values were given"
            )
        rendered = [
            render_literal(value, type_) for value, type_ in zip(self.params, parameters, strict=True)
        ]
        query = _query_of(self.sql)
        pieces = [
            piece if isinstance(piece, str) else rendered[piece - 1] for piece in split_parameters(query)
        ]
        # Hooks get to see the caller's text; what it touches is not known, so the session is reset as after any SQL.
        text = SqlText("".join(pieces), None, query)
        return bulk.ColumnSource(text, [ColumnSpec(name, type_) for name, type_ in columns])


_QUERIES = frozenset({"select", "with", "values", "table", "insert", "update", "delete", "merge", "("})
"""How a statement begins that COPY takes; manual, COPY, parameter *query*."""


def _query_of(sql: str) -> str:
    """The statement without the semicolons and comments behind it, which would hide the end of a COPY (…).

    Raises:
        FieldError: it is none that COPY takes.
    """
    pieces = list(tokens(sql))
    blank = {"space", "comment"}
    while pieces and (pieces[-1][0] in blank or pieces[-1][1] == ";"):
        pieces.pop()
    first = next((text for kind, text in pieces if kind not in blank), "nothing")
    if first.lower() not in _QUERIES:
        raise QueryError(
            "columns are read through COPY, which takes SELECT, VALUES, TABLE, and INSERT, UPDATE, DELETE or MERGE "
            f"with RETURNING; this statement begins with {first}: read it with all()"
        )
    return "".join(text for _, text in pieces)


@overload
def raw(
    sql: str, database: Database | str | None = None, *, params: Sequence[Any] = (), model: type[M]
) -> RawQuery[M]: ...


@overload
def raw(
    sql: str, database: Database | str | None = None, *, params: Sequence[Any] = (), model: None = None
) -> RawQuery[Any]: ...


def raw(
    sql: str,
    database: Database | str | None = None,
    *more: Any,
    params: Sequence[Any] = (),
    model: Any = None,
) -> RawQuery[Any]:
    """Wrap a hand-written statement: ``await chakra.raw("select … where id = $1", db, params=[1]).all()``.

    Args:
        sql: one statement with ``$1``, ``$2``, … for its parameters.
        database: where to run it, or its name as for ``using``; the default database if not given.
        params: values of the parameters.
        model: make instances of this model of the rows; its primary key must be among the columns.
    """
    if more:
        given = ", ".join(map(repr, more))
        raise QueryError(f"raw(sql, database, {given}): values of $1, $2, … go into params=[{given}]")
    return RawQuery(sql, database, params=params, model=model)


__all__ = ["RawQuery", "raw"]
