"""tsvector and tsquery: any text as the server's input functions take it, and damage at every byte."""

from __future__ import annotations

from typing import Any

import asyncpg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chakra.columnar.families import decode_column, encode_column
from chakra.errors import CopyFormatError, DataError
from chakra.pg import types as t
from chakra.pg.types import PgType
from tests.columnar import reference_textsearch as textsearch
from tests.columnar.families.support import raw_of, values_of

TWINS = {
    "tsvector": (textsearch.vector_wire, textsearch.vector_text),
    "tsquery": (textsearch.query_wire, textsearch.query_text),
}
TYPES = pytest.mark.parametrize("type_", [t.TSVECTOR, t.TSQUERY], ids=lambda type_: type_.name)
TOKENS = r"a b ab é ' \ '' : 1 12 A * , B d & | ! ( ) <-> <3> < 0 x'y 'q__r' 99999 - > :1 :1A,2 :* __ longer_than_8"
EXAMPLES = settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def wire_or_none(text: str, type_: PgType) -> bytes | None:
    """The twin's wire bytes; ``None`` where it refuses, or where the empty query cannot be sent."""
    try:
        found = TWINS[type_.name][0](text)
    except (ValueError, RecursionError):
        return None
    return None if type_.name == "tsquery" and found == bytes(4) else found


def encoded(text: str, type_: PgType) -> bytes | None:
    try:
        return values_of(encode_column(pa.array([None, text, "a"]), type_))[1]
    except DataError as error:
        assert error.row == 1
        return None


@TYPES
@EXAMPLES
@given(
    words=st.lists(
        st.sampled_from([w.replace("_", " ") for w in TOKENS.split()]) | st.text(max_size=3), max_size=9
    )
)
def test_any_text_is_read_as_the_twin_reads_it(type_: PgType, words: list[str]) -> None:
    text = "".join(words)
    if "\0" in text or (not text.isprintable() and any("\ud800" <= c <= "\udfff" for c in text)):
        return
    assert encoded(text, type_) == wire_or_none(text, type_)


SERVER_VECTORS = [
    *(":1", "'a' :1", "a:1A5", "a:1AB", "a:1DA", "a:1,", "a:1,2,1B", "a:99999999999", "'a'b:2c", "a:1 a:2 a"),
    *(
        "b a",
        "it's:3",
        r"a\:1",
        "'a",
        "a\\",
        "''",
        "a::1",
        "a:1:2",
        "a:*",
        "a:1*",
        "a:1.5",
        "a:0",
    ),
    *("a\u00a0b", "a\tb\nc\x0bd\x0ce\rf", "a:16384B,5", "(a|b)&!c:1", "", "  ", "abc:1 abc 'abc':2a"),
    *("x" * 2047, "'" + "y" * 2047 + "'", "'" + "y" * 2046 + "'"),
]
SERVER_QUERIES = [
    *("a<->b", "a<b", "a:", "a:*", "a: & b", "<->", "a <0> b", "a <16384> b", "a <16385> b", "a <- > b"),
    *(
        "a < 2> b",
        "a:xb",
        "a:é",
        "'a'b",
        "a'b & c",
        "''",
        r"a \& b",
        "a\\",
        "! ( ! a )",
        "()",
        "a & ( )",
        "a )",
    ),
    *(":a", "a:ABCDabcd**", "a:A*B & b", "a <-> !b", "a & <-> b", "a&b|c", "!a<->b", "(a", "a b"),
    *("a &", "!", "a !b", "a(b)", "x" * 2047, "a & (b & c)", "a <-> (b <-> c)", "a | b & c <-> !d", "<1>a"),
    *("a <> b", "a <-1> b", "a<99999999999>b"),
]


@TYPES
async def test_the_server_reads_text_the_same(pg: asyncpg.Connection[Any], type_: PgType) -> None:
    name = type_.name
    for text in SERVER_VECTORS if name == "tsvector" else SERVER_QUERIES:
        try:
            wire, shown = await pg.fetchrow(
                f"select {name}send($1::text::{name}), $1::text::{name}::text", text
            )
        except asyncpg.PostgresError:
            wire = shown = None
        assert wire_or_none(text, type_) == wire, text
        assert encoded(text, type_) == wire, text
        if wire is not None:
            assert decode_column(raw_of([wire]), type_).to_pylist() == [shown]


