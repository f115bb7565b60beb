"""oxyde: pydantic models over an engine in Rust."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from oxyde import Field, Model, db

from asv_bench.harness.entries import Operations
from asv_bench.harness.entries.oxyde_orm import OxydeOperations
from asv_bench.harness.peers import Peer
from asv_bench.harness.peers.urls import address


class User(Model):
    id: int | None = Field(default=None, db_pk=True)
    name: str
    email: str
    age: int = Field(db_type="INTEGER")
    is_active: bool
    score: float | None = Field(default=None)
    created_at: datetime = Field(db_type="TIMESTAMPTZ")

    class Meta:
        is_table = True
        table_name = "users"


class NewUser(Model):
    id: int | None = Field(default=None, db_pk=True)
    name: str
    email: str
    age: int = Field(db_type="INTEGER")
    is_active: bool
    score: float | None = Field(default=None)
    created_at: datetime = Field(db_type="TIMESTAMPTZ")

    class Meta:
        is_table = True
        table_name = "new_users"


class Author(Model):
    id: int | None = Field(default=None, db_pk=True)
    name: str
    email: str
    country: str
    joined: datetime = Field(db_type="TIMESTAMPTZ")
    posts: list[Post] = Field(db_reverse_fk="author")

    class Meta:
        is_table = True
        table_name = "authors"


class Tag(Model):
    id: int | None = Field(default=None, db_pk=True)
    name: str

    class Meta:
        is_table = True
        table_name = "tags"


class Post(Model):
    id: int | None = Field(default=None, db_pk=True)
    author: Author | None = Field(default=None)
    title: str
    views: int = Field(db_type="INTEGER")
    is_published: bool
    score: float | None = Field(default=None)
    created_at: datetime = Field(db_type="TIMESTAMPTZ")
    tags: list[Tag] = Field(db_m2m=True, db_through="PostTag")

    class Meta:
        is_table = True
        table_name = "posts"


class PostTag(Model):
    post: Post | None = Field(default=None)
    tag: Tag | None = Field(default=None)

    class Meta:
        is_table = True
        table_name = "posts_tags"


class Oxyde(Peer):
    name = "oxyde"
    model = User

    async def open(self, url: str) -> None:
        await db.init(default=address(url).url())

    async def close(self) -> None:
        await db.close()

    async def get(self, key: int) -> Any:
        return await User.objects.get(id=key)

    async def many(self, count: int) -> Any:
        return await User.objects.order_by("id").limit(count).all()

    async def create(self, row: dict[str, Any]) -> Any:
        return await NewUser.objects.create(**row)

    def make(self, rows: list[dict[str, Any]]) -> list[Any]:
        return [NewUser(**row) for row in rows]

    async def bulk_create(self, made: list[Any]) -> Any:
        return await NewUser.objects.bulk_create(made)

    async def related(self, count: int) -> Any:
        return await Post.objects.join("author").order_by("id").all()

    async def prefetched(self, count: int) -> Any:
        return await Author.objects.prefetch("posts").order_by("id").all()

    async def tagged(self, count: int) -> Any:
        return await Post.objects.filter(id__lte=count).prefetch("tags").order_by("id").all()

    def operations(self) -> Operations:
        return OxydeOperations()

    def unsent(self, age: int) -> Any:
        return User.objects.filter(age__gte=age, is_active=True).order_by("-created_at").limit(10)

    def build_known(self, age: int) -> tuple[str, Any]:
        return self.unsent(age).sql()

    build_new = build_known


PEER = Oxyde
