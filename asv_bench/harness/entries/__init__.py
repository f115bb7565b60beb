"""Row 20: the operations that other ORMs measure themselves by, once for every library, on models of one's own.

What is asked follows tortoise's orm-benchmarks (A to K on three models) and yara-orm's own benchmark (nine operations
on a fourth); tables, models and code are ours.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

KINDS = ("small", "related", "large")
"""Models of the operations A to K; the fourth kind is ``items``."""


def next_level(level: int) -> int:
    """Another one of the five levels."""
    return level % 50 + 10


class Operations:
    """A library's way of doing what row 20 asks. A class states what it cannot do in ``cannot``.

    Attributes:
        name: of the library.
        models: kind → model class.
        cannot: name of a method or a kind → why the library is left out of its lines.
        differs: name of a method → what the library gives that others do not.
    """

    name: ClassVar[str]
    models: dict[str, Any]
    cannot: ClassVar[dict[str, str]] = {}
    differs: ClassVar[dict[str, str]] = {}

    def transaction(self) -> Any:
        """An async context manager: a transaction that what is called inside takes part in."""
        raise NotImplementedError

    def create(self, kind: str, values: dict[str, Any]) -> Any:
        """Insert one row; what is not in ``values`` is the model's default."""
        raise NotImplementedError

    def make(self, kind: str, rows: Sequence[dict[str, Any]]) -> list[Any]:
        """Objects that are not saved."""
        return [self.models[kind](**row) for row in rows]

    def bulk(self, kind: str, made: list[Any]) -> Any:
        """Insert objects in one call."""
        raise NotImplementedError

    def level(self, kind: str, level: int) -> Any:
        """Objects of a level, in no order."""
        raise NotImplementedError

    def page(self, kind: str, level: int, offset: int) -> Any:
        """Twenty objects of a level by key, behind ``offset`` others."""
        raise NotImplementedError

    def get(self, kind: str, key: int) -> Any:
        """One object by key."""
        raise NotImplementedError

    def dicts(self, kind: str, level: int) -> Any:
        """All columns of a level's rows as dicts."""
        raise NotImplementedError

    def tuples(self, kind: str, level: int) -> Any:
        """The same as tuples."""
        raise NotImplementedError

    def everything(self, kind: str) -> Any:
        """All objects."""
        raise NotImplementedError

    def save(self, made: Any, fields: list[str] | None) -> Any:
        """Write an object that was changed; of these fields only, if any are named."""
        raise NotImplementedError

    def delete(self, made: Any) -> Any:
        """Delete an object's row."""
        raise NotImplementedError

    def count(self, kind: str) -> Any:
        """How many rows there are."""
        raise NotImplementedError

    def at_least(self, value: int) -> Any:
        """Items whose ``value`` is as large."""
        raise NotImplementedError

    def grouped(self, more_than: int) -> Any:
        """(category, rows, sum of values) of the categories with more rows than that, by category."""
        raise NotImplementedError

    def set_zero(self, below: int) -> Any:
        """Make the ``value`` of items below a limit 0, in one statement."""
        raise NotImplementedError

    def remove(self, at_least: int) -> Any:
        """Delete items whose ``value`` is as large, in one statement."""
        raise NotImplementedError

    async def create_each(self, kind: str, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows one by one, in a transaction."""
        async with self.transaction():
            for row in rows:
                await self.create(kind, row)

    async def update_whole(self, loaded: Sequence[Any]) -> None:
        """Change two values of each object and save it, in a transaction."""
        async with self.transaction():
            for made in loaded:
                made.level = next_level(made.level)
                made.message += " again"
                await self.save(made, None)

    async def update_partial(self, loaded: Sequence[Any]) -> None:
        """Change one value of each object and save that, in a transaction."""
        async with self.transaction():
            for made in loaded:
                made.level = next_level(made.level)
                await self.save(made, ["level"])

    async def delete_each(self, loaded: Sequence[Any]) -> None:
        """Delete the row of each object, in a transaction."""
        async with self.transaction():
            for made in loaded:
                await self.delete(made)


async def awaited(value: Any) -> Any:
    """The value, awaited if it can be: of libraries that answer at once and of those that do not."""
    return await value if inspect.isawaitable(value) else value


__all__ = ["KINDS", "Operations", "awaited", "next_level"]
