"""Ways back: several to one model, with and without a name, and what happens to names that are taken."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import Count, Field, ForeignKey, ManyToMany, Model, field, foreign_key, many_to_many
from chakra.errors import FieldError
from chakra.types import BigInt
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED


class User(Model, table="rl_users"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Poll(Model, table="rl_polls"):
    id: Field[int] = field(primary_key=True)
    question: Field[str]
    creator: ForeignKey[User] = foreign_key(related_name="polls")
    checker: ForeignKey[User | None] = foreign_key(default=None)
    voters: ManyToMany[User] = many_to_many(related_name="+")


class Choice(Model, table="rl_choices"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    poll: ForeignKey[Poll] = foreign_key(related_name="choices")
    next: ForeignKey[Poll] = foreign_key(related_name="leads_from")


MODELS = (User, Poll, Choice)


async def fill() -> None:
    """Ann made "what?", whose choice "this" leads to "why?"; Bob made "why?", with "because" that leads to itself."""
    ann, bob = await User.objects.create(name="Ann"), await User.objects.create(name="Bob")
    what = await Poll.objects.create(question="what?", creator=ann)
    why = await Poll.objects.create(question="why?", creator=bob, checker=ann)
    await Choice.objects.create(name="this", poll=what, next=why)
    await Choice.objects.create(name="because", poll=why, next=why)
    await what.voters.add(ann, bob)


async def test_by_forward_relations(rows: Any) -> None:
    assert (await Poll.objects.get(creator__name="Ann")).question == "what?"
    assert (await Poll.objects.get(checker__name="Ann")).question == "why?"
    assert (await Choice.objects.get(poll__creator__name="Ann")).name == "this"
    assert await Choice.objects.filter(next__creator__name="Bob").count() == 2


async def test_by_each_way_back(rows: Any) -> None:
    assert (await Poll.objects.get(choices__name="this")).question == "what?"
    assert (await Poll.objects.get(leads_from__name="this")).question == "why?"
    assert await Poll.objects.filter(choices__name="because", leads_from__name="this").count() == 1
    assert await Poll.objects.filter(leads_from=None).values_list("question", flat=True) == ["what?"]
    assert (await User.objects.get(polls__question__exact="what?")).name == "Ann"
    assert (await User.objects.get(polls__leads_from__poll__creator__name="Ann")).name == "Bob"
    counted = Poll.objects.order_by("id").annotate(n=Count("choices"), m=Count("leads_from"))
    assert await counted.values_list("n", "m") == [(1, 0), (1, 2)]
    why = await Poll.objects.get(question="why?")
    with sends(rows, 2):
        assert [choice.name for choice in await why.leads_from.order_by("id")] == ["this", "because"]
        assert await why.choices.values_list("name", flat=True) == ["because"]


@pytest.mark.parametrize(
    "name",
    ["choice", "choice_set", "poll_set", "checked", "poll", "voters", "rl_polls", "voters+"],
)
async def test_names_that_are_none(rows: Any, name: str) -> None:
    """The error lists those that are."""
    with pytest.raises(
        FieldError, match=f"User has no field '{name}'; it has id, name, polls".replace("+", r"\+")
    ):
        await User.objects.filter(**{name: 1})
    with pytest.raises(FieldError, match=r"its relations are polls$"):
        User.objects.prefetch_related(name)
    assert not hasattr(User, name)


async def test_a_relation_without_a_way_back_works(rows: Any) -> None:
    what, why = await Poll.objects.order_by("id")
    assert [u.name for u in await what.voters.order_by("id")] == ["Ann", "Bob"]
    await why.voters.set([1])
    assert await Poll.objects.filter(voters__name="Ann").count() == 2
    with sends(rows, 2):
        polls = await Poll.objects.order_by("id").prefetch_related("voters")
        assert [len(poll.voters) for poll in polls] == [2, 1]
    assert await Poll.objects.exclude(voters=2).values_list("question", flat=True) == ["why?"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("polls", r"Late\.owner: related_name='polls' is the way back of Poll\.creator already"),
        ("name", r"Late\.owner: related_name='name' is a field of User"),
        ("save", r"Late\.owner: related_name='save': User has an attribute of that name"),
        ("two words", r"Late\.owner: related_name='two words' is not a plain name"),
        ("a__b", r"Late\.owner: related_name='a__b' is not a plain name"),
        ("", r"Late\.owner: related_name='' is not a plain name"),
    ],
)
@pytest.mark.parametrize("kind", ["key", "links"])
async def test_names_that_are_taken(rows: Any, name: str, why: str, kind: str) -> None:
    made = foreign_key(User, related_name=name) if kind == "key" else many_to_many(User, related_name=name)
    with pytest.raises(FieldError, match=why):
        type(
            "Late",
            (Model,),
            {"__module__": __name__, "id": field(BigInt, primary_key=True), "owner": made},
        )
    assert (await User.objects.get(polls__question="what?")).name == "Ann"
