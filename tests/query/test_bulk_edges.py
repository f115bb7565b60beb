"""Bulk writes of instances at their edges: timeouts, the ends of time, what the server refuses; against a server."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import asyncpg
import pyarrow as pa
import pytest

from chakra import Field, Model, field
from chakra.errors import CheckViolation, DataError, FieldError, QueryCancelled, UniqueViolation
from chakra.query import bulk_write
from chakra.types import SmallInt, Timestamp
from tests.query.test_bulk_write import COUNTS, MODELS, VALUES, Sample, Team


@pytest.fixture
async def tables(db: Any) -> Any:
    await db.create_tables(*MODELS)
    return db


@pytest.mark.parametrize("timeout", [0, -1, 0.0, float("nan"), True, "5", dt.timedelta(seconds=1)])
async def test_what_is_no_timeout(tables: Any, timeout: Any) -> None:
    says = r"timeout=.*: expected a number of seconds above 0, or None"
    team = Team(name="x")
    with pytest.raises(FieldError, match=says):
        await Team.objects.bulk_create([team], timeout=timeout)
    with pytest.raises(FieldError, match=says):
        await Team.objects.bulk_insert({"name": ["x"]}, timeout=timeout)
    with pytest.raises(FieldError, match=says):
        await Team.objects.bulk_update({"id": [1], "name": ["x"]}, timeout=timeout)
    for read in (
        Team.objects.to_arrow,
        Team.objects.to_polars,
        Team.objects.to_pandas,
        Team.objects.to_numpy,
    ):
        with pytest.raises(FieldError, match=says):
            await read(timeout=timeout)
    assert await Team.objects.count() == 0


@pytest.mark.parametrize("many", [False, True])
async def test_what_was_cancelled_is_not_there(tables: Any, many: bool) -> None:
    """Times from far too short to long enough: the rows are there exactly if the call returned."""
    rows = 600 if many else 1
    for step in range(40):
        wanted = step * 0.0004 * (4 if many else 1) + 0.0001
        teams = [Team(name=f"{step} {n}") for n in range(rows)]
        try:
            await Team.objects.bulk_create(teams, timeout=wanted)
            done = True
        except QueryCancelled:
            done = False
        assert [team.id is not None for team in teams] == [done] * rows
        assert await Team.objects.filter(name__startswith=f"{step} ").count() == rows * done


async def test_a_timeout_leaves_the_transaction_around_it_usable(
    tables: Any, pg: asyncpg.Connection[Any]
) -> None:
    await Team.objects.create(name="there")
    async with pg.transaction():
        await pg.execute("insert into bulk_teams (id, name) values (-1, 'team 0')")
        async with tables.transaction():
            with pytest.raises(QueryCancelled):
                await Team.objects.bulk_create([Team(name="team 0")], timeout=0.05)
            assert await Team.objects.count() == 1
            await Team.objects.bulk_create([Team(name="other")], timeout=5)
    assert await Team.objects.filter(name="other").count() == 1


class Span(Model, table="bulk_spans"):
    id: Field[int] = field(primary_key=True)
    day: Field[dt.date | None]
    wall: Field[dt.datetime | None] = field(Timestamp)
    at: Field[dt.datetime | None]
    days: Field[list[dt.date] | None] = field(default=None)
    times: Field[list[dt.datetime] | None] = field(default=None)


ENDS: list[dict[str, Any]] = [
    {"day": day, "wall": naive, "at": at, "days": days, "times": times}
    for day, naive, at, days, times in [
        (dt.date.max, dt.datetime.max, dt.datetime.max.replace(tzinfo=dt.UTC), [dt.date.max], None),
        (dt.date.min, dt.datetime.min, dt.datetime.min.replace(tzinfo=dt.UTC), None, [dt.datetime.max]),
        (None, dt.datetime.max.replace(microsecond=999_998), dt.datetime.max, [dt.date.min], None),
        (dt.date(9999, 12, 30), dt.datetime(1, 1, 1, 0, 0, 1), dt.datetime.min, None, None),
        (
            dt.date(1, 1, 2),
            None,
            dt.datetime(9999, 12, 31, 21, 59, 59, 999_999, dt.timezone(-dt.timedelta(hours=2))),
            None,
            None,
        ),
    ]
]


async def spans(pg: asyncpg.Connection[Any], first: int = 0) -> list[Any]:
    query = "select day::text, wall::text, at::text, days::text, times::text from bulk_spans where id > $1"
    return [tuple(row) for row in await pg.fetch(f"{query} order by id", first)]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("lists", [False, True])
async def test_the_ends_of_time_are_infinite_as_in_single_rows(
    db: Any, pg: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch, zone: str, lists: bool
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        await db.create_tables(Span)
        values = [e if lists else {**e, "days": None, "times": None} for e in ENDS]
        last = max([(await Span.objects.create(**v)).id for v in values])
        expected = await spans(pg)
        assert expected[0][:3] == ("infinity",) * 3
        for repeat in (1, bulk_write.COPY_FROM_ROWS // len(values) + 1):
            made = await Span.objects.bulk_create([Span(**v) for _ in range(repeat) for v in values])
            assert await spans(pg, last) == expected * repeat
            for span in made:
                span.day = span.wall = span.at = None
            await Span.objects.bulk_update(made, ["day", "wall", "at"])
            for span, v in zip(made, values * repeat, strict=True):
                span.day, span.wall, span.at = v["day"], v["wall"], v["at"]
            await Span.objects.bulk_update(made, ["day", "wall", "at"])
            assert await spans(pg, last) == expected * repeat
            await Span.objects.bulk_create(made, on_conflict="update")
            assert await spans(pg, last) == expected * repeat
            last = made[-1].id
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_arrays_mean_the_last_day_itself_and_lists_what_rows_do(
    db: Any, pg: asyncpg.Connection[Any]
) -> None:
    await db.create_tables(Span)
    ends: dict[str, Any] = {"day": [dt.date.max], "wall": [dt.datetime.min]}
    await Span.objects.bulk_insert(pa.table(ends))
    await Span.objects.bulk_insert(ends)
    await Span.objects.bulk_insert([{"day": "infinity", "wall": "-infinity"}])
    await Span.objects.create(day="infinity", wall="-infinity")
    days, *others = [row[:2] for row in await spans(pg)]
    assert days == ("9999-12-31", "0001-01-01 00:00:00")
    assert others == [("infinity", "-infinity")] * 3


@pytest.mark.parametrize("staged", [False, True])
async def test_what_the_server_refuses_amid_a_copy_is_named(
    db: Any, pg: asyncpg.Connection[Any], staged: bool
) -> None:
    await pg.execute(
        'create domain small as int check (value < 10); create table "a, b 7" (id int unique, n numeric(3, 1), '
        "s small, doc json, must int check (must > 0))"
    )
    t = db.table('"a, b 7"')
    how: dict[str, Any] = {"on_conflict": "ignore"} if staged else {}
    good = {"id": list(range(600)), "doc": ["{}"] * 600}
    cases = [
        ("doc", "{", DataError, 'row 400, column "doc": invalid input syntax for type json'),
        ("s", 10, CheckViolation, 'row 400, column "s": value for domain small violates'),
    ]
    if not staged:  # the staging table has types, but no constraints
        cases += [
            ("must", -1, CheckViolation, "row 400: .*a, b 7_must_check"),
            ("id", 7, UniqueViolation, "row 400: "),
        ]
    for name, value, kind, says in cases:
        column: list[Any] = list(good.get(name, [None] * 600))
        column[400] = value
        with pytest.raises(kind, match=says) as caught:
            await t.bulk_insert(pa.table({**good, name: column}), **how)
        if isinstance(caught.value, DataError):
            assert (caught.value.row, caught.value.column) == (400, "doc")
    assert await t.count() == 0


class Sum(Model, table="bulk_sums"):
    id: Field[int] = field(primary_key=True)
    label: Field[str] = field(db_default="'none'")
    small: Field[int] = field(SmallInt, unique=True)
    twice: Field[int | None] = field(default=None)


def mixed(rows: int) -> list[Sum]:
    """Instances of which every other one leaves the label to the server, so there are two groups of them."""
    return [Sum(small=n, **({"label": "given"} if n % 2 else {})) for n in range(rows)]


@pytest.mark.parametrize("conflict", [None, "ignore", "update"])
@COUNTS
async def test_rows_are_named_by_their_place_among_all_instances(
    db: Any, count: int, conflict: str | None
) -> None:
    await db.create_tables(Sum)
    how: dict[str, Any] = {"on_conflict": conflict, "conflict_fields": ["small"]} if conflict else {}
    for value, says in ((99_999, "does not fit smallint"), ("a", "expected the digits"), (None, "NOT NULL")):
        for place in (count, count + 1):
            sums = mixed(count + 2)
            sums[place].small = value  # type: ignore[assignment]
            with pytest.raises(DataError, match=rf'^row {place}, column "small": .*{says}') as caught:
                await Sum.objects.bulk_create(sums, **how)
            assert (caught.value.row, caught.value.column) == (place, "small")
    if conflict == "update":
        sums = mixed(count + 3)
        sums[count + 2].small = sums[count].small
        with pytest.raises(
            DataError, match=rf"^row {count + 2} has the same small as row {count}: "
        ) as caught:
            await Sum.objects.bulk_create(sums, **how)
        assert caught.value.row == count + 2
    assert await Sum.objects.count() == 0


async def test_rows_are_named_by_their_place_in_several_statements(
    db: Any, pg: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_write, "INSERTED_AT_ONCE", 100)
    await db.create_tables(Sum)
    await pg.execute("create rule also as on insert to bulk_sums do also select 1")
    sums = [Sum(id=n, small=n) for n in range(650)]
    await Sum.objects.bulk_create(sums)
    sums = [Sum(id=1000 + n, small=1000 + n) for n in range(650)]
    sums[620].small = 99_999
    with pytest.raises(DataError, match=r'^row 620, column "small"') as caught:
        await Sum.objects.bulk_create(sums)
    assert caught.value.row == 620
    assert await Sum.objects.count() == 650


@COUNTS
async def test_instances_with_a_column_that_the_server_computes(
    db: Any, pg: asyncpg.Connection[Any], count: int
) -> None:
    await db.create_tables(Sum)
    await pg.execute("alter table bulk_sums drop column twice")
    await pg.execute("alter table bulk_sums add twice int generated always as (small * 2) stored")
    with pytest.raises(DataError, match='"twice" of Sum is GENERATED ALWAYS') as caught:
        await Sum.objects.bulk_create([Sum(small=n, twice=1) for n in range(count)])
    assert caught.value.column == "twice"


async def test_keys_beside_a_rule(db: Any, pg: asyncpg.Connection[Any]) -> None:
    await db.create_tables(Team)
    await pg.execute(
        "create table log (note text); create rule also as on insert to bulk_teams do also insert into log values ('x')"
    )
    teams = await Team.objects.bulk_create([Team(name="a"), Team(name="b")])
    assert {t.id: t.name for t in await Team.objects.all()} == {t.id: t.name for t in teams}
    assert await pg.fetchval("select count(*) from log") >= 1


async def test_columns_that_the_server_computes(db: Any, pg: asyncpg.Connection[Any]) -> None:
    await pg.execute("create table sums (id int primary key, twice int generated always as (id * 2) stored)")
    sums = db.table("sums")
    data = {"id": [1], "twice": [2]}
    for how in ({}, {"on_conflict": "ignore"}, {"timeout": 5}):
        with pytest.raises(DataError, match=r'"twice" of sums is GENERATED ALWAYS: .*leave it out') as caught:
            await sums.bulk_insert(data, **how)
        assert caught.value.column == "twice"
    await sums.bulk_insert({"id": [1]})
    with pytest.raises(DataError, match='"twice" of sums'):
        await sums.bulk_update(data)
    assert [dict(row) for row in await pg.fetch("select * from sums")] == [{"id": 1, "twice": 2}]


@COUNTS
async def test_the_server_holds_what_single_rows_write(
    tables: Any, pg: asyncpg.Connection[Any], count: int
) -> None:
    kinds = max(map(len, VALUES.values())) + 1
    rows = [
        {name: [*given, None][i % (len(given) + 1)] for name, given in VALUES.items()} for i in range(kinds)
    ]
    for row in rows:
        await Sample.objects.create(**row)
    await Sample.objects.bulk_create([Sample(**rows[i % kinds]) for i in range(count)])
    texts = ", ".join(f'"{name}"::text' for name in VALUES)
    found = [tuple(row) for row in await pg.fetch(f"select {texts} from bulk_samples order by id")]
    assert found[kinds:] == [found[i % kinds] for i in range(count)]
    assert len(found) == kinds + count
