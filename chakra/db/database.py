"""A database: its pool, its types, its hook chain, and the calls to run statements on it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from chakra import config
from chakra.db import driver
from chakra.db.address import Address
from chakra.db.catalog import TypeCatalog
from chakra.db.connection import PinnedConnection
from chakra.db.descriptions import LIMIT, Descriptions
from chakra.db.executor import Executor
from chakra.db.hooks import HookChain, log_slow
from chakra.db.pool import Pool
from chakra.db.relations import RelationFacts
from chakra.db.session import Session
from chakra.db.session_effects import Effect
from chakra.db.siblings import IDENTITY, Siblings
from chakra.db.statements import StatementCache
from chakra.db.transactions import Isolation, Transaction, active, current_for
from chakra.errors import ConfigError
from chakra.pg.conversion import Naive

if TYPE_CHECKING:
    from types import TracebackType


class Database(Executor):
    """A connected database; made by ``await Database.connect(url)``, closed by ``await db.close()``.

    Attributes:
        name: the database's name on the server.
        address: where it is, read from the URL.
        loop: the event loop it was connected in, and serves.
        settings: what it was connected with.
        hooks: the chain that sees every statement.
        pool: the connections.
    """

    def __init__(self, url: str, settings: config.Settings) -> None:
        self.url = url
        self.loop = asyncio.get_running_loop()
        self.address = Address.read(url, settings.database)
        self.settings = settings
        self.naive = cast(Naive, settings.database.naive_datetimes)
        self.hooks = HookChain()
        if settings.debug.slow_query:
            self.hooks.add(log_slow(settings.debug.slow_query))
        self.database = self
        self.name = ""
        self.server_version: tuple[int, int] = (0, 0)
        self.type_catalog = TypeCatalog(self)
        self.kept_descriptions = Descriptions(self.type_catalog)
        self.relation_facts = RelationFacts()
        self.harmless = set()
        self.as_text = {}
        self.documents = StatementCache(LIMIT)
        database = settings.database
        prepared = database.prepared_statements and not database.pgbouncer
        self._statement_limit = database.statement_cache_size if prepared else 0
        self.pool = Pool(
            self._open_session, settings.pool, refresh=self.refresh_session, stateless=database.pgbouncer
        )

    @classmethod
    async def connect(cls, url: str | None = None, **settings: Any) -> Self:
        """Connect, opening one connection at once so that a mistake shows here.

        Args:
            url: ``postgresql://…``; without it the setting ``database.url`` (``CHAKRA_DATABASE_URL``,
                ``chakra.toml``).
            settings: settings of the sections ``database`` and ``pool`` by their bare name, for this
                database alone (``max_connections=20``).

        Raises:
            ConfigError: no URL, an unknown setting, or a server Chakra cannot use.
            ConnectionLost: nobody answers there.
            DatabaseError: the server refused (password, no such database).
        """
        chosen = config.settings()
        if settings:
            chosen = chosen.with_values(_qualified(settings), "connect()")
        url = url or chosen.database.url
        if not url:
            raise ConfigError(
                "no database URL: pass one to connect(), set CHAKRA_DATABASE_URL, or write [database] url "
                "into chakra.toml"
            )
        database = cls(url, chosen)
        try:
            await database.pool.fill()
            [row] = await database.run_fetch(IDENTITY)
            database.name = row[0]
            _siblings.add(database, tuple(row))
        except BaseException:
            await database.pool.close(timeout=0)
            raise
        return database

    async def close(self, timeout: float | None = None) -> None:
        """Close all connections, after waiting up to ``timeout`` seconds (default: the setting
        ``close_timeout``) for statements and transactions that still run.

        Raises:
            ConnectionLost: it was connected in another event loop, which is still alive; close it there.
        """
        await self.pool.close(timeout)

    async def __aenter__(self) -> Database:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<Database {self.name or self.address.where}: {self.pool.figures}>"

    async def _open_session(self) -> Session:
        raw = await driver.open_connection(self.address, self.settings.database)
        version = raw.get_server_version()
        self.server_version = (version.major, version.minor)
        session = Session(raw, self.hooks, self._statement_limit, self.documents)
        try:
            await self.refresh_session(session)
        except BaseException:
            raw.terminate()
            raise
        return session

    # -- for Executor -------------------------------------------------------------------------------

    def held_session(self) -> Session | None:
        if active.get() is None:
            return None
        scope = current_for(self)
        return None if scope is None else scope.session

    def current_transaction(self) -> Transaction | None:
        return None if active.get() is None else current_for(self)

    def transaction(
        self,
        isolation: Isolation | None = None,
        *,
        readonly: bool = False,
        deferrable: bool = False,
        retries: int = 0,
        settings: Mapping[str, object] | None = None,
    ) -> Transaction:
        """A transaction block, or inside one a savepoint; see ``Transaction``."""
        return Transaction(
            self,
            isolation=isolation,
            readonly=readonly,
            deferrable=deferrable,
            retries=retries,
            settings=settings,
        )

    def acquire(self, timeout: float | None = None) -> PinnedConnection:
        """``async with db.acquire() as connection``: one connection for several statements.

        Args:
            timeout: seconds to wait for it; default: ``acquire_timeout``.
        """
        return PinnedConnection(self, timeout)

    def schema_changed(self, effect: Effect = Effect.SCHEMA, session: Session | None = None) -> None:
        """Tell that the catalog changed: every connection drops its plans before its next use, and what was known of
        tables is looked up again.

        Statements run through ``execute`` and its kin, of any database object of this process that is connected to
        the same database, are noticed by themselves; this is for changes made elsewhere.

        Args:
            session: the session it was changed on; within a transaction the others learn of it again at
                commit, when they can see the change (``settle_effects``).
        """
        for database in _siblings.of(self):
            database.pool.generation += 1
            database.type_catalog.invalidate()
            database.relation_facts.forget()
            database.harmless.clear()
            database.as_text.clear()
        if session is not None and session.in_transaction:
            session.effects |= effect

    def settle_effects(self, session: Session) -> None:
        """Tell of what a transaction changed in the catalog, again now that it is over: what others looked up
        meanwhile is from before.
        """
        effects, session.effects = session.effects, Effect.CLEAN
        self.schema_changed(effects)

    async def refresh_session(self, session: Session) -> None:
        """Bring a session up to date with the catalog: plans, and what the driver knows of types."""
        await session.forget_statements()


_siblings: Siblings[Database] = Siblings()


def _qualified(settings: Mapping[str, Any]) -> dict[str, Any]:
    named = {config.qualify(key, "connect()"): value for key, value in settings.items()}
    for name in named:
        if name.startswith("debug."):
            raise ConfigError(f"{name} is a setting of the process, not of one database: use configure()")
    return named


__all__ = ["Database"]
