"""ASGI middleware: a profiler and a transaction for each request; needs no framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final, TypeAlias

from chakra.db import Database, local_settings
from chakra.db.deadlines import checked_seconds
from chakra.db.default import default_database
from chakra.db.scope import beginning
from chakra.debug import QueryProfiler
from chakra.errors import QueryError

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

OPTIONS: Final = frozenset({"isolation", "readonly", "deferrable", "settings", "timeout"})
"""Options of ``db.transaction`` that a block for a request may have."""


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


class TransactionMiddleware:
    """Runs each request in a transaction, which begins with its first statement: a request that asks nothing takes no
    connection.

    It commits before the answer begins, so that nobody is told of what was not committed: where COMMIT fails, the
    error is raised where the answer would be sent. It is rolled back where the status of the answer says that the
    request failed (400 and more), and where the application raises.

    What comes behind the beginning of an answer, a body that is streamed and background tasks, is outside of it: each
    statement commits by itself, and a stream holds a connection of its own, and no transaction open, while somebody's
    network takes it. What has to be read in one transaction is read before the answer begins, or opens one in the body.

    Put it outside of middleware that answers errors, such as a framework's own: it has to see the status.

    Args:
        app: the application.
        database: whose transaction; left out, the default one when a request comes.
        options: of ``db.transaction``: ``isolation``, ``readonly``, ``settings``, ….
        methods: only requests with these, ``{"POST", "PUT"}``; in small letters as well.

    Raises:
        QueryError: ``methods`` are no list of names, or an option is none of a transaction's.
        TransactionError: ``isolation`` or ``settings`` cannot be.
    """

    def __init__(
        self,
        app: App,
        *,
        database: Database | None = None,
        methods: Collection[str] | None = None,
        **options: Any,
    ) -> None:
        self.app = app
        self.database = database
        if isinstance(methods, str) or not all(isinstance(each, str) for each in methods or ()):
            raise QueryError('methods= takes names of HTTP methods, {"POST", "PUT"}, and not one text')
        _check(options)
        self.methods = None if methods is None else frozenset(each.upper() for each in methods)
        self.options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what is none (``lifespan``, ``websocket``) goes through untouched."""
        if scope["type"] != "http" or (self.methods is not None and scope["method"] not in self.methods):
            await self.app(scope, receive, send)
            return
        database = self.database or default_database()
        block = _Block(database.transaction(lazy=True, **self.options))
        await block.transaction.__aenter__()

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                await block.end(_Refused() if message["status"] >= 400 else None)
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except BaseException as error:
            await block.end(error)
            raise
        await block.end(None)


def _check(options: dict[str, Any]) -> None:
    """Refuse options when the application is put together, not at its first request."""
    if unknown := options.keys() - OPTIONS:
        raise QueryError(
            f"TransactionMiddleware takes no {', '.join(sorted(unknown))}; it takes database, methods, "
            f"{', '.join(sorted(OPTIONS))}"
        )
    beginning(options.get("isolation"), readonly=False, deferrable=False)
    local_settings.checked(options.get("settings"))
    if options.get("timeout") is not None:
        checked_seconds(options["timeout"])


class _Refused(Exception):
    """What a transaction is told whose request was answered with an error."""


class _Block:
    """The transaction of one request, which ends once."""

    def __init__(self, transaction: Any) -> None:
        self.transaction = transaction
        transaction.let_go = True
        self.over = False

    async def end(self, error: BaseException | None) -> None:
        if not self.over:
            self.over = True
            await self.transaction.__aexit__(None if error is None else type(error), error, None)


def timing(profiler: QueryProfiler) -> str:
    """The value of ``Server-Timing``: milliseconds of the database and of the request so far."""
    count = profiler.total
    shown = f"{count} {'query' if count == 1 else 'queries'}"
    return f'db;dur={profiler.seconds * 1e3:.1f};desc="{shown}", total;dur={profiler.wall * 1e3:.1f}'


__all__ = ["ProfilerMiddleware", "TransactionMiddleware", "timing"]
