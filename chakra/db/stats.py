"""The figures of a database at one moment as plain data, and as the text Prometheus reads; asks the server nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from chakra.db.counters import WAIT_STEPS, steps_up_to


@dataclass(frozen=True, slots=True)
class ConnectionStats:
    """One open connection.

    Attributes:
        pid: of its server process; behind a pooler a number of the pooler's.
        host: where it goes.
        borrowed: whether somebody has it now.
        age, idle: seconds since it was opened, and since it was given back (0.0 while it is borrowed).
        lent: how often it was lent.
        statements: statements that were run on it.
        kept: statements that are prepared on it now.
        hits, misses: statements that were found prepared, and that had to be.
        prepared_again: of the latter, those whose plan the catalog had changed under.
    """

    pid: int
    host: str
    borrowed: bool
    age: float
    idle: float
    lent: int
    statements: int
    kept: int
    hits: int
    misses: int
    prepared_again: int


@dataclass(frozen=True, slots=True)
class WaitStats:
    """Waits for a connection. Who got one at once did not wait.

    Attributes:
        count, seconds: borrowers that waited, and for how long together.
        up_to: how many of them waited at most so many seconds; the last key is infinite.
        timeouts: borrowers that got none within ``acquire_timeout``.
        refused: borrowers that found the queue full (``max_waiting``).
    """

    count: int
    seconds: float
    up_to: Mapping[float, int]
    timeouts: int
    refused: int


@dataclass(frozen=True, slots=True)
class PoolStats:
    """The pool.

    Attributes:
        size, min_size, max_size: connections open or being opened, and the limits.
        idle, borrowed, opening: what they are at; ``size`` is their sum.
        waiting: borrowers in the queue.
        lent: how often a connection was lent, since the beginning.
        opened, closed: connections, since the beginning.
        lost: of those closed, the ones that ended without us: by the server, the network, or a reset that failed.
        expired, unused: the ones that reached ``max_lifetime``, and ``idle_timeout``.
        failed: attempts to open one that failed.
        checked: idle connections that were asked whether they still answer.
        waits: waits for one.
    """

    size: int
    min_size: int
    max_size: int
    idle: int
    borrowed: int
    opening: int
    waiting: int
    lent: int
    opened: int
    closed: int
    lost: int
    expired: int
    unused: int
    failed: int
    checked: int
    waits: WaitStats


@dataclass(frozen=True, slots=True)
class StatementStats:
    """Prepared statements, over all connections there were.

    Attributes:
        limit: how many a connection keeps; 0 = none (``prepared_statements = false``, ``pgbouncer = true``).
        kept: how many are prepared now.
        hits, misses: statements that were found prepared, and that had to be.
        prepared_again: of the latter, those whose plan the catalog had changed under.
    """

    limit: int
    kept: int
    hits: int
    misses: int
    prepared_again: int

    @property
    def hit_rate(self) -> float:
        """The share of those found, from 0 to 1; 0.0 before the first statement."""
        return self.hits / (self.hits + self.misses) if self.hits or self.misses else 0.0


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures of one database, as ``db.stats()`` gives them; counters begin with 0 when it is connected.

    Attributes:
        database: its name on the server.
        role: ``primary``; ``replica`` and ``stand_in`` for what is in ``replicas``.
        pooler: whether something such as PgBouncer stands between.
        pool: the connections.
        statements: the prepared statements.
        queries: statements that were run, of whatever kind, Chakra's own included.
        errors: those that failed, by the name of their error.
        copied_out, copied_in: bytes that COPY has read and written.
        connections: those that are open, the longest idle first.
        replicas: the figures of ``db.replica``, if there are replicas.
    """

    database: str
    role: str
    pooler: bool
    pool: PoolStats
    statements: StatementStats
    queries: int
    errors: Mapping[str, int]
    copied_out: int
    copied_in: int
    connections: tuple[ConnectionStats, ...] = ()
    replicas: tuple[Stats, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """All of it as dictionaries, lists, texts and numbers, ready for JSON."""
        found = _plain(asdict(self))
        assert isinstance(found, dict)
        return found

    def prometheus(self, prefix: str = "chakra") -> str:
        """All of it in the text format that Prometheus reads (version 0.0.4), but for the single connections.

        Args:
            prefix: what the names begin with.
        """
        return prometheus([self], prefix)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _key(key: Any) -> str:
    return _number(key) if isinstance(key, float) else str(key)


# -- Prometheus -----------------------------------------------------------------------------------------

# Name, kind, what it is, and where it stands: (attribute path, more labels).
_METRICS: tuple[tuple[str, str, str, tuple[tuple[str, Mapping[str, str]], ...]], ...] = (
    ("pool_connections", "gauge", "Connections of the pool by state.", (
        ("pool.idle", {"state": "idle"}),
        ("pool.borrowed", {"state": "used"}),
        ("pool.opening", {"state": "opening"}),
    )),
    ("pool_connections_max", "gauge", "Connections open at most.", (("pool.max_size", {}),)),
    ("pool_connections_min", "gauge", "Connections kept open while nothing happens.", (("pool.min_size", {}),)),
    ("pool_waiting", "gauge", "Borrowers in the queue for a connection.", (("pool.waiting", {}),)),
    ("pool_lent_total", "counter", "How often a connection was lent.", (("pool.lent", {}),)),
    ("pool_opened_total", "counter", "Connections that were opened.", (("pool.opened", {}),)),
    ("pool_closed_total", "counter", "Connections that are gone.", (("pool.closed", {}),)),
    ("pool_ended_total", "counter", "Connections that are gone, by what ended them before the pool was closed.", (
        ("pool.lost", {"reason": "lost"}),
        ("pool.expired", {"reason": "lifetime"}),
        ("pool.unused", {"reason": "idle"}),
    )),
    ("pool_open_failed_total", "counter", "Attempts to open a connection that failed.", (("pool.failed", {}),)),
    ("pool_checked_total", "counter", "Idle connections that were asked whether they still answer.",
     (("pool.checked", {}),)),
    ("pool_no_connection_total", "counter", "Borrowers that got no connection.", (
        ("pool.waits.timeouts", {"reason": "timeout"}),
        ("pool.waits.refused", {"reason": "queue_full"}),
    )),
    ("statements_prepared", "gauge", "Statements that are prepared now.", (("statements.kept", {}),)),
    ("statements_total", "counter", "Statements by whether they were found prepared.", (
        ("statements.hits", {"prepared": "yes"}),
        ("statements.misses", {"prepared": "no"}),
    )),
    ("statements_prepared_again_total", "counter", "Statements whose plan the catalog had changed under.",
     (("statements.prepared_again", {}),)),
    ("queries_total", "counter", "Statements that were run.", (("queries", {}),)),
    ("copy_bytes_total", "counter", "Bytes that COPY has read and written.", (
        ("copied_out", {"direction": "out"}),
        ("copied_in", {"direction": "in"}),
    )),
)  # fmt: skip


def prometheus(databases: list[Stats], prefix: str = "chakra") -> str:
    """The figures of several databases in one text: the format names each metric once.

    Args:
        databases: their figures; those of their replicas come along.
        prefix: what the names begin with.
    """
    every = [stats for database in databases for stats in (database, *database.replicas)]
    lines: list[str] = []
    for name, kind, what, sources in _METRICS:
        lines += _head(f"{prefix}_{name}", kind, what)
        for stats in every:
            for path, labels in sources:
                value: Any = stats
                for attribute in path.split("."):
                    value = getattr(value, attribute)
                lines.append(_line(f"{prefix}_{name}", stats, labels, value))
    lines += _head(f"{prefix}_errors_total", "counter", "Statements that failed, by the name of their error.")
    lines += [
        _line(f"{prefix}_errors_total", stats, {"error": error}, number)
        for stats in every
        for error, number in sorted(stats.errors.items())
    ]
    lines += _head(f"{prefix}_pool_wait_seconds", "histogram", "Waits for a connection.")
    for stats in every:
        lines += _histogram(f"{prefix}_pool_wait_seconds", stats)
    return "\n".join(lines) + "\n"


def _head(name: str, kind: str, what: str) -> list[str]:
    return [" ".join(("#", word, name, told)) for word, told in (("HELP", what), ("TYPE", kind))]


def _histogram(name: str, stats: Stats) -> Iterator[str]:
    waits = stats.pool.waits
    for step, number in waits.up_to.items():
        yield _line(f"{name}_bucket", stats, {"le": _number(step)}, number)
    yield _line(f"{name}_sum", stats, {}, waits.seconds)
    yield _line(f"{name}_count", stats, {}, waits.count)


def _line(name: str, stats: Stats, labels: Mapping[str, str], value: float) -> str:
    told = {"database": stats.database, "role": stats.role, **labels}
    inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in told.items())
    return f"{name}{{{inside}}} {_number(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return repr(value) if isinstance(value, float) and not value.is_integer() else str(int(value))


def wait_steps(steps: list[int]) -> dict[float, int]:
    """How many waited at most so long, from how many are in each step."""
    return dict(zip((*WAIT_STEPS, float("inf")), steps_up_to(steps), strict=True))


__all__ = [
    "ConnectionStats",
    "PoolStats",
    "StatementStats",
    "Stats",
    "WaitStats",
    "prometheus",
    "wait_steps",
]
