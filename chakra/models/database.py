"""The database as users hold it: the connection layer's, plus what needs to know models and tables."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from chakra.db import default as databases
from chakra.errors import DatabaseError, DataError, FieldError
from chakra.models.metaclass import ModelMeta
from chakra.models.objects import ServerObjects
from chakra.models.refused_ddl import DUPLICATE_TABLE, OF_DECLARATIONS, meant
from chakra.models.views import check_views
from chakra.query import catalogue
from chakra.query.catalogue import Tables
from chakra.query.other_names import DATABASES, near, written
from chakra.query.pending import Pending
from chakra.query.tables import TableQuery
from chakra.schema import Table
from chakra.sql import check_server, create_statements, drop_statements
from chakra.sql.ddl.privileges import Privileges, privilege_statements

UNDEFINED_TABLE = "42P01"
UNDEFINED_SCHEMA = "3F000"


class Database(ServerObjects):
    """A connected database; ``await chakra.connect(url)`` makes one.

    ``execute``, ``fetch``, ``fetchrow``, ``fetchval`` and ``executemany`` run plain SQL with asyncpg's argument
    style; ``transaction()`` opens a transaction or a savepoint; models use the pool behind it by themselves.
    """

    _server: Any = None

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            text = f"a database has no attribute {name!r}"
            if not name.startswith("_"):
                text += written(DATABASES, name, "Model") or near(
                    name, [n for n in dir(type(self)) if n[0] != "_"]
                )
            raise AttributeError(text)

        def __getitem__(self, name: object) -> NoReturn:
            raise FieldError(f"a table of the database is db.table({name!r})")

    async def create_tables(
        self, *models: ModelMeta, if_not_exists: bool = False, replace_views: bool = False
    ) -> None:
        """Create the tables of models in the order of their foreign keys, then their views, in one transaction.

        Enum types, extensions, sequences and indexes the models need are created as well; schemas are not, see
        :meth:`create_schema`.

        Args:
            if_not_exists: leave tables and views alone that exist already, whatever they look like.
            replace_views: put views in place of those that exist already.

        Raises:
            DatabaseError: a table exists, or refers to one that does not; nothing is created then.
            FieldError: a relation leads nowhere, the server cannot do what a key asks for, or a view has other columns
                than its model.
        """
        tables = tables_of(models)
        check_server(tables, self.server_version[0])
        views = [table for table in tables if table.view is not None] if not if_not_exists else []
        statements = create_statements(tables, if_not_exists=if_not_exists, replace_views=replace_views)
        try:
            async with self.transaction():
                # A view that is replaced keeps what was given; a materialized one is dropped, and made again.
                again = [v for v in views if replace_views and v.view is not None and v.view.materialized]
                given = await catalogue.privileges_of(self, again) if again else {}
                await self._run_ddl(statements)
                for view in again:
                    await self._run_ddl(privilege_statements(view, given.get(view.quoted, Privileges())))
                await check_views(self, views)
        except (DatabaseError, DataError) as error:
            if error.sqlstate == DUPLICATE_TABLE:
                about = await self._existing(tables) or await meant(self, tables, statements)
                error.args = (f"{error.args[0]}{about}", *error.args[1:])
            elif error.sqlstate == UNDEFINED_TABLE:
                about = _pointed_at(tables) or await meant(self, tables, statements)
                error.args = (f"{error.args[0]}{about}", *error.args[1:])
            elif error.sqlstate == UNDEFINED_SCHEMA:
                names = ", ".join(dict.fromkeys(t.schema for t in tables if t.schema is not None))
                made = f"; make it first: await db.create_schema(…) ({names})"
                error.args = (f"{error.args[0]}{made}", *error.args[1:])
            elif (error.sqlstate or "")[:2] in OF_DECLARATIONS:
                error.args = (f"{error.args[0]}{await meant(self, tables, statements)}", *error.args[1:])
            raise

    async def _existing(self, tables: list[Table]) -> str:
        """What an error says of the tables that are there already."""
        names = {table.quoted: table.title for table in tables}
        there = await self.fetch(
            "SELECT name FROM unnest($1::text[]) name WHERE pg_catalog.to_regclass(name) IS NOT NULL",
            list(names),
        )
        if not there:
            return ""
        shown = ", ".join(f"{row[0]} ({names[row[0]]})" for row in there)
        missing = len(names) - len(there)
        views = any(table.view is not None for table in tables if table.quoted in {row[0] for row in there})
        return (
            f". Tables that exist already: {shown}; nothing was created. create_tables(…, if_not_exists=True) leaves "
            f"them alone{' and creates the others' if missing else ''}, drop_tables() removes them"
            f"{', replace_views=True puts views in place of others' if views else ''}"
        )

    async def drop_tables(self, *models: ModelMeta, cascade: bool = False) -> None:
        """Drop the views and tables of models, and sequences and enum types that no other table uses; missing ones are
        no error.

        Args:
            cascade: drop views and foreign keys of other tables that depend on them, too.
        """
        await self._run_ddl(drop_statements(tables_of(models), cascade=cascade))

    async def _run_ddl(self, statements: list[str]) -> None:
        if not statements:
            return
        async with self.transaction():
            await self.execute(";\n".join(statements))

    def tables(self, schema: str | None = None) -> Coroutine[Any, Any, Tables]:
        """The tables, views and foreign tables of the database: schema, name, kind and about how many rows.

        All of it comes from the catalog; no data is read. Partitions are left out.

        Args:
            schema: only those of one schema.
        """
        return Pending(catalogue.tables(self, schema), "tables()", "db")

    def table(self, name: str) -> TableQuery:
        """An existing table without a model: ``await db.table("schema.name").filter(x__gt=1).to_polars()``.

        Its columns, types and keys are read from the catalog when the query runs, and again when they changed.

        Args:
            name: ``name`` or ``schema.name``; parts that are not plain words in double quotes.
        """
        return TableQuery(self, name)

    async def close(self, timeout: float | None = None) -> None:
        """Close all connections, after waiting up to ``timeout`` seconds for what still runs; stop the
        embedded server if this database started one.

        A database whose event loop is over, or that belongs to the process this one was forked from, is let go of
        without a word to the server.

        Raises:
            ConnectionLost: it was connected in another event loop, which is still alive; close it there.
        """
        self.pool.check_closable()
        databases.forget(self)
        try:
            await super().close(timeout)
        finally:
            server, self._server = self._server, None
            if server is not None:
                await server.stop_async()


def _pointed_at(tables: list[Table]) -> str:
    """What an error says of the tables that these refer to, and that were not given."""
    own = {(table.schema, table.name) for table in tables}
    found = {
        relation.target.title: table.title
        for table in tables
        for relation in table.relations.values()
        if relation.keys and (relation.target.schema, relation.target.name) not in own
    }
    shown = ", ".join(f"{source} refers to {target}" for target, source in found.items())
    return f". Nothing was created: {shown}; create_tables() takes them together" if found else ""


def tables_of(models: Iterable[ModelMeta]) -> list[Table]:
    """The tables of models, and those between them that no model declares; without those that are not managed.

    Raises:
        FieldError: something else than a model, or a relation that leads nowhere.
    """
    models = tuple(models)
    for model in models:
        if not isinstance(model, ModelMeta):
            raise FieldError(f"create_tables() and drop_tables() take model classes, not {model!r}")
    found: dict[tuple[str | None, str], Table] = {}
    for model in dict.fromkeys(models):
        if model.__chakra__.options.get("managed", True):
            table = model.__table__
            for name in model.__chakra__.declared:
                relation = table.relations.get(name)
                _ = relation and relation.hops  # a model or a table between that is not there says so
            for one in (table, *(between() for between in table.between)):
                found.setdefault((one.schema, one.name), one)
    return list(found.values())


__all__ = ["Database", "tables_of"]
