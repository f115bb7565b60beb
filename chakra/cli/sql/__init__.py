"""`chakra sql`: a query to a table on the screen, or into a CSV, Parquet or Arrow file; reads through binary COPY."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

import chakra
from chakra.cli.sql.rows import console, show, write
from chakra.cli.values import values_of


@click.command("sql")
@click.argument("query", required=False)
@click.option(
    "--file", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Read it from there."
)
@click.option("--url", help="The database; default: the setting database.url.")
@click.option("--to", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write all rows into a file: "
              ".csv, .parquet or .arrow.")  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="Rows shown on the screen."
)
@click.option(
    "--param", "params", multiple=True, help="Value of $1, $2, …: a number, true, false, null, or a text."
)
def command(
    query: str | None,
    path: Path | None,
    url: str | None,
    target: Path | None,
    limit: int,
    params: tuple[str, ...],
) -> None:
    """Run QUERY (or what stands on standard input) and show its rows. It runs in a transaction that cannot write,
    unless it is no query: then it is run, and what the server says is shown.
    """
    text = query or (path.read_text(encoding="utf-8") if path else sys.stdin.read())
    if not text.strip():
        raise click.UsageError("say a query, --file, or give it on standard input")
    if target is not None and target.suffix not in (".csv", ".parquet", ".arrow"):
        raise click.BadParameter(
            f"{target}: the ending says the format, .csv, .parquet or .arrow", param_hint="--to"
        )
    asyncio.run(_run(text.strip().rstrip(";"), url, target, limit, params))


async def _run(text: str, url: str | None, target: Path | None, limit: int, params: tuple[str, ...]) -> None:
    values = values_of(params)
    async with await chakra.connect(url) as database:
        if not _is_query(text):
            console.print(await database.execute(text, *values), markup=False)
            return
        async with database.transaction(readonly=True):
            query = chakra.raw(text, database, params=values)
            if target is not None:
                write(await query.to_arrow(), target)
                return
            plain = _word(text) in ("show", "explain")  # which stand in no other statement
            shown = text if plain else f"SELECT * FROM ({text}) AS shown LIMIT {limit + 1}"
            rows = await database.fetch(shown, *values)
    show(rows, limit)


def _word(text: str) -> str:
    return text.lstrip("( \n\t").partition(" ")[0].strip().lower()


def _is_query(text: str) -> bool:
    return _word(text) in ("select", "with", "values", "table", "show", "explain")


__all__ = ["command"]
