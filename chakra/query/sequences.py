"""Sequences that stayed behind their table, because rows came with keys of their own: moving them, and saying so."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from chakra.db.statements import Told
from chakra.errors import UniqueViolation
from chakra.schema import Table
from chakra.sql.sequences import SEQUENCES_OF, move_sequence

if TYPE_CHECKING:
    from chakra.db import Database

# "Key (id)=(3) already exists.", in whatever language.
_KEY = re.compile(r"\((.+?)\)=\(")


async def sync_sequences(table: Table, database: Database) -> dict[str, int]:
    """Move the sequences that belong to a table's columns past the largest values there, never back.

    Returns:
        For each column whose sequence was moved the value it stands at.

    Raises:
        DatabaseError: no right to change a sequence.
    """
    moved: dict[str, int] = {}
    for row in await database.run_fetch(SEQUENCES_OF, (table.quoted,)):
        script = move_sequence(table, row["column"], row["schema"], row["sequence"], row["ascending"])
        # Reading the table may call functions of its owner: policies of row security, for one.
        found = await database.run_fetchrow(Told(script, ((table.quoted, False),), reads=False))
        if found is not None:
            moved[row["column"]] = found[0]
    return moved


def explain(error: UniqueViolation, table: Table, given: Collection[str]) -> None:
    """Let a violated key that the server made itself say why, and what to do.

    Args:
        given: attributes whose values were sent.
    """
    found = _KEY.search(error.detail or "")
    if found is None:
        return
    made = [c for c in table.columns if c.generated and c.attribute not in given]
    names = {part.strip().strip('"') for part in found[1].split(",")}
    if not any({c.name} == names for c in made):
        return
    name = table.name if table.schema is None else f"{table.schema}.{table.name}"
    error.args = (
        f"{error.args[0]}. The server made that value: its sequence is behind the table, as after a load of rows "
        f'with keys of their own. `await db.table("{name}").sync_sequences()` moves it on; bulk writes do with '
        "sync_sequences=True",
        *error.args[1:],
    )


__all__ = ["explain", "sync_sequences"]
