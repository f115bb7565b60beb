"""A line to the server that can be cut anywhere: relays bytes, in pieces, late, up to a limit, or not at all."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Literal
from urllib.parse import urlsplit

End = Literal["reset", "closed", "silence"]
"""What happens where the limit is reached: RST, or FIN after half a message, to all lines; or this one goes silent."""

Side = Literal["down", "up"]
"""From the server to the client, and from the client to the server."""


class Wire:
    """Listens on a local port and relays to the server.

    Attributes:
        url: where to connect.
        passed: bytes that went through since ``calm()``, by side.
        piece: bytes that are written at once; each piece is followed by a turn of the loop. ``None``: as they came.
    """

    def __init__(self, address: Any, dsn: str) -> None:
        self.address = address
        self.dsn = dsn
        self.url = ""
        self.calm()
        self._mute: set[asyncio.StreamWriter] = set()
        self._peers: dict[asyncio.StreamWriter, asyncio.StreamWriter] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._lines: set[asyncio.Task[None]] = set()

    def calm(self) -> None:
        """Relay everything from now on, but on a line that was silenced: nothing passes behind bytes that are lost."""
        self.passed: dict[Side, int] = {"down": 0, "up": 0}
        self.piece: int | None = None
        self._limits: dict[Side, tuple[int, End]] = {}

    def limit(self, side: Side, count: int, end: End) -> None:
        """Let ``count`` more bytes through on one side, then end the line as told."""
        self._limits[side] = (self.passed[side] + count, end)

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        parts = urlsplit(self.dsn)
        user = parts.netloc.rpartition("@")[0] or "postgres"
        self.url = f"postgresql://{user}@127.0.0.1:{self.port}{parts.path}?sslmode=disable&connect_timeout=1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await self._server.wait_closed()
        await asyncio.gather(*self._lines)

    def cut(self) -> None:
        """Break every line without a word."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def down(self) -> None:
        """As a server that is shut down: no line is left, and nobody listens."""
        self._server.close()
        self.cut()

    async def up(self) -> None:
        """Listen again."""
        if not self._server.is_serving():
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        task.add_done_callback(self._lines.discard)
        try:
            if isinstance(self.address, str):
                server, to_server = await asyncio.open_unix_connection(self.address)
            else:
                server, to_server = await asyncio.open_connection(*self.address)
        except OSError:
            to_client.transport.abort()
            return
        self._writers |= {to_client, to_server}
        self._peers[to_client], self._peers[to_server] = to_server, to_client
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._relay("up", client, to_server))
                group.create_task(self._relay("down", server, to_client))
        except* (OSError, EOFError):
            pass
        finally:
            for writer in (to_client, to_server):
                self._writers.discard(writer)
                self._mute.discard(writer)
                del self._peers[writer]
                writer.transport.abort()

    async def _relay(self, side: Side, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            step = self.piece or len(data)
            for start in range(0, len(data), step):
                await self._pass(side, data[start : start + step], sink)
                if self.piece:
                    await asyncio.sleep(0)
        raise EOFError

    async def _pass(self, side: Side, data: bytes, sink: asyncio.StreamWriter) -> None:
        if sink in self._mute:
            return
        limit, end = self._limits.get(side, (None, "reset"))
        if limit is None or self.passed[side] + len(data) <= limit:
            self.passed[side] += len(data)
            sink.write(data)
            await sink.drain()
            return
        sink.write(data[: max(0, limit - self.passed[side])])
        with suppress(OSError):
            await sink.drain()
        self._limits.clear()
        if end == "silence":
            self._mute |= {sink, self._peers[sink]}
        elif end == "closed":
            for writer in tuple(self._writers):
                writer.close()  # after what is in its buffer
            raise EOFError
        else:
            self.cut()
