"""NULL along relations: no row, a row without a value, and lists that hold None."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import Count, F, Field, ForeignKey, Model, Q, Sum, field, foreign_key
from chakra.types import Integer
from tests.relations.conftest import SHARED

pytestmark = SHARED


class Poll(Model, table="nq_polls"):
    id: Field[int] = field(primary_key=True)
    question: Field[str | None]


class Choice(Model, table="nq_choices"):
    id: Field[int] = field(primary_key=True)
    text: Field[str | None]
    votes: Field[int | None] = field(Integer)
    poll: ForeignKey[Poll | None] = foreign_key(related_name="choices", default=None)


MODELS = (Poll, Choice)


async def fill() -> None:
    """Poll 1 "why": choices 1 "a" 3, 2 without a text 5, 3 "c" without votes. Poll 2 without a question: 4 "a" 1.
    Poll 3 "how": none. Choice 5 "e" 9 has no poll.
    """
    why, nameless, _ = [await Poll.objects.create(question=q) for q in ("why", None, "how")]
    for text, votes, poll in (
        ("a", 3, why),
        (None, 5, why),
        ("c", None, why),
        ("a", 1, nameless),
        ("e", 9, None),
    ):
        await Choice.objects.create(text=text, votes=votes, poll=poll)


async def ids(query: Any) -> list[int]:
    return [row.id for row in await query.order_by("id")]


FORWARD = [
    ({"poll": None}, [5]),
    ({"poll__isnull": True}, [5]),
    ({"poll__id": None}, [5]),
    ({"poll__question": None}, [4, 5]),
    ({"poll__question__isnull": False}, [1, 2, 3]),
    ({"poll__question": "why"}, [1, 2, 3]),
    ({"poll__question__ne": "why"}, []),
    ({"poll__question__in": ["why", None]}, [1, 2, 3]),
    ({"poll__in": [None]}, []),
    ({"poll__question": None, "poll__isnull": False}, [4]),
    ({"poll__choices__text": "e"}, []),
    ({"poll__choices": None}, [5]),
    ({"poll__question": F("text")}, []),
]

BACK = [
    ({"choices": None}, [3]),
    ({"choices__isnull": False}, [1, 2]),
    ({"choices__text": None}, [1, 3]),
    ({"choices__text__isnull": False}, [1, 2]),
    ({"choices__votes": None}, [1, 3]),
    ({"choices__text": None, "choices__votes": 5}, [1]),
    ({"choices__text": None, "choices__votes": None}, [3]),
    ({"choices__text": None, "choices__isnull": False}, [1]),
    ({"choices__votes__ne": 3}, [1, 2]),
    ({"choices__text__in": [None, "c"]}, [1]),
    ({"choices__in": [None]}, []),
    ({"choices__poll__question": None}, [2, 3]),
]


@pytest.mark.parametrize(("lookups", "expected"), FORWARD, ids=str)
async def test_along_a_key(rows: Any, lookups: dict[str, Any], expected: list[int]) -> None:
    """What is excluded is the rest, NULL or not."""
    assert await ids(Choice.objects.filter(**lookups)) == expected
    rest = [n for n in range(1, 6) if n not in expected]
    assert await ids(Choice.objects.exclude(**lookups)) == rest
    assert await ids(Choice.objects.filter(~Q(**lookups))) == rest


@pytest.mark.parametrize(("lookups", "expected"), BACK, ids=str)
async def test_along_the_way_back(rows: Any, lookups: dict[str, Any], expected: list[int]) -> None:
    """Where there is no row, there are no values: the text of the choice of a poll without any is NULL."""
    assert await ids(Poll.objects.filter(**lookups)) == expected
    rest = [n for n in (1, 2, 3) if n not in expected]
    assert await ids(Poll.objects.exclude(**lookups)) == rest
    assert await ids(Poll.objects.filter(~Q(**lookups))) == rest


async def test_either_or(rows: Any) -> None:
    assert await ids(Choice.objects.filter(Q(poll=None) | Q(poll__question="why"))) == [1, 2, 3, 5]
    assert await ids(Choice.objects.filter(Q(poll__question=None) | Q(text=None))) == [2, 4, 5]
    assert await ids(Choice.objects.exclude(Q(poll__question=None) | Q(text=None))) == [1, 3]
    assert await ids(Poll.objects.filter(Q(choices__text=None) | Q(question=None))) == [1, 2, 3]
    assert await ids(Poll.objects.filter(Q(choices=None) & Q(question="how"))) == [3]


async def test_what_aggregates_make_of_it(rows: Any) -> None:
    """Count counts values; a sum of none is NULL, or its default."""
    query = Poll.objects.order_by("id").annotate(
        n=Count("choices"),
        t=Count("choices__text"),
        s=Sum("choices__votes"),
        d=Sum("choices__votes", default=0),
    )
    assert await query.values_list("n", "t", "s", "d") == [(3, 2, 8, 8), (1, 1, 1, 1), (0, 0, None, 0)]
    assert await ids(query.filter(s=None)) == [3]
    assert await ids(query.exclude(s__gt=1)) == [2, 3]
    assert await Choice.objects.aggregate(n=Count("poll"), q=Count("poll__question"), all=Count("*")) == {
        "n": 4, "q": 3, "all": 5,
    }  # fmt: skip


async def test_order(rows: Any) -> None:
    """NULL is larger than everything, whether a value is missing or the row."""
    assert [c.id for c in await Choice.objects.order_by("poll__question", "id")] == [1, 2, 3, 4, 5]
    assert [c.id for c in await Choice.objects.order_by("-poll__question", "id")] == [4, 5, 1, 2, 3]
    assert [p.id for p in await Poll.objects.order_by("choices__votes", "id")] == [2, 1, 3]
    assert [p.id for p in await Poll.objects.order_by("-choices__votes", "id")] == [3, 1, 2]


async def test_writing_by_it(rows: Any) -> None:
    assert await Choice.objects.filter(poll__question=None).update(votes=0) == 2
    assert await Poll.objects.filter(choices=None).delete() == 1
    assert await Choice.objects.exclude(poll=None).filter(text=None).delete() == 1
    assert await Choice.objects.order_by("id").values_list("id", "votes") == [
        (1, 3),
        (3, None),
        (4, 0),
        (5, 0),
    ]
