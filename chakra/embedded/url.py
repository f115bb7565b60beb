"""``embedded:///folder`` URLs: turns one into a running server and the plain PostgreSQL URL to connect to."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from chakra.embedded.cluster import Server, in_thread, start
from chakra.errors import ConfigError

__all__ = ["is_embedded_url", "resolve_url", "resolve_url_async"]

_SCHEME = "embedded:"
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_FORMS = "embedded:///./folder (relative), embedded:////folder (absolute) or embedded:///:temp:"


def is_embedded_url(url: str) -> bool:
    """Whether ``url`` names a private PostgreSQL rather than a server."""
    return url.startswith(_SCHEME)


def resolve_url(url: str) -> tuple[str, Server | None]:
    """Start the server an ``embedded:`` URL names; any other URL comes back as it is, with ``None``.

    Parameters:
        url: ``embedded:///./data`` (relative to the working folder), ``embedded:////srv/data`` (absolute) or
            ``embedded:///:temp:`` (a new folder, deleted afterwards). Query parameters are server settings
            (``?work_mem=64MB``), except ``dbname``, which names the database (default ``postgres``; it must
            exist).

    Returns:
        ``(postgresql URL, server)``. The server stays up until ``server.stop()`` or the end of this process.

    Raises:
        ConfigError: the URL has another form.
        EmbeddedError: the server cannot be started.
    """
    if not is_embedded_url(url):
        return url, None
    path, settings = _read(url)
    dbname = settings.pop("dbname", "postgres")
    folder = path[1:]
    server = start(None if folder == ":temp:" else Path(folder), settings=settings)
    return server.url_for(dbname), server


def _read(url: str) -> tuple[str, dict[str, str]]:
    """Path and parameters of an ``embedded:`` URL."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        path = unquote(parts.path)
        plain = url.startswith(f"{_SCHEME}//") and not parts.netloc and not parts.fragment
        if plain and len(path) > 1 and all(_SETTING.fullmatch(name) for name, _ in pairs):
            return path, dict(pairs)
    # Never repeated: who confuses the schemes has written a password into it.
    raise ConfigError(f"this embedded: URL cannot be read: expected {_FORMS}")


async def resolve_url_async(url: str) -> tuple[str, Server | None]:
    """:func:`resolve_url` without blocking the event loop; a cancelled start ends the server it was about to give."""

    def undo(made: tuple[str, Server | None]) -> None:
        if made[1] is not None:
            made[1].stop()

    return await in_thread(lambda: resolve_url(url), undo)
