"""bulk_create and bulk_update of instances, and bulk_insert through a model; against a server."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest

import chakra
from chakra import Field, ForeignKey, Model, field, foreign_key
from chakra.errors import (
    DatabaseError,
    DataError,
    FieldError,
    QueryCancelled,
    UniqueViolation,
)
from chakra.query import bulk_write
from chakra.types import Char, Json, Jsonb, Numeric, Real, SmallInt, Timestamp, Varchar


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Team(Model, table="bulk_teams"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(unique=True)


class Player(Model, table="bulk_players"):
    id: Field[int] = field(primary_key=True)
    email: Field[str] = field(unique=True, column="mail")
    points: Field[int] = field(default=0)
    mood: Field[Mood | None] = field(default=None)
    tags: Field[list[str] | None] = field(default=None)
    team: ForeignKey[Team | None] = foreign_key(related_name="players", default=None)
    joined: Field[dt.datetime] = field(db_default="now()")


class Sample(Model, table="bulk_samples"):
    id: Field[int] = field(primary_key=True)
    small: Field[int | None] = field(SmallInt)
    real: Field[float | None] = field(Real)
    price: Field[Decimal | None] = field(Numeric(5, 2))
    short: Field[str | None] = field(Varchar(5))
    code: Field[str | None] = field(Char(5))
    data: Field[Any] = field(Jsonb, null=True)
    plain: Field[Any] = field(Json, null=True)
    token: Field[UUID | None]
    raw: Field[bytes | None]
    day: Field[dt.date | None]
    hour: Field[dt.time | None]
    wall: Field[dt.datetime | None] = field(Timestamp)
    at: Field[dt.datetime | None]
    took: Field[dt.timedelta | None]
    flag: Field[bool | None]
    mood: Field[Mood | None]


class Grid(Model, table="bulk_grids"):
    id: Field[int] = field(primary_key=True)
    cells: Field[list[list[int]]]
    data: Field[dict[str, Any]]


class Token(Model, table="bulk_tokens"):
    id: Field[UUID] = field(primary_key=True, db_default="gen_random_uuid()")
    name: Field[str] = field(unique=True)


class Bare(Model, table="bulk_bare"):
    id: Field[int] = field(primary_key=True)


class Seat(Model, table="bulk_seats"):
    row: Field[int] = field(primary_key=True)
    number: Field[int] = field(primary_key=True)
    taken: Field[bool] = field(default=False)


MODELS = (Team, Player, Sample, Grid, Token, Bare, Seat)


@pytest.fixture
async def tables(db: Any) -> Any:
    await db.create_tables(*MODELS)
    return db


def players(count: int, **values: Any) -> list[Player]:
    return [Player(email=f"p{i * 37 % 1009}", **values) for i in range(count)]


async def emails() -> dict[int, str]:
    return {p.id: p.email for p in await Player.objects.all()}


# Below and above the number of rows from which COPY is used.
COUNTS = pytest.mark.parametrize("count", [3, bulk_write.COPY_FROM_ROWS + 100])
LARGE = 5_000
"""More rows than are converted at a time."""


# -- bulk_create ----------------------------------------------------------------------------------------


@COUNTS
async def test_keys_are_filled_in(tables: Any, count: int) -> None:
    made = players(count, mood=Mood.BAD, tags=["a", "b"])
    assert await Player.objects.bulk_create(made) == made
    found = await emails()
    assert [found[p.id] for p in made] == [p.email for p in made]
    one = await Player.objects.get(id=made[1].id)
    assert (one.mood, one.tags) == (Mood.BAD, ["a", "b"])
    made[0].points = 5
    await made[0].save()  # they count as saved: this is an UPDATE of one field
    assert await Player.objects.filter(points=5).count() == 1


VALUES: dict[str, list[Any]] = {
    "small": [-32768, 32767],
    "real": [0.5, float("inf")],
    "price": [Decimal("999.99"), Decimal("-0.01")],
    "short": ["äöü", ""],
    "code": ["ab", "x y"],
    "data": [[[1, 2], [3]], {"a": None, "'": [True]}, "text", 1.5],
    "plain": [[1, [2]], {"b": "\u2028"}],
    "token": [UUID(int=0), UUID(int=2**128 - 1)],
    "raw": [b"", b"\0\xff"],
    "day": [dt.date(1, 1, 1), dt.date(9999, 12, 31)],
    "hour": [dt.time(0), dt.time(23, 59, 59, 999999)],
    "wall": [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)],
    "at": [dt.datetime(2024, 5, 5, 3, tzinfo=dt.timezone(dt.timedelta(hours=5)))],
    "took": [dt.timedelta(days=-3, microseconds=1), dt.timedelta(hours=30)],
    "flag": [True, False],
    "mood": [Mood.GOOD, Mood.BAD],
}


@COUNTS
async def test_every_kind_of_value(tables: Any, count: int) -> None:
    made: list[Sample] = []
    for i in range(count):
        values = {name: [*given, None][i % (len(given) + 1)] for name, given in VALUES.items()}
        made.append(Sample(**values))
    await Sample.objects.bulk_create(made)
    found = await Sample.objects.in_bulk([s.id for s in made])
    for i, sample in enumerate(made):
        for name, given in VALUES.items():
            value = [*given, None][i % (len(given) + 1)]
            if name == "code" and value is not None:
                value = value.ljust(5)
            assert getattr(found[sample.id], name) == value, (name, i)


@COUNTS
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("short", "123456"),
        ("code", "123456"),
        ("small", 32768),
        ("price", Decimal(1000)),
        ("day", "2024-13-01"),
        ("data", {1, 2}),
    ],
)
async def test_values_are_refused_and_never_cut(tables: Any, count: int, name: str, value: Any) -> None:
    made = [Sample(**{name: None}) for _ in range(count)]
    setattr(made[-1], name, value)
    with pytest.raises(DataError):
        await Sample.objects.bulk_create(made)
    assert await Sample.objects.count() == 0


@pytest.mark.parametrize("count", [2, bulk_write.COPY_SEQUENCES_FROM_ROWS + 5])
async def test_columns_that_are_arrays(tables: Any, count: int) -> None:
    made = [Grid(cells=[[i, 1], [2, 3]], data={"n": [i]}) for i in range(count)]
    await Grid.objects.bulk_create(made)
    found = await Grid.objects.in_bulk([g.id for g in made])
    assert [(found[g.id].cells, found[g.id].data) for g in made] == [(g.cells, g.data) for g in made]


async def test_few_rows_have_one_statement_whatever_their_number(tables: Any, statements: list[str]) -> None:
    for count in (1, 2, 7, 40):
        await Team.objects.bulk_create([Team(name=f"{count}-{i}") for i in range(count)])
    assert len(statements) == 4
    assert len(set(statements)) == 1


async def test_many_rows(tables: Any) -> None:
    made = [Team(name=f"t{i}") for i in range(LARGE)]
    await Team.objects.bulk_create(made)
    found = {t.id: t.name for t in await Team.objects.all()}
    assert [found[t.id] for t in made] == [t.name for t in made]


@COUNTS
async def test_only_keys_are_filled_in_whatever_the_count(tables: Any, count: int) -> None:
    made = await Player.objects.bulk_create(players(count))
    with pytest.raises(chakra.NotLoaded, match="joined"):
        _ = made[0].joined
    await made[0].refresh("joined")
    assert made[0].joined.tzinfo is not None


@COUNTS
async def test_keys_made_by_a_default(tables: Any, count: int) -> None:
    made = await Token.objects.bulk_create([Token(name=f"t{i}") for i in range(count)])
    found = {t.id: t.name for t in await Token.objects.all()}
    assert [found[t.id] for t in made] == [t.name for t in made]
    assert all(isinstance(t.id, UUID) for t in made)


@COUNTS
async def test_rows_of_defaults_alone(tables: Any, count: int) -> None:
    made = await Bare.objects.bulk_create([Bare() for _ in range(count)])
    assert sorted(b.id for b in made) == sorted([b.id for b in await Bare.objects.all()])


async def test_instances_with_different_fields_set(tables: Any) -> None:
    made: list[Player] = []
    for i in range(200):
        values: dict[str, Any] = {"email": f"m{i}"}
        if i % 2:
            values["joined"] = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        if i % 3 == 0:
            values["id"] = 10_000 + i
        made.append(Player(**values))
    await Player.objects.bulk_create(made)
    found = {p.email: p for p in await Player.objects.all()}
    assert len(found) == 200
    for i, player in enumerate(made):
        there = found[f"m{i}"]
        assert there.id == player.id
        assert (player.id == 10_000 + i) == (i % 3 == 0)
        assert (there.joined.year == 2020) == bool(i % 2)


async def test_writers_at_the_same_time_get_their_own_keys(tables: Any) -> None:
    async def write(name: int) -> None:
        made = [Team(name=f"{name}-{i}") for i in range(200)]
        await Team.objects.bulk_create(made)
        found = await Team.objects.in_bulk([t.id for t in made])
        assert all(found[t.id].name == t.name for t in made)

    await asyncio.gather(*map(write, range(8)))


@COUNTS
@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"email": "a\0b"}, "email"),
        ({"points": 2**70}, "points"),
        ({"points": None}, "points"),
        ({"email": "\ud800"}, "email"),
        ({"points": "one"}, "points"),
    ],
)
async def test_a_bad_value_is_named_and_nothing_is_written(
    tables: Any, count: int, value: dict[str, Any], says: str
) -> None:
    made = players(count)
    for name, bad in value.items():
        setattr(made[2], name, bad)
    with pytest.raises(DataError) as caught:
        await Player.objects.bulk_create(made)
    assert (caught.value.row, caught.value.column) == (2, says)
    assert await Player.objects.count() == 0
    assert made[0].id is None
    if count < bulk_write.COPY_FROM_ROWS and value == {"email": "a\0b"}:
        return  # the server finds that one, and aborts the transaction
    async with tables.transaction():
        with pytest.raises(DataError):
            await Player.objects.bulk_create(made)
        assert await Player.objects.count() == 0


async def test_a_bad_value_late_in_many_rows(tables: Any) -> None:
    made = [Team(name=f"t{i}") for i in range(LARGE)]
    made[LARGE - 3].name = "x\0"
    with pytest.raises(DataError) as caught:
        await Team.objects.bulk_create(made)
    assert (caught.value.row, caught.value.column) == (LARGE - 3, "name")
    assert await Team.objects.count() == 0


@COUNTS
async def test_all_or_none(tables: Any, count: int) -> None:
    made = players(count)
    made[-1].email = made[0].email
    with pytest.raises(UniqueViolation):
        await Player.objects.bulk_create(made)
    assert await Player.objects.count() == 0
    assert made[0].id is None


async def test_what_is_no_instance(tables: Any) -> None:
    with pytest.raises(DataError, match="row 1 is"):
        await Team.objects.bulk_create([Team(name="a"), Token(name="b")])
    assert await Team.objects.bulk_create([]) == []


# -- bulk_create with a conflict clause -----------------------------------------------------------------


@COUNTS
async def test_update_gives_instances_the_keys_of_their_rows(tables: Any, count: int) -> None:
    before = await Player.objects.bulk_create(players(2, points=1))
    made = players(count, points=9)
    await Player.objects.bulk_create(made, on_conflict="update", conflict_fields=["email"])
    assert [p.id for p in made[:2]] == [p.id for p in before]
    found = await emails()
    assert [found[p.id] for p in made] == [p.email for p in made]
    assert await Player.objects.filter(points=9).count() == count


async def test_update_fields(tables: Any) -> None:
    await Player.objects.bulk_create(players(1, points=1, mood=Mood.BAD))
    await Player.objects.bulk_create(
        players(2, points=9, mood=Mood.GOOD),
        on_conflict="update",
        conflict_fields=["email"],
        update_fields=["mood"],
    )
    found = await Player.objects.order_by("id")
    assert [(p.points, p.mood) for p in found] == [(1, Mood.GOOD), (9, Mood.GOOD)]


async def test_ignored_instances_get_the_key_of_what_they_met(tables: Any) -> None:
    before = await Player.objects.bulk_create(players(2, points=1))
    made = players(4, points=9)
    await Player.objects.bulk_create(made, on_conflict="ignore", conflict_fields=["email"])
    assert [p.id for p in made[:2]] == [p.id for p in before]
    assert [p.points for p in await Player.objects.order_by("id")] == [1, 1, 9, 9]


async def test_ignored_instances_stay_unsaved_where_nobody_says_what_they_met(tables: Any) -> None:
    await Player.objects.bulk_create(players(2))
    made = players(4)
    await Player.objects.bulk_create(made, on_conflict="ignore")
    assert [p.id is None for p in made] == [True, True, False, False]
    made[0].email = "another"
    await made[0].save()
    assert await Player.objects.count() == 5


async def test_a_composite_key_decides(tables: Any) -> None:
    await Seat.objects.bulk_create([Seat(row=1, number=n) for n in range(3)])
    made = [Seat(row=1, number=n, taken=True) for n in range(2, 5)]
    await Seat.objects.bulk_create(made, on_conflict="update")
    assert await Seat.objects.filter(taken=True).count() == 3
    made[0].taken = False
    await made[0].save()
    assert await Seat.objects.filter(taken=True).count() == 2
    assert await Seat.objects.count() == 5


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"on_conflict": "update"}, "no column 'id'"),
        ({"on_conflict": "merge"}, "on_conflict is"),
        ({"conflict_fields": ["email"]}, "need on_conflict"),
        ({"on_conflict": "ignore", "conflict_fields": ["points"]}, "no primary key or unique constraint"),
    ],
)
async def test_options_are_checked(tables: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(FieldError, match=says):
        await Player.objects.bulk_create(players(2), **options)
    assert await Player.objects.count() == 0


# -- bulk_update ----------------------------------------------------------------------------------------


@COUNTS
async def test_update_writes_the_fields_named(tables: Any, count: int) -> None:
    team = Team(name="reds")
    await team.save()
    made = await Player.objects.bulk_create(players(count))
    for i, player in enumerate(made):
        player.points, player.mood, player.email = i, Mood.GOOD, f"other{i}"
        player.team = team
    assert await Player.objects.bulk_update(made, ["points", "mood", "team"]) == count
    found = {p.id: p for p in await Player.objects.all()}
    for i, player in enumerate(made):
        there = found[player.id]
        assert (there.points, there.mood, there.team_id) == (i, Mood.GOOD, team.id)
        assert not there.email.startswith("other")
    # What was written is not changed any more; what was not, is.
    await made[0].save()
    assert (await Player.objects.get(id=made[0].id)).email == "other0"


async def test_saving_after_an_update_sends_nothing(tables: Any, statements: list[str]) -> None:
    made = await Team.objects.bulk_create([Team(name="a"), Team(name="b")])
    made[0].name = "c"
    await Team.objects.bulk_update(made, ["name"])
    statements.clear()
    await made[0].save()
    assert statements == []


async def test_rows_that_are_gone_are_not_counted(tables: Any) -> None:
    made = await Team.objects.bulk_create([Team(name=f"t{i}") for i in range(5)])
    await Team.objects.filter(id=made[2].id).delete()
    for team in made:
        team.name += "!"
    assert await Team.objects.bulk_update(made, ["name"]) == 4


async def test_composite_keys(tables: Any) -> None:
    made = await Seat.objects.bulk_create([Seat(row=r, number=n) for r in range(3) for n in range(3)])
    for seat in made[:4]:
        seat.taken = True
    assert await Seat.objects.bulk_update(made, ["taken"]) == 9
    assert await Seat.objects.filter(taken=True).count() == 4


async def test_updates_that_are_refused(tables: Any) -> None:
    made = await Team.objects.bulk_create([Team(name=f"t{i}") for i in range(3)])
    with pytest.raises(DataError, match="row 1 has no id"):
        await Team.objects.bulk_update([made[0], Team(name="new")], ["name"])
    with pytest.raises(DataError, match="row 2 has the same id as row 0"):
        await Team.objects.bulk_update([made[0], made[1], made[0]], ["name"])
    with pytest.raises(FieldError, match="finds instances by id"):
        await Team.objects.bulk_update(made, ["id"])
    with pytest.raises(FieldError, match="fields is empty"):
        await Team.objects.bulk_update(made, [])
    with pytest.raises(FieldError, match="takes the fields to write"):
        await Team.objects.bulk_update(made)
    with pytest.raises(FieldError, match="no field 'nam'"):
        await Team.objects.bulk_update(made, ["nam"])
    deferred = await Team.objects.only("id").all()
    with pytest.raises(DataError, match="no value for name"):
        await Team.objects.bulk_update(deferred, ["name"])
    made[1].name = None  # type: ignore[assignment]
    with pytest.raises(DataError, match='row 1, column "name": NULL'):
        await Team.objects.bulk_update(made, ["name"])
    assert await Team.objects.bulk_update([], ["name"]) == 0
    assert sorted(t.name for t in await Team.objects.all()) == ["t0", "t1", "t2"]


async def test_update_joins_the_transaction(tables: Any) -> None:
    made = await Team.objects.bulk_create([Team(name=f"t{i}") for i in range(3)])
    with pytest.raises(KeyError):
        async with tables.transaction():
            made[0].name = "x"
            await Team.objects.bulk_update(made, ["name"])
            assert await Team.objects.filter(name="x").exists()
            raise KeyError
    assert not await Team.objects.filter(name="x").exists()


# -- columns through a model ----------------------------------------------------------------------------


async def test_columns_go_by_field_name_or_column_name(tables: Any, pg: asyncpg.Connection[Any]) -> None:
    await Player.objects.bulk_insert({"email": ["a"], "points": [1]})
    await Player.objects.bulk_insert({"mail": ["b"], "points": [1]})
    result = await Player.objects.bulk_insert(
        {"mail": ["b", "c"], "points": [4, 5]},
        on_conflict="update",
        conflict_fields=["email"],
        returning="keys",
    )
    assert (result.inserted, result.updated) == (1, 1)
    assert sorted(p.email for p in await Player.objects.all()) == ["a", "b", "c"]
    with pytest.raises(DataError, match='two columns "email"'):
        await Player.objects.bulk_insert({"mail": ["x"], "email": ["y"]})


async def test_what_is_read_can_be_written_back(tables: Any) -> None:
    await Player.objects.bulk_create(players(50, mood=Mood.GOOD, tags=["x"]))
    table = await Player.objects.all().to_arrow()
    await Player.objects.all().delete()
    assert (await Player.objects.bulk_insert(table)).inserted == 50
    assert (await Player.objects.bulk_insert(table, on_conflict="update")).updated == 50
    assert await Player.objects.bulk_update(table) == 50
    assert (await Player.objects.order_by("id").to_arrow()).equals(table.sort_by("id"))


@pytest.mark.parametrize("rows", [1, 600])
async def test_a_timeout_stops_what_waits_for_a_lock(db: Any, pg: asyncpg.Connection[Any], rows: int) -> None:
    """One row goes by INSERT, 600 by COPY; the same instances can be written afterwards."""
    await db.create_tables(Team)
    (first,) = await Team.objects.bulk_create([Team(name="first")])
    teams = [Team(name=f"team {n}") for n in range(rows)]
    async with pg.transaction():
        await pg.execute("update bulk_teams set name = 'locked'")
        await pg.execute("insert into bulk_teams (id, name) values (-1, 'team 0')")
        with pytest.raises(QueryCancelled, match=r"timeout=0\.1 s"):
            await Team.objects.bulk_create(teams, timeout=0.1)
        with pytest.raises(QueryCancelled, match=r"timeout=0\.1 s"):
            await Team.objects.bulk_create(teams, on_conflict="ignore", timeout=0.1)
        with pytest.raises(QueryCancelled, match=r"timeout=0\.1 s"):
            await Team.objects.bulk_update([first], ["name"], timeout=0.1)
        with pytest.raises(QueryCancelled, match=r"timeout=0\.1 s"):
            await Team.objects.bulk_update({"id": [first.id], "name": ["x"]}, timeout=0.1)
        await pg.execute("delete from bulk_teams where id = -1")
    assert await Team.objects.count() == 1
    assert [team.id for team in teams] == [None] * rows
    assert len({team.id for team in await Team.objects.bulk_create(teams, timeout=30)}) == rows
    assert await Team.objects.bulk_update([first], ["name"], timeout=30) == 1


async def test_an_unknown_option_is_told_the_others(db: Any) -> None:
    await db.create_tables(Team)
    teams = Team.objects.all()
    common = "numeric, infinity, strings, uuid, interval, nested"
    with pytest.raises(
        FieldError,
        match=rf"to_polars\(\) has no option .max_rows.; it has {common}, partitions, partition_by, progress, timeout$",
    ):
        await teams.to_polars(max_rows=5)
    with pytest.raises(
        FieldError,
        match=rf"arrow_batches\(\) has no option .partitions.; it has {common}, max_rows, max_bytes, progress$",
    ):
        [batch async for batch in teams.arrow_batches(partitions=2)]
    with pytest.raises(
        FieldError,
        match=rf"read_plan\(\) has no option .progress.; it has {common}, partitions, partition_by$",
    ):
        await teams.read_plan(progress=True)
    with pytest.raises(FieldError, match=rf"arrow_schema\(\) has no option .timeout.; it has {common}$"):
        await teams.arrow_schema(timeout=5)
    with pytest.raises(FieldError, match=r"has no option 'chunk'; it has on_conflict, .*, timeout$"):
        await Team.objects.bulk_insert({"name": ["x"]}, chunk=1)
    with pytest.raises(FieldError, match=r"has no option 'chunk'; it has key, .*, timeout, returning$"):
        await Team.objects.bulk_update({"id": [1], "name": ["x"]}, chunk=1)
    with pytest.raises(DataError, match=r"an iterable of Team: .* go to bulk_create"):
        await Team.objects.bulk_insert([Team(name="x")])


GUARD = """
create function guard() returns trigger language plpgsql as $$ begin {body} end $$;
create trigger guard before insert on bulk_teams for each row execute function guard()
"""


@pytest.mark.parametrize("count", [2, 600])
async def test_keys_that_a_trigger_changes(db: Any, pg: asyncpg.Connection[Any], count: int) -> None:
    await db.create_tables(Team)
    await pg.execute(GUARD.format(body="new.id := new.id + 1000000; return new;"))
    teams = await Team.objects.bulk_create([Team(name=f"team {n}") for n in range(count)])
    found = {team.id: team.name for team in await Team.objects.all()}
    assert found == {team.id: team.name for team in teams}
    assert min(found) > 1_000_000


@pytest.mark.parametrize("count", [3, 600])
async def test_rows_that_a_trigger_leaves_out(db: Any, pg: asyncpg.Connection[Any], count: int) -> None:
    await db.create_tables(Team)
    await pg.execute(GUARD.format(body="if new.name = 'team 1' then return null; end if; return new;"))
    teams = [Team(name=f"team {n}") for n in range(count)]
    with pytest.raises(DatabaseError, match=f"let in {count - 1} of {count} rows"):
        async with db.transaction():
            await Team.objects.bulk_create(teams)
    with pytest.raises(DatabaseError, match=f"let in {count - 1} of {count} rows"):
        await Team.objects.bulk_create(teams)
    assert [team.id for team in teams] == [None] * count
    assert await Team.objects.count() == 0
    with pytest.raises(DatabaseError, match="did not let in this Team"):
        await Team.objects.create(name="team 1")


async def test_a_failure_takes_the_keys_back(tables: Any) -> None:
    """Instances with different fields set go in several statements; the first of them had given keys."""
    await Team.objects.bulk_create([Team(id=70, name="there")])
    teams = [Team(name="new"), Team(name="new, too"), Team(id=70, name="again")]
    with pytest.raises(UniqueViolation):
        await Team.objects.bulk_create(teams)
    assert [team.id for team in teams] == [None, None, 70]
    teams[2].id = 71
    assert len({team.id for team in await Team.objects.bulk_create(teams)}) == 3
