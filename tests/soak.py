"""Many tasks that read, write and are cut off at random: nothing is lost, doubled or left, and figures are printed.

``python -m tests.soak --seconds 600 --dsn URL [--tasks 200] [--seed 0]``; the database is emptied. Each write has a
token of its own, and its task knows afterwards whether it is there: surely, surely not, or perhaps (cut off outside of
a transaction or in its COMMIT). At the end the table is held against that.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import random
import resource
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

import chakra
from chakra import F, Field, ForeignKey, Model, Sum, errors, field, foreign_key
from tests.db.faults import settled
from tests.plugins.database import EMPTY

ACCOUNTS = 50
BALANCE = 1_000


class Account(Model, table="soak_accounts"):
    id: Field[int] = field(primary_key=True)
    balance: Field[int]


class Entry(Model, table="soak_entries"):
    id: Field[int] = field(primary_key=True)
    account: ForeignKey[Account] = foreign_key(related_name="entries", on_delete="cascade")
    token: Field[int]
    part: Field[int] = field(default=0)


class Soak:
    """What tasks did, and what they know of it.

    Attributes:
        sure: token → rows that have to be there; ``perhaps``: all of these, or none.
        came: (operation, what came of it) → how often.
        wrong: what must not be.
    """

    def __init__(self, db: Any, pg: asyncpg.Connection[Any], seed: int) -> None:
        self.db, self.pg = db, pg
        self.drawn = random.Random(seed)
        self.token = 0
        self.sure: dict[int, int] = {}
        self.perhaps: dict[int, int] = {}
        self.never: set[int] = set()
        self.came: Counter[tuple[str, str]] = Counter()
        self.wrong: list[str] = []
        self.killed = self.cancelled = 0
        self.over = False

    def account(self) -> int:
        return self.drawn.randint(1, ACCOUNTS)

    def expect(self, true: bool, what: str) -> None:
        if not true:
            self.wrong.append(what)

    # -- operations: those that write take a token, and say with how many rows ------------------------------

    async def get(self, _: int) -> int:
        account = await Account.objects.get(id=self.account())
        self.expect(account.id <= ACCOUNTS, "another account")
        return 0

    async def total(self, _: int) -> int:
        total = (await Account.objects.aggregate(n=Sum("balance")))["n"]
        self.expect(total == ACCOUNTS * BALANCE, f"{total} in all accounts")
        return 0

    async def prefetch(self, _: int) -> int:
        wanted = [self.account() for _ in range(3)]
        for account in await Account.objects.filter(id__in=wanted).prefetch_related("entries"):
            self.expect(all(entry.account_id == account.id for entry in account.entries), "another's entry")
        return 0

    async def stream(self, _: int) -> int:
        seen = [a.id async for a in Account.objects.order_by("id").iterator(chunk_size=20)]
        self.expect(seen == list(range(1, ACCOUNTS + 1)), "a stream with gaps")
        return 0

    async def columns(self, _: int) -> int:
        table = await Account.objects.all().to_arrow()
        self.expect(table.num_rows == ACCOUNTS, "columns with gaps")
        self.expect(sum(table.column("balance").to_pylist()) == ACCOUNTS * BALANCE, "a sum of columns")
        return 0

    async def create(self, token: int) -> int:
        await Entry.objects.create(account_id=self.account(), token=token)
        return 1

    async def bulk_create(self, token: int) -> int:
        made = [Entry(account_id=self.account(), token=token, part=n) for n in range(20)]
        await Entry.objects.bulk_create(made)
        self.expect(len({entry.id for entry in made}) == 20, "keys of bulk_create")
        return 20

    async def bulk_insert(self, token: int) -> int:
        account = self.account()
        data = {"account_id": [account] * 40, "token": [token] * 40, "part": list(range(40))}
        return (await Entry.objects.bulk_insert(data, batch_rows=15)).inserted

    async def transfer(self, token: int) -> int:
        """Money goes from one account to another, in the order of their keys, with an entry for each."""
        first, second = sorted(self.drawn.sample(range(1, ACCOUNTS + 1), 2))
        amount = self.drawn.randint(-9, 9)
        async with self.db.transaction():
            await Account.objects.filter(id=first).update(balance=F("balance") - amount)
            await Entry.objects.create(account_id=first, token=token)
            async with self.db.transaction():
                await Account.objects.filter(id=second).update(balance=F("balance") + amount)
            await Entry.objects.create(account_id=second, token=token, part=1)
        return 2

    async def undone(self, token: int) -> int:
        try:
            async with self.db.transaction():
                await Account.objects.filter(id=self.account()).update(balance=0)
                await Entry.objects.create(account_id=1, token=token)
                raise LookupError
        except LookupError:
            self.never.add(token)
        return 0

    async def rewritten(self, token: int) -> int:
        """Rows are written, read back as columns, and deleted, in one transaction that leaves one."""
        async with self.db.transaction():
            await Entry.objects.bulk_insert(
                {"account_id": [1] * 5, "token": [token] * 5, "part": [0, 1, 2, 3, 4]}
            )
            mine = Entry.objects.filter(token=token)
            self.expect((await mine.to_arrow()).num_rows == 5, "its own writes")
            await mine.filter(part__gt=0).delete()
        return 1

    # -- the run ------------------------------------------------------------------------------------------

    async def task(self) -> None:
        """Do one thing after the other, some of them cut off at some point."""
        ways = (
            [(self.get, 0)] * 6
            + [(self.total, 0), (self.prefetch, 0), (self.stream, 0), (self.columns, 0), (self.undone, 0)]
            + [(self.create, 1)] * 3
            + [(self.transfer, 2)] * 3
            + [(self.bulk_create, 20), (self.bulk_insert, 40), (self.rewritten, 1)]
        )
        while not self.over:
            way, rows = self.drawn.choice(ways)
            self.token += 1
            await self.one(way, rows, self.token)

    async def one(self, way: Callable[[int], Awaitable[int]], rows: int, token: int) -> None:
        """One operation in a task of its own, cancelled at random, and what is known of it then."""
        task = asyncio.ensure_future(way(token))
        if self.drawn.random() < 0.1:
            asyncio.get_running_loop().call_later(self.drawn.random() * 0.05, task.cancel)
        await asyncio.wait((task,))
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            what = "done"
            self.expect(task.result() == rows, f"{way.__name__} wrote {task.result()} rows")
            if rows:
                self.sure[token] = rows
        elif isinstance(error, asyncio.CancelledError | errors.ConnectionLost | errors.PoolTimeout):
            what = type(error).__name__
            if rows and (
                isinstance(error, asyncio.CancelledError | errors.CommitUnknown) or way in self.single
            ):
                self.perhaps[token] = rows
            else:
                self.never.add(token)
        else:
            what = type(error).__name__
            self.wrong.append(f"{way.__name__}: {error!r}")
        self.came[way.__name__, what] += 1

    @property
    def single(self) -> tuple[Any, ...]:
        """What is one statement outside of a transaction."""
        return self.create, self.bulk_create

    async def kill(self, pause: float) -> None:
        """End a backend now and then."""
        while not self.over:
            await asyncio.sleep(self.drawn.random() * 2 * pause)
            self.killed += await self.pg.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity "
                "WHERE application_name = 'chakra' AND datname = current_database() ORDER BY random() LIMIT 1) one"
            )

    async def settle(self) -> None:
        """Hold what is there against what is known."""
        await asyncio.sleep(0.2)  # what was killed in the last moment is noticed
        await settled(self.db, self.pg)
        found = {
            row["token"]: (row["n"], row["parts"])
            for row in await self.pg.fetch(
                "SELECT token, count(*) AS n, count(DISTINCT part) AS parts FROM soak_entries GROUP BY token"
            )
        }
        for token, (n, parts) in found.items():
            rows = self.sure.get(token) or self.perhaps.get(token)
            self.expect(rows == n, f"token {token} is there {n} times, not {rows or 'never'}")
            self.expect(n == parts or rows == 1, f"token {token} has a row twice")
        self.expect(
            not self.sure.keys() - found.keys(), f"lost: {sorted(self.sure.keys() - found.keys())[:9]}"
        )
        self.expect(not self.never & found.keys(), f"not undone: {sorted(self.never & found.keys())[:9]}")
        total = await self.pg.fetchval("SELECT sum(balance) FROM soak_accounts")
        self.expect(total == ACCOUNTS * BALANCE, f"{total} in all accounts")
        await self.pg.execute("TRUNCATE soak_entries")
        for known in (self.sure, self.perhaps, self.never):
            known.clear()


async def soak(dsn: str, *, seconds: float, tasks: int = 200, seed: int = 0, say: Any = print) -> list[str]:
    """Run it in four rounds; returns what was wrong."""
    pg = await asyncpg.connect(dsn)
    await pg.execute(EMPTY)
    before = asyncio.all_tasks()
    lines: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(f"{record.name}: {record.getMessage()}")  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: lines.append(f"asyncio: {context}"))
    objects: list[int] = []
    try:
        async with chakra.connect(
            dsn, max_connections=12, acquire_timeout="60s", max_waiting=10 * tasks
        ) as db:
            await db.create_tables(Account, Entry)
            await Account.objects.bulk_create([Account(balance=BALANCE) for _ in range(ACCOUNTS)])
            run = Soak(db, pg, seed)
            started, sure, perhaps = time.perf_counter(), 0, 0
            for _ in range(4):
                run.over = False
                working = [asyncio.create_task(run.task()) for _ in range(tasks)]
                killing = asyncio.create_task(run.kill(0.05))
                await asyncio.sleep(seconds / 4)
                run.over = True
                await asyncio.gather(*working, killing)
                sure, perhaps = sure + len(run.sure), perhaps + len(run.perhaps)
                await run.settle()
                gc.collect()
                objects.append(len(gc.get_objects()))
            took = time.perf_counter() - started
            stats = db.stats()
            open_now = await pg.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chakra' "
                "AND datname = current_database()"
            )
            run.expect(
                open_now <= 12 and open_now == stats.pool.size, f"{open_now} connections, {stats.pool}"
            )
    finally:
        logging.getLogger().removeHandler(handler)
        loop.set_exception_handler(None)
    await pg.close()
    await asyncio.sleep(0.05)
    run.expect(asyncio.all_tasks() <= before, f"tasks are left: {asyncio.all_tasks() - before}")
    run.expect(not lines, f"{len(lines)} log lines, the first: {lines[:1]}")
    # The first rounds fill caches; afterwards nothing grows but by chance.
    run.expect(objects[-1] - objects[-2] < 2_000, f"objects by round: {objects}")
    for (name, what), count in sorted(run.came.items()):
        say(f"{name:12} {what:16} {count:8,}")
    say(
        f"{run.came.total():,} operations of {tasks} tasks in {took:.0f} s; writes that stand {sure:,}, that may "
        f"{perhaps:,}; {run.killed} backends ended; connections opened {stats.pool.opened}, lost {stats.pool.lost}, "
        f"at the end {stats.pool.size}; objects by round {objects}; memory at its peak "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB"
    )
    for what, count in Counter(run.wrong).most_common(20):
        say(f"WRONG {count} times: {what}")
    return run.wrong


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--dsn", required=True, help="a database that may be emptied")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    return 1 if asyncio.run(soak(given.dsn, seconds=given.seconds, tasks=given.tasks, seed=given.seed)) else 0


if __name__ == "__main__":
    raise SystemExit(main())
