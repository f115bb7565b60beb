"""Which relations are plain: what the catalog must show before a statement over one is followed by a reset."""
# ruff: noqa: E501 - tables read better in one line a row

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from chakra.db import Database
from chakra.db.relations import facts_query
from chakra.db.statements import Told
from chakra.pg.text import TEMPORARY_TABLE, Touch
from tests.db.conftest import Open
from tests.db.proxy import Proxy

PLAIN, WRITES, ALL, MISSING = 0, 1, 2, 3

FUNCTIONS = """
create function f(t text) returns bool language plpgsql as $$begin perform set_config('a.b', t, false); return true; end$$;
create function i(t text) returns bool language plpgsql immutable as $$begin return public.f(t); end$$;
create function n(t text) returns int language sql immutable as $$select f(t)::int$$;
create function tr() returns trigger language plpgsql as $$begin perform f('x'); return new; end$$;
create procedure p() language sql as 'select 1';
"""

PLAIN_ONES = {
    "nothing special": "create table t (id int primary key, a text)",
    "identity": "create table t (id bigint generated always as identity primary key)",
    "serial": "create table t (id serial primary key, s smallserial)",
    "defaults": "create table t (id uuid default gen_random_uuid(), a timestamptz default now(), b text default 'set_config(', "
    "c bigint default nextval('q'))",
    "checks": "create table t (id int check (id > 0 and abs(id) < 10), a text check (lower(a) = a))",
    "stored column": "create table t (id int, b int generated always as (id * 2) stored)",
    "indexes": "create table t (id int, a text); create index on t (lower(a)) where length(a) > 2; "
    "create unique index on t (id) include (a); create statistics st on lower(a), id from t",
    "foreign keys": "create table u (id int primary key); create table t (id int primary key references u on delete "
    "cascade); create table w (id int primary key references t on delete set null on update cascade)",
    "a key into itself": "create table t (id int primary key, up int references t on delete cascade)",
    "two tables that refer to each other": "create table t (id int primary key, u int); create table u (id int primary "
    "key references t on delete cascade); alter table t add foreign key (u) references u on delete cascade",
    "row security by a setting": "create table t (id int, a text); alter table t enable row level security; "
    "create policy p on t using (a = current_setting('app.tenant', true)) with check (a = current_user)",
    "row security by a table": "create table u (a text); create table t (id int, a text); alter table t enable row "
    "level security; create policy p on t using (exists (select from u where u.a = t.a))",
    "partitions": "create table t (id int, a text) partition by list (lower(a)); create table t1 partition of t default",
    "a partition": "create table u (id int) partition by range (id); create table t partition of u default",
    "heirs": "create table t (id int); create table u (x int) inherits (t)",
    "a materialized view of a function": "create materialized view t as select f('x')",
    "enum": "create type e as enum ('a'); create table t (id e, b e[])",
    "composite": "create type c as (x int, y text); create table t (id c)",
    "domain": "create domain d as text check (value <> '' and length(value) < 9); create table t (id d)",
    "range": "create type r as range (subtype = float8); create table t (id r)",
    "built-in trigger function": "create table t (id text, v tsvector); create trigger x before insert on t for each row "
    "execute function tsvector_update_trigger(v, 'pg_catalog.english', id)",
    "trigger that is off": "create table t (id int); create trigger x before insert on t execute function tr(); "
    "alter table t disable trigger x",
    "an operator nobody here uses": "create operator @#@ (rightarg = text, function = f); create table t (id text)",
    "aggregates in C": "create aggregate max(varchar) (sfunc = text_larger, stype = text); create table t (id varchar)",
    "functions beside it": "create table t (id int); create table u (id int default n('x')); create view v as select * from t",
    "a name with everything": 'create table "a b""c.d\'e" (id int); alter table "a b""c.d\'e" rename to t',
}

WRITTEN_ONES = {
    "default": "create table t (id int default n('x'))",
    "default by set_config": "create table t (id text default set_config('a.b', 'x', false))",
    "default by an advisory lock": "create table t (id int default pg_try_advisory_lock(1)::int)",
    "trigger": "create table t (id int); create trigger x after delete on t for each row execute function tr()",
    "trigger of a statement": "create table t (id int); create trigger x after truncate on t execute function tr()",
    "condition of a trigger": "create table t (id text, v tsvector); create trigger x before insert on t for each row "
    "when (f(new.id)) execute function tsvector_update_trigger(v, 'pg_catalog.english', id)",
    "trigger of a partition": "create table t (id int) partition by list (id); create table t1 partition of t default; "
    "create trigger x before insert on t1 for each row execute function tr()",
    "trigger of a partitioned table": "create table u (id int) partition by list (id); create table t partition of u "
    "default; create trigger x before insert on u for each row execute function tr()",
    "trigger of an heir": "create table t (id int); create table u () inherits (t); "
    "create trigger x before update on u for each row execute function tr()",
    "trigger behind on delete cascade": "create table t (id int primary key); create table u (id int references t on "
    "delete cascade); create trigger x before delete on u for each row execute function tr()",
    "trigger behind two cascades": "create table t (id int primary key); create table u (id int primary key references "
    "t on delete cascade); create table w (id int references u on update set null); "
    "create trigger x before update on w for each row execute function tr()",
    "default behind on delete set default": "create table t (id int primary key); create table u (id int default n('x') "
    "references t on delete set default)",
    "stored column": "create table t (id text, b bool generated always as (i(id)) stored)",
    "view behind a foreign key's table": "create table u (id int primary key, a text); alter table u enable row level "
    "security; create policy p on u using (f(a)); create table t (id int references u)",
}

