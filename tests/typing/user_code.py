"""A user's program as type checkers see it; checked by mypy and pyright in ``test_typing.py``, never run.

Lines that must be refused carry an ignore comment; both checkers complain about one that is not needed.
"""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from typing import Any, assert_type

import chakra
from chakra import (
    JSON_NULL,
    Database,
    F,
    Field,
    ForeignKey,
    JsonNull,
    ManyToMany,
    Model,
    OneToOne,
    Prefetch,
    Q,
    QuerySet,
    field,
    foreign_key,
    many_to_many,
    one_to_one,
    sync,
)
from chakra.expressions import Condition, Order
from chakra.types import Array, Jsonb, Numeric, Text, Varchar


class Group(Model, table="groups"):
    id: Field[int] = field(primary_key=True)
    members: ManyToMany[User] = many_to_many(related_name="groups")


class Kind(enum.Enum):
    A = "a"


class Team(Model, table="teams"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class User(Model):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(Varchar(50), unique=True)
    bio: Field[str | None] = field(default=None)
    price: Field[Decimal] = field(Numeric(12, 2))
    joined: Field[dt.datetime] = field(db_default="now()")
    kind: Field[Kind] = field(default=Kind.A)
    tags: Field[list[str]] = field(Array(Text), default_factory=list)
    data: Field[dict[str, Any]] = field(Jsonb, default_factory=dict)
    extra: Field[dict[str, Any] | JsonNull] = field(default=JSON_NULL)
    team: ForeignKey[Team] = foreign_key(related_name="users", on_delete="cascade")
    boss: ForeignKey[User | None] = foreign_key(default=None)
    twin: OneToOne[User | None] = one_to_one(default=None)

    class Meta:
        ordering = ("name",)

    def shout(self) -> str:
        return self.name.upper()


async def instances() -> None:
    user = await User.objects.get(id=1)
    assert_type(user, User)
    assert_type(user.id, int)
    assert_type(user.name, str)
    assert_type(user.bio, str | None)
    assert_type(user.price, Decimal)
    assert_type(user.joined, dt.datetime)
    assert_type(user.kind, Kind)
    assert_type(user.tags, list[str])
    assert_type(user.data, dict[str, Any])
    extra = user.extra
    assert_type(extra, dict[str, Any] | JsonNull)
    if extra or not isinstance(extra, JsonNull):
        assert_type(extra, dict[str, Any])
    user.extra = JSON_NULL
    await User.objects.filter(
        User.extra == JSON_NULL, User.extra != JSON_NULL, User.extra.in_([JSON_NULL, {}])
    )
    assert_type(user.team, Team)
    assert_type(user.team.name, str)
    assert_type(await user.team, Team)
    assert_type(user.boss, User | None)
    assert_type(user.twin, User | None)
    user.bio.upper()  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
    user.name = "x"
    user.bio = None
    user.team = Team(name="x")
    user.boss = None
    user.id = "x"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    user.name = None  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    user.team = user  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    user.nmae = "x"  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    await user.save()
    await user.save(update_fields=["name"])
    assert_type(await user.delete(), int)
    assert_type(await user.refresh("name"), None)


def expressions() -> None:
    assert_type(User.id, Field[int])
    assert_type(User.team, ForeignKey[Team])
    assert_type(User.name == "x", Condition)
    assert_type(User.id > 5, Condition)
    assert_type(User.name.contains("x") & ~(User.id.in_([1, 2])), Condition)
    assert_type((User.id == 1) | Q(name="x"), Condition)
    assert_type(User.name.desc(nulls="last"), Order)
    assert_type(User.bio.is_null(), Condition)
    User.id < "x"  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]  # noqa: B015
    (User.id == 1) & True  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]


