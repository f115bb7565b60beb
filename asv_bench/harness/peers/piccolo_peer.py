"""Piccolo on asyncpg, with its connection pool. It loads rows behind foreign keys with objects, in one JOIN; nothing
in it loads sets of partners with objects, so both rows 18 go without it."""

from __future__ import annotations

from typing import Any

from piccolo.columns import BigSerial, Boolean, DoublePrecision, ForeignKey, Integer, Text, Timestamptz
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import Table

from asv_bench.harness.entries import Operations
from asv_bench.harness.entries.piccolo_orm import PiccoloOperations
from asv_bench.harness.peers import Peer
from asv_bench.harness.peers.urls import address

CHUNK = 5_000
"""Rows of one INSERT: a statement has at most 32,767 parameters, and Piccolo does not split."""


class User(Table, tablename="users"):
    id = BigSerial(primary_key=True)
    name = Text()
    email = Text()
    age = Integer()
    is_active = Boolean()
    score = DoublePrecision(null=True, default=None)
    created_at = Timestamptz()


class NewUser(Table, tablename="new_users"):
    id = BigSerial(primary_key=True)
    name = Text()
    email = Text()
    age = Integer()
    is_active = Boolean()
    score = DoublePrecision(null=True, default=None)
    created_at = Timestamptz()


class Author(Table, tablename="authors"):
    id = BigSerial(primary_key=True)
    name = Text()
    email = Text()
    country = Text()
    joined = Timestamptz()


class Post(Table, tablename="posts"):
    id = BigSerial(primary_key=True)
    author = ForeignKey(Author, db_column_name="author_id")
    title = Text()
    views = Integer()
    is_published = Boolean()
    score = DoublePrecision(null=True, default=None)
    created_at = Timestamptz()

    @property
    def author_id(self) -> Any:
        return self.author.id


class Piccolo(Peer):
    name = "Piccolo"
    model = User

    async def open(self, url: str) -> None:
        place = address(url)
        self.engine = PostgresEngine(
            {
                "host": place.host,
                "port": place.port,
                "user": place.user,
                "password": place.password,
                "database": place.database,
            },
            extensions=(),
        )
        await self.engine.start_connection_pool(min_size=1, max_size=4)
        for table in (User, NewUser, Author, Post):
            table._meta.db = self.engine

    async def close(self) -> None:
        await self.engine.close_connection_pool()

    async def get(self, key: int) -> Any:
        return await User.objects().get(User.id == key)

    async def many(self, count: int) -> Any:
        return await User.objects().order_by(User.id).limit(count)

    async def create(self, row: dict[str, Any]) -> Any:
        made = NewUser(**row)
        await made.save()
        return made

    def make(self, rows: list[dict[str, Any]]) -> list[Any]:
        return [NewUser(**row) for row in rows]

    async def bulk_create(self, made: list[Any]) -> Any:
        for start in range(0, len(made), CHUNK):
            await NewUser.insert(*made[start : start + CHUNK])
        return made

    async def related(self, count: int) -> Any:
        return await Post.objects(Post.author).order_by(Post.id)

    def operations(self) -> Operations:
        return PiccoloOperations(self.engine)

    def unsent(self, age: int) -> Any:
        found = User.objects().where(User.age >= age).where(User.is_active.eq(True))
        return found.order_by(User.created_at, ascending=False).limit(10)

    def build_known(self, age: int) -> tuple[str, Any]:
        sql, params = self.unsent(age).querystrings[0].compile_string()
        return sql, params

    build_new = build_known


PEER = Piccolo
