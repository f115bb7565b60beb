"""Questions asked in columns: the same querysets, answered as Arrow tables and Polars frames."""

from __future__ import annotations

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chakra.cli.demo.models import Airline, Flight

__all__ = ["ask"]


async def ask(console: Console) -> pl.DataFrame:
    """Ask, print the answers, and return every flight as a frame."""
    console.print("[bold]Columns[/]: the same querysets through binary COPY into Arrow, no object per row\n")
    arrow = (
        await Flight.objects.filter(Flight.dep_delay > 60)
        .values("carrier_id", "dep_delay", "time_hour")
        .to_arrow()
    )
    columns = ", ".join(f"{f.name}: {f.type}" for f in arrow.schema)
    console.print(
        f"  to_arrow():  {arrow.num_rows:,} flights left more than an hour late; "
        f"{arrow.nbytes / 1e6:.1f} MB as {escape(columns)}"
    )
    flights = await Flight.objects.order_by("id").to_polars()
    names = await Airline.objects.to_polars()
    console.print(f"  to_polars(): {flights.height:,} flights × {flights.width} columns\n")

    worst = (
        flights.join(names, left_on="carrier_id", right_on="carrier")
        .group_by("name")
        .agg(
            flights=pl.len(),
            mean=pl.col("arr_delay").mean(),
            late=(pl.col("arr_delay") > 15).mean() * 100,
            cancelled=pl.col("dep_time").is_null().mean() * 100,
        )
        .filter(pl.col("flights") > 1000)
        .sort("mean", descending=True)
        .head(6)
    )
    table = Table(title="Airlines by mean arrival delay, a group-by in Polars", title_justify="left")
    table.add_column("airline")
    for header in ("flights", "delay, min", "late, %", "cancelled, %"):
        table.add_column(header, justify="right")
    for name, count, mean, late, cancelled in worst.iter_rows():
        table.add_row(name, f"{count:,}", f"{mean:.1f}", f"{late:.1f}", f"{cancelled:.1f}")
    console.print(table)
    return flights
