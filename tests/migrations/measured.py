"""What each step of an operation really locks, rewrites and reads: asked of ``pg_locks`` and the catalog."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from chakra.migrations.facts import Facts
from chakra.migrations.operations import Operation
from chakra.migrations.run import look
from chakra.migrations.run.backfilling import backfill
from chakra.migrations.state import State
from chakra.migrations.steps import Lock, Step
from tests.migrations.each_operation import BASE, CASES, Case, rows

ROWS = 200
START: State = reduce(lambda state, one: one.apply(state), BASE, State())
_MODES = {f"{''.join(word.title() for word in lock.name.split('_'))}Lock": lock for lock in Lock}

# Locks of indexes are those of their table: whoever reads or writes a table opens its indexes as well.
_THERE = """
SELECT c.oid, coalesce(i.indrelid, c.oid)::regclass::text AS name,
    pg_catalog.pg_partition_root(coalesce(i.indrelid, c.oid))::regclass::text AS whole,
    c.relkind IN ('r', 'm') AS stored, pg_catalog.pg_relation_filenode(c.oid) AS file
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'm', 'v', 'i', 'I') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""
_HELD = "SELECT relation, mode FROM pg_catalog.pg_locks WHERE pid = $1 AND locktype = 'relation'"
_READ = "SELECT sum(pg_catalog.pg_stat_get_xact_tuples_returned(oid))::bigint FROM unnest($1::oid[]) oid"


@dataclass(frozen=True)
class Measured:
    """One step, and what it did.

    Attributes:
        step: what it says of itself.
        locks: the strongest lock on each table that was there before and on its indexes; what readers take is left out.
        rewrite: whether a table lies in another file.
        scan: whether it read as many rows as there are; ``None``: it could not be asked.
    """

    step: Step
    locks: dict[str, Lock]
    rewrite: bool
    scan: bool | None

    @property
    def lock(self) -> Lock:
        """The strongest."""
        return max(self.locks.values(), default=Lock.NONE)


def base_sql() -> str:
    """Statements that make the base."""
    state, made = State(), list[str]()
    for one in BASE:
        facts = Facts(empty=frozenset(state.tables))
        made += [step.sql for step in one.steps(state, facts)]
        state = one.apply(state)
    return ";\n".join(made)


async def start_again(database: Any, count: int = ROWS) -> None:
    """The base with that many rows, and nothing else."""
    gone = "DROP SCHEMA IF EXISTS side, other, public CASCADE; CREATE SCHEMA public"
    await database.execute(f"{gone};\n{base_sql()};\n{rows(count) if count else ''}")
    database.schema_changed()


class _Measured(Exception):
    """Takes a transaction back once it was looked at."""


async def measure(database: Any, operation: Operation, facts: Facts, count: int) -> list[Measured]:
    """Carry out the steps of an operation over the base, one by one, and look at each. The base is as it was then."""
    operation.apply(START)
    steps = operation.steps(START, facts)
    if len(steps) == 1 and "CONCURRENTLY" not in steps[0].sql:
        return [await _in_transaction(database, steps[0], keep=False)]
    found = []
    for step in steps:
        if "CONCURRENTLY" in step.sql:
            found.append(await _alone(database, step))
        else:
            one = await _in_transaction(database, step, keep=True)
            if (
                step.sql.startswith("SELECT") and not step.own
            ):  # it reads while the step before holds its locks
                one = replace(one, locks=found[-1].locks)
            found.append(one)
    await start_again(database, count)
    return found


async def _in_transaction(database: Any, step: Step, *, keep: bool) -> Measured:
    there = await database.fetch(_THERE)
    stored = {row["oid"]: row["file"] for row in there if row["stored"]}
    try:
        async with database.transaction():
            pid = await database.fetchval("SELECT pg_backend_pid()")
            before = await database.fetchval(_READ, list(stored))
            if step.backfill is not None:
                await backfill(database, step.backfill)
            else:
                await database.execute(step.sql)
            locks = strongest(await database.fetch(_HELD, pid), there, step)
            read = await database.fetchval(_READ, list(stored))
            after = {row["oid"]: row["file"] for row in await database.fetch(_THERE)}
            found = Measured(
                step,
                locks,
                any(after.get(oid, file) != file for oid, file in stored.items()),
                (read or 0) - (before or 0) >= ROWS,
            )
            if not keep:
                raise _Measured
    except _Measured:
        pass
    return found


def strongest(held: Any, there: Any, step: Step) -> dict[str, Lock]:
    """The strongest lock on each table that was there; what plain reading takes is not counted. Partitions of which the
    step says nothing count as the table that they are of.
    """
    names = {
        row["oid"]: row["name"]
        if row["whole"] is None or _quoted(row["name"]) in step.tables
        else row["whole"]
        for row in there
    }
    found: dict[str, Lock] = {}
    for row in held:
        lock, name = _MODES[row["mode"]], names.get(row["relation"])
        if lock > Lock.ACCESS_SHARE and name is not None:
            found[_quoted(name)] = max(lock, found.get(_quoted(name), Lock.NONE))
    return found


def _quoted(name: str) -> str:
    return ".".join(f'"{part}"' for part in name.split("."))


async def _alone(database: Any, step: Step) -> Measured:
    """What a step that no transaction may hold has locked while it waits for a writer to end."""
    there = await database.fetch(_THERE)
    async with database.acquire() as writer, database.acquire() as worker:
        pid = await worker.fetchval("SELECT pg_backend_pid()")
        await writer.execute("BEGIN")
        await writer.execute(f"LOCK TABLE {step.tables[0]} IN ROW EXCLUSIVE MODE")
        running = asyncio.ensure_future(worker.execute(step.sql))
        waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)"
        while not await database.fetchval(waits, pid):
            assert not running.done(), running
        locks = strongest(await database.fetch(_HELD, pid), there, step)
        await writer.execute("COMMIT")
        await running
    return Measured(step, locks, False, None)


async def measure_all(database: Any, *, in_use: bool = True) -> list[tuple[Case, list[Measured]]]:
    """Every case that the server can do.

    Args:
        in_use: ``False``: over tables without rows.
    """
    count = ROWS if in_use else 0
    await start_again(database, count)
    facts = await look(database, START)
    cases = [case for case in CASES if case.server <= facts.server]
    return [(case, await measure(database, case.operation, facts, count)) for case in cases]


def table(found: list[tuple[Case, list[Measured]]]) -> str:
    """A table in Markdown: what was measured of each step."""
    lines = [
        "",
        "| Operation | Step | Strongest lock | Waits | Written anew | Read |",
        "|---|---|---|---|---|---|",
    ]
    for case, steps in found:
        for number, one in enumerate(steps):
            waits = "all" if one.lock.blocks_reads else "writers" if one.lock.blocks_writes else ""
            cells = [
                "" if number else case.title,
                f"`{_shown(one.step)}`".replace("|", "\\|"),
                one.lock.sql if one.locks else "",
                waits,
                "yes" if one.rewrite else "",
                "yes" if one.scan or (one.scan is None and one.step.scan) else "",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", ""])


def _shown(step: Step) -> str:
    work = step.backfill
    sql = step.sql if work is None else f"UPDATE {work.table} SET {work.assign} WHERE …, in batches"
    text = " ".join(sql.replace('"', "").split())
    return text if len(text) <= 90 else f"{text[:89]}…"
