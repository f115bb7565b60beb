"""What errors say of words and arguments that users of other libraries write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import chakra
from chakra import (
    CTE,
    Case,
    Count,
    F,
    Field,
    ForeignKey,
    Func,
    Model,
    Q,
    Rank,
    Value,
    When,
    field,
    foreign_key,
)
from chakra.errors import FieldError
from chakra.functions import ArrayAppend, Concat, Lower, Round
from chakra.types import Jsonb


class SaidShop(Model, table="said_shops"):
    id: Field[int] = field(primary_key=True)
    city: Field[str]


class SaidItem(Model, table="said_items"):
    id: Field[int] = field(primary_key=True)
    shop: ForeignKey[SaidShop] = foreign_key(related_name="items")
    name: Field[str]
    data: Field[dict[str, Any]] = field(Jsonb)
    tags: Field[list[str]] = field(default_factory=list)


items, shops = SaidItem.objects, SaidShop.objects

CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "random order": (lambda: items.order_by("?"), "order_by(Random())"),
    "like": (
        lambda: items.filter(name__like="a%"),
        "In Chakra that is contains, startswith, endswith, or regex",
    ),
    "between": (lambda: items.filter(id__between=(1, 2)), "In Chakra that is range"),
    "near lookup": (lambda: items.filter(name__contain="a"), "Did you mean 'contains'?"),
    "count": (lambda: shops.filter(items__count=3), 'annotate(n=Count("…")).filter(n=…)'),
    "sign": (lambda: items.annotate(x=Concat("name", "!")), "A text that names no field is Value('!')"),
    "word": (lambda: items.annotate(x=Concat("name", "out")), "A text that names no field is Value('out')"),
    "word of an array": (lambda: items.annotate(x=ArrayAppend("tags", "out")), "is Value('out')"),
    "word of Func": (lambda: items.annotate(x=Func("lower", "out")), "is Value('out')"),
    "then": (lambda: items.annotate(x=Case(When(id=1, then="out"), default=Value("in"))), "is Value('out')"),
    "default": (
        lambda: items.annotate(x=Case(When(id=1, then=Value("in")), default="out")),
        "is Value('out')",
    ),
    "deep": (lambda: items.annotate(x=Lower(Concat("name", "out"))), "is Value('out')"),
    "window": (lambda: items.annotate(x=Rank()), "Window(Rank(), order_by=…)"),
    "arguments": (lambda: items.annotate(x=Round("id", 1, 2)), "Round() takes (number), not 3 arguments"),
    "on= as a dict": (lambda: shops.join(i=items, on={"id": "shop"}), 'on=Q(id=F("i__shop"))'),
    "query without a name": (
        lambda: shops.join(items),  # type: ignore[arg-type]
        "join() takes a query under a name, join(best=query)",
    ),
    "step that is no function": (
        lambda: CTE.recursive(items, items),  # type: ignore[arg-type]
        "the step is a function of the rows",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_said(case: str) -> None:
    made, said = CASES[case]
    with pytest.raises(FieldError) as error:
        made().to_sql()
    assert said in str(error.value)


def test_not_said() -> None:
    """A typing error in a name gets the name, and a field that is said to be one no text."""
    for made, said in (
        (lambda: items.annotate(x=Lower("nam")), "Did you mean 'name'?"),
        (lambda: items.annotate(x=F("out") + 1), "it has id"),
        (lambda: items.filter(Q(out=1)), "it has id"),
        (lambda: items.values("out").annotate(n=Count("*")), "it has id"),
    ):
        with pytest.raises(FieldError, match="has no field") as error:
            made().to_sql()
        assert said in str(error.value) and "Value(" not in str(error.value)


async def test_parts_of_documents(db: chakra.Database) -> None:
    with pytest.raises(
        FieldError, match=r'has no field .data__a__b.*set as data=JsonSet\("data", \["a", "b"\], …\)'
    ):
        await items.update(data__a__b=1)
