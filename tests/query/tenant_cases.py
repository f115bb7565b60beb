"""Ways to set a tenant that stay on a session: SQL of others in every form, and relations that run code."""
# ruff: noqa: E501 - tables read better in one line a row

from __future__ import annotations

SETUP = """
create table invoices (id int primary key, tenant text);
insert into invoices values (1, 'A'), (2, 'B');
alter table invoices enable row level security;
alter table invoices force row level security;
create policy own on invoices using (tenant = current_setting('app.tenant', true));

create table dual (x int);
insert into dual values (1);
create table log (id serial primary key, a text);

create function become(t text) returns bool language plpgsql as
    $$begin perform set_config('app.tenant', t, false); return true; end$$;
create function become_now(t text) returns bool language plpgsql immutable as
    $$begin perform public.become('A'); return true; end$$;
create function first(t text) returns bool language sql as 'select become(t)';
create function "each"(t text) returns bool language sql as 'select become(t)';
create function become_row(d dual) returns bool language plpgsql as $$begin return become('A'); end$$;
create function become_rows(n int default 1) returns setof int language plpgsql as $$begin perform become('A'); return next n; end$$;
create function become_step(state int, t text) returns int language plpgsql as $$begin perform become(t); return 1; end$$;
create function become_safely(t text) returns bool language sql security definer set work_mem = '5MB' as 'select become(t)';
create procedure become_called(t text) language plpgsql as $$begin perform become(t); end$$;
create aggregate become_all(text) (sfunc = become_step, stype = int, initcond = '0');
create operator @#@ (rightarg = text, function = become);
create operator |#| (leftarg = text, rightarg = text, function = texteq);
create domain tenant_name as text check (become_now(value));
create type tenant_pair as (a tenant_name, b int);
create type kind as enum ('A');
create function kind_text(k kind) returns int language plpgsql as $$begin perform become(k::text); return 1; end$$;
create cast (kind as int) with function kind_text(kind);
create function becoming() returns trigger language plpgsql as
    $$begin perform become('A'); if tg_op = 'DELETE' then return old; end if; return new; end$$;
create view become_view as select become('A') as x;
create view view_of_view as select * from become_view;
create materialized view became as select become('nobody') as x;
"""

QUERIES = [
    "select set_config('app.tenant', 'A', false)",
    "select pg_catalog.set_config('app.tenant', 'A', false)",
    "select \"set_config\"('app.tenant', 'A', false)",
    "select U&\"set\\005fconfig\"('app.tenant', 'A', false)",
    "select set_config('app.' || 'tenant', chr(65), not true)",
    "select count(*) from dual join dual d2 on set_config('app.tenant', 'A', false) is not null",
    "select become('A')",
    "select become(t => 'A')",
    "select become($$A$$)",
    "select become(E'\\x41')",
    "select first('A')",
    "select each('A')",
    "select d.become_row from dual d",
    "select become_row(d) from dual d",
    "select (d).become_row from dual d",
    "select @#@ 'A'::text",
    "select operator(public.@#@) 'A'::text",
    "select 'A'::tenant_name",
    "select cast('A' as tenant_name)",
    "select array['A']::tenant_name[]",
    "select '{A}'::tenant_name[]",
    "select row('A', 1)::tenant_pair",
    'select (jsonb_populate_record(null::tenant_pair, \'{"a": "A"}\')).b',
    "select 'A'::kind::int",
    "select * from become_view",
    "table become_view",
    "select * from view_of_view",
    "select 1 where become('A')",
    "select 1 from dual order by become('A')",
    "select count(*) from dual group by become('A')",
    "select count(*) from dual having become('A')",
    "select 1 limit (select become('A')::int)",
    "select count(*) over (partition by become('A')) from dual",
    "select count(*) filter (where become('A')) from dual",
    "select become_all('A') from dual",
    "select become_all('A') over () from dual",
    "select case when become('A') then 1 end",
    "select coalesce(null, become('A'))",
    "select exists (select 1 where become('A'))",
    "select true = any (array(select become('A')))",
    "select x from (select become('A') as x) as y",
    "select f.* from dual, lateral become_rows(x) f",
    "select * from become_rows()",
    "select * from rows from (become_rows(), generate_series(1, 2))",
    "with x as (select become('A')) select * from x",
    "with recursive x (n) as (select 1 where become('A') union all select n + 1 from x where n < 2) select * from x",
    "with x as (insert into log (a) values ('x') returning become('A')) select * from x",
    "insert into log (a) select 'x' where become('A') returning 1",
    "insert into log (a) values ('x') on conflict do nothing returning become('A')",
    "update log set a = become('A')::text returning 1",
    "delete from log where become('A') returning 1",
    "values (become('A'))",
    "select become_safely('A')",
    "select 1 -- x\r, become('A')",
    "select 1 -- x\n, become('A')",
    "select /* /* */ ' */ become('A')",
    "select * from ts_stat('select to_tsvector(''a'') where become(''A'')')",
    "select format('%s', become('A'))",
    "(select become('A')) union all (select true)",
    "select 1 as x from dual where (select become('A')) in (true, false)",
]
"""Queries that can be fetched, copied, streamed and described."""

