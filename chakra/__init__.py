"""Chakra: an async PostgreSQL ORM with two paths. Rows become model instances, columns become Arrow.

Everything public is here, in ``chakra.types``, ``chakra.functions``, ``chakra.errors``, ``chakra.debug`` and
``chakra.columnar``.
"""

from __future__ import annotations

import functools
import typing
from typing import TYPE_CHECKING

from chakra import _late

_SUBMODULES = (
    "columnar config contrib db debug embedded errors expressions functions introspect migrations models pg query "
    "schema sql sync types"
)
"""Attributes of ``chakra`` without an import of their own, and loaded when they are asked for."""

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import NoReturn

    from chakra import errors as _errors
    from chakra.db import Transaction
    from chakra.db import deadlines as _deadlines
    from chakra.db import default as _databases
    from chakra.db.deadlines import Deadline
    from chakra.db.default import route
    from chakra.db.retrying import Attempts
    from chakra.debug import switches as _switches
    from chakra.debug.switches import configure
    from chakra.errors import (
        ChakraError,
        CheckViolation,
        CommitUnknown,
        ConfigError,
        ConnectionLost,
        CopyFormatError,
        DatabaseError,
        DataError,
        DeadlineExceeded,
        DoesNotExist,
        FieldError,
        ForeignKeyViolation,
        IntegrityError,
        MultipleObjectsReturned,
        NotLoaded,
        NotNullViolation,
        PoolTimeout,
        QueryError,
        SerializationError,
        StaleData,
        TransactionError,
        UniqueViolation,
        ValidationError,
    )
    from chakra.expressions import (
        ArraySubquery,
        Case,
        Cast,
        Coalesce,
        Collate,
        Excluded,
        Exists,
        F,
        Func,
        Greatest,
        Least,
        New,
        NullIf,
        Old,
        OuterRef,
        Q,
        Subquery,
        Value,
        When,
    )
    from chakra.expressions.aggregates import (
        ArrayAgg,
        Avg,
        Count,
        JsonAgg,
        Max,
        Min,
        StdDev,
        StringAgg,
        Sum,
        Variance,
    )
    from chakra.expressions.grouping import Grouping
    from chakra.expressions.library.aggregates import (
        AnyValue,
        BitAnd,
        BitOr,
        BitXor,
        BoolAnd,
        BoolOr,
        Every,
        JsonObjectAgg,
        RangeAgg,
        RangeIntersectAgg,
        XmlAgg,
    )
    from chakra.expressions.library.statistics import (
        Corr,
        CovarPop,
        CovarSamp,
        CumeDistOf,
        DenseRankOf,
        Mode,
        PercentileCont,
        PercentileDisc,
        PercentRankOf,
        RankOf,
        RegrAvgX,
        RegrAvgY,
        RegrCount,
        RegrIntercept,
        RegrR2,
        RegrSlope,
        RegrSXX,
        RegrSXY,
        RegrSYY,
    )
    from chakra.expressions.rows import All, Row
    from chakra.expressions.rows import Any_ as Any
    from chakra.expressions.windows import (
        CumeDist,
        DenseRank,
        FirstValue,
        Frame,
        Lag,
        LastValue,
        Lead,
        NthValue,
        Ntile,
        Over,
        PercentRank,
        Rank,
        RowNumber,
        Window,
    )
    from chakra.models import (
        Database,
        Field,
        ForeignKey,
        ManyToMany,
        Model,
        OneToOne,
        RelatedManager,
        Version,
        declared,
        field,
        foreign_key,
        many_to_many,
        one_to_one,
    )
    from chakra.models import Database as _Database
    from chakra.pg.interval import Interval
    from chakra.pg.json_text import JSON_NULL, JsonNull
    from chakra.pg.uuid7 import uuid7
    from chakra.query import notebook as _notebook
    from chakra.query.ctes import CTE
    from chakra.query.hooks import on
    from chakra.query.notebook import show
    from chakra.query.paging import Page
    from chakra.query.prefetch import Prefetch, prefetch
    from chakra.query.queryset import QuerySet
    from chakra.query.raw import raw
    from chakra.query.reports import DeleteReport
    from chakra.schema import Check, Exclude, Identity, Index, OpClass, Policy, Sequence, Trigger, Unique
