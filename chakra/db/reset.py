"""The script that gives a session back as new, in one round trip, but for the statements prepared on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chakra.pg.quoting import quote_string

# Manual: DISCARD, whose parts these are; DISCARD ALL would throw our prepared statements away, and
# ``asyncpg.Connection.reset()`` leaves SET ROLE, temporary tables and sequence state behind. One simple query is one
# implicit transaction; DISCARD TEMP is allowed in it, DISCARD ALL is not. The seed of random() may be known to who set
# it: a new one out of the server's strong random numbers.
_SCRIPT: Final = (
    "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; "
    "SELECT pg_catalog.pg_advisory_unlock_all(), pg_catalog.setseed(('x' || "
    "pg_catalog.substr(pg_catalog.gen_random_uuid()::text, 1, 8))::bit(32)::int4 / 2147483648.0); "
    "DISCARD TEMP; DISCARD SEQUENCES; "
)

FOUND_OTHERS: Final = "SELECT 1"
"""Command tag of the script where the prepared statements are not ours alone, or ours not all there."""

DEALLOCATE: Final = "DEALLOCATE ALL"


def reset_script(prepared: Sequence[str]) -> str:
    """The script for a session on which statements of these names are prepared.

    It ends in a query that has a row if somebody ran PREPARE (under whatever name) or DEALLOCATE.
    """
    names = quote_string("{" + ",".join(prepared) + "}")
    return (
        f"{_SCRIPT}SELECT FROM pg_catalog.pg_prepared_statement() HAVING pg_catalog.bool_or(from_sql) "
        f"OR pg_catalog.count(*) FILTER (WHERE name = ANY ({names}::pg_catalog.text[])) <> {len(prepared)}"
    )


__all__ = ["DEALLOCATE", "FOUND_OTHERS", "reset_script"]
