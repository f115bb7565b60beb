"""`chakra explain`: the plan of a query, with notes on what is wrong with it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import click

import chakra
from chakra.cli.values import values_of


@click.command("explain")
@click.argument("query", required=False)
@click.option(
    "--file", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Read it from there."
)
@click.option("--url", help="The database; default: the setting database.url.")
@click.option(
    "--analyze", is_flag=True, help="Run it, and show what really happened; what it writes is rolled back."
)
@click.option("--buffers", is_flag=True, help="Also which pages were read.")
@click.option("--verbose", is_flag=True, help="Also output columns and schemas.")
@click.option("--json", "as_json", is_flag=True, help="The tree, as JSON.")
@click.option(
    "--param", "params", multiple=True, help="Value of $1, $2, …: a number, true, false, null, or a text."
)
def command(
    query: str | None,
    path: Path | None,
    url: str | None,
    analyze: bool,
    buffers: bool,
    verbose: bool,
    as_json: bool,
    params: tuple[str, ...],
) -> None:
    """Show how the server would carry out QUERY (or what stands on standard input)."""
    text = query or (path.read_text(encoding="utf-8") if path else sys.stdin.read())
    if not text.strip():
        raise click.UsageError("say a query, --file, or give it on standard input")

    async def run() -> None:
        async with await chakra.connect(url) as database:
            raw = chakra.raw(text.strip().rstrip(";"), database, params=values_of(params))
            words = {"analyze": analyze, "buffers": buffers, "verbose": verbose}
            given = {word: True for word, said in words.items() if said}
            if as_json:
                given["format"] = "json"  # type: ignore[assignment]
            plan = await raw.explain(**given)  # type: ignore[arg-type]
            click.echo(json.dumps(plan, indent=2) if as_json else str(plan))

    asyncio.run(run())


__all__ = ["command"]
