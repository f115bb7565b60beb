"""What steps say of themselves is what the server does: locks, tables, rewrites and reads, of every operation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import chakra.migrations.operations as operations
from tests.migrations.each_operation import BASE, CASES
from tests.migrations.measured import measure_all, table
from tests.plugins.needs import needs_extension

PAGE = Path(__file__).parents[2] / "docs" / "migrations.md"
OWN = {"RunSQL", "RunPython", "Operation"}
"""Of these, people say what they do."""


def test_every_operation_is_there() -> None:
    assert {type(case.operation).__name__ for case in CASES} == set(operations.__all__) - OWN
    titles = [case.title for case in CASES]
    assert len(set(titles)) == len(titles)
    assert BASE


@needs_extension("lo", "tcn")
async def test_locks_are_those_that_were_declared(db: Any) -> None:
    found = await measure_all(db)
    for case, steps in found:
        for one in steps:
            step = one.step
            said = (step.lock, set(step.tables), step.rewrite, step.scan)
            scan = step.scan if one.scan is None else one.scan
            assert (one.lock, set(one.locks), one.rewrite, scan) == said, f"{case.title}: {step.sql}"
            if step.tables:
                assert one.locks[step.tables[0]] is step.lock, f"{case.title}: {step.sql}"
            if step.lock.blocks_writes and (one.rewrite or scan):
                assert step.note, f"{case.title}: {step.sql} takes long, and says nothing of it"
    if (await db.fetchval("SELECT current_setting('server_version_num')::int")) >= 180000:
        assert table(found) in PAGE.read_text(), "run ci/locks.py"
    for case, steps in await measure_all(db, in_use=False):
        for one in steps:
            if one.step.backfill is None:  # there is nothing to write
                assert (one.lock, set(one.locks)) == (
                    one.step.lock,
                    set(one.step.tables),
                ), case.title
