"""What the asynchronous side gives, as plain Python: results at once, streams as iterators, blocks for ``with``."""

from __future__ import annotations

import contextvars
import functools
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from chakra.db.deadlines import current
from chakra.db.streams import Stream as AsyncStream
from chakra.sync.portal import portal

P = ParamSpec("P")
T = TypeVar("T")

_MISSING: Any = object()


class Stream(Iterator[T], Generic[T]):
    """Rows or batches that are read as the loop goes on; it may be left at any point.

    Also for ``with``, which ends it at the end of the block where a reference to it is kept; ``close()`` does so by
    hand.
    """

    def __init__(self, items: AsyncIterator[T], at_once: int) -> None:
        self._items = items
        self._at_once = at_once
        self._read: deque[T] = deque()
        self._ended = False
        self._error: BaseException | None = None
        self._context = contextvars.copy_context()

    def __iter__(self) -> Stream[T]:
        return self

    def __next__(self) -> T:
        while not self._read:
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            if self._ended:
                raise StopIteration
            portal.call(self._more, context=self._context)
        return self._read.popleft()

    async def _more(self) -> None:
        """Read what one round trip brings, in one call: a call for each row would take longer than the row."""
        try:
            for _ in range(self._at_once):
                self._read.append(await self._items.__anext__())
        except StopAsyncIteration:
            self._ended = True
        except Exception as error:
            self._ended, self._error = True, error  # after the rows before it

    def close(self) -> None:
        """End the stream, on the server too; does nothing if it has ended."""
        self._ended = True
        self._read.clear()
        portal.call(_closed, self._items, context=self._context)

    def __enter__(self) -> Stream[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def _closed(items: Any) -> None:
    await items.aclose()


class Block(Generic[T]):
    """An asynchronous block for ``with``: what it sets in its context holds in this thread until it ends."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """Keep how to make the block.

        Args:
            make: gives the block; called in the loop, by the ``with``.
        """
        self._make = make
        self._block: Any = None
        self._context: contextvars.Context | None = None
        self._tokens: list[tuple[contextvars.ContextVar[Any], contextvars.Token[Any]]] = []

    def __enter__(self) -> T:
        context = contextvars.copy_context()
        self._context = context
        found = portal.call(self._enter, context=context)
        for variable, value in context.items():
            if variable.get(_MISSING) is not value:
                self._tokens.append((variable, variable.set(value)))
        return found if found is self._block else plain(found)  # type: ignore[no-any-return]

    async def _enter(self) -> Any:
        self._block = self._make()
        return await self._block.__aenter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        while self._tokens:
            variable, token = self._tokens.pop()
            with suppress(ValueError):  # the block was in a generator that another context finishes
                variable.reset(token)
        assert self._context is not None
        if error is not None:
            self._context.run(
                current.set, None
            )  # what is undone is not cut off by a deadline that has passed
        # In the context of the beginning, which is the one the block takes back what it set in.
        return portal.call(self._block.__aexit__, kind, error, trace, context=self._context)  # type: ignore[no-any-return]


Converter = Callable[[Any], Any]
converters: list[tuple[type, Converter]] = []
"""Classes of what the asynchronous side gives, and what makes plain ones of them."""
_known: dict[type, Converter | None] = {}


def plain(found: Any) -> Any:
    """What was given, in plain form: an awaitable's result, an iterator, a block, a query with plain calls."""
    kind = type(found)
    try:
        convert = _known[kind]
    except KeyError:
        convert = _known[kind] = _converter(kind)
    return found if convert is None else convert(found)


def _converter(kind: type) -> Converter | None:
    if issubclass(kind, Coroutine):
        return lambda found: plain(portal.call(_awaited, found))
    for known, convert in converters:
        if issubclass(kind, known):
            return convert
    if issubclass(kind, AsyncStream):
        return lambda found: Stream(found, 1)
    if hasattr(kind, "__aenter__") and not hasattr(kind, "__enter__"):
        return lambda found: Block(lambda: found)
    return None


async def _awaited(found: Any) -> Any:
    return await found


def lowered(given: Any) -> Any:
    """An argument as the asynchronous side takes it: for what stands for a database, the database."""
    return getattr(given, "__chakra_async__", given)


def runs(method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Any, P], T]:
    """A method of what stands for an asynchronous object, which waits for what a method of that gives."""
    name = method.__name__

    @functools.wraps(method)
    def call(self: Any, /, *args: Any, **options: Any) -> Any:
        return plain(portal.call(getattr(self.__chakra_async__, name), *args, **options))

    return call


__all__ = ["Block", "Stream", "converters", "lowered", "plain", "runs"]
