"""An ASGI application behind uvicorn on a free port, and a client to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import httpx
import uvicorn


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client to the application while it is served in this loop."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="on", loop="none")
    server = uvicorn.Server(config)
    server.capture_signals = _no_signals  # type: ignore[method-assign]
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0)
    if serving.done():
        raise RuntimeError("the application did not start") from serving.exception()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30
        ) as client:
            yield client
    finally:
        server.should_exit = True
        await serving


def _no_signals() -> Any:
    return nullcontext()
