"""Every target runs on little data and gives all its figures; how fast it is no test can say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from asv_bench.harness import measure as clock
from asv_bench.harness.bench import TINY, Bench, opened
from asv_bench.harness.measure import (
    MIN_ROUNDS,
    SETTLED_ROUNDS,
    Case,
    ResultsDiffer,
    Timing,
    Timings,
    Value,
    check,
    measure,
)
from asv_bench.harness.target import Figure, Goal, Target, agreeing
from asv_bench.harness.targets import TARGETS
from asv_bench.harness.targets.columns import ToArrowLineItem
from asv_bench.harness.targets.operations import EveryOperation

ROWS = set(range(1, 23))
NEEDS_LINEITEM = "tpchgen-cli is not installed"


@pytest.fixture
async def bench(db: object, dsn: str) -> AsyncIterator[Bench]:
    async with opened(dsn, TINY, peers=frozenset()) as run:
        yield run


def test_every_row_has_a_target() -> None:
    assert {target.number for target in TARGETS} == ROWS


def test_ids_and_goals_are_unique() -> None:
    assert len({target.id for target in TARGETS}) == len(TARGETS)
    for target in TARGETS:
        assert len({goal.id for goal in target.goals}) == len(target.goals), target.id


# Row 20 compares with other ORMs only: test_operations.py has one for it.
@pytest.mark.parametrize(
    "target", [t for t in TARGETS if t is not EveryOperation], ids=lambda target: target.id
)
async def test_runs(target: type[Target], bench: Bench) -> None:
    outcome = await target().run(bench)
    if target is ToArrowLineItem and NEEDS_LINEITEM in bench.skipped.get("lineitem", ""):
        pytest.skip(NEEDS_LINEITEM)
    assert [figure.goal for figure in outcome.figures] == list(target.goals)
    assert any(figure.value is not None for figure in outcome.figures)
    for timing in outcome.timings.values():
        assert timing.samples and all(sample > 0 for sample in timing.samples), timing.name


async def test_different_results_are_not_timed() -> None:
    cases = [
        Case("a", lambda: [1, 2, 3], facts=list),
        Case("b", lambda: [1, 2, 4], facts=list),
    ]
    with pytest.raises(ResultsDiffer, match=r"b gives something else than a: item 2: 4 and 3"):
        await check(cases)


async def test_contenders_take_turns() -> None:
    order: list[str] = []
    cases = [
        Case(name, lambda name=name: order.append(name), before=lambda: None, single=True) for name in "ab"
    ]
    timings = await measure(cases, seconds=0)
    assert {name: len(timing.samples) for name, timing in timings.items()} == {"a": 5, "b": 5}
    # After calibration (one call of each) every round has one block of each, begun by the next contender.
    assert "".join(order[2:]) == "abbaabbaab"
    assert MIN_ROUNDS == 5


async def test_who_has_used_up_its_share_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def takes(seconds: float) -> Callable[[], None]:
        def call() -> None:
            nonlocal now
            now += seconds

        return call

    monkeypatch.setattr(clock, "perf_counter", lambda: now)
    cases = [
        Case("quick", takes(0.3), single=True),
        Case("slow", takes(0.9), single=True),
        Case("slowest", takes(2.0), single=True),
    ]
    timings = await measure(cases, seconds=9.0, min_rounds=4)
    # A share is three seconds; the slowest takes three rounds however long they last, the others four.
    assert {name: len(timing.samples) for name, timing in timings.items()} == {
        "quick": 10,
        "slow": 4,
        "slowest": 3,
    }
    # What settles ends before its time: thirty rounds of the same.
    timings = await measure([Case("same", takes(0.01), single=True)], seconds=9.0)
    assert len(timings["same"].samples) == SETTLED_ROUNDS


async def test_a_library_that_fails_or_differs_is_left_out() -> None:
    def fails() -> None:
        raise RuntimeError("no such luck")

    cases = [
        Case("chakra", lambda: 1, facts=int),
        Case("Django", lambda: 1, facts=int),
        Case("Piccolo", lambda: 2, facts=int),
        Case("oxyde, new", fails),
    ]
    kept, notes = await agreeing(cases)
    assert [case.name for case in kept] == ["chakra", "Django"]
    assert notes == [
        "Piccolo left out: Piccolo gives something else than chakra: 2 and 1",
        "oxyde, new left out: no such luck",
    ]
    with pytest.raises(RuntimeError, match="no such luck"):  # nobody to compare with
        await agreeing([Case("chakra", fails), cases[1]])


def test_figures_come_from_pairs_of_one_round() -> None:
    # The fourth block of b is of a round that a was not in: it is in no figure.
    timings = Timings(a=Timing("a", [3.0, 6.0, 5.0]), b=Timing("b", [1.0, 2.0, 4.0, 0.1]))
    assert timings.ratio("a", "b") == Value(3.0, 3.0)
    assert timings.difference("a", "b") == Value(2.0, 2.0)
    assert timings.fastest(["a", "b"]) == "b"
    assert Timing("c", [1.0, 2.0, 3.0, 4.0, 9.0]).spread == 1.0  # quartiles 2 and 4


@pytest.mark.parametrize(
    ("minimum", "median", "verdict"),
    [
        (20e-6, 25e-6, "met"),
        (30e-6, 40e-6, "promised"),
        (60e-6, 70e-6, "MISSED"),
        (20e-6, 30e-6, "unclear"),
    ],
)
def test_verdicts(minimum: float, median: float, verdict: str) -> None:
    goal = Goal("overhead", "overhead", 25, "µs", promised=50)
    assert Figure(goal, Value(minimum, median)).verdict == verdict


def test_what_has_no_reference_is_not_judged() -> None:
    assert Figure(Goal("a", "a", 1), None).verdict == "not measured"
    assert Figure(Goal("a", "a", 2, at_least=True), Value(3, 3)).verdict == "met"
