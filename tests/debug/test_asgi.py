"""The ASGI middleware, called as a server calls it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from chakra.contrib.asgi import ProfilerMiddleware, TransactionMiddleware
from chakra.errors import QueryError, TransactionError
from tests.debug.blog import MODELS, User, fill
from tests.relations.conftest import SHARED

pytestmark = SHARED
__all__ = ["MODELS", "fill"]


async def _app(scope: Any, receive: Any, send: Any) -> None:
    for _ in range(int(scope["path"])):
        await User.objects.count()
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})
        await User.objects.count()
        await send({"type": "http.response.body", "body": b""})


async def _ask(app: Any, path: str, kind: str = "http") -> tuple[dict[str, Any], list[Any]]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": kind, "path": path}
    await app(scope, None, send)
    return scope, sent


async def test_each_request_has_its_own(rows: Any) -> None:
    done = []
    app = ProfilerMiddleware(_app, done=lambda scope, profiler: done.append((scope["path"], profiler.total)))
    answers = await asyncio.gather(*(_ask(app, str(n)) for n in (0, 1, 3)))
    for count, (scope, sent) in zip((0, 1, 3), answers, strict=True):
        start, body = sent
        assert start["headers"][0] == (b"x", b"y")
        name, value = start["headers"][1]
        assert name == b"server-timing"
        words = "1 query" if count == 1 else f"{count} queries"
        assert re.fullmatch(rf'db;dur=\d+\.\d;desc="{words}", total;dur=\d+\.\d', value.decode())
        assert body["type"] == "http.response.body"
        assert scope["chakra.profiler"].total == count + 1  # what comes behind the headers, too
    assert sorted(done) == [("0", 1), ("1", 2), ("3", 4)]


async def test_without_header_and_what_is_no_request(rows: Any) -> None:
    _, sent = await _ask(ProfilerMiddleware(_app, header=False), "1")
    assert sent[0]["headers"] == [(b"x", b"y")]
    scope, _ = await _ask(ProfilerMiddleware(_app), "0", "lifespan")
    assert "chakra.profiler" not in scope
    done: list[int] = []
    app = ProfilerMiddleware(_app, done=lambda scope, profiler: done.append(profiler.total))
    with pytest.raises(ValueError):
        await _ask(app, "no number")
    assert done == [0]


async def test_transactions_for_methods(rows: Any) -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        await User.objects.create(name="of a request", company_id=1)
        await send({"type": "http.response.start", "status": 500, "headers": []})

    written = User.objects.filter(name="of a request")
    for methods, method, stays in (
        (None, "GET", 0),
        ({"post", "Put"}, "POST", 0),
        (["POST"], "POST", 0),
        (["POST"], "GET", 1),
        ((), "POST", 1),
    ):
        app = TransactionMiddleware(fails, methods=methods)
        await app({"type": "http", "method": method, "path": "/"}, None, _nowhere)
        assert await written.delete() == stays, (methods, method)


async def _nowhere(message: Any) -> None: ...


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"methods": "POST"}, QueryError),
        ({"methods": [b"POST"]}, QueryError),
        ({"nonsense": 1}, QueryError),
        ({"retries": 1}, QueryError),
        ({"timeout": "2s"}, QueryError),
        ({"isolation": "bad"}, TransactionError),
        ({"settings": {"a b": 1}}, TransactionError),
    ],
)
async def test_options_are_refused_when_the_application_is_made(options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        TransactionMiddleware(_app, **options)
