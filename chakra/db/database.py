"""A database: what its connections share, opened and closed, and the calls to run statements on it."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from weakref import ref

from chakra import config
from chakra.db.address import Address, Password
from chakra.db.connection import PinnedConnection
from chakra.db.coordination import Coordination
from chakra.db.core import Core
from chakra.db.lazy import LazyTransaction
from chakra.db.scope import Isolation
from chakra.db.session import Session
from chakra.db.siblings import IDENTITY
from chakra.db.transactions import Transaction, active, current_for
from chakra.errors import ConfigError

if TYPE_CHECKING:
    from chakra.db.listening import Hub, Listener
    from chakra.db.replicas import Writes
    from chakra.db.stats import Stats


class Database(Coordination):
    """A connected database; made by ``await Database.connect(url)``, closed by ``await db.close()``.

    Attributes:
        name: the database's name on the server.
        alias: what ``using("…")`` calls it; ``None`` of one that can be the default.
        loop: the event loop it was connected in, and serves.
        hooks: the chain that sees every statement.
        pool: the connections.
    """

    _replica: Any = None
    _writes: Writes | None = None

    def __init__(
        self,
        url: str,
        settings: config.Settings,
        password: Password | None = None,
        *,
        alias: str | None = None,
        core: Core | None = None,
    ) -> None:
        self.url = url
        self.loop = asyncio.get_running_loop()
        self.name = ""
        self.alias = alias
        super().__init__(core or Core(url, settings, password))
        self.hooks.owner = ref(self)
        self._hub: Hub | None = None

    @property
    def address(self) -> Address:
        """Where it is, read from the URL."""
        return self.core.address

    @property
    def settings(self) -> config.Settings:
        """What it was connected with."""
        return self.core.settings

    @classmethod
    async def connect(
        cls,
        url: str | None = None,
        *,
        password: Password | None = None,
        alias: str | None = None,
        **settings: Any,
    ) -> Self:
        """Connect, opening one connection at once so that a mistake shows here.

        Args:
            url: ``postgresql://…``; without it the setting ``database.url`` (``CHAKRA_DATABASE_URL``,
                ``chakra.toml``).
            password: one in place of that of the URL, or what gives one, plain or ``async``; it is called for each
                new connection, so tokens that run out can be given out anew.
            alias: what ``using("…")`` calls it; it is never the default database then. What ``[databases.…]`` of
                ``chakra.toml`` says under this name counts for it.
            settings: settings of the sections ``database``, ``pool`` and ``replicas`` by their bare name, for this
                database alone (``max_connections=20, replicas=[url, …]``).

        Raises:
            ConfigError: no URL, an unknown setting, or a server Chakra cannot use.
            ConnectionLost: nobody answers there.
            DatabaseError: the server refused (password, no such database).
        """
        chosen = settings_of(url, alias)
        if settings:
            chosen = chosen.with_values(_qualified(settings), "connect()")
        url = url or chosen.database.url
        if not url:
            raise ConfigError(
                "no database URL: pass one to connect(), set CHAKRA_DATABASE_URL, or write [database] url "
                "into chakra.toml"
            )
        database = cls(url, chosen, password, alias=alias)
        try:
            await database.pool.fill()
            [row] = await database.run_fetch(IDENTITY)
            database.name, identity = row[0], tuple(row[:3])
            database.core.connected_to(database.name, identity)
            database.core.pooler = row[3] not in {session.pid for session in database.pool.sessions()[0]}
            if chosen.replicas.urls:
                database._add_replicas(identity, password)
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
        if self._hub is not None and asyncio.get_running_loop() is self.loop:
            await self._hub.close()
        try:
            await self.pool.close(timeout)
        finally:
            if self._replica is not None:
                await self._replica.close(timeout)

    async def __aenter__(self) -> Database:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<Database {self.name or self.address.where}: {self.pool.figures}>"

    def abandon(self) -> None:
        """Let go of every connection without the event loop, which is over."""
        self.pool.abandon()
        if self._replica is not None:
            self._replica.abandon()

    # -- replicas -----------------------------------------------------------------------------------

    def _add_replicas(self, identity: Hashable, password: Password | None) -> None:
        from chakra.db.replicas import replica_core

        core, self._writes = replica_core(self.core, identity, password, self._written)
        url = self.settings.replicas.urls[0]
        replica = type(self)(url, self.settings, alias="replica", core=core)
        replica.name, replica.primary = self.name, self
        self._replica = replica

    @property
    def replica(self) -> Self:
        """The replicas of this database, as a database that takes no writes; also ``using("replica")``.

        Connections are spread over them. A task that has written through this database waits there until the replica
        has it, for ``replicas.wait`` at most. Where no replica can be reached or has caught up, the primary serves
        (``replicas.fallback``), by connections that take no writes, either.

        Raises:
            ConfigError: there are none.
        """
        if self._replica is None:
            raise ConfigError(
                f"{self!r} has no replicas: write [replicas] urls into chakra.toml, or connect(url, replicas=[url, …])"
            )
        return self._replica  # type: ignore[no-any-return]

    async def write_position(self) -> int:
        """How far the log of changes (WAL) of the server is, as a number: what is committed now is before it.

        For ``read_after`` of another process, which has to see what this one has written.
        """
        return (await self._written())[0]

    def read_after(self, position: int | None = None) -> None:
        """Have the running task read on replicas only what is at least so new.

        Args:
            position: from ``write_position``; ``None`` = what is committed by the time of its next read there, by
                whomever.

        Raises:
            ConfigError: there are no replicas.
        """
        writes = (self if self._writes is not None else self.replica)._writes
        assert writes is not None
        writes.mark(position)

    async def _written(self) -> tuple[int, bool]:
        from chakra.db.replicas import WRITTEN

        inside = self.in_transaction
        [row] = await self.run_fetch(WRITTEN)
        return row[0], not inside

    # -- for Executor -------------------------------------------------------------------------------

    def held_session(self) -> Session | None:
        if active.get() is None:
            return None
        scope = current_for(self.core)
        if scope is None:
            return None
        return scope.session or scope.unbegun

    def current_transaction(self) -> Transaction | None:
        return None if active.get() is None else current_for(self.core)

    def transaction(
        self,
        isolation: Isolation | None = None,
        *,
        readonly: bool = False,
        deferrable: bool = False,
        retries: int = 0,
        settings: Mapping[str, object] | None = None,
        timeout: float | None = None,
        lazy: bool = False,
    ) -> Transaction:
        """A transaction block, or inside one a savepoint; see ``Transaction``.

        Args:
            lazy: begin with the first statement: a block that asks nothing takes no connection.
        """
        return (LazyTransaction if lazy else Transaction)(
            self.core,
            isolation=isolation,
            readonly=readonly,
            deferrable=deferrable,
            retries=retries,
            settings=settings,
            timeout=timeout,
        )

    def acquire(self, timeout: float | None = None) -> PinnedConnection:
        """``async with db.acquire() as connection``: one connection for several statements.

        Args:
            timeout: seconds to wait for it; default: ``acquire_timeout``.
        """
        return PinnedConnection(self.core, timeout)

    def stats(self) -> Stats:
        """The figures of this database as they are now: pool, prepared statements, queries, errors, COPY, connections.

        Costs the server nothing. ``.as_dict()`` is for JSON, ``.prometheus()`` the text that Prometheus reads.
        """
        from chakra.db.measuring import measure
        from chakra.db.replicas import ReplicaPool

        if self._replica is None:
            return measure(self.core)
        pool = self._replica.pool
        assert isinstance(pool, ReplicaPool)
        replicas = (
            measure(self._replica.core, "replica"),
            measure(self._replica.core, "stand_in", pool.stand_in),
        )
        return measure(self.core, replicas=replicas)

    def listen(self, *channels: str, limit: int = 1000) -> Listener:
        """``async for note in db.listen("news"):``, each note that ``notify()``, or NOTIFY, sends to the channels.

        One connection serves all listeners of this database, and is opened again when it breaks. What may have been
        missed then, or was dropped because too many notes waited, is said by a note in its place whose ``missed`` is
        not empty. ``async with db.listen("news") as notes:`` listens from its beginning on. The loop may be left at any
        point; ``close()`` of the database ends it.

        Args:
            channels: names, of 63 bytes at most.
            limit: notes that wait to be read, at most.

        Raises:
            QueryError: a name is none, or there is no connection to spare.
        """
        from chakra.db.listening import Hub, Listener

        if self._hub is None:
            self._hub = Hub(self.core)
        return Listener(self._hub, channels, limit)

    def schema_changed(self) -> None:
        """Tell that the catalog changed: every connection drops its plans before its next use, and what was known of
        tables is looked up again.

        Statements run through ``execute`` and its kin, of any database object of this process that is connected to
        the same database, are noticed by themselves; this is for changes made elsewhere.
        """
        self.core.schema_changed()


def settings_of(url: str | None, alias: str | None) -> config.Settings:
    """The settings of a database by what ``using("…")`` calls it.

    Raises:
        ConfigError: nothing can be called so, or nothing is said of it and there is no URL.
    """
    chosen = config.settings()
    if alias is None:
        return chosen
    if not config.is_alias(alias):
        raise ConfigError(
            "alias= takes letters, digits and _, and none of default, primary and replica, which mean something already"
        )
    return chosen if url and alias not in chosen.databases else chosen.of(alias)


def _qualified(settings: Mapping[str, Any]) -> dict[str, Any]:
    named = {config.qualify(key, "connect()"): value for key, value in settings.items()}
    for name in named:
        if name.startswith("debug."):
            raise ConfigError(f"{name} is a setting of the process, not of one database: use configure()")
    return named


__all__ = ["Database", "settings_of"]
