"""The steps of one migration, carried out: in as few transactions as can be, each of which can be begun again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chakra.errors import ChakraError, DatabaseError, DataError, MigrationError
from chakra.migrations.files.migration import Name
from chakra.migrations.run.backfilling import backfill
from chakra.migrations.run.journal import Entry, advance, finish
from chakra.migrations.run.locking import lock_at_once
from chakra.migrations.run.options import Options
from chakra.migrations.steps import Step

if TYPE_CHECKING:
    from chakra.db import Connection, Database

LOCK_NOT_AVAILABLE, DEADLOCK, QUERY_CANCELED = "55P03", "40P01", "57014"
# Manual, 27.4, pg_stat_progress_create_index.
_PROGRESS = """
SELECT phase, blocks_done, blocks_total, tuples_done, tuples_total, lockers_done, lockers_total
FROM pg_catalog.pg_stat_progress_create_index WHERE pid = $1
"""


class Carrier:
    """Carries out the steps of one migration, from where the journal says it is.

    Args:
        database: whose transactions hold what belongs together.
        alone: a connection of its own, which holds the runner's lock, for what no transaction may hold.
        functions: of the migration's file.
    """

    def __init__(
        self,
        database: Database,
        alone: Connection,
        options: Options,
        functions: Mapping[str, Callable[..., Any]],
    ) -> None:
        self._database = database
        self._alone = alone
        self._options = options
        self._functions = functions

    async def run(self, entry: Entry) -> None:
        """Carry out what is left.

        Raises:
            MigrationError: rows are in the way, a lock was not to be had, or a statement failed. What is done stays
                done, and the next run goes on from there.
        """
        steps = entry.steps
        for start, stop in segments(steps, entry.position):
            await self._alone.fetchval("SELECT 1")  # whoever lost the runner's lock must not go on
            if steps[start].transactional:
                await self._in_transaction(entry, start, stop)
            else:
                await self._by_itself(entry, start)
        if entry.position == len(steps):
            await finish(self._database, entry.key, entry.direction)

    async def refuse(self, key: Name, steps: Sequence[Step]) -> None:
        """Look at what must not be so, before anything is done. What depends on rows that it writes itself is
        asked at its step.

        Raises:
            MigrationError: rows are in the way.
        """
        for step in steps:
            if step.backfill is not None or step.python:
                return
            if step.refuse is not None:
                found = False
                with suppress(DatabaseError, DataError):
                    found = bool(await self._alone.fetchval(f"SELECT {step.refuse.sql}"))
                if found:
                    raise MigrationError(f"{key}: {step.refuse.message}")

    def _tell(self, key: Name, step: Step, what: str) -> None:
        if self._options.hear is not None:
            self._options.hear(key, step, what)

    async def _in_transaction(self, entry: Entry, start: int, stop: int) -> None:
        """Steps that belong together, again and again until they get their locks."""
        options = self._options
        settings = {
            "lock_timeout": f"{int(options.lock_timeout * 1000)}ms",
            "statement_timeout": f"{int(options.statement_timeout * 1000)}ms",
        }
        for attempt in range(options.attempts):
            step = entry.steps[start]
            try:
                async with self._database.transaction(settings=settings):
                    await lock_at_once(self._database, entry.steps[start:stop], options.lock_timeout)
                    for number in range(start, stop):
                        step = entry.steps[number]
                        self._tell(entry.key, step, "begin")
                        await self._step(entry.key, step)
                        self._tell(entry.key, step, "done")
                    if stop == len(entry.steps):
                        await finish(self._database, entry.key, entry.direction)
                    else:
                        await advance(self._database, entry.key, stop)
                return
            except (DatabaseError, DataError) as error:
                if error.sqlstate not in (LOCK_NOT_AVAILABLE, DEADLOCK):
                    raise failed(entry, step, error, options) from error
                if attempt + 1 == options.attempts:
                    raise MigrationError(
                        f"{entry.key}: no lock on {', '.join(step.tables) or 'what it changes'} in {options.attempts} "
                        f"attempts of {options.lock_timeout:g} s. Something holds it for long: look at pg_locks and "
                        "pg_stat_activity for old transactions; what is done stays done, run it again"
                    ) from error
                pause = options.pause(attempt)
                self._tell(entry.key, step, f"wait: {step.lock.sql} not free, again in {pause:.1f} s")
                await options.sleep(pause)

    async def _step(self, key: Name, step: Step) -> None:
        if step.python:
            await self._call(key, step.python)
        elif step.sql:
            await self._refuse(key, step, self._database)
            if step.own:  # builds and checks keep nobody out, and may take long
                await self._database.execute("SET LOCAL statement_timeout = 0")
            await self._database.execute(step.sql)

    @staticmethod
    async def _refuse(key: Name, step: Step, asked: Database | Connection) -> None:
        if step.refuse is not None and await asked.fetchval(f"SELECT {step.refuse.sql}"):
            raise MigrationError(f"{key}: {step.refuse.message}")

    async def _call(self, key: Name, name: str) -> None:
        """A function of the file. What the server says is said as of any other statement."""
        try:
            await self._functions[name](self._database)
        except ChakraError:
            raise
        except Exception as error:
            raise MigrationError(
                f"{key}: {name}() failed: {type(error).__name__}: {error}. What its transaction did is taken back; "
                "correct it, and run it again"
            ) from error

    async def _by_itself(self, entry: Entry, number: int) -> None:
        """One step outside of a transaction. It is looked at first whether an earlier run did it."""
        step = entry.steps[number]
        self._tell(entry.key, step, "begin")
        try:
            if step.python:
                await self._call(entry.key, step.python)
            elif step.backfill is not None:
                await backfill(
                    self._database,
                    step.backfill,
                    lambda done, all_: self._tell(entry.key, step, f"{done} of {all_} pages"),
                    pause=self._options.sleep,
                )
            elif not step.done or not await self._alone.fetchval(f"SELECT {step.done}"):
                await self._alone.execute("SET lock_timeout = 0")
                await self._alone.execute("SET statement_timeout = 0")
                await self._undo(step)
                await self._refuse(entry.key, step, self._alone)
                try:
                    await self._watched(entry, step)
                except (DatabaseError, DataError):
                    # A half-built unique index refuses rows of everybody from then on, and slows writes.
                    with suppress(ChakraError):
                        await self._undo(step)
                    raise
        except (DatabaseError, DataError) as error:
            raise failed(entry, step, error, self._options) from error
        await advance(self._database, entry.key, number + 1)
        if number + 1 == len(entry.steps):
            await finish(self._database, entry.key, entry.direction)
        self._tell(entry.key, step, "done")

    async def _undo(self, step: Step) -> None:
        for sql in step.undo:
            await self._alone.execute(sql)

    async def _watched(self, entry: Entry, step: Step) -> None:
        if self._options.hear is None or "INDEX" not in step.sql:
            await self._alone.execute(step.sql)
            return
        pid = await self._alone.fetchval("SELECT pg_backend_pid()")
        watcher = asyncio.ensure_future(self._watch(entry, step, pid))
        try:
            await self._alone.execute(step.sql)
        finally:
            watcher.cancel()
            with suppress(asyncio.CancelledError, ChakraError):
                await watcher

    async def _watch(self, entry: Entry, step: Step, pid: int) -> None:
        while True:
            await self._options.sleep(1.0)
            row = await self._database.fetchrow(_PROGRESS, pid)
            if row is not None:
                self._tell(entry.key, step, progress_text(row))


def progress_text(row: Any) -> str:
    """One row of ``pg_stat_progress_create_index``, in words."""
    for what, done, total in (
        ("blocks", row["blocks_done"], row["blocks_total"]),
        ("rows", row["tuples_done"], row["tuples_total"]),
        ("transactions waited for", row["lockers_done"], row["lockers_total"]),
    ):
        if total:
            return f"{row['phase']}: {done} of {total} {what}"
    return str(row["phase"])


def segments(steps: Sequence[Step], position: int) -> Iterator[tuple[int, int]]:
    """Which steps go together in a transaction: all that may, but those that need their own."""
    start = position
    while start < len(steps):
        stop = start + 1
        if steps[start].transactional and not steps[start].own:
            while stop < len(steps) and steps[stop].transactional and not steps[stop].own:
                stop += 1
        yield start, stop
        start = stop


def failed(entry: Entry, step: Step, error: DatabaseError | DataError, options: Options) -> MigrationError:
    """What is said of a statement that failed."""
    what = step.sql or step.python or (step.backfill and step.backfill.assign) or ""
    shown = " ".join(str(what).split())
    shown = shown if len(shown) <= 200 else f"{shown[:197]}..."
    more = ""
    if error.sqlstate == QUERY_CANCELED:
        more = f" It took longer than statement_timeout ({options.statement_timeout:g} s)."
    if step.refuse is not None:
        more = f" {step.refuse.message}."
    return MigrationError(
        f"{entry.key}: {error}.{more} The statement: {shown}. What was done before it stays done; "
        "correct what it says, and run it again"
    )


__all__ = ["Carrier", "failed", "progress_text", "segments"]
