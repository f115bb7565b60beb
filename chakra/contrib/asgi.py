"""ASGI middleware that profiles each request; needs no framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from chakra.debug import QueryProfiler

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class ProfilerMiddleware:
    """Profiles each request and says in its ``Server-Timing`` header how many statements it took, and how long.

    Browsers show the header among a request's timings: ``db;dur=15.3;desc="2 queries"``. It tells what was run before
    the response began: what a streamed body asks for comes behind the headers. The profiler of a request is in its
    scope, ``request.scope["chakra.profiler"]``.

    Args:
        app: the application.
        done: called with the scope and the profiler when a request is over.
        header: send the header; without it only ``done`` and the scope get to know.
    """

    def __init__(
        self,
        app: App,
        *,
        done: Callable[[Scope, QueryProfiler], object] | None = None,
        header: bool = True,
    ) -> None:
        self.app = app
        self.done = done
        self.header = header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what is none (``lifespan``) goes through untouched."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        profiler = QueryProfiler()
        scope["chakra.profiler"] = profiler

        async def sending(message: Any) -> None:
            if self.header and message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"server-timing", timing(profiler).encode())]
                message = {**message, "headers": headers}
            await send(message)

        try:
            with profiler:
                await self.app(scope, receive, sending)
        finally:
            if self.done is not None:
                self.done(scope, profiler)


def timing(profiler: QueryProfiler) -> str:
    """The value of ``Server-Timing``: milliseconds of the database and of the request so far."""
    count = profiler.total
    shown = f"{count} {'query' if count == 1 else 'queries'}"
    return f'db;dur={profiler.seconds * 1e3:.1f};desc="{shown}", total;dur={profiler.wall * 1e3:.1f}'


__all__ = ["ProfilerMiddleware", "timing"]
