"""``Old`` and ``New`` in ``returning=[…]``: fields as they were before a write, where the server knows them."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import F, Field, Model, New, Old, field
from chakra.errors import FieldError
from chakra.types import Integer
from tests.plugins.needs import needs_server


class Side(Model, table="old"):
    """Its table has the name of a side."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(column="new", unique=True)
    n: Field[int] = field(Integer, default=0)


SIDES = Side.objects
BOTH: list[Any] = ["name", Old("n"), New("n")]


@pytest.fixture
async def sides(db: Any) -> Any:
    await db.create_tables(Side)
    await SIDES.bulk_create([Side(name="a", n=1), Side(name="b", n=2)])
    return db


def row(name: str, old: int | None, new: int) -> dict[str, Any]:
    return {"name": name, "old_n": old, "new_n": new}


@needs_server(18, "RETURNING of old rows")
async def test_both_sides(sides: Any) -> None:
    found = await SIDES.update(n=F("n") * 10, returning=BOTH)
    assert sorted(found, key=str) == [row("a", 1, 10), row("b", 2, 20)]
    found = await SIDES.order_by("id")[:1].update(n=5, returning=[Old("n"), "n"])
    assert found == [{"old_n": 10, "n": 5}]
    by: dict[str, Any] = {"on_conflict": "update", "conflict_fields": ["name"]}
    assert await SIDES.create(name="a", n=6, returning=BOTH, **by) == row("a", 5, 6)
    assert await SIDES.create(name="c", n=7, returning=BOTH, **by) == row("c", None, 7)
    data = {"name": ["d", "a"], "n": [1, 8]}
    assert (await SIDES.bulk_insert(data, returning=BOTH, **by)).rows == [row("d", None, 1), row("a", 6, 8)]
    made = [Side(name="b", n=9), Side(name="e", n=3)]
    assert await SIDES.bulk_create(made, returning=BOTH, **by) == [row("b", 20, 9), row("e", None, 3)]
    assert made[0].id == 2 and made[1].id is not None
    made[0].n = 0
    assert await SIDES.bulk_update(made[::-1], ["n"], returning=BOTH) == [row("e", 3, 3), row("b", 9, 0)]
    found = await SIDES.bulk_update({"id": [2], "n": [4]}, returning=[Old("name"), Old("n")])
    assert found == [{"old_name": "b", "old_n": 0}]
    assert await sides.table("old").filter(id=2).update(n=5, returning=[Old("n")]) == [{"old_n": 4}]


async def test_where_there_are_none(sides: Any) -> None:
    wrong: list[tuple[Any, str]] = [
        (lambda: SIDES.filter(id=1).delete(returning=[Old("n")]), "no old and new side"),
        (lambda: SIDES.create(name="x", returning=[New("n")]), "no old and new side"),
        (lambda: SIDES.create(name="a", on_conflict="ignore", returning=[Old("n")]), "no old and new side"),
        (lambda: SIDES.bulk_create([Side(name="x")], returning=[Old("n")]), "no old and new side"),
        (lambda: SIDES.bulk_insert({"name": ["x"]}, returning=[Old("n")]), "no old and new side"),
        (lambda: SIDES.filter(n=Old("n")), "stands in returning"),
        (lambda: SIDES.update(n=New("n")), "stands in returning"),
    ]
    if sides.server_version < (18, 0):
        wrong.append((lambda: SIDES.update(n=1, returning=[Old("n")]), r"Old\('n'\) needs PostgreSQL 18"))
    else:
        wrong += [
            (lambda: SIDES.update(n=1, returning=[Old("x")]), "no field 'x'"),
            (lambda: SIDES.update(n=1, returning=[Old("n"), Old("n")]), "stands twice among old_n, old_n"),
        ]
    for number, (way, says) in enumerate(wrong):
        with pytest.raises(FieldError, match=says):
            await way()
        assert await SIDES.count() == 2, number
    with pytest.raises(FieldError, match="takes the name of a field"):
        Old("")
