"""What was applied to a database, and how far a migration got that was cut off: a table in the database itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from chakra.errors import MigrationError
from chakra.migrations.files.migration import Name
from chakra.migrations.observed import JOURNAL
from chakra.migrations.steps import Backfill, Lock, Refusal, Step
from chakra.pg.quoting import quote_identifier

if TYPE_CHECKING:
    from chakra.db import Executor

_TABLE = quote_identifier(JOURNAL)
_CREATE = f"""
CREATE TABLE IF NOT EXISTS {_TABLE} (
    app text NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    direction text NOT NULL DEFAULT 'forward' CHECK (direction IN ('forward', 'back')),
    steps jsonb NOT NULL DEFAULT '[]',
    position integer NOT NULL DEFAULT 0,
    started timestamptz NOT NULL DEFAULT now(),
    finished timestamptz,
    PRIMARY KEY (app, name)
)
"""


@dataclass(frozen=True)
class Entry:
    """One migration as the journal has it.

    Attributes:
        key: which one.
        checksum: of what was applied.
        direction: ``forward``, or ``back`` while it is taken back.
        steps: those that it began with; kept while it is under way.
        position: how many of them are done.
        finished: whether it is applied; otherwise it was cut off.
        when: when it was finished, or begun.
    """

    key: Name
    checksum: str
    direction: str
    steps: tuple[Step, ...]
    position: int
    finished: bool
    when: Any

    @property
    def begun(self) -> bool:
        """Whether something of it may be done: how far it is moves with the transaction of its steps, but for those
        that no transaction may hold.
        """
        return self.position > 0 or (bool(self.steps) and not self.steps[0].transactional)


async def read_journal(database: Executor) -> dict[Name, Entry]:
    """What was applied, in that order; nothing where no migration ever was. Changes nothing."""
    if not await database.fetchval("SELECT pg_catalog.to_regclass($1) IS NOT NULL", _TABLE):
        return {}
    rows = await database.fetch(
        f"SELECT app, name, checksum, direction, steps::text, position, started, finished FROM {_TABLE} "
        "ORDER BY started, app, name"
    )
    return {
        Name(row["app"], row["name"]): Entry(
            Name(row["app"], row["name"]),
            row["checksum"],
            row["direction"],
            tuple(map(step_of, json.loads(row["steps"]))),
            row["position"],
            row["finished"] is not None,
            row["finished"] or row["started"],
        )
        for row in rows
    }


async def create_journal(database: Executor) -> None:
    """Make the table, where there is none."""
    await database.execute(_CREATE)


async def begin(database: Executor, key: Name, checksum: str, direction: str, steps: Iterable[Step]) -> None:
    """Note that a migration is under way, and by which steps."""
    text = json.dumps([asdict(step) for step in steps])
    await database.execute(
        f"INSERT INTO {_TABLE} (app, name, checksum, direction, steps) VALUES ($1, $2, $3, $4, $5::text::jsonb) "
        "ON CONFLICT (app, name) DO UPDATE SET direction = excluded.direction, steps = excluded.steps, position = 0, "
        "finished = NULL",
        *key,
        checksum,
        direction,
        text,
    )


async def change(database: Executor, key: Name, checksum: str, steps: Iterable[Step]) -> None:
    """Note that a migration that is under way was edited: it goes on with other steps from where it is."""
    text = json.dumps([asdict(step) for step in steps])
    await database.execute(
        f"UPDATE {_TABLE} SET checksum = $3, steps = $4::text::jsonb WHERE app = $1 AND name = $2",
        *key,
        checksum,
        text,
    )


async def advance(database: Executor, key: Name, position: int) -> None:
    """Note how many steps are done."""
    await database.execute(f"UPDATE {_TABLE} SET position = $3 WHERE app = $1 AND name = $2", *key, position)


async def finish(database: Executor, key: Name, direction: str) -> None:
    """Note that a migration is applied, or forget it once it is taken back."""
    if direction == "back":
        await database.execute(f"DELETE FROM {_TABLE} WHERE app = $1 AND name = $2", *key)
    else:
        await database.execute(
            f"UPDATE {_TABLE} SET finished = now(), steps = '[]', position = 0 WHERE app = $1 AND name = $2",
            *key,
        )


async def adopt(database: Executor, key: Name, checksum: str) -> None:
    """Note that a migration is applied without carrying it out: what it makes is there already."""
    await database.execute(
        f"INSERT INTO {_TABLE} (app, name, checksum, finished) VALUES ($1, $2, $3, now()) "
        "ON CONFLICT (app, name) DO UPDATE SET checksum = excluded.checksum, finished = now(), steps = '[]'",
        *key,
        checksum,
    )


async def forget(database: Executor, keys: Iterable[Name]) -> None:
    """Take migrations out of the journal: those that a squashed one stands for."""
    for key in keys:
        await database.execute(f"DELETE FROM {_TABLE} WHERE app = $1 AND name = $2", *key)


def step_of(data: dict[str, Any]) -> Step:
    """A step that was kept as data.

    Raises:
        MigrationError: it is none of this version's.
    """
    try:
        words = dict(data)
        words["lock"] = Lock(words["lock"])
        words["tables"] = tuple(words["tables"])
        words["undo"] = tuple(words["undo"])
        words["backfill"] = words["backfill"] and Backfill(**words["backfill"])
        words["refuse"] = words["refuse"] and Refusal(**words["refuse"])
        return Step(**words)
    except (TypeError, KeyError, ValueError) as error:
        raise MigrationError(f"the journal holds a step of another version of Chakra: {error}") from error


__all__ = [
    "Entry",
    "adopt",
    "advance",
    "begin",
    "change",
    "create_journal",
    "finish",
    "forget",
    "read_journal",
    "step_of",
]