async def queries(db: Database) -> None:
    objects = User.objects
    assert_type(objects, QuerySet[User])
    assert_type(objects.filter(User.id > 1, name="x"), QuerySet[User])
    assert_type(objects.exclude(id=1).order_by("-name", User.id.asc()).limit(5), QuerySet[User])
    assert_type(objects.using(db).select_related("team").only("name").distinct(), QuerySet[User])
    assert_type(objects.all()[5:10], QuerySet[User])
    assert_type(await objects, list[User])
    assert_type(await objects.all(), list[User])
    assert_type(await objects.filter(id=1).first(), User | None)
    assert_type(await objects.last(), User | None)
    assert_type(await objects.latest("joined"), User)
    assert_type(await objects.count(), int)
    assert_type(await objects.exists(), bool)
    assert_type(await objects.create(name="x"), User)
    assert_type(await objects.create(name="x", returning=["id"]), dict[str, Any])
    assert_type(await objects.get_or_create(name="x", defaults={"bio": None}), tuple[User, bool])
    assert_type(await objects.update_or_create(name="x"), tuple[User, bool])
    assert_type(await objects.update(name=F("bio")), int)
    assert_type(await objects.filter(id=1).delete(), int)
    assert_type(await objects.update(name="x", returning=True), list[User])
    assert_type(await objects.filter(id=1).delete(returning=["id"]), list[dict[str, Any]])
    assert_type(await objects.in_bulk([1]), dict[Any, User])
    assert_type(await objects.bulk_create([User(name="x")]), list[User])
    assert_type(await objects.values("id", "name"), list[dict[str, Any]])
    assert_type(await objects.values("id").get(), dict[str, Any])
    assert_type(await objects.values_list("id", "name"), list[tuple[Any, ...]])
    assert_type(await objects.values_list(User.id, User.bio), list[tuple[int, str | None]])
    assert_type(await objects.values_list(User.price, flat=True), list[Decimal])
    assert_type(await objects.values_list(User.team), list[tuple[Any, ...]])
    assert_type(
        await objects.values_list(User.id, User.name, User.price).first(), tuple[int, str, Decimal] | None
    )
    objects.values_list(5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert_type(objects.to_sql(), tuple[str, list[Any]])
    async for user in objects.filter(id=1):
        assert_type(user, User)
    async for row in objects.values("id").iterator(chunk_size=100):
        assert_type(row, dict[str, Any])
    objects.filter("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    objects.limit("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def relations(group: Group, user: User) -> None:
    assert_type(Group.members, ManyToMany[User])
    assert_type(await group.members, list[User])
    assert_type(await group.members.filter(id=1).order_by("name").first(), User | None)
    assert_type(await group.members.create(name="x"), User)
    assert_type(await group.members.bulk_create([User(name="x")]), list[User])
    assert_type([member.name for member in group.members], list[str])  # where they are loaded
    async for member in group.members:
        assert_type(member, User)
    assert_type(len(group.members), int)
    await group.members.add(user, 5, through_defaults={"since": 2000})
    await group.members.set([user])
    assert_type(await group.members.remove(user), None)
    latest = Prefetch("members", queryset=User.objects.order_by("-id")[:3], to_attr="latest")
    assert_type(Group.objects.prefetch_related(latest, "members__team").fetch_mode("peers"), QuerySet[Group])
    assert_type(await chakra.prefetch([group], "members__team"), None)
    assert_type(await User.objects.values(User.name, User.team), list[dict[str, Any]])
    assert_type(await User.objects.latest(User.joined), User)
    await group.members.set(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    group.members = [user]  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    Prefetch("members", querset=User.objects)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Group.objects.fetch_mode("peer")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    many_to_many(thru="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    foreign_key(relatd_name="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    User.objects.values(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    User.objects.only(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    User.objects.annotate(n=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def partitions_and_views(user: User) -> None:
    assert_type(User.partition("2026"), QuerySet[User])
    assert_type(
        await User.create_partitions("month", from_=dt.date(2026, 1, 1), to=dt.date(2027, 1, 1)), list[str]
    )
    assert_type([p.is_default for p in await User.partitions()], list[bool])
    assert_type(await User.refresh(concurrently=True), None)
    assert_type(await user.refresh("name"), None)
    await user.refresh(concurrently=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await User.create_partitions("decade", from_=1, to=2)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def options_of_verbs(db: Database, rows: list[User]) -> None:
    objects, table = User.objects, db.table("users")
    await objects.to_numpy(numeric="float64", partitions=4, partition_by="id", nested=True, timeout=1.5)
    await objects.select_related("team").to_polars(progress=lambda rows, size: None, uuid="text")
    await objects.to_polars(infinity="clamp", interval="duration", partition_by=None)
    await objects.bulk_create(rows, on_conflict="update", conflict_fields=["id"], where=Q(name="a"))
    await objects.bulk_insert({"id": [1]}, returning="keys", extra="ignore", timeout=None)
    await objects.bulk_update({"id": [1], "name": ["x"]}, key=["id"], batch_rows=10)
    await table.bulk_insert({"id": [1]}, create=True, mode="replace", batch_rows=10)
    await table.filter(id__gt=1).order_by("id").to_pandas(infinity="null")
    assert_type(await table.filter(id=1), list[dict[str, Any]])
    assert_type(await table.count(), int)
    assert_type(await table.first(), dict[str, Any] | None)
    await objects.to_polars(partition=4)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await objects.to_numpy(strings="utf16")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    objects.arrow_batches(timeout=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue, reportUnknownMemberType]
    await objects.arrow_schema(partitions=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue, reportUnknownMemberType]
    await objects.read_plan(nested="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await objects.bulk_create(rows, on_conflit="update")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await objects.bulk_insert({}, on_conflict="skip")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await objects.bulk_insert({}, create=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await objects.bulk_update({}, where=Q(id=1))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await table.bulk_insert({}, mode="drop")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await table.to_polars(partition=4)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def errors() -> None:
    try:
        await Team.objects.get(id=1)
    except Team.DoesNotExist as error:
        assert_type(error, chakra.DoesNotExist)
    except (User.MultipleObjectsReturned, chakra.UniqueViolation):
        pass
    async with chakra.transaction(isolation="serializable", retries=3):
        pass
    assert_type(await chakra.connect("postgresql://localhost/x"), Database)
    async with chakra.connect() as db:
        assert_type(db, Database)


class TaskQuerySet(QuerySet["Task"]):
    def open(self) -> TaskQuerySet:
        return self.filter(done=False)


class Task(Model):
    id: Field[int] = field(primary_key=True)
    done: Field[bool] = field(default=False)
    objects = TaskQuerySet.as_manager()
    pending = TaskQuerySet.as_manager(done=False)


async def managers() -> None:
    assert_type(Task.objects, TaskQuerySet)
    assert_type(Task.pending.open().order_by("id"), TaskQuerySet)
    assert_type(await Task.objects.open(), list[Task])
    assert_type(await Task.pending.get(id=1), Task)
    assert_type(Team.objects, QuerySet[Team])


def plain_calls(db: sync.Database, user: User) -> None:
    users = User.objects.using(db)
    assert_type(users, sync.QuerySet[User])
    assert_type(users.filter(User.id > 1).order_by("name")[:5], sync.QuerySet[User])
    assert_type(users.select_related("team").only("name").distinct(), sync.QuerySet[User])
    assert_type(users.list(), list[User])
    assert_type([row.name for row in users], list[str])
    assert_type(users.get(id=1), User)
    assert_type(users.first(), User | None)
    assert_type(users[0], User)
    assert_type(users.count(), int)
    assert_type(users.create(name="x"), User)
    assert_type(users.get_or_create(name="x"), tuple[User, bool])
    assert_type(users.update(name="x"), int)
    assert_type(users.delete(), int)
    assert_type(users.bulk_create([user], on_conflict="ignore"), list[User])
    assert_type(users.in_bulk([1]), dict[Any, User])
    assert_type(users.values("id").list(), list[dict[str, Any]])
    assert_type(users.values_list(User.id, User.name).list(), list[tuple[int, str]])
    assert_type(User.objects.values_list(User.id, flat=True).using(db).list(), list[int])
    assert_type(db.table("x").filter(id=1).first(), dict[str, Any] | None)
    assert_type(Group.members, ManyToMany[User])
    assert_type(db.run(user.team), Team)
    assert_type(db.run(User.objects.count()), int)
    assert_type(db.execute("x"), str)
    assert_type(db.save(user, update_fields=["name"]), None)
    assert_type(db.delete(user), int)
    with db.transaction(isolation="serializable") as block:
        assert_type(block, sync.Transaction)
    with db.acquire() as connection:
        assert_type(User.objects.using(connection), sync.QuerySet[User])

    @db.transaction(retries=3)
    def work(n: int) -> str:
        return str(n)

    assert_type(work(3), str)
    with sync.connect("postgresql://localhost/x") as other:
        assert_type(other, sync.Database)
    users.filter("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    users.to_polars(partition=4)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    db.transaction(isolatin="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    db.save(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    users.nmae  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # noqa: B018


async def not_awaited(db: sync.Database) -> None:
    await User.objects.using(db)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
