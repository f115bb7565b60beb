"""Partitions of a model's table: making, attaching, detaching and dropping them; methods of model classes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from chakra._late import late
from chakra.errors import FieldError, TransactionError
from chakra.models.words import check_keys, key_types, partitioning, storage_of
from chakra.query.queryset import QuerySet
from chakra.schema import Table

if TYPE_CHECKING:
    from chakra.db import Database
    from chakra.db.default import default_database
    from chakra.query.partitions import Partitions, partitions_of
    from chakra.query.reflect import reflect
    from chakra.sql.ddl import Bounds, Part, attach_part, create_part, detach_part, drop_part
else:
    late(globals(), "chakra.db.default", "default_database")
    late(globals(), "chakra.query.partitions", "partitions_of")
    late(globals(), "chakra.query.reflect", "reflect")
    late(globals(), "chakra.sql.ddl", "Bounds Part attach_part create_part detach_part drop_part")

M = TypeVar("M")
Step = Literal["hour", "day", "week", "month", "quarter", "year"]

MOST_AT_ONCE = 10_000
"""Partitions that one call makes at most: planning gets slow long before."""


class PartitionVerbs(type):
    """The methods of model classes that are about partitions; fields of a model may have their names."""

    if TYPE_CHECKING:
        __chakra__: Any
        __table__: Any

    def partition(cls: type[M], name: str) -> QuerySet[M]:
        """The rows of one partition, as a queryset: ``await Post.partition("2024").count()``.

        Args:
            name: as for ``create_partition``.

        Raises:
            FieldError: the model's table is not partitioned.
        """
        model: Any = cls
        return model.__chakra_start__(_part(_parent(cls), name))  # type: ignore[no-any-return]

    async def partitions(cls, *, using: Database | None = None) -> Partitions:
        """The partitions of the model's table, those of partitions included, out of the catalog."""
        return await partitions_of(using or default_database(), _parent(cls))

    async def create_partition(
        cls,
        name: str,
        *,
        from_: Any = None,
        to: Any = None,
        values: Iterable[Any] | None = None,
        modulus: int | None = None,
        remainder: int | None = None,
        default: bool = False,
        of: str | None = None,
        partition_by: tuple[Any, ...] | None = None,
        unlogged: bool = False,
        tablespace: str | None = None,
        storage: Mapping[str, Any] | None = None,
        if_not_exists: bool = False,
        using: Database | None = None,
    ) -> None:
        """Make a partition of the model's table.

        Args:
            name: what follows the table's name and an underscore in its own: ``"2024"`` makes ``posts_2024``.
            from_, to: of a table cut by ranges, the first value and the one behind the last one; ``None`` = without
                end; a tuple where the table is cut by several keys.
            values: of a table cut by lists, the values whose rows it takes.
            modulus, remainder: of a table cut by hash.
            default: it takes the rows that no other partition does.
            of: the partition that it is a part of, by its name here, where that is cut itself.
            partition_by: cut it, too: ``("hash", "id")``.
            unlogged, tablespace, storage: as in ``Meta``.
            if_not_exists: leave a table of that name alone, whatever it is.
            using: another database than the default one.

        Raises:
            FieldError: the table is not partitioned, or in another way.
            DataError: a value does not fit its key.
            DatabaseError: there is such a table, another partition takes these rows, or the default one has such rows.
        """
        database = using or default_database()
        where = f"{cls.__name__}.create_partition({name!r})"
        bounds = Bounds(from_, to, values, modulus, remainder, default)
        parent = await _cut(cls, of, database)
        table = _part(_parent(cls), name)
        by = (
            None
            if partition_by is None
            else partitioning(f"{where}: partition_by", partition_by, table, cls.__chakra__)
        )
        if by is not None and (unlogged or storage):
            raise FieldError(f"{where}: what is cut itself has no rows; leave out unlogged and storage")
        check_keys(replace(table, partition_by=by))
        part = Part(
            table,
            parent,
            _types(parent),
            bounds,
            database.naive,
            by,
            unlogged,
            tablespace,
            storage_of(f"{where}: storage", storage),
        )
        await database.execute(create_part(part, if_not_exists))

    async def create_partitions(
        cls,
        every: Step,
        *,
        from_: dt.date,
        to: dt.date,
        unlogged: bool = False,
        tablespace: str | None = None,
        storage: Mapping[str, Any] | None = None,
        using: Database | None = None,
    ) -> list[str]:
        """Make the partitions of a span of time that are not there yet, one for each month or the like.

        Safe to be run again and again, by a job that keeps some months ahead; returns the names of all of them.

        Args:
            every: ``"hour"`` (of UTC, if the key has a zone), ``"day"``, ``"week"`` (from Monday), ``"month"``,
                ``"quarter"`` or ``"year"``.
            from_: a moment in the first of them, of the kind of the key: a date, or a datetime (with a zone for
                ``timestamptz``; days and months are those of this zone).
            to: the end: the last partition is the one before it, or that it lies in.

        Raises:
            FieldError: the table is not cut by ranges of one date or time, or the span is none.
        """
        database = using or default_database()
        parent = _parent(cls)
        by = parent.partition_by
        assert by is not None
        where = f"{cls.__name__}.create_partitions({every!r})"
        if by.strategy != "range" or len(by.keys) != 1:
            raise FieldError(
                f"{where} is for tables cut by ranges of one date or time, not by {by.strategy} ({', '.join(by.keys)})"
            )
        given = storage_of(f"{where}: storage", storage)
        names: list[str] = []
        statements: list[str] = []
        for name, low, high in _steps(where, every, from_, to):
            table = _part(parent, name)
            part = Part(
                table,
                parent,
                _types(parent),
                Bounds(low, high),
                database.naive,
                unlogged=unlogged,
                tablespace=tablespace,
                storage=given,
            )
            names.append(name)
            statements.append(create_part(part, if_not_exists=True))
        async with database.transaction():
            await database.execute(";\n".join(statements))
        return names

    async def attach_partition(
        cls,
        name: str,
        *,
        from_: Any = None,
        to: Any = None,
        values: Iterable[Any] | None = None,
        modulus: int | None = None,
        remainder: int | None = None,
        default: bool = False,
        of: str | None = None,
        using: Database | None = None,
    ) -> None:
        """Make a table that exists a partition of the model's; the server looks whether its rows belong there.

        Args:
            name: of the table, as for ``create_partition``; the rest, too.

        Raises:
            FieldError: the table is not partitioned, or in another way.
            IntegrityError: it has rows that do not belong there.
        """
        database = using or default_database()
        parent = await _cut(cls, of, database)
        bounds = Bounds(from_, to, values, modulus, remainder, default)
        part = Part(_part(_parent(cls), name), parent, _types(parent), bounds, database.naive)
        await database.execute(attach_part(part))

    async def detach_partition(
        cls,
        name: str,
        *,
        concurrently: bool = False,
        finalize: bool = False,
        of: str | None = None,
        using: Database | None = None,
    ) -> None:
        """Make a partition a table of its own; its rows stay in it.

        Args:
            concurrently: without keeping others from the table; outside of transactions only, and not while there is a
                default partition.
            finalize: end what ``concurrently`` began and could not end.
            of: the partition that it is a part of.

        Raises:
            TransactionError: ``concurrently`` inside of a transaction.
        """
        database = using or default_database()
        if concurrently and database.in_transaction:
            raise TransactionError(
                f"{cls.__name__}.detach_partition({name!r}, concurrently=True) waits for other transactions and cannot "
                "run inside of one; leave the transaction, or detach without concurrently"
            )
        parent = _parent(cls)
        whole = parent if of is None else _part(parent, of)
        await database.execute(
            detach_part(whole, _part(parent, name), concurrently=concurrently, finalize=finalize)
        )

    async def drop_partition(
        cls, name: str, *, if_exists: bool = False, using: Database | None = None
    ) -> None:
        """Drop a partition with all its rows.

        Raises:
            FieldError: the model's table has no such partition.
            ForeignKeyViolation: rows of other tables refer to its rows.
        """
        database = using or default_database()
        parent = _parent(cls)
        part = _part(parent, name)
        there = await partitions_of(database, parent)
        found = next((one for one in there if one.name == part.name), None)
        if found is None:
            if if_exists:
                return
            known = ", ".join(one.name for one in there) or "none"
            raise FieldError(f"{cls.__name__} has no partition {part.name!r}; its partitions are {known}")
        whole = parent if found.parent == parent.name else parent.part(parent.schema, found.parent)
        async with database.transaction():
            await database.execute(";\n".join(drop_part(whole, part)))