STATEMENTS = [
    "set app.tenant = 'A'",
    "SET SESSION app.tenant TO 'A'",
    "select 1; set app.tenant = 'A'",
    "select 1 -- x\r; set app.tenant = 'A'",
    "begin; set app.tenant = 'A'; commit",
    "begin; set app.tenant = 'A'; savepoint a; select 1; release a; end",
    "do $$ begin perform become('A'); end $$",
    "call become_called('A')",
    "prepare p as select become('A'); execute p; deallocate p",
    "explain analyze select become('A')",
    "declare c cursor with hold for select become('A')",
    "create temp table t as select become('A')",
    "select become('A') into temp u",
    "create table \"pg_temp\".v as select become('A')",
    "create table if not exists w as select become('A') as x; drop table w; create table w as select become('A') as x; drop table w",
    "merge into dual using (select 1) s on become('A') when not matched then do nothing",
    "alter table dual add column y bool default become('A'); alter table dual drop column y",
    "alter table dual add check (become('A')) not valid; insert into dual values (1); alter table dual drop constraint dual_check",
]
"""What only ``execute`` takes."""

RELATIONS = {
    "view": "drop table r; create view r as select id, a from log where become('A')",
    "view of a view": "drop table r; create view q as select id, a from log where become('A'); create view r as select * from q",
    "view with a barrier": "drop table r; create view r with (security_barrier) as select id, a from log where become('A')",
    "trigger before": "create trigger x before insert or update or delete on r for each row execute function becoming()",
    "trigger after": "create trigger x after insert or update or delete on r for each row execute function becoming()",
    "trigger of statements": "create trigger x before insert or update or delete on r execute function becoming()",
    "constraint trigger": "create constraint trigger x after insert or update or delete on r deferrable initially deferred for each row execute function becoming()",
    "trigger instead": "drop table r; create view r as select id, a from log; create trigger x instead of insert or update or delete on r for each row execute function becoming()",
    "trigger of a partition": "drop table r; create table r (id int, a text) partition by list (id); create table r1 partition of r default; create trigger x before insert or update on r1 for each row execute function becoming()",
    "trigger of an heir": "create table r1 () inherits (r); insert into r1 values (9, 'x'); create trigger x before update on r1 for each row execute function becoming()",
    "default": "alter table r add column b bool default become('A')",
    "default of a domain": "create domain d as bool default become('A'); alter table r add column b d",
    "check": "alter table r add check (become(a))",
    "check of constants": "alter table r add check (become('A') or a is null)",
    "domain": "drop table r; create table r (id int primary key, a tenant_name)",
    "domain in a composite": "alter table r add column b tenant_pair; alter table r alter b set default row('A', 1)::tenant_pair",
    "domain over a domain": "create domain d as tenant_name; drop table r; create table r (id int primary key, a d)",
    "stored column": "alter table r add column b bool generated always as (become_now(a)) stored",
    "index": "create index on r (become_now(a))",
    "partial index": "create index on r (id) where become_now(a)",
    "partial index of constants": "create index on r (id) where become_now('A')",
    "rule": "create rule x as on insert to r do also select become('A')",
    "rule in place of": "create rule x as on update to r do instead select become('A')",
    "policy": "alter table r enable row level security; alter table r force row level security; create policy p on r using (become('A')) with check (become('A'))",
    "policy by a view": "alter table r enable row level security; alter table r force row level security; create policy p on r using (exists (select from become_view)) with check (true)",
    "policy by set_config": "alter table r enable row level security; alter table r force row level security; create policy p on r using (set_config('app.tenant', 'A', false) is not null) with check (true)",
    "default by set_config": "alter table r add column b text default set_config('app.tenant', 'A', false)",
    "cascade": "create table s (id int references r on delete cascade on update cascade); insert into s values (1); create trigger x before delete on s for each row execute function becoming()",
    "cascade of a cascade": "create table s (id int primary key references r on delete cascade); create table u (id int references s on delete set null); insert into s values (1); insert into u values (1); create trigger x before update on u for each row execute function becoming()",
    "operator of a domain's check": "create domain d as text check (@#@ 'A'::text); alter table r add column b d default 'A'",
    "partition key": "drop table r; create table r (id int, a text) partition by list (become_now(a)); create table r1 partition of r default",
    "lower() for varchar": "alter table r alter a type varchar; create function lower(varchar) returns text language plpgsql as $$begin perform become('A'); return $1; end$$",
    "= for varchar": "alter table r alter a type varchar; create function eq(varchar, varchar) returns bool language plpgsql as $$begin perform become('A'); return true; end$$; create operator = (leftarg = varchar, rightarg = varchar, function = eq)",
    "count()": "create function count(int) returns bigint language plpgsql as $$begin perform become('A'); return 1; end$$; create function upper(varchar) returns text language plpgsql as $$begin perform become('A'); return $1; end$$; alter table r alter a type varchar",
}
"""Relations ``r (id, a)``; what stands here is done to a plain one, unless it makes another."""

PREPARE = """
drop table if exists u, s; drop table if exists r1; do $$begin
    if (select relkind from pg_class where oid = to_regclass('r')) = 'v' then drop view r; end if; end$$;
drop table if exists r cascade; drop view if exists q cascade; drop domain if exists d cascade;
drop function if exists lower(varchar) cascade; drop function if exists eq(varchar, varchar) cascade;
drop function if exists count(int) cascade; drop function if exists upper(varchar) cascade;
truncate log; insert into log (a) values ('x');
create table r (id int primary key, a text); insert into r values (1, 'A');
"""
