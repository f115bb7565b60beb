"""The demo from beginning to end: start, load, ask both ways, time, draw."""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

import chakra
from chakra.cli.demo import columns, files, picture, rows, timing
from chakra.cli.demo.models import MODELS, Flight, ScratchFlight
from chakra.embedded.locks import FileLock
from chakra.errors import ConnectionLost, DatabaseError, EmbeddedError

FLIGHTS = 336_776
SCARCE_BYTES = 64 * 1024 * 1024
"""Free space under which a failing server is taken to be out of disk (four WAL segments)."""

SETTINGS = "shared_buffers=256MB&max_wal_size=2GB"


async def run(folder: Path, turns: int) -> None:
    """Run the demo in ``folder``, timing each way ``turns`` times.

    Raises:
        EmbeddedError: the folder cannot be used, is in use by another demo, or its disk is full.
    """
    console = Console()
    folder = folder.absolute()
    console.print(f"[bold]Chakra {chakra.__version__}[/] — flights that left New York in 2013\n")
    began = time.perf_counter()
    url = f"embedded:///{folder}?{SETTINGS}"
    async with chakra.connect(url) as db:
        version = (await db.fetchval("show server_version")).split()[0]
        console.print(f"PostgreSQL {version} runs in [cyan]{escape(str(folder))}[/], {since(began)}")
        with FileLock(folder / "demo.lock") as lock:
            if not lock.try_lock(shared=False):
                raise EmbeddedError(
                    f"{folder} is in use by another demo; wait for it, or give --folder another one"
                )
            try:
                await load(db, console)
                await rows.ask(db, console)
                flights = await columns.ask(console)
                await timing.compare(db.url, console, turns)
            except (ConnectionLost, DatabaseError) as error:
                if shutil.disk_usage(folder).free < SCARCE_BYTES:
                    raise EmbeddedError(
                        f"no space left on the disk that holds {folder}; free some and run again"
                    ) from error
                raise
    path = picture.draw(flights, folder / "delays.png")
    console.print(f"\nThe picture: [bold cyan]{escape(str(path))}[/]", soft_wrap=True)
    console.print(f"All of it took {since(began)}.")


async def load(db: chakra.Database, console: Console) -> None:
    """Create and fill the tables, all or nothing; leaves tables alone that are there already."""
    if await db.fetchval("select to_regclass('flights')") and await Flight.objects.count() == FLIGHTS:
        console.print(f"The data is there from an earlier run: {FLIGHTS:,} flights.\n")
        return
    data = files.tables()
    with Progress(
        TextColumn("  {task.description:<9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as bars:
        async with db.transaction():
            await db.drop_tables(ScratchFlight, *MODELS)
            await db.create_tables(ScratchFlight, *MODELS)
            for model in MODELS:
                table = data[model.__table__.name]
                bar = bars.add_task(model.__table__.name, total=table.num_rows)
                await model.objects.bulk_insert(table, progress=partial(_advance, bars, bar))
                bars.update(bar, completed=table.num_rows)
    await db.execute("analyze")
    console.print()


def _advance(bars: Progress, bar: TaskID, rows: int, _: int) -> None:
    bars.update(bar, completed=rows)


def since(began: float) -> str:
    return f"{time.perf_counter() - began:.1f} s"