def _parent(cls: Any) -> Table:
    """The description of a model's table, which is partitioned.

    Raises:
        FieldError: it is not.
    """
    table: Table = cls.__table__
    if table.partition_by is None:
        raise FieldError(
            f'{table.title} is not partitioned; its Meta says by what it is: partition_by = ("range", "created")'
        )
    return table


def _part(parent: Table, name: str) -> Table:
    if not isinstance(name, str) or not name:
        raise FieldError(
            f"a partition of {parent.title} is named by what follows {parent.name}_ in its name, not by {name!r}"
        )
    return parent.part(parent.schema, f"{parent.name}_{name}")


async def _cut(cls: Any, of: str | None, database: Database) -> Table:
    """The table that partitions are made of: the model's, or one of its partitions that is cut itself, of which only
    the server knows how.
    """
    parent = _parent(cls)
    if of is None:
        return parent
    found = await reflect(database, _part(parent, of).quoted)
    if found.partition_by is None:
        raise FieldError(
            f"the partition {found.name!r} of {parent.title} is not cut itself; create_partition({of!r}, "
            "partition_by=(…)) makes one that is"
        )
    return found


def _types(parent: Table) -> Any:
    assert parent.partition_by is not None
    return key_types(parent, parent.partition_by)


def _steps(where: str, every: Step, from_: Any, to: Any) -> Iterator[tuple[str, Any, Any]]:
    """Name, first value and end of each partition of a span."""
    if every not in _NAMES:
        raise FieldError(f"{where}: the step is one of {', '.join(map(repr, _NAMES))}")
    if not isinstance(from_, dt.date) or type(to) is not type(from_):
        raise FieldError(f"{where}: from_ and to are dates, or both datetimes, not {from_!r} and {to!r}")
    if every == "hour" and not isinstance(from_, dt.datetime):
        raise FieldError(f"{where}: from_ and to are datetimes, for dates have no hours")
    low, count = _start(every, from_), 0
    if not low < to:
        raise FieldError(f"{where}: the span from {from_!r} to {to!r} is empty")
    while low < to:
        try:
            high = _next(every, low)
        except (ValueError, OverflowError):
            raise FieldError(f"{where}: the span ends after the last year there is, {to.year}") from None
        yield low.strftime(_NAMES[every]) if every != "quarter" else _quarter(low), low, high
        low, count = high, count + 1
        if count > MOST_AT_ONCE:
            raise FieldError(f"{where}: the span has more than {MOST_AT_ONCE:,} parts; take longer ones")