ALL_ONES = {
    "view": "create view t as select 1 as id",
    "foreign table": "create foreign data wrapper w; create server s foreign data wrapper w; "
    "create foreign table t (id int) server s",
    "foreign partition": "create foreign data wrapper w; create server s foreign data wrapper w; create table t (id int) "
    "partition by list (id); create foreign table t1 partition of t default server s",
    "rule": "create table t (id int); create rule r as on insert to t do also select f('x')",
    "check": "create table t (id text check (f(id)))",
    "check of an heir": "create table t (id text); create table u (check (f(id))) inherits (t)",
    "index": "create table t (id text); create index on t (i(id))",
    "partial index": "create table t (id text); create index on t (id) where i('x')",
    "statistics": "create table t (id text, b text); create statistics st on i(id), b from t",
    "partition key": "create table t (id text) partition by list (i(id)); create table t1 partition of t default",
    "partition of such a table": "create table u (id text) partition by list (i(id)); create table t partition of u default",
    "policy": "create table t (id text); alter table t enable row level security; create policy p on t using (f(id))",
    "policy by a view": "create view v as select f('x') as a; create table t (id text); alter table t enable row level "
    "security; create policy p on t using (exists (select from v))",
    "policy for writing": "create table t (id text); alter table t enable row level security; "
    "create policy p on t for insert with check (f(id))",
    "policy by set_config": "create table t (id text); alter table t enable row level security; "
    "create policy p on t using (set_config('a.b', id, false) = id)",
    "check by set_config": "create table t (id text check (set_config('a.b', id, false) = id))",
    "domain": "create domain d as text check (f(value)); create table t (id d)",
    "domain over a domain": "create domain d as text check (f(value)); create domain e as d; create table t (id e)",
    "array of a domain": "create domain d as text check (f(value)); create table t (id d[])",
    "domain in a composite": "create domain d as text check (f(value)); create type c as (x d); create table t (id c)",
    "domain in a range": "create domain d as text check (f(value)); create type r as range (subtype = d); create table t (id r)",
    "domain in a multirange": "create domain d as text check (f(value)); create type r as range (subtype = d, "
    "multirange_type_name = m); create table t (id m)",
    "domain by set_config": "create domain d as text check (set_config('a.b', value, false) = value); create table t (id d)",
    "a domain in a check": "create domain d as text check (f(value)); create table t (id text check (id::d <> ''))",
    "row type of a table with a domain": "create domain d as text check (f(value)); create table u (x d); create table t (id u)",
    "operator of a type": "create type e as enum ('a'); create function eq(e, e) returns bool language sql as 'select "
    "f($1::text)'; create operator === (leftarg = e, rightarg = e, function = eq); create table t (id e)",
    "operator in a check": "create operator @#@ (rightarg = text, function = f); create table t (id text check (@#@ id))",
    "cast": "create type e as enum ('a'); create function c(e) returns int language sql as 'select n($1::text)'; "
    "create cast (e as int) with function c(e); create table t (id e)",
    "difference of a range": "create function diff(float8, float8) returns float8 language plpgsql immutable as "
    "'begin return 1; end'; create type r as range (subtype = float8, subtype_diff = diff); create table t (id r)",
    "operator class for a type without one": "create function cmp(json, json) returns int language plpgsql immutable as "
    "'begin return 0; end'; create function lt(json, json) returns bool language sql as 'select false'; "
    "create operator <<< (leftarg = json, rightarg = json, function = lt); create operator class o default for type json "
    "using btree as operator 1 <<<, function 1 cmp(json, json); create table t (id json)",
    "excluding by an operator": "create function eq(point, point) returns bool language plpgsql immutable as 'begin return true; end'; "
    "create function cmp(point, point) returns int language plpgsql immutable as 'begin return 0; end'; "
    "create operator === (leftarg = point, rightarg = point, function = eq, commutator = ===); create operator class o for "
    "type point using btree as operator 3 ===, function 1 cmp(point, point); "
    "create table t (id point, exclude using btree (id o with ===))",
    "set_config by another name": "create function s(text, text, bool) returns text language internal as 'set_config_by_name'; "
    "create table t (id text check (s('a.b', id, false) = id))",
    "operator class": "create function cmp(text, text) returns int language plpgsql immutable as 'begin return 0; end'; "
    "create operator class o for type text using btree as operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, "
    "operator 5 >, function 1 cmp(text, text); create table t (id text); create index on t (id o)",
}


