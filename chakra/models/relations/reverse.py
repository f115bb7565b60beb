"""The way back along a foreign key: the rows that point at an instance, and the one row of a one-to-one relation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chakra.query.queryset import QuerySet
from chakra.query.state import own_state
from chakra.query.write import database_of


class ReverseRelation:
    """The way back along a foreign key: ``author.posts`` is a queryset of the rows that point here."""

    def __init__(self, name: str, source: Callable[[], Any], relation: str, key: str, single: bool) -> None:
        self.name = name
        self.source = source
        self.relation = relation
        self.key = key
        self.single = single
        self.hidden: Any = None  # what the target had under that name before

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        return RelatedSet(self.source(), self.relation, self.key, instance)


class RelatedSet(QuerySet[Any]):
    """Rows that point at one instance; ``create`` makes another one that does."""

    __slots__ = ("_instance", "_key", "_relation")

    def __init__(self, model: Any, relation: str, key: str, instance: Any) -> None:
        super().__init__(model.__table__, database_of(instance))
        self._key = key
        self._relation = relation
        self._instance = instance
        pk = type(instance).__chakra_key__(instance)
        self._select.filters = ((False, (), {key: pk}),)

    def _with(self, select: Any) -> Any:
        new = super()._with(select)
        new._key, new._relation, new._instance = self._key, self._relation, self._instance
        return new

    def _given(self) -> dict[str, Any]:
        return {self._relation: self._instance}

    async def add(self, *instances: Any) -> None:
        """Let rows that exist point at the instance."""
        model = self.table.row_class
        keys = [model.__chakra_key__(item) for item in instances]
        await (
            QuerySet[Any](self.table, self._database)
            .filter(pk__in=keys)
            .update(**{self._relation: self._instance})
        )
        for item in instances:
            setattr(item, self._relation, self._instance)
            own_state(item).changed.discard(self._key)


__all__ = ["RelatedSet", "ReverseRelation"]
