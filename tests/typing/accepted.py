"""A user's program as type checkers see it; mypy and pyright in ``test_typing.py`` have nothing against it.

Its classes are made there, too; its functions never run.
"""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from typing import TYPE_CHECKING, Any, assert_type
from uuid import UUID

from msgspec import Struct
from pydantic import BaseModel

import chakra
from chakra import (
    JSON_NULL,
    Count,
    Database,
    DeleteReport,
    F,
    Field,
    ForeignKey,
    JsonNull,
    ManyToMany,
    Model,
    New,
    Old,
    OneToOne,
    Prefetch,
    Q,
    QuerySet,
    RelatedManager,
    Sum,
    ValidationError,
    declared,
    field,
    foreign_key,
    many_to_many,
    on,
    one_to_one,
    sync,
)
from chakra.expressions import Condition, Expression, Order
from chakra.functions import Lower
from chakra.types import Array, Jsonb, Numeric, Text, Varchar


class Group(Model, table="groups"):
    id: Field[int] = field(primary_key=True)
    members: ManyToMany[User] = many_to_many(related_name="groups")


class Kind(enum.Enum):
    A = "a"


class Team(Model, table="teams"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    users: RelatedManager[User] = declared()
    crew: int = declared()  # by annotate(crew=…)


class User(Model):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(Varchar(50), unique=True)
    bio: Field[str | None] = field(default=None)
    price: Field[Decimal] = field(Numeric(12, 2), default=Decimal(0))
    fee: Field[Decimal | None] = field(default=None)
    joined: Field[dt.datetime] = field(db_default="now()")
    kind: Field[Kind] = field(default=Kind.A)
    tags: Field[list[str]] = field(Array(Text), default_factory=list)
    data: Field[dict[str, Any]] = field(Jsonb, default_factory=dict)
    extra: Field[dict[str, Any] | JsonNull] = field(default=JSON_NULL)
    team_id: Field[int] = field()
    team: ForeignKey[Team] = foreign_key(related_name="users", on_delete="cascade", fields="team_id")
    boss: ForeignKey[User | None] = foreign_key(default=None)
    twin: OneToOne[User | None] = one_to_one(default=None)
    groups: RelatedManager[Group] = declared()

    class Meta:
        ordering = ("name",)

    def shout(self) -> str:
        return self.name.upper()


def constructors(team: Team) -> None:
    assert_type(User(name="Ann", team=team), User)
    User(id=5, name="Ann", bio=None, team_id=5, boss=None, price=Decimal(3), kind=Kind.A, tags=["x"])
    User(pk=5, name="Ann", data={"a": 1}, extra=JSON_NULL, joined=dt.datetime.now(dt.UTC))
    User(name=Lower("x"))  # computed by the server
    Team(name="x")
    assert_type({User(name="x"): 1}, dict[User, int])


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
    assert_type(user.team_id, int)
    user.price = F("price") * 2
    assert_type(user.computed, Any)  # whatever annotate() was told, where it is not declared
    assert_type(user.twin, User | None)
    user.name = "x"
    user.bio = None
    user.team = Team(name="x")
    user.boss = None
    await user.save()
    await user.save(update_fields=["name"])
    assert_type(await user.delete(), int)
    assert_type(await user.refresh("name"), None)

    assert_type(await user.refresh(), None)


def expressions() -> None:
    assert_type(User.id, Field[int])
    assert_type(User.team, ForeignKey[Team])
    assert_type(User.name == "x", Condition)
    assert_type(User.id > 5, Condition)
    assert_type(User.name.contains("x") & ~(User.id.in_([1, 2])), Condition)
    assert_type((User.id == 1) | Q(name="x"), Condition)
    assert_type(User.name.desc(nulls="last"), Order)
    assert_type(User.bio.is_null(), Condition)
    assert_type(User.price * 2 + F("price"), Expression)
    assert_type((User.price > 10) & (User.price != 5) & (Decimal(3) >= User.price), Condition)
    assert_type((User.fee < 10) & (User.fee == None), Condition)  # noqa: E711
    assert_type(User.team_id == 5, Condition)
    assert_type(User.bio == None, Condition)  # noqa: E711
    assert_type(User.name.lookup("length__gt", 5), Condition)
    assert_type(User.joined.between(dt.datetime.now(dt.UTC), F("joined")), Condition)


async def queries(db: Database) -> None:
    objects = User.objects
    assert_type(objects, QuerySet[User])
    assert_type(objects.filter(User.id > 1, name="x"), QuerySet[User])
    assert_type(objects.exclude(id=1).order_by("-name", User.id.asc()).limit(5), QuerySet[User])
    assert_type(objects.using(db).select_related("team").only("name").distinct(), QuerySet[User])
    assert_type(objects.using("replica"), QuerySet[User])
    assert_type(objects.using(db.replica), QuerySet[User])
    assert_type(objects.all()[5:10], QuerySet[User])
    assert_type(await objects, list[User])
    assert_type(await objects.all(), list[User])
    assert_type(await objects.filter(id=1).first(), User | None)
    assert_type(await objects.last(), User | None)
    assert_type(await objects.latest("joined"), User)
    assert_type(await objects.count(), int)
    assert_type(await objects[5], User)
    assert_type(await objects.annotate(n=Count("team")).filter(n__gt=1), list[User])
    assert_type([team.crew for team in await Team.objects.annotate(crew=Count("users"))], list[int])
    assert_type(await objects.aggregate(Sum("price"), n=Count("*")), dict[str, Any])
    assert_type(await objects.values_list(User.team_id, Count("*")), list[tuple[int, int]])
    assert_type(await objects.values_list("name", Count("*")), list[tuple[Any, ...]])
    assert_type(await objects.values_list("name", flat=True), list[Any])
    assert_type(await objects.values_list(User.name, User.id, named=True), list[Any])
    assert_type(await objects.union(objects.filter(id=1)).order_by(User.name.desc(nulls="first")), list[User])
    assert_type(await objects.select_for_update(skip_locked=True).earliest("joined"), User)
    assert_type(await objects.exists(), bool)
    assert_type(await objects.create(name="x"), User)
    assert_type(await objects.create(name="x", returning=["id"]), dict[str, Any])
    assert_type(await objects.get_or_create(name="x", defaults={"bio": None}), tuple[User, bool])
    assert_type(await objects.update_or_create(name="x"), tuple[User, bool])
    assert_type(await objects.update(name=F("bio")), int)
    assert_type(await objects.filter(id=1).delete(), int)
    assert_type(await objects.update(name="x", returning=True), list[User])
    assert_type(await objects.filter(id=1).delete(returning=["id"]), list[dict[str, Any]])
    sides = await objects.update(name="x", returning=["id", Old("name"), New("name")])
    assert_type(sides, list[dict[str, Any]])
    assert_type(await objects.filter(id=1).delete(report=True), DeleteReport)
    assert_type(await objects.in_bulk([1]), dict[Any, User])
    assert_type(await objects.bulk_create([User(name="x")]), list[User])
    assert_type(await objects.bulk_create([User(name="x")], returning=["id"]), list[dict[str, Any]])
    assert_type(await objects.bulk_update([User(name="x")], ["name"], returning=True), list[User])
    assert_type(await objects.bulk_update({"id": [1], "name": ["x"]}), int)
    assert_type(await objects.values("id", "name"), list[dict[str, Any]])
    assert_type(await objects.values("id").get(), dict[str, Any])
    assert_type(await objects.values_list("id", "name"), list[tuple[Any, ...]])
    assert_type(await objects.values_list(User.id, User.bio), list[tuple[int, str | None]])
    assert_type(await objects.values_list(User.price, flat=True), list[Decimal])
    assert_type(await objects.values_list(User.team), list[tuple[Any, ...]])
    assert_type(
        await objects.values_list(User.id, User.name, User.price).first(), tuple[int, str, Decimal] | None
    )
    assert_type(objects.to_sql(), tuple[str, list[Any]])
    async for user in objects.filter(id=1):
        assert_type(user, User)
    async for row in objects.values("id").iterator(chunk_size=100):
        assert_type(row, dict[str, Any])


async def ways_back(team: Team, user: User) -> None:
    assert_type(team.users, RelatedManager[User])
    assert_type(await team.users, list[User])
    assert_type(team.users.filter(User.id > 1).order_by("name"), RelatedManager[User])
    assert_type(await team.users.filter(id=1).first(), User | None)
    assert_type(await team.users.values_list(User.id, flat=True), list[int])
    assert_type(await team.users.create(name="x"), User)
    assert_type(await team.users.add(user), None)
    assert_type([each.name for each in team.users], list[str])  # where they are loaded
    assert_type(user.groups, RelatedManager[Group])
    await user.groups.set([5], through_defaults={"since": 2000})
    await user.groups.clear()
    async for each in team.users:
        assert_type(each, User)


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


async def partitions_and_views(user: User) -> None:
    assert_type(User.partition("2026"), QuerySet[User])
    assert_type(
        await User.create_partitions("month", from_=dt.date(2026, 1, 1), to=dt.date(2027, 1, 1)), list[str]
    )
    assert_type([p.is_default for p in await User.partitions()], list[bool])
    assert_type(await User.refresh(concurrently=True), None)
    assert_type(await user.refresh("name"), None)


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


if TYPE_CHECKING:

    class Tasks(TaskQuerySet, RelatedManager["Task"]):
        """Way back to tasks, with the methods of their querysets."""


class Folder(Model):
    id: Field[int] = field(primary_key=True)
    tasks: Tasks = declared()


class Task(Model):
    id: Field[int] = field(primary_key=True)
    folder: ForeignKey[Folder] = foreign_key(related_name="tasks")
    done: Field[bool] = field(default=False)
    objects = TaskQuerySet.as_manager()
    pending = TaskQuerySet.as_manager(done=False)


async def managers() -> None:
    assert_type(Task.objects, TaskQuerySet)
    assert_type(Task.pending.open().order_by("id"), TaskQuerySet)
    assert_type(await Task.objects.open(), list[Task])
    assert_type(await Task.pending.get(id=1), Task)
    assert_type(Team.objects, QuerySet[Team])


async def managers_of_ways_back(folder: Folder) -> None:
    assert_type(await folder.tasks.open(), list[Task])
    assert_type(await folder.tasks.filter(done=True).order_by("id").first(), Task | None)
    await folder.tasks.clear()


@on(User, "after_save")
async def after_save(user: User, *, created: bool) -> None:
    assert_type(user.id, int)


async def statements(db: Database) -> None:
    query = chakra.raw("select * from users where id = $1", db, params=[1], model=User)
    assert_type(await query, list[User])
    assert_type(await query.all(), list[User])
    assert_type(await query.first(), User | None)
    assert_type(await query.one(), User)
    assert_type(await chakra.raw("select 1").all(), list[Any])
    async with db.transaction(isolation="serializable") as block:
        block.on_commit(lambda: None)

    @db.transaction(retries=3)
    async def work(n: int) -> str:
        return str(n)

    assert_type(await work(3), str)
    async for user in User.objects.filter(id=1).iterator(chunk_size=10):
        assert_type(user, User)


class Letter(Model):
    id: Field[UUID] = field(primary_key=True, default=chakra.uuid7)
    kind: Field[Kind] = field(Text, choices=Kind, default=Kind.A)
    sent: Field[dt.datetime] = field(auto_now_add=True)
    words: Field[str] = field(validators=[str.islower])


async def fields_that_do_something(letter: Letter, data: BaseModel, struct: Struct) -> None:
    assert_type(letter.kind, Kind)
    assert_type(letter.id, UUID)
    assert_type(Letter.pydantic("create", include=["words"]), type[BaseModel])
    assert_type(Letter.msgspec(relations=["x"], name="Out"), type[Struct])
    assert_type(Letter.from_pydantic(data, letter), Letter)
    assert_type(Letter.from_msgspec(struct), Letter)
    assert_type(Letter.kind.choices[Kind.A], str)
    await letter.save(validate=True)
    await Letter.objects.bulk_create([letter], validate=True)
    await Letter.objects.bulk_update([letter], ["words"], validate=True)
    try:
        await Letter(words="a").validate(["words"], unique=False)
    except ValidationError as error:
        assert_type(error.errors, dict[str, list[str]])


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
    assert_type(db.raw("select 1", model=User).list(), list[User])
    assert_type(db.raw("select 1", model=User).first(), User | None)
    assert_type([row.name for row in sync.raw("select 1", db, model=User)], list[str])
    assert_type(user.team.users.using(db), sync.QuerySet[User])
    assert_type(user.team.users.using(db).list(), list[User])
    assert_type(Task.objects.using(db).order_by("id").list(), list[Task])
    assert_type(users.iterator(chunk_size=10).__next__(), User)
    assert_type(users.aggregate(n=Count("*")), dict[str, Any])
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
