"""DuckDB's PostgreSQL scanner; needs its extension, from a package or from DuckDB's own site."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from asv_bench.harness.peers import Peer
from asv_bench.harness.peers.urls import address

PACKAGE = "duckdb_extension_postgres_scanner"
"""The extension as a package, for machines that do not reach DuckDB's site. DuckDB checks its signature."""


def packaged() -> str:
    """The file of the extension in its package, or its name, to be looked for where DuckDB keeps what it fetched."""
    found = importlib.util.find_spec(PACKAGE)
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        for path in sorted(Path(folder).rglob(f"v{duckdb.__version__}/*.duckdb_extension")):
            return str(path)
    return "postgres"


class DuckDB(Peer):
    name = "DuckDB"

    async def open(self, url: str) -> None:
        self.connection = duckdb.connect()
        try:
            self.connection.load_extension(packaged())
        except duckdb.Error as error:
            raise RuntimeError(
                "its extension is not there; run duckdb.connect().install_extension('postgres') once"
            ) from error
        place = address(url)
        self.connection.execute(
            f"ATTACH 'host={place.host} port={place.port} user={place.user} dbname={place.database}'"
            " AS pg (TYPE postgres, READ_ONLY)"
        )

    async def close(self) -> None:
        self.connection.close()

    def reads(self, sql: str, key: str) -> dict[str, Callable[[], Any]]:
        quoted = sql.replace("'", "''")
        return {
            "DuckDB": lambda: self.connection.execute(
                f"SELECT * FROM postgres_query('pg', '{quoted}')"
            ).to_arrow_table()
        }


PEER = DuckDB
