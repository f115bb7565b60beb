"""`chakra bench` from outside: what it prints, and what it says of names it does not know."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def bench(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chakra.cli", "bench", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


def test_prints_one_table_and_writes_a_folder(dsn: str, db: object, tmp_path: Path) -> None:
    path, folder = tmp_path / "samples.json", tmp_path / "out"
    options = ("--size", "tiny", "--no-peers", "--url", dsn, "--json", str(path), "--out", str(folder))
    result = bench("6", "acquire", *options)
    assert result.returncode == 0, result.stderr
    figures = result.stdout[result.stdout.index("Figures") :]
    for word in ("building a query", "connection acquire + release", "≤ 8 µs", "≤ 15 µs", "not measured"):
        assert word in figures
    written = json.loads(path.read_text())
    assert [(outcome["row"], outcome["target"]) for outcome in written] == [(6, "build"), (7, "acquire")]
    assert all(len(samples) >= 2 for outcome in written for samples in outcome["samples"].values())
    # Without a terminal each target says when it starts, and how much is to come.
    assert "1 of 2: 6. building a query · 0:00 elapsed, about " in result.stdout
    assert {path.name for path in folder.iterdir()} == {
        "bench.md",
        "bench.json",
        "figures.json",
        "building.png",
    }
    assert json.loads((folder / "bench.json").read_text()) == written
    report = (folder / "bench.md").read_text()
    for words in (
        "| 6 | building a query | shape built before | ≤ 8 µs |",
        "| Connection acquire | < 100 µs |",
        'SELECT "id", "name", "email"',
        "**Size tiny",
        "![building](building.png)",
    ):
        assert words in report


def test_unknown_names() -> None:
    target = bench("99")
    assert target.returncode == 1
    assert target.stderr.startswith("Error: no target '99'; there are 1 get, 1 profiled, 2 instances")
    peer = bench("1", "--peer", "nobody")
    assert peer.returncode == 1
    assert peer.stderr.startswith("Error: no peer 'nobody'; there are SQLAlchemy, Django")
