"""PostgreSQL on the wire: connections, transactions, COPY streams; the only importer of asyncpg."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

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


if not TYPE_CHECKING:  # checkers know modules by their imports

    def __getattr__(name):
        if (
            name == "stats"
        ):  # db.stats() is what loads it otherwise, and prometheus() of several databases comes before
            return importlib.import_module("chakra.db.stats")
        raise AttributeError(f"chakra.db has no {name}")