# All that iswspace() of glibc knows besides ASCII's, in the locales that know any (C does not).
OTHER_SPACES = "\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u2028\u2029\u205f\u3000"


@TYPES
def test_white_space_that_servers_disagree_about_has_to_be_quoted(type_: PgType) -> None:
    for space in OTHER_SPACES:
        for text in (f"a{space}b", f"{space}a", f"a{space}"):
            with pytest.raises(DataError, match="the database's locale; quote the word"):
                encode_column(pa.array([text]), type_)
            assert encoded(f"'{text}'", type_) == wire_or_none(f"'{text}'", type_) is not None
    for char in "\u00a0\u0085\u1681\u167f\u2007\u200b\u2027\u202f\u205e\u2060\u2fff\u3001\ufeff":
        assert encoded(f"a{char}b", type_) == wire_or_none(f"a{char}b", type_) is not None


DAMAGED = {
    "tsvector": r"'a':1,2A,16383B 'it''s' 'longer than eight bytes, and \\ more':7C 'é'",
    "tsquery": r"'a':*AB & !( 'it''s' <-> ( 'longer than eight bytes, and \\ more' <3> 'b' ) | 'c' )",
}


@TYPES
def test_damage_at_every_byte(type_: PgType) -> None:
    write, read = TWINS[type_.name]
    whole = write(DAMAGED[type_.name])
    assert read(whole) == DAMAGED[type_.name]
    cases = [whole[:cut] for cut in range(len(whole))]
    for at in range(len(whole)):
        cases += [
            whole[:at] + bytes([byte]) + whole[at + 1 :] for byte in (0, 1, 2, 3, 4, 39, 0x7F, 0x80, 0xFF)
        ]
        cases += [whole[:at] + b"\0\0" + whole[at:], whole[:at] + whole[at + 2 :]]
    good = 0
    for case in cases:
        try:
            expected = read(case)
        except (ValueError, IndexError, RecursionError, textsearch.struct.error):
            with pytest.raises(CopyFormatError) as caught:
                decode_column(raw_of([whole, case, whole], "c", 5), type_)
            assert (caught.value.row, caught.value.column) == (6, "c")
            start = 2 + len(whole) + 1  # as raw_of lays them out
            assert start <= caught.value.position <= start + len(case)
        else:
            assert decode_column(raw_of([whole, case]), type_).to_pylist() == [DAMAGED[type_.name], expected]
            good += 1
    assert 0 < good < len(cases)


def test_the_first_of_several_bad_values_is_named() -> None:
    with pytest.raises(DataError, match=r"row 1, .*two lexemes without an operator at character 2"):
        encode_column(pa.array(["a", "é b", "(", "b", "&"]), t.TSQUERY, "c")
    with pytest.raises(CopyFormatError, match="row 1, "):
        decode_column(raw_of([b"\0\0\0\0", b"\0\0\0\1", b"\xff" * 4]), t.TSQUERY)


def test_limits_of_a_tsvector() -> None:
    words = " ".join(f"{i:02046x}" for i in range(513))
    assert encoded(words[: 2047 * 512 - 1], t.TSVECTOR) is not None
    with pytest.raises(DataError, match="more than 1048575 bytes of lexemes and positions"):
        encode_column(pa.array([words]), t.TSVECTOR)
    # Half of it on the wire are zero bytes and counts, which the server does not keep.
    many = " ".join(f"{i:x}" for i in range(150_000))
    assert encoded(many, t.TSVECTOR) == textsearch.vector_wire(many)
    with pytest.raises(DataError, match="a lexeme of more than 2046 bytes"):
        encode_column(pa.array(["x" * 2047]), t.TSVECTOR)


def test_deep_queries() -> None:
    deep = "!( " * 50_000 + "'a'" + " & 'b' )" * 50_000
    (wire,) = values_of(encode_column(pa.array([deep]), t.TSQUERY))
    assert decode_column(raw_of([wire]), t.TSQUERY).to_pylist() == [deep]
