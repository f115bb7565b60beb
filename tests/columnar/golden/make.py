"""Make the golden files from a real server: ``python -m tests.columnar.golden.make DSN``.

Each case is a query; ``<case>.bin`` holds the server's COPY BINARY stream and ``<case>.json`` the column types and
the values as the server's own text output writes them, row by row.
"""

# ruff: noqa: E501 - tables read better in one line a row

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import asyncpg

HERE = Path(__file__).parent

SETTINGS = "set datestyle = iso; set timezone = utc; set extra_float_digits = 1; set bytea_output = hex"

CASES: dict[str, tuple[dict[str, str], str]] = {
    "simple": (
        {
            "b": "boolean",
            "i2": "smallint",
            "i4": "integer",
            "i8": "bigint",
            "f4": "real",
            "f8": "double precision",
            "o": "oid",
            "t": "text",
            "v": "varchar(20)",
            "c": "character(5)",
            "n": "name",
            "y": "bytea",
            "u": "uuid",
            "j": "json",
            "jb": "jsonb",
        },
        "values (true, 1::int2, 2::int4, 3::int8, 1.5::float4, 0.1::float8, 4::oid, 'text'::text, 'varchar'::varchar(20), "
        "'ab'::char(5), 'name'::name, '\\x00ff'::bytea, '12345678-1234-5678-1234-567812345678'::uuid, "
        "'{\"a\" : 1}'::json, '{\"a\" : [1, null]}'::jsonb), "
        "(false, -32768, -2147483648, -9223372036854775808, '-inf', '-0', 4294967295, '', 'grüß', 'grüß', '', '', "
        "'00000000-0000-0000-0000-000000000000', 'null', '\"ü\"'), "
        "(null, null, null, null, null, null, null, null, null, null, null, null, null, null, null), "
        "(true, 32767, 2147483647, 9223372036854775807, 'nan', 'inf', 0, repeat('长', 300), repeat('x', 20), '', "
        "repeat('n', 63), decode(repeat('ab', 500), 'hex'), 'ffffffff-ffff-ffff-ffff-ffffffffffff', '[]', '{}')",
    ),
    "temporal": (
        {"d": "date", "t": "time", "ts": "timestamp", "tz": "timestamptz"},
        "values ('2000-01-01'::date, '00:00'::time, '2000-01-01'::timestamp, '2000-01-01'::timestamptz), "
        "('1970-01-01', '23:59:59.999999', '1970-01-01 00:00:00.000001', '1969-12-31 23:59:59.999999'), "
        "(null, null, null, null), "
        "('0001-01-01', '12:34:56.789', '0001-01-01 00:00:00', '9999-12-31 23:59:59.999999')",
    ),
    "numeric": (
        {"s": "numeric(15,2)", "l": "numeric(38,10)", "w": "numeric(60,5)"},
        "values (0::numeric(15,2), 0::numeric(38,10), 0::numeric(60,5)), (1.25, 1.0000000001, 10000), "
        "(-9999999999999.99, -9999999999999999999999999999.9999999999, 1e54), (null, null, null), "
        "(9999999999999.99, 0.0000000001, -0.00001), (10000, 100000000, 12345.6789), (0.01, 1e27, 0.1)",
    ),
    "users": (
        {
            "id": "bigint",
            "name": "text",
            "email": "text",
            "age": "integer",
            "is_active": "boolean",
            "score": "double precision",
            "created_at": "timestamptz",
        },
        "select i::int8, 'User Name ' || i, 'user' || i || '@example.com', i % 90, i % 2 = 0, "
        "case when i % 10 > 0 then i / 7.0::float8 end, timestamptz '2020-01-01 UTC' + i * interval '1 hour 1 microsecond' "
        "from generate_series(1, 200) i",
    ),
    "textsearch": (
        {"v": "tsvector", "q": "tsquery"},
        "values ('fat:2,4A cat:3b,16383C the'::tsvector, 'a & b | !c'::tsquery), "
        "($$'it''s':1 'back\\\\slash':2D 'é':3B$$, $$'it''s':*AB <-> ( 'x\\\\' <3> y ) & !( z | w:d )$$), "
        "(null, null), ('', 'a'), "
        "((select string_agg('w' || i || ':' || i, ' ') from generate_series(1, 300) i)::tsvector, "
        "'!!(!a <-> (b <-> c)) <16384> d <0> e')",
    ),
    "empty": ({"a": "bigint", "b": "text"}, "select 1::int8, 'x'::text where false"),
}  # fmt: skip


async def main(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(SETTINGS)
    for name, (types, query) in CASES.items():
        chunks: list[bytes] = []

        async def sink(data: bytes, into: list[bytes] = chunks) -> None:
            into.append(data)

        columns = ", ".join(types)
        typed = ", ".join(f"{column}::{type_} as {column}" for column, type_ in types.items())
        query = f"select {typed} from ({query}) q ({columns})"
        await connection.copy_from_query(query, output=sink, format="binary")
        texts = ", ".join(f"{column}::text" for column in types)
        rows = await connection.fetch(f"select {texts} from ({query}) q")
        (HERE / f"{name}.bin").write_bytes(b"".join(chunks))
        content = {"types": types, "rows": [list(row) for row in rows]}
        (HERE / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
