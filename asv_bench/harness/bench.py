"""What every benchmark stands on: the server, the data on it, open connections, the peers that are installed."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

import chakra
from asv_bench.harness import data
from asv_bench.harness.measure import Tick
from asv_bench.harness.models import User
from asv_bench.harness.peers import PEERS, Entry, Peer

CACHE = Path(__file__).parents[1] / ".cache"
"""The private server and what was made for it; may be deleted at any time."""

SERVER_SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
"""Clients are measured, not disks: nothing of the server's own that comes and goes (checkpoints, autovacuum,
parallel workers) may fall into one contender's block and not another's."""

DATABASE_SETTINGS = ("jit", "max_parallel_workers_per_gather", "synchronous_commit")
"""What of it is set on a database that was given to us, for as long as we use it."""

UNTOUCHED: dict[str, Any] = {"check_after": 0, "idle_timeout": 0, "max_lifetime": 0}
"""Floors run on a connection that the pool thinks idle: it must not be asked whether it still answers, nor closed.
On a machine so busy that a round took a minute, that ended a COPY in its middle."""

SEED = 20240101


@dataclass(frozen=True)
class Size:
    """How much of everything.

    Attributes:
        users: rows of ``users``.
        many: instances of the rows that read or write "10,000"; posts.
        some: rows of the benchmark that inserts "1000"; authors, tags, and posts with tags.
        scale: of ``lineitem``.
        typed: rows of each table of one type.
        seconds: clock of one contender.
        min_rounds: rounds of every target at least.
        limit: seconds that a run of all targets may take; who is late gives each contender less.
    """

    users: int = data.FULL_ROWS
    many: int = 10_000
    some: int = 1_000
    scale: float = data.LINEITEM_SCALE
    typed: int = 200_000
    seconds: float = 1.5
    min_rounds: int = 5
    limit: float = 540.0


FULL = Size()
QUICK = Size(typed=150_000, seconds=0.6, min_rounds=3)
TINY = Size(users=2_000, many=200, some=100, scale=0.001, typed=100, seconds=0.0, min_rounds=2)


@dataclass
class Bench:
    """Open connections and peers of one run.

    Attributes:
        connection: a plain asyncpg connection.
        pool: asyncpg's own pool with its default settings.
        db: the Chakra database, the default one.
        skipped: peer → why it is not in the run.
        used: peer → versions of what it is made of.
        tick: called between rounds, when no clock runs.
        pace: what share of its usual time a contender gets.
    """

    url: str
    size: Size
    connection: asyncpg.Connection[Any]
    pool: asyncpg.Pool[Any]
    db: chakra.Database
    say: Callable[[str], None] = data.say_nothing
    wanted: frozenset[str] | None = None
    skipped: dict[str, str] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    tick: Tick | None = None
    pace: float = 1.0
    _peers: dict[str, Peer | None] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Clock of one contender, as things stand."""
        return self.size.seconds * self.pace

    async def peers(self, *abilities: str) -> list[Peer]:
        """Open peers that can do one of the things asked for; who is not installed is noted in ``skipped``."""
        found = []
        for name, entry in PEERS.items():
            if self.wanted is not None and name not in self.wanted:
                continue
            if name not in self._peers:
                self._peers[name] = await self._open(name, entry)
            peer = self._peers[name]
            if peer is not None and any(hasattr(peer, ability) for ability in abilities):
                found.append(peer)
        return found

    async def _open(self, name: str, entry: Entry) -> Peer | None:
        absent = entry.missing()
        if absent:
            self.skipped[name] = f"{', '.join(absent)} not installed"
            return None
        try:
            peer = entry.load()()
            await peer.open(self.url)
        except Exception as error:
            self.skipped[name] = f"does not start: {' '.join(str(error).split())[:200]}"
            return None
        self.used[name] = entry.versions()
        return peer

    async def close(self) -> None:
        """Close everything that was opened."""
        for peer in self._peers.values():
            if peer is not None:
                await peer.close()
        await self.db.close()
        await self.pool.close()
        await self.connection.close()

    async def held(self) -> asyncpg.Connection[Any]:
        """The plain asyncpg connection under the one Chakra uses next, for a floor to run on.

        Blocks never overlap, so both can have it. On two connections the difference of two server processes (which
        core, what is cached, how fast it is woken) was several times what was to be measured: on a busy machine
        the floor came out 40 µs slower than Chakra on top of it.
        """
        async with self.db.acquire() as connection:
            raw: asyncpg.Connection[Any] = connection.session.raw
        return raw

    async def prepare(self, sql: str) -> Any:
        """A prepared statement on ``held()``, with the locks of its preparation given up.

        asyncpg (0.32) prepares without a Sync message: the server stays in an implicit transaction that locks
        the tables until the connection is used again.
        """
        held = await self.held()
        statement = await held.prepare(sql)
        await held.execute("SELECT")
        return statement

    def keys(self) -> Callable[[], int]:
        """An endless sequence of existing keys in random order, the same for everyone who asks."""
        drawn = random.Random(SEED).choices(range(1, self.size.users + 1), k=5_000)
        position = 0

        def key() -> int:
            nonlocal position
            position = position + 1 if position < len(drawn) - 1 else 0
            return drawn[position]

        return key

    async def library(self) -> None:
        """Make sure that authors, posts and tags are there."""
        await data.prepare_library(self.connection, self.size.some, self.size.many, self.say)

    async def lineitem(self) -> bool:
        """Whether ``lineitem`` is there, after making it if it can be made."""
        why = await data.prepare_lineitem(self.connection, CACHE, scale=self.size.scale, say=self.say)
        if why:
            self.skipped["lineitem"] = why
        return why is None