else:  # checkers know names and modules by their imports
    __getattr__, __dir__ = _late.exported(
        __name__,
        {
            "chakra.debug.switches": "configure",
            "chakra.db.default": "route",
            "chakra.errors": (
                "ChakraError CheckViolation CommitUnknown ConfigError ConnectionLost CopyFormatError "
                "DatabaseError DataError DeadlineExceeded DoesNotExist FieldError ForeignKeyViolation "
                "IntegrityError MultipleObjectsReturned NotLoaded NotNullViolation PoolTimeout QueryError "
                "SerializationError StaleData TransactionError UniqueViolation ValidationError"
            ),
            "chakra.expressions": (
                "ArraySubquery Case Cast Coalesce Collate Excluded Exists F Func Greatest Least New "
                "NullIf Old OuterRef Q Subquery Value When"
            ),
            "chakra.expressions.aggregates": (
                "ArrayAgg Avg Count JsonAgg Max Min StdDev StringAgg Sum Variance"
            ),
            "chakra.expressions.grouping": "Grouping",
            "chakra.expressions.library.aggregates": (
                "AnyValue BitAnd BitOr BitXor BoolAnd BoolOr Every JsonObjectAgg RangeAgg "
                "RangeIntersectAgg XmlAgg"
            ),
            "chakra.expressions.library.statistics": (
                "Corr CovarPop CovarSamp CumeDistOf DenseRankOf Mode PercentileCont PercentileDisc "
                "PercentRankOf RankOf RegrAvgX RegrAvgY RegrCount RegrIntercept RegrR2 RegrSlope RegrSXX "
                "RegrSXY RegrSYY"
            ),
            "chakra.expressions.rows": "All Row Any=Any_",
            "chakra.expressions.windows": (
                "CumeDist DenseRank FirstValue Frame Lag LastValue Lead NthValue Ntile Over PercentRank "
                "Rank RowNumber Window"
            ),
            "chakra.models": (
                "Database Field ForeignKey ManyToMany Model OneToOne RelatedManager Version declared "
                "field foreign_key many_to_many one_to_one"
            ),
            "chakra.pg.interval": "Interval",
            "chakra.pg.json_text": "JSON_NULL JsonNull",
            "chakra.pg.uuid7": "uuid7",
            "chakra.query.hooks": "on",
            "chakra.query.queryset": "QuerySet",
            "chakra.query.raw": "raw",
            "chakra.query.ctes": "CTE",
            "chakra.query.notebook": "show",
            "chakra.query.paging": "Page",
            "chakra.query.prefetch": "Prefetch prefetch",
            "chakra.query.reports": "DeleteReport",
            "chakra.schema": "Check Exclude Identity Index OpClass Policy Sequence Trigger Unique",
        },
        modules=_SUBMODULES.split(),
    )
    _late.late(globals(), "chakra", "_errors=errors")
    _late.late(globals(), "chakra.db", "_databases=default _deadlines=deadlines")
    _late.late(globals(), "chakra.debug", "_switches=switches")
    _late.late(globals(), "chakra.models", "_Database=Database")
    _late.late(globals(), "chakra.query", "_notebook=notebook")

_Work = typing.TypeVar("_Work", bound="typing.Callable[..., typing.Awaitable[typing.Any]]")

__version__ = "0.1.0"

_NOT_AWAITED = (
    "connect() gives a database once it was awaited: write `db = await chakra.connect(url)`, or "
    "`async with chakra.connect(url) as db:`"
)


