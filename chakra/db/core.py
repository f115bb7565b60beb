"""What all connections of one database share: pool, hooks, and what is known of its catalog. It runs no statements."""

from __future__ import annotations

from collections.abc import Hashable
from typing import cast

from chakra import config
from chakra.db import driver, relations
from chakra.db.address import Address, Password
from chakra.db.cache import StatementCache
from chakra.db.catalog import TypeCatalog
from chakra.db.descriptions import LIMIT, Descriptions
from chakra.db.hooks import HookChain, log_slow
from chakra.db.pool import Pool
from chakra.db.relations import RelationFacts
from chakra.db.session import Session
from chakra.db.session_effects import Effect
from chakra.db.siblings import Siblings
from chakra.db.statements import Statement
from chakra.pg.conversion import Naive


class Core:
    """The common ground of a database and of the connections pinned from it.

    Attributes:
        address: where the database is, read from the URL.
        settings: what it was connected with.
        hooks: the chain that sees every statement.
        pool: the connections; its ``generation`` counts the changes of the catalog.
        types: what the server says about types.
        descriptions: what the server said of result columns of statements, and of tables.
        relation_facts: which relations call what may stay on a session.
        harmless: texts of statements that are known to leave nothing behind, over whichever relations they touch,
            until the catalog changes.
        as_text: by what tells a compiled query apart, the statement that reads what models declare as text as that;
            only where the database has something else there.
        documents: by the text of a statement, which of its result columns are json or jsonb.
        naive: what a datetime without a zone means for ``timestamptz``: the setting ``database.naive_datetimes``.
        pooler: whether something such as PgBouncer stands between: its process numbers are not the server's.
        server_version: of the server, as (18, 6).
        statement_limit: statements a connection keeps prepared.
    """

    __slots__ = (
        "__weakref__",
        "address",
        "as_text",
        "descriptions",
        "documents",
        "harmless",
        "hooks",
        "naive",
        "pool",
        "pooler",
        "relation_facts",
        "server_version",
        "settings",
        "statement_limit",
        "types",
    )

    def __init__(self, url: str, settings: config.Settings, password: Password | None = None) -> None:
        database = settings.database
        self.address = Address.read(url, database, password)
        self.settings = settings
        self.naive: Naive = cast(Naive, database.naive_datetimes)
        self.hooks = HookChain()
        if settings.debug.slow_query:
            self.hooks.add(log_slow(settings.debug.slow_query))
        self.pooler = False
        self.server_version: tuple[int, int] = (0, 0)
        self.types = TypeCatalog()
        self.descriptions = Descriptions(self.types)
        self.relation_facts = RelationFacts()
        self.harmless: set[str] = set()
        self.as_text: dict[Hashable, Statement] = {}
        self.documents: StatementCache[frozenset[int]] = StatementCache(LIMIT)
        prepared = database.prepared_statements and not database.pgbouncer
        self.statement_limit = database.statement_cache_size if prepared else 0
        self.pool = self.make_pool()

    def make_pool(self) -> Pool:
        """The pool of its connections."""
        return Pool(
            self._open_session,
            self.settings.pool,
            refresh=Session.forget_statements,
            stateless=self.settings.database.pgbouncer,
            fits=self._fits if self.address.asks_for_role else None,
        )

    async def _open_session(self) -> Session:
        return await self.open_at(self.address)

    async def open_at(self, address: Address) -> Session:
        """Open one more session."""
        raw = await driver.open_connection(address, self.settings.database)
        version = raw.get_server_version()
        self.server_version = (version.major, version.minor)
        session = Session(raw, self.hooks, self.statement_limit, self.documents, self.pool.counters)
        try:
            await session.forget_statements()
        except BaseException:
            raw.terminate()
            raise
        return session

    def _fits(self, session: Session) -> bool:
        return driver.has_role(session.raw, self.address.role)

    # -- what a session carries on ------------------------------------------------------------------

    async def is_harmless(self, statement: Statement, held: Session | None) -> bool:
        """Whether a statement leaves nothing behind, over the relations it touches.

        A relation that was not met before costs one round trip; afterwards, until the catalog changes, the text is in
        ``harmless``, which callers look at first.

        Args:
            held: the session it is going to run on, or ``None``.
        """
        if statement.author == "chakra" or statement.sql in self.harmless or not self.pool.resets:
            return True
        touches = statement.touches
        if touches is None or self.pool.always or (held is not None and held.dirty):
            return False  # a changed session may take names for other relations, and is reset anyway
        facts = self.relation_facts
        found = facts.verdict(statement.sql, touches)
        if found is None:
            session = held or self.pool.take() or await self.pool.acquire()
            try:
                known = await session.ask(lambda run, fetch: facts.ask(touches, run, fetch))
            finally:
                if held is None:
                    self.pool.release(session)
            found = known and facts.verdict(statement.sql, touches)
        if found:
            if len(self.harmless) >= relations.MAX_STATEMENTS:
                self.harmless.clear()
            self.harmless.add(statement.sql)
        return bool(found)

    def note(self, session: Session) -> None:
        """Remember that a session must be reset; call before what may leave something on it is sent."""
        if self.pool.resets:
            session.dirty = True

    # -- changes of the catalog ---------------------------------------------------------------------

    def connected_to(self, name: str, identity: Hashable) -> None:
        """Learn which database of which server it is: DDL that goes through one of its kin concerns it."""
        self.types.database = name
        _siblings.add(self, identity)

    def schema_changed(self, effect: Effect = Effect.SCHEMA, session: Session | None = None) -> None:
        """Forget what was known of the catalog, for all databases of this process that are the same one.

        Args:
            session: the session it was changed on; within a transaction the others learn of it again at
                commit, when they can see the change (``settle_effects``).
        """
        for core in _siblings.of(self):
            core.pool.generation += 1
            core.types.invalidate()
            core.relation_facts.forget()
            core.harmless.clear()
            core.as_text.clear()
        if session is not None and session.in_transaction:
            session.effects |= effect

    def settle_effects(self, session: Session) -> None:
        """Tell of what a transaction changed in the catalog, again now that it is over: what others looked up
        meanwhile is from before.
        """
        effects, session.effects = session.effects, Effect.CLEAN
        self.schema_changed(effects)


_siblings: Siblings[Core] = Siblings()


__all__ = ["Core"]
