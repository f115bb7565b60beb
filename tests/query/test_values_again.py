"""A value that was read can be written: rows read by every way, written by every way, compared as the server's text."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from chakra import Field, Interval, Model, field
from chakra.errors import DataError
from chakra.types import Array, Composite, Integer, Text
from tests.plugins.needs import needs_extension

ADDRESS = Composite("addr", street=Text, zip=Integer)

SETUP = """
create extension citext; create extension isn; create extension ltree;
create type addr as (street text, zip int);
create type person as (name citext, home addr, others addr[], born date);
create type paid as (price money, at interval, tags text[]);
create domain place as addr; create domain places as addr[];
create type mood as enum ('sad', 'ok');
create type felt as (m mood, ms mood[]);
"""

VALUES = {
    "interval": [
        "1 mon",
        "-1 mon",
        "1 year 2 mons 3 days 04:05:06.789",
        "1 mon -1 days +25:00:00",
        "24:00:00",
        "25:00:00",
        "-02:00:00",
        "1 day",
        "-1 days +02:00:00",
        "00:00:00",
        "100 years",
        "2562047 hours",
        "-2562047 hours",
        "35791394 days",
    ],
    "interval[]": ["{1 mon,NULL,1 day}", "{}", "{{1 mon},{02:00:00}}"],
    "timetz": ["12:00:01.5+01:02:03", "00:00:00-15:59:59", "23:59:59.999999+00"],
    "addr": ['("a,""b\\\\)(",1)', "(,)", '("",2)', "(x,)"],
    "addr[]": ['{"(x,2)",NULL,"(,)"}', "{}", '{{"(x,2)"},{"(y,3)"}}'],
    "person": ['(Ann,"(s,1)","{""(x,2)"",""(y,)""}",2020-01-01)', "(,,,)", '("","(,)",{},)'],
    "person[]": ['{"(Ann,\\"(s,1)\\",\\"{\\"\\"(x,2)\\"\\"}\\",2020-01-01)"}'],
    "place": ["(s,1)"],
    "places": ['{"(s,1)"}'],
    "paid": ['($1.50,"1 mon","{a,"""",NULL}")', "(,,)"],
    "felt": ['(sad,"{ok,NULL}")'],
    "citext[]": ['{a,"",NULL,"NULL"}'],
    "ltree[]": ['{a.b,""}'],
    "tsvector[]": ["{\"'a':1 'b'\",\"\"}"],
    "money[]": ["{$1.50,-$2.00}"],
    "isbn13": ["978-0-393-04002-9"],
    "isbn13[]": ["{978-0-393-04002-9,NULL}"],
    "macaddr[]": ["{08:00:2b:01:02:03}"],
    "regclass[]": ["{pg_class,pg_am}"],
    "vector[]": ['{"[1,2]",NULL,"[3,4]"}'],
}


NO_COLUMNS = {"isbn13", "isbn13[]", "paid", "money[]", "regclass[]"}
"""Types whose row values are text that columns write another way, or not at all."""


@pytest.mark.parametrize(
    "type_",
    [pytest.param(name, marks=needs_extension("vector") if name == "vector[]" else ()) for name in VALUES],
)
async def test_rows_are_written_again(db: Any, type_: str) -> None:
    await db.execute(SETUP)
    if type_ == "vector[]":
        await db.execute("create extension vector")
    for text in VALUES[type_]:
        await db.execute(f"drop table if exists t; create table t (id int primary key, v {type_})")
        stored = await db.fetchval("insert into t select 1, $1::text::" + type_ + " returning v::text", text)
        t = db.table("t")
        row = (await t)[0]
        row["id"] = 2
        await t.create(**row)
        await t.filter(id=2).update(v=row["v"])
        again = dict(await db.fetchrow("select * from t where id = 1"))
        await t.create(**{**again, "id": 3})
        if type_ not in NO_COLUMNS and "{{" not in text:  # a plain array column declares one dimension
            await t.bulk_insert({"id": [4, 5], "v": [row["v"], None]})
        found = await db.fetch("select distinct v::text from t where v::text is not null")
        assert [r[0] for r in found] == [stored], text


class Home(Model, table="homes"):
    id: Field[int] = field(primary_key=True)
    home: Field[tuple[str, int]] = field(ADDRESS)
    all: Field[list[tuple[str, int]]] = field(Array(ADDRESS))
    since: Field[dt.timedelta]


async def test_instances(db: Any) -> None:
    """What one instance was read with, any number of others can be written with."""
    await db.execute("create type addr as (street text, zip int)")
    await db.create_tables(Home)
    await db.execute("insert into homes values (default, '(s,1)', '{\"(x,2)\",NULL}', '1 mon -02:00:00')")
    first = await Home.objects.get()
    for count in (1, 3):
        values = {"home": first.home, "all": first.all, "since": first.since}
        made = [Home(**values) for _ in range(count)]
        await Home.objects.bulk_create(made)
    made[0].since = Interval(months=1, microseconds=-7_200_000_000)
    await made[0].save()
    found = await db.fetch('select distinct home::text, "all"::text, since::text from homes')
    assert [tuple(row) for row in found] == [("(s,1)", '{"(x,2)",NULL}', "1 mon -02:00:00")]
    for since in (first.since, Interval(1, 0, -7_200_000_000)):
        assert await Home.objects.filter(since=since).count() == 5
        assert (await Home.objects.filter(since=since).values("id").to_arrow()).num_rows == 5


WRONG = [
    ({"street": "s"}, "the field 'zip' of"),
    ({"strt": "s", "zip": 1}, "'strt' is not one of the fields street, zip"),
    ({"street": "s", "zip": 1, "country": "NO"}, "'country' is not one of"),
    (("s", 1, "NO"), r"expected 2 fields \(street, zip\), found 3"),
    (("s",), "expected 2 fields"),
    ("s", "expected a tuple or a mapping"),
    (5, "expected a tuple or a mapping"),
]


@pytest.mark.parametrize(("value", "says"), WRONG)
async def test_other_fields_are_refused_everywhere(db: Any, value: Any, says: str) -> None:
    await db.execute("create type addr as (street text, zip int); create table t (id int, a addr, l addr[])")
    t = db.table("t")
    for column, one in (("a", value), ("l", [value])):
        for write in (
            t.create(id=1, **{column: one}),
            t.bulk_insert({"id": [1], column: [one]}),
            t.update(**{column: one}),
        ):
            with pytest.raises(DataError, match=says) as found:
                await write
            assert column in (found.value.column or "")
    assert await t.count() == 0
