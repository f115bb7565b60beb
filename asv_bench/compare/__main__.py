"""``python -m asv_bench.compare BASE HEAD``; 0 = no regression, 1 = one, 2 = it could not be compared."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from asv_bench.compare.report import report
from asv_bench.compare.session import GENERATIONS, SECONDS, TURNS, CompareError, compare
from asv_bench.compare.watched import WATCHED
from asv_bench.harness.bench import CACHE, SERVER_SETTINGS


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    found = argparse.ArgumentParser(prog="ci/bench.sh", description="Whether HEAD is slower than BASE.")
    found.add_argument("base", help="a commit, or a folder with a chakra/ in it")
    found.add_argument("head", help="likewise")
    found.add_argument("--only", action="append", metavar="TARGET", help="a target; may be given again")
    found.add_argument(
        "--url",
        default=os.environ.get("CHAKRA_BENCH_URL"),
        help="a database whose benchmark tables are replaced",
    )
    found.add_argument("--report", type=Path, help="a file that gets the report, too")
    found.add_argument(
        "--generations", type=int, default=GENERATIONS, help="processes of each side, one after the other"
    )
    found.add_argument("--turns", type=int, default=TURNS, help="turns of each process")
    found.add_argument("--seconds", type=float, default=SECONDS, help="how long noisy figures get more turns")
    found.add_argument("--tiny", action="store_true", help="little data, to see that everything runs")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    chosen = parser().parse_args(arguments)
    known = [w.target.id for w in WATCHED]
    if unknown := sorted(set(chosen.only or ()) - set(known)):
        print(
            f"error: nothing called {unknown[0]!r} is compared; there are {', '.join(known)}", file=sys.stderr
        )
        return 2
    watched = tuple(w for w in WATCHED if not chosen.only or w.target.id in chosen.only)
    begun = time.monotonic()
    # A job that is stopped leaves no worktrees and no processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:6.0f} s  {text}", file=sys.stderr, flush=True)

    server = None
    try:
        if chosen.url is None:
            from chakra.embedded import start

            CACHE.mkdir(exist_ok=True)
            server = start(CACHE / "server-compare", settings=SERVER_SETTINGS)
        found = compare(
            chosen.base,
            chosen.head,
            chosen.url or server.url,
            watched=watched,
            tiny=chosen.tiny,
            generations=chosen.generations,
            turns=chosen.turns,
            seconds=chosen.seconds,
            say=say,
        )
    except CompareError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    finally:
        if server is not None:
            server.stop()
    text = report(found, chosen.base, chosen.head)
    print(text)
    if chosen.report is not None:
        chosen.report.write_text(text + "\n")
    return int(found.is_regression)


if __name__ == "__main__":
    sys.exit(main())
