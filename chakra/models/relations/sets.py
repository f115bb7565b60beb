"""What the sets of partners of an instance share: they may be loaded already."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from chakra._late import late
from chakra.errors import ConnectionLost, FieldError
from chakra.query.base import Base, R_co
from chakra.query.pending import awaited
from chakra.query.queryset import QuerySet
from chakra.query.state import NOT_LOADED, change_loaded, loaded_value

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    from chakra.db.streams import Stream
    from chakra.query.fetching import fetch_of, note_asked, note_found, refuse, with_peers
    from chakra.query.write import database_of
else:
    late(globals(), "chakra.query.fetching", "fetch_of note_asked note_found refuse with_peers")
    late(globals(), "chakra.query.write", "database_of")


def key_of(instance: Any, names: tuple[str, ...], label: str) -> Any:
    """The values by which others point at an instance: one, or a tuple.

    Raises:
        FieldError: it has none yet; names what asked for it.
    """
    try:
        values = type(instance).__chakra_values__(instance, names)
    except FieldError as error:
        raise FieldError(f"{label}: {error}") from None
    return values[0] if len(values) == 1 else values


def set_class(kind: Any, model: Any) -> Any:
    """The class of sets of rows of a model: with the methods of its default manager, if that has some."""
    own = type(model.__chakra_start__())
    if own is QuerySet:
        return kind
    said = {"__slots__": (), "__module__": own.__module__, "__qualname__": own.__qualname__, "_of": own}
    return type(own.__name__, (kind, own), said)


def itself(instance: Any) -> QuerySet[Any]:
    """The query for an instance, by its primary key: it stands for other keys of its that were not loaded."""
    rows: QuerySet[Any] = QuerySet(type(instance).__table__, database_of(instance))
    return rows.filter(pk=instance)


def without(rows: list[Any], gone: Iterable[Any]) -> list[Any]:
    """Instances but those of certain keys."""
    keys = set(gone)
    return [row for row in rows if type(row).__chakra_key__(row) not in keys]


def joined(rows: list[Any], added: Iterable[Any]) -> list[Any]:
    """Instances and further ones, each row once."""
    new = {type(row).__chakra_key__(row): row for row in added}
    return [*without(rows, new), *new.values()]


def settled(write: F) -> F:
    """A method that writes: where it ends without an answer, what was loaded may be out of date and is forgotten.

    The COMMIT of a task that is cancelled, or loses its connection, may have reached the server.
    """

    @wraps(write)
    async def run(self: PartnerSet[Any], /, *args: Any, **kwargs: Any) -> Any:
        try:
            return await write(self, *args, **kwargs)
        except (CancelledError, ConnectionLost):
            self._forget(
                [row for each in args for row in (each if isinstance(each, list | tuple) else [each])]
            )
            raise

    return run  # type: ignore[return-value]


def on_the_class(shown: str, relation: str, name: str) -> AttributeError:
    """The error for ``Author.posts.filter``: on the class, a relation is neither a set nor the model behind it."""
    return AttributeError(
        f"{shown}: a relation has no .{name} on the class; sets of rows belong to instances, instance.{relation}, "
        f'and queries name what is behind it: filter({relation}__…=…), F("{relation}__…")'
    )


_OF_QUERIES = frozenset(Base.__slots__)


class PartnerSet(QuerySet[R_co]):
    """Rows behind a to-many relation of one instance: a queryset, which needs no query where they were prefetched.

    Then what it would ask is worked out only for who asks: loops over thousands of loaded sets do not pay for it.
    """

    __slots__ = ("_instance", "_loaded", "_named", "_narrowed")

    _of: ClassVar[Any] = QuerySet
    """The class of querysets of its rows that are not those of the instance alone."""

    def __init__(self, instance: Any, name: str) -> None:
        self._instance = instance
        self._named = name
        found = loaded_value(instance, name)
        self._loaded: list[Any] | None = None if found is NOT_LOADED else found
        self._narrowed = False
        if found is NOT_LOADED:
            self._become_query()

    def _become_query(self) -> None:
        self._ask()
        fetch = fetch_of(self._instance)
        self._mode = None if fetch is None or fetch.origin is not None else fetch.mode

    def _begin(self, model: Any) -> None:
        """Become the query that the default manager of the partners' model begins with."""
        start = model.__chakra_start__()
        QuerySet.__init__(self, start.table, database_of(self._instance), start._select)
        self._prefetches = start._prefetches
        if start.__class__ is not QuerySet and hasattr(start, "__dict__"):
            vars(self).update(vars(start))

    def _ask(self) -> None:
        """Fill the slots of a queryset: the query for the partners."""
        raise TypeError(f"{type(self).__name__} asks nothing")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in _OF_QUERIES:
                self._become_query()
                return getattr(self, name)
            return super().__getattr__(name)

    def _with(self, select: Any) -> Any:
        new = super()._with(select)
        new._instance, new._named, new._loaded = self._instance, self._named, None
        new._narrowed = True
        return new

    def _unbound(self, select: Any) -> Any:
        new = object.__new__(self._of)
        QuerySet.__init__(new, self.table, self._database, select)
        new._prefetches, new._mode = self._prefetches, self._mode
        return new

    def _changed_set(self, change: Callable[[list[Any]], list[Any]] | None = None) -> None:
        """The set is another one now: bring what was loaded up to date, or forget it where only a query can tell."""
        change_loaded(self._instance, self._named, change)
        if self._loaded is not None:
            found = loaded_value(self._instance, self._named)
            self._loaded = None if found is NOT_LOADED else found

    def _forget(self, given: Iterable[Any]) -> None:
        """Forget what a write may have changed, of which no answer came.

        Args:
            given: what the write was given, partners among it.
        """
        self._changed_set()

    if not TYPE_CHECKING:  # they return what those of querysets do

        @settled
        async def update(self, /, *given: Any, **values: Any) -> Any:
            """Set fields of all partners ; return their number, or what ``returning`` says."""
            found = await super().update(*given, **values)
            self._changed_set()
            return found

        @settled
        async def delete(self, *, returning: Any = None) -> Any:
            """Delete all partners; return their number, or what ``returning`` says."""
            # A delete() of the user's own queryset class need not know the option.
            found = await (super().delete() if returning is None else super().delete(returning=returning))
            self._changed_set()
            return found

    async def bulk_insert(self, data: Any, **options: Any) -> Any:
        """Refused, whatever ``data`` is: columns do not say whose partners their rows are.

        Raises:
            FieldError: always; says what does it.
        """
        raise self._of_nobody("bulk_insert")

    async def load_parquet(self, file: Any, /, **options: Any) -> Any:
        """Refused, as ``bulk_insert`` is: rows of a ``file`` would belong to nobody."""
        raise self._of_nobody("load_parquet")

    async def load_csv(self, file: Any, /, **options: Any) -> Any:
        """Refused, as ``bulk_insert`` is: rows of a ``file`` would belong to nobody."""
        raise self._of_nobody("load_csv")

    def _of_nobody(self, verb: str) -> FieldError:
        model = self.table.title
        return FieldError(
            f"{verb}() of {type(self._instance).__name__}.{self._named} would write rows that belong to nobody: "
            f"bulk_create() of this set takes instances; {model}.objects.{verb}() takes columns, the key of "
            "the row they belong to among them"
        )

    async def _fetch(self) -> list[Any]:
        if self._loaded is None and not self._narrowed:
            refuse(self._instance, self._named, several=True)
            found = await with_peers(self._instance, self._named)
            self._loaded = None if found is NOT_LOADED else found
        elif self._loaded is None:
            note_asked(self._instance, self._named, True)
        if self._loaded is not None:
            return list(self._loaded)
        rows = await super()._fetch()
        if rows and self._select.result == "instances":
            note_found(self._instance, self._named, rows[0])
        return rows

    async def _row(self, select: Any) -> Any:
        note_asked(self._instance, self._named, True)
        return await super()._row(select)

    async def get(self, /, *conditions: Any, **lookups: Any) -> Any:
        """Return the one partner that matches; see ``QuerySet.get``."""
        note_asked(self._instance, self._named, True)
        return await super().get(*conditions, **lookups)

    def __aiter__(self) -> Stream[R_co]:
        fetch = fetch_of(self._instance)
        if self._loaded is None and (self._narrowed or fetch is None or fetch.mode == "one"):
            note_asked(self._instance, self._named, True)
            return super().__aiter__()
        return cast("Stream[R_co]", _each(self))  # of which only iterating is promised

    def __iter__(self) -> Iterator[R_co]:  # type: ignore[override]
        """The partners, where they were prefetched; else the error that says to await."""
        if self._loaded is None:
            super().__iter__()
        return iter(self._loaded or ())

    def __len__(self) -> int:  # type: ignore[override]
        if self._loaded is None:
            super().__len__()
        return len(self._loaded or ())

    @awaited
    async def count(self) -> int:
        """Return the number of partners."""
        if self._loaded is not None:
            return len(self._loaded)
        note_asked(self._instance, self._named, True)
        return await super().count()

    @awaited
    async def exists(self) -> bool:
        """Return whether there is a partner."""
        if self._loaded is not None:
            return bool(self._loaded)
        note_asked(self._instance, self._named, True)
        return await super().exists()


async def _each(rows: PartnerSet[R_co]) -> AsyncIterator[R_co]:
    for row in await rows:
        yield row


__all__ = [
    "PartnerSet",
    "itself",
    "joined",
    "key_of",
    "on_the_class",
    "set_class",
    "settled",
    "without",
]
