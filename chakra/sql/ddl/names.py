"""Names of objects that nobody named, as the server makes them."""

from __future__ import annotations

import hashlib

MAX_NAME = 63  # bytes; NAMEDATALEN - 1


def object_name(*parts: str) -> str:
    """``table_column_key``; a name too long for PostgreSQL keeps its start and end around a hash."""
    name = "_".join(parts)
    if len(name.encode()) <= MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    tail = f"_{digest}_{parts[-1]}"
    head = name.encode()[: MAX_NAME - len(tail.encode())].decode(errors="ignore")
    return head + tail


__all__ = ["object_name"]
