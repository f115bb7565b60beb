"""CSV and Parquet files: the server's own text, the same rows back, all or nothing, and errors that say where."""

from __future__ import annotations

import asyncio
import bz2
import datetime as dt
import io
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chakra import Field, Model, field, raw
from chakra.errors import (
    DataError,
    FieldError,
    NotNullViolation,
    UniqueViolation,
)
from chakra.pg.quoting import quote_string
from chakra.query import file_ends, file_loads, files
from chakra.query.file_ends import in_thread
from chakra.types import Array, Integer, Numeric, Text, TimestampTz

SETUP = """
create extension if not exists hstore; create extension if not exists citext;
create schema app; create type app.mood as enum ('sad', 'it''s ok'); create type pair as (a int8, b text, c app.mood);
create domain code as varchar(4) check (value <> 'bad'); create domain codes as text[];
create table source (id int primary key, v1 bool, v2 int2, v3 int8, v4 numeric, v5 numeric(10, 2), v6 float4, v7 float8,
  v8 text, v9 char(4),
  v10 bytea, v11 date, v12 timestamp, v13 timestamptz, v14 time, v15 timetz, v16 interval, v17 uuid,
  v18 json, v19 jsonb, v20 app.mood, v21 pair, v22 int[], v23 text[], v24 int4range, v25 tstzrange, v26 int4multirange,
  v27 inet, v28 cidr, v29 macaddr, v30 money, v31 point, v32 varbit, v33 tsvector, v34 hstore, v35 citext, v36 code,
  v37 codes, v38 pg_lsn, v39 oid, v40 regclass, v41 name, v42 "char", v43 pair[], v44 tid, v45 polygon, v46 xid8);
create table target (like source);
insert into source (id) values (3)
"""
VALUES: dict[str, tuple[str, str]] = {
    "v1": ("t", "f"), "v2": ("-32768", "7"), "v3": ("9223372036854775807", "-9223372036854775808"),
    "v4": ("NaN", "123456789012345678901234567890.50"), "v5": ("1.50", "-0.01"), "v6": ("NaN", "1e-45"),
    "v7": ("Infinity", "-0"), "v8": ('a,"b"\n\r\nc;', ""), "v9": (" ab", ""), "v10": ("\\x00ff", "\\x5c"),
    "v11": ("4713-01-01 BC", "infinity"), "v12": ("0044-03-15 10:00:00.5 BC", "20000-01-01"),
    "v13": ("-infinity", "1883-01-01 12:00:00.000001+00:19:32"), "v14": ("24:00:00", "23:59:59.999999"),
    "v15": ("10:00:00+02", "10:00:00-15:59:59"), "v16": ("1 mon -3 days 04:05:06.789", "-1 years"),
    "v17": ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"),
    "v18": ('{"a":  [1, "x,y"]}', "null"), "v19": ('{"a": null}', '"x"'), "v20": ("it's ok", "sad"),
    "v21": ('(1,"x,""y",sad)', "(,,)"), "v22": ("{1,NULL,3}", "{{1,2},{3,4}}"), "v23": ('{a,"b,c",NULL,""}', "{}"),
    "v24": ("[1,5)", "empty"), "v25": ('["2020-01-01 00:00:00+00",infinity)', "(,)"), "v26": ("{[1,2),[5,6)}", "{}"),
    "v27": ("10.0.0.1/8", "::1"), "v28": ("10.0.0.0/8", "::/0"), "v29": ("08:00:2b:01:02:03", "00:00:00:00:00:00"),
    "v30": ("12.34", "-0.01"), "v31": ("(1,2)", "(Infinity,NaN)"), "v32": ("101", ""), "v33": ("'a':1 'b'", ""),
    "v34": ('"a"=>"1", "b"=>NULL', ""), "v35": ("ÄbC", ""), "v36": ("x;y", ""), "v37": ("{a}", '{"b c"}'),
    "v38": ("16/B374D848", "0/0"), "v39": ("4294967295", "0"), "v40": ("pg_class", "pair_gone"), "v41": ("n", ""),
    "v42": ("x", ""), "v43": ('{"(1,,)",NULL}', "{}"), "v44": ("(0,1)", "(4294967295,65535)"),
    "v45": ("((0,0),(1,2))", "((1,1))"), "v46": ("18446744073709551615", "0"),
}  # fmt: skip
"""Two values of every kind of type, as text; a third row is NULL in all of them."""


