"""Row 20: every line runs, libraries are compared line by line, and who differs or fails is left out and named."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from asv_bench.harness import bench as harness
from asv_bench.harness import measure as clock
from asv_bench.harness.bench import TINY, opened
from asv_bench.harness.entries import Operations
from asv_bench.harness.entries.chakra_orm import Chakra
from asv_bench.harness.measure import Timing, Timings, Value
from asv_bench.harness.peers import Entry, Peer
from asv_bench.harness.target import Outcome
from asv_bench.harness.targets.operations import LINES, EveryOperation, best_mean, means, worst
from chakra.db.default import default_database


class Wrong(Chakra):
    """Chakra once more, with a fault of each kind."""

    name = "wrong"
    cannot = {"tuples": "it has none"}  # noqa: RUF012
    differs = {"dicts": "says so"}  # noqa: RUF012

    def count(self, kind: str) -> Any:
        raise RuntimeError("no idea how many")

    def at_least(self, value: int) -> Any:
        return super().at_least(value + 1)

    async def set_zero(self, below: int) -> Any:
        await super().set_zero(below - 1)

    async def update_partial(self, loaded: Any) -> None:
        await super().update_partial(loaded[1:])


class Other(Peer):
    name = "wrong"

    async def open(self, url: str) -> None:
        self.url = url

    def operations(self) -> Operations:
        return Wrong(default_database())


@pytest.fixture
async def outcome(db: object, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    entry = Entry("nowhere", ())
    monkeypatch.setattr(Entry, "load", lambda self: Other)
    monkeypatch.setattr(harness, "PEERS", {"wrong": entry})
    monkeypatch.setattr(clock, "BLOCK_SECONDS", 0.0)  # one call a block
    # Of 42 lines each would walk all objects of the suite, 0.15 s; times mean nothing here.
    monkeypatch.setattr(
        clock, "gc", SimpleNamespace(collect=int, freeze=int, unfreeze=int, get_freeze_count=int)
    )
    async with opened(dsn, TINY) as run:
        return await EveryOperation().run(run)


async def test_every_line_has_both_but_for_the_faults(outcome: Outcome) -> None:
    left_out = {
        "items, count": "no idea how many",
        "items, filter": "wrong gives something else than chakra",
        "items, update": "wrong gives something else than chakra",
        **{f"{kind}, H filter tuples": "it has none" for kind in ("small", "related", "large")},
        **{
            f"{kind}, J update partial": "wrong gives something else than chakra"
            for kind in ("small", "related", "large")
        },
    }
    assert len(LINES) == 42
    for line in LINES:
        assert all(sample > 0 for sample in outcome.timings[f"{line.id}: chakra"].samples), line.id
        assert (f"{line.id}: wrong" in outcome.timings) == (line.id not in left_out), line.id
    for line, why in left_out.items():
        assert any(why in note and line in note and "left out" in note for note in outcome.notes), line
    said = [note for note in outcome.notes if note.startswith("wrong says so: ")]
    assert said == [
        "wrong says so: " + "; ".join(f"{k}, G filter dicts" for k in ("small", "related", "large"))
    ]
    assert all(figure.value is not None for figure in outcome.figures)


def test_means_go_over_the_lines_a_library_is_in() -> None:
    lines = [
        Timings(chakra=Timing("chakra", [1.0, 2.0]), a=Timing("a", [2.0, 4.0]), b=Timing("b", [3.0, 3.0])),
        Timings(chakra=Timing("chakra", [1.0, 1.0]), a=Timing("a", [8.0, 8.0])),
    ]
    found = means(lines)
    assert math.isclose(found["a"].minimum, 4.0)
    assert math.isclose(found["b"].minimum, 3.0)
    assert math.isclose(found["b"].median, 2.25)
    assert best_mean(lines) == found["b"]
    assert worst(lines) == Value(2.0, 2.0)
    assert best_mean([]) is None
    assert worst([Timings(chakra=Timing("chakra", [1.0]))]) is None
