"""What a statement may have changed beside rows, from its text; within bounds of time and memory."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chakra.db import session_effects
from chakra.db.session_effects import READ_AT_ALL, READ_CLOSELY, Effect, effects_of

CLEAN = [
    "select 1",
    "select count(*), sum(x) filter (where y), array_agg(z order by z) from t group by cube ((a), (b))",
    "select created_at, dropped, altered, doing, calls from t",
    'select "drop", "create" from "alter"',
    "insert into t (a, b) values ($1, $2) on conflict (a) do update set (a, b) = (1, 2) returning id",
    "with x as (select 1) insert into t select * from x",
    "with x as (select 1) merge into t using x on true when not matched then do nothing",
    "values (1, 'create table a ()')",
    "select 'drop table t', $$alter table t$$, $a$ do $b$ $a$, E'it\\'s; create table x ()'",
    "select 1 -- create table t ()",
    "select /* drop /* nested */ table t */ 1",
    "explain (analyze, format json) select 1",
    "select set_config('a', 'b', false)",
    "analyze t; vacuum t",
    "truncate t restart identity cascade",
    "set work_mem = '1MB'",
    "set role someone; reset all; listen c; begin; commit",
    "prepare p as select 1",
    "create temp table t (a int)",
    "create temporary table t as select 1",
    "create table pg_temp.t (a int)",
    "create table if not exists pg_temp.t (a int)",
    "create local temporary table t (a int)",
    "create or replace temp view v as select 1",
    "grant select on t to u",
    "",
    "  -- nothing\n ; ;",
]

SCHEMA = [
    "create table t (id bigint primary key)",
    "create unique index concurrently if not exists i on t (a)",
    "create type mood as enum ('a', 'b')",
    "create table temp (a int)",
    "create table t (temp int)",
    "create table t (pg_temp int)",
    "alter table t add column b int",
    "DROP table if exists t cascade",
    "alter type mood add value 'c'",
    "create view v as select count(*) from t",
    "select * into copy_of_t from t",
    "with x as (select 1) select * into y from x",
    "(select 1 as a into z)",
    "explain analyze create table t as select 1",
    "select 1; create table a (); select 2",
    "/* x */ create function f() returns int language sql as $$ select 1 $$",
    "do $$ begin end $$",
    "call p(1)",
    "import foreign schema s from server x into y",
    "execute p",
    "begin; create table t (); commit",
]


@pytest.mark.parametrize("sql", CLEAN)
def test_clean(sql: str) -> None:
    assert effects_of(sql) == Effect.CLEAN


@pytest.mark.parametrize("sql", SCHEMA)
def test_the_catalog(sql: str) -> None:
    assert effects_of(sql) & Effect.SCHEMA


def test_extensions_are_told_apart() -> None:
    assert effects_of("create extension if not exists vector") & Effect.EXTENSION
    assert effects_of("drop extension vector") & Effect.EXTENSION
    assert not effects_of("create table extension (a int)") & Effect.EXTENSION


@pytest.mark.parametrize("sql", ["deallocate all", "DISCARD ALL", "select 1; deallocate p", "discard plans"])
def test_prepared_statements(sql: str) -> None:
    assert effects_of(sql) == Effect.STATEMENTS


@given(st.text(alphabet="abSET;()'\"$-/*\\ \nE1_.", max_size=60))
def test_any_text_has_an_answer(sql: str) -> None:
    assert effects_of(sql) in range(8)


@given(st.sampled_from(SCHEMA), st.sampled_from(["", " ", "\n", "/* x */", "--c\n", "(", ";"]))
def test_what_stands_before_hides_nothing(sql: str, before: str) -> None:
    assert effects_of(before + sql) & Effect.SCHEMA


LONG = "insert into t values " + ", ".join(["(1, 'created_at')"] * 500)


def test_longer_texts_are_searched_for_words() -> None:
    assert READ_CLOSELY < len(LONG) < READ_AT_ALL
    assert effects_of(LONG) == Effect.CLEAN
    assert effects_of(f"{LONG} on conflict (a) do update set a = 1") == Effect.CLEAN
    for sql in SCHEMA:
        assert effects_of(f"{LONG}; {sql}") & Effect.SCHEMA
        assert effects_of(f"{sql}; {LONG}") & Effect.SCHEMA


def test_the_longest_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """4 MB of SQL stood still for 5 s when they were taken apart."""
    longest = LONG * (4_000_000 // len(LONG))
    read = []
    tokens = session_effects.lexing.tokens
    monkeypatch.setattr(session_effects.lexing, "tokens", lambda sql: read.append(len(sql)) or tokens(sql))
    assert effects_of(longest) & Effect.SCHEMA
    assert read == []
    # One statement cannot be DDL if its first word is INSERT.
    assert effects_of(longest, single=True) == Effect.CLEAN
    assert effects_of(f"/* x */ with x as ({longest}", single=True) & Effect.SCHEMA
    assert sum(read) <= 2 * READ_CLOSELY


def test_long_texts_are_not_kept() -> None:
    tracemalloc.start()
    try:
        for number in range(100):
            effects_of(f"select {number} where '{'x' * 100_000}' = 'y'")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
