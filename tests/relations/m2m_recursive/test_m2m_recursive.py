"""Many-to-many relations of a model to itself: one link for both directions, or one for each."""

from __future__ import annotations

from typing import Any

import pytest_asyncio

from chakra import Count, Field, ForeignKey, ManyToMany, Model, field, foreign_key, many_to_many
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED


class Person(Model, table="mr_persons"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    friends: ManyToMany["Person"] = many_to_many()  # noqa: UP037
    follows: ManyToMany["Person"] = many_to_many(related_name="followers")  # noqa: UP037
    rivals: ManyToMany["Person"] = many_to_many(symmetrical=False)  # noqa: UP037
    allies: ManyToMany["Person"] = many_to_many(  # noqa: UP037
        through="Pact", through_fields=("one", "other"), symmetrical=True
    )


class Pact(Model, table="mr_pacts"):
    id: Field[int] = field(primary_key=True)
    one: ForeignKey[Person] = foreign_key(related_name="+")
    other: ForeignKey[Person] = foreign_key(related_name="+")
    text: Field[str] = field(default="")


MODELS = (Person, Pact)


async def fill() -> None:
    """Ann 1, Bob 2, Cy 3, Di 4; Ann is a friend of Bob and Cy, follows Bob, and Cy follows her."""
    ann, bob, cy, _ = [await Person.objects.create(name=name) for name in ("Ann", "Bob", "Cy", "Di")]
    await ann.friends.add(bob, cy)
    await ann.follows.add(bob)
    await cy.follows.add(ann)


@pytest_asyncio.fixture(loop_scope="module")
async def people(rows: Any) -> list[Person]:
    return await Person.objects.order_by("id")


async def names(query: Any) -> str:
    return " ".join([person.name for person in await query.order_by("id")])


async def test_a_link_holds_in_both_directions(people: list[Person]) -> None:
    ann, bob, cy, di = people
    assert await names(ann.friends) == "Bob Cy"
    assert await names(bob.friends) == "Ann"
    await di.friends.add(ann, bob)
    assert await names(ann.friends) == "Bob Cy Di"
    assert await names(bob.friends) == "Ann Di"
    await cy.friends.remove(ann)
    assert await names(ann.friends) == "Bob Di"
    await ann.friends.set([cy, di])
    assert (await names(bob.friends), await names(cy.friends), await names(di.friends)) == (
        "Di",
        "Ann",
        "Ann Bob",
    )
    await di.friends.clear()
    assert (await names(ann.friends), await names(bob.friends)) == ("Cy", "")


async def test_being_ones_own_friend(people: list[Person], rows: Any) -> None:
    _, _, _, di = people
    await di.friends.add(di)
    assert await names(di.friends) == "Di"
    assert await di.friends.count() == 1
    assert len(await rows.fetch("select from mr_persons_friends where from_person_id = 4")) == 1
    await di.friends.add(di)
    await di.friends.remove(di)
    assert await names(di.friends) == ""


async def test_links_are_written_once(people: list[Person], rows: Any) -> None:
    """Both directions in one COPY or INSERT, and nothing where nothing is new."""
    ann, bob, cy, _ = people
    assert len(await rows.fetch("select from mr_persons_friends")) == 4
    await ann.friends.add(bob, cy, bob)
    await bob.friends.add(ann)
    assert len(await rows.fetch("select from mr_persons_friends")) == 4
    with sends(rows, 1):
        await ann.friends.set([cy, bob])
    with sends(rows, 2):
        await ann.friends.remove(bob)


async def test_a_link_for_each_direction(people: list[Person]) -> None:
    ann, bob, cy, di = people
    assert (await names(ann.follows), await names(ann.followers)) == ("Bob", "Cy")
    assert (await names(bob.follows), await names(bob.followers)) == ("", "Ann")
    await bob.follows.add(ann)
    await ann.followers.add(di)
    assert await names(ann.followers) == "Bob Cy Di"
    await ann.follows.clear()
    assert (await names(ann.follows), await names(ann.followers)) == ("", "Bob Cy Di")
    await ann.followers.set([bob])
    assert await names(cy.follows) == ""
    await ann.rivals.add(bob)
    assert (await names(ann.rivals), await names(bob.rivals)) == ("Bob", "")


async def test_asking_several_links_away(people: list[Person]) -> None:
    ann, *_ = people
    every = Person.objects
    assert await names(every.filter(friends=ann)) == "Bob Cy"
    assert await names(every.filter(friends__friends=2)) == "Bob Cy"  # friends of Ann, whose friend Bob is
    assert await names(every.filter(friends__friends__name="Ann")) == "Ann"
    assert await names(every.filter(follows__follows__name="Bob")) == "Cy"
    assert await names(every.filter(followers__followers__name="Cy")) == "Bob"
    assert await names(every.exclude(friends=None)) == "Ann Bob Cy"
    assert await names(every.filter(friends=None)) == "Di"
    assert await names(every.filter(friends__name="Bob").filter(friends__name="Cy")) == "Ann"
    assert await names(every.filter(friends__name="Bob", friends__id=3)) == ""
    counted = every.order_by("id").annotate(
        n=Count("friends"), m=Count("followers"), k=Count("friends__friends")
    )
    assert await counted.values_list("n", "m", "k") == [(2, 1, 2), (1, 1, 2), (1, 0, 2), (0, 0, 0)]


async def test_symmetrical_through_a_model(people: list[Person]) -> None:
    ann, bob, cy, _ = people
    await ann.allies.add(bob, through_defaults={"text": "peace"})
    assert (await names(ann.allies), await names(bob.allies)) == ("Bob", "Ann")
    assert await Pact.objects.order_by("id").values_list("one_id", "other_id", "text") == [
        (1, 2, "peace"), (2, 1, "peace"),
    ]  # fmt: skip
    await bob.allies.add(ann, cy)
    assert await Pact.objects.count() == 4
    await bob.allies.remove(ann)
    assert (await names(ann.allies), await names(bob.allies)) == ("", "Cy")


async def test_loading_and_what_changes_it(people: list[Person], rows: Any) -> None:
    with sends(rows, 4):
        ann, bob, cy, di = await Person.objects.order_by("id").prefetch_related(
            "friends", "follows", "followers"
        )
    with sends(rows, 0):
        assert [sorted(p.name for p in person.friends) for person in (ann, bob, cy, di)] == [
            ["Bob", "Cy"], ["Ann"], ["Ann"], [],
        ]  # fmt: skip
        assert [p.name for p in ann.followers] == ["Cy"]
    await ann.friends.add(di)
    assert [p.name for p in di.friends] == ["Ann"]
    assert di in list(ann.friends)
    await di.friends.remove(ann)
    assert di not in list(ann.friends)
    await di.follows.add(ann)
    assert [p.name for p in ann.followers] == ["Cy", "Di"]
    await ann.followers.clear()
    assert (list(di.follows), list(ann.followers)) == ([], [])
