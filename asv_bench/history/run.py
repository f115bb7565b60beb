"""Measures a commit with the harness it came with, in a worktree of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asv_bench.history.store import Entry, numbers, slug

ROOT = Path(__file__).parents[2]

LEFT_OUT = {16, 20, 21, 22}
"""Rows that take minutes or need other libraries; growth, whole operations, load, types."""

ROWS = """
from asv_bench.harness.targets import TARGETS
print(*sorted({target.number for target in TARGETS} - {%s}))
"""

COMMAND = ("-m", "chakra.cli", "bench")


class HistoryError(Exception):
    """A commit cannot be measured; says why."""


def git(*arguments: str) -> str:
    """What a git command in this checkout prints.

    Raises:
        HistoryError: git refuses; with its words.
    """
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HistoryError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


@contextmanager
def worktree(commit: str) -> Iterator[Path]:
    """The files of a commit in a folder that goes when the block ends."""
    with tempfile.TemporaryDirectory(prefix="chakra-commit-") as folder:
        tree = Path(folder) / "tree"
        git("worktree", "add", "--detach", "--quiet", str(tree), commit)
        try:
            yield tree
        finally:
            git("worktree", "remove", "--force", str(tree))


def environment(tree: Path) -> dict[str, str]:
    """Variables under which Python imports that tree, with kernels that nobody compiled before.

    Bytecode is kept whatever the environment says: without it each process compiles all modules, and `import chakra`
    took 9.6 times as long as `import asyncpg` in place of 3 times.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(tree), "NUMBA_CACHE_DIR": str(tree / ".kernels")}


def measure(
    commit: str, *, url: str, size: str, machine: str | None, note: str, only: Sequence[str] = ()
) -> Entry:
    """Run the harness of a commit on a server, and keep its figures.

    Args:
        only: rows to measure; those it does not have are left out. All that are quick if there are none.

    Raises:
        HistoryError: there is no such commit, it has no harness, or its harness fails; with the end of what it said.
    """
    whole = git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    with worktree(whole) as tree:
        if not (tree / "asv_bench" / "harness").is_dir():
            raise HistoryError(f"{commit[:12]} has no asv_bench/harness, so it cannot measure itself")
        rows = _python(tree, "-c", ROWS % ", ".join(map(str, sorted(LEFT_OUT))))
        if rows.returncode:
            raise HistoryError(f"the targets of {commit[:12]} cannot be imported:\n{rows.stderr[-2000:]}")
        wanted = [row for row in rows.stdout.split() if not only or row in only]
        if not wanted:
            raise HistoryError(f"{commit[:12]} has no row {', '.join(only)}")
        outcomes, said, failed = _run(tree, wanted, url, size)
        if not outcomes:
            raise HistoryError(f"the harness of {commit[:12]} fails:\n{said[-2000:]}")
        notes = [note] * bool(note) + [f"row {row} fails at this commit" for row in failed]
        return entry(whole, outcomes, said, size=size, machine=machine, note="; ".join(notes))


def _run(tree: Path, rows: Sequence[str], url: str, size: str) -> tuple[list[Any], str, list[str]]:
    """What the harness measured, what it printed first, and the rows it fails at.

    One row that fails ends the run, so then each is run by itself.
    """
    out = tree / "figures.json"
    out.unlink(missing_ok=True)
    options = ("--size", size, "--no-peers", "--url", url, "--json", str(out))
    done = _python(tree, *COMMAND, *rows, *options)
    if out.exists():  # its exit status may also say that a goal was missed
        return json.loads(out.read_text()), done.stdout, []
    if len(rows) == 1:
        return [], done.stderr, list(rows)
    parts = [_run(tree, [row], url, size) for row in rows]
    said = next((said for outcomes, said, _ in parts if outcomes), done.stderr)
    return (
        [o for found, _, _ in parts for o in found],
        said,
        [row for _, _, failed in parts for row in failed],
    )


def _python(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=environment(tree),
        capture_output=True,
        text=True,
        check=False,
    )


def entry(
    commit: str,
    outcomes: Sequence[Mapping[str, Any]],
    said: str,
    *,
    size: str,
    machine: str | None,
    note: str,
    measured: datetime | None = None,
) -> Entry:
    """An entry from what ``chakra bench --json`` wrote and from the two lines it printed first.

    Raises:
        HistoryError: those lines are others than any harness prints.
    """
    about, versions, *_ = [*said.splitlines(), "", ""]
    if not versions.startswith("PostgreSQL "):
        raise HistoryError(
            f"the output begins with {about!r} and {versions!r}, and not with a machine and versions"
        )
    hash, date, title = git("show", "-s", "--format=%H%n%cI%n%s", commit).split("\n", 2)
    return Entry(
        commit=hash,
        date=datetime.fromisoformat(date),
        title=title,
        measured=measured or datetime.now(UTC),
        machine=machine or slug(re.split(r", (?=Linux|Darwin|Windows)", about)[0]),
        about=about,
        versions=versions,
        size=size,
        note=note,
        figures=numbers(outcomes),
    )


def known(commits: Sequence[str]) -> list[str]:
    """Commits by any name git knows, as all forty digits."""
    return [git("rev-parse", "--verify", f"{commit}^{{commit}}") for commit in commits]
