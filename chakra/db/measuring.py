"""Reads the figures of a pool and of its sessions off; asks the server nothing, and changes nothing."""

from __future__ import annotations

import time

from chakra.db.core import Core
from chakra.db.pool import Pool
from chakra.db.session import Session
from chakra.db.stats import ConnectionStats, PoolStats, StatementStats, Stats, WaitStats, wait_steps


def measure(
    core: Core, role: str = "primary", pool: Pool | None = None, *, replicas: tuple[Stats, ...] = ()
) -> Stats:
    """The figures of one database as they are now.

    Args:
        role: what it is called.
        pool: another one than its own.
        replicas: the figures of those of its replicas.
    """
    pool = pool or core.pool
    counters = pool.counters
    now = time.monotonic()
    idle, borrowed = pool.sessions()
    open_ = [*idle, *borrowed]
    figures = pool.figures
    waits = WaitStats(
        count=counters.waits,
        seconds=counters.wait_seconds,
        up_to=wait_steps(counters.wait_steps),
        timeouts=counters.timeouts,
        refused=counters.refused,
    )
    return Stats(
        database=core.types.database,
        role=role,
        pooler=core.pooler,
        pool=PoolStats(
            size=figures.size,
            min_size=pool.settings.min_connections,
            max_size=figures.max_size,
            idle=len(idle),
            borrowed=len(borrowed),
            opening=figures.size - len(open_),
            waiting=figures.waiting,
            lent=counters.lent + sum(session.lent for session in open_) + len(borrowed),
            opened=counters.opened,
            closed=counters.opened - len(open_),
            lost=counters.lost,
            expired=counters.expired,
            unused=counters.unused,
            failed=counters.failed,
            checked=counters.checked,
            waits=waits,
        ),
        statements=StatementStats(
            limit=core.statement_limit,
            kept=sum(session.kept for session in open_),
            hits=counters.hits + sum(session.hits for session in open_),
            misses=counters.misses + sum(session.misses for session in open_),
            prepared_again=counters.again + sum(session.again for session in open_),
        ),
        queries=counters.statements + sum(session.ran for session in open_),
        errors=dict(counters.errors),
        copied_out=counters.copied_out,
        copied_in=counters.copied_in,
        connections=tuple(
            [_connection(session, now, borrowed=False) for session in idle]
            + [_connection(session, now, borrowed=True) for session in borrowed]
        ),
        replicas=replicas,
    )


def _connection(session: Session, now: float, *, borrowed: bool) -> ConnectionStats:
    return ConnectionStats(
        pid=session.pid,
        host=session.host,
        borrowed=borrowed,
        age=now - session.created,
        idle=0.0 if borrowed else now - session.idle_since,
        lent=session.lent + borrowed,
        statements=session.ran,
        kept=session.kept,
        hits=session.hits,
        misses=session.misses,
        prepared_again=session.again,
    )


__all__ = ["measure"]
