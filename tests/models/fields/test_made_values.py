"""Values that fields get by themselves: the time of a write, keys that sort by time, members of enums."""

from __future__ import annotations

import datetime as dt
import enum
import threading
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

import chakra
from chakra import Excluded, F, Field, Model, field, on
from chakra.errors import DataError, FieldError, NotLoaded, UniqueViolation
from chakra.functions import Now
from chakra.types import Array, Char, Date, Integer, Numeric, SmallInt, Text, Time, Timestamp, Varchar
from tests.relations.conftest import SHARED, rows, sends, shared_tables

__all__ = ["rows", "shared_tables"]

pytestmark = SHARED


class Status(enum.Enum):
    DRAFT = "draft"
    ON_AIR = "on air"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Rate(enum.Enum):
    HALF = Decimal("0.5")
    FULL = Decimal(1)


class Note(Model, table="mv_notes"):
    id: Field[uuid.UUID] = field(primary_key=True, default=chakra.uuid7)
    text: Field[str] = field(unique=True)
    created: Field[dt.datetime] = field(auto_now_add=True, db_default=Now())
    changed: Field[dt.datetime] = field(auto_now=True)
    day: Field[dt.date | None] = field(auto_now=True)
    wall: Field[dt.datetime] = field(Timestamp, auto_now=True, column="wall_clock")
    hour: Field[dt.time] = field(auto_now_add=True)


class Show(Model, table="mv_shows"):
    id: Field[int] = field(primary_key=True)
    status: Field[Status] = field(Text, choices=Status, default=Status.DRAFT)
    level: Field[Level | None] = field(SmallInt, default=None)
    rate: Field[Rate] = field(Numeric(3, 2), default=Rate.FULL)
    short: Field[Status] = field(Char(10), default=Status.DRAFT)
    past: Field[list[Status]] = field(Array(Varchar(10)), default_factory=list)
    word: Field[str] = field(choices=Status, default="draft")


MODELS = (Note, Show)


async def fill() -> None: ...


DAY = dt.datetime(2001, 2, 3, 4, 5, 6, 7, tzinfo=dt.UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], dt.datetime]:
    """A clock that stands where it is put: so many days after the third of February 2001."""

    def put(days: int) -> dt.datetime:
        moment = DAY + dt.timedelta(days)
        monkeypatch.setattr("chakra.schema.defaults.clock", lambda: moment)
        return moment

    put(0)
    return put


async def stored(text: str) -> tuple[Any, ...]:
    """In days since then: created, changed, the day, the wall clock."""
    (row,) = await chakra.raw(
        "SELECT created, changed, day, wall_clock, hour FROM mv_notes WHERE text = $1", params=[text]
    ).all()
    moments = [row["created"], row["changed"], row["wall_clock"].replace(tzinfo=dt.UTC)]
    created, changed, wall = [(moment - DAY).days for moment in moments]
    assert all(
        moment.time() == dt.time(4, 5, 6, 7) for moment in (*moments, dt.datetime.combine(DAY, row["hour"]))
    )
    return created, changed, (row["day"] - DAY.date()).days, wall


async def test_each_write_sets_its_time(rows: Any, clock: Callable[[int], dt.datetime]) -> None:
    note = Note(text="a")
    with pytest.raises(
        NotLoaded, match=r"Note\.created has no value: this Note was made without one and not saved"
    ):
        _ = note.created
    with sends(rows, 1):
        await note.save()
    assert (note.created, note.changed, note.wall) == (DAY, DAY, DAY.replace(tzinfo=None))
    assert (note.day, note.hour) == (DAY.date(), DAY.time())
    assert await stored("a") == (0, 0, 0, 0)

    moment = clock(1)
    with sends(rows, 0):  # nothing changed, nothing is written
        await note.save()
    note.text = "b"
    with sends(rows, 1):
        await note.save()
    assert (note.created, note.changed) == (DAY, moment) and await stored("b") == (0, 1, 1, 1)
    await note.refresh()
    assert (note.created, note.changed) == (DAY, moment)

    clock(2)
    await note.save(update_fields=["changed"])  # touched
    assert await stored("b") == (0, 2, 2, 2) and note.day == dt.date(2001, 2, 5)
    clock(3)
    note.text = F("text") + "!"
    await note.save()
    assert note.text == "b!" and await stored("b!") == (0, 3, 3, 3) and note.day == dt.date(2001, 2, 6)
    clock(4)
    assert await Note.objects.update(text="c") == 1
    assert await stored("c") == (0, 4, 4, 4)
    clock(5)
    (found,) = await Note.objects.update(text="d", returning=True)
    assert found.created == DAY and await stored("d") == (0, 5, 5, 5)
    clock(6)
    assert (await Note.objects.update_or_create({"text": "e"}, id=note.id))[1] is False
    assert await stored("e") == (0, 6, 6, 6)
    clock(7)
    (found,) = await Note.objects.filter(text="e").updating(text="f").objects
    assert await stored("f") == (0, 7, 7, 7)


