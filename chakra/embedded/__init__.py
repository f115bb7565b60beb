"""A private PostgreSQL in a folder, nothing installed; knows of errors, never of connections or models."""

from __future__ import annotations

from chakra.embedded.binaries import Binaries, find_binaries
from chakra.embedded.cluster import Server, start, start_async
from chakra.embedded.url import is_embedded_url, resolve_url, resolve_url_async

__all__ = [
    "Binaries",
    "Server",
    "find_binaries",
    "is_embedded_url",
    "resolve_url",
    "resolve_url_async",
    "start",
    "start_async",
]
