"""The libraries Chakra is measured beside: one file each, the same tables, each in its own fast way."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib import metadata
from typing import Any, ClassVar

LOAD_CONNECTIONS = 10
"""Connections of everybody's pool in row 21; the other rows read one after the other and need one."""


class Peer:
    """Another library. What it can do is told by which of these methods its class has:

    - ``get(key)``: awaitable of one user by primary key, as an object with attributes
    - ``many(count)``: awaitable of the first ``count`` users by key, as objects
    - ``create(row)``: awaitable; inserts one row of ``new_users`` and fills in its key
    - ``make(rows)`` and ``bulk_create(made)``: objects of rows, then awaitable that inserts them
    - ``related(count)``: awaitable of all ``count`` posts by key, each with its ``author``, by one JOIN
    - ``prefetched(count)``: awaitable of all ``count`` authors by key, each with its ``posts``
    - ``tagged(count)``: awaitable of the first ``count`` posts by key, each with its ``tags``
    - ``operations()``: its way of doing what row 20 asks
    - ``build_typed(parts, age)``: (SQL, parameters) of the query of row 19 with as many conditions, for a shape
      that was built before; ``build_join(views)`` and ``build_subquery(views)`` of the other two
    - ``build_known(age)``, ``build_new(age)``: (SQL, parameters) of the query that row 6 builds, for a shape
      that was built before or not
    - ``unsent(age)``: the query of row 6 before anything was built of it
    - ``acquire()``: awaitable; takes a connection of its pool and gives it back
    - ``reads(sql, key)``: label → callable that reads the query into Arrow or the library's own frame; ``key``
      is an integer column to cut it by
    - ``reads_column(sql)`` and ``writes_column(schema, name, table)``: callables for row 22, which reads a query into
      a ``pyarrow.Table`` and appends one of one column to a table
    - ``to_polars(sql)``: label → callable giving a ``polars.DataFrame``
    - ``writes(table)``: label → callable that appends the ``pyarrow.Table`` to ``new_users``
    """

    name: ClassVar[str]

    async def open(self, url: str) -> None:
        """Connect and declare the models."""

    async def close(self) -> None:
        """Give connections back."""

    @staticmethod
    def members(row: Any, name: str) -> Any:
        """What is loaded of a to-many relation of an object, as something to iterate over."""
        return getattr(row, name)


def typed_conditions(user: Any, parts: int, age: int) -> list[Any]:
    """The conditions of row 19, as many as are asked for, on a model whose fields are expressions."""
    found = [user.age >= age]
    if parts > 1:
        found.append(user.is_active == True)  # noqa: E712
    if parts > 2:
        found.append(user.score < 900.0)
    if parts > 3:
        found.append(user.name != "Eve")
    return found


@dataclass(frozen=True)
class Entry:
    """Where a peer is, and the distributions it needs."""

    module: str
    distributions: tuple[str, ...]

    def missing(self) -> list[str]:
        """Distributions that are not installed."""
        return [name for name in self.distributions if _version(name) is None]

    def versions(self) -> str:
        """``sqlalchemy 2.1.9, asyncpg 0.32.0``."""
        return ", ".join(f"{name} {_version(name)}" for name in self.distributions)

    def load(self) -> type[Peer]:
        """Import the peer's file, and its library with it."""
        module: Any = importlib.import_module(f"asv_bench.harness.peers.{self.module}")
        return module.PEER  # type: ignore[no-any-return]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


PEERS = {
    "SQLAlchemy": Entry("sqlalchemy_peer", ("sqlalchemy", "asyncpg", "greenlet")),
    "Django": Entry("django_peer", ("django", "psycopg")),
    "Tortoise": Entry("tortoise_peer", ("tortoise-orm", "asyncpg")),
    "Piccolo": Entry("piccolo_peer", ("piccolo", "asyncpg")),
    "yara-orm": Entry("yara_peer", ("yara-orm",)),
    "oxyde": Entry("oxyde_peer", ("oxyde", "oxyde-core")),
    "ADBC": Entry("adbc_peer", ("adbc-driver-postgresql", "adbc-driver-manager")),
    "ConnectorX": Entry("connectorx_peer", ("connectorx",)),
    "polars": Entry("polars_peer", ("polars", "connectorx", "adbc-driver-postgresql")),
    "DuckDB": Entry("duckdb_peer", ("duckdb",)),
    "pgpq": Entry("pgpq_peer", ("pgpq", "psycopg")),
}

__all__ = ["LOAD_CONNECTIONS", "PEERS", "Entry", "Peer", "typed_conditions"]
