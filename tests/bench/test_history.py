"""The stored history: entries as they are written and read, the tool that measures a commit, and what asv is told."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from asv_bench.dashboard import asv_site
from asv_bench.dashboard.page import start_page
from asv_bench.harness.target import Goal
from asv_bench.harness.targets import TARGETS
from asv_bench.history import __main__ as command
from asv_bench.history import run
from asv_bench.history.store import FOLDER, Entry, Number, read, rounded

ROOT = Path(__file__).parents[2]

MANY = 12
"""Commits whose figures make a line that is worth looking at."""

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def entry(number: int, *figures: Number, machine: str = "one") -> Entry:
    """The commit of some hour."""
    return Entry(
        commit=f"{number:08x}" + "0" * 32,
        date=NOON + timedelta(hours=number),
        title=f"commit <{number}>",
        measured=NOON,
        machine=machine,
        about="1 × Box, Linux 6, Python 3.11.7",
        versions="PostgreSQL 18.6, asyncpg 0.32.0",
        size="quick",
        note="",
        figures=figures,
    )


def overhead(value: float, goal: str = "≤ 25 µs") -> Number:
    return Number("get", "overhead", goal, value, value, "met")


def test_what_is_stored() -> None:
    """Commits of one machine, a few kilobytes each, and nothing of whose machine it was."""
    paths = sorted(FOLDER.glob("*/*.json"))
    assert max(len(list(folder.iterdir())) for folder in FOLDER.iterdir()) >= MANY
    for path in paths:
        text = path.read_text()
        assert len(text) < 6_000 and "/home" not in text and "/tmp" not in text, path
    entries = read()
    assert len(entries) == len(paths)
    several = [
        (target.id, goal.id)
        for target in TARGETS
        for goal in target.goals
        if sum(found.find(target, goal) is not None for found in entries) >= MANY
    ]
    assert {("get", "overhead"), ("build", "known"), ("to_arrow", "drain")} <= set(several)


def test_entries_come_back_as_they_were(tmp_path: Path) -> None:
    one = entry(1, overhead(3.25), Number("import", "heavy", "≤ 0", 0.0, 0.0, "met"))
    other = entry(0, overhead(4.0), machine="two")
    assert one.write(tmp_path).stat().st_size < 600
    other.write(tmp_path)
    assert read(tmp_path) == [other, one]
    assert [rounded(value) for value in (123456.0, 0.00123456, -2.5)] == [123500.0, 0.001235, -2.5]


def test_figures_are_held_to_the_goals_of_today() -> None:
    """In another unit of time they are converted; in a unit of something else they are left out."""
    of_25 = Goal("overhead", "", 25, "µs", promised=50)
    found = overhead(0.03, "≤ 1 ms").under(of_25)
    assert found is not None and found.value is not None
    assert round(found.shown(found.value.minimum), 6) == 30
    assert found.verdict == "promised"
    assert overhead(1.1, "≤ 1 ×").under(of_25) is None
    assert overhead(0, "≤ 0").under(of_25) is None


HARNESS = {
    **{f"{package}/__init__.py": "" for package in ("asv_bench", "asv_bench/harness", "chakra")},
    "asv_bench/harness/targets.py": """
class A: number = 1
class B: number = 16
class C: number = 2
TARGETS = (A, B, C)
""",
    "chakra/cli.py": """
import json, os, pathlib, sys
options = dict(zip(sys.argv[3::2], sys.argv[4::2]))
rows = sys.argv[2 : sys.argv.index("--size")]
assert sys.argv[1] == "bench" and set(rows) <= {"1", "2"}, sys.argv
if "2" in rows:
    sys.exit("Error: row 2 is broken")
assert sys.argv[3:] == ["--size", "quick", "--no-peers", "--url", "postgresql://x", "--json", sys.argv[-1]], sys.argv
print("4 × Some CPU, Linux 6.1, Python 3.11.7\\nPostgreSQL 18.6, asyncpg 0.32.0")
figures = [
    {"id": "overhead", "goal": "≤ 25 µs", "minimum": 1.23456, "median": 2, "verdict": "met"},
    {"id": "yara", "goal": "≤ 1 ×", "minimum": None, "median": None, "verdict": "not measured"},
]
pathlib.Path(sys.argv[-1]).write_text(json.dumps([{"row": 1, "target": "get", "figures": figures}]))
sys.exit(1)
""",
}


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of three commits: without a harness, with one, with one that breaks."""
    root = tmp_path / "repository"
    root.mkdir()
    monkeypatch.setattr(run, "ROOT", root)

    def commit(message: str, files: dict[str, str]) -> None:
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        run.git("add", "-A")
        run.git("-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", message)
        run.git("tag", message)

    run.git("init", "-q")
    commit("none", {"README": ""})
    commit("works", HARNESS)
    commit("breaks", {"chakra/cli.py": "raise SystemExit('Error: no luck')"})
    return root


