"""Rows of TPC-H as Parquet files, made once a machine by `tpchgen-cli`, for PostgreSQL and for DuckDB."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.query.tpch.models import TABLES

SCALE = "0.01"
"""60,175 rows of `lineitem`; two seconds to make, one to load."""

SQL = Path(__file__).parent / "sql"


def files() -> Path:
    """The folder of the files; they are kept for the next run.

    Processes that make them at the same time do not see each other's: a whole folder is moved into place.
    """
    program = Path(sysconfig.get_path("scripts")) / "tpchgen-cli"
    if not program.exists():
        pytest.skip("tpchgen-cli, which makes the rows, is not installed: pip install tpchgen-cli")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chakra"
    folder = cache / f"tpch-{SCALE}-{importlib.metadata.version('tpchgen-cli')}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=cache))
        try:
            subprocess.run(
                [program, "parquet", "-s", SCALE, "--output-dir", made], check=True, capture_output=True
            )
            made.rename(folder)
        except OSError:
            if not folder.exists():  # another process was faster
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return folder


async def load(db: Any, folder: Path) -> None:
    """Make the tables and fill them, through the columns of the files."""
    await db.create_tables(*TABLES)
    for model in TABLES:
        rows = pq.read_table(folder / f"{model.__table__.name}.parquet")
        names = [column.name for column in model.__table__.columns]
        result = await model.objects.bulk_insert(rows.rename_columns(names))
        assert result.inserted == rows.num_rows
    await db.execute("ANALYZE")


def duck(folder: Path) -> duckdb.DuckDBPyConnection:
    """DuckDB over the same files."""
    connection = duckdb.connect()
    for model in TABLES:
        name = model.__table__.name
        connection.execute(f"CREATE VIEW {name} AS FROM '{folder / name}.parquet'")
    return connection


def text(number: int) -> str:
    """The SQL of a query, with the parameters by which the specification validates answers."""
    return (SQL / f"{number:02}.sql").read_text()


__all__ = ["SQL", "duck", "files", "load", "text"]
