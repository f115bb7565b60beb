"""`chakra bench`: every figure Chakra promises, measured here, beside other libraries; needs a checkout.

The code that measures is in ``asv_bench`` beside the package and not in the wheel: it is for who doubts the
numbers or changes the code, and brings models of ten other libraries.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path

import click

import chakra


def _harness() -> str:
    """Make ``asv_bench`` importable from the checkout Chakra runs from, or from the working folder."""
    for folder in (Path(chakra.__file__).parents[1], Path.cwd()):
        if (folder / "asv_bench" / "harness" / "main.py").exists():
            sys.path.insert(0, str(folder))
            return "asv_bench.harness.main"
    raise click.ClickException(
        "the benchmarks are not part of the installed package; run this in a checkout of Chakra: make bench"
    )


@click.command("bench")
@click.argument("targets", nargs=-1)
@click.option("--url", help="A database to use instead of the embedded server; its tables users, new_users, "
              "lineitem, authors, posts, tags, posts_tags, entries, linked_entries, knows, wide_entries and items "
              "are replaced.")  # fmt: skip
@click.option("--size", type=click.Choice(["full", "quick", "tiny"]), default="quick", show_default=True)
@click.option("--peer", "peers", multiple=True, help="Only these other libraries (may be repeated).")
@click.option("--no-peers", is_flag=True, help="Only Chakra and asyncpg.")
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write all samples."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for bench.md, bench.json, figures.json and pictures; asv_bench/results/latest by default.",
)
@click.option("--check", is_flag=True, help="Exit with 1 if a figure is missed.")
def command(
    targets: tuple[str, ...],
    url: str | None,
    size: str,
    peers: tuple[str, ...],
    no_peers: bool,
    json_path: Path | None,
    out: Path | None,
    check: bool,
) -> None:
    """Measure TARGETS (row numbers or ids; all by default), print one table, write a report."""
    main = importlib.import_module(_harness())
    wanted = () if no_peers else peers or None
    folder = {} if out is None else {"out": out}
    verdict = asyncio.run(main.run(targets, url=url, size=size, peers=wanted, json_path=json_path, **folder))
    if verdict.failed:
        raise click.ClickException("not everything could be measured: " + "; ".join(verdict.failed))
    if check and not verdict.met:
        raise SystemExit(1)


__all__ = ["command"]
