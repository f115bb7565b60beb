"""ADBC's PostgreSQL driver: Arrow through libpq and binary COPY, both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow
from adbc_driver_postgresql import dbapi

from asv_bench.harness.peers import Peer


class ADBC(Peer):
    name = "ADBC"

    async def open(self, url: str) -> None:
        self.connection = dbapi.connect(url, autocommit=True)

    async def close(self) -> None:
        self.connection.close()

    def reads(self, sql: str, key: str) -> dict[str, Callable[[], Any]]:
        def read() -> pyarrow.Table:
            with self.connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetch_arrow_table()

        return {"ADBC": read}

    def writes(self, table: pyarrow.Table) -> dict[str, Callable[[], Any]]:
        def write() -> None:
            with self.connection.cursor() as cursor:
                cursor.adbc_ingest("new_users", table, mode="append")

        return {"ADBC ingest": write}

    def reads_column(self, sql: str) -> Callable[[], pyarrow.Table]:
        read: Callable[[], pyarrow.Table] = self.reads(sql, "")["ADBC"]
        return read

    def writes_column(self, schema: str, name: str, table: pyarrow.Table) -> Callable[[], Any]:
        def write() -> None:
            with self.connection.cursor() as cursor:
                cursor.adbc_ingest(name, table, mode="append", db_schema_name=schema)

        return write


PEER = ADBC