async def test_what_a_hand_sets_stands(rows: Any, clock: Callable[[int], dt.datetime]) -> None:
    old = DAY - dt.timedelta(9)
    clock(1)
    note = await Note.objects.create(text="a", created=old, changed=old)
    assert await stored("a") == (-9, -9, 1, 1) and note.changed == old
    clock(2)
    note.text, note.changed = "b", old
    await note.save()
    assert await stored("b") == (-9, -9, 2, 2)
    clock(3)
    assert await Note.objects.update(changed=old) == 1
    assert await stored("b") == (-9, -9, 3, 3)


async def test_batches_have_one_time(rows: Any, clock: Callable[[int], dt.datetime]) -> None:
    old = DAY - dt.timedelta(9)
    for count in (1, 3, 600):
        notes = [Note(text=f"{count} {n}") for n in range(count)]
        notes[-1].created = old
        await Note.objects.bulk_create(notes)
        assert {note.changed for note in notes} == {DAY}
        assert await stored(f"{count} {count - 1}") == (-9, 0, 0, 0)
    some = await Note.objects.filter(text__startswith="3 ").order_by("text")
    moment = clock(1)
    for note in some:
        note.text += "!"
    some[0].changed = old
    assert await Note.objects.bulk_update(some, ["text"]) == 3
    assert (await stored("3 0!"), await stored("3 1!")) == ((0, -9, 1, 1), (0, 1, 1, 1))
    assert some[1].changed == moment
    clock(2)
    assert await Note.objects.bulk_update(pa.table({"id": [str(some[1].id)], "text": ["4"]})) == 1
    assert await stored("4") == (0, 2, 2, 2)
    clock(3)
    await Note.objects.bulk_insert({"text": ["x", "y"]})
    assert await stored("y") == (3, 3, 3, 3)
    # Rows that are there keep the time at which they were made.
    clock(4)
    key = (await Note.objects.get(text="x")).id
    for write in (
        lambda: Note.objects.bulk_insert({"text": ["x"]}, on_conflict="update", conflict_fields=["text"]),
        lambda: Note.objects.bulk_create([Note(text="x")], on_conflict="update", conflict_fields=["text"]),
        lambda: Note.objects.create(text="x", on_conflict="update", conflict_fields=["text"]),
        lambda: Note.objects.create(
            text="x", on_conflict="update", conflict_fields=["text"], update_fields=["day"]
        ),
        lambda: Note.objects.create(
            text="x", on_conflict="update", conflict_fields=["text"], update_fields={"day": Excluded("day")}
        ),
    ):
        await Note.objects.filter(text="x").update(changed=DAY, wall=DAY.replace(tzinfo=None), day=DAY.date())
        await write()
        assert await stored("x") == (3, 4, 4, 4) and (await Note.objects.get(text="x")).id == key
    cte = Note.objects.inserting(
        Note.objects.filter(text="x").values(id=chakra.functions.RandomUUID(), text=F("text") + "2")
    )
    clock(5)
    await cte.objects
    assert await stored("x2") == (4, 4, 4, 4)  # that of the call


async def test_a_failed_write_leaves_no_time(rows: Any, clock: Callable[[int], dt.datetime]) -> None:
    await Note.objects.create(text="there")
    note = Note(text="there")
    for write in (note.save, lambda: Note.objects.bulk_create([Note(text="z"), note])):
        with pytest.raises(UniqueViolation):
            await write()
        with pytest.raises(NotLoaded):
            _ = note.changed
    note.text = "mine"
    moment = clock(1)
    await note.save()
    assert note.created == moment
    clock(2)
    note.text = "there"
    for write in (note.save, lambda: Note.objects.bulk_update([note], ["text"])):
        with pytest.raises(UniqueViolation):
            await write()
        assert note.changed == moment


