"""What `chakra bench` runs: the chosen targets one after the other, then the table, then a folder of results."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from asv_bench.harness import bench, charts, page, progress, report, summary, table
from asv_bench.harness.measure import Timings
from asv_bench.harness.peers import PEERS
from asv_bench.harness.target import Outcome, Target
from asv_bench.harness.targets import TARGETS
from chakra.errors import ConfigError

WIDTH = 140
"""Columns of the tables when the output goes to a file or a pipe."""

SIZES = {"full": bench.FULL, "quick": bench.QUICK, "tiny": bench.TINY}


def chosen(names: Collection[str]) -> list[Target]:
    """Targets by row number or id; all of them if none are named.

    Raises:
        ConfigError: a name that is no target's; lists those that are.
    """
    known = {str(target.number) for target in TARGETS} | {target.id for target in TARGETS}
    for name in names:
        if name not in known:
            listed = ", ".join(f"{target.number} {target.id}" for target in TARGETS)
            raise ConfigError(f"no target {name!r}; there are {listed}")
    return [t() for t in TARGETS if not names or str(t.number) in names or t.id in names]


def known_peers(names: Collection[str]) -> frozenset[str]:
    """Peers by name, however it is capitalised.

    Raises:
        ConfigError: a name that is no peer's; lists those that are.
    """
    spelled = {name.lower(): name for name in PEERS}
    for name in names:
        if name.lower() not in spelled:
            raise ConfigError(f"no peer {name!r}; there are {', '.join(PEERS)}")
    return frozenset(spelled[name.lower()] for name in names)


RESULTS = Path(__file__).parents[1] / "results"
LATEST = RESULTS / "latest"
"""Where a run is written if nothing else is said."""

STORED = RESULTS / "figures.json"
"""The run that the documentation is made of; see ``ci/figures.py``."""


@dataclass(frozen=True)
class Verdict:
    """What a run comes down to.

    Attributes:
        met: whether every figure that was measured keeps its promise.
        failed: targets that could not be measured.
    """

    met: bool
    failed: tuple[str, ...]


async def run(
    targets: Collection[str] = (),
    *,
    url: str | None = None,
    size: str = "quick",
    peers: Collection[str] | None = None,
    json_path: Path | None = None,
    out: Path = LATEST,
) -> Verdict:
    """Measure, print, and write a folder of results.

    Args:
        targets: row numbers or ids; all if empty.
        url: a database to use instead of the embedded server.
        size: a key of ``SIZES``.
        peers: names of peers; ``None`` = all that are installed.
        json_path: where to write every sample, beside the folder.
        out: folder for ``bench.md``, ``bench.json``, ``figures.json`` and the pictures.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    picked = chosen(targets)
    wanted = None if peers is None else known_peers(peers)
    outcomes: list[Outcome] = []
    rows: list[summary.Row] = []
    async with bench.opened(
        url, SIZES[size], peers=wanted, say=lambda text: console.print(f"[dim]{text} …[/]")
    ) as run:
        server = await run.connection.fetchval("SHOW server_version")
        versions = f"PostgreSQL {server.split()[0]}, {table.versions()}"
        console.print(f"{table.machine()}\n{versions}\n")
        bench.CACHE.mkdir(exist_ok=True)
        path = bench.CACHE / f"durations-{size}.json"
        schedule = progress.Schedule(path, picked, run.size.limit, took_elsewhere(size))
        with progress.Shown(console, schedule, len(picked)) as shown:
            run.tick = shown.tick
            for target in picked:
                outcome, row = await measured(target, run, schedule, shown)
                outcomes.append(outcome)
                rows.append(row)
                if row.failed:
                    console.print(
                        f"[bold red]{target.number}. {target.title} failed:[/] {escape(row.failed)}\n"
                    )
                else:
                    table.print_outcome(console, outcome)
        schedule.keep()
        about = summary.Run(
            table.machine(),
            versions,
            dict(run.used),
            dict(run.skipped),
            size,
            summary.today(),
            summary.commit(),
        )
    found = summary.Summary((about,), tuple(rows))
    finish(console, found, outcomes, targets, out)
    if json_path is not None:
        json_path.write_text(json.dumps(table.as_json(outcomes), indent=1))
    met = all(figure.verdict != "MISSED" for outcome in outcomes for figure in outcome.figures)
    return Verdict(met, tuple(f"{row.number}. {row.title}: {row.failed}" for row in rows if row.failed))


def took_elsewhere(size: str) -> dict[str, float]:
    """Seconds of each target in the stored run. Of another size half of them are checks, which all sizes have."""
    if not STORED.exists():
        return {}
    stored, seconds = summary.load(STORED.read_text()), SIZES[size].seconds
    return {
        row.id: row.took * (1 + seconds / SIZES[stored.runs[row.run].size].seconds) / 2 for row in stored.rows
    }


async def measured(
    target: Target, run: bench.Bench, schedule: progress.Schedule, shown: progress.Shown
) -> tuple[Outcome, summary.Row]:
    """Run one target; what it raises is kept, so that a whole run does not end with it."""
    run.pace = schedule.pace
    shown.starts(target)
    begun, failed = perf_counter(), ""
    try:
        outcome = await target.run(run)
    except Exception as error:
        outcome = Outcome(target, Timings(), [], [])
        failed = f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
    took = perf_counter() - begun
    schedule.ended(target.id, took, run.pace)
    shown.ends()
    return outcome, summary.row_of(outcome, took, failed)


def finish(
    console: Console, found: summary.Summary, outcomes: list[Outcome], targets: Collection[str], out: Path
) -> None:
    """Print what it all comes down to, and write the folder."""
    about = found.runs[0]
    console.print(table.figures_table(outcomes))
    if not targets:
        console.print("\n[bold]The page that promised them[/]\n")
        console.print(page.targets(found).table("Performance Targets"))
        console.print(f"[dim]{page.TARGETS_NOTE}[/]\n", highlight=False)
        for part in page.SECTIONS:
            console.print(f"[bold]{part.title}[/]")
            console.print(Text(page.section(found, part) + "\n"))
        console.print(f"[dim]{page.TIMES_NOTE}[/]\n", highlight=False)
        console.print(page.memory(found).table("Memory Efficiency"))
        console.print(f"[dim]{page.MEMORY_NOTE}[/]\n", highlight=False)
    if about.size == "tiny":
        console.print("  [yellow]tiny: this only shows that everything runs; the figures mean nothing[/]")
    for name, versions in about.peers.items():
        console.print(f"  {name}: {versions}")
    for name, why in about.left_out.items():
        console.print(f"  [yellow]{name} left out: {escape(why)}[/]")
    out.mkdir(parents=True, exist_ok=True)
    for picture in out.glob("*.png"):
        picture.unlink()  # of a run before, of other targets
    try:
        pictures = charts.draw(found, out)
    except ImportError as error:
        pictures = []
        console.print(f"  [yellow]no pictures: {error}; matplotlib is in the extra bench[/]")
    (out / "bench.md").write_text(report.report(found, pictures))
    (out / "bench.json").write_text(json.dumps(table.as_json(outcomes), indent=1))
    (out / "figures.json").write_text(summary.dump(found))
    console.print(
        f"  written: {out}/ bench.md, bench.json, figures.json, {len(pictures)} pictures", soft_wrap=True
    )
