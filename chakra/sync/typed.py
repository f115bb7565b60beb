"""What type checkers know of queries with plain calls: their running verbs take what the asynchronous ones take, and
give what awaiting those gives. Nothing here runs; ``chakra.sync.queries`` makes the classes.
"""

from __future__ import annotations

import builtins
import datetime as dt
from collections.abc import Callable, Coroutine, Iterator
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    Literal,
    ParamSpec,
    Self,
    TypeVar,
    Unpack,
    overload,
)

from chakra import query
from chakra.query.base import R_co
from chakra.query.catalogue import Columns
from chakra.query.columns import ColumnReads
from chakra.query.grouping import Grouped
from chakra.query.raw import RawQuery as AsyncRawQuery
from chakra.query.returning import Returning
from chakra.query.tables import TableQuery as AsyncTableQuery
from chakra.sync.calls import Block, Stream

if TYPE_CHECKING:
    import pyarrow

    from chakra.columnar.parallel import ReadPlan
    from chakra.expressions import Expression
    from chakra.expressions.base import Valued
    from chakra.expressions.windows import Over
    from chakra.query.moments import Direction
    from chakra.query.prefetch import Prefetch
    from chakra.query.verbs import BatchOptions, LoadOptions

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")
T6 = TypeVar("T6")

if TYPE_CHECKING:

    def waits(
        method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
    ) -> Callable[Concatenate[Any, P], T]:
        """A verb that runs."""
        ...

    class ColumnCalls:
        """``to_arrow`` and its kin."""

        to_arrow = waits(ColumnReads.to_arrow)
        to_polars = waits(ColumnReads.to_polars)
        to_pandas = waits(ColumnReads.to_pandas)
        to_numpy = waits(ColumnReads.to_numpy)
        to_parquet = waits(ColumnReads.to_parquet)
        to_csv = waits(ColumnReads.to_csv)
        arrow_schema = waits(ColumnReads.arrow_schema)

        def arrow_batches(self, **options: Unpack[BatchOptions]) -> Stream[pyarrow.RecordBatch]: ...
        def read_plan(
            self, *, partitions: int = ..., partition_by: str | None = ..., nested: bool = ...
        ) -> Block[ReadPlan]: ...

    class QuerySet(Returning[R_co], Grouped[R_co], ColumnCalls):
        """Rows of one table, as objects of type ``R_co``: the asynchronous ``QuerySet`` with plain calls.

        ``list()`` gives a list; ``for row in qs`` streams through a cursor; ``qs[10:20]`` slices. Made by
        ``Post.objects.using(db)``, where ``db`` is a database of ``chakra.sync``.
        """

        get = waits(query.QuerySet[R_co].get)
        first = waits(query.QuerySet[R_co].first)
        last = waits(query.QuerySet[R_co].last)
        earliest = waits(query.QuerySet[R_co].earliest)
        latest = waits(query.QuerySet[R_co].latest)
        count = waits(query.QuerySet[R_co].count)
        exists = waits(query.QuerySet[R_co].exists)
        aggregate = waits(query.QuerySet[R_co].aggregate)
        contains = waits(query.QuerySet[R_co].contains)
        in_bulk = waits(query.QuerySet[R_co].in_bulk)
        explain = waits(query.QuerySet[R_co].explain)
        page = waits(query.QuerySet[R_co].page)
        create = waits(query.QuerySet[R_co].create)
        get_or_create = waits(query.QuerySet[R_co].get_or_create)
        update_or_create = waits(query.QuerySet[R_co].update_or_create)
        update = waits(query.QuerySet[R_co].update)
        delete = waits(query.QuerySet[R_co].delete)
        bulk_create = waits(query.QuerySet[R_co].bulk_create)
        bulk_insert = waits(query.QuerySet[R_co].bulk_insert)
        bulk_update = waits(query.QuerySet[R_co].bulk_update)
        load_parquet = waits(query.QuerySet[R_co].load_parquet)
        load_csv = waits(query.QuerySet[R_co].load_csv)
        sync_sequences = waits(query.QuerySet[R_co].sync_sequences)

        def select_related(self, *relations: str | None) -> Self: ...
        def prefetch_related(self, *paths: str | Prefetch | None) -> Self: ...
        def fetch_mode(self, mode: Literal["one", "peers", "raise"]) -> Self: ...
        def timeout(self, seconds: float) -> Self: ...
        def only(self, *fields: str) -> Self: ...
        def defer(self, *fields: str | None) -> Self: ...
        def annotate(self, /, *unnamed: Expression, **values: Expression) -> Self: ...
        def alias(self, /, *unnamed: Expression, **values: Expression) -> Self: ...
        def window(self, /, **windows: Over) -> Self: ...
        def to_sql(self) -> tuple[str, builtins.list[Any]]: ...

        def values(
            self, /, *fields: str | Expression, **expressions: Expression | str
        ) -> QuerySet[dict[str, Any]]: ...
        @overload
        def values_list(self, a: Valued[T1], /, *, flat: Literal[True]) -> QuerySet[T1]: ...
        @overload
        def values_list(self, a: Valued[T1], /) -> QuerySet[tuple[T1]]: ...
        @overload
        def values_list(self, a: Valued[T1], b: Valued[T2], /) -> QuerySet[tuple[T1, T2]]: ...
        @overload
        def values_list(
            self, a: Valued[T1], b: Valued[T2], c: Valued[T3], /
        ) -> QuerySet[tuple[T1, T2, T3]]: ...
        @overload
        def values_list(
            self, a: Valued[T1], b: Valued[T2], c: Valued[T3], d: Valued[T4], /
        ) -> QuerySet[tuple[T1, T2, T3, T4]]: ...
        @overload
        def values_list(
            self, a: Valued[T1], b: Valued[T2], c: Valued[T3], d: Valued[T4], e: Valued[T5], /
        ) -> QuerySet[tuple[T1, T2, T3, T4, T5]]: ...
        @overload
        def values_list(
            self, a: Valued[T1], b: Valued[T2], c: Valued[T3], d: Valued[T4], e: Valued[T5], f: Valued[T6], /
        ) -> QuerySet[tuple[T1, T2, T3, T4, T5, T6]]: ...
        @overload
        def values_list(self, *fields: str | Expression) -> QuerySet[tuple[Any, ...]]: ...
        @overload
        def values_list(
            self, *fields: str | Expression, flat: bool = ..., named: bool = ...
        ) -> QuerySet[Any]: ...
        def values_list(
            self, *fields: str | Expression, flat: bool = False, named: bool = False
        ) -> QuerySet[Any]: ...
        def dates(self, field: str, kind: str, order: Direction = "ASC") -> QuerySet[dt.date]: ...
        def datetimes(
            self, field: str, kind: str, order: Direction = "ASC", *, tz: str | dt.tzinfo | None = None
        ) -> QuerySet[dt.datetime]: ...

        @overload
        def __getitem__(self, key: slice) -> Self: ...
        @overload
        def __getitem__(self, key: int) -> R_co: ...
        def __getitem__(self, key: slice | int) -> Any: ...

        def iterator(self, chunk_size: int = 2_000) -> Stream[R_co]:
            """Stream rows through a cursor, ``chunk_size`` per round trip; memory stays flat."""
            ...

        def list(self) -> builtins.list[R_co]:
            """Return all rows as a list."""
            ...

        def __iter__(self) -> Iterator[R_co]: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]

    class TableQuery(QuerySet[dict[str, Any]]):
        """Rows of an existing table without a model, as dicts; made by ``db.table("name")``."""

        reflect = waits(AsyncTableQuery.reflect)
        describe = waits(AsyncTableQuery.describe)

        @property
        def columns(self) -> Columns: ...

        def bulk_insert(self, data: Any, **options: Unpack[LoadOptions]) -> Any: ...

    class RawQuery(ColumnCalls, Generic[R_co]):
        """One statement of the caller's own; made by ``db.raw(…)``."""

        all = waits(AsyncRawQuery[R_co].all)
        one = waits(AsyncRawQuery[R_co].one)
        first = waits(AsyncRawQuery[R_co].first)

        def list(self) -> builtins.list[R_co]:
            """Return all rows as a list."""
            ...

        def __iter__(self) -> Iterator[R_co]: ...
