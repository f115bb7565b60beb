"""Queries whose verbs have a deadline each: subclasses, made when they are asked for, so others pay nothing."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from types import FunctionType, MemberDescriptorType
from typing import Any, NoReturn

from chakra.db.deadlines import Deadline, checked_seconds
from chakra.errors import QueryError
from chakra.query.pending import awaited, is_awaited
from chakra.query.verbs import is_running

_new = object.__new__


def limited(query: Any, seconds: float) -> Any:
    """The same query, whose verbs may take so long.

    Raises:
        QueryError: that is no number of seconds.
    """
    seconds = checked_seconds(seconds)
    kind: Any = type(query)
    if hasattr(kind, "__chakra_limited__"):
        made = query._with(query._select)
    else:
        made = _new(_class_of(kind))
        for get, set_ in _members(kind):
            with suppress(AttributeError):  # a set of related rows fills its slots when it is asked
                set_(made, get(query))
        if kind.__dictoffset__:
            made.__dict__.update(query.__dict__)
    made._seconds = seconds
    return made


@functools.cache
def _class_of(kind: type) -> type:
    content: dict[str, Any] = {
        "__slots__": ("_seconds",),
        "__chakra_limited__": True,
        "__doc__": kind.__doc__,
        "__module__": kind.__module__,
        "_with": _carrying(kind),
        "__await__": _awaiting(kind),
        "__aiter__": _streaming("async for"),
    }
    for name in dir(kind):
        found = inspect.getattr_static(kind, name)
        if name in content or not isinstance(found, FunctionType):
            continue
        if inspect.iscoroutinefunction(found) or is_running(found) or is_awaited(found):
            content[name] = _cut_off(found)
        elif name in ("iterator", "arrow_batches"):
            content[name] = functools.wraps(found)(_streaming(f"{name}()"))
    return types.new_class(kind.__name__, (kind,), exec_body=lambda own: own.update(content))


@functools.cache
def _members(kind: type) -> tuple[Any, ...]:
    """How the slots of a class and its bases are read and filled."""
    return tuple(
        (each.__get__, each.__set__)
        for base in kind.__mro__
        for each in vars(base).values()
        if isinstance(each, MemberDescriptorType)
    )


def _carrying(kind: Any) -> Callable[..., Any]:
    def _with(self: Any, select: Any) -> Any:
        new = kind._with(self, select)
        new._seconds = self._seconds
        return new

    return _with


class _Rows:
    """What awaiting the query itself gives."""

    def __init__(self, kind: Any, query: Any) -> None:
        self._kind = kind
        self._query = query

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._kind.__await__(self._query)  # type: ignore[no-any-return]


def _awaiting(kind: Any) -> Callable[[Any], Generator[Any, Any, Any]]:
    def __await__(self: Any) -> Generator[Any, Any, Any]:
        return _in_time(self._seconds, _Rows(kind, self)).__await__()

    return __await__


async def _in_time(seconds: float, work: Awaitable[Any]) -> Any:
    async with Deadline(seconds):
        return await work


def _cut_off(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def call(self: Any, /, *args: Any, **options: Any) -> Any:
        async with Deadline(self._seconds):
            return await method(self, *args, **options)

    return awaited(call) if is_awaited(method) else call


def _streaming(what: str) -> Callable[..., NoReturn]:
    def call(self: Any, /, *args: Any, **options: Any) -> NoReturn:
        raise QueryError(
            f"{what} is as long as its loop takes, and timeout() is for what is awaited: put the loop into "
            f"`async with db.deadline({self._seconds:g}):`"
        )

    return call


__all__ = ["limited"]
