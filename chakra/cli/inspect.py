"""`chakra inspect`: models of a database that exists."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

import chakra
from chakra.inspection import read_models


@click.command("inspect")
@click.argument("tables", nargs=-1)
@click.option("--url", help="The database; default: the setting database.url.")
@click.option("--schema", "schemas", multiple=True, help="Only these schemas (may be repeated).")
@click.option("--to", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write it there; a file that is "
              "there is not overwritten.")  # fmt: skip
def command(tables: tuple[str, ...], url: str | None, schemas: tuple[str, ...], target: Path | None) -> None:
    """Print models for TABLES, or for all of the database: fields, relations with names, enums, keys, indexes,
    comments, views (read-only), row security.

    `create_tables` of them makes the same tables again.
    """

    async def run() -> str:
        async with await chakra.connect(url) as database:
            return await read_models(database, tables, schemas)

    if target is not None and target.exists():
        raise click.ClickException(
            f"{target} is there, and is not overwritten: delete it, or name another file"
        )
    if target is not None and not target.parent.is_dir():
        raise click.ClickException(f"there is no folder {target.parent}: make it first")
    source: Any = asyncio.run(run())
    if target is None:
        click.echo(source)
        return
    with target.open("x", encoding="utf-8") as file:
        file.write(source)
    click.echo(f"{target}: {source.count('(Model, table=')} models")


__all__ = ["command"]
