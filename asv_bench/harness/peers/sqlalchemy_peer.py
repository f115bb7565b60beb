"""SQLAlchemy 2.1: the asyncio ORM on asyncpg. Reads run in autocommit, which spares BEGIN and ROLLBACK."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Double, ForeignKey, Integer, Table, Text, select
from sqlalchemy.dialects.postgresql import asyncpg as dialect_module
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship, selectinload

from asv_bench.harness.entries import Operations
from asv_bench.harness.entries.sqlalchemy_orm import SQLAlchemyOperations
from asv_bench.harness.peers import LOAD_CONNECTIONS, Peer, typed_conditions
from asv_bench.harness.peers.urls import address


class Base(DeclarativeBase):
    pass


class Columns:
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text)
    age: Mapped[int] = mapped_column(Integer)
    is_active: Mapped[bool]
    score: Mapped[float | None] = mapped_column(Double)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class User(Columns, Base):
    __tablename__ = "users"


class NewUser(Columns, Base):
    __tablename__ = "new_users"


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text)
    country: Mapped[str] = mapped_column(Text)
    joined: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    posts: Mapped[list[Post]] = relationship(back_populates="author")


class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    author_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("authors.id"))
    title: Mapped[str] = mapped_column(Text)
    views: Mapped[int] = mapped_column(Integer)
    is_published: Mapped[bool]
    score: Mapped[float | None] = mapped_column(Double)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    author: Mapped[Author] = relationship(back_populates="posts")
    tags: Mapped[list[Tag]] = relationship(secondary="posts_tags")


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(Text)


Table(
    "posts_tags",
    Base.metadata,
    Column("post_id", ForeignKey("posts.id"), primary_key=True),
    Column("tag_id", ForeignKey("tags.id"), primary_key=True),
)


class SQLAlchemy(Peer):
    name = "SQLAlchemy"
    model = User

    async def open(self, url: str) -> None:
        place = address(url)
        self.engine = create_async_engine(
            "postgresql+asyncpg://",
            pool_size=LOAD_CONNECTIONS,
            max_overflow=0,
            connect_args={
                "host": place.host,
                "port": place.port,
                "user": place.user,
                "password": place.password,
                "database": place.database,
            },
        )
        self.autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.dialect = dialect_module.dialect()
        self.compiled: dict[Any, Any] = {}

    async def close(self) -> None:
        await self.engine.dispose()

    async def get(self, key: int) -> Any:
        async with AsyncSession(self.autocommit) as session:
            return await session.get(User, key)

    async def many(self, count: int) -> Any:
        async with AsyncSession(self.autocommit, expire_on_commit=False) as session:
            return (await session.scalars(select(User).order_by(User.id).limit(count))).all()

    async def create(self, row: dict[str, Any]) -> Any:
        async with AsyncSession(self.autocommit, expire_on_commit=False) as session:
            user = NewUser(**row)
            session.add(user)
            await session.commit()
            return user

    def make(self, rows: list[dict[str, Any]]) -> list[Any]:
        return [NewUser(**row) for row in rows]

    async def bulk_create(self, made: list[Any]) -> Any:
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            session.add_all(made)
        return made

    async def _all(self, statement: Any) -> Any:
        async with AsyncSession(self.autocommit, expire_on_commit=False) as session:
            return (await session.scalars(statement)).all()

    async def related(self, count: int) -> Any:
        return await self._all(
            select(Post).options(joinedload(Post.author, innerjoin=True)).order_by(Post.id)
        )

    async def prefetched(self, count: int) -> Any:
        return await self._all(select(Author).options(selectinload(Author.posts)).order_by(Author.id))

    async def tagged(self, count: int) -> Any:
        return await self._all(
            select(Post).options(selectinload(Post.tags)).where(Post.id <= count).order_by(Post.id)
        )

    def operations(self) -> Operations:
        return SQLAlchemyOperations(self.engine, self.autocommit)

    async def acquire(self) -> None:
        async with self.engine.connect():
            pass

    def unsent(self, age: int) -> Any:
        return (
            select(User)
            .where(User.age >= age, User.is_active.is_(True))
            .order_by(User.created_at.desc())
            .limit(10)
        )

    def _known(self, statement: Any) -> tuple[str, Any]:
        # What a connection does with its cache of compiled statements, without the connection.
        found, extracted, *_ = statement._compile_w_cache(
            self.dialect, compiled_cache=self.compiled, column_keys=[]
        )
        return found.string, found.construct_params(extracted_parameters=extracted)

    def build_known(self, age: int) -> tuple[str, Any]:
        return self._known(self.unsent(age))

    def build_typed(self, parts: int, age: int) -> tuple[str, Any]:
        conditions = typed_conditions(User, parts, age)
        return self._known(select(User).where(*conditions).order_by(User.created_at.desc()).limit(10))

    def build_join(self, views: int) -> tuple[str, Any]:
        statement = select(Post).join(Post.author).where(Post.views > views, Author.country == "Peru")
        return self._known(statement.order_by(Post.id).limit(10))

    def build_subquery(self, views: int) -> tuple[str, Any]:
        inner = select(Post.author_id).where(Post.views > views)
        return self._known(select(Author).where(Author.id.in_(inner)).order_by(Author.id).limit(10))

    def build_new(self, age: int) -> tuple[str, Any]:
        found = self.unsent(age).compile(dialect=self.dialect)
        return found.string, found.params


PEER = SQLAlchemy
