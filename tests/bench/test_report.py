"""What is made of a run: the page of promises, who is ahead, the stored figures, pages and charts made of them."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from asv_bench.harness import charts, compare, page, report, summary
from asv_bench.harness.main import STORED
from asv_bench.harness.progress import Schedule
from asv_bench.harness.summary import Held, Measured, Row, Run, Summary
from asv_bench.harness.targets import TARGETS, Get, Instances, Profiled

ROOT = Path(__file__).parents[2]
RUN = Run(
    "2 × CPU", "PostgreSQL 18", {"Django": "django 5"}, {"pgpq": "not installed"}, "full", "2026-01-01", "abc"
)


def times(**numbers: tuple[float, float, float]) -> dict[str, Measured]:
    return {name.replace("__", ", "): Measured(*three, 9) for name, three in numbers.items()}


def held(id: str, minimum: float | None, median: float | None, verdict: str) -> Held:
    return Held(id, f"what {id} is", "≤ 25 µs", "µs", minimum, median, verdict)


GET = Row(
    1,
    "get",
    "one row",
    (
        held("overhead", 8, 16, "met"),
        held("yara", 60, 70, "MISSED"),
        held("none", None, None, "not measured"),
    ),
    times(
        chakra=(40e-6, 50e-6, 2e-6),
        SQLAlchemy=(80e-6, 200e-6, 30e-6),
        Django=(160e-6, 200e-6, 10e-6),
        Tortoise=(90e-6, 100e-6, 10e-6),
        oxyde=(30e-6, 40e-6, 1e-6),
        asyncpg__prepared=(31e-6, 40e-6, 1e-6),
    )
    | {"asyncpg, pool.fetchrow": Measured(90e-6, 100e-6, 5e-6, 9)},
    ("Tortoise: differs",),
    "what is called",
    ("SELECT 1",),
    took=3.5,
)
LINES = Row(
    20,
    "operations",
    "lines",
    (),
    {
        "small, get: chakra": Measured(2.0, 2.0, 0, 5),
        "small, get: Django": Measured(8.0, 8.0, 0, 5),
        "small, all: chakra": Measured(2.0, 2.0, 0, 5),
        "small, all: Django": Measured(1.0, 1.0, 0, 5),
        "small, all: oxyde": Measured(1.0, 3.0, 0, 5),
    },
)
FAILED = Row(7, "acquire", "acquire", (), {}, failed="OSError: no")
FOUND = Summary((RUN,), (GET, LINES, FAILED))


@pytest.fixture
def figures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("figures", ROOT / "ci" / "figures.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stored_and_read_again() -> None:
    text = summary.dump(FOUND)
    assert summary.load(text) == FOUND
    assert '\n"Django": [0.00016, 0.0002, 1e-05, 9],' in text  # a line each: a diff can be read


def test_the_page_of_promises() -> None:
    first, *others = page.targets(FOUND).rows
    assert first == (
        "Simple SELECT (1 row)", "< 50 µs overhead", "8 (16) µs", "met", "2-3x faster", "2 × (4)", "met",
    )  # fmt: skip
    assert all(row[2:4] == ("—", "not measured") for row in others)
    assert page.section(FOUND, page.SIMPLE) == (
        """\
Benchmark: SELECT * FROM users WHERE id = 1
Chakra:    await User.objects.get(id=key)

SQLAlchemy:                     0.200ms ± 0.030ms    4.0 ×
Django ORM:                     0.200ms ± 0.010ms    4.0 ×
Tortoise ORM:                   0.100ms ± 0.010ms    2.0 ×
oxyde:                          0.040ms ± 0.001ms    0.8 ×
Chakra ORM:                     0.050ms ± 0.002ms        ←
Raw asyncpg, pool.fetchrow:     0.100ms ± 0.005ms    2.0 ×
Raw asyncpg, held and prepared: 0.040ms ± 0.001ms    0.8 ×

