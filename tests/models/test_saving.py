"""save() and refresh() with options, what was changed in place, and the version by which lost updates are noticed.

Expected rows are read with plain SQL.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from chakra import F, Field, ForeignKey, Model, Version, field, foreign_key, on
from chakra.errors import DataError, DoesNotExist, FieldError, NotLoaded, StaleData
from chakra.query.tracking import image
from chakra.types import Integer, Jsonb, Numeric, Vector
from tests.relations.conftest import SHARED, rows, sends, shared_tables

__all__ = ["rows", "shared_tables"]

pytestmark = SHARED


class Paper(Model, table="sv_papers"):
    id: Field[int] = field(primary_key=True)
    title: Field[str] = field(default="-")
    words: Field[int] = field(default=0)
    double: Field[int] = field(generated=F("words") * 2)
    data: Field[Any] = field(Jsonb, default_factory=dict, null=True)
    tags: Field[list[str]] = field(default_factory=list)
    days: Field[list[dt.date]] = field(default_factory=list)
    sums: Field[list[Decimal]] = field(default_factory=list)
    grid: Field[list[list[int]] | None]


class Team(Model, table="sv_teams"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Task(Model, table="sv_tasks"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    done: Field[int] = field(default=0)
    team: ForeignKey[Team | None] = foreign_key(related_name="tasks", default=None)
    seen: Field[int] = Version(Integer, column="row version")


class Hooked(Model, table="sv_hooked"):
    id: Field[int] = field(primary_key=True)
    data: Field[dict[str, Any]] = field(Jsonb, default_factory=dict)
    version: Field[int] = Version()


refused: list[str] = []


@on(Hooked, "after_save")
@on(Hooked, "after_delete")
async def refuse(row: Hooked) -> None:
    if refused:
        raise RuntimeError(refused[0])


MODELS = (Paper, Team, Task, Hooked)


async def fill() -> None:
    """Paper 1, which has everything; the team 1 with the tasks 1 and 2; Hooked 1."""
    refused.clear()
    await Paper.objects.create(
        title="one",
        words=3,
        data={"a": [1, {"b": None}], "n": 1},
        tags=["x"],
        days=[dt.date(2020, 1, 2)],
        sums=[Decimal("1.50")],
        grid=[[1, 2], [3, 4]],
    )
    await Team.objects.create(name="Red")
    for title in ("first", "second"):
        await Task.objects.create(title=title, team_id=1)
    await Hooked.objects.create(data={"a": 1})


async def stored(database: Any, columns: str, table: str = "sv_papers", key: int = 1) -> Any:
    row = await database.fetchrow(f"SELECT {columns} FROM {table} WHERE id = $1", key)
    return None if row is None else tuple(row)


def deep(paper: Any) -> None:
    paper.data["a"][1]["b"] = "new"


def alike(paper: Any) -> None:
    paper.data["n"] = True


def again(paper: Any) -> None:
    paper.data["n"] = 2
    paper.data["n"] = 1


IN_PLACE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "nothing": (lambda p: None, ""),
    "only read": (lambda p: (p.data, p.tags, p.days, p.grid, p.sums), ""),
    "set back": (again, ""),
    "a document": (lambda p: p.data.update(c=3), "data"),
    "deep in a document": (deep, "data"),
    "1 and true are equal in Python": (alike, "data"),
    "a key of a document": (lambda p: p.data.pop("n"), "data"),
    "an array": (lambda p: p.tags.append("y"), "tags"),
    "an array of dates": (lambda p: p.days.append(dt.date(2021, 1, 1)), "days"),
    "an array of numbers": (lambda p: p.sums.append(Decimal(2)), "sums"),
    "an array of arrays": (lambda p: p.grid[1].reverse(), "grid"),
    "two of them": (lambda p: (p.tags.clear(), p.days.clear()), "tags days"),
}


def shown(paper: Any, name: str) -> str:
    return json.dumps(getattr(paper, name), sort_keys=True, default=str)


@pytest.mark.parametrize("case", IN_PLACE)
async def test_what_is_changed_in_place_is_saved(rows: Any, case: str) -> None:
    change, names = IN_PLACE[case]
    paper = await Paper.objects.get(id=1)
    change(paper)
    with sends(rows, 1 if names else 0) as sent:
        await paper.save()
    if names:
        assert [
            name for name in ("data", "tags", "days", "sums", "grid") if f'"{name}" = ' in sent[0]
        ] == names.split()
    for name in ("data", "tags", "days", "sums", "grid"):
        assert shown(await Paper.objects.get(id=1), name) == shown(paper, name)
    with sends(rows, 0):
        await paper.save()


async def test_who_holds_a_value_may_change_it_later(rows: Any) -> None:
    """After an insert, after a save, set by hand: what is held is what the instance has."""
    held = {"a": 1}
    paper = await Paper.objects.create(data=held)
    held["a"] = 2
    await paper.save()
    assert await stored(rows, "data", key=2) == ({"a": 2},)
    held["a"] = 3
    await paper.save(fields=["title"])
    assert await stored(rows, "data", key=2) == ({"a": 2},)
    await paper.save()
    assert await stored(rows, "data", key=2) == ({"a": 3},)
    paper.tags = mine = ["q"]
    await paper.save()
    mine.append("r")
    await Paper.objects.bulk_update([paper], ["tags"])
    mine.append("s")
    with sends(rows, 1):
        await paper.save()
    assert await stored(rows, "tags", key=2) == (["q", "r", "s"],)
    mine.append("t")
    await paper.refresh("tags")
    assert paper.tags == ["q", "r", "s"]
    with sends(rows, 0):
        await paper.save()
    many = [Paper(data={"k": n}) for n in range(3)]
    await Paper.objects.bulk_create(many)
    many[1].data["k"] = 10
    for one in many:
        await one.save()
    query = Paper.objects.filter(data__has_key="k").order_by("id")
    assert await query.values_list("data__k", flat=True) == [0, 10, 2]


async def test_rows_of_one_query_are_compared_each_by_itself(rows: Any) -> None:
    await Paper.objects.create(data={"a": 1})
    one, two = await Paper.objects.order_by("id")
    assert one._state is two._state, "reading rows notes nothing"
    two.data["a"] = 2
    with sends(rows, 1):
        await one.save()
        await two.save()
    assert await stored(rows, "data->'a'", key=2) == (2,)


async def test_images() -> None:
    from chakra.pg.json_text import JSON_NULL

    alike: list[Callable[[], Any]] = [
        lambda: {"a": [1, "x", None, 2.5, {"b": b""}]},
        lambda: [dt.date(2020, 1, 1), "".join(["a", "b"])],
        lambda: {"d": Decimal("1.0"), "s": {1, 2}, "t": (1, [2])},
        lambda: [JSON_NULL],
    ]
    for make in alike:
        assert image(make()) == image(make())
    for one, other in (
        ([1], [True]), ([1], [1.0]), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ([Decimal(1)], [1]), ([[]], [{}]),
        ([dt.date(2020, 1, 1)], [dt.date(2020, 1, 2)]), (["ab"], ["a", "b"]), ([dt.date.min, 1], [dt.date.min, True]),
    ):  # fmt: skip
        assert image(one) != image(other), (one, other)


# -- options ------------------------------------------------------------------------------------------------


async def save_some(paper: Any) -> None:
    paper.title, paper.words = "two", 9
    await paper.save(fields=["title"])


async def save_by_djangos_name(paper: Any) -> None:
    paper.title, paper.words = "two", 9
    await paper.save(update_fields=("title",))


async def save_none(paper: Any) -> None:
    paper.title = "two"
    await paper.save(fields=[])


async def save_what_is_left(paper: Any) -> None:
    await save_some(paper)
    await paper.save()


async def save_made_by_hand(paper: Any) -> None:
    await Paper(id=1, title="two").save(fields=["title"])


async def force_made_by_hand(paper: Any) -> None:
    made = Paper(id=1, title="two")
    await made.save(force_update=True)
    made.title = "three"
    await made.save()


async def force_part(paper: Any) -> None:
    part = await Paper.objects.only("title").get(id=1)
    part.title = "two"
    await part.save(force_update=True)


async def set_deferred(paper: Any) -> None:
    part = await Paper.objects.defer("words").get(id=1)
    part.words = 8
    await part.save()


async def computed_and_force(paper: Any) -> None:
    paper.words = F("words") + 4
    await paper.save(force_update=True)
    assert (paper.words, paper.double) == (7, 14)


SAVES: dict[str, tuple[Callable[[Any], Awaitable[None]], tuple[str, int, bool]]] = {
    "some fields": (save_some, ("two", 3, True)),
    "by Django's name": (save_by_djangos_name, ("two", 3, True)),
    "no fields": (save_none, ("one", 3, True)),
    "then the others": (save_what_is_left, ("two", 9, True)),
    "some of one made by hand": (save_made_by_hand, ("two", 3, True)),
    "all of one made by hand": (force_made_by_hand, ("three", 0, False)),
    "what was loaded": (force_part, ("two", 3, True)),
    "a field that was left out": (set_deferred, ("one", 8, True)),
    "an expression": (computed_and_force, ("one", 7, True)),
}


@pytest.mark.parametrize("case", SAVES)
async def test_what_is_written(rows: Any, case: str) -> None:
    """Title, words, and whether the document is still there."""
    save, expected = SAVES[case]
    await save(await Paper.objects.get(id=1))
    assert await stored(rows, "title, words, data ? 'a'") == expected
    assert await Paper.objects.count() == 1


async def part() -> Any:
    return await Paper.objects.only("title").get(id=1)


async def full() -> Any:
    return await Paper.objects.get(id=1)


async def keyless() -> Any:
    made = await full()
    made.id, made.title = None, "copy"
    return made


async def made() -> Any:
    return Paper(title="x")


async def made_99() -> Any:
    return Paper(id=99, title="x")


REFUSED: dict[str, tuple[Callable[[], Awaitable[Any]], dict[str, Any], type[Exception], str]] = {
    "no such field": (full, {"fields": ["nope"]}, FieldError, "Paper has no field 'nope'"),
    "a text": (full, {"fields": "title"}, FieldError, r"fields takes a list of names: \['title'\]"),
    "both names": (full, {"fields": [], "update_fields": []}, FieldError, "two names of one option"),
    "insert and update": (full, {"force_insert": True, "force_update": True}, FieldError, "force_update=True writes"),
    "insert some": (full, {"force_insert": True, "fields": ["title"]}, FieldError, "makes a row of all values"),
    "the key": (full, {"fields": ["id"]}, FieldError, "the primary key id of a saved Paper cannot be changed"),
    "a computed field": (full, {"fields": ["double"]}, FieldError, "Paper.double is computed by the server"),
    "left out": (part, {"fields": ["words"]}, NotLoaded, r"Paper\.words has no value to save: it was not loaded"),
    "never set": (made_99, {"fields": ["double"]}, FieldError, "computed"),
    "no key": (made, {"fields": ["title"]}, FieldError, r"has no id, by which .* find its row to update; save\(\) ins"),
    "key taken away": (keyless, {}, FieldError, r"has no id, by which .*; save\(force_insert=True\) makes a copy"),
    "not there": (made_99, {"force_update": True}, DoesNotExist, r"id=99 cannot be updated: .*force_insert=True"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_refused(rows: Any, case: str) -> None:
    make, options, error, message = REFUSED[case]
    row = await make()
    with pytest.raises(error, match=message):
        await row.save(**options)
    assert await stored(rows, "title, words") == ("one", 3) and await Paper.objects.count() == 1


async def test_refresh_of_some_fields(rows: Any) -> None:
    team = await Team.objects.prefetch_related("tasks").get(id=1)
    task = await Task.objects.select_related("team").only("title", "team__name").get(id=1)
    await Task.objects.filter(id=1).update(title="changed", done=5)
    await Team.objects.update(name="Blue")
    with sends(rows, 0):
        await task.refresh(fields=[])
        await team.refresh(fields=["tasks"])
    with sends(rows, 1):
        assert len(await team.tasks) == 2
    with sends(rows, 1):
        await task.refresh(fields=("title", "done"))
    assert (task.title, task.done, task.team.name) == ("changed", 5, "Red")  # type: ignore[union-attr]
    await task.refresh("team", fields=["title"])
    assert (await task.team).name == "Blue"  # type: ignore[union-attr]
    with pytest.raises(FieldError, match="Task has no field 'nope'"):
        await task.refresh(fields=["nope"])


# -- versions -----------------------------------------------------------------------------------------------


async def one_task() -> Any:
    return await Task.objects.get(id=1)


async def saved(task: Any) -> None:
    task.title = "mine"
    await task.save()


async def saved_some(task: Any) -> None:
    task.title = "mine"
    await task.save(fields=["title"])


async def saved_expression(task: Any) -> None:
    task.done = F("done") + 1
    await task.save()


async def touched(task: Any) -> None:
    await task.save(fields=["seen"])


async def forced(task: Any) -> None:
    await task.save(force_update=True)


async def bulk_updated(task: Any) -> None:
    other = await Task.objects.get(id=2)
    other.title = task.title = "mine"
    assert await Task.objects.bulk_update([other, task], ["title"]) == 2
    assert other.seen == task.seen


async def from_a_form(task: Any) -> None:
    """The version of a form goes with the row read now."""
    seen, fresh = task.seen, await one_task()
    fresh.title, fresh.seen = "mine", seen
    await fresh.save()
    task.seen = fresh.seen


WRITES = {
    "save": saved,
    "save of some fields": saved_some,
    "save of an expression": saved_expression,
    "the version alone": touched,
    "forced": forced,
    "bulk_update": bulk_updated,
    "a form": from_a_form,
}


@pytest.mark.parametrize("case", WRITES)
async def test_a_lost_update_is_noticed(rows: Any, case: str) -> None:
    mine, other = await one_task(), await one_task()
    await WRITES[case](mine)
    assert mine.seen == 2 and await stored(rows, '"row version"', "sv_tasks") == (2,)
    before = await stored(rows, "*", "sv_tasks"), await stored(rows, "*", "sv_tasks", 2)
    with pytest.raises(
        StaleData, match=r"Task with id=1 was not updated.* is 2 in the database, and 1"
    ) as caught:
        await WRITES[case](other)
    error = caught.value
    assert (error.model, error.key, error.expected, error.found) == (Task, 1, 1, 2)
    assert (await stored(rows, "*", "sv_tasks"), await stored(rows, "*", "sv_tasks", 2)) == before
    await other.refresh()
    await WRITES[case](other)
    assert other.seen == 3
    with sends(rows, 0):
        await other.save()


async def by_update() -> None:
    assert await Task.objects.filter(id=1).update(done=1) == 1


async def by_returning() -> None:
    (row,) = await Task.objects.filter(id=1).update(done=1, returning=True)
    assert row.seen == 2


async def by_updating() -> None:
    assert await Task.objects.filter(id=1).updating("seen", done=1).objects == [{"seen": 2}]


async def by_columns() -> None:
    assert await Task.objects.bulk_update({"id": [1, 77], "title": ["x", "y"]}) == 1


async def by_columns_seen() -> None:
    assert await Task.objects.bulk_update({"id": [1], "title": ["x"], "seen": [1]}) == 1
    with pytest.raises(StaleData, match="nor any other row"):
        await Task.objects.bulk_update({"id": [2, 1], "title": ["x", "y"], "seen": [1, 1]})
    assert (await Task.objects.get(id=2)).title == "second"


async def by_upsert() -> None:
    task = await Task.objects.create(id=1, title="x", on_conflict="update")
    assert task is not None and (task.seen, task.title) == (2, "x")


async def by_upsert_of_some() -> None:
    await Task.objects.create(id=1, title="x", on_conflict="update", update_fields={"done": F("done") + 1})


async def by_bulk_upsert() -> None:
    result = await Task.objects.bulk_insert({"id": [1, 9], "title": ["x", "y"]}, on_conflict="update")
    assert (result.inserted, result.updated) == (1, 1)
    assert (await Task.objects.get(id=9)).seen == 1


async def by_bulk_create() -> None:
    (task,) = await Task.objects.bulk_create([Task(id=1, title="x")], on_conflict="update")
    task.title = "y"
    with pytest.raises(NotLoaded, match=r'await instance\.refresh\("seen"\)'):
        await task.save()


async def by_a_set() -> None:
    """Instances given to a set know that they were written."""
    team, task = await Team.objects.create(name="Blue"), await one_task()
    await team.tasks.add(task)
    assert task.seen == 2


async def by_update_or_create() -> None:
    task, made = await Task.objects.update_or_create({"title": "x"}, id=1)
    assert (task.seen, made) == (2, False)


OTHERS = (
    by_update, by_returning, by_updating, by_columns, by_columns_seen, by_upsert, by_upsert_of_some, by_bulk_upsert,
    by_bulk_create, by_a_set, by_update_or_create,
)  # fmt: skip


@pytest.mark.parametrize("write", OTHERS, ids=lambda write: write.__name__)
async def test_every_write_counts_up(rows: Any, write: Callable[[], Awaitable[None]]) -> None:
    task = await one_task()
    await write()
    assert await stored(rows, '"row version"', "sv_tasks") == (2,)
    with pytest.raises(StaleData):
        await saved(task)
    assert await stored(rows, '"row version"', "sv_tasks", 2) == (1,)


async def test_deleting_what_others_changed(rows: Any) -> None:
    mine, other = await one_task(), await one_task()
    await saved(mine)
    with pytest.raises(StaleData, match="Task with id=1 was not deleted"):
        await other.delete()
    assert await mine.delete() == 1
    assert await other.delete() == 0, "gone is not stale"
    with pytest.raises(DoesNotExist, match="not there any more"):
        await saved(await _of_deleted())


async def _of_deleted() -> Any:
    task = await Task.objects.get(id=2)
    await Task.objects.all().delete()
    return task


async def test_a_hook_that_fails_takes_the_version_back(rows: Any) -> None:
    row = await Hooked.objects.get(id=1)
    row.data["a"] = 2
    refused.append("no")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no"):
            await row.save()
        assert row.version == 1
    with pytest.raises(RuntimeError, match="no"):
        await row.delete()
    refused.clear()
    await row.save()
    assert row.version == 2 and await stored(rows, "data, version", "sv_hooked") == ({"a": 2}, 2)
    assert (
        await Hooked.objects.only("data").get(id=1) == row
        and (await Hooked.objects.only("data").get()).version == 2
    )


async def test_versions_are_declared_once_and_are_numbers() -> None:
    with pytest.raises(FieldError, match="Version\\(\\) takes SmallInt, Integer or BigInt"):
        Version(Numeric(3))

    class Twice(Model):
        id: Field[int] = field(primary_key=True)
        one: Field[int] = Version()
        two: Field[int] = Version()

    class Null(Model):
        id: Field[int] = field(primary_key=True)
        one: Field[int | None] = Version()

    for model, message in ((Twice, "two versions, one and two"), (Null, "every row has a version")):
        with pytest.raises(FieldError, match=message):
            _ = model.__table__
    assert Task.__table__.by_attribute["seen"].type.name == "int4"
    assert Task.__table__.by_attribute["seen"].db_default == "1"


async def test_columns_find_rows_by_their_key_where_versions_are_compared(rows: Any) -> None:
    with pytest.raises(FieldError, match="rows are found by title: leave it out"):
        await Task.objects.bulk_update({"title": ["first"], "done": [1], "seen": [1]}, key=["title"])
    with pytest.raises(DataError, match='"seen": NULL'):
        await Task.objects.bulk_update([Task(id=1, title="x", seen=None)], ["title"])  # type: ignore[arg-type]


async def test_vectors_are_compared_too() -> None:
    class Point(Model):
        id: Field[int] = field(primary_key=True)
        at: Field[list[float]] = field(Vector(3))
        name: Field[str]

    assert Point.__table__.mutable == ("at",) and Paper.__table__.mutable == (
        "data",
        "tags",
        "days",
        "sums",
        "grid",
    )
