"""Doors by which ``chakra.sync`` makes plain calls of what instances do. Closed, and free, until that is imported."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Doors:
    """What is asked before an instance's own way is gone.

    Attributes:
        instance: called with a method, the instance and its arguments, in place of the method.
        partners: called with a set of partners, for the one that is to be given.
    """

    __slots__ = ("instance", "partners")

    def __init__(self) -> None:
        self.instance: Callable[..., Any] | None = None
        self.partners: Callable[[Any], Any] | None = None


doors = Doors()


def by_door(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """A method of instances that asks the server, and takes the way through the door where that is open."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        door = doors.instance
        if door is None:
            return method(*args, **kwargs)
        return door(method, args[0], args[1:], kwargs)  # type: ignore[no-any-return]

    return call


__all__ = ["Doors", "by_door", "doors"]
