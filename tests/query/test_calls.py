"""How many Python calls of Chakra's own the short ways take: each is a tenth of a microsecond or more of a query."""

from __future__ import annotations

import gc
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from chakra.query.hydrate import hydrate, loader
from chakra.query.state import RowState
from chakra.sql import select_statement
from tests.query.conftest import counting
from tests.query.library import Author, Publisher

NAMES = count()

WAYS: dict[str, tuple[Callable[[], Awaitable[Any]], int]] = {
    # Coroutines count twice: when they begin, and when the answer is there. Python 3.11 takes 35, 47 and 43.
    "get": (lambda: Author.objects.get(id=1), 38),
    "create": (lambda: Publisher.objects.create(name=str(next(NAMES))), 49),
    "some rows": (lambda: Author.objects.order_by("id").limit(10), 45),
}


@pytest.mark.parametrize("way", WAYS)
async def test_short_ways(library: Any, way: str) -> None:
    ask, most = WAYS[way]
    for _ in range(2):
        await ask()
    with counting() as calls:
        await ask()
    assert 10 < calls["made"] <= most


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the collector goes in small steps there")
async def test_the_collector_does_not_walk_over_what_was_just_read(library: Any) -> None:
    """10,000 records go and 10,000 instances come: to the collector that is nothing new."""
    await library.execute("INSERT INTO publishers (name) SELECT 'p' || n FROM generate_series(1, 3000) n")
    query = Publisher.objects.order_by("id")
    await query
    walked: list[Any] = []

    def note(phase: str, info: dict[str, int]) -> None:
        walked.append((phase, info["generation"]))

    load = loader(select_statement(query._select)[0])
    for _ in range(2):  # the driver keeps the first 2,000 records it is done with, for later ones
        records = await library.fetch("SELECT id, name, city FROM publishers")
        gc.collect()
        gc.callbacks.append(note)
        try:
            walked.clear()
            made = hydrate(len(records), load, records, RowState(library, True, shared=True))
            kept: list[Any] = [[] for _ in range(100)]
        finally:
            gc.callbacks.remove(note)
    assert (len(made), len(records), len(kept)) == (3_002, 0, 100)
    assert walked == []
