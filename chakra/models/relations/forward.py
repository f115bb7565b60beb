"""The attribute of a foreign key, and what stands in the place of a row that is not loaded."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chakra._late import late
from chakra.errors import DoesNotExist, FieldError, NotLoaded
from chakra.expressions import TypedExpression
from chakra.query.hydrate import SLOT
from chakra.query.queryset import QuerySet
from chakra.query.state import NOT_LOADED, forget_loaded, loaded_value, own_state
from chakra.schema import Table

if TYPE_CHECKING:
    from chakra.query.fetching import note_found, refuse, was_awaited, with_peers
    from chakra.query.write import database_of
else:
    late(globals(), "chakra.query.fetching", "note_found refuse was_awaited with_peers")
    late(globals(), "chakra.query.write", "database_of")


def _or_none(instance: Any, key: str) -> Any:
    return getattr(instance, SLOT + key, None)


def _forget_back(back: str, instance: Any, before: Any, value: Any) -> None:
    """Let the partners of a one-to-one relation, the one before and this one, forget what they loaded of it."""
    for partner in (before, value):
        if partner is not NOT_LOADED and partner is not None:
            held = loaded_value(partner, back)
            if held is not NOT_LOADED and (held == instance) is not (partner is value):
                forget_loaded(partner, back)


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
    def __chakra_values__(cls, unloaded: Unloaded, names: tuple[str, ...]) -> tuple[Any, ...]:
        """What the key points at is at hand without the row, so it can stand in a filter; of none it is all NULL.

        Raises:
            NotLoaded: another field of the row is asked for.
        """
        relation: ForwardRelation = unloaded._relation
        if names == relation.target_keys:
            return relation.key_of(unloaded._instance)
        held = dict(zip(relation.target_keys, relation.key_of(unloaded._instance), strict=True))
        for name in names:
            if name not in held:
                raise relation.not_loaded(name)
        return tuple(held[name] for name in names)

    @classmethod
    def __chakra_model__(cls, unloaded: Unloaded) -> Any:
        return unloaded._relation.target().__chakra_concrete__

    def __bool__(self) -> bool:
        """Whether there is a row behind the key: the key alone tells."""
        return None not in self._relation.key_of(self._instance)

    def __eq__(self, other: object) -> bool:
        """Rows are equal if their model and key are; an absent one equals ``None``."""
        relation: ForwardRelation = self._relation
        key = relation.key_of(self._instance)
        if other is None:
            return None in key
        model = relation.target().__chakra_concrete__
        kind: Any = type(other)
        if not isinstance(other, Unloaded | model) or kind.__chakra_model__(other) is not model:
            return NotImplemented
        return None not in key and bool(key == kind.__chakra_values__(other, relation.target_keys))

    def __hash__(self) -> int:
        """The hash of the row, which is that of its primary key.

        Raises:
            NotLoaded: the key is another one.
        """
        model = self._relation.target()
        return hash((model.__chakra_concrete__, self.__chakra_values__(self, model.__table__.primary_key)))

    def __getattr__(self, name: str) -> Any:
        raise self._relation.not_loaded(name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise self._relation.not_loaded(name)

    def __repr__(self) -> str:
        return f"<{self._relation.label} of {self._instance!r}, not loaded>"


class ForwardRelation(TypedExpression[Any]):
    """The attribute of a foreign key: on the class the key as an expression, on instances the row behind it."""

    def __init__(
        self, attribute: str, keys: tuple[str, ...], target: Callable[[], Any], back: str | None = None
    ) -> None:
        """Make the attribute of a key.

        Args:
            keys: the attributes that hold it.
            target: gives the model it points at.
            back: what that one calls the one row that points at it, if it is one.
        """
        self.attribute = attribute
        self.back = back
        self.keys = keys
        self.slots = tuple(SLOT + key for key in keys)
        self.target = target
        self.owner: Any = None
        self.token = object()

    @property
    def label(self) -> str:
        """``Post.author``, as messages name it."""
        return f"{self.owner.__name__}.{self.attribute}"

    @property
    def bind_column(self) -> tuple[Table, str]:
        """What holds the key, where the relation is used as an expression."""
        return self.owner.__table__, self.attribute

    def shape(self, values: list[Any]) -> Hashable:
        return self.token

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            path = f"{self.attribute}__{name}"
            raise AttributeError(
                f"{self.label} is the key and has no .{name}; queries name what is behind it: filter({path}=…), "
                f'F("{path}")'
            )

    def __repr__(self) -> str:
        return self.label

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        state, name = instance._state, self.attribute
        if (
            state.shared and name in state.places
        ):  # the first case of loaded_value, read for every row of a result
            return instance._along[state.places[name]]
        value = loaded_value(instance, name)
        if value is NOT_LOADED or (value is None and was_awaited(instance, name)):
            return Unloaded(instance, self)
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        before = None if self.back is None else loaded_value(instance, self.attribute)
        if value is None:
            for name in self._cleared:
                setattr(instance, name, None)
        else:
            model = self.target()
            if not isinstance(value, model.__chakra_concrete__):
                raise FieldError(f"{self.label} takes an instance of {model.__name__} or None, not {value!r}")
            key = [getattr(value, SLOT + name, None) for name in self.target_keys]
            if None in key:
                missing = self.target_keys[key.index(None)]
                raise FieldError(f"{self.label}: this {model.__name__} has no {missing} yet; save it first")
            for name, part in zip(self.keys, key, strict=True):
                setattr(instance, name, part)
        if self.back is not None:
            _forget_back(self.back, instance, before, value)
        own_state(instance).loaded[self.attribute] = value

    @cached_property
    def target_keys(self) -> tuple[str, ...]:
        """Attributes of the target that the key points at."""
        table: Table = self.owner.__table__
        return table.relations[self.attribute].hops[0].target_columns

    @cached_property
    def _cleared(self) -> tuple[str, ...]:
        """The attributes that are NULL where there is no partner."""
        table: Table = self.owner.__table__
        return table.cleared(self.attribute)

    def key_of(self, instance: Any) -> tuple[Any, ...]:
        """The key that an instance holds, part by part; ``None`` where a new one was given none.

        Raises:
            NotLoaded: it was left out by ``only`` or ``defer``.
        """
        try:
            return tuple([getattr(instance, slot) for slot in self.slots])
        except AttributeError:
            read = getattr if instance._state.saved else _or_none  # the field says what is missing
            return tuple([read(instance, key) for key in self.keys])

    async def load(self, instance: Any) -> Any:
        """Read the row behind the key and keep it on the instance; a NULL key gives ``None`` without a query."""
        found = loaded_value(instance, self.attribute)
        left_out = instance._state.saved and not all(hasattr(instance, slot) for slot in self.slots)
        if (found is NOT_LOADED or found is None) and (left_out or None not in self.key_of(instance)):
            refuse(instance, self.attribute)
            found = await with_peers(instance, self.attribute)
            if found is NOT_LOADED:
                found = await (self._load_with_key(instance) if left_out else self._load_one(instance))
                note_found(instance, self.attribute, found)
                if found is not None:
                    own_state(instance).loaded[self.attribute] = found
            key = self.key_of(instance)
            if found is None and None not in key:
                model, shown = self.target(), key[0] if len(key) == 1 else key
                raise model.DoesNotExist(f"{self.label} points at {model.__name__} {shown!r}, which is gone")
        return None if found is NOT_LOADED else found

    async def _load_one(self, instance: Any) -> Any:
        """Read the row behind the key, or ``None``."""
        related: QuerySet[Any] = QuerySet(self.target().__table__, database_of(instance))
        try:
            return await related.get(**dict(zip(self.target_keys, self.key_of(instance), strict=True)))
        except DoesNotExist:
            return None

    async def _load_with_key(self, instance: Any) -> Any:
        """Read the row and the key that was left out."""
        rows: QuerySet[Any] = QuerySet(type(instance).__table__, database_of(instance))
        own = await rows.only(self.attribute).select_related(self.attribute).get(pk=instance)
        for slot in self.slots:
            object.__setattr__(instance, slot, getattr(own, slot))
        return loaded_value(own, self.attribute)

    def not_loaded(self, name: str) -> NotLoaded:
        """The error for reading ``name`` of the missing row; says how to load it."""
        return NotLoaded(
            f"{self.label} is not loaded, so .{name} cannot be read; load it with the query "
            f'(.select_related("{self.attribute}")) or write (await instance.{self.attribute}).{name}'
        )


__all__ = ["ForwardRelation", "Unloaded"]
