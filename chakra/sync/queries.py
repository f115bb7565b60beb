"""Querysets with plain calls: subclasses of the asynchronous ones, whose running verbs go through the portal.

Which verbs run is known by their mark (``chakra.query.verbs.runs``) or by being ``async def``, so methods of querysets
of one's own are plain, too. Inside of the loop, where Chakra itself and ``async`` hooks use them, they are what the
asynchronous ones are.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from types import FunctionType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, NoReturn

from chakra import query
from chakra.query.base import R_co
from chakra.query.limited import limited
from chakra.query.pending import is_awaited
from chakra.query.raw import RawQuery as AsyncRawQuery
from chakra.query.reading import ITERATOR_ROWS
from chakra.query.tables import TableQuery as AsyncTableQuery
from chakra.query.verbs import is_running
from chakra.sync.calls import Stream, converters, plain
from chakra.sync.portal import portal


async def _rows(rows: Any) -> Any:
    return await rows


class PlainQuery:
    """What queries with plain calls have in place of ``await`` and ``async for``."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def list(self) -> Any:
            """Return all rows as a list."""
            return portal.call(_rows, self)

        def iterator(self, chunk_size: int = ITERATOR_ROWS) -> Any:
            """Stream rows through a cursor, ``chunk_size`` per round trip; memory stays flat."""
            found = super().iterator(chunk_size)
            return found if portal.inside else Stream(found, chunk_size)

        def __iter__(self) -> Any:
            try:
                return super().__iter__()  # a set of partners that were loaded
            except TypeError:
                if portal.inside:
                    raise
            if not hasattr(type(self), "__aiter__"):
                return iter(self.list())
            found = self.__aiter__()
            return found if isinstance(found, Stream) else Stream(found, ITERATOR_ROWS)

        def __getitem__(self, key: Any) -> Any:
            found = super().__getitem__(key)
            return found if portal.inside else plain(found)

        def __await__(self) -> Any:
            if portal.inside:
                return super().__await__()
            raise TypeError(
                "a query of chakra.sync is not awaited: .list() gives its rows, and `for` iterates"
            )

    def __bool__(self) -> NoReturn:
        raise TypeError("a query is neither true nor false before it ran: `if query.exists():`")

    def __contains__(self, item: object) -> NoReturn:
        raise TypeError(
            "`in` cannot ask the server: `query.contains(instance)`, `query.filter(…).exists()`, or `in query.list()`"
        )

    def __reversed__(self) -> NoReturn:
        raise TypeError("a query is turned round with .reverse()")


if not TYPE_CHECKING:

    def __len__(self) -> int:
        try:
            return super(PlainQuery, self).__len__()  # of a set that was loaded
        except TypeError:
            raise TypeError(
                "a query has no length before it ran: `query.count()`, or len(query.list())"
            ) from None

    PlainQuery.__len__ = __len__
    del __len__


def _running(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, /, *args: Any, **options: Any) -> Any:
        if portal.inside:
            return method(self, *args, **options)
        return plain(portal.call(method, self, *args, **options))

    return call


def _giving(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, /, *args: Any, **options: Any) -> Any:
        found = method(self, *args, **options)
        return found if portal.inside else plain(found)

    return call


def _asked(getter: Callable[[Any], Any]) -> property:
    @functools.wraps(getter)
    def call(self: Any) -> Any:
        found = getter(self)
        return found if portal.inside else plain(found)

    return property(call)


_OWN = frozenset(vars(PlainQuery))
_AS_THEY_ARE = frozenset({"database", "table"})


def _methods(kind: type) -> dict[str, Any]:
    """The public methods and properties of a class of queries in plain form."""
    made: dict[str, Any] = {}
    for name in dir(kind):
        if name.startswith("_") or name in _OWN or name in _AS_THEY_ARE:
            continue
        if name == "timeout" and issubclass(kind, query.QuerySet):
            continue  # the one of QuerySet below: a subclass of what the query is behind its plain calls
        found = inspect.getattr_static(kind, name)
        if isinstance(found, FunctionType):
            runs = inspect.iscoroutinefunction(found) or is_running(found) or is_awaited(found)
            made[name] = _running(found) if runs else _giving(found)
        elif isinstance(found, property) and found.fget is not None:
            made[name] = _asked(found.fget)
    return made


if TYPE_CHECKING:
    from chakra.sync.typed import QuerySet, RawQuery, TableQuery
else:

    class QuerySet(PlainQuery, query.QuerySet[R_co]):
        """Rows of one table, as objects of type ``R_co``: the asynchronous ``QuerySet`` with plain calls.

        ``list()`` gives a list; ``for row in qs`` streams through a cursor; ``qs[10:20]`` slices. Made by
        ``Post.objects.using(db)``, where ``db`` is a database of ``chakra.sync``.
        """

        __slots__ = ()
        __chakra_kind__ = query.QuerySet

        def timeout(self, seconds: float) -> Any:
            """Say how many ``seconds`` a verb of this query may take; the rest is as for the asynchronous one."""
            other = _new(self.__chakra_kind__)
            _fill(other, self, _members(self.__chakra_kind__))
            if self.__chakra_kind__.__dictoffset__:
                other.__dict__.update(self.__dict__)
            return plain_query(limited(other, seconds))


_classes: dict[Any, Any] = {query.QuerySet: QuerySet}


_copied: dict[type, tuple[Any, tuple[Any, ...], bool]] = {}
"""Of each class of queries that was asked for: the one with plain calls, its slots, whether there are attributes."""
_new = object.__new__


def plain_class(kind: type) -> Any:
    """The class of queries with plain calls for one of asynchronous ones."""
    found = _classes.get(kind)
    if found is None:
        if issubclass(kind, PlainQuery):
            return kind
        bases = (QuerySet if issubclass(kind, query.QuerySet) else PlainQuery, kind)
        content = {"__slots__": (), "__doc__": kind.__doc__, "__module__": kind.__module__, **_methods(kind)}
        content["__chakra_kind__"] = kind
        found = _classes[kind] = types.new_class(
            kind.__name__, bases, exec_body=lambda own: own.update(content)
        )
    return found


def plain_query(given: Any) -> Any:
    """The same query with plain calls."""
    kind = type(given)
    try:
        made, members, attributes = _copied[kind]
    except KeyError:
        made, members, attributes = _copied[kind] = (
            plain_class(kind),
            _members(kind),
            bool(kind.__dictoffset__),
        )
    if made is kind:
        return given
    new = _new(made)
    _fill(new, given, members)
    if attributes:
        new.__dict__.update(given.__dict__)
    return new


def _fill(new: Any, given: Any, members: tuple[Any, ...]) -> None:
    for get, set_ in members:
        try:
            value = get(given)
        except AttributeError:
            continue  # a set of partners fills its slots when it is asked
        set_(new, value)


def _members(kind: type) -> tuple[Any, ...]:
    """How the slots of a class and its bases are read and filled."""
    return tuple(
        (each.__get__, each.__set__)
        for base in kind.__mro__
        for each in vars(base).values()
        if isinstance(each, MemberDescriptorType)
    )


if not TYPE_CHECKING:
    TableQuery, RawQuery = plain_class(AsyncTableQuery), plain_class(AsyncRawQuery)

for _name, _method in _methods(query.QuerySet).items():
    setattr(QuerySet, _name, _method)

converters += [(query.QuerySet, plain_query), (AsyncTableQuery, plain_query), (AsyncRawQuery, plain_query)]

__all__ = ["PlainQuery", "QuerySet", "RawQuery", "TableQuery", "plain_class", "plain_query"]
