"""Hooks: what runs before and after writes, in their transaction, and what an error in one takes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chakra import Field, ManyToMany, Model, Q, field, many_to_many, on
from chakra.db.default import default_database
from chakra.errors import FieldError
from tests.relations.conftest import SHARED, rows, sends, shared_tables

__all__ = ["rows", "shared_tables"]

pytestmark = SHARED

seen: list[Any] = []
refuse: set[str] = set()


def note(event: str, *what: Any) -> None:
    seen.append((event, *what))
    if event in refuse:
        raise RuntimeError(event)


class Watched(Model):
    class Meta:
        abstract = True

    async def before_save(self, created: bool) -> None:
        note("before_save", self.name, created)
        self.name = self.name.strip()

    async def after_save(self) -> None:
        note("after_save", self.name)

    async def before_delete(self) -> None:
        note("before_delete", self.name)

    async def after_delete(self) -> None:
        note("after_delete", self.name)


class Fan(Watched, table="hk_fans"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]

    @classmethod
    async def before_bulk_create(cls, fans: list[Fan]) -> None:
        note("before_bulk_create", cls, len(fans))
        for fan in fans:
            fan.name = fan.name.upper()


class Club(Model, table="hk_clubs"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    fans: ManyToMany[Fan] = many_to_many(related_name="clubs")


class Quiet(Model, table="hk_quiet"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


@on(Watched, "after_save")
async def of_all(fan: Fan, created: bool) -> None:
    note("on_save", fan.id, created)
    block = default_database().current_transaction()
    assert block is not None
    block.on_commit(lambda: seen.append(("committed", fan.id)))


@on(Fan, "after_bulk_create")
async def of_batch(fans: list[Fan]) -> None:
    note("after_bulk_create", [fan.id for fan in fans])


@on(Fan, "before_bulk_update")
@on(Fan, "after_bulk_update")
async def of_update(fans: list[Fan]) -> None:
    note("bulk_update", len(fans))


@on(Fan, "after_bulk_insert")
async def of_insert(result: Any) -> None:
    note("after_bulk_insert", result.inserted)


@on(Club, "m2m_changed")
async def of_links(club: Club, relation: str, action: str, keys: list[Any]) -> None:
    note("m2m", club.id, relation, action, keys)


@on(Club, "m2m_changed")
async def of_both(row: Club | Fan, relation: str, action: str, keys: list[Any], reverse: bool) -> None:
    if reverse:
        assert isinstance(row, Fan)
        note("m2m back", row.id, relation, action, keys)


MODELS = (Fan, Club, Quiet)


async def fill() -> None:
    """Ann 1, Bob 2; the club Reds 1."""
    refuse.clear()
    for name in ("Ann", "Bob"):
        await Fan.objects.create(name=name)
    await Club.objects.create(name="Reds")


@pytest.fixture(autouse=True)
def nothing_seen(rows: Any) -> None:
    seen.clear()
    refuse.clear()


async def saved(rows: Any) -> None:
    fan = Fan(name=" Cid ")
    await fan.save()


async def returned(rows: Any) -> None:
    assert await Fan.objects.create(name=" Cid ", returning=["id", "name"]) == {"id": 3, "name": "Cid"}


async def changed(rows: Any) -> None:
    fan = await Fan.objects.get(id=1)
    fan.name = "An "
    await fan.save()
    assert (await Fan.objects.get(id=1)).name == "An"


async def deleted(rows: Any) -> None:
    assert await (await Fan.objects.get(id=2)).delete() == 1


async def bulk_created(rows: Any) -> None:
    await Fan.objects.bulk_create([Fan(name="x"), Fan(name="y")])
    assert await Fan.objects.filter(id__gt=2).order_by("id").values_list("name", flat=True) == ["X", "Y"]


async def bulk_updated(rows: Any) -> None:
    await Fan.objects.bulk_update(await Fan.objects.all(), ["name"])


async def bulk_inserted(rows: Any) -> None:
    await Fan.objects.bulk_insert({"name": ["x", "y", "z"]})


async def linked(rows: Any) -> None:
    club = await Club.objects.get(id=1)
    await club.fans.add(1, 2)
    await club.fans.remove(1)
    await club.fans.set([1])
    await club.fans.clear()


async def linked_from_the_other_side(rows: Any) -> None:
    fan = await Fan.objects.get(id=2)
    await fan.clubs.add(1)
    await fan.clubs.create(name="Blues")
    await fan.clubs.remove(1)
    await fan.clubs.clear()
    await fan.clubs.clear()


async def updated_or_created(rows: Any) -> None:
    await Fan.objects.update_or_create({"name": "B"}, id=2)


async def of_queries(rows: Any) -> None:
    assert await Fan.objects.filter(id=1).update(name="z") == 1
    assert await Fan.objects.filter(Q(id=2)).delete() == 1


Case = tuple[Callable[[Any], Awaitable[None]], list[Any]]
CASES: dict[str, Case] = {
    "save of a new row": (saved, [
        ("before_save", " Cid ", True), ("after_save", "Cid"), ("on_save", 3, True), ("committed", 3)]),
    "create that returns": (returned, [
        ("before_save", " Cid ", True), ("after_save", "Cid"), ("on_save", 3, True), ("committed", 3)]),
    "save of a row that is there": (changed, [
        ("before_save", "An ", False), ("after_save", "An"), ("on_save", 1, False), ("committed", 1)]),
    "delete": (deleted, [("before_delete", "Bob"), ("after_delete", "Bob")]),
    "bulk_create": (bulk_created, [("before_bulk_create", Fan, 2), ("after_bulk_create", [3, 4])]),
    "bulk_update": (bulk_updated, [("bulk_update", 2), ("bulk_update", 2)]),
    "bulk_insert": (bulk_inserted, [("after_bulk_insert", 3)]),
    "links": (linked, [
        ("m2m", 1, "fans", "add", [1, 2]), ("m2m", 1, "fans", "remove", [1]), ("m2m", 1, "fans", "remove", [2]),
        ("m2m", 1, "fans", "add", [1]), ("m2m", 1, "fans", "clear", [1])]),
    "links from the other side": (linked_from_the_other_side, [
        ("m2m back", 2, "fans", "add", [1]), ("m2m back", 2, "fans", "add", [2]),
        ("m2m back", 2, "fans", "remove", [1]), ("m2m back", 2, "fans", "clear", [2]),
        ("m2m back", 2, "fans", "clear", [])]),
    "update_or_create": (updated_or_created, [
        ("before_save", "B", False), ("after_save", "B"), ("on_save", 2, False), ("committed", 2)]),
    "queries run none": (of_queries, []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_what_runs_and_when(rows: Any, case: str) -> None:
    write, expected = CASES[case]
    await write(rows)
    assert seen == expected


@pytest.mark.parametrize("event", ["before_save", "after_save", "on_save"])
async def test_an_error_takes_back_a_save(rows: Any, event: str) -> None:
    fan = Fan(name="Eve")
    refuse.add(event)
    with pytest.raises(RuntimeError, match=event):
        await fan.save()
    assert await Fan.objects.count() == 2 and ("committed", 3) not in seen
    refuse.clear()
    await fan.save()
    assert await Fan.objects.get(name="Eve") == fan

    old = await Fan.objects.get(id=1)
    old.name = "Zoe"
    refuse.add(event)
    with pytest.raises(RuntimeError, match=event):
        await old.save()
    assert (await Fan.objects.get(id=1)).name == "Ann"
    refuse.clear()
    await old.save()
    assert (await Fan.objects.get(id=1)).name == "Zoe"


@pytest.mark.parametrize("event", ["before_delete", "after_delete"])
async def test_an_error_takes_back_a_delete(rows: Any, event: str) -> None:
    fan = await Fan.objects.get(id=1)
    refuse.add(event)
    with pytest.raises(RuntimeError, match=event):
        await fan.delete()
    assert await Fan.objects.count() == 2
    refuse.clear()
    assert await fan.delete() == 1


async def test_an_error_takes_back_batches_and_links(rows: Any) -> None:
    refuse.update({"after_bulk_create", "m2m", "after_bulk_insert"})
    fans = [Fan(name="x")]
    with pytest.raises(RuntimeError):
        await Fan.objects.bulk_create(fans)
    with pytest.raises(RuntimeError):
        await Fan.objects.bulk_insert({"name": ["x"]})
    club = await Club.objects.get(id=1)
    with pytest.raises(RuntimeError):
        await club.fans.add(1)
    assert await Fan.objects.count() == 2 and await club.fans.count() == 0
    refuse.clear()
    await Fan.objects.bulk_create(fans)
    assert await Fan.objects.count() == 3


async def test_they_run_in_the_transaction_around(rows: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with rows.transaction():
            await Fan.objects.create(name="Gus")
            _ = 1 / 0
    assert await Fan.objects.count() == 2


async def test_a_model_without_hooks_opens_no_transaction(rows: Any) -> None:
    assert Quiet.__chakra__.hooks is None
    with sends(rows, 1) as sent:
        await Quiet.objects.create(name="q")
    assert len(sent) == 1


def plain(self: Any) -> None:
    pass


async def about_both(self: Any, relation: str, action: str, keys: list[Any], reverse: bool) -> None:
    pass


REFUSED = {
    "an unknown event": (
        lambda: on(Fan, "post_save"),
        r"no event 'post_save'; there are before_save, after_save",
    ),
    "no model": (lambda: on(int, "after_save"), "takes a model class, not <class 'int'>"),
    "a plain function": (
        lambda: on(Quiet, "after_save")(plain),
        r"@on\(Quiet, 'after_save'\) has to be async",
    ),
    "a method about the other side": (
        lambda: type("A", (Model,), {"__module__": "m", "m2m_changed": about_both}),
        r"reverse= is for functions: @on\(A, \"m2m_changed\"\)",
    ),
    "a plain method": (
        lambda: type("A", (Model,), {"__module__": "m", "before_save": plain}),
        "A.before_save has to be async",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_refused(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(FieldError, match=message):
        make()
