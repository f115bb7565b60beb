"""``python -m asv_bench.history add COMMIT…`` and ``keep COMMIT figures.json output.txt``."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from asv_bench.harness.bench import CACHE, SERVER_SETTINGS
from asv_bench.history.run import HistoryError, entry, known, measure
from asv_bench.history.store import FOLDER, Entry, load


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    top = argparse.ArgumentParser(prog="python -m asv_bench.history", description="Figures of commits, kept.")
    commands = top.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="measure commits one after the other, each with its own harness")
    add.add_argument("commits", nargs="+", metavar="COMMIT")
    add.add_argument(
        "--url", help="a database to use; its benchmark tables are replaced (default: a private server)"
    )
    add.add_argument(
        "--rows",
        nargs="+",
        default=(),
        help="measure these again, and keep what else is stored of the commit",
    )
    keep = commands.add_parser("keep", help="keep a run of `chakra bench --json` that was made by hand")
    keep.add_argument("commits", nargs=1, metavar="COMMIT")
    keep.add_argument("json", type=Path, help="what --json wrote")
    keep.add_argument("output", type=Path, help="what it printed")
    for command in (add, keep):
        command.add_argument(
            "--size", default="quick", help="full or quick, as of `chakra bench` (default: quick)"
        )
        command.add_argument("--machine", help="a name of the machine (default: made from its processors)")
        command.add_argument("--note", default="", help="what else to know about the run")
        command.add_argument("--into", type=Path, default=FOLDER, help=argparse.SUPPRESS)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 1 with what went wrong on stderr."""
    chosen = parser().parse_args(arguments)
    try:
        commits = known(chosen.commits)
        if chosen.command == "keep":
            _keep(chosen, commits[0])
        else:
            asyncio.run(_add(chosen, commits))
    except HistoryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _keep(chosen: argparse.Namespace, commit: str) -> None:
    measured = datetime.fromtimestamp(chosen.json.stat().st_mtime, UTC)
    outcomes, said = json.loads(chosen.json.read_text()), chosen.output.read_text()
    options = {"size": chosen.size, "machine": chosen.machine, "note": chosen.note}
    _write(entry(commit, outcomes, said, measured=measured, **options), chosen.into)


async def _add(chosen: argparse.Namespace, commits: list[str]) -> None:
    server = None
    if chosen.url is None:
        from chakra.embedded import start_async

        CACHE.mkdir(exist_ok=True)
        server = await start_async(CACHE / "server-history", settings=SERVER_SETTINGS)
    try:
        url = chosen.url or server.url
        for commit in commits:
            print(f"measuring {commit[:12]}, which takes minutes", flush=True)
            made = await asyncio.to_thread(
                measure,
                commit,
                url=url,
                size=chosen.size,
                machine=chosen.machine,
                note=chosen.note,
                only=chosen.rows,
            )
            if chosen.rows and (earlier := made.path(chosen.into)).exists():
                made = made.beside(load(earlier))
            _write(made, chosen.into)
    finally:
        if server is not None:
            await server.stop_async()


def _write(made: Entry, folder: Path) -> None:
    path = made.write(folder)
    print(f"{path}: {len(made.figures)} figures, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    sys.exit(main())
