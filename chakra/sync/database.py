"""A database with plain calls: stands for an asynchronous one, which lives in the loop behind the portal."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, overload

import chakra
from chakra import db, models
from chakra.db.backoff import USUAL, Backoff
from chakra.db.callbacks import checked
from chakra.db.coordination import checked_times
from chakra.db.default import database_named, default_database
from chakra.errors import ConfigError, SerializationError, TransactionError
from chakra.models.doors import doors
from chakra.query import QuerySet as AsyncQuerySet
from chakra.query import prefetch as prefetching
from chakra.query.prefetch import Prefetch
from chakra.query.raw import RawQuery as AsyncRawQuery
from chakra.sync.calls import Block, converters, lowered, plain, runs
from chakra.sync.deadlines import Deadline
from chakra.sync.later import Later
from chakra.sync.listening import Notes
from chakra.sync.portal import portal
from chakra.sync.queries import QuerySet, RawQuery, TableQuery, plain_query
from chakra.sync.retrying import Attempts

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_later: ContextVar[Later] = ContextVar("chakra_sync_later")
"""What waits for the end that is on its way; set in the context of the call that ends a block."""


class Transaction(Block["Transaction"]):
    """A transaction block, made by ``db.transaction(…)``: ``with db.transaction():``; inside another one a savepoint.

    It holds for the thread that opened it (for the task, where several run in a thread): statements of other threads
    run on connections of their own. Also a decorator, and ``db.transaction(retries=3).run(func, *args)``; those two can
    run their body again.
    """

    def __init__(self, make: Callable[[], db.Transaction], retries: int = 0) -> None:
        super().__init__(make)
        self._retries = retries
        self.backoff = USUAL

    def __enter__(self) -> Transaction:
        if self._retries:
            raise TransactionError(
                "a block cannot be run again: with retries use @db.transaction(retries=n) on a function, or "
                "db.transaction(retries=n).run(func, *args)"
            )
        if self._block is not None:
            raise TransactionError("a transaction object is for one block; call db.transaction() again")
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        later = Later()
        assert self._context is not None
        self._context.run(_later.set, later)
        try:
            super().__exit__(kind, error, trace)
        except BaseException as failed:
            later.call_undone(failed)
            later.call_committed()
            raise
        if error is not None:
            later.call_undone(error)
        later.call_committed()

    @property
    def is_open(self) -> bool:
        """Whether statements can run in it now."""
        return self._block is not None and bool(self._block.is_open)

    def on_commit(self, callback: Callable[[], object]) -> None:
        """Call ``callback``, in the thread that commits, once the outermost block has committed.

        Raises:
            TransactionError: the block is not open.
        """
        if self._block is None:
            raise TransactionError("on_commit() came too early: the block has not begun")
        self._block.on_commit(_marking(checked(callback, "on_commit")))

    def on_rollback(self, callback: Callable[[], object]) -> None:
        """Call ``callback``, in the thread that rolls back, once this block, or one around it, has been rolled back.

        Raises:
            TransactionError: the block is not open.
        """
        if self._block is None:
            raise TransactionError("on_rollback() came too early: the block has not begun")
        self._block.on_rollback(_marking(checked(callback, "on_rollback"), undone=True))

    def prepare(self, gid: str) -> None:
        """End the transaction by PREPARE TRANSACTION; see ``chakra.db.Transaction.prepare``.

        Args:
            gid: what it is called, in 1 to 199 bytes.
        """
        if self._block is None:
            raise TransactionError("prepare() came too early: the block has not begun")
        portal.call(self._block.prepare, gid)

    @property
    def inner(self) -> db.Transaction:
        """The asynchronous block it stands for; once it was entered."""
        return self._block  # type: ignore[no-any-return]

    def __call__(self, func: Callable[P, R]) -> Callable[P, R]:
        """Decorate a function: each call runs in a transaction of its own."""

        @functools.wraps(func)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            return self.run(func, *args, **kwargs)

        return wrapper

    def run(self, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``func(*args, **kwargs)`` in a transaction, again after a serialization failure or deadlock.

        Raises:
            SerializationError: it still failed after ``retries`` more attempts.
        """
        attempt = 0
        while True:
            block = Transaction(self._make)
            try:
                with block:
                    return func(*args, **kwargs)
            except SerializationError:
                inner = block._block
                if not inner.repeatable or attempt >= self._retries:
                    raise
            time.sleep(self.backoff.seconds(attempt))
            attempt += 1