def cases() -> list[Any]:
    groups = ((PLAIN, PLAIN_ONES), (WRITES, WRITTEN_ONES), (ALL, ALL_ONES))
    return [pytest.param(ddl, expected, id=name) for expected, group in groups for name, ddl in group.items()]


async def answer(pg: asyncpg.Connection[Any], *names: str) -> int:
    return int((await pg.execute(facts_query(names))).split()[1])


@pytest.mark.parametrize(("ddl", "expected"), cases())
async def test_one_relation(shared: asyncpg.Connection[Any], ddl: str, expected: int) -> None:
    if ddl == WRITTEN_ONES["stored column"] and shared.get_server_version().major < 15:
        expected = 2  # what its expression calls is noted for the column itself, as if reading it called it
    await shared.execute(ddl)
    assert await answer(shared, '"t"') == expected * 8


@pytest.fixture
async def shared(dsn: str, pg: asyncpg.Connection[Any]) -> Any:
    """A connection in a transaction that is rolled back, with the functions made."""
    await pg.execute(f"begin; create sequence q; {FUNCTIONS}")
    yield pg
    await pg.execute("rollback")


async def test_several_at_once(shared: asyncpg.Connection[Any]) -> None:
    await shared.execute(
        "create table a (x int); create table b (x int default n('x')); create view c as select 1"
    )
    assert await answer(shared, '"a"', '"b"', '"c"') == 8 * (PLAIN + WRITES * 4 + ALL * 16)
    assert await answer(shared, '"nowhere"', '"a"') == 8 * MISSING
    assert await answer(shared, '"pg_catalog"."pg_class"', '"pg_catalog"."pg_settings"') == 8 * ALL * 4


@pytest.mark.parametrize(
    ("ddl", "expected"),
    [
        ("create function lower(varchar) returns text language sql as 'select n($1)::text'", 1),
        ("create function step(text, varchar) returns text language sql as 'select n($1)::text'; "
         "create aggregate max(varchar) (sfunc = step, stype = text)", 1),
        ("create function as_money(oid) returns money language sql as 'select n($1::text)::money'; "
         "create cast (oid as money) with function as_money(oid)", 2),
        ("create schema s; create function s.sum(varchar) returns text language sql as 'select n($1)::text'", 1),
        ("create function eq(varchar, varchar) returns bool language sql as 'select f($1)'; "
         "create operator = (leftarg = varchar, rightarg = varchar, function = eq)", 2),
        ("create function ev() returns event_trigger language plpgsql as 'begin end'; "
         "create event trigger e on ddl_command_end execute function ev()", 4),
    ],
)  # fmt: skip
async def test_what_concerns_every_relation(shared: asyncpg.Connection[Any], ddl: str, expected: int) -> None:
    await shared.execute(f"create table t (id text); {ddl}")
    assert await answer(shared, '"t"') == expected


def told(sql: str, touches: tuple[Touch, ...]) -> Told:
    """A compiled statement over relations."""
    return Told(sql, touches, reads=False)


@pytest.fixture
async def one(open_db: Open) -> Database:
    return await open_db(max_connections=1)


async def test_functions_named_like_the_servers(one: Database) -> None:
    await one.execute(f"{FUNCTIONS}; create table t (id varchar)")
    reads = (('"t"', False),)
    assert await one.is_harmless(told('select lower("id") from "t"', reads))
    await one.execute("create function lower(varchar) returns text language sql as 'select n($1)::text'")
    assert not await one.is_harmless(told('select lower("id") from "t"', reads))
    assert not await one.is_harmless(told('select "lower" ("id") from "t"', reads))
    assert await one.is_harmless(told('select upper("id"), "lower" from "t"', reads))
    await one.execute(
        "create function eq(varchar, varchar) returns bool language sql as 'select f($1)'; "
        "create operator = (leftarg = varchar, rightarg = varchar, function = eq)"
    )
    assert not await one.is_harmless(told('select upper("id"), "lower" from "t"', reads))


