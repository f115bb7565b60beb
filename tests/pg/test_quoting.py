"""Quoting against the server's own quote_ident and quote_literal, and what an alias may be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from chakra.errors import DataError, FieldError
from chakra.pg.quoting import check_alias, quote_identifier, quote_qualified, quote_string

some = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
characters = st.characters(codec="utf-8", exclude_characters="\0")
names = st.one_of(
    st.text(characters, min_size=1, max_size=63),
    st.text("ab\"'\\.$ ;-", min_size=1, max_size=63),
    st.sampled_from(
        ["select", "SELECT", '"', '""', "a" * 63, "é" * 31, "🐘" * 15, "%s", "a.b", "日本語", " "]
    ),
).filter(lambda name: len(name.encode()) <= 63)
texts = st.one_of(
    st.text(characters, max_size=80),
    st.text("'\\\"$1-/*%\n;E", max_size=40),
    st.sampled_from(["", "'", "\\", "\\'", "''", "E'", "$$", "--", "/*", "\\x41", "'; drop table t; --"]),
)


class Server:
    """Two connections on a loop of their own, the second one reading backslashes in plain strings."""

    def __init__(self, dsn: str) -> None:
        self._loop = asyncio.new_event_loop()
        self.sessions: list[Any] = [self.run(asyncpg.connect(dsn)) for _ in range(2)]
        self.run(
            self.sessions[1].execute(
                "set standard_conforming_strings = off; set backslash_quote = off;"
                "set escape_string_warning = off"
            )
        )

    def run(self, coroutine: Any) -> Any:
        return self._loop.run_until_complete(coroutine)

    def close(self) -> None:
        for session in self.sessions:
            self.run(session.close())
        self._loop.close()


@pytest.fixture(scope="module")
def server(dsn: str) -> Iterator[Server]:
    made = Server(dsn)
    yield made
    made.close()


@some
@given(name=names)
def test_identifier_is_what_quote_ident_writes(server: Server, name: str) -> None:
    session = server.sessions[0]
    quoted = quote_identifier(name)
    # quote_ident leaves plain words bare; behind a character that needs quotes it always quotes.
    assert server.run(session.fetchval("select quote_ident($1)", name)) in (quoted, name)
    if name != name.lower() or not name.isidentifier():
        assert server.run(session.fetchval("select quote_ident($1)", name)) == quoted


@some
@given(name=names)
def test_identifier_names_the_same_column(server: Server, name: str) -> None:
    for session in server.sessions:
        row = server.run(session.fetchrow(f"select 1 as {quote_identifier(name)}"))
        assert list(row.keys()) == [name]


@some
@given(schema=names, name=names)
def test_identifiers_take_a_name_apart_as_they_put_it_together(
    server: Server, schema: str, name: str
) -> None:
    parts = server.run(server.sessions[0].fetchval("select parse_ident($1)", quote_qualified(schema, name)))
    assert parts == [schema, name]
    assert quote_qualified(None, name) == quote_identifier(name)


@some
@given(text=texts)
def test_string_is_read_as_it_was_on_both_kinds_of_session(server: Server, text: str) -> None:
    quoted = quote_string(text)
    for session in server.sessions:
        assert server.run(session.fetchval(f"select {quoted}::text")) == text
        # Right behind a word, too: the E of an escape string must not join it.
        assert server.run(session.fetchval(f"select text{quoted}")) == text


@some
@given(text=texts)
def test_string_is_what_quote_literal_writes(server: Server, text: str) -> None:
    assert (
        server.run(server.sessions[0].fetchval("select quote_literal($1)", text))
        == quote_string(text).lstrip()
    )


@pytest.mark.parametrize("size", [63, 64, 100])
@pytest.mark.parametrize("unit", ["a", "é", "🐘"])
def test_identifier_length_counts_bytes(unit: str, size: int) -> None:
    name = unit * (size // len(unit.encode()))
    if len(name.encode()) <= 63:
        assert quote_identifier(name) == f'"{name}"'
    else:
        with pytest.raises(FieldError, match="longer than 63 bytes"):
            quote_identifier(name)


@pytest.mark.parametrize("name", ["", "a\0b", "\0", "\ud800", "a" * 20 + "\udfff"])
def test_what_no_identifier_can_be_is_refused(name: str) -> None:
    with pytest.raises(FieldError, match="cannot be an SQL identifier"):
        quote_identifier(name)
    with pytest.raises(FieldError):
        quote_qualified(name, "a")
    with pytest.raises(FieldError):
        quote_qualified("a", name)


@pytest.mark.parametrize(("text", "position"), [("\0", 0), ("ab\0", 2), ("é\ud800", 1), ("\udfff", 0)])
def test_what_no_string_can_hold_is_refused(text: str, position: int) -> None:
    with pytest.raises(DataError, match=rf"character {position}\)"):
        quote_string(text)


@pytest.mark.parametrize("name", ["a", "_", "A1_b", "x" * 63])
def test_plain_words_are_aliases(name: str) -> None:
    assert check_alias(name) == name


@given(st.one_of(st.text(max_size=70), names, texts))
def test_nothing_else_is_an_alias(name: str) -> None:
    assume(not (name.isascii() and name.isidentifier() and len(name) <= 63))
    with pytest.raises(FieldError, match="cannot be an alias"):
        check_alias(name)


@pytest.mark.parametrize("name", ["a\n", "a ", "é", "x" * 64, "1a", 'a"b', "a.b", "a--", None, 5, b"a"])
def test_payloads_are_no_aliases(name: Any) -> None:
    with pytest.raises(FieldError, match="cannot be an alias"):
        check_alias(name)
