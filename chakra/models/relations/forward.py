"""The attribute of a foreign key, and what stands in the place of a row that is not loaded."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from typing import Any

from chakra.errors import DoesNotExist, FieldError, NotLoaded
from chakra.expressions import TypedExpression
from chakra.query.fetching import refuse, was_awaited, with_peers
from chakra.query.hydrate import SLOT
from chakra.query.queryset import QuerySet
from chakra.query.state import NOT_LOADED, loaded_value, own_state
from chakra.query.write import database_of
from chakra.schema import Table


class Unloaded:
    """Stands for a related instance that was not loaded: await it, or load it with the query.

    Where it was awaited and there is none, it can be awaited again.

    Its truth and equality follow from the key. Any other use raises ``NotLoaded``, so no attribute access ever
    runs a query in secret.
    """

    __slots__ = ("_instance", "_relation")

    def __init__(self, instance: Any, relation: ForwardRelation) -> None:
        object.__setattr__(self, "_instance", instance)
        object.__setattr__(self, "_relation", relation)

    def __await__(self) -> Generator[Any, None, Any]:
        relation: ForwardRelation = self._relation
        return relation.load(self._instance).__await__()

    @classmethod
    def __chakra_key__(cls, unloaded: Unloaded) -> Any:
        """The key is at hand without the row, so it can stand in a filter.

        Raises:
            NotLoaded: it was left out by ``only`` or ``defer``.
        """
        return unloaded._relation.key_of(unloaded._instance)

    @classmethod
    def __chakra_model__(cls, unloaded: Unloaded) -> Any:
        return unloaded._relation.target()

    def __bool__(self) -> bool:
        """Whether there is a row behind the key: the key alone tells."""
        return self.__chakra_key__(self) is not None

    def __eq__(self, other: object) -> bool:
        """Rows are equal if their model and key are; an absent one equals ``None``."""
        key = self.__chakra_key__(self)
        if other is None:
            return key is None
        model = self._relation.target()
        kind: Any = type(other)
        if not isinstance(other, Unloaded | model) or kind.__chakra_model__(other) is not model:
            return NotImplemented
        return key is not None and bool(key == kind.__chakra_key__(other))

    def __hash__(self) -> int:
        return hash((self._relation.target(), (self.__chakra_key__(self),)))

    def __getattr__(self, name: str) -> Any:
        raise self._relation.not_loaded(name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise self._relation.not_loaded(name)

    def __repr__(self) -> str:
        return f"<{self._relation.label} of {self._instance!r}, not loaded>"


class ForwardRelation(TypedExpression[Any]):
    """The attribute of a foreign key: on the class the key as an expression, on instances the row behind it."""

    def __init__(self, name: str, key: str, target: Callable[[], Any]) -> None:
        self.name = name
        self.key = key
        self.slot = SLOT + key
        self.target = target
        self.owner: Any = None
        self.token = object()

    @property
    def label(self) -> str:
        """``Post.author``, as messages name it."""
        return f"{self.owner.__name__}.{self.name}"

    @property
    def bind_column(self) -> tuple[Table, str]:
        """The key column, where the relation is used as an expression."""
        return self.owner.__table__, self.key

    def shape(self, values: list[Any]) -> Hashable:
        return self.token

    def __repr__(self) -> str:
        return self.label

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        value = loaded_value(instance, self.name)
        if value is NOT_LOADED or (value is None and was_awaited(instance, self.name)):
            return Unloaded(instance, self)
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        if value is None:
            setattr(instance, self.key, None)
        else:
            model = self.target()
            if not isinstance(value, model):
                raise FieldError(f"{self.label} takes an instance of {model.__name__} or None, not {value!r}")
            key = getattr(value, SLOT + self.target_key, None)
            if key is None:
                raise FieldError(
                    f"{self.label}: this {model.__name__} has no {self.target_key} yet; save it first"
                )
            setattr(instance, self.key, key)
        own_state(instance).loaded[self.name] = value

    @property
    def target_key(self) -> str:
        """Attribute of the target that the key points at."""
        keys: tuple[str, ...] = self.target().__table__.primary_key
        return keys[0]

    def key_of(self, instance: Any) -> Any:
        """The key that an instance has; ``None`` of a new one that was given none.

        Raises:
            NotLoaded: it was left out by ``only`` or ``defer``.
        """
        if hasattr(instance, self.slot):
            return getattr(instance, self.slot)
        return (
            getattr(instance, self.key) if instance._state.saved else None
        )  # the field says what is missing

    async def load(self, instance: Any) -> Any:
        """Read the row behind the key and keep it on the instance; a NULL key gives ``None`` without a query."""
        found = loaded_value(instance, self.name)
        left_out = instance._state.saved and not hasattr(instance, self.slot)
        if (found is NOT_LOADED or found is None) and (left_out or self.key_of(instance) is not None):
            refuse(instance, self.name)
            found = await with_peers(instance, self.name)
            if found is NOT_LOADED:
                found = await (self._load_with_key(instance) if left_out else self._load_one(instance))
                if found is not None:
                    own_state(instance).loaded[self.name] = found
            if found is None and self.key_of(instance) is not None:
                model, key = self.target(), self.key_of(instance)
                raise model.DoesNotExist(f"{self.label} points at {model.__name__} {key!r}, which is gone")
        return None if found is NOT_LOADED else found

    async def _load_one(self, instance: Any) -> Any:
        """Read the row behind the key, or ``None``."""
        related: QuerySet[Any] = QuerySet(self.target().__table__, database_of(instance))
        try:
            return await related.get(**{self.target_key: self.key_of(instance)})
        except DoesNotExist:
            return None

    async def _load_with_key(self, instance: Any) -> Any:
        """Read the row and the key that was left out."""
        rows: QuerySet[Any] = QuerySet(type(instance).__table__, database_of(instance))
        own = await rows.only(self.key).select_related(self.name).get(pk=instance)
        object.__setattr__(instance, self.slot, getattr(own, self.slot))
        return loaded_value(own, self.name)

    def not_loaded(self, name: str) -> NotLoaded:
        """The error for reading ``name`` of the missing row; says how to load it."""
        return NotLoaded(
            f"{self.label} is not loaded, so .{name} cannot be read; load it with the query "
            f'(.select_related("{self.name}")) or write (await instance.{self.name}).{name}'
        )


__all__ = ["ForwardRelation", "Unloaded"]