class _Connecting:
    """What ``connect()`` returns: awaitable, and an asynchronous context that closes the database again."""

    def __init__(self, url: str | None, settings: dict[str, typing.Any]) -> None:
        self._url = url
        self._settings = settings
        self._database: Database | None = None

    def __await__(self) -> Generator[typing.Any, None, Database]:
        return self._connect().__await__()

    async def _connect(self) -> Database:
        from chakra.db.database import settings_of

        _switches.listen()
        alias = self._settings.get("alias")
        _databases.check_free(alias)
        url = self._url or settings_of(None, alias).database.url
        server = None
        if isinstance(url, str) and url.startswith("embedded:"):
            from chakra.embedded import resolve_url_async

            url, server = await resolve_url_async(url)
        try:
            database = await _Database.connect(url, **self._settings)
        except BaseException:
            if server is not None:
                await server.stop_async()  # to its end, even if this is cancelled again
            raise
        database._server = server
        _databases.register(database)
        self._database = database
        return database

    def __getattr__(self, name: str) -> typing.Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"no .{name} here: {_NOT_AWAITED}")

    def __enter__(self) -> NoReturn:
        raise TypeError(_NOT_AWAITED)

    def __exit__(self, *_: object) -> None: ...

    def __repr__(self) -> str:
        return f"<connect(…), not awaited: {_NOT_AWAITED}>"

    async def __aenter__(self) -> Database:
        return await self._connect()

    async def __aexit__(self, *_: object) -> None:
        assert self._database is not None
        await self._database.close()


def connect(url: str | None = None, **settings: typing.Any) -> _Connecting:
    """Connect to a database: ``db = await chakra.connect(url)`` or ``async with chakra.connect(url) as db``.

    The first database that is connected and still open is the default one, which models use unless told
    otherwise by ``using``.

    Args:
        url: ``postgresql://user:password@host/name``, or ``embedded:///./folder`` for a private PostgreSQL in
            that folder (``pip install "chakra-orm[embedded]"``). Left out: ``CHAKRA_DATABASE_URL``, then
            ``chakra.toml``.
        settings: settings of the sections ``database``, ``pool`` and ``replicas`` for this database alone
            (``max_connections=20, acquire_timeout="5s"``), and ``replicas`` (``replicas=[url, …]``). Besides,
            ``password=``: one in place of the URL's, or a function, plain or ``async``, that gives one for each new
            connection; and ``alias=``: what ``using("…")`` calls it, which then is no default database.

    Raises:
        ConfigError: no URL, an unknown setting, or a server Chakra cannot use.
        ConnectionLost: nobody answers at that address.
        EmbeddedError: the private PostgreSQL cannot be started.
    """
    return _Connecting(url, settings)


def transaction(*arguments: typing.Any, **options: typing.Any) -> Transaction:
    """A transaction block on the default database; see ``Database.transaction``."""
    return _databases.default_database().transaction(*arguments, **options)


def on_commit(callback: typing.Callable[[], object]) -> None:
    """Call ``callback`` once the transaction around, on the default database, has committed.

    Outside of one, a plain function is called at once; see ``Database.on_commit``.
    """
    _databases.default_database().on_commit(callback)


def on_rollback(callback: typing.Callable[[], object]) -> None:
    """Call ``callback`` once the transaction around, on the default database, has been rolled back.

    Outside of one it is never called; see ``Database.on_rollback``.
    """
    _databases.default_database().on_rollback(callback)


def deadline(seconds: float) -> Deadline:
    """``async with chakra.deadline(2.0):``, after which everything in the block is stopped, of whatever database.

    Args:
        seconds: how long the block may take; see ``Database.deadline``.
    """
    return _deadlines.Deadline(seconds)


async def gather(*given: typing.Awaitable[typing.Any]) -> list[typing.Any]:
    """Await several independent queries at once, on the default database; see ``Database.gather``.

    Args:
        given: querysets, calls (coroutines), or anything else that is awaited.
    """
    try:
        database = _databases.default_database()
    except _errors.ConfigError:
        for each in given:
            if isinstance(each, typing.Coroutine):
                each.close()  # else Python complained of it, too
        raise
    return await database.gather(*given)


def retrying(*arguments: typing.Any, **options: typing.Any) -> Attempts:
    """A block that is run again after a serialization failure, on the default database; see ``Database.retrying``."""
    return _databases.default_database().retrying(*arguments, **options)


