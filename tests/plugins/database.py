"""Fixtures that need a server: ``dsn``, ``pg`` (bare asyncpg) and ``db`` (a connected Chakra database)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

EMPTY = """
select pg_terminate_backend(pid) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend';
do $$
declare s text;
begin
  for s in select nspname from pg_namespace
            where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')
  loop execute format('drop schema %I cascade', s); end loop;
  if exists (select from pg_depend
              where refclassid = 'pg_namespace'::regclass and refobjid = 'public'::regnamespace)
     or not exists (select from pg_namespace where nspname = 'public') then
    drop schema public cascade;
    create schema public;
  end if;
  grant usage, create on schema public to public;
end $$;
"""


@pytest.fixture(scope="session")
def dsn(chakra_dsn: str) -> str:
    """URL of the database of this xdist worker."""
    return chakra_dsn


async def _emptied(dsn: str) -> asyncpg.Connection[Any]:
    connection = await asyncpg.connect(dsn)
    await connection.execute(EMPTY)
    return connection


@pytest.fixture
async def pg(dsn: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A bare asyncpg connection to the emptied database."""
    connection = await _emptied(dsn)
    yield connection
    if not connection.is_closed():
        await connection.close(timeout=10)


@pytest.fixture
async def db(pg: asyncpg.Connection[Any], dsn: str) -> AsyncIterator[Any]:
    """A connected Chakra database, which is the default database, with an empty public schema."""
    import chakra

    database = await chakra.connect(dsn)
    yield database
    await database.close()
