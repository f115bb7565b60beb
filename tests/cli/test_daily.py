"""`chakra sql`, `explain`, `doctor` and `shell`, as somebody at a terminal uses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pyarrow import csv, parquet

from chakra import config
from chakra.cli.group import chakra_command


@pytest.fixture
def said(dsn: str, db: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs a command in an empty folder, with the tests' database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAKRA_DATABASE_URL", dsn)
    monkeypatch.setenv("COLUMNS", "200")
    config.reset()

    def run(*words: str, given: str | None = None) -> Result:
        import concurrent.futures

        with concurrent.futures.ThreadPoolExecutor(1) as pool:  # a command has a loop of its own
            return pool.submit(CliRunner().invoke, chakra_command, list(words), given).result()

    return run


async def test_sql(said: Any, db: Any, tmp_path: Path) -> None:
    await db.execute("CREATE TABLE things (id int, name text); INSERT INTO things SELECT i, 't' || i "
                     "FROM generate_series(1, 300) i")  # fmt: skip
    for words, expected in (
        (("SELECT 1 AS a, 'x' AS b, NULL AS c",), "a  b  c\n1  x   \n1 rows\n"),
        (
            ("SELECT id FROM things ORDER BY id", "--limit", "2"),
            "id\n 1\n 2\n2 rows; there are more: --limit, or --to FILE\n",
        ),
        (("SELECT $1::int + 1 AS n", "--param", "4"), "n\n5\n1 rows\n"),
        (("SELECT name FROM things WHERE name = $1", "--param", "t7"), "name\nt7  \n1 rows\n"),
        (("SELECT 1 WHERE false",), "no rows\n"),
        (("SHOW server_encoding",), "server_encoding\nUTF8           \n1 rows\n"),
        (("UPDATE things SET name = 'u' WHERE id = 1",), "UPDATE 1\n"),
    ):  # fmt: skip
        found = said("sql", *words)
        assert found.exit_code == 0 and [line.rstrip() for line in found.output.splitlines()] == [
            line.rstrip() for line in expected.splitlines()
        ], found.output
    for ending, read in (("csv", csv.read_csv), ("parquet", parquet.read_table)):
        path = tmp_path / f"rows.{ending}"
        assert "300 rows, 2 columns" in said("sql", "SELECT * FROM things", "--to", str(path)).output
        assert read(path).num_rows == 300
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", "rows.parquet"}
    for words, message in (
        (("SELECT 1", "--to", "x.xls"), "the ending says the format"),
        (("SELECT nothing",), 'column "nothing" does not exist'),
        (("WITH x AS (DELETE FROM things RETURNING id) SELECT * FROM x",), "must be at the top level"),
    ):
        found = said("sql", *words)
        assert found.exit_code != 0 and message in found.output
    assert said("sql", given="SELECT 3 AS three").output.startswith("three")
    assert await db.fetchval("SELECT count(*) FROM things") == 300


async def test_explain(said: Any, db: Any) -> None:
    await db.execute("CREATE TABLE things (id int PRIMARY KEY)")
    assert "things_pkey" in said("explain", "SELECT * FROM things WHERE id = $1", "--param", "3").output
    found = said("explain", "DELETE FROM things", "--analyze", "--json")
    assert json.loads(found.output)[0]["Plan"]["Node Type"] == "ModifyTable"


async def test_doctor(said: Any, tmp_path: Path) -> None:
    found = said("doctor")
    assert found.exit_code == 0, found.output
    for word in ("asyncpg", "PostgreSQL", "connections", "UTF8", "prepared", "none at or above this folder"):
        assert word in found.output
    (tmp_path / "chakra.toml").write_text('[migrations]\nmodels = ["not_there.models"]\n')
    found = said("doctor", "--no-database")
    assert found.exit_code == 0  # the settings were read before; a new process reads the file
    assert said("doctor", "--url", "postgresql://user:secret@127.0.0.1:1/x").exit_code == 1
    assert "secret" not in said("doctor", "--url", "postgresql://user:secret@127.0.0.1:1/x").output
