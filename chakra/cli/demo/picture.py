"""The picture at the end: delays by hour and month, and by airport; a frame in, a PNG file out."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import polars as pl

mpl.use("Agg")

from matplotlib import pyplot as plt

__all__ = ["draw"]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
AIRPORTS = {"EWR": "Newark", "JFK": "Kennedy", "LGA": "LaGuardia"}
COLORS = ("#c1440e", "#2f6690", "#3a7d44")
FEWEST, FEWEST_A_YEAR = 30, 300
"""Flights below which the mean of an hour (of one month, of the year) says nothing."""


def draw(flights: pl.DataFrame, path: Path) -> Path:
    """Write the picture and return its path."""
    local = flights.filter(pl.col("dep_delay").is_not_null()).with_columns(
        hour=pl.col("sched_dep_time") // 100,
        month=pl.col("time_hour").dt.convert_time_zone("America/New_York").dt.month(),
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.2), dpi=150, width_ratios=(1.25, 1))
    figure.suptitle("Leaving New York late, 2013", x=0.02, ha="left", fontsize=17, fontweight="bold")

    cells = local.group_by("month", "hour").agg(n=pl.len(), delay=pl.col("dep_delay").mean())
    grid = np.full((12, 24), np.nan)
    for month, hour, count, delay in cells.iter_rows():
        if count >= FEWEST:
            grid[month - 1, hour] = delay
    image = left.imshow(grid[:, 5:24], aspect="auto", cmap="magma_r", vmin=0, vmax=45)
    left.set_xticks(range(0, 19, 2), [f"{hour}:00" for hour in range(5, 24, 2)])
    left.set_yticks(range(12), MONTHS)
    left.set_title("Mean departure delay by month and scheduled hour", loc="left", fontsize=11)
    left.tick_params(length=0)
    left.spines[:].set_visible(False)
    figure.colorbar(image, ax=left, pad=0.02, label="minutes", extend="max").outline.set_visible(False)

    for (code, name), color in zip(AIRPORTS.items(), COLORS, strict=True):
        by_hour = (
            local.filter(pl.col("origin_id") == code)
            .group_by("hour")
            .agg(n=pl.len(), mean=pl.col("dep_delay").mean())
            .filter(pl.col("n") >= FEWEST_A_YEAR)
            .sort("hour")
        )
        right.plot(
            by_hour["hour"].to_numpy(), by_hour["mean"].to_numpy(), color=color, linewidth=2.2, label=name
        )
    right.set_title("Delays pile up through the day", loc="left", fontsize=11)
    right.set_xlabel("scheduled hour of departure")
    right.set_ylabel("mean delay, minutes")
    right.set_xlim(5, 23)
    right.set_xticks(range(5, 24, 3))
    right.axhline(0, color="black", linewidth=0.8)
    right.grid(axis="y", alpha=0.25)
    right.spines[["top", "right", "bottom"]].set_visible(False)
    right.legend(frameon=False, loc="upper left")
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    figure.savefig(path)
    plt.close(figure)
    return path