async def test_members_come_back(rows: Any) -> None:
    show = await Show.objects.create(
        status=Status.ON_AIR,
        level=Level.HIGH,
        rate=Rate.HALF,
        past=[Status.DRAFT, Status.ON_AIR],
        word="on air",
    )
    await Show.objects.bulk_create([Show(level=Level.LOW, short=Status.ON_AIR)])
    await Show.objects.bulk_insert([{"status": Status.ON_AIR, "level": Level.LOW}])
    expected = [
        (Status.ON_AIR, Level.HIGH, Rate.HALF, Status.DRAFT, [Status.DRAFT, Status.ON_AIR], "on air"),
        (Status.DRAFT, Level.LOW, Rate.FULL, Status.ON_AIR, [], "draft"),
        (Status.ON_AIR, Level.LOW, Rate.FULL, Status.DRAFT, [], "draft"),
    ]
    names = ("status", "level", "rate", "short", "past", "word")
    found = await Show.objects.order_by("id")
    assert [tuple(getattr(one, name) for name in names) for one in found] == expected
    assert type(found[0].word) is str and type(found[0].level) is Level
    assert await Show.objects.order_by("id").values_list(*names) == expected
    await show.refresh()
    assert show.status is Status.ON_AIR
    for condition in (
        Show.status == Status.ON_AIR,
        Show.status == "on air",
        Show.status.in_([Status.ON_AIR]),
        Show.rate == Rate.FULL,
        Show.level < Level.HIGH,
    ):
        query = Show.objects.filter(condition)
        assert await query.count() == len(await query) == (await query.to_arrow()).num_rows == 2
    table = await Show.objects.order_by("id").to_arrow()
    assert table["status"].to_pylist() == ["on air", "draft", "on air"]
    assert table["level"].to_pylist() == [2, 1, 1] and table.schema.field("level").type == pa.int16()
    assert await Show.objects.filter(level=Level.LOW).update(status=Status.DRAFT, past=[Status.ON_AIR]) == 2
    written = await chakra.raw("SELECT status, past::text AS past FROM mv_shows WHERE level = 1").all()
    assert [tuple(row) for row in written] == [("draft", '{"on air"}')] * 2
    await rows.execute("UPDATE mv_shows SET status = 'lost'")
    message = r"the database holds 'lost', which is not a member of Status; its values are 'draft', 'on air'"
    with pytest.raises(DataError, match=message):
        await Show.objects.get(id=1)


