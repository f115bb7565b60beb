"""What a statement leaves behind, from its text: clean only when every word is understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chakra.db.session_effects import Effect, effects_of

CLEAN = [
    "select 1",
    "SELECT * FROM t WHERE a = $1 AND b IN ($2, $3) ORDER BY c LIMIT 5",
    "select count(*), sum(x) filter (where y), array_agg(z order by z) from t group by cube ((a), (b))",
    "select pg_catalog.now(), lower(name) from t",
    "select row_number() over (partition by a order by b) from t",
    "insert into t (a, b) values ($1, $2) on conflict (a) do update set (a, b) = (1, 2) returning id",
    "insert into s.t (a) select a from u",
    'insert into "My Table" ("a") values (1)',
    "update t set a = coalesce(b, 1) where id = any($1::int[])",
    "delete from t using u where t.id = u.id and exists (select 1 from v)",
    "merge into t using u on (t.a = u.a) when matched then update set b = 1 "
    "when not matched then insert (a) values (1)",
    "with x (a) as (select 1), y as materialized (select 2) select * from x, y",
    "with recursive r(n) as (values (1) union all select n + 1 from r where n < 5) select n from r",
    "values (1, 'a'), (2, 'b')",
    "table t",
    "(select 1) union (select 2)",
    "select * from f_not_called_here where x = 'set_config(1)' and y = $$select set_config()$$",
    "select 1 -- set_config('a', 'b', false)",
    "select /* set_config( /* nested */ ) */ 1",
    "select E'it\\'s; set x', 'a''; set y'",
    "select 'x'::varchar(10), 1::numeric(12, 2), cast(a as timestamp(3) with time zone) from t",
    "select * from generate_series(1, 10) as g (n)",
    "select * from t for update skip locked",
    "select extract(year from ts), substring(a from 1 for 2), position('a' in b), trim(both from c) from t",
    "select a ->> 'b', (a #>> '{x}')::int, a @> '{}'::jsonb from t",
    "explain (analyze, format json) select 1",
    "select nextval('s'), currval('s')",
    "analyze t; vacuum t",
    "truncate t restart identity cascade",
    "lock table t in access exclusive mode",
    "set local statement_timeout = 5",
    "set transaction read only",
    "set constraints all deferred",
    "notify channel, 'payload'",
    "show work_mem",
    "comment on table t is 'x'",
    "grant select on t to u",
    "",
    "  -- nothing\n ; ;",
]

SCHEMA = [
    "create table t (id bigint primary key, a numeric(12, 2) default 0, check (a > 0), unique (a, id))",
    "create table if not exists s.t (a int references u (id), constraint c foreign key (a) references u)",
    "create unique index concurrently if not exists i on t using gin (a jsonb_path_ops) where a is not null",
    "create type mood as enum ('a', 'b')",
    "create type p as (x int, y varchar(3))",
    "alter table t add column b int generated always as (a * 2) stored",
    "drop table if exists t cascade",
    "alter type mood add value 'c'",
    "create view v as select count(*) from t",
    "select * into copy_of_t from t",
    "create table a (); create table b ()",
    "create function f() returns int language sql as $$ select set_config('a', 'b', false) $$",
]

SESSION = [
    "set work_mem = '1MB'",
    "set session characteristics as transaction read only",
    "SET ROLE someone",
    "reset all",
    "begin",
    "commit",
    "listen c",
    "unlisten *",
    "discard all",
    "deallocate all",
    "prepare p as select 1",
    "declare c cursor with hold for select 1",
    "select set_config('a', 'b', false)",
    "select pg_catalog.set_config('a', 'b', false)",
    "select \"set_config\"('a', 'b', false)",
    "select pg_advisory_lock(1)",
    "select pg_try_advisory_lock (1)",
    "select my_function(1)",
    "select public.lower('x')",
    'select "My".lower(1)',
    "select my_function /* comment */ (1)",
    "select * from my_function()",
    "select * from t, lateral my_function(t.a)",
    "insert into t select my_function()",
    "create temp table t (a int)",
    "create temporary table t as select 1",
    "create table pg_temp.t (a int)",
    "select 1 into temp x",
    "explain execute p",
    "select 1; set work_mem = '1MB'",
    "with x as (select set_config('a', 'b', false)) select 1",
    "update t set a = my_function(b)",
    "select 'a' /* ' */ , my_function('b')",
    "select E'\\'', my_function('b')",
    "select '\\', my_function('b')",
    "select $a$ $b$ $a$, my_function($b$ $b$)",
    'select "a""b", my_function()',
    "select 1 as x --\n, my_function()",
    "no such statement",
    "create extension hstore",
]


@pytest.mark.parametrize("sql", CLEAN)
def test_clean(sql: str) -> None:
    assert effects_of(sql) == Effect.CLEAN


@pytest.mark.parametrize("sql", SCHEMA)
def test_only_the_schema(sql: str) -> None:
    assert effects_of(sql) & ~Effect.SESSION == Effect.SCHEMA
    if "function" not in sql:
        assert not effects_of(sql) & Effect.SESSION


@pytest.mark.parametrize("sql", SESSION)
def test_the_session(sql: str) -> None:
    assert effects_of(sql) & Effect.SESSION


@pytest.mark.parametrize("sql", ["do $$ begin end $$", "call p(1)", "begin; create table t (); commit"])
def test_both(sql: str) -> None:
    assert effects_of(sql) == Effect.SESSION | Effect.SCHEMA


def test_settings_of_a_session_do_not_make_plans_stale() -> None:
    for sql in ("set work_mem = '1MB'", "listen c", "create temp table t (a int)", "discard all"):
        assert effects_of(sql) == Effect.SESSION


def test_extensions_are_told_apart() -> None:
    assert effects_of("create extension if not exists vector") & Effect.EXTENSION
    assert effects_of("drop extension vector") & Effect.EXTENSION
    assert not effects_of("create table extension (a int)") & Effect.EXTENSION


@given(st.text(alphabet="abSET;()'\"$-/*\\ \nE1_.", max_size=60))
def test_any_text_has_an_answer(sql: str) -> None:
    assert effects_of(sql) in range(8)


@given(st.sampled_from(SESSION), st.sampled_from(["", " ", "\n", "/* x */", "--c\n", "(", ";"]))
def test_what_stands_before_hides_nothing(sql: str, before: str) -> None:
    assert effects_of(before + sql) & Effect.SESSION
