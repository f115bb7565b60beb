"""PostgreSQL on the wire: connections, transactions, COPY streams; the only importer of asyncpg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chakra._late import exported

if TYPE_CHECKING:
    from chakra.db.backoff import Backoff
    from chakra.db.catalog import TypeCatalog, Types, with_modifier
    from chakra.db.connection import Connection
    from chakra.db.copy_out import CopyOutStream
    from chakra.db.database import Database
    from chakra.db.errors import StaleTypes, stale_types
    from chakra.db.executor import Executor
    from chakra.db.hooks import Hook, HookChain, QueryEvent
    from chakra.db.pool import Pool, PoolFigures
    from chakra.db.session import Record, Session
    from chakra.db.statements import Statement
    from chakra.db.transactions import Transaction
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "chakra.db.backoff": "Backoff",
            "chakra.db.catalog": "TypeCatalog Types with_modifier",
            "chakra.db.connection": "Connection",
            "chakra.db.copy_out": "CopyOutStream",
            "chakra.db.database": "Database",
            "chakra.db.errors": "StaleTypes stale_types",
            "chakra.db.executor": "Executor",
            "chakra.db.hooks": "Hook HookChain QueryEvent",
            "chakra.db.pool": "Pool PoolFigures",
            "chakra.db.session": "Record Session",
            "chakra.db.statements": "Statement",
            "chakra.db.transactions": "Transaction",
        },
        modules=("hooks", "stats"),  # paths that the documentation writes
    )

__all__ = [
    "Backoff",
    "Connection",
    "CopyOutStream",
    "Database",
    "Executor",
    "Hook",
    "HookChain",
    "Pool",
    "PoolFigures",
    "QueryEvent",
    "Record",
    "Session",
    "StaleTypes",
    "Statement",
    "Transaction",
    "TypeCatalog",
    "Types",
    "stale_types",
    "with_modifier",
]
