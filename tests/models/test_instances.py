"""Instances: making, changing, saving, refreshing, deleting, comparing, copying, and how much they weigh."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
import tracemalloc
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chakra import Field, ForeignKey, Model, field, foreign_key
from chakra.errors import DataError, DoesNotExist, FieldError, NotLoaded


class Town(Model):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Person(Model):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    email: Field[str] = field(column="mail address", unique=True)
    note: Field[str | None]
    points: Field[int] = field(default=0)
    joined: Field[dt.datetime] = field(db_default="now()")
    town: ForeignKey[Town | None] = foreign_key(default=None)
    friend: ForeignKey["Person | None"] = foreign_key(default=None)  # noqa: UP037


class Row(Model):
    a: Field[int] = field(primary_key=True)
    b: Field[int] = field(primary_key=True)
    text: Field[str | None]


@pytest.fixture
async def people(db: Any) -> AsyncIterator[Any]:
    await db.create_tables(Person, Town, Row)
    yield db


@pytest.fixture
def sent(people: Any) -> list[str]:
    """Every statement sent from now on, without the check of its columns' types."""
    seen: list[str] = []

    def note(event: Any) -> None:
        if event.phase == "before":
            seen.append(event.sql.partition(" AND (CASE WHEN pg_catalog")[0])

    people.hooks.add(note)
    return seen


def test_keywords_are_checked() -> None:
    with pytest.raises(
        FieldError, match=r"Person has no field 'nmae'; it has id, name.*Did you mean 'name'\?"
    ):
        Person(nmae="x")
    for name in ("_state", "__class__", "_v_name", "objects", "self", "save"):
        with pytest.raises(FieldError, match="has no field"):
            Person(**{name: 1})
    with pytest.raises(FieldError, match=r"Person\.town takes an instance of Town or None, not 'Rome'"):
        Person(town="Rome")
    with pytest.raises(FieldError, match="this Town has no id yet; save it first"):
        Person(town=Town(name="Rome"))


def test_a_new_instance_has_defaults_and_nothing_else() -> None:
    one = Person(name="Ann", email="a", town_id=3)
    assert (one.id, one.note, one.points, one.friend_id, one.town_id) == (None, None, 0, None, 3)  # type: ignore[attr-defined]
    with pytest.raises(NotLoaded, match=r"Person\.joined has no value: this Person was made without one"):
        _ = one.joined
    with pytest.raises(AttributeError, match=r"no field 'nmae'.*Did you mean 'name'"):
        _ = one.nmae  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        one.nmae = "x"  # type: ignore[attr-defined]
    assert Person(pk=5).pk == 5 and Row(pk=(1, 2)).pk == (1, 2)
    assert weakref.ref(one)() is one
    assert (
        repr(one) == "Person(id=None, name='Ann', email='a', note=None, points=0, town_id=3, friend_id=None)"
    )
    with pytest.raises(AttributeError, match=r"objects belongs to the class: Person\.objects"):
        _ = one.objects


def test_a_failing_property_of_the_users_shows_its_own_error() -> None:
    class Odd(Model):
        id: Field[int] = field(primary_key=True)

        @property
        def broken(self) -> int:
            return self.nothing  # type: ignore[attr-defined, no-any-return]

    with pytest.raises(AttributeError, match="no field 'nothing'"):
        _ = Odd(id=1).broken


def test_free_attributes_on_request() -> None:
    class Loose(Model):
        __slots__ = ("__dict__",)
        id: Field[int] = field(primary_key=True)

    one = Loose(id=1)
    one.extra = 5  # type: ignore[attr-defined]
    assert one.extra == 5  # type: ignore[attr-defined]


def test_equality_and_hash() -> None:
    assert Person(id=1) == Person(id=1, name="other") and hash(Person(id=1)) == hash(Person(id=1))
    assert Person(id=1) != Person(id=2) and Person(id=1) != Town(id=1) and Person(id=1) != 1
    new = Person()
    assert new == new and new != Person()
    with pytest.raises(
        TypeError, match="this Person has no primary key yet and cannot be hashed; save it first"
    ):
        hash(new)


