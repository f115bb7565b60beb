"""Each operation under each fault, at a few places; ``python -m tests.faults`` tries more of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from tests.faults.matrix import FAULTS, places
from tests.faults.operations import FILES, OPERATIONS
from tests.faults.world import World, world
from tests.plugins.database import EMPTY

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    pg = await asyncpg.connect(dsn)
    await pg.execute(EMPTY)
    FILES.folder = Path(tmp_path_factory.mktemp("faults"))
    async with world(dsn, pg) as made:
        yield made
    await pg.close()


@pytest.mark.parametrize("name", OPERATIONS)
async def test_nothing_is_left_or_half_done(shared: World, name: str) -> None:
    operation = OPERATIONS[name]
    if name == "in_two_phases" and not shared.prepares:
        pytest.skip("this server keeps no prepared transactions")
    await shared.undisturbed(operation)
    failed: list[str] = []
    came: set[str] = set()
    for fault in FAULTS.values():
        for place in await places(shared, fault, operation, fault.share):
            try:
                came.add(await fault.strike(shared, operation, place))
            except Exception as error:
                failed.append(f"{fault.name} at {place}: {type(error).__name__}: {error}")
                await shared.again()
    assert not failed, "\n".join(failed)
    assert {"CancelledError", "done"} < came