async def test_no_writer_takes_what_is_no_member(rows: Any) -> None:
    """What is read as a member has to be one: a value that is none would be in the way of every query for the rows."""
    await rows.execute("TRUNCATE mv_shows RESTART IDENTITY")
    show = await Show.objects.create(
        id=5000, status="on air", level="2", past=["draft"], word="no choice, and text"
    )
    fresh = [Show() for _ in range(3)]
    await Show.objects.bulk_create(fresh)

    def batch(size: int, **last: Any) -> list[Show]:
        return [*[Show() for _ in range(size - 1)], Show(**last)]

    async def saved(**values: Any) -> None:
        for name, value in values.items():
            setattr(show, name, value)
        try:
            await show.save()
        finally:
            await show.refresh()

    async def updated_rows(**values: Any) -> None:
        (name,) = values
        changed = [await Show.objects.get(id=each.id) for each in fresh]
        setattr(changed[2], name, values[name])
        await Show.objects.bulk_update(changed, [name])

    writers: dict[str, Callable[..., Any]] = {
        "save": saved,
        "create": Show.objects.create,
        "computed beside": lambda **v: Show.objects.create(
            word=chakra.functions.Upper(chakra.Value("a")), **v
        ),
        "update": Show.objects.update,
        "updating": Show.objects.updating,
        "upsert": lambda **v: Show.objects.create(id=5000, on_conflict="update", **v),
        "upsert of others": lambda **v: Show.objects.create(id=5000, on_conflict="update", update_fields=v),
        "update_or_create": lambda **v: Show.objects.update_or_create(id=5000, defaults=v),
        "get_or_create": lambda **v: Show.objects.get_or_create(id=99, defaults=v),
        **{
            f"bulk_create {n}": lambda n=n, **v: Show.objects.bulk_create(batch(n, **v))
            for n in (1, 2, 200, 1000)
        },
        "merge": lambda **v: Show.objects.bulk_create([Show(id=5000, **v)], on_conflict="update"),
        "bulk_update": updated_rows,
        "columns, update": lambda **v: Show.objects.bulk_update({"id": [5000]} | {n: [v[n]] for n in v}),
        "dicts": lambda **v: Show.objects.bulk_insert([v]),
        "columns": lambda **v: Show.objects.bulk_insert(
            {n: [None if n == "level" else v[n], v[n]] for n in v}
        ),
    }
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"status": "lost"}, "'lost' is not a member of Status; its values are 'draft', 'on air'"),
        ({"level": 3}, "3 is not a member of Level; its values are 1, 2"),
        ({"rate": Decimal("0.25")}, r"Decimal\('0.25'\) is not a member of Rate"),
        ({"short": "Draft"}, "'Draft' is not a member of Status"),
        ({"past": ["draft", "lost"]}, "'lost' is not a member of Status"),
    ]
    before = await chakra.raw("SELECT s::text FROM mv_shows AS s ORDER BY id").all()
    for name, write in writers.items():
        for values, message in wrong:
            with pytest.raises(DataError, match=message):
                await write(**values)
                raise AssertionError(f"{name} wrote {values}")
            assert await chakra.raw("SELECT s::text FROM mv_shows AS s ORDER BY id").all() == before, name
    for column in (
        pa.array(["draft", "lost"]),
        pa.array(["draft", "lost"]).dictionary_encode(),
        pa.array(["draft", "lost"], pa.string_view()),
        pa.array(["draft", "lost"], pa.large_string()),
    ):
        with pytest.raises(DataError, match="row 1, column \"status\": 'lost' is not a member of Status"):
            await Show.objects.bulk_insert(pa.table({"status": column}))
    for column in (pa.array([1, 3]), pa.array(["1", "3"]), pa.array([1.0, 3.0])):
        with pytest.raises(DataError, match=r'row 1, column "level": .*3.* is not a member of Level'):
            await Show.objects.bulk_insert(pa.table({"level": column}))
    good = pa.table({"status": ["draft", "on air"], "level": ["1", None], "past": [["on air"], []]})
    assert (await Show.objects.bulk_insert(good)).inserted == 2
    assert len(await Show.objects) == len(before) + 2


