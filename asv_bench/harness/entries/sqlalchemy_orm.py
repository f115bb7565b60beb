"""SQLAlchemy's way: a session each, a unit of work where rows are written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Integer,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from asv_bench.harness.entries import Operations, next_level
from asv_bench.harness.entries.tables import COLUMNS, Wide, document, now, wide

TYPES: dict[str, Any] = {
    "float": Double,
    "small": SmallInteger,
    "whole": Integer,
    "big": BigInteger,
    "chars": String(255),
    "words": Text,
    "amount": Numeric(12, 8),
    "doc": JSONB,
}


class Base(DeclarativeBase):
    pass


class Shared:
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    noted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    level: Mapped[int] = mapped_column(Integer, index=True)
    message: Mapped[str] = mapped_column(String(255), index=True)


class Entry(Shared, Base):
    __tablename__ = "entries"


links = Table(
    "knows",
    Base.metadata,
    Column("one_id", ForeignKey("linked_entries.id"), primary_key=True),
    Column("other_id", ForeignKey("linked_entries.id"), primary_key=True),
)


class LinkedEntry(Shared, Base):
    __tablename__ = "linked_entries"
    parent_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("linked_entries.id"))
    parent: Mapped[LinkedEntry | None] = relationship(remote_side="LinkedEntry.id", back_populates="children")
    # The server clears what pointed at a deleted row; nobody loads it for that.
    children: Mapped[list[LinkedEntry]] = relationship(back_populates="parent", passive_deletes="all")
    knows: Mapped[list[LinkedEntry]] = relationship(
        secondary=links,
        primaryjoin="LinkedEntry.id == knows.c.one_id",
        secondaryjoin="LinkedEntry.id == knows.c.other_id",
        passive_deletes=True,
    )


def _column(column: Wide) -> Any:
    default = {} if column.nullable else {"default": document if column.part == "doc" else column.default}
    return mapped_column(TYPES[column.part], nullable=column.nullable, **default)


WideEntry = type(
    "WideEntry",
    (Shared, Base),
    {"__tablename__": "wide_entries", **{column.name: _column(column) for column in wide()}},
)


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    value: Mapped[int] = mapped_column(Integer)
    category: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)


class SQLAlchemyOperations(Operations):
    name = "SQLAlchemy"
    models = {"small": Entry, "related": LinkedEntry, "large": WideEntry, "items": Item}  # noqa: RUF012
    differs = {  # noqa: RUF012
        "dicts": "gives mappings over its rows instead of dicts",
        "create_each": "sends the rows together when it commits",
        "update_whole": "sends the changes together when it commits",
        "update_partial": "sends the changes together when it commits",
        "delete_each": "sends the deletes together when it commits",
    }

    def __init__(self, engine: Any, autocommit: Any) -> None:
        self.engine, self.autocommit = engine, autocommit
        self.columns = {
            kind: [getattr(model, name) for name in COLUMNS[kind]] for kind, model in self.models.items()
        }

    def _session(self) -> AsyncSession:
        return AsyncSession(self.autocommit, expire_on_commit=False)

    async def _all(self, statement: Any) -> Any:
        async with self._session() as session:
            return (await session.scalars(statement)).all()

    async def _rows(self, statement: Any) -> Any:
        async with self._session() as session:
            return await session.execute(statement)

    async def create(self, kind: str, values: dict[str, Any]) -> Any:
        async with self._session() as session:
            made = self.models[kind](**values)
            session.add(made)
            await session.commit()
            return made

    async def create_each(self, kind: str, rows: Sequence[dict[str, Any]]) -> None:
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            for row in rows:
                session.add(self.models[kind](**row))

    async def bulk(self, kind: str, made: list[Any]) -> Any:
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            session.add_all(made)

    async def level(self, kind: str, level: int) -> Any:
        model = self.models[kind]
        return await self._all(select(model).where(model.level == level))

    async def page(self, kind: str, level: int, offset: int) -> Any:
        model = self.models[kind]
        rows = select(model).where(model.level == level).order_by(model.id)
        return await self._all(rows.limit(20).offset(offset))

    async def get(self, kind: str, key: int) -> Any:
        async with self._session() as session:
            return await session.get(self.models[kind], key)

    async def dicts(self, kind: str, level: int) -> Any:
        query = select(*self.columns[kind]).where(self.models[kind].level == level)
        return (await self._rows(query)).mappings().all()

    async def tuples(self, kind: str, level: int) -> Any:
        query = select(*self.columns[kind]).where(self.models[kind].level == level)
        return (await self._rows(query)).all()

    async def everything(self, kind: str) -> Any:
        return await self._all(select(self.models[kind]))

    async def update_whole(self, loaded: Sequence[Any]) -> None:
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            for made in loaded:
                made.level = next_level(made.level)
                made.message += " again"
                session.add(made)

    async def update_partial(self, loaded: Sequence[Any]) -> None:
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            for made in loaded:
                made.level = next_level(made.level)
                session.add(made)

    async def delete_each(self, loaded: Sequence[Any]) -> None:
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            for made in loaded:
                await session.delete(made)

    async def count(self, kind: str) -> Any:
        async with self._session() as session:
            return await session.scalar(select(func.count()).select_from(self.models[kind]))

    async def at_least(self, value: int) -> Any:
        return await self._all(select(Item).where(Item.value >= value))

    async def grouped(self, more_than: int) -> Any:
        rows = func.count(Item.id)
        query = select(Item.category, rows, func.sum(Item.value)).group_by(Item.category)
        return (await self._rows(query.having(rows > more_than).order_by(Item.category))).all()

    async def set_zero(self, below: int) -> Any:
        await self._rows(
            update(Item)
            .where(Item.value < below)
            .values(value=0)
            .execution_options(synchronize_session=False)
        )

    async def remove(self, at_least: int) -> Any:
        await self._rows(
            delete(Item).where(Item.value >= at_least).execution_options(synchronize_session=False)
        )
