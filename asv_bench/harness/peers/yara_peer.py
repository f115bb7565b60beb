"""yara-orm: an engine in Rust under an API like Tortoise's."""

from __future__ import annotations

from typing import Any

from yara_orm import Model, YaraOrm, fields

from asv_bench.harness.entries import Operations
from asv_bench.harness.entries.yara_orm import YaraOperations
from asv_bench.harness.peers import Peer
from asv_bench.harness.peers.urls import address


class User(Model):
    id = fields.BigIntField(pk=True)
    name = fields.TextField()
    email = fields.TextField()
    age = fields.IntField()
    is_active = fields.BooleanField()
    score = fields.FloatField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "users"


class NewUser(Model):
    id = fields.BigIntField(pk=True)
    name = fields.TextField()
    email = fields.TextField()
    age = fields.IntField()
    is_active = fields.BooleanField()
    score = fields.FloatField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "new_users"


class Author(Model):
    id = fields.BigIntField(pk=True)
    name = fields.TextField()
    email = fields.TextField()
    country = fields.TextField()
    joined = fields.DatetimeField()

    class Meta:
        table = "authors"


class Tag(Model):
    id = fields.BigIntField(pk=True)
    name = fields.TextField()

    class Meta:
        table = "tags"


class Post(Model):
    id = fields.BigIntField(pk=True)
    author = fields.ForeignKeyField("Author", related_name="posts")
    title = fields.TextField()
    views = fields.IntField()
    is_published = fields.BooleanField()
    score = fields.FloatField(null=True)
    created_at = fields.DatetimeField()
    tags = fields.ManyToManyField(
        "Tag", related_name="posts", through="posts_tags", forward_key="tag_id", backward_key="post_id"
    )

    class Meta:
        table = "posts"


class Yara(Peer):
    name = "yara-orm"
    model = User

    async def open(self, url: str) -> None:
        await YaraOrm.init(address(url).url("postgres"))
        await User.get(id=1)

    async def close(self) -> None:
        await YaraOrm.close()

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

    @staticmethod
    def members(row: Any, name: str) -> Any:
        return row.__dict__["_prefetch"][name]  # what `await` gives, without a coroutine for each row

    def operations(self) -> Operations:
        return YaraOperations()

    def unsent(self, age: int) -> Any:
        return User.filter(age__gte=age, is_active=True).order_by("-created_at").limit(10)

    def build_known(self, age: int) -> tuple[str, Any]:
        return self.unsent(age).get_parameterized_sql()

    build_new = build_known


PEER = Yara