async def filled(db: Any) -> tuple[Any, Any]:
    await db.execute(SETUP)
    for number in (0, 1):
        given = {c: v[number] for c, v in VALUES.items() if (c, number) != ("v40", 1)}
        values = ", ".join(quote_string(value) for value in given.values())
        await db.execute(f"insert into source (id, {', '.join(given)}) values ({number + 1}, {values})")
    return db.table("source").order_by("id"), db.table("target")


async def texts(db: Any, table: str) -> list[str]:
    return [row[0] for row in await db.fetch(f"select row(t.*)::text from {table} t order by id")]


DIALECTS: list[dict[str, Any]] = [
    {},
    {"delimiter": ";", "null": "\\N", "quote": "'"},
    {"delimiter": "\t", "header": False, "null": "NULL"},
    {"encoding": "utf-16", "compression": "gzip"},
    {"encoding": "latin-1", "compression": "zstd"},
]


async def test_csv_has_the_text_of_the_server_and_comes_back(
    db: Any, pg: asyncpg.Connection[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = await filled(db)
    names = [c.name for c in await source.columns]
    expected, path = await texts(db, "source"), tmp_path / "rows.csv"
    for options in DIALECTS:
        assert await source.to_csv(path, **options) == 3
        if not options.keys() & {"encoding", "compression"}:
            own = io.BytesIO()
            await pg.copy_from_query(
                "select * from source order by id", output=own, format="csv",
                **{"header": True, **options},
            )  # fmt: skip
            assert path.read_bytes() == own.getvalue()
        for size in (5, 1 << 22):
            monkeypatch.setattr(file_loads, "READ_BYTES", size)
            columns = {} if options.get("header", True) else {"columns": names}
            assert (await target.load_csv(str(path), **options, **columns)).inserted == 3
            assert await texts(db, "target") == expected, options
            await target.delete()
    assert sorted(os.listdir(tmp_path)) == ["rows.csv"]


async def test_csv_does_not_depend_on_the_sessions_settings(db: Any) -> None:
    await db.execute("create table t (id int, d date, i interval, b bytea, f float8, at timestamptz)")
    await db.execute(
        "insert into t values (1, '2026-02-01', '1 mon -1 day', '\\x5c00', 0.1, '2026-02-01 12:00+00')"
    )
    odd = {
        "datestyle": "SQL, DMY",
        "intervalstyle": "iso_8601",
        "bytea_output": "escape",
        "extra_float_digits": -5,
    }
    async with db.transaction(settings={**odd, "timezone": "Asia/Kolkata"}):
        file = io.BytesIO()
        await db.table("t").to_csv(file)
        assert (
            file.getvalue().splitlines()[1]
            == b"1,2026-02-01,1 mon -1 days,\\x5c00,0.1,2026-02-01 17:30:00+05:30"
        )
        file.seek(0)
        assert (await db.table("t").load_csv(file)).inserted == 1
        assert await db.fetchval("show datestyle") == "SQL, DMY"
    assert await db.fetchval("select count(distinct t::text) from t") == 1


async def test_parquet_comes_back(db: Any, tmp_path: Path) -> None:
    source, target = await filled(db)
    # Beside these: a numeric without precision needs a choice, arrays of tables one number of dimensions.
    columns = [c for c in ("id", *VALUES) if c not in ("v4", "v14", "v16", "v22", "v40", "v43")]
    path = tmp_path / "rows.parquet"
    for options in (
        {},
        {"compression": None, "strings": "large_utf8"},
        {"compression": "zstd", "uuid": "text"},
    ):
        written = await source.values(*columns).to_parquet(
            path, infinity="sentinel", row_group_rows=2, **options
        )
        assert (written, pq.ParquetFile(path).num_row_groups) == (3, 2)
        assert (await target.load_parquet(path)).inserted == 3
        picked = ", ".join(columns)
        same = await db.fetchval(
            f"select count(distinct t::text) from (select {picked} from source union all select {picked} from target) t"
        )
        assert same == 3, options
        await target.delete()
    rest = {"numeric": "string", "interval": "text"}
    await source.values("id", "v4", "v16").to_parquet(path, **rest)
    await target.load_parquet(path)
    both = "select id, v4, v16 from source union all select id, v4, v16 from target"
    assert await db.fetchval(f"select count(distinct t::text) from ({both}) t") == 3
    with pytest.raises(FieldError, match=r'column "v16": Parquet has no type .*interval="duration"'):
        await source.values("v16").to_parquet(path)
    with pytest.raises(FieldError, match=r'column "v4".*numeric="string"'):
        await source.values("v4").to_parquet(path)
    with pytest.raises(DataError, match=r'row 0, column "v13".*infinity="sentinel"'):
        await source.values("v13").to_parquet(path)
    assert pq.read_table(path).num_rows == 3 and os.listdir(tmp_path) == ["rows.parquet"]


class Item(Model, table="items"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(column="title", unique=True)
    price: Field[Decimal] = field(Numeric(6, 2), default=Decimal(1))
    tags: Field[list[str]] = field(Array(Text), default_factory=list)
    size: Field[int | None] = field(Integer, default=None)
    at: Field[dt.datetime | None] = field(TimestampTz, default=None)


HEAD = b"name,size,price,tags,at\n"

WRONG: list[tuple[bytes, dict[str, Any], type[Exception], str]] = [
    (HEAD + b"a,1,1,{},\n\nb,x,1,{},\n", {}, DataError, r"^in.csv, line 4: row 1, column .size.: 'x' does not fit int"),
    (HEAD + b'"a\nb",1,1,{},\nb,9999999999,1,{},\n', {}, DataError, r'^in.csv, line 4: row 1, column "size"'),
    (HEAD + b"a,1,1.001,{},\n", {}, DataError, r'^in.csv, line 2: row 0, column "price".*numeric\(6, ?2\)'),
    (HEAD + b"a,1,1,{},2026-01-01\n", {}, DataError, r'^in.csv, line 2: row 0, column "at".*naive_datetimes'),
    (HEAD + b"a,1,1,{},2026-02-30 10:00+00\n", {}, DataError, r'^in.csv, line 2: row 0, column "at"'),
    (HEAD + b"a,1,1,{},\nb,1,1,{x\n", {}, DataError, r"^in.csv, line 3: 4 values for 5 columns"),
    (HEAD + b"a,1,1,{},\nb,1,1,{},\nc,1,{x\n", {"delimiter": ","}, DataError, "^in.csv, line 4: 3 values"),
    (HEAD + b"a,1,1,{},\nb,1,1,x,\nc,1,1,y,\n", {}, DataError,
     r"^in.csv, line 3: row 1, column .tags.: 'x' does not fit text\[\]: malf"),
    (b"name,colour\na,b\n", {}, DataError, '^in.csv: .*no column "colour".*extra="ignore"'),
    (b"size\n1\n", {}, DataError, "name"),
    (b"name,size\n,1\n", {}, NotNullViolation, '^in.csv, line 2: row 0, column "name"'),
    (b"name\na\na\n", {}, UniqueViolation, "items_title"),
    (b"name\na\n", {"columns": {"names": "name"}}, FieldError, 'columns: in.csv has no column "names"; it has name'),
    (b"a,1\n", {"header": False}, FieldError, "columns="),
    (b"", {}, DataError, "^in.csv is empty"),
]  # fmt: skip


async def test_errors_say_where(db: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is written, whatever stood before the value; a surrounding transaction goes on."""
    monkeypatch.chdir(tmp_path)
    await db.create_tables(Item)
    for data, options, error, says in WRONG:
        Path("in.csv").write_bytes(data)
        with pytest.raises(error, match=says):
            await Item.objects.load_csv("in.csv", **options)
        async with db.transaction():
            await Item.objects.create(name="kept")
            with pytest.raises(error, match=says):
                await Item.objects.load_csv("in.csv", **options)
            assert await Item.objects.count() == 1
            await Item.objects.delete()
    with pytest.raises(FileNotFoundError, match=r"nothing\.csv"):
        await Item.objects.load_csv("nothing.csv")
    for given in (None, 5, io.StringIO("name\n"), "", b"", object()):
        for verb in ("load_csv", "load_parquet", "to_csv", "to_parquet"):
            with pytest.raises(FieldError, match=verb):
                await getattr(Item.objects, verb)(given)
    with pytest.raises(DataError, match=r"^in.csv is no Parquet file"):
        await Item.objects.load_parquet("in.csv")
    pq.write_table(pa.table({"name": ["a", "b"], "size": [1, 2**40]}), "in.parquet")
    with pytest.raises(DataError, match=r'^in.parquet: row 1, column "size"'):
        await Item.objects.load_parquet("in.parquet")
    assert await Item.objects.count() == 0
    assert (
        await db.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in%'"
        )
        == 0
    )


async def test_what_loading_takes(db: Any, tmp_path: Path) -> None:
    await db.create_tables(Item)
    path, seen = tmp_path / "in.csv.bz2", []
    rows = "n;Größe;x\nä;5;1\nb;\\N;2\n".encode("latin-1")
    path.write_bytes(bz2.compress(rows))
    how: dict[str, Any] = {"delimiter": ";", "null": "\\N", "encoding": "latin-1", "extra": "ignore"}
    result = await Item.objects.load_csv(
        path,
        columns={"n": "title", "Größe": "size"},
        returning="keys",
        progress=lambda *n: seen.append(n),
        **how,
    )
    assert result.keys is not None
    assert (result.inserted, result.keys.to_pylist(), seen[-1][0]) == (2, [1, 2], 2)
    assert await Item.objects.order_by("id").values_list("name", "size", "price", "tags") == [
        ("ä", 5, Decimal(1), []),
        ("b", None, Decimal(1), []),
    ]
    upsert: dict[str, Any] = {"on_conflict": "update", "conflict_fields": ["name"]}
    file = io.BytesIO('ä,{x},2026-01-01 10:00\nc,"{y,""z""}",infinity\n'.encode())
    how = {"header": False, "columns": ["name", "tags", "at"], "naive_datetimes": "utc"}
    result = await Item.objects.load_csv(file, **how, **upsert)
    assert (result.inserted, result.updated) == (1, 1)
    found = await db.fetch(
        "select title, tags::text, size, at at time zone 'utc' from items order by title collate \"C\""
    )
    assert [tuple(map(str, row)) for row in found] == [
        ("b", "{}", "None", "None"),
        ("c", "{y,z}", "None", str(dt.datetime.max)),
        ("ä", "{x}", "5", "2026-01-01 10:00:00"),
    ]
    target = tmp_path / "out.parquet"
    assert await Item.objects.order_by("id").values("name", "size").to_parquet(target) == 3
    await Item.objects.delete()
    with target.open("rb") as opened:
        result = await Item.objects.load_parquet(opened, columns={"name": "name"}, on_conflict="ignore")
    assert (result.inserted, result.skipped) == (3, 0)
    wide = io.BytesIO()
    assert await raw("select $1::text as a, row(1, null) as b", db, params=["x"]).to_csv(wide) == 1
    assert wide.getvalue() == b'a,b\nx,"(1,)"\n'
    wide = io.BytesIO()
    assert await Item.objects.none().to_csv(wide) == 0
    assert wide.getvalue() == b"id,name,price,tags,size,at\n"
    assert await Item.objects.none().to_parquet(target) == 0 and pq.read_table(target).num_columns == 6
    wide.seek(0)
    assert (
        (await Item.objects.load_csv(wide)).inserted
        == 0
        == (await Item.objects.load_parquet(target)).inserted
    )


async def test_no_half_written_file(db: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    link = tmp_path / "link"
    link.symlink_to(path)
    path.write_text("before")
    path.chmod(0o640)
    query = raw("select i, 1 / (80000 - i) as q, repeat('x', 20) as t from generate_series(1, 90000) i", db)
    for verb in ("to_csv", "to_parquet"):
        with pytest.raises(DataError, match="division by zero"):
            await getattr(query, verb)(path)
        endless = raw("select generate_series(1, 100000000) as i, repeat('x', 100) as t", db)
        writing = asyncio.create_task(getattr(endless, verb)(path))
        while not any(".part" in name and (tmp_path / name).stat().st_size for name in os.listdir(tmp_path)):
            await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        with pytest.raises(ZeroDivisionError):
            await endless_progress(endless, verb, path)
        assert (path.read_text(), sorted(os.listdir(tmp_path))) == ("before", ["link", "rows"])
        with open(tmp_path / "open", "w+b") as file:
            file.write(b"head")
            with pytest.raises(DataError, match="division by zero"):
                await getattr(query, verb)(file)
            file.seek(0)
            assert file.read() == b"head"
        os.unlink(tmp_path / "open")
    with pytest.raises(FileNotFoundError, match=r"'\S*/gone/x'"):
        await query.to_csv(tmp_path / "gone" / "x")
    with pytest.raises(IsADirectoryError):
        await query.to_csv(tmp_path)
    assert await raw("select 1 as a", db).to_csv(link) == 1
    assert (path.read_text(), path.stat().st_mode & 0o777, link.is_symlink()) == ("a\n1\n", 0o640, True)
    assert await raw("select 1 as a", db).to_csv(os.devnull) == 1
    left = (
        "select count(*) from pg_stat_activity where datname = current_database() and query like '%generate%'"
    )
    left += " and state = 'active'"
    assert await db.fetchval(left) == 1  # this question itself


async def endless_progress(query: Any, verb: str, path: Path) -> None:
    await getattr(query, verb)(path, progress=lambda rows, size: 1 / 0)


@pytest.mark.parametrize("verb", ["to_csv", "to_parquet", "load_csv", "load_parquet"])
async def test_cancelled_at_every_step_in_a_thread(
    db: Any, tmp_path: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancel while a thread opens, begins, writes or ends the file leaves nothing beside it, and nothing open."""
    query, suffix = raw("select i from generate_series(1, 3) i", db), verb.rpartition("_")[2]
    path, calls, lost = tmp_path / f"rows.{suffix}", [0], []
    await getattr(query, f"to_{suffix}")(path)
    await db.execute("create table cut_loads (i int)")
    before = path.read_bytes()
    monkeypatch.setattr(sys, "unraisablehook", lost.append)

    async def cancelling(work: Any, *args: Any, **options: Any) -> Any:
        calls[0] -= 1
        loop, task, last = asyncio.get_running_loop(), asyncio.current_task(), calls[0] == 0

        def run() -> Any:
            if last:
                loop.call_soon_threadsafe(task.cancel)  # type: ignore[union-attr]
            return work(*args, **options)

        return await in_thread(run)

    for module in (file_ends, file_loads, files):
        monkeypatch.setattr(module, "in_thread", cancelling)
    source, cuts = query if verb.startswith("to") else db.table("cut_loads"), 0
    while True:
        calls[0] = cuts + 1
        try:
            await getattr(source, verb)(path)
            break
        except asyncio.CancelledError:
            cuts += 1
        assert os.listdir(tmp_path) == [path.name]
        links = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        assert str(path) not in links and not lost
    assert cuts > 2
    assert path.stat().st_size == len(before)
