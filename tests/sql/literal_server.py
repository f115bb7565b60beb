"""Two sessions, one of them set to read text differently, on which a literal is compared with a parameter."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import asyncpg

from chakra.config import DatabaseSettings
from chakra.db.address import Address
from chakra.db.codecs import EXTENSION_CODECS
from chakra.db.driver import open_connection, set_codec
from chakra.errors import ChakraError
from chakra.sql.literals import render_literal
from tests.sql.literal_cases import DROP, PGVECTOR, SCHEMA, SEARCH_PATH, SETUP, Case

# Every setting that changes how text is read, at its least helpful.
ODD_SETTINGS = """;
set standard_conforming_strings = off;
set escape_string_warning = off;
set backslash_quote = off;
set intervalstyle = sql_standard;
set datestyle = 'SQL, DMY';
set timezone = 'America/St_Johns';
set bytea_output = escape;
set extra_float_digits = 0;
set transform_null_equals = on;
"""

# Types that asyncpg has only one Python class for, and a literal also reads from text.
ACCEPTED_TEXT = {"bit", "varbit", "pg_lsn"}


@dataclass(frozen=True)
class Outcome:
    """What the server made of a value: itself, its text and its type; or who refused it."""

    value: str = ""
    text: str | None = None
    type: str = ""
    refused: str = ""

    @property
    def ok(self) -> bool:
        return not self.refused


async def _has_pgvector(dsn: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        return bool(
            await connection.fetchval(
                "select exists (select from pg_available_extensions where name = 'vector')"
            )
        )
    finally:
        await connection.close()


class Server:
    """The connections and the event loop they live on, for tests that are plain functions."""

    def __init__(self, dsn: str) -> None:
        self._loop = asyncio.new_event_loop()
        setup = SETUP + (PGVECTOR if self._run(_has_pgvector(dsn)) else "")
        self.plain: Any = self._run(self._open(dsn, setup))
        self.odd: Any = self._run(self._open(dsn, SEARCH_PATH + ODD_SETTINGS))

    def _run(self, coroutine: Any) -> Any:
        return self._loop.run_until_complete(coroutine)

    async def _open(self, dsn: str, sql: str) -> Any:
        settings = DatabaseSettings()
        connection = await open_connection(Address.read(dsn, settings), settings)
        await connection.execute(sql)
        for name, codec in EXTENSION_CODECS.items():
            oid = await connection.fetchval("select to_regtype($1)::oid", name)
            if oid is not None:
                set_codec(connection, oid, name, SCHEMA, codec)
        return connection

    def close(self) -> None:
        self._run(self.odd.close())
        self._run(self.plain.execute(DROP))
        self._run(self.plain.close())
        self._loop.close()

    def fetchval(self, sql: str, *args: Any) -> Any:
        return self._run(self.plain.fetchval(sql, *args))

    async def _ask(self, connection: Any, expression: str, *args: Any) -> Outcome:
        # The offset keeps the subquery from being flattened, so that the expression stands exactly once.
        sql = f"select v, v::text, pg_typeof(v)::text from (select {expression} as v offset 0) t"
        try:
            value, text, kind = await connection.fetchrow(sql, *args)
        except asyncpg.PostgresError as error:
            return Outcome(refused=f"server: {error}")
        except (asyncpg.InterfaceError, ValueError, OverflowError) as error:
            return Outcome(refused=f"client: {error}")
        # asyncpg gives paths and polygons no repr; their text tells them apart.
        return Outcome(re.sub(r" at 0x\w+", "", repr(value)), text, kind)

    def bound(self, case: Case, value: Any, connection: Any = None) -> Outcome:
        """What asyncpg's parameter of that type gives."""
        return self._run(self._ask(connection or self.plain, f"$1::{case.sql}", value))  # type: ignore[no-any-return]

    def literal(self, case: Case, value: Any, connection: Any = None) -> Outcome:
        """What the literal gives."""
        try:
            expression = render_literal(value, case.type)
        except ChakraError as error:
            return Outcome(refused=f"literal: {error}")
        return self._run(self._ask(connection or self.plain, expression))  # type: ignore[no-any-return]

    def compare(self, case: Case, value: Any) -> None:
        """Fail unless both ways give the same on both sessions, for a value the type takes."""
        for connection in (self.plain, self.odd):
            bound = self.bound(case, value, connection)
            # A server built without libxml refuses every xml value, and then has to refuse the literal too; before
            # PostgreSQL 16 the text of a "char" above 127 is a byte that is no UTF-8.
            cannot = "unsupported XML" in bound.refused or "'utf-8' codec can't decode" in bound.refused
            assert bound.ok or cannot, f"a value of the strategy was refused: {value!r}: {bound.refused}"
            assert self.literal(case, value, connection) == bound

    def compare_refusal(self, case: Case, value: Any) -> None:
        """Fail unless both ways refuse, or both give the same, for a value of any kind."""
        bound = self.bound(case, value)
        literal = self.literal(case, value)
        if bound.ok and literal.ok:
            assert literal == bound
        elif bound.ok != literal.ok and not documented_difference(case, value, bound, literal):
            raise AssertionError(f"{value!r} as {case.sql}: parameter {bound}, literal {literal}")


def documented_difference(case: Case, value: Any, bound: Outcome, literal: Outcome) -> bool:
    """The values that only one of the two takes, on purpose."""
    if bound.ok:
        # To asyncpg a str is a sequence of characters, so "" is a multirange and "ab" a composite of two
        # texts; and it lets the weight of a numeric wrap around 2**15.
        accident = (
            "expected a list of ranges, found",
            "expected a tuple or a mapping, found str",
            "before the point",
        )
        return any(words in literal.refused for words in accident)
    leaf = case.type.base
    while leaf.element is not None:
        leaf = leaf.element.base
    return leaf.name in ACCEPTED_TEXT and "invalid input for query argument" in bound.refused
