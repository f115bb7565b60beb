"""What Prefetch takes and when a statement is sent: queries of one's own for each row, levels, databases, mistakes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import chakra
from chakra import Count, F, Field, ForeignKey, ManyToMany, Model, Prefetch, field, foreign_key, many_to_many
from chakra.errors import FieldError, NotLoaded
from chakra.types import Integer
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED


class House(Model, table="pf_houses"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    owner: ForeignKey["Person | None"] = foreign_key(related_name="houses", default=None)  # noqa: UP037


class Room(Model, table="pf_rooms"):
    id: Field[int] = field(primary_key=True)
    kind: Field[str]
    size: Field[int] = field(Integer)
    house: ForeignKey[House] = foreign_key(related_name="rooms")


class Person(Model, table="pf_persons"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    boss: ForeignKey["Person | None"] = foreign_key(related_name="staff", default=None)  # noqa: UP037
    rented: ManyToMany[House] = many_to_many(related_name="tenants")


MODELS = (House, Room, Person)


async def fill() -> None:
    """Ann 1; Bob 2 and Cy 3 work for her, Di 4 for Bob. Ann owns Hill 1 (bath 5, bed 9, bed 12) and Mill 2 (bath 4),
    nobody owns Barn 3. Hill is rented by Bob and Di, Mill by Di.
    """
    ann = await Person.objects.create(name="Ann")
    bob, _ = (
        await Person.objects.create(name="Bob", boss=ann),
        await Person.objects.create(name="Cy", boss=ann),
    )
    di = await Person.objects.create(name="Di", boss=bob)
    hill, mill, _ = [
        await House.objects.create(name=name, owner=owner)
        for name, owner in (("Hill", ann), ("Mill", ann), ("Barn", None))
    ]
    for kind, size, house in (("bath", 5, hill), ("bed", 9, hill), ("bed", 12, hill), ("bath", 4, mill)):
        await Room.objects.create(kind=kind, size=size, house=house)
    await hill.tenants.add(bob, di)
    await mill.tenants.add(di)


def sizes(houses: Any) -> list[list[int]]:
    return [[room.size for room in house.rooms] for house in houses]


async def test_one_statement_a_relation_and_none_where_nothing_is(rows: Any) -> None:
    every = House.objects.order_by("id")
    with sends(rows, 4) as statements:
        await every.prefetch_related("rooms", "tenants__boss")
    assert [sql.count("JOIN") for sql in statements] == [0, 0, 1, 0]
    with sends(rows, 1):
        assert await every.filter(name="none").prefetch_related("rooms", "tenants__boss") == []
    with sends(rows, 2):  # nobody rents the barn, so there is nobody with a boss
        await every.filter(name="Barn").prefetch_related("tenants__boss__staff")
    with sends(rows, 1):  # nor has it an owner
        await every.filter(name="Barn").prefetch_related("owner__staff")
    with sends(rows, 3):  # what is named twice is loaded once
        await every.prefetch_related("rooms", "rooms", "rooms__house", "tenants", "rooms")


async def test_a_tree_of_one_model(rows: Any) -> None:
    with sends(rows, 3):
        (ann,) = await Person.objects.filter(boss=None).prefetch_related("staff__staff")
        assert [p.name for p in ann.staff] == ["Bob", "Cy"]
        assert [[p.name for p in person.staff] for person in ann.staff] == [["Di"], []]
        assert next(iter(next(iter(ann.staff)).staff)).boss.boss is ann
        with pytest.raises(TypeError, match="cannot be iterated"):
            list(next(iter(next(iter(ann.staff)).staff)).staff)


async def test_the_first_of_each_for_each(rows: Any) -> None:
    """distinct(…) takes the first row of each kind, for each owner."""
    largest = Prefetch("rooms", Room.objects.order_by("-size").distinct("kind"))
    assert sizes(await House.objects.order_by("id").prefetch_related(largest)) == [[12, 5], [4], []]
    kinds = Prefetch("rooms", Room.objects.order_by("kind", "size").distinct("kind"))
    assert sizes(await House.objects.order_by("id").prefetch_related(kinds)) == [[5, 9], [4], []]
    tenants = Prefetch("tenants", Person.objects.order_by("-name").distinct("boss"), to_attr="one_of_each")
    found = await House.objects.order_by("id").prefetch_related(tenants)
    assert [[p.name for p in house.one_of_each] for house in found] == [["Di", "Bob"], ["Di"], []]  # type: ignore[attr-defined]
    with pytest.raises(FieldError, match=r"a slice of distinct\('kind'\) cannot be taken for each row"):
        Prefetch("rooms", Room.objects.order_by("-size").distinct("kind")[:1])


async def test_queries_of_ones_own_on_several_levels(rows: Any) -> None:
    rooms = Room.objects.filter(kind="bed").order_by("-size")[:1]
    houses = (
        House.objects.annotate(n=Count("rooms"))
        .order_by("-id")
        .prefetch_related(Prefetch("rooms", rooms, "best"))
    )
    people = Person.objects.order_by("id").prefetch_related(
        Prefetch("houses", houses, "homes"), "homes__tenants"
    )
    with sends(rows, 4):
        ann, *_ = await people
        assert [(h.name, h.n, [r.size for r in h.best], len(h.tenants)) for h in ann.homes] == [  # type: ignore[attr-defined]
            ("Mill", 1, [], 1), ("Hill", 3, [12], 2),
        ]  # fmt: skip
    with pytest.raises(TypeError, match="cannot be iterated"):
        list(ann.houses)


async def test_lists_of_ones_own_along_a_key(rows: Any) -> None:
    named = Prefetch("owner", Person.objects.filter(name="Bob"), to_attr="bob")
    found = await House.objects.order_by("id").prefetch_related(named, "owner")
    assert [(h.bob, h.owner and h.owner.name) for h in found] == [(None, "Ann"), (None, "Ann"), (None, None)]  # type: ignore[attr-defined]


async def test_another_database(rows: Any, dsn: str) -> None:
    """A query names its own; what is loaded behind its rows comes from there, too."""
    other = await chakra.connect(dsn)
    try:
        query = Prefetch("rooms", Room.objects.using(other).order_by("id"))
        with sends(rows, 1), sends(other, 1):
            found = await House.objects.order_by("id").prefetch_related(query, "rooms__house")
        assert sizes(found) == [[5, 9, 12], [4], []]
        (room, *_) = found[0].rooms
        room.size = 6
        with sends(rows, 0), sends(other, 1):
            await room.save()
        with sends(rows, 0), sends(other, 1):
            await chakra.prefetch([room], "house__owner", using=other)
    finally:
        await other.close()
    await Room.objects.filter(id=1).update(size=5)


async def test_rows_that_are_streamed(rows: Any) -> None:
    """A statement for each block of rows, whatever of it is read."""
    query = Room.objects.order_by("id").prefetch_related("house__owner")
    with sends(rows, 5):
        names = [room.house.owner.name async for room in query.iterator(chunk_size=2)]  # type: ignore[union-attr]
    assert names == ["Ann"] * 4
    with sends(rows, 3):
        async for room in query.iterator(chunk_size=3):
            assert room.house.name == "Hill"
            break


async def test_instances_of_any_kind(rows: Any) -> None:
    """One twice, some loaded and some not, new ones, and those whose key was changed."""
    hill, mill, barn = await House.objects.order_by("id")
    with sends(rows, 1):
        await chakra.prefetch([hill, hill], "rooms")
    assert sizes([hill]) == [[5, 9, 12]]
    with sends(rows, 1):
        await chakra.prefetch([hill, mill, barn], "rooms")
    assert sizes([hill, mill, barn]) == [[5, 9, 12], [4], []]
    room = Room(kind="hall", size=1, house_id=2)
    await chakra.prefetch(room, "house__rooms")
    assert [r.size for r in room.house.rooms] == [4]
    barn.owner_id = 2
    with pytest.raises(NotLoaded):
        barn.owner.name  # type: ignore[union-attr]  # noqa: B018
    await chakra.prefetch([barn, mill], "owner")
    assert [house.owner.name for house in (barn, mill)] == ["Bob", "Ann"]  # type: ignore[union-attr]
    mill.owner_id = 3
    with pytest.raises(NotLoaded, match=r"House\.owner is not loaded"):
        mill.owner.name  # type: ignore[union-attr]  # noqa: B018
    with pytest.raises(FieldError, match="instances of one model"):
        await chakra.prefetch([hill, room], "rooms")
    with pytest.raises(
        FieldError, match=r"'house' is no relation of House; its relations are owner, rooms, tenants$"
    ):
        await chakra.prefetch([hill], "house")


async def test_what_is_loaded_travels(rows: Any) -> None:
    """With a pickle, a copy and a deep copy; each has lists of its own."""
    hill = (
        await House.objects.prefetch_related("rooms", "tenants__boss")
        .select_related("owner")
        .get(name="Hill")
    )
    for again in (pickle.loads(pickle.dumps(hill)), copy.copy(hill), copy.deepcopy(hill)):
        with sends(rows, 0):
            assert sizes([again]) == [[5, 9, 12]]
            assert (again.owner.name, [p.boss.name for p in again.tenants]) == ("Ann", ["Ann", "Bob"])
            assert (again, again is hill) == (hill, False)
    again = pickle.loads(pickle.dumps(hill))
    await again.rooms.create(kind="hall", size=2)
    assert sizes([again, hill]) == [[5, 9, 12, 2], [5, 9, 12]]
    await hill.refresh()
    with pytest.raises(TypeError, match="cannot be iterated"):
        list(hill.rooms)
    with pytest.raises(NotLoaded):
        hill.owner.name  # type: ignore[union-attr]  # noqa: B018


async def test_saving_keeps_what_is_loaded(rows: Any) -> None:
    hill = await House.objects.prefetch_related("rooms").select_related("owner").get(name="Hill")
    hill.name = "Hell"
    with sends(rows, 1):
        await hill.save()
        assert (sizes([hill]), hill.owner.name) == ([[5, 9, 12]], "Ann")  # type: ignore[union-attr]


async def test_sets_that_a_query_of_ones_own_loaded(rows: Any) -> None:
    """Whether what was added fits into the query is not known, so the list is forgotten."""
    beds = Prefetch("rooms", Room.objects.filter(kind="bed").order_by("id"))
    hill = await House.objects.prefetch_related(beds).get(name="Hill")
    assert sizes([hill]) == [[9, 12]]
    await hill.rooms.create(kind="hall", size=2)
    with pytest.raises(TypeError, match="cannot be iterated"):
        list(hill.rooms)
    listed = await House.objects.prefetch_related(Prefetch("rooms", Room.objects.all(), "listed")).get(
        name="Hill"
    )
    await listed.rooms.create(kind="hall", size=3)
    assert len(listed.listed) == 4  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("name",), r"'name' is a field, not a relation of House; its relations are owner, rooms, tenants$"),
        (("rooms__kind",), r"'kind' is a field, not a relation of Room; its relations are house$"),
        (("room",), r"'room' is no relation of House; its relations are owner, rooms, tenants$"),
        (("rooms__",), r"'' is no relation of Room"),
        (("",), r"Prefetch\(\) takes the path of a relation, not ''"),
        ((7,), r"Prefetch\(\) takes the path of a relation, not 7"),
        ((None, "rooms"), r"Prefetch\(\) takes the path of a relation, not None"),
        ((("rooms", Room),), r"Prefetch\(\) takes the path of a relation, not \('rooms'"),
    ],
    ids=["field", "deeper field", "no relation", "no name", "empty", "number", "None", "tuple"],
)
async def test_what_is_no_relation(rows: Any, given: Any, why: str) -> None:
    with pytest.raises(FieldError, match=why):
        House.objects.prefetch_related(*given)


async def test_queries_that_do_not_fit(rows: Any) -> None:
    every = House.objects
    for make, why in (
        (lambda: Prefetch("rooms", [1, 2]), "takes a query for instances"),
        (lambda: Prefetch("rooms", Room), "takes a query for instances"),
        (lambda: Prefetch("rooms", Room.objects.all(), "two words"), "'two words' is not a plain name"),
        (
            lambda: every.prefetch_related(Prefetch("rooms", Person.objects.all())),
            "leads to Room, .* about Person",
        ),
        (
            lambda: every.prefetch_related(Prefetch("rooms", to_attr="owner")),
            "is the name of a field, a relation",
        ),
        (
            lambda: every.prefetch_related(
                Prefetch("rooms", Room.objects.all()), Prefetch("rooms", Room.objects.order_by("id"))
            ),
            "another Prefetch has a query of its own for 'rooms'",
        ),
        (
            lambda: every.prefetch_related(
                Prefetch("rooms", Room.objects.all(), "a"),
                Prefetch("rooms", Room.objects.order_by("id"), "a"),
            ),
            "another Prefetch has a query of its own for 'a'",
        ),
        (
            lambda: every.prefetch_related(Prefetch("rooms", to_attr="k")).annotate(k=Count("rooms")),
            "annotation 'k' has the name of the list of a Prefetch",
        ),
        (
            lambda: every.annotate(k=Count("rooms")).prefetch_related(Prefetch("rooms", to_attr="k")),
            "to_attr='k' is the name of an annotation",
        ),
        (lambda: every.values("id").prefetch_related("rooms"), r"prefetch_related\(\) is for instances"),
    ):
        with pytest.raises(FieldError, match=why):
            make()
    plain = every.prefetch_related(Prefetch("rooms", Room.objects.values("id")))
    with pytest.raises(FieldError, match=r"rows of values\(\) are for columns, to_arrow\(nested=True\)"):
        await plain
    same = Prefetch("rooms", Room.objects.order_by("id"))
    assert sizes(await every.order_by("id").prefetch_related(same, same)) == [[5, 9, 12], [4], []]


async def test_rows_that_lack_the_key(rows: Any) -> None:
    rooms = await Room.objects.only("kind")
    with pytest.raises(NotLoaded, match=r"Room\.house_id was not loaded with these rows"):
        await chakra.prefetch(rooms, "house")


async def test_annotations_of_the_owner(rows: Any) -> None:
    """The rows of a set may be asked for what they are linked by."""
    linked = Prefetch("tenants", Person.objects.annotate(house=F("rented__name")).order_by("id"), "links")
    found = await House.objects.order_by("id").prefetch_related(linked)
    assert [[(p.name, p.house) for p in h.links] for h in found] == [  # type: ignore[attr-defined]
        [("Bob", "Hill"), ("Di", "Hill")], [("Di", "Mill")], [],
    ]  # fmt: skip


async def test_a_query_of_ones_own_stands_in_the_place_of_what_was_loaded(rows: Any) -> None:
    counted = Prefetch("owner", Person.objects.annotate(n=Count("houses")))
    houses = await House.objects.order_by("id").select_related("owner").prefetch_related(counted)
    assert [house.owner and house.owner.n for house in houses] == [2, 2, None]
    houses = await House.objects.order_by("id").select_related("owner")
    await chakra.prefetch(houses, counted)
    assert [house.owner and house.owner.n for house in houses] == [2, 2, None]

    hill = await House.objects.prefetch_related("rooms").get(name="Hill")
    await hill.rooms.create(kind="attic", size=30)
    assert sizes([hill]) == [[5, 9, 12, 30]]
    await chakra.prefetch([hill], Prefetch("rooms", Room.objects.filter(size__gt=9).order_by("-size")))
    assert sizes([hill]) == [[30, 12]]


async def test_the_owner_that_a_query_of_ones_own_loaded_along_stays(rows: Any) -> None:
    rooms = Room.objects.order_by("id").select_related("house__owner")
    hill = await House.objects.prefetch_related(Prefetch("rooms", rooms)).get(name="Hill")
    assert [room.house.owner.name for room in hill.rooms] == ["Ann", "Ann", "Ann"]


@pytest.mark.parametrize("to_attr", [None, "some"])
async def test_two_queries_for_one_relation_at_any_depth(rows: Any, to_attr: str | None) -> None:
    beds = Prefetch("rooms", Room.objects.filter(kind="bed"))
    houses = Prefetch("houses", House.objects.order_by("id").prefetch_related(beds), to_attr)
    path = f"{to_attr or 'houses'}__rooms"
    with pytest.raises(FieldError, match=rf"Prefetch\('{path}'\): another Prefetch has a query of its own"):
        Person.objects.prefetch_related(houses, Prefetch(path, Room.objects.filter(kind="bath")))
    ann = await Person.objects.prefetch_related(houses, path).get(name="Ann")
    assert sizes(ann.some if to_attr else ann.houses) == [[9, 12], []]


async def test_rows_of_two_databases_are_each_asked_for_where_they_are(rows: Any, dsn: str) -> None:
    async with chakra.connect(dsn) as other:
        mill, hill = await House.objects.using(other).get(name="Mill"), await House.objects.get(name="Hill")
        with sends(rows, 1), sends(other, 1):
            await chakra.prefetch([mill, hill], "rooms")
        assert sizes([mill, hill]) == [[4], [5, 9, 12]]


async def test_a_row_that_was_not_saved_says_so(rows: Any) -> None:
    with pytest.raises(NotLoaded, match=r"Room\.house_id has no value in a row not saved yet"):
        await chakra.prefetch(Room(kind="bed", size=1), "house")


async def test_a_path_back_with_a_query_leaves_the_rows_it_came_from_as_they_are(rows: Any) -> None:
    beds = Prefetch("rooms__house__rooms", Room.objects.filter(kind="bed"))
    hill = await House.objects.prefetch_related("rooms", beds).get(name="Hill")
    assert sizes([hill]) == [[5, 9, 12]]
    assert [sizes([room.house]) for room in hill.rooms] == [[[9, 12]]] * 3

    hill = await House.objects.only("name").prefetch_related("rooms__house__owner").get(name="Hill")
    assert [room.house.owner.name for room in hill.rooms] == ["Ann"] * 3
    with pytest.raises(NotLoaded):
        hill.owner_id  # noqa: B018