SQLAlchemy / Chakra: 2 × (4), promised 3-4x faster: unclear
Django ORM / Chakra: 4 × (4), promised 3-4x faster: met
Tortoise ORM / Chakra: 2.25 × (2), promised 3-4x faster: MISSED
Chakra / Raw asyncpg, pool.fetchrow: 0.444 × (0.5), promised 1.2 ×: met
Chakra / Raw asyncpg, held and prepared: 1.29 × (1.25), promised 1.2 ×: MISSED"""
    )
    assert page.section(FOUND, page.INSERT).endswith("not measured")


def test_memory() -> None:
    rows = (
        Row(11, "object_memory", "", (), times(chakra=(120, 120, 0), SQLAlchemy=(900, 900, 0))),
        Row(
            12,
            "connection_memory",
            "",
            (),
            {
                "chakra, connection": Measured(14_000, 14_000, 0, 1),
                "chakra, connection, resident": Measured(60_000, 60_000, 0, 1),
                "Django, connection, resident": Measured(21_000, 21_000, 0, 1),
                "chakra, query": Measured(464, 464, 0, 1),
            },
        ),
    )
    grid = page.memory(Summary((RUN,), rows))
    assert grid.headers == ("Metric", "SQLAlchemy", "Django", "Chakra ORM", "Target", "verdict")
    assert grid.rows == [
        ("Memory per connection", "—", "21 KB", "60 KB", "~50 KB", "MISSED"),
        ("… of it from Python", "—", "—", "14 KB", "~50 KB", "met"),
        ("Object overhead", "900 bytes", "—", "120 bytes", "~200 bytes", "met"),
        ("Query builder memory", "—", "—", "464 bytes", "~0.5 KB", "met"),
    ]


def test_who_is_ahead() -> None:
    # asyncpg's prepared statement is a floor; oxyde is ahead in one line by its minimum alone.
    assert [(win.name, round(win.times, 2)) for win in compare.wins(FOUND)] == [
        ("oxyde", 1.33),
        ("small, all: Django", 2.0),
    ]
    assert report.where_peers_win(FOUND) == ["1, one row: oxyde 1.33 ×", "20, lines: Django (small, all) 2 ×"]
    assert report.missed(FOUND) == ["1, one row: what yara is 60 µs (70 µs), goal ≤ 25 µs"]
    assert report.lines(LINES).rows == [
        ("small, get", "2 s", "4 ×", "—"),
        ("small, all", "2 s", "**0.5 ×**", "**0.5 ×**"),
    ]


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("SQLAlchemy", "chakra"),
        ("SQLAlchemy, 100 tasks, p99", "chakra, 100 tasks, p99"),
        ("asyncpg, pool.fetchrow, 100 tasks, p99", "chakra, 100 tasks, p99"),
        ("ConnectorX, 2 partitions", "chakra"),
        ("a, line: polars, adbc", "a, line: chakra"),
        ("b: x", None),
    ],
)
def test_each_has_its_partner(name: str, beside: str | None) -> None:
    names = ("chakra", "chakra, 100 tasks, p99", "a, line: chakra")
    row = Row(1, "a", "", (), {each: Measured(1, 1, 0, 1) for each in names})
    assert compare.partner(name, row) == beside


def test_newer_rows_take_the_place_of_stored_ones() -> None:
    order = ["get", "instances", "operations"]
    newer = replace(RUN, commit="def")
    stored = Summary((RUN,), (GET, LINES))
    rows = (replace(GET, title="newer"), replace(LINES, failed="no"), Row(2, "instances", "", (), {}))
    merged = stored.updated(Summary((newer,), rows), order)
    assert [(row.id, merged.runs[row.run].commit) for row in merged.rows] == [
        ("get", "def"),
        ("instances", "def"),
        ("operations", "abc"),
    ]
    assert merged.updated(Summary((newer,), (replace(LINES, title="newer"),)), order).runs == (newer,)


def test_a_late_run_gives_less_to_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("asv_bench.harness.progress.perf_counter", lambda: now)
    path = tmp_path / "durations.json"
    path.write_text('{"get": 40, "profiled": 30, "instances": 30}')
    schedule = Schedule(path, [Get(), Profiled(), Instances()], 100.0)
    assert (schedule.rest, schedule.pace) == (100, 1.0)
    now = 70.0
    schedule.ended("get", 70.0, 1.0)
    assert (schedule.rest, schedule.pace) == (60, 0.5)  # thirty seconds are left
    schedule.ended("profiled", 20.0, 0.5)
    now = 99.0
    assert schedule.pace == 0.25  # a quarter in any case
    schedule.keep()
    # What ran at half its pace says nothing of the next run.
    assert path.read_text() == '{\n "get": 70.0,\n "profiled": 30,\n "instances": 30\n}'


def test_charts_say_what_they_were_made_of(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert charts.draw(FOUND, tmp_path, "svg", "figures 42") == ["sections.svg", "operations.svg"]
    drawn = (tmp_path / "sections.svg").read_text()
    assert "figures 42" in drawn and "SQLAlchemy" in drawn and "40 µs" in drawn


def test_pages_show_what_is_stored(figures: ModuleType) -> None:
    if not STORED.exists():
        pytest.skip("no run is stored yet: chakra bench, then python ci/figures.py asv_bench/results/latest")
    found = summary.load(STORED.read_text())
    assert not list(figures.stale(found)), f"run {sys.executable} ci/figures.py"
    assert {row.id for row in found.rows} <= {target.id for target in TARGETS}
    named = {name for path in figures.PAGES for name in figures.MARKER.findall(path.read_text())}
    assert named == set(figures.BLOCKS)


def test_a_stale_page_is_found(figures: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.md"
    begin, end = figures.BEGIN.format("readme"), figures.END.format("readme")
    path.write_text(f"before\n{begin}old\n{end}after\n")
    monkeypatch.setattr(figures, "PAGES", (path,))
    monkeypatch.setattr(figures, "CHARTS", tmp_path)
    assert list(figures.stale(FOUND)) == [
        str(path),
        str(tmp_path / "sections.svg"),
        str(tmp_path / "operations.svg"),
    ]
    new = figures.fresh(path.read_text(), FOUND, path)
    assert re.fullmatch(rf"before\n{begin}.*{end}after\n", new, re.DOTALL) and "old" not in new
    assert "| `objects.get(id=…)` | 40 µs | asyncpg, held and prepared 31 µs;" in new
    assert figures.fresh(new, FOUND, path) == new
    with pytest.raises(SystemExit, match="there is no block 'nothing'"):
        figures.fresh(figures.BEGIN.format("nothing"), FOUND, path)
    with pytest.raises(SystemExit, match="the block 'readme' has no end"):
        figures.fresh(begin, FOUND, path)


def test_tiny_runs_are_not_stored(figures: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "figures.json").write_text(summary.dump(Summary((replace(RUN, size="tiny"),), (GET,))))
    with pytest.raises(SystemExit, match="its figures mean nothing"):
        figures.take(tmp_path)
