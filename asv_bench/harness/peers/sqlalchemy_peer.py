"""SQLAlchemy 2.1: the asyncio ORM on asyncpg. Reads run in autocommit, which spares BEGIN and ROLLBACK."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Double, Integer, Text, select
from sqlalchemy.dialects.postgresql import asyncpg as dialect_module
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from asv_bench.harness.peers import Peer
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


class SQLAlchemy(Peer):
    name = "SQLAlchemy"
    model = User

    async def open(self, url: str) -> None:
        place = address(url)
        self.engine = create_async_engine(
            "postgresql+asyncpg://",
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

    def _statement(self, age: int) -> Any:
        return (
            select(User)
            .where(User.age >= age, User.is_active.is_(True))
            .order_by(User.created_at.desc())
            .limit(10)
        )

    def build_known(self, age: int) -> tuple[str, Any]:
        # What a connection does with its cache of compiled statements, without the connection.
        found, extracted, *_ = self._statement(age)._compile_w_cache(
            self.dialect, compiled_cache=self.compiled, column_keys=[]
        )
        return found.string, found.construct_params(extracted_parameters=extracted)

    def build_new(self, age: int) -> tuple[str, Any]:
        found = self._statement(age).compile(dialect=self.dialect)
        return found.string, found.params


PEER = SQLAlchemy