async def test_temporary_tables_and_event_triggers(one: Database) -> None:
    touches = (('"t"', True), TEMPORARY_TABLE)
    await one.execute("create table t (id int)")
    assert await one.is_harmless(told("create temporary table x as select * from t", touches))
    await one.execute(
        "create function ev() returns event_trigger language plpgsql as 'begin end'; "
        "create event trigger e on ddl_command_end execute function ev()"
    )
    try:
        assert not await one.is_harmless(told("create temporary table x as select * from t", touches))
        assert await one.is_harmless(told("insert into t values (1)", touches[:1]))
    finally:
        await one.execute("drop event trigger e")


async def test_what_is_known_ends_with_the_catalog(one: Database) -> None:
    await one.execute(f"{FUNCTIONS}; create table t (id int)")
    write = ("insert into t values (1)", (('"t"', True),))
    assert await one.is_harmless(told(*write))
    await one.execute("create trigger x before insert on t for each row execute function tr()")
    assert not await one.is_harmless(told(*write))
    assert await one.is_harmless(told("select * from t", (('"t"', False),)))
    async with one.transaction():
        await one.execute("drop trigger x on t")
        assert not await one.is_harmless(told(*write))  # a session that is reset anyway is not asked
    assert await one.is_harmless(told(*write))


async def test_changes_by_another_object_of_the_process_are_noticed(one: Database, open_db: Open) -> None:
    other = await open_db(max_connections=1)
    await other.execute(f"{FUNCTIONS}; create table t (id int)")
    write = ("insert into t values (1)", (('"t"', True),))
    assert await one.is_harmless(told(*write))
    async with other.transaction():
        await other.execute("create trigger x before insert on t for each row execute function tr()")
        assert await one.is_harmless(told(*write))  # for it is not committed
    assert not await one.is_harmless(told(*write))


async def test_changes_of_others_need_to_be_told(one: Database, pg: asyncpg.Connection[Any]) -> None:
    await one.execute(f"{FUNCTIONS}; create table t (id int)")
    write = ("insert into t values (1)", (('"t"', True),))
    assert await one.is_harmless(told(*write))
    await pg.execute("create trigger x before insert on t for each row execute function tr()")
    one.schema_changed()
    assert not await one.is_harmless(told(*write))


async def test_a_table_that_is_not_there_yet(one: Database, pg: asyncpg.Connection[Any]) -> None:
    read = ("select * from later", (('"later"', False),))
    assert not await one.is_harmless(told(*read))
    await pg.execute("create table later (id int)")
    assert await one.is_harmless(told(*read))


async def test_a_changed_session_is_not_asked(one: Database) -> None:
    """Under its search_path the name is another table's, and what it says must not be kept for others."""
    await one.execute("create schema s; create table s.t (id int); create view t as select 1 as id")
    read = ("select * from t", (('"t"', False),))
    async with one.acquire() as connection:
        await connection.execute("set search_path = s")
        assert not await connection.is_harmless(told(*read))
    async with one.transaction(settings={"search_path": "s"}):
        assert not await one.is_harmless(told(*read))
    assert not await one.is_harmless(told(*read))


async def test_asking_is_one_round_trip(open_db: Open, proxy: Proxy, pg: asyncpg.Connection[Any]) -> None:
    db = await open_db(proxy.url, max_connections=1)
    await pg.execute("create table a (id int); create table b (id int); create view c as select 1 as id")
    proxy.sent.clear()
    a, b, c = (('"a"', True),), (('"a"', False), ('"b"', False)), (('"c"', False),)
    for touches, verdict, asked in (
        (a, True, 1),
        (a, True, 1),
        (b, True, 2),
        (b, True, 2),
        (c, False, 3),
        (c, False, 3),
    ):
        assert await db.is_harmless(told(f"statement over {touches}", touches)) is verdict
        assert proxy.round_trips == asked


async def test_asking_changes_no_setting(one: Database) -> None:
    await one.execute("create table a (id int)")
    for jit in ("on", "off"):
        async with one.transaction(readonly=True, settings={"jit": jit}):
            one.schema_changed()
            assert await one.is_harmless(told("select * from a", (('"a"', False),)))
            assert (await one.run_fetchrow("show jit"))[0] == jit  # type: ignore[index]


async def test_a_change_while_it_is_asked(one: Database) -> None:
    """An answer of before the change is not kept."""
    await one.execute("create table t (id int)")
    facts = one.core.relation_facts

    async def run(sql: str) -> str:
        one.schema_changed()
        await asyncio.sleep(0)
        return "SELECT 0"

    assert not await facts.ask((('"t"', True),), run, run)  # type: ignore[arg-type]
    assert facts.verdict("select", (('"t"', True),)) is None


async def test_the_number_of_texts_is_bounded(one: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chakra.db.relations.MAX_STATEMENTS", 10)
    await one.execute("create table t (id int)")
    for number in range(100):
        assert await one.is_harmless(told(f"select {number}", (('"t"', False),)))
    assert len(one.harmless) <= 10
