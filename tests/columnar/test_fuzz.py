"""A short run of the fuzz target; ``python -m tests.columnar.fuzz`` runs as long as it is told."""

from __future__ import annotations

from tests.columnar.fuzz import run


def test_no_crash_and_no_wrong_error() -> None:
    counts = run(3, seed=1_000_000)
    assert min(counts.values()) > 0  # every outcome is reached
