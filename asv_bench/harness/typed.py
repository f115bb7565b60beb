"""One column of every type: how a server makes its values, and tables of them. Row 22 and the kernels read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

from asv_bench.harness.data import say_nothing
from chakra.pg import types as t
from chakra.pg.types import PgType, enum_type, parse_type

SCHEMA = "bench_types"
"""Where the tables and the types of our own are; replaced as a whole."""

VERSION = "1"
"""Changes when values change; tables of another version are made again."""


@dataclass(frozen=True)
class Sample:
    """A type with a column of values.

    Attributes:
        id: unique; the catalog name of a type of ``COLUMN_TYPES``, or words for an example of a kind.
        sql: the type in SQL.
        value: SQL of the value of row ``i``; is cast to the type.
        type: what the bytes are, where ``sql`` does not tell.
        extension: what the server needs for it.
    """

    id: str
    sql: str
    value: str
    type: PgType | None = None
    extension: str = ""

    @property
    def pg_type(self) -> PgType:
        """The type as the columnar engine takes it."""
        return self.type or parse_type(self.sql)

    @property
    def name(self) -> str:
        """The name of the table; that which is written to has ``new_`` before it."""
        return "".join(c if c.isalnum() else "_" for c in self.id.lower())


MOOD = enum_type("mood", tuple(f"mood {i}" for i in range(20)))
ITEM = PgType(
    "item",
    kind="composite",
    schema=SCHEMA,
    fields=(("number", t.INT4), ("word", t.TEXT), ("price", t.FLOAT8)),
)
POSITIVE = PgType("positive", kind="domain", schema=SCHEMA, element=t.INT4)

TYPES_OF_OURS = f"""
CREATE TYPE {SCHEMA}.mood AS ENUM ({", ".join(f"'{label}'" for label in MOOD.labels)});
CREATE TYPE {SCHEMA}.item AS (number int, word text, price float8);
CREATE DOMAIN {SCHEMA}.positive AS int CHECK (value > 0);
"""

_REGISTERED = (
    "regclass", "regtype", "regconfig", "regproc", "regprocedure", "regoper", "regoperator", "regnamespace",
    "regrole", "regcollation", "regdictionary",
)  # fmt: skip
_POINTS = "'((' || i || ',1),(2,' || i % 1000 || '.5),(3,4))'"
_WORDS = (
    "'word' || i % 97 || ':1,8 sun' || i || ':2A moon:3 it''s:4B ' || i % 13"
    " || ':5 fat:6 cat:7 longer' || i % 1009"
)
_ELEMENTS = "(SELECT string_agg(((i * k) % 1000 / 8.0)::text, ',') FROM generate_series(1, 16) k)"
_TIME = "timestamp '2020-01-01' + i * interval '61.000013 s'"
_TIMETZ = "timestamptz '2020-01-01 00:00+00' + i * interval '61.000013 s'"

SAMPLES: tuple[Sample, ...] = (
    Sample("bool", "bool", "i % 3 = 0"),
    Sample("int2", "int2", "i % 30000 - 15000"),
    Sample("int4", "int4", "i::int8 * 7919 % 2000000000 - 1000000000"),
    Sample("int8", "int8", "i::int8 * 7919 * 104729"),
    Sample("float4", "float4", "i / 7.0"),
    Sample("float8", "float8", "i / 7.0"),
    Sample("oid", "oid", "i"),
    Sample("xid", "xid", "i::text"),
    Sample("cid", "cid", "i::text"),
    Sample("xid8", "xid8", "i::text"),
    *(Sample(name, name, "(100000000 + i)::oid", PgType(name)) for name in _REGISTERED),
    Sample("pg_lsn", "pg_lsn", "'0/' || to_hex(i)"),
    Sample("money", "money", "(i / 100.0)::numeric"),
    Sample("date", "date", "date '2000-01-01' + i % 20000"),
    Sample("time", "time", "time '00:00' + i % 86000 * interval '1.000001 s'"),
    Sample("timetz", "timetz", "(time '00:00' + i % 86000 * interval '1.000001 s') || '+02'"),
    Sample("timestamp", "timestamp", _TIME),
    Sample("timestamptz", "timestamptz", _TIMETZ),
    Sample("interval", "interval", "i * interval '1 day 3.5 s'"),
    Sample("uuid", "uuid", "md5(i::text)"),
    Sample("text", "text", "'user' || i || '@example.com'"),
    Sample("varchar", "varchar(50)", "'user' || i || '@example.com'"),
    Sample("bpchar", "char(20)", "'user' || i"),
    Sample("name", "name", "'name_' || i"),
    Sample("citext", "citext", "'User' || i || '@Example.com'", extension="citext"),
    Sample("xml", "xml", "'<a>' || i || '</a>'"),
    Sample("char", '"char"', "chr(97 + i % 26)", PgType("char")),
    Sample("bytea", "bytea", "decode(md5(i::text), 'hex')"),
    Sample("json", "json", '\'{"id": \' || i || \', "tags": ["a", "b"]}\''),
    Sample("jsonb", "jsonb", '\'{"id": \' || i || \', "tags": ["a", "b"]}\''),
    Sample("jsonpath", "jsonpath", "'$.a[' || i % 1000 || ']'"),
    Sample("ltree", "ltree", "'Top.Science.A' || i", extension="ltree"),
    Sample("lquery", "lquery", "'Top.*.A' || i", PgType("lquery"), extension="ltree"),
    Sample("ltxtquery", "ltxtquery", "'Europe & A' || i", PgType("ltxtquery"), extension="ltree"),
    Sample("numeric", "numeric", "(i::int8 * 7919 % 100000000 / 100.0)::numeric(20, 2)"),
    Sample("numeric(15,2)", "numeric(15,2)", "i::int8 * 7919 % 100000000 / 100.0"),
    Sample("numeric(38,6)", "numeric(38,6)", "i::numeric * 79191234567 * 10000000007 / 3"),
    Sample("tid", "tid", "'(' || i || ',' || i % 200 + 1 || ')'", PgType("tid")),
    Sample("point", "point", "point(i, i / 3.0)"),
    Sample("line", "line", "'{1,' || i || ',0.5}'"),
    Sample("lseg", "lseg", "lseg(point(i, 1), point(2, i / 3.0))"),
    Sample("box", "box", "box(point(i, 1), point(2, i / 3.0))"),
    Sample("circle", "circle", "circle(point(i, 1), i / 3.0)"),
    Sample("path", "path", _POINTS),
    Sample("polygon", "polygon", _POINTS),
    Sample("inet", "inet", "inet '10.0.0.0' + i"),
    Sample("inet, IPv6", "inet", "inet '2001:db8::' + i::int8 * 104729"),
    Sample("cidr", "cidr", "'10.' || i % 256 || '.0.0/16'"),
    Sample("macaddr", "macaddr", "lpad(to_hex(i), 12, '0')"),
    Sample("macaddr8", "macaddr8", "lpad(to_hex(i), 16, '0')"),
    Sample("bit", "bit(32)", "i::bit(32)"),
    Sample("varbit", "varbit", "substring(i::bit(32) FROM 1 + i % 20)"),
    Sample("tsvector", "tsvector", _WORDS),
    Sample("tsquery", "tsquery", "'sun' || i % 997 || ' & (moon | star' || i % 13 || ':A) & !cloud'"),
    Sample("hstore", "hstore", "'a=>' || i || ', colour=>red'", extension="hstore"),
    Sample("vector", "vector(16)", f"'[' || {_ELEMENTS} || ']'", extension="vector"),
    Sample("halfvec", "halfvec(16)", f"'[' || {_ELEMENTS} || ']'", extension="vector"),
    Sample(
        "sparsevec", "sparsevec(1000)", "'{' || 1 + i % 900 || ':1.5,990:-2,1000:3}/1000'", extension="vector"
    ),
    Sample("int4[]", "int4[]", "ARRAY[i, i + 1, i * 2]"),
    Sample("int4[][]", "int4[][]", "ARRAY[[i, 1], [2, i + 1]]"),
    Sample("text[]", "text[]", "ARRAY['tag ' || i % 100, 'b', 'longer ' || i]"),
    Sample("uuid[]", "uuid[]", "ARRAY[md5(i::text)::uuid, md5((i + 1)::text)::uuid]"),
    Sample("numeric(10,2)[]", "numeric(10,2)[]", "ARRAY[i / 4.0, 1.25]"),
    Sample("timestamptz[]", "timestamptz[]", f"ARRAY[{_TIMETZ}]"),
    Sample("jsonb[]", "jsonb[]", "ARRAY[('{\"id\": ' || i || '}')::jsonb, '1'::jsonb]"),
    Sample("inet[]", "inet[]", "ARRAY[inet '10.0.0.0' + i, inet '::1']"),
    Sample("enum of 20", f"{SCHEMA}.mood", "'mood ' || i % 20", MOOD),
    Sample("composite of 3", f"{SCHEMA}.item", "ROW(i, 'word ' || i % 1000, i / 3.0)", ITEM),
    Sample("domain over int4", f"{SCHEMA}.positive", "i", POSITIVE),
    Sample("int4range", "int4range", "int4range(i, i + 10)"),
    Sample("int8range", "int8range", "int8range(i, i::int8 * 10)"),
    Sample("numrange", "numrange", "numrange((i / 4.0)::numeric(12, 2), (i + 10)::numeric(12, 2))"),
    Sample("daterange", "daterange", "daterange(date '2000-01-01' + i % 9000, '2030-01-01')"),
    Sample("tstzrange", "tstzrange", f"tstzrange({_TIMETZ}, NULL)"),
    Sample(
        "int4multirange", "int4multirange", "int4multirange(int4range(i, i + 5), int4range(i + 7, i + 9))"
    ),
    Sample("any other type", "txid_snapshot", "i || ':' || i + 2 || ':' || i + 1", PgType("txid_snapshot")),
)


async def prepare(
    connection: asyncpg.Connection[Any], rows: int, say: Any = say_nothing
) -> tuple[list[Sample], dict[str, str]]:
    """Make the tables there should be, and leave alone what is there already.

    Returns:
        The types the server has, and for the others why it has not.
    """
    stamp = f"{VERSION} {rows}"
    note = "SELECT obj_description(to_regnamespace($1), 'pg_namespace')"
    if await connection.fetchval(note, SCHEMA) != stamp:
        say(f"making tables of {len(SAMPLES)} types, {rows:,} rows each (kept for the next time)")
        await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        await connection.execute(f"CREATE SCHEMA {SCHEMA}")
        await connection.execute(TYPES_OF_OURS)
        for sample in SAMPLES:
            try:
                await _make(connection, sample, rows)
            except asyncpg.PostgresError as error:
                why = " ".join(str(error).split())
                await connection.execute(f"CREATE TABLE {SCHEMA}.no_{sample.name} ()")
                await connection.execute(
                    f"COMMENT ON TABLE {SCHEMA}.no_{sample.name} IS '{why.replace(chr(39), chr(39) * 2)}'"
                )
        await connection.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{stamp}'")
    absent = {
        row[0]: row[1]
        for row in await connection.fetch(
            "SELECT substr(relname, 4), obj_description(oid, 'pg_class') FROM pg_class"
            " WHERE relnamespace = to_regnamespace($1) AND relname LIKE 'no\\_%'",
            SCHEMA,
        )
    }
    found = [sample for sample in SAMPLES if sample.name not in absent]
    return found, {sample.id: absent[sample.name] for sample in SAMPLES if sample.name in absent}


async def _make(connection: asyncpg.Connection[Any], sample: Sample, rows: int) -> None:
    async with connection.transaction():
        if sample.extension:
            await connection.execute(f"CREATE EXTENSION IF NOT EXISTS {sample.extension}")
        for prefix in ("", "new_"):
            await connection.execute(f"CREATE UNLOGGED TABLE {SCHEMA}.{prefix}{sample.name} (v {sample.sql})")
        await connection.execute(
            f"INSERT INTO {SCHEMA}.{sample.name} SELECT ({sample.value})::{sample.sql}"
            f" FROM generate_series(1, {rows}) AS i"
        )
    await connection.execute(f"VACUUM ANALYZE {SCHEMA}.{sample.name}")


__all__ = ["SAMPLES", "SCHEMA", "Sample", "prepare"]
