"""The differential test of writers: the same rows by every writer, in any number, are the same text in the table.

What has to stand there is written by SQL of its own. One wide table has every kind of type; it is filled again with
each kind of key, with triggers, and by roles with few rights.
"""

from __future__ import annotations

import datetime as dt
import enum
import io
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from ipaddress import ip_interface, ip_network
from typing import Any
from urllib.parse import urlsplit

import pytest

from chakra import JSON_NULL, Database, Field, Interval, Model, field
from chakra import types as ty
from chakra.errors import ChakraError


class Mood(enum.Enum):
    SAD = "sad"
    OK = "it's ok"


MOOD = ty.Enum(Mood, "mood", schema="app")
PAIR = ty.Composite("pair", "app", a=ty.BigInt, b=ty.Text, c=MOOD)
UTC = dt.UTC

# name: (type, declared type, (value, the same as SQL) twice); a third row has NULL.
COLUMNS: dict[str, tuple[str, Any, tuple[Any, str], tuple[Any, str]]] = {
    "v1": ("bool", ty.Boolean, (True, "true"), (False, "false")),
    "v2": ("int2", ty.SmallInt, (-32768, "-32768"), (7, "7")),
    "v3": ("int4", ty.Integer, (2**31 - 1, "2147483647"), (0, "0")),
    "v4": ("int8", ty.BigInt, (-(2**63), "-9223372036854775808"), (2**53 + 1, "9007199254740993")),
    "v5": ("numeric(12, 3)", ty.Numeric(12, 3), (Decimal("1.5"), "1.5"),
            (Decimal("-999999999.999"), "-999999999.999")),
    "v6": ("numeric", ty.Numeric, (Decimal("1.50"), "1.50"),
            (Decimal("1" + "0" * 23 + ".00"), "100000000000000000000000.00")),
    "v7": ("float4", ty.Real, (1.5, "1.5"), (float("-inf"), "'-Infinity'")),
    "v8": ("float8", ty.Double, (0.1, "0.1"), (-0.0, "'-0'")),
    "v9": ("text", ty.Text, ('a,"b"\n\\N é', "E'a,\"b\"\\n\\\\N é'"), ("", "''")),
    "v10": ("varchar(5)", ty.Varchar(5), ("日本", "'日本'"), ("NULL", "'NULL'")),
    "v11": ("char(4)", ty.Char(4), ("ab", "'ab'"), ("    ", "''")),
    "v12": ("bytea", ty.Bytea, (b"\x00\xff\\", r"'\x00ff5c'"), (b"", "''")),
    "v13": ("date", ty.Date, (dt.date(2024, 2, 29), "'2024-02-29'"), (dt.date.max, "'infinity'")),
    "v14": ("timestamp", ty.Timestamp, (dt.datetime(1, 1, 1, 0, 0, 1), "'0001-01-01 00:00:01'"),
            (dt.datetime.min, "'-infinity'")),
    "v15": ("timestamptz", ty.TimestampTz, (dt.datetime(2024, 1, 1, 12, 0, 0, 1, UTC),
            "'2024-01-01 12:00:00.000001+00'"),
            (dt.datetime(1969, 12, 31, 23, tzinfo=UTC), "'1969-12-31 23:00+00'")),
    "v16": ("time", ty.Time, (dt.time(23, 59, 59, 999999), "'23:59:59.999999'"), (dt.time(0), "'00:00'")),
    "v17": ("timetz", ty.TimeTz, (dt.time(10, tzinfo=dt.timezone(dt.timedelta(hours=2))), "'10:00+02'"),
            (dt.time(0, tzinfo=UTC), "'00:00+00'")),
    "v18": ("interval", ty.Interval, (Interval(14, -3, 1), "'14 mons -3 days 00:00:00.000001'"),
            (dt.timedelta(hours=5), "'05:00'")),
    "v19": ("uuid", ty.Uuid, (uuid.UUID(int=1), "'00000000-0000-0000-0000-000000000001'"),
            (uuid.UUID(int=2**128 - 1), "'ffffffff-ffff-ffff-ffff-ffffffffffff'")),
    "v20": ("jsonb", ty.Jsonb, ({"a": [1, None, "x,y"]}, """'{"a": [1, null, "x,y"]}'"""), ("x", "'\"x\"'")),
    "v21": ("json", ty.Json, ([1.5, "é"], """'[1.5,"é"]'"""), (JSON_NULL, "'null'")),
    "v22": ("app.mood", MOOD, (Mood.SAD, "'sad'"), (Mood.OK, "'it''s ok'")),
    "v23": ("app.pair", PAIR, ((1, 'x,"y', Mood.OK), "row(1, 'x,\"y', 'it''s ok')"),
            ((None, "", None), "row(null, '', null)")),
    "v24": ("int8[]", ty.Array(ty.BigInt), ([1, None, 2**53 + 1], "array[1, null, 9007199254740993]"), ([], "'{}'")),
    "v25": ("text[]", ty.Array(ty.Text), (["a,b", '"', "", "NULL", None], "array['a,b', '\"', '', 'NULL', null]"),
            (["x"], "array['x']")),
    "v26": ("app.mood[]", ty.Array(MOOD), ([Mood.SAD, None], "array['sad', null]::app.mood[]"), ([], "'{}'")),
    "v27": ("int4range", ty.Int4Range, ((1, 5), "'[1,5)'"), ((None, 5), "'(,5)'")),
    "v28": ("tstzrange", ty.TsTzRange, ((dt.datetime(2024, 1, 1, tzinfo=UTC), None), "'[2024-01-01 00:00+00,)'"),
            ((None, None), "'(,)'")),
    "v29": ("int4multirange", ty.Int4MultiRange, ([(1, 2), (5, 6)], "'{[1,2),[5,6)}'"), ([], "'{}'")),
    "v30": ("inet", ty.Inet, (ip_interface("10.0.0.1/8"), "'10.0.0.1/8'"), (ip_interface("::1"), "'::1'")),
    "v31": ("cidr", ty.Cidr, (ip_network("10.0.0.0/8"), "'10.0.0.0/8'"), (ip_network("::/0"), "'::/0'")),
    "v32": ("macaddr", ty.MacAddr, ("08:00:2b:01:02:03", "'08:00:2b:01:02:03'"),
            ("00:00:00:00:00:00", "'00:00:00:00:00:00'")),
    "v33": ("money", ty.Money, (Decimal("12.34"), "12.34"), (Decimal("-0.01"), "-0.01")),
    "v34": ("point", ty.Point, ((1.0, 2.5), "'(1,2.5)'"), ((-1.0, 0.0), "'(-1,0)'")),
    "v35": ("varbit", ty.VarBit, ("101", "'101'"), ("", "''")),
    "v36": ("hstore", ty.HStore, ({"a": "1", "b": None}, "'a=>1,b=>NULL'"), ({}, "''")),
    "v37": ("citext", ty.CiText, ("ÄbC", "'ÄbC'"), ("", "''")),
    "v38": ("app.code", ty.Domain("code", ty.Varchar(4), "app"), ("x;y", "'x;y'"), ("", "''")),
    "v39": ("app.codes", ty.Domain("codes", ty.Array(ty.Text), "app"), (["a", "b c"], "array['a', 'b c']"),
            ([], "'{}'")),
    "v40": ("tsvector", ty.TsVector, ("'a':1 'b'", "'''a'':1 ''b'''"), ("", "''")),
    "v41": ("pg_lsn", ty.PgLsn, (0x16B374D848, "'16/B374D848'"), (0, "'0/0'")),
    "v42": ("oid", ty.Oid, (2**32 - 1, "4294967295"), (0, "0")),
}  # fmt: skip

