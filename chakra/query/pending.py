"""Answers that were asked for and not awaited yet: as a truth value, number or text they say so, instead of being
true or ``<coroutine object …>``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Generator
from typing import Any, NoReturn, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Pending(Coroutine[Any, Any, T]):
    """A coroutine that knows which call made it; everything that takes coroutines takes it."""

    __slots__ = ("_call", "_coroutine", "_owner")

    def __init__(self, coroutine: Coroutine[Any, Any, T], call: str, owner: str = "query") -> None:
        self._coroutine = coroutine
        self._call = call
        self._owner = owner

    def __await__(self) -> Generator[Any, Any, T]:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        """Go on; see ``types.CoroutineType``."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with an error."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """Give the call up."""
        self._coroutine.close()

    def _forgotten(self, what: str) -> TypeError:
        self._coroutine.close()  # else Python warned of it, too, and in other words
        return TypeError(
            f"{self._call} has {what} only once it was awaited: write `await {self._owner}.{self._call}`"
        )

    def __bool__(self) -> NoReturn:
        raise self._forgotten("a truth value")

    def __format__(self, spec: str) -> NoReturn:
        raise self._forgotten("a text")

    def _computed(self, other: object) -> NoReturn:
        raise self._forgotten("a number")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _computed
    __truediv__ = __rtruediv__ = __floordiv__ = __mod__ = _computed

    def __int__(self) -> NoReturn:
        raise self._forgotten("a number")

    def _compared(self, other: object) -> NoReturn:
        raise self._forgotten("a value to compare")

    def __len__(self) -> NoReturn:
        raise self._forgotten("a length")

    def __iter__(self) -> NoReturn:
        raise self._forgotten("items")

    def __getitem__(self, key: object) -> NoReturn:
        raise self._forgotten("items")

    __lt__ = __le__ = __gt__ = __ge__ = _compared
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        """Calls are equal to themselves; whoever compares one with a value forgot to await it."""
        return self is other if isinstance(other, Pending) else self._compared(other)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name.startswith(("cr_", "gi_")):
            raise AttributeError(name)
        self._coroutine.close()
        raise AttributeError(
            f"{self._call} was not awaited, and has no .{name} before: (await {self._owner}.{self._call}).{name}"
        )

    def __repr__(self) -> str:
        return f"<{self._call}, not awaited>"


def awaited(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let a method give a ``Pending``: for those whose result stands in conditions and texts."""
    call = f"{method.__name__}(…)" if method.__code__.co_argcount > 1 else f"{method.__name__}()"

    @functools.wraps(method)
    def pending(*args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        return Pending(method(*args, **kwargs), call)

    setattr(pending, _MARK, True)
    return pending


_MARK = "__chakra_awaited__"


def is_awaited(method: object) -> bool:
    """Whether a method gives a ``Pending``."""
    return bool(getattr(method, _MARK, False))


__all__ = ["Pending", "awaited", "is_awaited"]