async def test_keys_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields of RFC 9562, and their order where the clock stands, goes back, and is asked by threads."""
    monkeypatch.setattr("chakra.pg.uuid7._last", 0)
    nanoseconds = iter(
        [1_645_557_742_000_000_000, 1_645_557_742_000_500_000, *[1_645_557_741_000_000_000] * 3]
    )
    monkeypatch.setattr("chakra.pg.uuid7.time.time_ns", lambda: next(nanoseconds))
    keys = [chakra.uuid7() for _ in range(5)]
    # The example of RFC 9562, appendix A.6: 2022-02-22 19:22:22 UTC is 017F22E279B0 in milliseconds.
    assert [key.hex[:16] for key in keys] == [
        "017f22e279b07000",
        "017f22e279b07800",
        "017f22e279b07801",
        "017f22e279b07802",
        "017f22e279b07803",
    ]
    assert {(key.version, key.variant) for key in keys} == {(7, uuid.RFC_4122)}
    monkeypatch.undo()
    lists: list[list[uuid.UUID]] = []
    threads = [
        threading.Thread(target=lambda: lists.append([chakra.uuid7() for _ in range(500)])) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(each == sorted(each) for each in lists)
    assert len({key for each in lists for key in each}) == 2000


def made(**fields: Any) -> Any:
    return type(
        "Wrong", (Model,), {"__module__": __name__, "id": field(Integer, primary_key=True), **fields}
    ).__table__


WRONG: Iterable[tuple[Callable[[], Any], str]] = (
    (
        lambda: field(auto_now=True, default=1),
        r"field\(auto_now=True\) takes the time of the write, and no default",
    ),
    (lambda: field(auto_now=True, auto_now_add=True), "auto_now= or auto_now_add="),
    (
        lambda: made(x=field(Text, auto_now=True)),
        r"Wrong\.x is text; auto_now= and auto_now_add= are for moments",
    ),
    (lambda: field(choices="abc"), "choices are a Python enum, a list of values"),
    (lambda: field(choices=[]), "leaves a field nothing that it may be"),
    (lambda: field(choices=[("a", "b", "c")]), "is neither a value nor a pair of value and label"),
    (lambda: field(choices=[([], "x")]), "cannot be compared"),
    (
        lambda: made(x=field(Integer, choices=Status)),
        r"Wrong\.x: the choice 'draft' is no value of the column: 'draft'",
    ),
    (
        lambda: made(x=field(Varchar(3), choices=["toolong"])),
        r"the choice 'toolong' is no value of the column: .* takes 3",
    ),
    (lambda: field(validators=[1]), "takes functions of the value"),
)


async def test_what_is_refused() -> None:
    for make, message in WRONG:
        with pytest.raises(FieldError, match=message):
            make()
    assert made(x=field(Date, auto_now=True), y=field(Time, auto_now_add=True)).moments["x"].updates
    grouped = field(choices=[("Audio", [("cd", "CD"), ("mp3", "MP3")]), ("other", "Other")])
    assert Show.status.choices == {"draft": "Draft", "on air": "On air"} and Show.id.choices == {}
    with pytest.raises(
        AttributeError, match=r"what people read for a choice is Show.status.choices\[value\]"
    ):
        Show().get_status_display()  # type: ignore[attr-defined]
    assert dict(grouped.choices.labels) == {"cd": "CD", "mp3": "MP3", "other": "Other"}


async def test_hooks_see_the_time_behind_the_write(rows: Any) -> None:
    class Seen(Model, table="mv_seen"):
        id: Field[int] = field(primary_key=True)
        made: Field[dt.datetime] = field(auto_now_add=True)

    @on(Seen, "after_save")
    async def fail(seen: Seen) -> None:
        assert seen.made.tzinfo is dt.UTC
        raise RuntimeError

    await rows.create_tables(Seen)
    seen = Seen()
    with pytest.raises(RuntimeError):
        await seen.save()
    with pytest.raises(NotLoaded):
        _ = seen.made


class Made(Model, table="mv_made"):
    """A field for each way in which a value comes about."""

    id: Field[int] = field(primary_key=True)
    plain: Field[int] = field(default=3)
    called: Field[list[int]] = field(default_factory=lambda: [1])
    left: Field[int | None]
    needed: Field[int]
    server: Field[int] = field(db_default="1 + 1")
    twice: Field[int] = field(generated=F("plain") * 2)
    both: Field[int] = field(default=4, db_default="5")
    moment: Field[dt.date] = field(auto_now_add=True)


async def test_what_instances_hold_before_and_after(rows: Any, clock: Callable[[int], dt.datetime]) -> None:
    await rows.create_tables(Made)

    names = list(Made.__table__.by_attribute)
    slot = next(s for s in Made.__slots__ if s.endswith("plain")).removesuffix("plain")

    def of(made: Made) -> dict[str, Any]:
        return {name: getattr(made, name) for name in names if hasattr(made, slot + name)}

    before = {"id": None, "plain": 3, "called": [1], "left": None, "both": 4}
    server = {"server": 2, "twice": 6, "moment": DAY.date()}
    assert of(Made()) == before
    one = Made(needed=1)
    await one.save()
    assert of(one) == before | {"id": 1, "needed": 1} | server
    expressions = Made(needed=F("needed"), plain=chakra.Value(2) + 3, both=None)
    expressions.needed = chakra.functions.Abs(-7)
    with sends(rows, 1):
        await expressions.save()
    assert of(expressions) == before | {"id": 2, "needed": 7, "plain": 5, "both": 5} | server | {"twice": 10}
    expressions.plain = F("plain") * F("needed")
    with sends(rows, 1):
        await expressions.save()
    assert (expressions.plain, expressions.twice) == (35, 70)
    many = [Made(needed=8), Made(needed=9, server=0)]
    await Made.objects.bulk_create(many)
    assert of(many[0]) == before | {"id": 3, "needed": 8, "moment": DAY.date()}
    await Made.objects.bulk_insert({"needed": [1]})
    found = await Made.objects.order_by("id").values_list(
        "plain", "called", "left", "server", "twice", "both"
    )
    assert found == [
        (3, [1], None, 2, 6, 4),
        (35, [1], None, 2, 70, 5),
        (3, [1], None, 2, 6, 4),
        (3, [1], None, 0, 6, 4),
        (3, [1], None, 2, 6, 4),
    ]
    await rows.execute(
        "INSERT INTO mv_made (needed, plain, called, moment) VALUES (1, 2, '{}', '2001-01-01')"
    )
    last = await Made.objects.order_by("id").last()
    assert (last.server, last.twice, last.both) == (2, 4, 5)