TYPES = """
create extension if not exists hstore; create extension if not exists citext; create schema app;
create type app.mood as enum ('sad', 'it''s ok'); create type app.pair as (a int8, b text, c app.mood);
create domain app.code as varchar(4) check (value <> 'bad'); create domain app.codes as text[];
"""


def wide(key: str, table: str = "wide") -> str:
    columns = ", ".join(f"{name} {sql}" for name, (sql, *_) in COLUMNS.items())
    return f"create table {table} (id {key}, n int not null, {columns});"


EXPECTED = "insert into expected select {} from generate_series(0, 4999) n;".format(
    ", ".join(
        [
            "n + 1, n",
            *(
                f"case n % 3 when 0 then ({a[1]})::{sql} when 1 then ({b[1]})::{sql} end"
                for sql, _, a, b in COLUMNS.values()
            ),
        ]
    )
)


class Wide(Model, table="wide"):
    id: Field[int] = field(primary_key=True)
    n: Field[int] = field(ty.Integer)
    for _name, (_, _type, *_rest) in COLUMNS.items():
        locals()[_name] = field(_type, null=True, default=None)
    del _name, _type, _rest


def row(n: int) -> dict[str, Any]:
    return {
        "n": n,
        **{name: None if n % 3 == 2 else values[n % 3][0] for name, (_, _, *values) in COLUMNS.items()},
    }


def instances(rows: int) -> list[Wide]:
    return [Wide(**row(n)) for n in range(rows)]


def lists(rows: int) -> dict[str, list[Any]]:
    every = [row(n) for n in range(rows)]
    return {name: [each[name] for each in every] for name in every[0]}