async def test_insert_leaves_to_the_server_what_was_not_set(people: Any, sent: list[str]) -> None:
    one = Person(name="Ann", email="a@x")
    await one.save()
    assert len(sent) == 1 and sent[0].startswith('INSERT INTO "persons" ("name", "mail address"')
    assert '"id"' not in sent[0].split("RETURNING")[0] and '"joined"' not in sent[0].split("RETURNING")[0]
    assert one.id == 1 and one.joined.tzinfo is not None
    two = await Person.objects.create(
        name="Bob", email="b@x", id=77, joined=dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    )
    assert two.id == 77 and two.joined.year == 2000
    assert (await Person.objects.get(email="b@x")).joined.year == 2000


async def test_save_writes_what_changed(people: Any, sent: list[str]) -> None:
    rome = await Town.objects.create(name="Rome")
    one = await Person.objects.create(name="Ann", email="a@x")
    sent.clear()
    await one.save()
    assert sent == [], "nothing changed, nothing is sent"
    one.points = 5
    one.note = "x"
    await one.save()
    assert sent == ['UPDATE "persons" SET "note" = $1::text, "points" = $2::bigint WHERE "id" = $3::bigint']
    sent.clear()
    one.town = rome
    await one.save()
    assert sent == ['UPDATE "persons" SET "town_id" = $1::bigint WHERE "id" = $2::bigint']
    assert one.town is rome
    one.town_id = None  # type: ignore[attr-defined]
    assert not one.town, "a changed key forgets the row it pointed at"
    again = await Person.objects.get(id=1)
    assert (again.points, again.note, again.town_id) == (5, "x", rome.id)  # type: ignore[attr-defined]
    sent.clear()
    again.name = "Zed"
    again.points = 9
    await again.save(update_fields=["name", "town"])
    assert sent[0] == 'UPDATE "persons" SET "name" = $1::text, "town_id" = $2::bigint WHERE "id" = $3::bigint'
    await again.save()
    assert sent[1] == 'UPDATE "persons" SET "points" = $1::bigint WHERE "id" = $2::bigint'
    with pytest.raises(FieldError, match="Person has no field 'nope'"):
        await again.save(update_fields=["nope"])
    again.id = 50
    with pytest.raises(FieldError, match=r"primary key id of a saved Person cannot be changed by save\(\)"):
        await again.save()


async def test_instances_of_one_query_do_not_share_changes(people: Any, sent: list[str]) -> None:
    for name in ("a", "b"):
        await Person.objects.create(name=name, email=name)
    one, two = await Person.objects.order_by("id")
    sent.clear()
    one.name = "changed"
    await two.save()
    assert sent == []
    await one.save()
    assert [p.name for p in await Person.objects.order_by("id")] == ["changed", "b"]


async def test_force_insert_makes_a_copy(people: Any) -> None:
    one = await Person.objects.create(name="Ann", email="a@x")
    one.id, one.email = None, "b@x"  # type: ignore[assignment]
    await one.save(force_insert=True)
    assert one.id == 2 and await Person.objects.count() == 2


async def test_rows_that_are_gone(people: Any) -> None:
    one = await Person.objects.create(name="Ann", email="a@x")
    await Person.objects.all().delete()
    one.name = "x"
    with pytest.raises(Person.DoesNotExist, match="Person with id=1 cannot be updated: the row is not there"):
        await one.save()
    with pytest.raises(DoesNotExist, match="cannot be refreshed"):
        await one.refresh()
    assert await one.delete() == 0
    two = await Person.objects.create(name="Bob", email="b@x")
    assert await two.delete() == 1 and not await Person.objects.exists()
    with pytest.raises(FieldError, match="was never saved, or is deleted; there is nothing to delete"):
        await two.delete()
    await two.save()
    assert (await Person.objects.get()).id == two.id, "saved again after its deletion"


