"""What every reader gives, bulk_insert takes, and the table then holds the same text: by type, reader and option."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from chakra.errors import DataError

EXTENSIONS = ("hstore", "citext")
TYPES = """
    drop type if exists mood, pair, deep cascade;
    create type mood as enum ('sad', 'ok', 'very happy');
    create type pair as (a int8, b text, c numeric(10, 2), d jsonb);
    create type deep as (xs int8[], p pair, at timestamptz);
    create domain whole as int8 check (value > 0);
"""
BIG = 2**53 + 1
"""A number that float64 does not hold."""

VALUES: dict[str, list[str]] = {
    "bool": ["true", "null", "false"],
    "int2": ["-32768", "null"],
    "int8": [str(BIG), "-9223372036854775808", "null"],
    "whole": [str(BIG), "null"],
    "float4": ["1.5", "'NaN'", "'-Infinity'", "'-0'", "null", "1e-45"],
    "float8": ["1.5", "'NaN'", "'Infinity'", "'-0'", "null", "5e-324"],
    "numeric(12, 2)": ["1.5", "null"],
    "date": ["'2024-02-29'", "'4713-01-01 BC'", "'5874897-12-31'", "null"],
    "time": ["'10:00'", "'23:59:59.999999'", "null"],
    "timetz": ["'10:00+02'", "'23:59:59.999999-15:59'", "null"],
    "timestamp": ["'2024-02-29 12:34:56.789012'", "'4713-01-01 BC'", "null"],
    "timestamptz": ["'9999-12-31 23:59:59.999999+00'", "'0001-01-01 00:00+00 BC'", "null"],
    "interval": ["'1 year 2 mons 3 days 04:05:06.789'", "'1 mon -1 day'", "'24:00:00'", "null"],
    "uuid": ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "null"],
    "text": ["'a'", "''", "null", "'\u65e5\u672c'"],
    "bytea": ["'\\x00ff'", "''", "null"],
    "json": ["""'{"a": 1,  "b":[1,2]}'""", "'null'", "null"],
    "jsonb": ["""'{"a": 1.50, "b":[1,null]}'""", """'"x"'""", "'12345678901234567890'", "null"],
    "money": ["12.34", "-0.01", "null"],
    "xid8": ["'18446744073709551615'", "null"],
    "pg_lsn": ["'16/B374D848'", "null"],
    "regclass": ["'pg_class'", "null"],
    "point": ["'(1,2)'", "'(Infinity,NaN)'", "null"],
    "hstore": ["'a=>1,b=>NULL'", "''", "null"],
    "mood": ["'sad'", "null"],
    "mood[]": ["'{sad,NULL}'", "null"],
    "int8[]": [f"'{{{BIG},NULL}}'", "'{}'", "null"],
    "float8[]": ["'{1.5,NaN,NULL,Infinity}'"],
    "bool[]": ["'{t,NULL}'"],
    "text[]": ["'{a,\"\",NULL}'"],
    "citext[]": ["array['A','']::citext[]"],
    "time[]": ["'{10:00,NULL}'"],
    "timetz[]": ["'{10:00+02,NULL}'"],
    "timestamptz[]": ["'{2024-01-01 00:00+00,NULL}'"],
    "uuid[]": ["'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}'"],
    "json[]": ["""array['{"a":1}'::json, null, 'null', '"x"']"""],
    "jsonb[]": ["""array['{"a":1}'::jsonb, null, 'null', '"x"']"""],
    "hstore[]": ["array['a=>1'::hstore, null, '']"],
    "pair": [f"""row({BIG}, 'x', 1.5, '{{"a":1}}')""", "row(null, null, null, null)", "null"],
    "pair[]": [f"""array[row({BIG}, '', 1.5, '"x"')::pair, null]"""],
    "deep": [f"""row('{{{BIG},NULL}}', row({BIG}, 'x', 1.5, null), '2024-01-01 00:00+00')""", "null"],
    "int8range": [f"'[{BIG},{BIG + 2})'", "'(,5)'", "'empty'", "null"],
    "tstzrange": ["'[2024-01-01 00:00+00,)'", "'(,)'", "null"],
}

INFINITE: dict[str, list[str]] = {
    "date": ["'infinity'", "'-infinity'", "'2024-01-01'", "null"],
    "timestamp": ["'infinity'", "'-infinity'", "'2024-01-01'", "null"],
    "timestamptz": ["'infinity'", "'-infinity'", "'2024-01-01 00:00+00'", "null"],
    "date[]": ["'{infinity,NULL,2024-01-01,-infinity}'"],
    "timestamptz[]": ["'{infinity,NULL,-infinity}'"],
    "tstzrange": ["'[-infinity,infinity]'", "'[2024-01-01 00:00+00,infinity)'"],
    "deep": ["row(null, null, 'infinity')"],
}

READERS = ("to_arrow", "to_polars", "to_pandas", "to_numpy")
OPTIONS: list[dict[str, Any]] = [{}, {"strings": "large_utf8"}, {"strings": "view"}, {"uuid": "text"}]


async def texts(db: Any, table: str) -> list[str | None]:
    return [row[0] for row in await db.fetch(f"select v::text from {table} order by id")]


async def filled(db: Any, kind: str, values: list[str]) -> None:
    for name in EXTENSIONS:
        if name in kind:
            await db.execute(f"create extension if not exists {name}")
    await db.execute(TYPES)
    await db.execute(f"create table t (id int, v {kind}); create table back (like t)")
    for row, value in enumerate(values):
        await db.execute(f"insert into t values ({row}, ({value})::{kind})")


@pytest.mark.parametrize("kind", VALUES)
async def test_written_back(db: Any, kind: str) -> None:
    await filled(db, kind, VALUES[kind])
    source = db.table("t").order_by("id")
    whole = await texts(db, "t")
    for reader, options in product(READERS, OPTIONS):
        for query, expected in ((source, whole), (source[:1], whole[:1]), (source.filter(id=-1), [])):
            found = await getattr(query, reader)(**options)
            await db.execute("truncate back")
            await db.table("back").bulk_insert(found)
            assert await texts(db, "back") == expected, (reader, options)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", INFINITE)
async def test_infinity_as_a_sentinel(db: Any, kind: str, reader: str) -> None:
    await filled(db, kind, INFINITE[kind])
    source = db.table("t").order_by("id")
    with pytest.raises(DataError, match='infinity="sentinel"'):
        await getattr(source, reader)()
    if reader == "to_numpy" and kind not in ("date", "timestamp", "timestamptz"):
        with pytest.raises(DataError, match="has no Python object"):
            await source.to_numpy(infinity="sentinel")
        return
    await db.table("back").bulk_insert(await getattr(source, reader)(infinity="sentinel"))
    assert await texts(db, "back") == await texts(db, "t")
    if reader == "to_arrow":
        batches = source.arrow_batches(infinity="sentinel", max_rows=1)
        await db.table("back").delete()
        await db.table("back").bulk_insert(batches)
        assert await texts(db, "back") == await texts(db, "t")


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        ("timestamp", "294247-01-10", 'the day that infinity="sentinel" stands for'),
        ("timestamp", "294276-12-31", "a value after 294247-01-10"),
        ("time", "24:00", "24:00:00 of a time has no"),
    ],
)
async def test_a_sentinel_is_never_taken_for_a_value(db: Any, kind: str, value: str, says: str) -> None:
    await filled(db, kind, [f"'{value}'"])
    with pytest.raises(DataError, match=says):
        await db.table("t").to_arrow(infinity="sentinel")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int4[]", "{{1,2},{3,NULL}}"),
        ("text[]", "{{{a},{b}},{{c},{NULL}}}"),
        ("timestamptz[]", "{{2024-01-01 00:00:00+00}}"),
    ],
)
async def test_arrays_of_tables_have_the_dimensions_of_the_data(db: Any, kind: str, value: str) -> None:
    await filled(db, kind, ["null", f"'{value}'", "'{}'"])
    table = await db.table("t").order_by("id").to_arrow()
    assert str(table.schema.field("v").type).count("list") == value.index(value.lstrip("{")[0])
    assert len((await db.table("t").order_by("id").to_polars())["v"]) == 3


@pytest.mark.parametrize("value", ["[0:1]={1,2}", "[1:1][2:3]={{1,2}}"])
async def test_lower_bounds_are_refused(db: Any, value: str) -> None:
    await filled(db, "int4[]", ["null", f"'{value}'"])
    with pytest.raises(DataError, match=r'row 1, column "v": an array that begins at [02].*column\[:\]'):
        await db.table("t").order_by("id").to_arrow()


async def test_tables_that_are_made_again_with_other_types(db: Any) -> None:
    """The text that stands in for a type without a binary format is not what its successor is read as."""
    await db.execute("create table u (v aclitem)")
    assert str((await db.table("u").to_arrow()).schema.field("v").type) == "string"
    await db.execute("drop table u; create table u (v int[])")
    assert str((await db.table("u").to_arrow()).schema.field("v").type) == "list<item: int32>"


async def test_options_for_parquet(db: Any) -> None:
    await filled(db, "interval", ["'1 day 02:00'", "'-1 days'", "null"])
    source = db.table("t").order_by("id")
    for options, kind in (({"interval": "duration"}, "duration[us]"), ({"interval": "text"}, "string")):
        found = await source.to_arrow(**options)
        assert str(found.schema.field("v").type) == kind
        assert (await source.arrow_schema(**options)) == found.schema
        await db.table("back").delete()
        await db.table("back").bulk_insert(found)
        assert await texts(db, "back") == await texts(db, "t")
    assert (await source.to_arrow(interval="text"))["v"].to_pylist() == ["P1DT7200S", "P-1D", None]
    await db.execute("update t set v = '1 mon' where id = 2")
    with pytest.raises(DataError, match=r'row 2, column "v": an interval with months has no length'):
        await source.to_arrow(interval="duration")
    await db.table("back").delete()
    await db.table("back").bulk_insert(await source.to_arrow(interval="text"))
    assert await texts(db, "back") == await texts(db, "t")


async def test_enums_in_polars(db: Any) -> None:
    import polars as pl

    await filled(db, "mood", ["'ok'", "null"])
    frame = await db.table("t").order_by("id").to_polars()
    assert frame.schema["v"] == pl.Enum(["sad", "ok", "very happy"])


async def test_arrays_without_elements_go_back_whatever_their_depth(db: Any) -> None:
    """Of arrays that are all empty or NULL nobody sees the dimensions."""
    await db.execute("create table deep (id int, v int[][]); insert into deep values (1, '{}'), (2, null)")
    found = await db.table("deep").to_arrow()
    await db.table("deep").bulk_insert(found)
    rows = await db.fetch("select id, v::text from deep order by id, v")
    assert [tuple(row) for row in rows] == [(1, "{}"), (1, "{}"), (2, None), (2, None)]
