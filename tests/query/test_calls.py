"""How many Python calls of Chakra's own the short ways take: each is a tenth of a microsecond or more of a query."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

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
