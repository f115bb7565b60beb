"""Upserts on partial unique indexes, and conditions on what is overwritten."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import Field, Model, Q, field
from chakra.errors import DataError, FieldError, UniqueViolation


class Account(Model, table="accounts"):
    id: Field[int] = field(primary_key=True)
    email: Field[str]
    active: Field[bool] = field(db_default="true")
    state: Field[str] = field(column="st'at\"e", db_default="'open'")
    v: Field[int]


@pytest.fixture
async def accounts(db: Any) -> Any:
    await db.create_tables(Account)
    await db.execute(
        "create unique index on accounts (email) where active; create unique index on accounts "
        "(email, v) where \"st'at\"\"e\" = 'o''pen' and v > 100"
    )
    await db.execute(
        "insert into accounts (id, email, active, v) overriding system value values (1, 'a', false, 1), "
        "(2, 'a', true, 2), (3, 'b', true, 3); alter table accounts alter id restart with 10"
    )
    return db


async def stored(db: Any) -> list[tuple[Any, ...]]:
    return [tuple(r) for r in await db.fetch("select id, email, active, v from accounts order by id")]


CONDITIONS = [Q(active=True), Account.active == True, [Q(active=True)], ~Q(active=False) & Q(active=True)]  # noqa: E712


@pytest.mark.parametrize("condition", CONDITIONS, ids=range(4))
async def test_a_partial_index_decides(accounts: Any, condition: Any) -> None:
    data = {"email": ["a", "b", "c", "a"], "active": [True, True, True, False], "v": [20, 30, 40, 50]}
    how: dict[str, Any] = {"conflict_fields": ["email"], "conflict_where": condition}
    result = await Account.objects.bulk_insert(
        data, on_conflict="update", update_fields=["v"], returning="keys", **how
    )
    assert (result.inserted, result.updated, result.skipped) == (2, 2, 0)
    rows = await stored(accounts)
    assert [row[1:] for row in rows[:3]] == [("a", False, 1), ("a", True, 20), ("b", True, 30)]
    keys = result.keys.to_pylist()
    assert keys[:2] == [2, 3]
    assert {row[0]: row[3] for row in rows[3:]} == {keys[2]: 40, keys[3]: 50}
    again = await Account.objects.bulk_insert(data, on_conflict="ignore", **how)
    assert (again.inserted, again.updated, again.skipped) == (1, 0, 3)


async def test_instances(accounts: Any) -> None:
    made = [Account(email=e, active=a, v=v) for e, a, v in [("a", True, 5), ("a", False, 6), ("z", True, 7)]]
    await Account.objects.bulk_create(
        made,
        on_conflict="update",
        conflict_fields=["email"],
        update_fields=["v"],
        conflict_where=Q(active=True),
    )
    assert made[0].id == 2
    assert {(o.id, o.email, o.active, o.v) for o in made} < set(await stored(accounts))
    ignored = Account(email="b", active=True, v=9)
    await Account.objects.bulk_create(
        [ignored],
        on_conflict="ignore",
        conflict_fields=["email"],
        conflict_where=Account.active == True,  # noqa: E712
    )
    assert (ignored.id, (await Account.objects.get(id=3)).v) == (3, 3)


async def test_predicates_with_values(accounts: Any) -> None:
    data = {"email": ["q", "q"], "state": ["o'pen", "o'pen"], "v": [200, 200], "active": [False, False]}
    condition = Q(state="o'pen", v__gt=100)
    how: dict[str, Any] = {"conflict_fields": ["email", "v"], "conflict_where": condition}
    result = await Account.objects.bulk_insert(data, on_conflict="ignore", **how)
    assert (result.inserted, result.skipped) == (1, 1)
    with pytest.raises(DataError, match="several rows of the data are the same row of Account by email, v"):
        await Account.objects.bulk_insert(data, on_conflict="update", update_fields=["active"], **how)


async def test_where_says_what_is_overwritten(accounts: Any) -> None:
    data = {"id": [1, 2, 3, 99], "email": ["x", "y", "z", "n"], "v": [9, 9, 9, 9], "active": [True] * 4}
    result = await Account.objects.bulk_insert(
        data, on_conflict="update", where=Q(v__gt=1) & ~Q(email="b"), returning="keys"
    )
    assert (result.inserted, result.updated, result.skipped) == (1, 1, 2)
    assert result.keys.to_pylist() == [1, 2, 3, 99]
    assert [r[1] for r in await stored(accounts)] == ["a", "y", "b", "n"]
    await Account.objects.bulk_create(
        [Account(id=1, email="w", v=0), Account(id=2, email="w2", v=0)],
        on_conflict="update",
        where=Account.active == False,  # noqa: E712
    )
    assert [r[1] for r in await stored(accounts)] == ["w", "y", "b", "n"]


async def test_without_a_model(accounts: Any) -> None:
    result = await accounts.table("accounts").bulk_insert(
        {"email": ["a"], "v": [1]},
        on_conflict="update",
        conflict_fields=["email"],
        conflict_where=Q(active=True),
        where=Q(v=2),
    )
    assert (result.inserted, result.updated) == (0, 1)


@pytest.mark.parametrize("action", ["ignore", "update"])
@pytest.mark.parametrize("inside", [False, True])
async def test_no_such_index(accounts: Any, action: str, inside: bool) -> None:
    says = (
        r"\(email\): .* over exactly these fields; its unique indexes are \(email\) WHERE active, "
        r"\(email, v\) WHERE .*, \(id\).*conflict_where"
    )

    async def attempt() -> None:
        with pytest.raises(FieldError, match=says):
            await Account.objects.bulk_insert(
                {"email": ["a"], "v": [1]}, on_conflict=action, conflict_fields=["email"]
            )
        assert await Account.objects.count() == 3

    if inside:
        async with accounts.transaction():
            await attempt()
    else:
        await attempt()
    with pytest.raises(FieldError, match="with a predicate like conflict_where; its unique indexes are"):
        await Account.objects.bulk_insert(
            {"email": ["a"], "v": [1]},
            on_conflict=action,
            conflict_fields=["email"],
            conflict_where=Q(active=False),
        )


WRONG = [
    ({"conflict_where": "active", "conflict_fields": ["email"]}, r"conflict_where takes a condition, Q"),
    ({"where": "active", "conflict_fields": ["email"]}, r"where takes a condition, Q"),
    ({"conflict_where": Q(), "conflict_fields": ["email"]}, "conflict_where is an empty condition"),
    ({"conflict_where": Q(activ=True), "conflict_fields": ["email"]}, "activ"),
    ({"conflict_where": Q(active=True)}, "needs on_conflict and the conflict_fields"),
    ({"conflict_where": Q(active=True), "on_conflict": None, "conflict_fields": None}, "needs? on_conflict"),
    ({"where": Q(active=True), "on_conflict": "ignore"}, 'on_conflict="update"'),
]


@pytest.mark.parametrize(("options", "says"), WRONG)
async def test_options_are_checked(accounts: Any, options: dict[str, Any], says: str) -> None:
    options = {"on_conflict": "update", **options}
    with pytest.raises(FieldError, match=says):
        await Account.objects.bulk_insert({"email": ["a"], "v": [1], "id": [7]}, **options)
    with pytest.raises(FieldError, match=says):
        await Account.objects.bulk_create([Account(email="a", v=1, id=7)], **options)


async def test_the_index_still_holds(accounts: Any) -> None:
    with pytest.raises(UniqueViolation):
        await Account.objects.bulk_insert(
            {"id": [1], "email": ["b"], "v": [1], "active": [True]}, on_conflict="update"
        )