def _marking(callback: Callable[[], object], *, undone: bool = False) -> Callable[[], object]:
    """What the asynchronous side calls at the end, in the loop: the callback itself is called by who ends the block."""
    if undone:
        return lambda: _later.get().undone.append(callback)
    return lambda: _later.get().committed.append(callback)


def _blocks(
    method: Callable[Concatenate[Any, P], db.Transaction],
) -> Callable[Concatenate[Any, P], Transaction]:
    """A method that gives transaction blocks for ``with``."""

    def call(self: Any, /, *args: Any, retries: int = 0, **options: Any) -> Transaction:
        return Transaction(lambda: self.__chakra_async__.transaction(*args, **options), retries)

    return functools.wraps(method)(call)  # type: ignore[return-value]


class Connection:
    """One connection, pinned by ``with db.acquire() as connection``, with plain calls.

    What it sets on the session (``SET``, temporary tables, advisory locks) holds for its own statements and is undone
    when it is given back. ``Post.objects.using(connection)`` runs on it.
    """

    if TYPE_CHECKING:
        __chakra_async__: Any

    def __init__(self, connection: Any) -> None:
        self.__chakra_async__ = connection

    execute = runs(db.Executor.execute)
    fetch = runs(db.Executor.fetch)
    fetchrow = runs(db.Executor.fetchrow)
    fetchval = runs(db.Executor.fetchval)
    executemany = runs(db.Executor.executemany)
    transaction = _blocks(db.Database.transaction)

    def __chakra_using__(self, query: AsyncQuerySet[T]) -> QuerySet[T]:
        """The query on this database, with plain calls."""
        return plain_query(query.using(self.__chakra_async__))  # type: ignore[no-any-return]

    @overload
    def raw(self, sql: str, *, params: Sequence[Any] = (), model: type[T]) -> RawQuery[T]: ...

    @overload
    def raw(self, sql: str, *, params: Sequence[Any] = (), model: None = None) -> RawQuery[Any]: ...

    def raw(self, sql: str, *, params: Sequence[Any] = (), model: Any = None) -> RawQuery[Any]:
        """Wrap a hand-written statement: ``db.raw("select … where id = $1", params=[1]).all()``; see ``chakra.raw``."""
        return plain_query(AsyncRawQuery(sql, self.__chakra_async__, params=params, model=model))  # type: ignore[no-any-return]

    def run(self, awaitable: Awaitable[T]) -> T:
        """Wait for anything that Chakra would have awaited: ``author = db.run(post.author)``.

        Args:
            awaitable: a coroutine, a row that is not loaded, a query that is not of ``chakra.sync``.

        Returns:
            What awaiting it gives.
        """
        return run(awaitable)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What the asynchronous one has beside, in plain form."""
            if name.startswith("_"):
                raise AttributeError(name)
            found = getattr(self.__chakra_async__, name)
            if not callable(found):
                return found

            @functools.wraps(found)
            def call(*args: Any, **options: Any) -> Any:
                return plain(portal.call(_called, found, args, options))

            return call

    def __repr__(self) -> str:
        return f"<sync of {self.__chakra_async__!r}>"


async def _called(method: Callable[..., Any], args: Any, options: Any) -> Any:
    """Call in the loop; what is awaitable is awaited, a stream or a block is given as it is."""
    found = method(*map(lowered, args), **{name: lowered(value) for name, value in options.items()})
    return await found if isinstance(found, Coroutine) else found


class Database(Connection):
    """A connected database with plain calls; ``sync.connect(url)`` makes one, ``with`` closes it.

    May be used by several threads at once, and in threads in which an event loop runs, which waits meanwhile.
    """

    create_tables = runs(models.Database.create_tables)
    drop_tables = runs(models.Database.drop_tables)
    create_schema = runs(models.Database.create_schema)
    drop_schema = runs(models.Database.drop_schema)
    create_extension = runs(models.Database.create_extension)
    nextval = runs(models.Database.nextval)
    setval = runs(models.Database.setval)
    tables = runs(models.Database.tables)

    @property
    def replica(self) -> Database:
        """The replicas of this database, as a database that takes no writes; see the asynchronous one.

        Raises:
            ConfigError: there are none.
        """
        return Database(self.__chakra_async__.replica)

    def table(self, name: str) -> TableQuery:
        """An existing table without a model: ``db.table("schema.name").filter(x__gt=1).to_polars()``.

        Args:
            name: ``name`` or ``schema.name``; parts that are not plain words in double quotes.
        """
        return plain_query(self.__chakra_async__.table(name))  # type: ignore[no-any-return]

    def acquire(self, timeout: float | None = None) -> Block[Connection]:
        """``with db.acquire() as connection``: one connection for several statements.

        Args:
            timeout: seconds to wait for it; default: ``acquire_timeout``.
        """
        return Block(lambda: self.__chakra_async__.acquire(timeout))

    def on_commit(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` in this thread once the transaction around has committed; at once where there is none."""
        checked(callback, "on_commit")
        if not portal.call(self._at_end, callback, undone=False):
            callback()

    def on_rollback(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` in this thread once the block around, or one around that, has been rolled back; never where
        there is none.
        """
        portal.call(self._at_end, checked(callback, "on_rollback"), undone=True)

    def _at_end(self, callback: Callable[[], object], *, undone: bool) -> bool:
        block = self.__chakra_async__.current_transaction()
        if block is not None:
            (block.on_rollback if undone else block.on_commit)(_marking(callback, undone=undone))
        return block is not None

    def retrying(
        self, times: int = 3, *args: Any, backoff: Backoff = USUAL, **options: Any
    ) -> Attempts[Transaction]:
        """``for attempt in db.retrying(times=3): with attempt:``, a block that is run again after a serialization
        failure or a deadlock; ``times``, ``backoff`` and the options are as for the asynchronous one.
        """
        checked_times(times)
        return Attempts(lambda: self.transaction(*args, **options), times, backoff)

    def retry(
        self, times: int = 3, *args: Any, backoff: Backoff = USUAL, **options: Any
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorate a function: each call runs in a transaction, and again after a serialization failure or a
        deadlock; ``times`` and ``backoff`` are as for ``retrying``.
        """
        block = self.transaction(*args, retries=checked_times(times), **options)
        block.backoff = backoff
        return block

    def deadline(self, seconds: float) -> Deadline:
        """``with db.deadline(2.0):``, after which calls in the block are stopped, on the server too.

        Args:
            seconds: how long the block may take.

        Raises:
            DeadlineExceeded: of the call that is cut off, and of those after it.
        """
        return Deadline(seconds)

    def listen(self, *channels: str, limit: int = 1000) -> Notes:
        """``for note in db.listen("news"):``, each note that is sent to the channels.

        See ``chakra.db.Database.listen``.

        Args:
            channels: names, of 63 bytes at most.
            limit: notes that wait to be read, at most.
        """
        return Notes(self.__chakra_async__.listen(*channels, limit=limit))

    def save(
        self,
        instance: models.Model,
        *,
        update_fields: Iterable[str] | None = None,
        force_insert: bool = False,
        validate: bool = False,
    ) -> None:
        """Insert a new row, or write what changed since it was loaded; see ``Model.save``.

        ``instance.save()`` does so, too, where the row came from this database; type checkers take that for the
        asynchronous call that it is elsewhere, and this for what it is.
        """
        portal.call(
            instance.save,
            update_fields=update_fields,
            force_insert=force_insert,
            validate=validate,
            using=self.__chakra_async__,
        )

    def delete(self, instance: models.Model) -> int:
        """Delete the row of an ``instance``; return 1, or 0 if it was gone already."""
        return portal.call(instance.delete, using=self.__chakra_async__)  # type: ignore[no-any-return]

    def refresh(self, instance: models.Model, *fields: str) -> None:
        """Read the row of an ``instance`` again, all of it or the given fields."""
        portal.call(instance.refresh, *fields, using=self.__chakra_async__)

    def prefetch(self, rows: Iterable[Any], *paths: str | Prefetch) -> None:
        """Load what stands behind relations of rows that are there: ``db.prefetch(authors, "posts__tags")``."""
        portal.call(prefetching.prefetch, [*rows], *paths)

    def close(self, timeout: float | None = None) -> None:
        """Close all connections, after waiting up to ``timeout`` seconds for what still runs; does nothing twice."""
        if self in _open:
            _open.remove(self)
            portal.call(self.__chakra_async__.close, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_open: list[Database] = []


def connect(url: str | None = None, **settings: Any) -> Database:
    """Connect to a database: ``with sync.connect(url) as db:``, or ``db = sync.connect(url)`` and ``db.close()``.

    What is still open when the process ends is closed then.

    Args:
        url: as for ``chakra.connect``: ``postgresql://user:password@host/name`` or ``embedded:///./folder``; left out:
            ``CHAKRA_DATABASE_URL``, then ``chakra.toml``.
        settings: settings of the sections ``database`` and ``pool`` for this database alone.

    Raises:
        ConfigError: no URL, an unknown setting, or a server Chakra cannot use.
        ConnectionLost: nobody answers at that address.
    """
    database = Database(portal.call(chakra.connect, url, **settings))
    _open.append(database)
    return database


def default() -> Database:
    """The database that was connected first, of those that are open.

    Raises:
        ConfigError: none is.
    """
    if not _open:
        raise ConfigError(
            "no database is connected: call `sync.connect(url)` first, or name one with .using(db)"
        )
    return _open[0]


def run(awaitable: Awaitable[T]) -> T:
    """Wait for anything that Chakra would have awaited: ``author = sync.run(post.author)``.

    Args:
        awaitable: a coroutine, a row that is not loaded, a query that is not of ``chakra.sync``.

    Returns:
        What awaiting it gives; in plain form, where it is a query or a stream.
    """
    return plain(portal.call(_awaited, awaitable))  # type: ignore[no-any-return]


async def _awaited(given: Awaitable[T]) -> T:
    return await given


@overload
def raw(
    sql: str, database: Connection | None = None, *, params: Sequence[Any] = (), model: type[T]
) -> RawQuery[T]: ...


@overload
def raw(
    sql: str, database: Connection | None = None, *, params: Sequence[Any] = (), model: None = None
) -> RawQuery[Any]: ...


def raw(
    sql: str, database: Connection | None = None, *, params: Sequence[Any] = (), model: Any = None
) -> RawQuery[Any]:
    """Wrap a hand-written statement: ``sync.raw("select … where id = $1", db, params=[1]).all()``.

    Args:
        sql: one statement with ``$1``, ``$2``, … for its parameters.
        database: where to run it; the first one connected if not given.
        params: values of the parameters.
        model: make instances of this model of the rows; its primary key must be among the columns.
    """
    return (database or default()).raw(sql, params=params, model=model)


def _of_default(method: Callable[Concatenate[Any, P], T]) -> Callable[P, T]:
    """The same on the database that was connected first."""

    @functools.wraps(method)
    def call(*args: P.args, **options: P.kwargs) -> T:
        return method(default(), *args, **options)

    return call


transaction = _of_default(Database.transaction)


def prefetch(rows: Iterable[Any], *paths: str | Prefetch) -> None:
    """Load what stands behind relations of rows that are there; see ``chakra.prefetch``."""
    portal.call(prefetching.prefetch, [*rows], *paths)


def _close_all() -> None:
    for database in tuple(_open):
        database.close(timeout=1)


def _instance_call(method: Callable[..., Any], instance: Any, args: Any, options: dict[str, Any]) -> Any:
    """Run a verb of an instance at once, where the database it is about is one of ours."""
    using = options.get("using")
    if isinstance(using, str):
        using = database_named(using)
    database = lowered(using) if using is not None else instance._state.database
    if database is None:
        try:
            database = default_database()
        except ConfigError:
            database = _open[0].__chakra_async__ if _open else None
        if database is not None and is_ours(database):
            options = {**options, "using": database}
    elif using is not None:
        options = {**options, "using": database}
    if portal.inside or database is None or not is_ours(database):
        return method(instance, *args, **options)
    return portal.call(method, instance, *args, **options)


def is_ours(database: Any) -> bool:
    """Whether a database, or a connection, lives behind the portal."""
    return database.pool.loop is portal.loop


def _partners(found: Any) -> Any:
    """A set of partners with plain calls, where its owner came from a database of ours."""
    database = found._instance._state.database
    return plain_query(found) if database is not None and not portal.inside and is_ours(database) else found


doors.instance = _instance_call
doors.partners = _partners
converters.append((db.Executor, Connection))
portal.at_exit(_close_all)

__all__ = [
    "Connection",
    "Database",
    "RawQuery",
    "Transaction",
    "connect",
    "default",
    "prefetch",
    "raw",
    "run",
    "transaction",
]
