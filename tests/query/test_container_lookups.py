"""Words that mean something of their own on ranges, multiranges, hstore and addresses; hand-computed answers."""

from __future__ import annotations

import datetime as dt
from typing import Any

import asyncpg
import pytest

from chakra import JSON_NULL, F, Field, Model, field
from chakra.errors import FieldError
from chakra.types import Array, DateRange, HStore, Inet, Int4MultiRange, Int4Range, Integer, Json, Jsonb, Text
from tests.query.library import ids

R = asyncpg.Range


class Slot(Model, table="slots"):
    id: Field[int] = field(primary_key=True)
    n: Field[int | None] = field(Integer)
    span: Field[object] = field(Int4Range, null=True)
    days: Field[object] = field(DateRange, null=True)
    spans: Field[object] = field(Int4MultiRange, null=True)
    tags: Field[object] = field(HStore, null=True)
    addr: Field[object] = field(Inet, null=True)
    nums: Field[list[int] | None] = field(Array(Integer))
    words: Field[list[str] | None] = field(Array(Text))
    doc: Field[object] = field(Json, null=True)


@pytest.fixture
async def slots(db: Any) -> Any:
    await db.execute("create extension if not exists hstore")
    await db.create_tables(Slot)
    day = dt.date
    rows: list[dict[str, Any]] = [
        {"n": 1, "span": R(0, 5), "days": R(day(2024, 1, 1), day(2024, 2, 1)), "spans": [R(0, 2), R(4, 6)],
         "tags": {"a": "b", "c": None}, "addr": "10.0.0.1", "nums": [1], "words": ["x,y"], "doc": JSON_NULL},
        {"n": 6, "span": R(5, 9), "days": R(day(2024, 2, 1), None), "spans": [], "tags": {"a": "z"},
         "addr": "10.0.0.2", "nums": [2], "doc": {"a": 1, "b": []}},
        {"n": 0, "span": R(0, 9), "spans": [R(5, 6)], "tags": {}, "addr": "10.0.0.0/8", "doc": "x"},
        {"span": R(empty=True)},
        {},
    ]  # fmt: skip
    for row in rows:
        await Slot.objects.create(**row)
    return Slot.objects


KINDS = {"span": "range", "days": "range", "spans": "multirange", "tags": "hstore", "doc": "json"}
"""Kind of the fields, for the test that every rule of the table is tried."""

CASES: list[tuple[str, Any, list[int]]] = [
    ("span__startswith", 0, [1, 3]),
    ("span__endswith", 9, [2, 3]),
    ("span__contains", 4, [1, 3]),
    ("span__contains", 5, [2, 3]),
    ("span__contains", (0, 5), [1, 3]),
    ("span__contains", [6, 7], [2, 3]),
    ("span__contains", "[6,7)", [2, 3]),
    ("span__contains", {"lower": 1, "upper": 2, "lower_inc": True, "upper_inc": False}, [1, 3]),
    ("span__contains", R(8, 9), [2, 3]),
    ("span__contains", F("n"), [1, 2, 3]),
    ("span__contained_by", (0, 6), [1, 4]),
    ("span__overlap", (4, 5), [1, 3]),
    ("days__startswith", dt.date(2024, 2, 1), [2]),
    ("days__contains", dt.date(2024, 1, 31), [1]),
    ("days__contains", dt.date(2030, 1, 1), [2]),
    ("days__endswith", dt.date(2024, 2, 1), [1]),
    ("spans__contains", 5, [1, 3]),
    ("spans__contains", R(0, 2), [1]),
    ("spans__contains", [R(4, 5), R(0, 1)], [1]),
    ("spans__contained_by", [R(0, 6)], [1, 2, 3]),
    ("spans__overlap", [R(5, 50)], [1, 3]),
    ("tags__contains", {"a": "b"}, [1]),
    ("tags__contains", {}, [1, 2, 3]),
    ("tags__contained_by", {"a": "z", "q": "r"}, [2, 3]),
    ("doc", {"b": [], "a": 1.0}, [2]),
    ("doc", F("doc"), [1, 2, 3]),
    ("doc__ne", "x", [1, 2]),
    ("doc__in", ["x", None, JSON_NULL], [1, 3]),
    ("addr__contains", "32", []),
    ("addr__endswith", ".2", [2]),
    ("addr__startswith", "10.0", [1, 2, 3]),
    ("addr__iexact", "10.0.0.1", [1]),
    ("addr__contains", "/8", []),
]


@pytest.mark.parametrize("case", range(len(CASES)))
async def test_lookups(slots: Any, case: int) -> None:
    keyword, value, expected = CASES[case]
    assert await ids(slots.filter(**{keyword: value}).order_by("id")) == expected
    if not isinstance(value, F):
        # The column path writes the same query with literals.
        frame = await slots.filter(**{keyword: value}).order_by("id").values("id").to_arrow()
        assert frame["id"].to_pylist() == expected


REFUSED = [
    "span__icontains",
    "nums__startswith",
    "nums__icontains",
    "words__endswith",
    "tags__startswith",
    "span__regex",
]


@pytest.mark.parametrize("keyword", REFUSED)
def test_the_text_of_a_container_is_not_searched(keyword: str) -> None:
    name, word = keyword.split("__")
    with pytest.raises(FieldError, match=f"'{word}' is no lookup for '{name}'") as caught:
        Slot.objects.filter(**{keyword: "1"}).to_sql()
    assert "contains" in str(caught.value)
    assert "regex" not in str(caught.value).partition("there are")[2]


class Doc(Model, table="listed_docs"):
    id: Field[int] = field(primary_key=True)
    body: Field[object] = field(Jsonb)


async def test_documents_that_are_lists_are_no_dimensions_of_in(db: Any) -> None:
    bodies: list[Any] = [[1, 2], [], {"a": 1}, "x", [[1]], 1, 2]
    await db.create_tables(Doc)
    await Doc.objects.bulk_create([Doc(id=n, body=body) for n, body in enumerate(bodies)])
    for asked in ([0], [1], [4], [0, 1], [0, 2, 3], [0, 4], [5, 0]):
        found = Doc.objects.filter(body__in=[bodies[n] for n in asked])
        assert await ids(found) == sorted(asked)
