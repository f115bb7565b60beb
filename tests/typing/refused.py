"""Mistakes in a user's program, never run: in ``test_typing.py`` mypy and pyright each refuse every line that says so,
and no other one.
"""

# ruff: noqa: B015, B018

from __future__ import annotations

from typing import assert_type

import chakra
from chakra import (
    Count,
    Database,
    F,
    Field,
    ForeignKey,
    Model,
    Prefetch,
    Q,
    QuerySet,
    RelatedManager,
    declared,
    field,
    foreign_key,
    many_to_many,
    on,
    sync,
)
from tests.typing.accepted import Folder, Group, Task, Team, User


class Note(Model):
    id: Field[int] = field(primary_key=True)
    text: Field[str]
    team: ForeignKey[Team] = foreign_key(relatd_name="x")  # refused
    tags: Field[list[str]] = field(defalt=[])  # refused
    users: RelatedManager[User] = declared()
    n: int = declared()


def constructors(team: Team) -> None:
    Team()  # refused
    User(name=5)  # refused
    User(name=None)  # refused
    User(name="x", nmae="x")  # refused
    User(name="x", team=5)  # refused
    User(name="x", team=None)  # refused
    User(name="x", team_id="x")  # refused
    User(name="x", kind="A")  # refused
    User("x")  # refused
    User(name="x", groups=[])  # refused
    Group(members=[5])  # refused
    Note(text="x", n=5)  # refused
    Note(text="x", users=[])  # refused
    assert_type(User(name="x"), Team)  # refused


async def instances(user: User, team: Team) -> None:
    user.bio.upper()  # refused
    user.id = "x"  # refused
    user.name = None  # refused
    user.team = user  # refused
    user.team_id = "x"  # refused
    user.nmae = "x"  # refused
    user.groups = []  # refused
    team.users.append(user)  # refused
    await user.save(update_field=["name"])  # refused
    await user.refresh(5)  # refused
    await user.refresh(concurrently=True)  # refused
    await user.delete("x")  # refused
    assert_type(user.id, str)  # refused
    assert_type(user.boss, User)  # refused


def expressions() -> None:
    User.id < "x"  # refused
    (User.id == 1) & True  # refused
    User.price > "x"  # refused
    User.fee <= 5.5  # refused
    User.joined > 5  # refused
    User.name.in_(5, 6)  # refused
    User.name.contain("x")  # refused
    User.name.asc(nulls="frist")  # refused
    User.nmae == "x"  # refused
    F("x").lowwer()  # refused
    F(price="x")  # refused


async def queries(db: Database) -> None:
    objects = User.objects
    objects.values_list(5)  # refused
    objects.filter("x")  # refused
    objects.filter(User.nmae == "x")  # refused
    objects.limit("x")  # refused
    objects.values(5)  # refused
    objects.only(5)  # refused
    objects.annotate(n=5)  # refused
    objects.annotate(5)  # refused
    objects.fetch_mode("peer")  # refused
    objects.using(5)  # refused
    objects.order_by(5)  # refused
    objects.flter(id=1)  # refused
    objects.iterator("x")  # refused
    await objects.aggregate(n=5)  # refused
    await objects.get("x")  # refused
    await objects.get_or_create(defaults=5)  # refused
    await objects.delete(returning=5)  # refused
    await objects.in_bulk(5)  # refused
    Prefetch("members", querset=User.objects)  # refused
    many_to_many(thru="x")  # refused
    assert_type(await objects.values_list(User.id, User.name), list[tuple[int, int]])  # refused
    assert_type(await objects.values_list(User.id, flat=True), list[str])  # refused
    assert_type(await objects.values_list(User.id, Count("*")), list[tuple[int, str]])  # refused
    assert_type(await objects.first(), User)  # refused
    assert_type(await objects.filter(id=1), QuerySet[User])  # refused
    with db.transaction(): ...  # refused  # fmt: skip
    db.transaction(isolation="serial", readonly="x")  # refused
    Task.objects.opne()  # refused
    Task.objects.order_by("id").opne()  # refused


async def ways_back(group: Group, folder: Folder, team: Team) -> None:
    await group.members.set(5)  # refused
    group.members = []  # refused
    folder.tasks.opne()  # refused
    assert_type(team.users, RelatedManager[Team])  # refused
    assert_type(await team.users, list[Team])  # refused
    team.users.filter("x")  # refused
    await team.users.add(through=5)  # refused


async def partitions() -> None:
    await User.create_partitions("decade", from_=1, to=2)  # refused


async def options_of_verbs(db: Database, rows: list[User]) -> None:
    objects, table = User.objects, db.table("users")
    await objects.to_polars(partition=4)  # refused
    await objects.to_arrow(numeric="float")  # refused
    await objects.to_numpy(strings="utf16")  # refused
    objects.arrow_batches(timeout=1)  # refused
    await objects.arrow_schema(partitions=2)  # refused
    await objects.read_plan(nested="x")  # refused
    await objects.bulk_create(rows, on_conflit="update")  # refused
    await objects.bulk_create(rows, conflict_fields=5)  # refused
    await objects.bulk_insert({}, on_conflict="skip")  # refused
    await objects.bulk_insert({}, create=True)  # refused
    await objects.bulk_update({}, where=Q(id=1))  # refused
    await table.bulk_insert({}, mode="drop")  # refused
    await table.to_polars(partition=4)  # refused


@on(User, "after_svae")  # refused
async def misspelt(user: User) -> None: ...


@on(User, "after_save")  # refused
def not_async(user: User) -> None: ...


async def statements(db: Database) -> None:
    chakra.raw("select 1", db, [1])  # refused
    chakra.raw("select 1", model="User")  # refused
    assert_type(await chakra.raw("select 1", model=User), list[Team])  # refused
    chakra.transaction(retrys=3)


def plain_calls(db: sync.Database, user: User) -> None:
    users = User.objects.using(db)
    users.filter("x")  # refused
    users.to_polars(partition=4)  # refused
    users.get("x")  # refused
    users.nmae  # refused
    users.first().name  # refused
    db.transaction(isolatin="x")  # refused
    db.save(5)  # refused
    db.raw("select 1", model="User")  # refused
    assert_type(users.list(), list[Team])  # refused


async def not_awaited(db: sync.Database) -> None:
    await User.objects.using(db)  # refused
