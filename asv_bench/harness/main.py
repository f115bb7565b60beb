"""What `chakra bench` runs: the chosen targets one after the other, then the table."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from rich.console import Console

from asv_bench.harness import bench, table
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


async def run(
    targets: Collection[str] = (),
    *,
    url: str | None = None,
    size: str = "full",
    peers: Collection[str] | None = None,
    json_path: Path | None = None,
) -> bool:
    """Measure and print; return whether every figure that was measured keeps its promise.

    Args:
        targets: row numbers or ids; all if empty.
        url: a database to use instead of the embedded server.
        size: a key of ``SIZES``.
        peers: names of peers; ``None`` = all that are installed.
        json_path: where to write every sample.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    picked = chosen(targets)
    wanted = None if peers is None else known_peers(peers)
    outcomes: list[Outcome] = []
    async with bench.opened(
        url, SIZES[size], peers=wanted, say=lambda text: console.print(f"[dim]{text} …[/]")
    ) as run:
        server = await run.connection.fetchval("SHOW server_version")
        console.print(f"{table.machine()}\nPostgreSQL {server.split()[0]}, {table.versions()}\n")
        for target in picked:
            outcome = await target.run(run)
            outcomes.append(outcome)
            table.print_outcome(console, outcome)
        console.print(table.figures_table(outcomes))
        if size == "tiny":
            console.print("  [yellow]tiny: this only shows that everything runs; the figures mean nothing[/]")
        for name, versions in run.used.items():
            console.print(f"  {name}: {versions}")
        for name, why in run.skipped.items():
            console.print(f"  [yellow]{name} left out: {why}[/]")
    if json_path is not None:
        json_path.write_text(json.dumps(table.as_json(outcomes), indent=1))
    return all(figure.verdict != "MISSED" for outcome in outcomes for figure in outcome.figures)
