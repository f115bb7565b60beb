"""A relay between client and server that counts protocol messages and can cut or hold the line."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

# Frontend messages the server answers with ReadyForQuery or waits for with Flush: one round trip each.
ROUND_TRIPS = {b"Q": "query", b"S": "sync", b"H": "flush"}


class Proxy:
    """Listens on a local port and relays to the server.

    Attributes:
        url: where to connect.
        sent: messages from clients by their type byte (manual, section 54.7).
        silent: whether it goes on taking what both sides send and passes nothing on, as a network does that
            swallows packets; new connections are taken and never answered.
        server: when set, one connection at a time is in a transaction and the others wait with their BEGIN, as
            behind a pooler in transaction mode with one server connection.
    """

    def __init__(self, address: Any, dsn: str) -> None:
        self.address = address
        self.dsn = dsn
        self.sent: Counter[bytes] = Counter()
        self.url = ""
        self.silent = False
        self.server: asyncio.Lock | None = None
        self._trigger: tuple[bytes, Callable[[], None]] | None = None
        self._swallow: Callable[[], None] | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def round_trips(self) -> int:
        return sum(self.sent[kind] for kind in ROUND_TRIPS)

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        parts = urlsplit(self.dsn)
        user = parts.netloc.rpartition("@")[0] or "postgres"
        self.url = f"postgresql://{user}@127.0.0.1:{port}{parts.path}?sslmode=disable"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def cut(self) -> None:
        """Break every line through the proxy without a word."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def when(self, text: bytes, then: Callable[[], None]) -> asyncio.Event:
        """Pass on the next client message that holds ``text``, and when the server has answered it, keep the
        answer and do ``then``; the event tells that this has happened.
        """
        happened = asyncio.Event()

        def act() -> None:
            happened.set()
            then()

        self._trigger = (text, act)
        return happened

    def hush(self) -> None:
        """Pass nothing on any more."""
        self.silent = True

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        if isinstance(self.address, str):
            server, to_server = await asyncio.open_unix_connection(self.address)
        else:
            server, to_server = await asyncio.open_connection(*self.address)
        self._writers |= {to_client, to_server}
        if self.silent:
            with suppress(OSError):
                await client.read()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._count(client, to_server))
                group.create_task(self._relay(server, to_client))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for writer in (to_client, to_server):
                self._writers.discard(writer)
                writer.transport.abort()

    async def _count(self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter) -> None:
        """Relay client messages one by one; the first (startup, cancel) has a length and no type."""
        started = held = False
        while True:
            kind = await client.readexactly(1) if started else b""
            length = await client.readexactly(4)
            body = await client.readexactly(int.from_bytes(length) - 4)
            if self._trigger is not None and self._trigger[0] in body:
                self._swallow, self._trigger = self._trigger[1], None
            if self.silent:
                continue
            if self.server is not None and body.startswith(b"BEGIN"):
                await self.server.acquire()
                held = True
            to_server.write(kind + length + body)
            await to_server.drain()
            if held and self.server is not None and body.startswith((b"COMMIT", b"ROLLBACK\0")):
                self.server.release()
                held = False
            if started:
                self.sent[kind] += 1
            started = True

    async def _relay(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            if self._swallow is not None:
                swallow, self._swallow = self._swallow, None
                swallow()
                continue
            if self.silent:
                continue
            sink.write(data)
            await sink.drain()
        raise asyncio.IncompleteReadError(b"", None)
