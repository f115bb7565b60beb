"""Random expressions: rows, columns and SQL with bound parameters give the same values, types and errors.

`python -m tests.query.fuzz_expressions` asks for as long as it is told.
"""

from __future__ import annotations

import asyncio

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chakra
from tests.plugins.database import EMPTY
from tests.query.trees.check import disagreement
from tests.query.trees.grow import Grower
from tests.query.trees.model import fill


async def connected(dsn: str) -> chakra.Database:
    connection = await asyncpg.connect(dsn)
    await connection.execute(EMPTY)
    await connection.close()
    db = await chakra.connect(dsn)
    await fill(db)
    return db


def test_random_expressions(dsn: str) -> None:
    with asyncio.Runner() as runner:
        db = runner.run(connected(dsn))

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.data())
        def ask(data: st.DataObject) -> None:
            question = Grower(lambda options: data.draw(st.sampled_from(list(options)))).question()
            said = runner.run(disagreement(db, question))
            assert said is None, said

        try:
            ask()
        finally:
            runner.run(db.close())