async def created(wides: Any, rows: int, read: Any) -> None:
    for n in range(rows):
        made = await wides.create(**row(n))
        assert made.n == n


async def loaded_csv(wides: Any, rows: int, read: Any) -> None:
    file = io.BytesIO()
    await read.to_csv(file)
    file.seek(0)
    await wides.load_csv(file)


async def loaded_parquet(wides: Any, rows: int, read: Any) -> None:
    file = io.BytesIO()
    await read.to_parquet(file, infinity="sentinel", interval="text", numeric=(38, 2))
    file.seek(0)
    await wides.load_parquet(file)


def of(reader: str) -> Callable[..., Awaitable[None]]:
    async def write(wides: Any, rows: int, read: Any) -> None:
        await wides.bulk_insert(await getattr(read, reader)(infinity="sentinel", numeric=(38, 2)))

    return write


Writer = Callable[[Any, int, Any], Awaitable[Any]]
"""Gets the model's queryset, how many rows, and a query for just these rows."""

WRITERS: dict[str, tuple[Writer, tuple[int, ...]]] = {
    "create": (created, (20,)),
    "bulk_create": (lambda w, rows, _: w.bulk_create(instances(rows)), (2, 200, 300, 1000, 5000)),
    "a dict of lists": (lambda w, rows, _: w.bulk_insert(lists(rows)), (2, 1000)),
    "a list of dicts": (lambda w, rows, _: w.bulk_insert([row(n) for n in range(rows)]), (2, 300)),
    "arrow": (of("to_arrow"), (2, 5000)),
    "numpy": (of("to_numpy"), (1000,)),
    "polars": (of("to_polars"), (2, 1000)),
    "pandas": (of("to_pandas"), (1000,)),
    "csv": (loaded_csv, (2, 1000)),
    "parquet": (loaded_parquet, (2, 1000)),
    "keys asked for": (lambda w, rows, _: w.bulk_insert(lists(rows), returning="keys"), (3,)),
    "upsert": (lambda w, rows, _: w.bulk_insert(lists(rows), on_conflict="ignore"), (3,)),
    "bulk_create of an upsert": (
        lambda w, rows, _: w.bulk_create(instances(rows), on_conflict="ignore"),
        (3,),
    ),
}

KEYS = {
    "identity": "bigint generated by default as identity primary key",
    "always": "bigint generated always as identity primary key",
    "serial": "bigserial primary key",
    "a sequence": "bigint primary key default nextval('app.numbers')",
}
SOME = {name: (write, sizes[:1]) for name, (write, sizes) in WRITERS.items()} | {
    "bulk_create": (WRITERS["bulk_create"][0], (2, 600)),
    "create": (created, (3,)),
    **{name: (WRITERS[name][0], (30,)) for name in ("numpy", "pandas")},
}
"""The writers once more where it is about keys, triggers and rights: each way that they take."""


async def differences(
    db: Any, writers: dict[str, tuple[Writer, tuple[int, ...]]], on: Any = None, text: str = "t::text"
) -> list[str]:
    """What stands in the table otherwise than the SQL of this test says, for each writer and number of rows."""
    wrong = []
    for name, (write, sizes) in writers.items():
        for rows in sizes:
            await db.execute("truncate wide restart identity")
            await db.execute("alter sequence if exists app.numbers restart")
            source = db.table("expected").filter(n__lt=rows).order_by("n").values("n", *COLUMNS)
            try:
                await write(Wide.objects.using(on or db), rows, source)
            except ChakraError as error:
                wrong.append(f"{name}, {rows} rows: {type(error).__name__}: {error}")
                continue
            told = await db.fetch(
                f"select n, {text}, e.text from wide t full join (select n, {text} as text from expected t "
                f"where n < {rows}) e using (n) where {text} is distinct from e.text order by 1 limit 1"
            )
            wrong += [f"{name}, {rows} rows, row {each[0]}: {apart(each[1], each[2])}" for each in told]
    return wrong


def apart(found: str | None, expected: str | None) -> str:
    """Where two texts begin to differ."""
    a, b = found or "no row", expected or "no row"
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return f"{a[max(at - 30, 0) :][:80]!r} for {b[max(at - 30, 0) :][:80]!r}"


async def prepared(db: Any, key: str) -> None:
    await db.execute(
        f"{TYPES} create sequence app.numbers; {wide(key)} {wide('bigint', 'expected')} {EXPECTED}"
    )


async def test_all_types(db: Any) -> None:
    await prepared(db, KEYS["identity"])
    wrong = await differences(db, WRITERS)
    assert not wrong, "\n".join(wrong)