def test_a_commit_is_measured_with_its_own_harness(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "entries"
    options = ("--url", "postgresql://x", "--into", str(into), "--note", "n")
    assert command.main(["add", "works", *options]) == 0
    (found,) = read(into)
    assert (found.title, found.machine, found.note) == (
        "works",
        "4-some-cpu",
        "n; row 2 fails at this commit",
    )
    assert found.figures == (Number("get", "overhead", "≤ 25 µs", 1.235, 2.0, "met"),)
    assert list(history.glob(".git/worktrees/*")) == []
    other = Number("get", "pool", "≤ 1 ×", 0.5, 0.5, "met")
    replace(found, figures=(overhead(9.0), other), note="first").write(into)
    assert command.main(["add", "works", *options, "--rows", "1", "22"]) == 0
    (again,) = read(into)
    assert (again.note, again.figures) == ("first", (*found.figures, other))
    for name, said in (
        ("none", "has no asv_bench/harness"),
        ("breaks", "no luck"),
        ("absent", "git rev-parse"),
    ):
        capsys.readouterr()
        assert command.main(["add", name, *options]) == 1
        assert said in capsys.readouterr().err
    (tmp_path / "f.json").write_text("[]")
    (tmp_path / "f.out").write_text("A machine, Linux\nno server\n")
    assert command.main(["keep", "works", str(tmp_path / "f.json"), str(tmp_path / "f.out")]) == 1
    assert "begins with 'A machine, Linux' and 'no server'" in capsys.readouterr().err


def test_asv_knows_the_same_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, units and versions of what `asv run` would measure are those the stored results have."""
    monkeypatch.syspath_prepend(ROOT / "asv_bench")
    figures, common = (
        importlib.import_module("benchmarks.figures"),
        importlib.import_module("benchmarks.common"),
    )
    assert asv_site.VERSION == common.VERSION
    for target in TARGETS:
        for goal in target.goals:
            module, name, method = asv_site.benchmark_name(target, goal).split(".")
            track = getattr(getattr(figures, name), method)
            assert (module, track.unit, track.version) == ("figures", goal.unit, common.VERSION)
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        monkeypatch.delitem(sys.modules, name)


def test_the_results_that_asv_reads(tmp_path: Path) -> None:
    entries = [
        entry(0, overhead(3.0)),
        entry(1, overhead(0.005, "≤ 1 ms")),
        entry(2, overhead(7.0), machine="two"),
    ]
    assert asv_site.write_results(entries, tmp_path) == 1
    results = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("*/*-history.json"))]
    values = [found["results"]["figures.Get.track_overhead"][0] for found in results]
    assert values == [[3.0], [5.0], [7.0]]
    assert list(json.loads((tmp_path / "benchmarks.json").read_text())) == [
        "figures.Get.track_overhead",
        "version",
    ]


def test_the_start_page_says_what_is_there_and_what_is_not() -> None:
    """The machine that measured last is shown; a gap in the course is a gap; what is gone is named."""
    gone = Number("get", "gone", "≤ 1 ×", 1.0, 1.0, "met")
    entries = [
        entry(0, overhead(20.0)),
        entry(1, overhead(99.0), machine="two"),
        entry(2),
        entry(3, overhead(30.0), gone),
        entry(4, overhead(60.0)),
    ]
    page = start_page(entries, asv=True)
    row = next(line for line in page.splitlines() if 'id="get-overhead"' in line)
    assert row.count("<circle") == 3 and "99" not in row
    assert [c.split('"')[1] for c in row.split("<circle ")[1:]] == ["met", "promised", "missed"]
    lines = [part.split('"')[1] for part in row.split('<polyline class="minimum" points=')[1:]]
    assert [len(line.split()) for line in lines] == [1, 2]
    assert 'href="asv/index.html#figures.Get.track_overhead"' in row
    assert "<b>60 µs</b>" in row and ">missed</span>" in row
    assert "<code>get.gone</code>" in page and "commit &lt;3&gt;" in page
    assert "asv/" not in start_page(entries, asv=False)


def test_make_dashboard_measures_only_when_told() -> None:
    for words, measures in (((), False), (("RUN=1",), True)):
        done = subprocess.run(
            ["make", "-n", "dashboard", *words], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert ("asv_bench.history add HEAD" in done.stdout) is measures
        assert "asv_bench.dashboard" in done.stdout
