"""A model between two models: links with fields of their own, of which a pair may have several."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import (
    ArrayAgg,
    Count,
    Field,
    ForeignKey,
    ManyToMany,
    Model,
    Prefetch,
    Q,
    Sum,
    field,
    foreign_key,
    many_to_many,
)
from chakra.errors import DataError, FieldError
from chakra.types import Integer
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED


class Person(Model, table="mt_persons"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    age: Field[int] = field(Integer, default=30)
    teachers: ManyToMany["Person"] = many_to_many(  # noqa: UP037
        through="Lesson", through_fields=("pupil", "teacher"), related_name="pupils"
    )


class Lesson(Model, table="mt_lessons"):
    id: Field[int] = field(primary_key=True)
    pupil: ForeignKey[Person] = foreign_key(related_name="taken")
    teacher: ForeignKey[Person] = foreign_key(related_name="given")


class Club(Model, table="mt_clubs"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    members: ManyToMany[Person] = many_to_many(
        through="Membership", through_fields=("club", "person"), related_name="clubs"
    )


class Membership(Model, table="mt_memberships"):
    id: Field[int] = field(primary_key=True)
    club: ForeignKey[Club] = foreign_key(related_name="memberships", on_delete="cascade")
    person: ForeignKey[Person | None] = foreign_key(related_name="memberships", default=None)
    inviter: ForeignKey[Person | None] = foreign_key(related_name="invited", default=None)
    fee: Field[int] = field(Integer, default=1)


MODELS = (Person, Lesson, Club, Membership)


async def fill() -> None:
    """Jim 1, Bob 2, Ann 3. Rock 1: Jim twice (fees 5 and 3), Bob (1, invited by Jim), and a place that nobody has (9).
    Jazz 2: Bob (7). Folk 3: none.
    """
    jim, bob, _ = [
        await Person.objects.create(name=n, age=a) for n, a in (("Jim", 20), ("Bob", 40), ("Ann", 60))
    ]
    rock, jazz, _ = [await Club.objects.create(name=name) for name in ("Rock", "Jazz", "Folk")]
    for club, person, fee, inviter in (
        (rock, jim, 5, None), (rock, bob, 1, jim), (rock, jim, 3, None), (rock, None, 9, None), (jazz, bob, 7, None),
    ):  # fmt: skip
        await Membership.objects.create(club=club, person=person, fee=fee, inviter=inviter)


async def names(query: Any) -> list[str]:
    return [row.name for row in await query.order_by("id")]


async def fees(club: str) -> list[tuple[int | None, int]]:
    links = Membership.objects.filter(club__name=club).order_by("id")
    return await links.values_list("person_id", "fee")


async def test_a_partner_comes_once(rows: Any) -> None:
    """However many links there are, and links that lead nowhere lead to none."""
    rock, jazz, folk = await Club.objects.order_by("id")
    assert await names(rock.members) == ["Jim", "Bob"]
    assert await rock.members.count() == 2
    assert await names(jazz.members) == ["Bob"]
    assert await names(folk.members) == []
    jim = await Person.objects.get(name="Jim")
    assert await names(jim.clubs) == ["Rock"]
    with sends(rows, 2):
        loaded = await Club.objects.order_by("id").prefetch_related("members")
    assert [sorted(p.name for p in club.members) for club in loaded] == [["Bob", "Jim"], ["Bob"], []]
    assert [len(club.members) for club in loaded] == [2, 1, 0]


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0, 1, [["Jim"], ["Bob"], []]),
        (0, 2, [["Jim", "Bob"], ["Bob"], []]),
        (1, 2, [["Bob"], [], []]),
        (1, None, [["Bob"], [], []]),
    ],
)
async def test_a_slice_for_each_counts_partners(rows: Any, start: int, stop: int, expected: Any) -> None:
    """Jim, of two links, is one."""
    for order in ("id", "age", "memberships__id"):
        few = Prefetch("members", Person.objects.order_by(order)[start:stop], to_attr="few")
        found = await Club.objects.order_by("id").prefetch_related(few)
        assert [[p.name for p in club.few] for club in found] == expected, order  # type: ignore[attr-defined]


async def test_no_partner(rows: Any) -> None:
    """A link that leads nowhere is none: also beside others."""
    every = Club.objects
    await Membership.objects.create(club_id=3)
    assert await names(every.filter(members=None)) == ["Folk"]
    assert await names(every.filter(members__isnull=False)) == ["Rock", "Jazz"]
    assert await names(every.exclude(members=None)) == ["Rock", "Jazz"]
    assert await names(every.exclude(members__isnull=False)) == ["Folk"]
    assert await names(every.filter(Q(members=None) | Q(members__name="Jim"))) == ["Rock", "Folk"]
    assert await names(every.filter(memberships__person=None)) == ["Rock", "Folk"]
    assert await names(Person.objects.filter(clubs=None)) == ["Ann"]
    assert await names(every.filter(members__name=None)) == ["Folk"], "Rock has members, and all have names"
    assert await names(every.filter(members=None, members__age=None)) == ["Folk"]
    assert await names(every.exclude(members__name__isnull=False)) == ["Folk"]
    assert await every.order_by("id", "members__name").values_list("name", "members__name") == [
        ("Rock", "Bob"), ("Rock", "Jim"), ("Rock", "Jim"), ("Jazz", "Bob"), ("Folk", None),
    ]  # fmt: skip
    ages = every.annotate(ages=ArrayAgg("members__age", order_by="members__age")).order_by("id")
    assert await ages.values_list("ages", flat=True) == [[20, 20, 40], [40], None]


async def test_asking_by_partners_and_by_links(rows: Any) -> None:
    """The key of a partner stands in the link; fields of links are asked through the links' own relation."""
    every = Club.objects
    sql, _ = every.filter(members=1).to_sql()
    assert (sql.count("JOIN"), sql.count("EXISTS"), "mt_persons" in sql) == (0, 1, False)
    assert await names(every.filter(members=1)) == ["Rock"]
    assert await names(every.filter(members__name="Bob")) == ["Rock", "Jazz"]
    assert await names(every.filter(memberships__person__name="Bob", memberships__fee=1)) == ["Rock"]
    assert await names(every.filter(memberships__person__name="Bob", memberships__fee=5)) == []
    assert await names(every.filter(memberships__person__name="Bob").filter(memberships__fee=5)) == ["Rock"]
    assert await names(every.filter(members__name="Bob", memberships__fee=5)) == ["Rock"]  # two relations
    assert await names(every.exclude(memberships__person__name="Bob", memberships__fee=1)) == ["Jazz", "Folk"]
    assert await names(every.filter(memberships__inviter__name="Jim")) == ["Rock"]
    assert await names(Person.objects.filter(memberships__club__name="Rock", memberships__fee__gt=3)) == [
        "Jim"
    ]
    assert await names(Person.objects.filter(invited__fee=1)) == ["Jim"]


