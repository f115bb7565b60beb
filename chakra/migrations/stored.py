"""A state with its expressions as one server writes them, so that it compares with what is read from there.

The server is asked itself, as ``chakra.introspect.normalised`` does: what is declared is made in schemas of its own,
read, and rolled back. Views read the tables that are there; policies and triggers are put around copies of these, which
have no rows.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from chakra import introspect
from chakra.errors import DatabaseError, DataError
from chakra.migrations.frozen import frozen, thawed
from chakra.migrations.observed import domains_of, guards_of, without_schema
from chakra.migrations.state import Domain, Key, State, quoted
from chakra.pg.domains import DomainWords
from chakra.pg.quoting import quote_identifier
from chakra.schema import Guard, Table
from chakra.sql import create_statements
from chakra.sql.ddl.guards import create_policy, create_trigger
from chakra.sql.ddl.types import domain_clauses
from chakra.sql.ddl.views import views_in_order

if TYPE_CHECKING:
    from chakra.db import Database


NO_RIGHTS = "42501"


class _Undone(Exception):
    """Rolls back what was made."""


async def as_stored(database: Database, state: State, there: State) -> State:
    """A state with expressions as this server writes them.

    What the server cannot make, since what it reads is not there or is another one, stays as it was written.

    Args:
        there: the state of the database, whose types the scratch tables are made of where it has them.

    Raises:
        DatabaseError: the role may not create schemas.
    """
    keys = [key for key, table in state.tables.items() if table.view is None and table.partition_of is None]
    known = replace(
        state,
        enums={**state.enums, **there.enums},
        domains={**state.domains, **there.domains},
        composites={**state.composites, **there.composites},
    )
    made = await _made(database, [thawed(state.tables[key], known) for key in keys])
    ((current,),) = await database.run_fetch("SELECT current_schema()::text", ())
    tables = dict(state.tables)
    for key, table in zip(keys, made, strict=True):
        tables[key] = replace(
            frozen(without_schema(table, current)),
            schema=key[0],
            foreign_keys=state.tables[key].foreign_keys,
            statements={},
            taken={},
            parts={},
        )
    domains = {key: await _domain(database, key[1], one) for key, one in state.domains.items()}
    guards = dict(state.guards)
    with suppress(_Undone):
        async with database.transaction():
            for view in views_in_order([table for table in tables.values() if table.view is not None]):
                key = (view.schema, view.name)
                with suppress(DatabaseError, DataError):
                    tables[key] = await _view(database, view, there.tables.get(key), current)
            for key, guard in state.guards.items():
                if key in there.tables and key in tables:
                    guards[key] = await _guard(database, tables[key], guard)
            raise _Undone
    return replace(
        state,
        tables=MappingProxyType(tables),
        guards=MappingProxyType(guards),
        domains=MappingProxyType(domains),
    )


async def _domain(database: Database, name: str, domain: Domain) -> Domain:
    """A domain as it is read; one whose base is not there stays as it was written."""
    if domain == Domain(domain.type):
        return domain
    scratch = f"chakra_{secrets.token_hex(8)}"
    words = DomainWords(domain.nullable, domain.default, domain.checks, domain.collation)
    found = domain
    with suppress(_Undone, DatabaseError, DataError):
        async with database.transaction():
            await database.execute(f"CREATE SCHEMA {quote_identifier(scratch)}")
            made = quoted((scratch, name))
            await database.execute(f"CREATE DOMAIN {made} AS {domain.type}{domain_clauses(words)}")
            ((_, found),) = (await domains_of(database, [scratch], lambda *key: key)).items()
            raise _Undone
    return found


async def _made(database: Database, tables: list[Table]) -> list[Table]:
    try:
        return await introspect.normalised(database, tables)
    except (DatabaseError, DataError) as error:
        if error.sqlstate == NO_RIGHTS:
            raise
        if len(tables) < 2:  # of a type as it is to be, for one: a default of a label that is not there yet
            return tables
    return [(await _made(database, [table]))[0] for table in tables]


async def _view(database: Database, view: Table, there: Table | None, current: str) -> Table:
    """A view as it is read: made without its rows, for which a stored one would have to be computed."""
    assert view.view is not None
    scratch = f"chakra_{secrets.token_hex(8)}"
    plain = replace(
        view,
        schema=scratch,
        view=replace(view.view, materialized=False),
        indexes=(),
        storage=(),
        tablespace=None,
    )
    plain = replace(plain, statements={}, described={}, taken={}, parts={})
    async with database.transaction():
        await database.execute(f"CREATE SCHEMA {quote_identifier(scratch)}")
        await database.execute(";\n".join(create_statements([plain])))
        found = await introspect.find(database, scratch, view.name)
        assert found is not None
        (read,) = await introspect.read(database, [found])
    made = frozen(without_schema(read, current))
    assert made.view is not None
    words = {column.name: column for column in there.columns} if there is not None else {}
    # What a view's column may hold nobody declares to the server: models say it for themselves.
    columns = tuple(
        [replace(c, nullable=words[c.name].nullable if c.name in words else c.nullable) for c in made.columns]
    )
    return replace(
        view,
        columns=columns,
        view=replace(view.view, sql=made.view.sql, columns=made.view.columns),
        statements={},
        described={},
        taken={},
        parts={},
    )


async def _guard(database: Database, table: Table, guard: Guard) -> Guard:
    """Policies and triggers as they are read, each put around a copy of the table for itself."""
    policies, triggers = dict(guard.policies), dict(guard.triggers)
    for name, policy in guard.policies.items():
        with suppress(DatabaseError, DataError):
            sql = partial(create_policy, name=name, policy=policy)
            policies[name] = (await _around(database, table, sql)).policies[name]
    for name, trigger in guard.triggers.items():
        with suppress(DatabaseError, DataError):
            sql = partial(create_trigger, name=name, trigger=trigger)
            triggers[name] = (await _around(database, table, sql)).triggers[name]
    return replace(guard, policies=policies, triggers=triggers)


async def _around(database: Database, table: Table, statement: Callable[[Table], str]) -> Guard:
    scratch = f"chakra_{secrets.token_hex(8)}"
    copy = replace(table, schema=scratch, statements={}, described={}, taken={}, parts={})
    where: Key = (table.schema, table.name)
    like = f"VIEW {copy.quoted} AS SELECT * FROM" if table.view is not None else f"TABLE {copy.quoted} (LIKE"
    async with database.transaction():
        await database.execute(f"CREATE SCHEMA {quote_identifier(scratch)}")
        await database.execute(f"CREATE {like} {quoted(where)}{'' if table.view is not None else ')'}")
        await database.execute(statement(copy))
        found = await introspect.find(database, scratch, table.name)
        assert found is not None
        guards = await guards_of(database, [found.oid], lambda schema, name: (schema, name))
    return guards[scratch, table.name]


__all__ = ["as_stored"]