async def test_all_keys(db: Any) -> None:
    await prepared(db, KEYS["identity"])
    wrong = []
    for kind, key in KEYS.items():
        await db.execute(f"drop table wide; {wide(key)}")
        wrong += [f"{kind}: {each}" for each in await differences(db, SOME)]
    assert not wrong, "\n".join(wrong)


TRIGGERS = """
create table audit (n int, what text);
create function before_row() returns trigger language plpgsql as
  $$ begin new.v9 := 'row ' || new.n; if new.v3 is null then new.v3 := -1; end if; return new; end $$;
create function after_row() returns trigger language plpgsql as
  $$ begin insert into audit values (new.n, 'row'); return null; end $$;
create function before_all() returns trigger language plpgsql as
  $$ begin insert into audit values (0, 'before'); return null; end $$;
create function after_all() returns trigger language plpgsql as
  $$ begin insert into audit select count(*), 'after' from made; return null; end $$;
create trigger a before insert on wide for each row execute function before_row();
create trigger b after insert on wide for each row execute function after_row();
create trigger c before insert on wide for each statement execute function before_all();
create trigger d after insert on wide referencing new table as made for each statement execute function after_all();
update expected set v9 = 'row ' || n, v3 = coalesce(v3, -1);
"""


async def test_triggers_see_every_row_once(db: Any) -> None:
    await prepared(db, KEYS["identity"])
    await db.execute(TRIGGERS)
    wrong = []
    for name, (write, (size, *_)) in SOME.items():
        for rows in {size, 600} if name == "bulk_create" else (size,):
            await db.execute("truncate audit")
            wrong += await differences(db, {name: (write, (rows,))})
            seen = await db.fetchrow(
                "select count(distinct n) filter (where what = 'row'), count(*) filter (where what = 'row'), "
                "sum(n) filter (where what = 'after'), count(*) filter (where what = 'before'), "
                "count(*) filter (where what = 'after') from audit"
            )
            statements = rows if name == "create" else 1
            if tuple(seen) != (rows, rows, rows, statements, statements):
                wrong.append(f"{name}, {rows} rows: the triggers saw {tuple(seen)}")
    assert not wrong, "\n".join(wrong)
    assert (
        await db.fetchval("select last_value from wide_id_seq") == 3
    )  # the upsert of instances drew no more either


@pytest.fixture
async def clerks(db: Database, dsn: str) -> AsyncIterator[Callable[[str], Awaitable[Database]]]:
    """Connects as a role that has been given these rights on the table."""
    await prepared(db, KEYS["identity"])
    await db.execute(
        """do $$ begin
             if not exists (select from pg_roles where rolname = 'chakra_writer') then
               create role chakra_writer login password 'writer'; end if; end $$;
           grant usage on schema app to chakra_writer; grant select on expected to chakra_writer"""
    )
    user, opened = urlsplit(dsn).username, []

    async def connected(rights: str) -> Database:
        await db.execute(f"revoke all on wide, wide_id_seq from chakra_writer; {rights}")
        opened.append(
            await Database.connect(
                dsn.replace(f"//{user}@", "//chakra_writer:writer@").replace(f"//{user}:", "//chakra_writer:")
            )
        )
        return opened[-1]

    yield connected
    for each in opened:
        await each.close()
    await db.execute("drop owned by chakra_writer")


ALL = ", ".join(["n", *COLUMNS])
NO_KEYS = {"create", "bulk_create", "keys asked for", "bulk_create of an upsert"}
"""Writers that give instances or the caller the keys, which only RETURNING tells them."""

RIGHTS: dict[str, tuple[str, set[str]]] = {
    "all rights": ("grant insert, select on wide to {0}; grant usage on sequence wide_id_seq to {0}", set()),
    "some columns": (f"grant insert ({ALL}), select (id, n) on wide to {{0}}", {"bulk_create of an upsert"}),
    "insert only": ("grant insert on wide to {0}", NO_KEYS),
}
"""Rights of a role, and which writers need others: those say so, whatever the number of rows."""


async def test_rights(db: Any, clerks: Callable[[str], Awaitable[Database]]) -> None:
    for name, (rights, refused) in RIGHTS.items():
        clerk = await clerks(rights.format("chakra_writer"))
        wrong = await differences(db, {k: v for k, v in SOME.items() if k not in refused}, clerk)
        assert not wrong, name + "\n".join(wrong)
        for writer in sorted(refused):
            write, sizes = SOME[writer]
            told = await differences(db, {writer: (write, sizes)}, clerk)
            assert len(told) == len(sizes) and all(
                "lacks the privilege SELECT" in t or "GRANT USAGE" in t for t in told
            )
            assert await db.fetchval("select count(*) from wide") == 0
