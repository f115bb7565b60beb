"""A PostgreSQL URL in parts, for libraries that want it so."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit


@dataclass(frozen=True)
class Address:
    """Where the server is; ``host`` is a folder when it is reached through a Unix socket."""

    user: str
    password: str | None
    host: str
    port: int
    database: str

    @property
    def quoted_host(self) -> str:
        """The host in the authority of a URL, ``%2Ftmp`` for a folder."""
        return quote(self.host, safe="")

    def url(self, scheme: str = "postgresql") -> str:
        """The URL with the host in its authority."""
        login = quote(self.user, safe="")
        if self.password:
            login += ":" + quote(self.password, safe="")
        return f"{scheme}://{login}@{self.quoted_host}:{self.port}/{quote(self.database, safe='')}"


def address(url: str) -> Address:
    """Take a URL apart."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    return Address(
        unquote(parts.username or query.get("user", ["postgres"])[0]),
        unquote(parts.password) if parts.password else None,
        unquote(parts.hostname or "") or query.get("host", ["localhost"])[0],
        parts.port or int(query.get("port", ["5432"])[0]),
        unquote(parts.path[1:]) or "postgres",
    )
