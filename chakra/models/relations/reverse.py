"""The way back along a foreign key: the rows that point at an instance, and the one row of a one-to-one relation."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

from chakra.errors import DoesNotExist, FieldError, NotLoaded
from chakra.models.relations.sets import PartnerSet
from chakra.query.queryset import QuerySet
from chakra.query.state import NOT_LOADED, loaded_value, own_state
from chakra.query.write import database_of


class ReverseRelation:
    """The way back along a foreign key: ``author.posts`` is a queryset of the rows that point here.

    Of a one-to-one relation it is the one row, or ``None``: at once where it was loaded, else awaited.
    """

    def __init__(self, name: str, source: Callable[[], Any], relation: str, key: str, single: bool) -> None:
        self.name = name
        self.source = source
        self.relation = relation
        self.key = key
        self.single = single

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        if not self.single:
            return RelatedSet(self, instance)
        found = loaded_value(instance, self.name)
        return UnloadedBack(self, instance) if found is NOT_LOADED else found

    def __set__(self, instance: Any, value: Any) -> None:
        label = f"{type(instance).__name__}.{self.name}"
        if self.single:
            raise FieldError(f"{label} is the other side's key: set {self.source().__name__}.{self.relation}")
        raise FieldError(f"{label} is a set of rows: await instance.{self.name}.set(…)")

    def __repr__(self) -> str:
        return f"{self.source().__name__}.{self.relation}, back"


class UnloadedBack:
    """Stands for the one row that points here, while it is not loaded: await it, or load it with the query."""

    __slots__ = ("_instance", "_relation")

    def __init__(self, relation: ReverseRelation, instance: Any) -> None:
        self._relation = relation
        self._instance = instance

    def __await__(self) -> Generator[Any, None, Any]:
        return self._load().__await__()

    async def _load(self) -> Any:
        """Read the row, and keep it on the instance; ``None`` if there is none."""
        relation, instance = self._relation, self._instance
        rows: QuerySet[Any] = QuerySet(relation.source().__table__, database_of(instance))
        try:
            found = await rows.get(**{relation.key: type(instance).__chakra_key__(instance)})
        except DoesNotExist:
            found = None
        own_state(instance).loaded[relation.name] = found
        return found

    def __bool__(self) -> bool:
        raise self._not_loaded()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._not_loaded(f", so .{name} cannot be read")

    def _not_loaded(self, why: str = "") -> NotLoaded:
        name = self._relation.name
        return NotLoaded(
            f"{type(self._instance).__name__}.{name} is not loaded{why}; load it with the query "
            f'(.select_related("{name}") or .prefetch_related("{name}")) or write `await instance.{name}`'
        )

    def __repr__(self) -> str:
        return f"<{type(self._instance).__name__}.{self._relation.name}, not loaded>"


class RelatedSet(PartnerSet):
    """Rows that point at one instance; those made by it do so, too."""

    __slots__ = ("_relation",)

    def __init__(self, relation: ReverseRelation, instance: Any) -> None:
        super().__init__(relation.source().__table__, database_of(instance))
        self._relation = relation
        self._of(instance, relation.name)
        self._select = self._select.filtered(False, (), {relation.key: self._owner_key})

    def _with(self, select: Any) -> Any:
        new = super()._with(select)
        new._relation = self._relation
        return new

    @property
    def _owner_key(self) -> Any:
        return type(self._instance).__chakra_key__(self._instance)

    def _given(self) -> dict[str, Any]:
        self._changed_set()
        return {self._relation.relation: self._instance}

    async def add(self, *instances: Any) -> None:
        """Let rows that exist point at the instance: one statement."""
        keys = self._keys(instances, "add")
        if not keys:
            return
        rows: QuerySet[Any] = QuerySet(self.table, self._database)
        found = await rows.filter(pk__in=keys).update(**{self._relation.key: self._owner_key})
        if found != len(keys):
            raise self.table.row_class.DoesNotExist(
                f"{len(keys) - found} of the {len(keys)} rows given to {self._label}.add() are not there"
            )
        self._changed_set()
        self._point(instances, self._instance)

    async def remove(self, *instances: Any) -> None:
        """Let rows that point at the instance point at none; the key has to allow that.

        Raises:
            FieldError: the key cannot be NULL.
        """
        keys = self._keys(instances, "remove")
        if keys:
            await self._release(self._with(self._select).filter(pk__in=keys), "remove")
            self._point(instances, None)

    async def clear(self) -> None:
        """Let no row point at the instance; the key has to allow that."""
        await self._release(self._with(self._select), "clear")

    async def set(self, instances: Iterable[Any]) -> None:
        """Let these rows point at the instance, and no others, in one transaction."""
        if hasattr(type(instances), "__aiter__"):
            raise FieldError(f"{self._label}.set() takes a list; of a query: set(await query)")
        given = list(instances)
        keys = self._keys(given, "set")
        async with self.database.transaction():
            others = self._with(self._select).exclude(pk__in=keys)
            if await others.exists():
                await self._release(others, "set")
            await self.add(*given)

    async def _release(self, rows: Any, method: str) -> None:
        if not self.table.by_attribute[self._relation.key].nullable:
            raise FieldError(
                f"{self._label}.{method}(): {self.table.title}.{self._relation.relation} cannot be NULL, so a row has "
                "to point at another one or be deleted"
            )
        await rows.update(**{self._relation.key: None})
        self._changed_set()

    @property
    def _label(self) -> str:
        return f"{type(self._instance).__name__}.{self._relation.name}"

    def _keys(self, given: Iterable[Any], method: str) -> list[Any]:
        model = self.table.row_class
        found: dict[Any, None] = {}
        for item in given:
            if type(item) is not model:
                raise FieldError(f"{self._label}.{method}() takes {model.__name__} instances, not {item!r}")
            found[model.__chakra_key__(item)] = None
        return list(found)

    def _point(self, instances: Iterable[Any], owner: Any) -> None:
        """Let instances that were written know where they point now."""
        for item in instances:
            setattr(item, self._relation.relation, owner)
            own_state(item).changed.discard(self._relation.key)


__all__ = ["RelatedSet", "ReverseRelation", "UnloadedBack"]
