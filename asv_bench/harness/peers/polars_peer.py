"""polars' own database functions, with both of their engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars
import pyarrow

from asv_bench.harness.peers import Peer
from asv_bench.harness.peers.urls import address


class Polars(Peer):
    name = "polars"

    async def open(self, url: str) -> None:
        self.urls: dict[Any, str] = {"connectorx": address(url).url(), "adbc": url}

    def reads(self, sql: str, key: str) -> dict[str, Callable[[], Any]]:
        return self.to_polars(sql)

    def to_polars(self, sql: str) -> dict[str, Callable[[], Any]]:
        """``polars.read_database_uri`` by engine."""
        return {
            f"polars, {engine}": lambda engine=engine, url=url: polars.read_database_uri(
                sql, url, engine=engine
            )
            for engine, url in self.urls.items()
        }

    def writes(self, table: pyarrow.Table) -> dict[str, Callable[[], Any]]:
        frame = polars.from_arrow(table)
        assert isinstance(frame, polars.DataFrame)
        return {
            "polars write_database": lambda: frame.write_database(
                "new_users", self.urls["adbc"], engine="adbc", if_table_exists="append"
            )
        }


PEER = Polars
