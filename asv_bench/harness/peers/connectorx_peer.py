"""ConnectorX: Rust, binary COPY, one connection for each partition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import connectorx

from asv_bench.harness.peers import Peer
from asv_bench.harness.peers.urls import address


class ConnectorX(Peer):
    name = "ConnectorX"

    async def open(self, url: str) -> None:
        self.url = address(url).url()
        connectorx.read_sql(self.url, "SELECT 1 AS one", return_type="arrow")

    def reads(self, sql: str, key: str) -> dict[str, Callable[[], Any]]:
        def reader(partitions: int) -> Callable[[], Any]:
            options: dict[str, Any] = {"return_type": "arrow", "protocol": "binary"}
            if partitions > 1:
                options |= {"partition_on": key, "partition_num": partitions}
            return lambda: connectorx.read_sql(self.url, sql, **options)

        return {
            "ConnectorX": reader(1),
            "ConnectorX, 2 partitions": reader(2),
            "ConnectorX, 4 partitions": reader(4),
        }


PEER = ConnectorX
