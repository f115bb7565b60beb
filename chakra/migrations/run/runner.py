"""Migrations applied and taken back, by one runner at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chakra.errors import MigrationError
from chakra.migrations.files.graph import Graph
from chakra.migrations.files.migration import Migration, Name
from chakra.migrations.operations import AlterColumn
from chakra.migrations.run import journal
from chakra.migrations.run.carry_out import Carrier
from chakra.migrations.run.edited import edited_steps, half_applied, left_over
from chakra.migrations.run.journal import Entry
from chakra.migrations.run.looking import look
from chakra.migrations.run.options import Options
from chakra.migrations.state import State, quoted
from chakra.migrations.steps import Step

if TYPE_CHECKING:
    from chakra.db import Connection, Database

RUNNER = 0x636861_6B7261_6D69  # "chakrami": the advisory lock of whoever migrates a database
_HOLDER = """
SELECT a.pid, a.application_name, a.client_addr::text AS address, a.backend_start AS since
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_catalog.pg_database
    WHERE datname = current_database()) AND (l.classid::bigint << 32) | l.objid::bigint = $1 AND l.granted
"""


@dataclass(frozen=True)
class Planned:
    """One migration that would run, with its steps.

    Attributes:
        migration: which one.
        direction: ``forward`` or ``back``.
        steps: in order.
        done: how many of them an earlier run did.
        rows: about how many rows each locked table has, by its quoted name.
    """

    migration: Migration
    direction: str
    steps: tuple[Step, ...]
    done: int
    rows: dict[str, int]


class Runner:
    """Applies the migrations of a graph to a database, and takes them back.

    Args:
        database: connected to the server itself: behind PgBouncer in transaction mode nobody can hold a lock.
    """

    def __init__(self, database: Database, graph: Graph, options: Options | None = None) -> None:
        self._database = database
        self._graph = graph
        self._options = options or Options()

    async def applied(self) -> dict[Name, Entry]:
        """What the journal says, checked against the files. Changes nothing.

        Raises:
            MigrationError: a file was edited after it was applied, is missing, or the database is ahead of the code.
        """
        entries = await journal.read_journal(self._database)
        for key, entry in list(entries.items()):
            if not entry.finished and entry.direction == "back" and not entry.begun:
                entries[key] = entry = replace(entry, direction="forward", finished=True)
            known = self._graph.by_name.get(key)
            if known is None:
                if key in self._graph.replaced:
                    continue
                if not entry.finished and not entry.begun:
                    del entries[
                        key
                    ]  # it failed at its first step, of which nothing is there, and was thrown away
                    continue
                if not entry.finished:
                    raise MigrationError(
                        f"{key} is half applied, {entry.position} of {len(entry.steps)} steps, and there is no such "
                        "file: bring it back, take out of it what is not done yet (all operations, where no step "
                        "is), and run chakra migrate apply; another migration may then undo it"
                    )
                raise MigrationError(
                    f"the database has {key}, and there is no such file: either its file was deleted (bring it back "
                    "from version control), or the database is ahead of this code (deploy the newer one)"
                )
            if entry.checksum != known.checksum and entry.finished:
                raise MigrationError(
                    f"{known.path or key} was applied, and edited since: undo the edit and write another one. Where "
                    f"the database already is as the file says: chakra migrate apply --accept {key}"
                )
        return entries

    async def plan(self, target: Name | None = None) -> list[Planned]:
        """What ``apply`` would do. Changes nothing.

        Args:
            target: up to this one and what it stands on; default: all.
        """
        entries = await self.applied()
        planned: list[Planned] = []
        done = {key for key, entry in entries.items() if entry.finished}
        for one in self.pending(entries, target):
            state = self._graph.state_before(one.key, done)
            planned.append(await self._planned(one, state, entries.get(one.key), "forward"))
            done.add(one.key)
        return planned

    def pending(self, entries: Mapping[Name, Entry], target: Name | None = None) -> list[Migration]:
        """What is not applied yet, in order.

        Of a squashed migration and those it stands for, a database that has none of them gets the former; one that
        has some of them gets the rest of these.

        Args:
            entries: of the journal.
            target: up to this one and what it stands on; default: all.
        """
        wanted = None if target is None else self._graph.needed(target)
        finished = {key for key, entry in entries.items() if entry.finished}
        left_out: set[Name] = set()
        for one in self._graph.order:
            if one.replaces and one.key not in entries and any(name in entries for name in one.replaces):
                left_out.add(one.key)
            elif one.replaces:
                left_out |= set(one.replaces)
        return [
            one
            for one in self._graph.order
            if one.key not in finished
            and one.key not in left_out
            and (wanted is None or one.key in wanted or bool(set(one.replaces) & wanted))
        ]

    async def _planned(
        self,
        one: Migration,
        state: State,
        entry: Entry | None,
        direction: str,
        fills: Mapping[tuple[str, str], str] | None = None,
    ) -> Planned:
        facts = await look(self._database, state)
        if entry is not None and not entry.finished:
            steps, done = entry.steps, entry.position
            if direction == "forward" and entry.checksum != one.checksum:
                steps = edited_steps(entry, one, tuple(one.steps(state, facts)))
        elif direction == "forward":
            steps, done = tuple(one.steps(state, facts)), 0
        else:
            facts = await look(self._database, one.apply(state))
            steps, done = tuple(one.back_steps(state, facts, fills)), 0
        return Planned(one, direction, steps, done, {quoted(key): rows for key, rows in facts.rows.items()})

    async def apply(self, target: Name | None = None) -> list[Name]:
        """Apply what is missing, and return what was applied. A migration that was cut off goes on where it stopped.

        Args:
            target: up to this one and what it stands on; default: all.

        Raises:
            MigrationError: somebody else migrates, the history does not fit, rows are in the way, a table would be
                written anew, no lock was to be had, or a statement failed.
        """
        done: list[Name] = []
        async with self._alone() as alone:
            await journal.create_journal(self._database)
            entries = await self.applied()
            await self._settle_squashed(entries)
            for key, entry in entries.items():
                if not entry.finished and entry.direction == "back":
                    raise MigrationError(
                        f"{key} was being taken back when that was cut off: run chakra migrate back {key} first"
                    )
            finished = {key for key, entry in entries.items() if entry.finished}
            for one in self.pending(entries, target):
                state = self._graph.state_before(one.key, finished)
                await self._carry(
                    alone, await self._planned(one, state, entries.get(one.key), "forward"), entries
                )
                finished.add(one.key)
                done.append(one.key)
            await self._settle_squashed(await self.applied())
        return done

    async def back(
        self,
        target: Name,
        *,
        including: bool = True,
        fills: Mapping[tuple[str, str], str] | None = None,
    ) -> list[Name]:
        """Take back a migration and all that stand on it, the last first; return which.

        Args:
            including: whether the target itself goes, too.
            fills: SQL of values for rows that are there, by table and column: of columns that come back and are
                NOT NULL.

        Raises:
            Irreversible: one of them has no way back; nothing is taken back then.
            MigrationError: as :meth:`apply`.
        """
        done: list[Name] = []
        async with self._alone() as alone:
            await journal.create_journal(self._database)
            entries = await self.applied()
            for key, entry in list(entries.items()):
                if entry.finished or entry.direction != "forward":
                    continue
                if not entry.begun:  # it failed at its first step: nothing of it is there
                    await journal.forget(self._database, [entries.pop(key).key])
                elif key != target:
                    raise MigrationError(half_applied(entry))
            squashed = self._graph.replaced.get(target)
            if squashed is not None and squashed in entries and target not in entries:
                target = squashed
            gone = self._graph.standing_on(target) - (set() if including else {target})
            wanted = [one for one in reversed(self._graph.order) if one.key in gone and one.key in entries]
            known = set(entries)
            for one in wanted:
                one.back(self._graph.state_before(one.key, known))
            for one in wanted:
                state = self._graph.state_before(one.key, known)
                planned = await self._planned(one, state, self._half_back(entries, one), "back", fills)
                await self._carry(alone, planned, entries)
                known.discard(one.key)
                done.append(one.key)
        return done

    @staticmethod
    def _half_back(entries: dict[Name, Entry], one: Migration) -> Entry | None:
        entry = entries[one.key]
        if not entry.finished and entry.direction == "forward":
            raise MigrationError(half_applied(entry))
        return entry

    async def adopt(self, keys: Iterable[Name]) -> None:
        """Note migrations as applied without carrying them out: the database already is as they leave it."""
        async with self._alone():
            await journal.create_journal(self._database)
            for key in keys:
                await journal.adopt(self._database, key, self._graph.by_name[key].checksum)

    async def _settle_squashed(self, entries: dict[Name, Entry]) -> None:
        """Where all that a squashed migration stands for is applied, it is, too."""
        for one in self._graph.order:
            if not one.replaces or one.key in entries:
                continue
            there = [name for name in one.replaces if name in entries]
            if not there:
                continue
            if len(there) < len(one.replaces) or not all(entries[name].finished for name in there):
                if all(name in self._graph.by_name for name in one.replaces):
                    continue  # the old files are there: they are applied to their end first
                raise MigrationError(
                    f"{one.key} stands for {len(one.replaces)} migrations, of which the database has only "
                    f"{', '.join(map(str, there))}: bring the old files back and apply them first"
                )
            async with self._database.transaction():
                await journal.adopt(self._database, one.key, one.checksum)
                await journal.forget(self._database, one.replaces)
            entries.update(await journal.read_journal(self._database))
            for name in one.replaces:
                entries.pop(name, None)

    async def _carry(self, alone: Connection, planned: Planned, entries: dict[Name, Entry]) -> None:
        one = planned.migration
        known = entries.get(one.key)
        carrier = Carrier(self._database, alone, self._options, one.functions)
        await carrier.refuse(one.key, planned.steps[planned.done :])
        if known is None or known.finished:
            self._check_rewrites(planned)
            await journal.begin(self._database, one.key, one.checksum, planned.direction, planned.steps)
        elif planned.steps != known.steps or known.checksum != one.checksum:
            self._check_rewrites(planned)
            for sql in left_over(known, planned.steps):
                await alone.execute(sql)
            await journal.change(self._database, one.key, one.checksum, planned.steps)
        entry = Entry(one.key, one.checksum, planned.direction, planned.steps, planned.done, False, None)
        if not planned.steps:
            await journal.finish(self._database, one.key, planned.direction)
            return
        await carrier.run(entry)

    def _check_rewrites(self, planned: Planned) -> None:
        for step in planned.steps[planned.done :]:
            rows = max([planned.rows.get(name, 0) for name in step.tables], default=0)
            if step.rewrite and rows >= self._options.large and not self._options.allow_rewrite:
                split = planned.direction == "forward" and any(
                    isinstance(one, AlterColumn) for one in planned.migration.operations
                )
                raise MigrationError(
                    f"{planned.migration.key} would write {step.tables[0]} anew, {rows:,} rows, and keep all others "
                    f"out meanwhile ({step.note}). Nothing was begun. Allow it with --allow-rewrite where that may be"
                    + (
                        "; a type changes without it in three migrations: delete this one, and chakra migrate make "
                        "--split"
                        if split
                        else ""
                    )
                )

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[Connection]:
        """A connection that holds the runner's lock."""
        if self._database.settings.database.pgbouncer:
            raise MigrationError(
                "migrations need a connection of their own, and this one goes through PgBouncer in transaction mode: "
                "give the server's own address (--url, or CHAKRA_DATABASE_URL for this command)"
            )
        async with self._database.acquire() as alone:
            if not await alone.fetchval("SELECT pg_try_advisory_lock($1)", RUNNER):
                who = await alone.fetchrow(_HOLDER, RUNNER)
                shown = "" if who is None else _shown(who)
                raise MigrationError(
                    f"somebody else is migrating this database{shown}. Wait for it, and run again"
                )
            yield alone


def _shown(who: Any) -> str:
    name, address = who["application_name"] or "unnamed", who["address"] or "local"
    return f": process {who['pid']} ({name}, {address}), connected since {who['since']:%H:%M:%S}"


__all__ = ["RUNNER", "Planned", "Runner"]
