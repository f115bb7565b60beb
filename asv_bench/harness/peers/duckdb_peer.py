"""DuckDB's PostgreSQL scanner; needs its extension, which DuckDB fetches from its own site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb

from asv_bench.harness.peers import Peer
from asv_bench.harness.peers.urls import address


class DuckDB(Peer):
    name = "DuckDB"

    async def open(self, url: str) -> None:
        self.connection = duckdb.connect()
        try:
            self.connection.load_extension("postgres")
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