async def test_refresh(people: Any) -> None:
    one = await Person.objects.create(name="Ann", email="a@x")
    await Person.objects.update(name="Zoe", points=7)
    one.note = "mine"
    await one.refresh("points")
    assert (one.points, one.name, one.note) == (7, "Ann", "mine")
    await one.refresh()
    assert (one.points, one.name, one.note) == (7, "Zoe", None)
    rome = await Town.objects.create(name="Rome")
    await Person.objects.update(town=rome)
    await one.refresh("town")
    assert (await one.town).name == "Rome"  # type: ignore[union-attr]
    with pytest.raises(FieldError, match="no field 'nope'"):
        await one.refresh("nope")


async def test_composite_keys_on_the_row_path(people: Any, sent: list[str]) -> None:
    row = await Row.objects.create(a=1, b=2, text="x")
    await Row.objects.create(a=1, b=3, text="y")
    sent.clear()
    row.text = "z"
    await row.save()
    assert sent == ['UPDATE "rows" SET "text" = $1::text WHERE "a" = $2::bigint AND "b" = $3::bigint']
    await row.refresh()
    assert (await Row.objects.get(a=1, b=2)).text == "z" and (await Row.objects.first()).pk == (1, 2)  # type: ignore[union-attr]
    assert await row.delete() == 1 and await Row.objects.count() == 1
    with pytest.raises(DataError, match=r"takes a tuple of \(a, b\), not 1"):
        await Row.objects.get(pk=1)


async def test_transactions_bind_instances(people: Any) -> None:
    one = await Person.objects.create(name="Ann", email="a@x")
    with pytest.raises(ZeroDivisionError):
        async with people.transaction():
            one.name = "Zoe"
            await one.save()
            assert (await Person.objects.get(id=1)).name == "Zoe"
            raise ZeroDivisionError
    assert (await Person.objects.get(id=1)).name == "Ann"


async def test_pickling_and_copying(people: Any, sent: list[str]) -> None:
    rome = await Town.objects.create(name="Rome")
    await Person.objects.create(name="Ann", email="a@x", town=rome)
    one = await Person.objects.select_related("town").get(id=1)
    one.note = "changed"
    for made in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)):
        assert made == one and made is not one and made.note == "changed" and made.town.name == "Rome"
        sent.clear()
        await made.save()
        assert sent[0] == 'UPDATE "persons" SET "note" = $1::text WHERE "id" = $2::bigint', (
            "knows what changed"
        )
    part = pickle.loads(pickle.dumps(await Person.objects.only("name").get(id=1)))
    with pytest.raises(NotLoaded):
        _ = part.email


def test_instances_that_point_at_each_other_can_be_copied() -> None:
    one, two = Person(id=1, name="Ann"), Person(id=2, name="Bob")
    one.friend, two.friend = two, one
    for made in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert made.friend.name == "Bob" and made.friend.friend is made


async def test_ten_thousand_instances_stay_light(people: Any) -> None:
    class Light(Model):
        id: Field[int] = field(primary_key=True)
        name: Field[str]
        email: Field[str]
        age: Field[int]
        active: Field[bool]
        score: Field[float | None]
        created: Field[dt.datetime]

    await people.create_tables(Light)
    await people.execute(
        "insert into lights select i, 'n', 'e', 5, true, null, 'epoch' from generate_series(1, 10000) i"
    )
    query = Light.objects.limit(10_000)
    assert len(await query) == 10_000
    rows = await people.fetch(query.to_sql()[0], 10_000)
    from chakra.query.hydrate import loader
    from chakra.query.state import RowState
    from chakra.sql import select_statement

    load = loader(select_statement(query._select)[0])
    tracemalloc.start()
    try:
        found = load(rows, RowState(people, True, shared=True))
        size = tracemalloc.get_traced_memory()[0] / len(found)
    finally:
        tracemalloc.stop()
    assert size <= 160, f"{size:.0f} bytes an instance of seven columns"


def test_shown_in_notebooks() -> None:
    """Fields that have values, as a table; text from the database is no markup."""
    html = Town(id=1, name="<b>" + "x" * 100)._repr_html_()
    assert html.startswith("<table><thead><tr><th>Town</th>")
    assert "<tr><td>id</td><td>1</td></tr>" in html and "&lt;b&gt;xxx" in html and "…" in html
    assert "joined" not in Person(name="a")._repr_html_()
