"""Chakra with plain calls, for scripts, notebooks and code that is not asynchronous.

The same querysets, models and databases: what is asynchronous elsewhere is called here, and waits. All of it runs in
one event loop in the background, so there is one implementation.
"""

from __future__ import annotations

from chakra.sync.calls import Block, Stream
from chakra.sync.database import (
    Connection,
    Database,
    Transaction,
    connect,
    default,
    prefetch,
    raw,
    run,
    transaction,
)
from chakra.sync.queries import QuerySet

__all__ = [
    "Block",
    "Connection",
    "Database",
    "QuerySet",
    "Stream",
    "Transaction",
    "connect",
    "default",
    "prefetch",
    "raw",
    "run",
    "transaction",
]
