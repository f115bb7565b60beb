"""Migrations applied and taken back while others read and write: nobody fails, nobody waits long, no row is lost.

``python -m tests.migrations.load --rows 1000000 --dsn URL``: every operation over a table of so many rows. The
database is emptied.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import chakra
from chakra.errors import MigrationError
from chakra.migrations import Column
from chakra.migrations.facts import Facts
from chakra.migrations.files import Graph, Name
from chakra.migrations.parts import replaced_column
from chakra.migrations.run import Options, Runner
from tests.migrations.carried_out import history, in_steps, no_pause
from tests.migrations.each_operation import BASE, CASES, Case
from tests.migrations.measured import START, start_again

LOCK_TIMEOUT = 2.0
"""Seconds that migrations wait for locks; others give up, which is a failure, when they wait longer than this."""


class Users:
    """Tasks that read and write posts until they are told to stop.

    Attributes:
        made: ids of rows that they put there.
        raised: how often they added one to a row.
    """

    def __init__(self, database: Any, rows: int, tasks: int) -> None:
        self._database = database
        self._rows = rows
        self._stop = False
        self._longest = 0.0
        self.made: list[int] = []
        self.raised = 0
        self._tasks = [asyncio.ensure_future(self._use(number)) for number in range(tasks)]

    async def _use(self, number: int) -> None:
        random, turn = Random(number), 0
        while not self._stop:
            turn += 1
            start = time.monotonic()
            row = random.randint(1, self._rows)
            found = await self._database.fetchrow("SELECT id, title, number FROM posts WHERE id = $1", row)
            assert tuple(found) == (row, f"t{row}", row)
            if turn % 2:
                await self._database.execute("UPDATE posts SET seen = seen + 1 WHERE id = $1", row)
                self.raised += 1
            else:
                number_ = self._rows + number * 1_000_000 + turn
                made = await self._database.fetchval(
                    "INSERT INTO posts (title, author, second, number, price, note) VALUES ($1, 1, 1, $2, 1, 'n') "
                    "RETURNING id",
                    f"t{number_}",
                    number_,
                )
                self.made.append(made)
            self._longest = max(self._longest, time.monotonic() - start)

    def longest(self) -> float:
        """Seconds that two statements took at most since this was asked last."""
        found, self._longest = self._longest, 0.0
        return found

    def check(self) -> None:
        """Whether all are still at it."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def stop(self) -> None:
        """Have them end, and hear of their failures."""
        self._stop = True
        await asyncio.gather(*self._tasks)


SPLIT = "types in steps, of keys too"


def split_types() -> Graph:
    """Other types for numbers and keys that others refer to, in three migrations."""
    wanted = START
    for table, columns in (("authors", ["id"]), ("posts", ["id", "second", "seen"])):
        found = wanted.table((None, table))
        for name in columns:
            old = found.by_attribute[name]
            other = Column(name, "bigint" if old.type.name == "int4" else "integer").type
            found = replaced_column(found, name, replace(old, type=other))
        wanted = wanted.with_changed("tables", (None, table), found)
    return in_steps(BASE, wanted)


async def under_load(
    dsn: str, cases: Iterable[Case], rows: int, tasks: int = 50, tell: Any = None, *, split: bool = True
) -> int:
    """Apply each operation and take it back, while tasks read and write; return how many rows they wrote.

    Args:
        split: whether types change in steps, too.
    """
    admin = await chakra.connect(dsn, max_connections=3)
    many = await chakra.connect(
        f"{dsn}{'&' if '?' in dsn else '?'}lock_timeout={int(LOCK_TIMEOUT * 1000)}", max_connections=10
    )
    assert await many.fetchval("SHOW lock_timeout") == f"{LOCK_TIMEOUT:g}s"
    await start_again(admin, rows)
    users = Users(many, rows, tasks)
    options = Options(lock_timeout=LOCK_TIMEOUT, allow_rewrite=True, sleep=no_pause, statement_timeout=600)
    try:
        for title, graph in [
            *((case.title, history(BASE, [case.operation])) for case in cases),
            *([(SPLIT, split_types())] if split else []),
        ]:
            runner = Runner(admin, graph, options)
            begun = time.monotonic()
            await runner.adopt([Name("", "0001_test")])
            await runner.apply()
            await runner.back(graph.order[1].key)
            users.check()
            if tell is not None:
                took = time.monotonic() - begun
                tell(f"{title}: {took:.1f} s; others, two statements each, {users.longest():.2f} s at most")
    finally:
        await users.stop()
    there = await admin.fetchrow(
        "SELECT count(*), count(DISTINCT title), sum(seen)::bigint, count(*) FILTER (WHERE id = ANY ($1)) FROM posts",
        users.made,
    )
    made = len(users.made)
    assert len(set(users.made)) == made
    assert tuple(there) == (rows + made, rows + made, users.raised, made)
    await many.close()
    await admin.close()
    return made + users.raised


def cases_of(server: int) -> list[Case]:
    """The operations on tables that the tasks use, which they are to notice nothing of, there or back: not those whose
    plan says that rows are written anew or checked while others are kept out.
    """
    facts, found = Facts(server), []
    for case in CASES:
        if case.server > server or not case.harmless:
            continue
        steps = case.operation.steps(START, facts)
        state = case.operation.apply(START)
        try:
            for one in case.operation.reverse(START):
                steps += one.steps(state, facts)
                state = one.apply(state)
        except MigrationError:
            continue  # this server cannot take it back
        used = any({'"posts"', '"authors"'} & set(step.tables) for step in steps)
        if used and not any(step.lock.blocks_writes and (step.rewrite or step.scan) for step in steps):
            found.append(case)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--only", help="titles that begin so")
    given = parser.parse_args()
    chosen = [case for case in cases_of(18) if case.title.startswith(given.only or "")]
    wanted = SPLIT.startswith(given.only or "")
    told = partial(print, flush=True)
    found = asyncio.run(under_load(given.dsn, chosen, given.rows, given.tasks, told, split=wanted))
    print(found, "rows written meanwhile")