async def test_aggregates_go_over_links(rows: Any) -> None:
    """Of a pair linked twice both are counted; distinct counts partners."""
    query = Club.objects.order_by("id").annotate(
        links=Count("memberships"),
        n=Count("members"),
        people=Count("members", distinct=True),
        paid=Sum("memberships__fee"),
    )
    assert await query.values_list("links", "n", "people", "paid") == [
        (4, 3, 2, 18),
        (1, 1, 1, 7),
        (0, 0, 0, None),
    ]
    old = Club.objects.filter(members__age__gt=30).annotate(n=Count("members"))
    assert await old.order_by("id").values_list("name", "n") == [("Rock", 1), ("Jazz", 1)]


async def test_add_with_fields_of_the_link(rows: Any) -> None:
    rock, jazz, folk = await Club.objects.order_by("id")
    jim, bob, ann = await Person.objects.order_by("id")
    with sends(rows, 2):
        await folk.members.add(jim, ann, through_defaults={"fee": 4, "inviter": bob})
    assert await fees("Folk") == [(1, 4), (3, 4)]
    assert await names(Person.objects.filter(invited__club=folk)) == ["Bob"]
    await folk.members.add(jim, bob, through_defaults={"fee": 6})  # Jim's link stays as it is
    assert await fees("Folk") == [(1, 4), (3, 4), (2, 6)]
    await ann.clubs.add(jazz, through_defaults={"fee": 2})
    assert await fees("Jazz") == [(2, 7), (3, 2)]
    made = await jazz.members.create(name="Eve", through_defaults={"fee": 8})
    assert await fees("Jazz") == [(2, 7), (3, 2), (made.id, 8)]
    await rock.members.add(ann)
    assert (await fees("Rock"))[-1] == (3, 1)


async def test_set_keeps_the_links_that_stay(rows: Any) -> None:
    rock = await Club.objects.get(name="Rock")
    jim, bob, ann = await Person.objects.order_by("id")
    await rock.members.set([jim, ann], through_defaults={"fee": 2})
    assert await fees("Rock") == [(1, 5), (1, 3), (None, 9), (3, 2)]
    with sends(rows, 1):
        await rock.members.set([ann, jim])
    assert await fees("Rock") == [(1, 5), (1, 3), (None, 9), (3, 2)]
    await rock.members.remove(jim)
    assert await fees("Rock") == [(None, 9), (3, 2)]
    await bob.clubs.clear()
    assert await fees("Jazz") == []
    await rock.members.clear()
    assert await fees("Rock") == []


async def test_what_fails_changes_nothing(rows: Any) -> None:
    rock = await Club.objects.prefetch_related("members").get(name="Rock")
    ann = await Person.objects.get(name="Ann")
    before = await fees("Rock")
    for wrong in ({"free": 1}, {"club__name": "x"}):
        for call in (
            rock.members.add(ann, through_defaults=wrong),
            rock.members.set([ann], through_defaults=wrong),
            rock.members.create(name="new", through_defaults=wrong),
        ):
            with pytest.raises(
                FieldError, match=r"Membership has no field '(free|club__name)'; it has .*fee"
            ):
                await call
    with pytest.raises(DataError, match=r"fee"):
        await rock.members.set([ann], through_defaults={"fee": "much"})
    assert await fees("Rock") == before
    assert len(rock.members) == 2
    assert await Person.objects.count() == 3


async def test_rows_that_point_at_their_own_model(rows: Any) -> None:
    """Not symmetrical: who teaches whom is in the link."""
    jim, bob, ann = await Person.objects.order_by("id")
    await jim.teachers.add(bob, ann)
    await bob.teachers.add(ann)
    assert await names(jim.teachers) == ["Bob", "Ann"]
    assert await names(ann.pupils) == ["Jim", "Bob"]
    assert await names(ann.teachers) == []
    assert await names(Person.objects.filter(teachers__teachers=ann)) == ["Jim"]
    assert await names(Person.objects.filter(pupils__pupils=jim)) == ["Ann"]
    assert await names(Person.objects.filter(taken__teacher=bob)) == ["Jim"]
    with sends(rows, 3):
        found = await Person.objects.order_by("id").prefetch_related("teachers__pupils")
        assert [[sorted(p.name for p in t.pupils) for t in person.teachers] for person in found][1] == [
            ["Bob", "Jim"]
        ]
    await ann.pupils.remove(jim)
    assert await names(jim.teachers) == ["Bob"]


async def test_links_go_with_the_rows_they_link(rows: Any) -> None:
    await Club.objects.filter(name="Rock").delete()
    assert await Membership.objects.values_list("club_id", flat=True) == [2]
