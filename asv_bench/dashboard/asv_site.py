"""asv's own site, made from the stored entries instead of from what ``asv run`` left on this machine."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asv_bench.harness.target import Goal, Target
from asv_bench.harness.targets import TARGETS
from asv_bench.history.store import Entry

VERSION = "1"
"""Of every benchmark and of every result: asv shows results of the benchmark's present version alone. It is the one in
``benchmarks/common.py``."""

RESULTS_VERSION, BENCHMARKS_VERSION, MACHINE_VERSION = 2, 2, 1
"""Of asv's files (0.6), as it writes them itself."""

ENVIRONMENT = "history"


def is_installed() -> bool:
    """Whether there is an asv to build its site with."""
    return importlib.util.find_spec("asv") is not None


def benchmark_name(target: type[Target], goal: Goal) -> str:
    """The name asv knows a figure by; ``benchmarks/figures.py`` has a class for each target, of the same name."""
    return f"figures.{target.__name__}.track_{goal.id}"


def write_results(entries: Sequence[Entry], folder: Path) -> int:
    """Write entries as the results of asv runs; gives the number of benchmarks that have at least one."""
    measured: set[str] = set()
    known = {(t.id, goal.id): (t, goal) for t in TARGETS for goal in t.goals}
    for entry in entries:
        results = {}
        for target, goal in known.values():
            figure = entry.find(target, goal)
            if figure is not None and figure.value is not None:
                shown = float(f"{figure.shown(figure.value.minimum):.6g}")
                results[benchmark_name(target, goal)] = [[shown], [], VERSION]
        measured |= results.keys()
        _write(
            folder / entry.machine / f"{entry.commit[:8]}-{ENVIRONMENT}.json",
            RESULTS_VERSION,
            _result(entry, results),
        )
        machine = {
            "machine": entry.machine,
            "os": entry.about,
            "arch": "",
            "cpu": "",
            "num_cpu": "",
            "ram": "",
        }
        _write(folder / entry.machine / "machine.json", MACHINE_VERSION, machine)
    benchmarks = {
        name: _benchmark(target, goal)
        for target, goal in known.values()
        if (name := benchmark_name(target, goal)) in measured
    }
    _write(folder / "benchmarks.json", BENCHMARKS_VERSION, benchmarks)
    return len(benchmarks)


def _write(path: Path, version: int, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**content, "version": version}, ensure_ascii=False))


def _result(entry: Entry, results: dict[str, Any]) -> dict[str, Any]:
    return {
        "commit_hash": entry.commit,
        "env_name": ENVIRONMENT,
        "date": int(entry.date.timestamp() * 1000),
        "params": {"machine": entry.machine},
        "python": entry.about.rpartition("Python ")[2],
        "requirements": {},
        "env_vars": {},
        "result_columns": ["result", "params", "version"],
        "results": results,
        "durations": {},
    }


def _benchmark(target: type[Target], goal: Goal) -> dict[str, Any]:
    name = benchmark_name(target, goal)
    return {
        "name": name,
        "pretty_name": f"{target.number}. {target.title}: {goal.what}, goal {goal}",
        "code": f"{target.__name__}, goal {goal}: {goal.what}",
        "type": "track",
        "unit": goal.unit or "modules",
        "params": [],
        "param_names": [],
        "timeout": 1800.0,
        "version": VERSION,
    }


class Stored:
    """What asv asks a repository, answered by the entries: their commits in the order of their dates.

    So a shallow clone, an unpacked archive and commits of a merged branch (asv follows first parents) show the same.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.commits = list(dict.fromkeys(entry.commit for entry in entries))
        self.dates = {entry.commit: int(entry.date.timestamp() * 1000) for entry in entries}

    def get_branch_name(self, branch: str | None = None) -> str:
        return branch or "HEAD"

    def get_branch_commits(self, branch: str) -> list[str]:
        return self.commits

    def get_tags(self) -> dict[str, str]:
        return {}

    def get_revisions(self, commits: set[str]) -> dict[str, int]:
        return {commit: number for number, commit in enumerate(self.commits) if commit in commits}

    def get_date(self, commit: str) -> int:
        return self.dates[commit]

    get_date_from_name = get_date

    def get_hash_from_name(self, name: str) -> str:
        return name

    def get_range_spec(self, first: str, last: str) -> str:
        return f"{first}..{last}"

    def get_new_range_spec(self, latest: str, branch: str | None = None) -> str:
        return f"{latest}..{self.commits[-1]}"

    def get_hashes_from_range(self, spec: str) -> list[str]:
        first, _, last = spec.partition("..")
        begin, end = self.commits.index(first), self.commits.index(last)
        return self.commits[begin + 1 : end + 1][::-1]

    def pull(self) -> None:
        """There is nowhere to pull from."""


def publish(entries: Sequence[Entry], results: Path, html: Path) -> None:
    """Build asv's site in ``html``, which is emptied first."""
    from asv import config
    from asv.commands import publish as command

    own = json.loads((Path(__file__).parents[1] / "asv.conf.json").read_text())
    conf = config.Config.from_json(
        {
            **own,
            "repo": str(results),
            "results_dir": str(results),
            "html_dir": str(html),
            "branches": ["HEAD"],
        }
    )
    command.get_repo = lambda _: Stored(entries)
    command.Publish.run(conf, pull=False)
