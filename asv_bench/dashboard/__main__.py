"""``python -m asv_bench.dashboard [--out FOLDER]``: build the pages."""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import sys
from pathlib import Path

from asv_bench.dashboard import asv_site
from asv_bench.dashboard.libraries import localise
from asv_bench.dashboard.page import start_page
from asv_bench.history.store import FOLDER, read

ROOT = Path(__file__).parents[2]

BACK = '<li><a href="../index.html">Goals</a></li>'
GRID = '<li id="nav-li-"'


def build(history: Path, out: Path) -> str:
    """Build the start page and, where asv is installed, its site beside it; gives what to tell about that.

    Args:
        history: a folder of entries.
        out: is emptied first.
    """
    entries = read(history)
    if not entries:
        return f"nothing is stored in {history}; python -m asv_bench.history add COMMIT measures a commit"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    there = asv_site.is_installed()
    said = []
    if there:
        results = out.parent / "stored-results"
        shutil.rmtree(results, ignore_errors=True)
        count = asv_site.write_results(entries, results)
        with contextlib.redirect_stdout(io.StringIO()):
            asv_site.publish(entries, results, out / "asv")
        page = out / "asv" / "index.html"
        page.write_text(page.read_text().replace(GRID, f"{BACK}{GRID}", 1))
        left = localise(page)
        said.append(f"asv's site: {count} series")
        if left:
            said.append(f"which loads its libraries from the network ({left[-1]})")
    else:
        said.append("without asv's site: asv is not installed (pip install asv)")
    (out / "index.html").write_text(start_page(entries, asv=there))
    return f"{out / 'index.html'}: {len(entries)} commits; {', '.join(said)}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m asv_bench.dashboard", description="Build the pages of the history."
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / ".asv" / "html",
        help="a folder that is replaced (default: .asv/html)",
    )
    parser.add_argument(
        "--history", type=Path, default=FOLDER, help="a folder of entries (default: the stored ones)"
    )
    chosen = parser.parse_args(arguments)
    print(build(chosen.history, chosen.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
