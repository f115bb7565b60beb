"""From one random schema to another with rows in it, and back: the database is what the state says, the rows stay."""

from __future__ import annotations

from random import Random

import pytest

from chakra.migrations.diff import diff
from chakra.migrations.files import Name
from chakra.migrations.observed import observed
from chakra.migrations.operations import Operation
from chakra.migrations.run import Runner
from chakra.migrations.state import State
from tests.migrations.carried_out import history, made, quick, written
from tests.migrations.schemas import ROWS, random_state, rows_of, with_fills


async def there_and_back(dsn: str, seed: int) -> set[str]:
    """One pair; returns the names of the operations that led there."""
    random = Random(seed)
    old = random_state(random)
    new = random_state(random, old)
    assert diff(old, old) == diff(new, new) == []
    async with await made(dsn, new) as database:
        wanted = await observed(database)
    async with await made(dsn, old) as database:
        before = await observed(database)
        await database.execute(";\n".join(rows_of(old)))
        operations = written(with_fills(diff(old, new)))
        graph = history(diff(State(), old), operations)
        assert diff(graph.state, new) == []
        await Runner(database, graph, quick()).apply()
        assert diff(await observed(database), wanted) == []
        for key in old.tables.keys() & new.tables.keys():
            if new.tables[key].view is None and old.tables[key].view is None:
                assert await database.fetchval(f"SELECT count(*) FROM {new.tables[key].quoted}") == ROWS
        back: list[Operation] = []
        state = old
        for one in operations:
            back[:0] = one.reverse(state)
            state = one.apply(state)
        graph = history(diff(State(), old), operations, written(with_fills(back)))
        assert diff(graph.state, old) == []
        assert await Runner(database, graph, quick()).apply() == [Name("", "0003_test")]
        assert diff(await observed(database), before) == []
        return {type(one).__name__ for one in (*operations, *back)}


@pytest.mark.parametrize("seed", range(5))
async def test_there_and_back(dsn: str, seed: int) -> None:
    assert await there_and_back(dsn, seed)
