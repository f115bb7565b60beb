"""Others read and write while migrations run: none of their statements fails, or waits longer than a migration may."""

from __future__ import annotations

from tests.migrations.load import cases_of, under_load

SHORT = {
    *("add column, fill", "column: NOT NULL, fill", "add unique", "add foreign key", "drop index"),
    "other primary key",
}
"""One of each kind; all of them are what ``python -m tests.migrations.load`` is for."""


async def test_nobody_notices(dsn: str) -> None:
    cases = [case for case in cases_of(14) if case.title in SHORT]
    assert len(cases) == len(SHORT)
    assert await under_load(dsn, cases, rows=5000) > 100