def retry(*arguments: typing.Any, **options: typing.Any) -> typing.Callable[[_Work], _Work]:
    """Decorate an ``async def`` that is run again after a serialization failure, on the database that is the default
    one when it is called; see ``Database.retry``.
    """

    def decorate(function: typing.Any) -> typing.Any:
        @functools.wraps(function)
        async def call(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
            again = _databases.default_database().retry(*arguments, **options)
            return await again(function)(*args, **kwargs)

        return call

    return decorate


def load_ipython_extension(shell: typing.Any) -> None:
    """``%load_ext chakra``: ``%%chakra_profile`` in IPython and notebooks, and lists of rows as tables."""
    from chakra.debug.ipython import load

    load(shell)
    _notebook.show_lists(shell)


def unload_ipython_extension(shell: typing.Any) -> None:
    """``%unload_ext chakra``."""
    from chakra.debug.ipython import unload

    unload(shell)
    _notebook.show_lists_as_ever(shell)


__all__ = [
    "Grouping",
    "AnyValue",
    "BitAnd",
    "BitOr",
    "BitXor",
    "BoolAnd",
    "BoolOr",
    "Every",
    "JsonObjectAgg",
    "RangeAgg",
    "RangeIntersectAgg",
    "XmlAgg",
    "Corr",
    "CovarPop",
    "CovarSamp",
    "CumeDistOf",
    "DenseRankOf",
    "Mode",
    "PercentileCont",
    "PercentileDisc",
    "PercentRankOf",
    "RankOf",
    "RegrAvgX",
    "RegrAvgY",
    "RegrCount",
    "RegrIntercept",
    "RegrR2",
    "RegrSlope",
    "RegrSXX",
    "RegrSXY",
    "RegrSYY",
    "CTE",
    "JSON_NULL",
    "All",
    "Any",
    "ArrayAgg",
    "ArraySubquery",
    "Avg",
    "Case",
    "Cast",
    "ChakraError",
    "Check",
    "CheckViolation",
    "Coalesce",
    "Collate",
    "CommitUnknown",
    "ConfigError",
    "ConnectionLost",
    "CopyFormatError",
    "Count",
    "CumeDist",
    "DataError",
    "DeadlineExceeded",
    "Database",
    "DatabaseError",
    "DenseRank",
    "DeleteReport",
    "DoesNotExist",
    "Exclude",
    "Excluded",
    "New",
    "Old",
    "Exists",
    "F",
    "Field",
    "FieldError",
    "FirstValue",
    "ForeignKey",
    "ForeignKeyViolation",
    "Frame",
    "Func",
    "Greatest",
    "Identity",
    "Index",
    "IntegrityError",
    "Interval",
    "JsonAgg",
    "JsonNull",
    "Lag",
    "LastValue",
    "Lead",
    "Least",
    "ManyToMany",
    "Max",
    "Min",
    "Model",
    "MultipleObjectsReturned",
    "NotLoaded",
    "NotNullViolation",
    "NthValue",
    "Ntile",
    "NullIf",
    "OneToOne",
    "OpClass",
    "OuterRef",
    "Over",
    "Page",
    "PercentRank",
    "PoolTimeout",
    "Policy",
    "Prefetch",
    "Q",
    "QueryError",
    "QuerySet",
    "Rank",
    "RelatedManager",
    "Row",
    "RowNumber",
    "Sequence",
    "SerializationError",
    "StaleData",
    "StdDev",
    "StringAgg",
    "Subquery",
    "Sum",
    "TransactionError",
    "Trigger",
    "Unique",
    "UniqueViolation",
    "ValidationError",
    "Value",
    "Version",
    "Variance",
    "When",
    "Window",
    "__version__",
    "configure",
    "connect",
    "deadline",
    "declared",
    "field",
    "foreign_key",
    "gather",
    "many_to_many",
    "on",
    "on_commit",
    "on_rollback",
    "one_to_one",
    "prefetch",
    "raw",
    "route",
    "retry",
    "retrying",
    "show",
    "transaction",
    "uuid7",
]
