"""Bulk writes where COPY is refused or would pass something by: row security, views, rules; counts beside triggers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from chakra import Database, DatabaseError, Field, Model, field
from chakra.query.bulk_write import COPY_FROM_ROWS

FEW, MANY = 3, COPY_FROM_ROWS + 100


class Doc(Model, table="docs"):
    id: Field[int] = field(primary_key=True)
    tenant: Field[str]
    n: Field[int]


def columns(rows: int, tenant: str = "chakra_tenant") -> dict[str, Any]:
    return {"tenant": [tenant] * rows, "n": list(range(rows))}


@pytest.fixture
async def tenant(db: Database, dsn: str) -> AsyncIterator[Database]:
    """A role that sees and writes its own rows only."""
    await db.create_tables(Doc)
    await db.execute(
        """do $$ begin
             if not exists (select from pg_roles where rolname = 'chakra_tenant') then
               create role chakra_tenant login password 'tenant'; end if; end $$;
           alter table docs enable row level security;
           create policy own on docs using (tenant = current_user);
           grant all on docs to chakra_tenant; grant all on sequence docs_id_seq to chakra_tenant"""
    )
    user = urlsplit(dsn).username
    opened = await Database.connect(
        dsn.replace(f"//{user}@", "//chakra_tenant:tenant@").replace(f"//{user}:", "//chakra_tenant:")
    )
    yield opened
    await opened.close()
    await db.execute("drop owned by chakra_tenant")


@pytest.mark.parametrize("rows", [FEW, MANY])
async def test_row_security(tenant: Database, rows: int) -> None:
    docs = Doc.objects.using(tenant)
    made = await docs.bulk_create(
        [
            Doc(**dict(zip(("tenant", "n"), pair, strict=True)))
            for pair in zip(*columns(rows).values(), strict=True)
        ]
    )
    assert [d.n for d in await docs.order_by("id")] == list(range(rows))
    assert [d.id for d in made] == [d.id for d in await docs.order_by("id")]
    await docs.bulk_create([Doc(id=10_000 + n, tenant="chakra_tenant", n=n) for n in range(rows)])
    result = await docs.bulk_insert(columns(rows))
    assert (result.inserted, result.skipped) == (rows, 0)
    keys = (await docs.bulk_insert(columns(rows), returning="keys")).keys
    assert keys is not None and await docs.filter(id__in=keys.to_pylist()).values_list(
        "n", flat=True
    ).order_by("id") == list(range(rows))
    async with tenant.transaction():
        await docs.bulk_insert(columns(rows))
        await docs.bulk_create([Doc(tenant="chakra_tenant", n=n) for n in range(rows)])
    assert await docs.count() == 6 * rows


@pytest.mark.parametrize("rows", [FEW, MANY])
async def test_row_security_refuses(tenant: Database, rows: int) -> None:
    docs = Doc.objects.using(tenant)
    calls: list[Callable[[], Any]] = [
        lambda: docs.bulk_insert(columns(rows, "another")),
        lambda: docs.bulk_create([Doc(tenant="another", n=n) for n in range(rows)]),
        lambda: docs.bulk_create([Doc(id=n, tenant="another", n=n) for n in range(rows)]),
    ]
    for call in calls:
        with pytest.raises(DatabaseError, match="row-level security"):
            await call()
    assert await docs.count() == 0


async def test_views(db: Database) -> None:
    await db.create_tables(Doc)
    await db.execute("create view small as select id, tenant, n from docs where n < 100 with check option")
    result = await db.table("small").bulk_insert(columns(50))
    assert (result.inserted, result.skipped) == (50, 0)
    with pytest.raises(DatabaseError, match="check option"):
        await db.table("small").bulk_insert(columns(101))
    assert await Doc.objects.count() == 50


async def test_triggers_in_place_of_a_view(db: Database) -> None:
    await db.execute(
        """create table odd (n int8); create view numbers as select 1::int8 as n;
           create function only_odd() returns trigger language plpgsql as $$ begin
             if new.n % 2 = 0 then return null; end if; insert into odd values (new.n); return new; end $$;
           create trigger only_odd instead of insert on numbers for each row execute function only_odd()"""
    )
    result = await db.table("numbers").bulk_insert({"n": list(range(5))})
    assert (result.inserted, result.skipped) == (2, 3)
    assert [row["n"] for row in await db.table("odd")] == [1, 3]


async def test_rules_are_followed(db: Database) -> None:
    await db.create_tables(Doc)
    await db.execute(
        "create table log (n int8); create rule log as on insert to docs do also insert into log values (new.n)"
    )
    assert (await Doc.objects.bulk_insert(columns(3))).inserted == 3
    await Doc.objects.bulk_create([Doc(id=100 + n, tenant="a", n=n) for n in range(MANY)])
    assert await db.fetchval("select count(*) from log") == 3 + MANY
    await db.execute("alter table docs disable rule log")
    await Doc.objects.bulk_insert(columns(3))
    assert await db.fetchval("select count(*) from log") == 3 + MANY


@pytest.mark.parametrize("options", [{}, {"returning": "keys"}, {"on_conflict": "ignore"}])
async def test_rows_that_a_trigger_leaves_out_are_counted(db: Database, options: dict[str, Any]) -> None:
    await db.create_tables(Doc)
    await db.execute(
        """create function only_odd() returns trigger language plpgsql as $$ begin
             return case when new.n % 2 = 1 then new end; end $$;
           create trigger only_odd before insert on docs for each row execute function only_odd()"""
    )
    result = await Doc.objects.bulk_insert(columns(5), **options)
    assert (result.inserted, result.skipped) == (2, 3)


async def test_what_copy_can_write_goes_through_copy(db: Database) -> None:
    """The check is one statement, and nothing is staged."""
    await db.create_tables(Doc)
    seen: list[str] = []
    db.hooks.add(lambda event: seen.append(event.kind) if event.phase == "before" else None)
    await Doc.objects.bulk_insert(columns(FEW))
    assert seen == ["fetchrow", "copy_in"]
    seen.clear()
    await Doc.objects.bulk_create([Doc(tenant="a", n=n) for n in range(MANY)])
    assert seen == ["fetchrow", "copy_in"]
