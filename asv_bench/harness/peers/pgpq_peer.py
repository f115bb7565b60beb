"""pgpq encodes Arrow to binary COPY in Rust; psycopg 3 sends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pyarrow
from pgpq import ArrowToPostgresBinaryEncoder

from asv_bench.harness.peers import Peer


class Pgpq(Peer):
    name = "pgpq"

    async def open(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)

    async def close(self) -> None:
        self.connection.close()

    def writes(self, table: pyarrow.Table) -> dict[str, Callable[[], Any]]:
        columns = ", ".join(table.column_names)
        sql = f"COPY new_users ({columns}) FROM STDIN WITH (FORMAT binary)"

        def write() -> None:
            encoder = ArrowToPostgresBinaryEncoder(table.schema)
            with self.connection.cursor() as cursor, cursor.copy(sql) as copy:
                copy.write(encoder.write_header())
                for batch in table.to_batches(max_chunksize=8_192):
                    copy.write(encoder.write_batch(batch))
                copy.write(encoder.finish())

        return {"pgpq + psycopg": write}


PEER = Pgpq
