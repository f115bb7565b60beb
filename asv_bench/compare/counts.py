"""How many Python calls of Chakra's own the short ways take: exact, so one more of them is a finding."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import chakra
from asv_bench.harness import data
from asv_bench.harness.bench import Bench, User
from asv_bench.harness.measure import settle
from asv_bench.harness.models import Author, NewUser, Post
from asv_bench.harness.targets.building import joined, nested, query, typed

TIMES = 3
"""The fewest of so many are taken: an answer that comes in two parts resumes a coroutine once more."""

FEW, MANY = 10, 110


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Count, as ``made``, the Python-level calls of Chakra's own while the block runs, generated code included."""
    found: Counter[str] = Counter()
    home = str(Path(chakra.__file__).parent)

    def note(frame: Any, event: str, argument: Any) -> None:
        name = frame.f_code.co_filename
        # Functions that were generated have no file; those of frozen modules are the interpreter's.
        found["made"] += event == "call" and (
            name.startswith(home) or (name[:1] == "<" and name[:7] != "<frozen")
        )

    gc.disable()
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(None)
        gc.enable()


async def calls(way: Callable[[], Any]) -> int:
    """The fewest calls of several runs, after two that are not counted."""
    for _ in range(2):
        await settle(way())
    made = []
    for _ in range(TIMES):
        with counting() as found:
            await settle(way())
        made.append(found["made"])
    return min(made)


async def all_counts(bench: Bench) -> tuple[dict[str, float | None], dict[str, str]]:
    """Calls by what is done, ``None`` for what this Chakra cannot do, and why not."""
    await bench.library()
    await bench.connection.execute(
        "TRUNCATE new_users"
    )  # a session that was stopped may have left keys in it
    rows = data.new_rows(1_000)
    shapes, number = User.__table__.statements, count()

    def new_shape() -> Any:
        shapes.clear()
        return query(30)

    async def borrow() -> None:
        async with bench.db.acquire():
            pass

    ways: dict[str, Callable[[], Any]] = {
        "a query of a known shape": lambda: query(next(number)),
        "a query of a new shape": new_shape,
        **{f"{n} typed conditions": lambda n=n: typed(n, 30) for n in (1, 2, 3, 4)},
        "a join": lambda: joined(5),
        "a subquery": lambda: nested(5),
        "get": lambda: User.objects.get(id=1),
        "create": lambda: NewUser.objects.create(**rows[next(number) % 1_000]),
        "ten rows": lambda: User.objects.order_by("id").limit(10),
        "acquire and release": borrow,
    }
    found: dict[str, float | None] = {}
    why: dict[str, str] = {}

    async def counted(name: str, way: Callable[[], Any]) -> int | None:
        try:
            return await calls(way)
        except Exception as error:
            why[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            return None

    for name, way in ways.items():
        found[name] = await counted(name, way)
    loads: dict[str, Callable[[int], Any]] = {
        "of each row": lambda n: User.objects.order_by("id").limit(n),
        "of each row with a partner": lambda n: Post.objects.order_by("id").select_related("author").limit(n),
        "of each row with a set": lambda n: Author.objects.order_by("id").prefetch_related("posts").limit(n),
        "of each dict": lambda n: User.objects.order_by("id").limit(n).values(),
    }
    for name, load in loads.items():
        few, many = [await counted(name, lambda n=n, load=load: load(n)) for n in (FEW, MANY)]
        found[name] = None if few is None or many is None else (many - few) / (MANY - FEW)
    await bench.connection.execute("TRUNCATE new_users")
    return found, why
