"""Five seconds of ``python -m tests.soak``."""

from __future__ import annotations

from tests.soak import soak


async def test_nothing_is_lost_doubled_or_left(dsn: str) -> None:
    said: list[str] = []
    wrong = await soak(dsn, seconds=5, tasks=200, say=said.append)
    assert not wrong, "\n".join(said)
    assert any("CancelledError" in line for line in said)
