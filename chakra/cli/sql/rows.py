"""Rows of `chakra sql`: on the screen, or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

console = Console(highlight=False)


def show(rows: list[Any], limit: int) -> None:
    if not rows:
        console.print("no rows")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    numbers = {name for name, value in rows[0].items() if isinstance(value, int | float)}
    for name in rows[0].keys():  # noqa: SIM118 - a record iterates over its values
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows[:limit]:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print(table)
    more = len(rows) > limit
    console.print(
        f"{limit if more else len(rows)} rows{'; there are more: --limit, or --to FILE' if more else ''}"
    )


def write(table: Any, target: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    try:
        if target.suffix == ".csv":
            from pyarrow import csv

            csv.write_csv(table, part)
        elif target.suffix == ".parquet":
            from pyarrow import parquet

            parquet.write_table(table, part)
        else:
            from pyarrow import feather

            feather.write_feather(table, part, compression="uncompressed")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    console.print(f"{table.num_rows:,} rows, {table.num_columns} columns: {target}")


__all__ = ["console", "show", "write"]
