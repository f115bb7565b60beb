"""Tortoise ORM on asyncpg."""

from __future__ import annotations

from typing import Any

from tortoise import Tortoise, connections, fields
from tortoise.models import Model

from asv_bench.harness.entries import Operations, tortoise_orm
from asv_bench.harness.peers import LOAD_CONNECTIONS, Peer
from asv_bench.harness.peers.urls import address


class Columns(Model):
    id = fields.BigIntField(primary_key=True)
    name = fields.TextField()
    email = fields.TextField()
    age = fields.IntField()
    is_active = fields.BooleanField()
    score = fields.FloatField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        abstract = True


class User(Columns):
    class Meta:
        table = "users"


class NewUser(Columns):
    class Meta:
        table = "new_users"


class Author(Model):
    id = fields.BigIntField(primary_key=True)
    name = fields.TextField()
    email = fields.TextField()
    country = fields.TextField()
    joined = fields.DatetimeField()
    posts: fields.ReverseRelation[Post]

    class Meta:
        table = "authors"


class Tag(Model):
    id = fields.BigIntField(primary_key=True)
    name = fields.TextField()

    class Meta:
        table = "tags"


class Post(Model):
    id = fields.BigIntField(primary_key=True)
    author: fields.ForeignKeyRelation[Author] = fields.ForeignKeyField("bench.Author", related_name="posts")
    title = fields.TextField()
    views = fields.IntField()
    is_published = fields.BooleanField()
    score = fields.FloatField(null=True)
    created_at = fields.DatetimeField()
    tags: fields.ManyToManyRelation[Tag] = fields.ManyToManyField(
        "bench.Tag", related_name="posts", through="posts_tags", forward_key="tag_id", backward_key="post_id"
    )

    class Meta:
        table = "posts"


class TortoiseORM(Peer):
    name = "Tortoise"
    model = User

    async def open(self, url: str) -> None:
        place = address(url)
        credentials = {
            "host": place.host,
            "port": place.port,
            "user": place.user,
            "password": place.password,
            "database": place.database,
            "maxsize": LOAD_CONNECTIONS,
        }
        await Tortoise.init(
            config={
                "connections": {
                    "default": {"engine": "tortoise.backends.asyncpg", "credentials": credentials}
                },
                "apps": {
                    "bench": {"models": [__name__, tortoise_orm.__name__], "default_connection": "default"}
                },
                "use_tz": True,
                "timezone": "UTC",
            },
            _enable_global_fallback=True,
        )
        self.connection = connections.get("default")

    async def close(self) -> None:
        await Tortoise.close_connections()

    def get(self, key: int) -> Any:
        return User.get(id=key)

    def many(self, count: int) -> Any:
        return User.all().order_by("id").limit(count)

    def create(self, row: dict[str, Any]) -> Any:
        return NewUser.create(**row)

    def make(self, rows: list[dict[str, Any]]) -> list[Any]:
        return [NewUser(**row) for row in rows]

    def bulk_create(self, made: list[Any]) -> Any:
        return NewUser.bulk_create(made)

    def related(self, count: int) -> Any:
        return Post.all().select_related("author").order_by("id")

    def prefetched(self, count: int) -> Any:
        return Author.all().prefetch_related("posts").order_by("id")

    def tagged(self, count: int) -> Any:
        return Post.filter(id__lte=count).prefetch_related("tags").order_by("id")

    def operations(self) -> Operations:
        return tortoise_orm.TortoiseOperations()

    async def acquire(self) -> None:
        async with self.connection.acquire_connection():
            pass

    def unsent(self, age: int) -> Any:
        return User.filter(age__gte=age, is_active=True).order_by("-created_at").limit(10)

    def build_known(self, age: int) -> tuple[str, Any]:
        query = self.unsent(age)
        query._make_query()
        return query.query.get_parameterized_sql()  # type: ignore[no-any-return]

    build_new = build_known


PEER = TortoiseORM
