"""``ci/bench.sh``: what it calls slower and what noise, and both sides really measured, a slowed copy among them."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from asv_bench.compare import __main__ as command
from asv_bench.compare.report import report
from asv_bench.compare.session import Findings
from asv_bench.compare.statistic import Change, Turns, change
from asv_bench.compare.watched import WATCHED
from asv_bench.harness.targets import TARGETS

ROOT = Path(__file__).parents[2]


def turns(ours: list[float], reference: float = 1.0) -> Turns:
    made = Turns()
    for value in ours:
        made.add([value, value * 1.1], [reference, reference])
    return made


EVEN = turns([2.0] * 8)

CASES: dict[str, tuple[Turns, Turns, bool]] = {
    "the same": (EVEN, EVEN, False),
    "a fifth slower": (EVEN, turns([2.4] * 8), True),
    "less than the least": (EVEN, turns([2.18] * 8), False),
    "as much slower as the reference": (EVEN, turns([2.4] * 8, 1.2), False),
    "one lucky turn of base: medians are the same": (turns([1.0, *[2.0] * 7]), EVEN, False),
    "slower but for a lucky turn: minima are the same": (EVEN, turns([2.0, *[2.4] * 7]), False),
    "slower in half of the turns": (EVEN, turns([2.5, 1.95] * 4), False),
    "within the noise of the turns": (
        turns([1.4, 2, 2.6, 1.7, 2.3, 1.5]),
        turns([1.8, 2.5, 3.2, 2, 2.9, 2.1]),
        False,
    ),
    "slower, but of three turns": (turns([2.0] * 3), turns([4.0] * 3), False),
    "faster": (turns([2.4] * 8), EVEN, False),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_slower(case: str) -> None:
    base, head, slower = CASES[case]
    assert change(base, head, 0.1).is_slower is slower


def session(random: random.Random, factor: float) -> Change:
    """A session on a machine where processes lie well or badly in memory and neighbours come and go."""
    sides = Turns(), Turns()
    for _ in range(3):
        luck = [1 + random.gauss(0, 0.02) for _ in sides]
        for _ in range(3):
            for side, slowed, place in zip(sides, (1.0, factor), luck, strict=True):
                noise = 0.5 if random.random() < 0.3 else 0.05
                pairs = [[1 + abs(random.gauss(0, noise)) for _ in "ab"] for _ in range(8)]
                side.add([a * slowed * place for a, _ in pairs], [b for _, b in pairs])
    return change(*sides, 0.1)


def test_noise_is_not_called_slower_and_slower_is() -> None:
    """Found twice, as the command wants it: of the same code never, of code that takes a quarter more nearly always."""
    draws = random.Random(3)

    def found(factor: float) -> int:
        return sum(session(draws, factor).is_slower and session(draws, factor).is_slower for _ in range(100))

    assert found(1.0) == 0
    assert found(1.25) >= 85


def test_what_is_compared() -> None:
    """The rows that are quick and told apart well."""
    assert {w.target.number for w in WATCHED} == {1, 2, 3, 6, 7, 8, 10, 11, 12, 17, 18, 19}
    assert {w.target for w in WATCHED} <= set(TARGETS)


def test_the_report() -> None:
    found = Findings(
        changes={
            ("get", "chakra"): Change(0.3, 0.2, 0.1, 1.0),
            ("build", "chakra, new"): Change(0.0, 0.4, 0.1, 1.0),
        },
        sides={("get", "chakra"): (EVEN, EVEN), ("build", "chakra, new"): (EVEN, EVEN)},
        first={
            ("get", "chakra"): Change(0.3, 0.2, 0.1, 1.0),
            ("build", "chakra, new"): Change(0.3, 0.4, 0.1, 1.0),
        },
        counts={"get": (34, 35), "a join": (22, 21), "gone": (5, None), "new": (None, 7)},
    )
    text = report(found, "a", "b")
    lines = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("|")}
    assert lines["get"].endswith("| MORE |") and "WORSE" in text
    assert lines["build new"].rstrip(" |").endswith("not again")
    assert [name for name, line in lines.items() if "MORE" in line] == ["get", "gone"]
    assert text.splitlines()[-1] == (
        "REGRESSION: 1 figures are worse, twice: get chakra; 2 ways make more Python calls: get, gone"
    )
    noisy = Findings(
        changes={("get", "chakra"): Change(0.2, 0.2, 0.3, 1.0)}, sides={("get", "chakra"): (EVEN, EVEN)}
    )
    assert report(noisy, "a", "b").endswith("no regression (of 1 figures the machine was too busy to tell)")
    assert report(Findings(counts={"get": (34, 34)}), "a", "b").endswith("no regression")


def test_a_copy_that_makes_one_more_call(
    dsn: str, db: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both sides are measured, each with its own Chakra; counts are exact, so they tell without noise."""
    shutil.copytree(
        ROOT / "chakra", tmp_path / "copy" / "chakra", ignore=shutil.ignore_patterns("__pycache__")
    )
    file = tmp_path / "copy" / "chakra" / "query" / "reading.py"
    line = "    def to_sql(self"
    before, after = file.read_text().split(line)
    end = after.index('"""', after.index('"""') + 3) + 3
    file.write_text(f"{before}{line}{after[:end]}\n        (lambda: None)(){after[end:]}")
    options = (
        "--only",
        "build",
        "--tiny",
        "--generations",
        "1",
        "--turns",
        "1",
        "--seconds",
        "0",
        "--url",
        dsn,
    )
    assert command.main([f"{ROOT}/", str(tmp_path / "copy"), *options]) == 1
    said = capsys.readouterr().out
    more = [line.split("|")[1].strip() for line in said.splitlines() if "MORE" in line]
    assert more == [
        "a query of a known shape",
        "a query of a new shape",
        *(f"{n} typed conditions" for n in (1, 2, 3, 4)),
        "a join",
        "a subquery",
    ]
    assert "REGRESSION: " in said.splitlines()[-1]


def test_what_cannot_be_compared(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (("no-such-commit", "HEAD", "--url", "postgresql://x"), "error: git worktree add"),
        (
            ("HEAD", "HEAD", "--only", "gte"),
            "error: nothing called 'gte' is compared; there are get, instances",
        ),
    ):
        assert command.main(list(words)) == 2
        assert said in capsys.readouterr().err