@asynccontextmanager
async def opened(
    url: str | None = None,
    size: Size = FULL,
    *,
    peers: frozenset[str] | None = None,
    say: Callable[[str], None] = data.say_nothing,
) -> AsyncIterator[Bench]:
    """Open a run on a server of one's own, or on the embedded one that is kept in ``asv_bench/.cache``.

    Args:
        url: a database to use; its tables ``users``, ``new_users``, ``lineitem``, ``authors``, ``posts``, ``tags``,
            ``posts_tags``, ``entries``, ``linked_entries``, ``knows``, ``wide_entries`` and ``items`` are replaced, and
            the schema ``bench_types``.
        peers: names of the peers to run; ``None`` = all that are installed.
    """
    server = None
    if url is None:
        from chakra.embedded import start_async

        CACHE.mkdir(exist_ok=True)
        folder = CACHE / f"server-{size.users}"
        say(f"starting the private server in {folder}")
        server = await start_async(folder, settings=SERVER_SETTINGS)
        url = server.url
    try:
        if server is None:
            await _settle(url, "SET {0} = '{1}'")
        connection = await asyncpg.connect(url)
        await data.prepare(connection, size.users, say)
        pool = await asyncpg.create_pool(url, min_size=1, max_size=4)
        db = await chakra.connect(url, **UNTOUCHED)
        bench = Bench(url, size, connection, pool, db, say, peers)
        try:
            await bench.db.fetchval("SELECT count(*) FROM users")
            yield bench
        finally:
            await bench.close()
    finally:
        if server is not None:
            await server.stop_async()
        else:
            await _settle(url, "RESET {0}")


async def _settle(url: str, change: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        name = await connection.fetchval("SELECT quote_ident(current_database())")
        for setting in DATABASE_SETTINGS:
            await connection.execute(
                f"ALTER DATABASE {name} {change.format(setting, SERVER_SETTINGS[setting])}"
            )
    finally:
        await connection.close()


def user_facts(user: Any) -> list[Any]:
    """An instance of anybody's model, or a record, as a list of values."""
    if isinstance(user, asyncpg.Record | tuple):
        return list(user)
    if isinstance(user, dict):
        return [user[name] for name in data.COLUMNS]
    return [getattr(user, name) for name in data.COLUMNS]


def users_facts(users: Any) -> list[Any]:
    """Instances or records as lists of values, in the order of their keys."""
    return sorted(map(user_facts, users))


__all__ = ["FULL", "QUICK", "TINY", "Bench", "Size", "User", "opened", "user_facts", "users_facts"]
