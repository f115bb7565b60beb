"""What a pooler such as PgBouncer says, or makes the server say, put into words that name the switch or its mode."""

from __future__ import annotations

import re

from chakra.errors import ChakraError, ConfigError, DatabaseError, TransactionError

# invalid_sql_statement_name, duplicate_prepared_statement: a statement of ours is not on this server connection, or is
# there already, because another client had it in between.
_SWITCHED = frozenset({"26000", "42P05"})
_OURS = re.compile(r'prepared statement "(?:chakra_\d+|__asyncpg_[\w]+)"')

# What PgBouncer itself says (src/objects.c, src/client.c).
_STATEMENT_MODE = "transaction blocks not allowed in statement pooling mode"
_STARTUP = re.compile(r"unsupported startup parameter(?: in options)?: ([\w.]{1,63})")


def pooler_error(
    error: BaseException, sql: str | None = None, where: str | None = None
) -> ChakraError | None:
    """The error for what a pooler has to do with, or ``None``.

    Args:
        error: what the driver raised.
        sql: the statement it happened in.
        where: the server, of a failed attempt to connect.
    """
    text = str(error)
    state = getattr(error, "sqlstate", None) or ""
    if state in _SWITCHED and _OURS.search(text) is not None:
        return DatabaseError(
            f"{text}: the session was another one's in between, as behind a pooler such as PgBouncer in transaction or "
            "statement mode. Set [database] pgbouncer = true, or connect(url, pgbouncer=True): then nothing is kept "
            "prepared",
            sqlstate=state,
            sql=sql,
        )
    if _STATEMENT_MODE in text:
        return TransactionError(
            "PgBouncer runs in statement mode (pool_mode = statement), which has no transactions: set pool_mode to "
            "transaction (and [database] pgbouncer = true) or to session",
            sqlstate=state,
            sql=sql,
        )
    refused = _STARTUP.search(text)
    if where is not None and refused is not None:
        return ConfigError(
            f"cannot connect to {where}: PgBouncer takes no {refused[1]} when a session begins. Take it out of the "
            "database URL and set it for the role or the database (ALTER ROLE … SET …), or have PgBouncer pass over it "
            "(ignore_startup_parameters)"
        )
    return None


__all__ = ["pooler_error"]