_NAMES = {
    "hour": "%Y_%m_%d_%H",
    "day": "%Y_%m_%d",
    "week": "%G_w%V",
    "month": "%Y_%m",
    "quarter": "%Y_q",
    "year": "%Y",
}


_LASTS = {"hour": dt.timedelta(hours=1), "day": dt.timedelta(days=1), "week": dt.timedelta(days=7)}


def _quarter(low: Any) -> str:
    return f"{low.year:04}_q{(low.month + 2) // 3}"


def _start(every: Step, moment: Any) -> Any:
    if isinstance(moment, dt.datetime):
        if every == "hour" and moment.tzinfo is not None:
            moment = moment.astimezone(dt.UTC)  # a zone may have an hour of the same name twice
        moment = moment.replace(minute=0, second=0, microsecond=0, fold=0)
        if every != "hour":
            moment = moment.replace(hour=0)
    if every == "week":
        return moment - dt.timedelta(days=moment.weekday())
    if every == "year":
        return moment.replace(month=1, day=1)
    if every == "quarter":
        return moment.replace(month=(moment.month - 1) // 3 * 3 + 1, day=1)
    return moment.replace(day=1) if every == "month" else moment


def _next(every: Step, low: Any) -> Any:
    if every in _LASTS:
        return low + _LASTS[every]  # by the clock of the zone: a day may have 23 hours
    months = low.year * 12 + low.month - 1 + {"month": 1, "quarter": 3, "year": 12}[every]
    return low.replace(year=months // 12, month=months % 12 + 1)


__all__ = ["PartitionVerbs"]
