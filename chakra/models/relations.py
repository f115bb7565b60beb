"""Foreign keys as models declare them, and what stands in their place while the row behind is not loaded."""

from __future__ import annotations

import types
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from chakra.errors import DoesNotExist, FieldError, NotLoaded
from chakra.expressions import TypedExpression
from chakra.models.fields import MISSING, split_default
from chakra.query.hydrate import SLOT
from chakra.query.queryset import QuerySet
from chakra.query.state import NOT_LOADED, loaded_value, own_state
from chakra.query.write import database_of
from chakra.schema import Table
from chakra.schema.constraints import ON_DELETE, OnDelete

M = TypeVar("M")


@dataclass(slots=True)
class ForeignKeySpec:
    """What ``foreign_key(...)`` or ``one_to_one(...)`` was told."""

    target: Any
    unique: bool
    related_name: str | None
    on_delete: OnDelete
    null: bool | None
    default: Any
    default_factory: Callable[[], Any] | None
    index: bool
    primary_key: bool
    deferrable: bool
    column: str | None

    def __or__(self, other: Any) -> ForeignKeySpec:
        # As in FieldSpec: the name of a relation hides the model of that name.
        return self

    __ror__ = __or__


def foreign_key(
    to: Any = None,
    *,
    related_name: str | None = None,
    on_delete: str = "no action",
    null: bool | None = None,
    default: Any = MISSING,
    index: bool = True,
    primary_key: bool = False,
    deferrable: bool = False,
    column: str | None = None,
) -> Any:
    """Declare a foreign key to another model's primary key.

    Args:
        to: the model or its name, for keys declared without an annotation.
        related_name: what the other model calls the way back (``author.posts``); ``None`` or ``"+"``: there is none.
        on_delete: ``"no action"``, ``"restrict"``, ``"cascade"``, ``"set null"`` or ``"set default"``; the
            server does it.
        null: whether the key may be NULL, for keys declared without an annotation.
        default: ``None`` makes new instances start without a partner; a function is called for each, and gives
            the key.
        index: make an index on the key column.
        primary_key: the key is the primary key, too.
        deferrable: the server checks the key at the end of the transaction.
        column: name of the key column; ``<attribute>_id`` if not given.

    Raises:
        FieldError: ``on_delete`` is none of the known words.
    """
    return _spec(False, to, related_name, on_delete, null, default, index, primary_key, deferrable, column)


def one_to_one(
    to: Any = None,
    *,
    related_name: str | None = None,
    on_delete: str = "no action",
    null: bool | None = None,
    default: Any = MISSING,
    primary_key: bool = False,
    deferrable: bool = False,
    column: str | None = None,
) -> Any:
    """Declare a foreign key that at most one row may hold; arguments as for ``foreign_key``."""
    return _spec(True, to, related_name, on_delete, null, default, False, primary_key, deferrable, column)


def _spec(
    unique: bool,
    to: Any,
    related_name: str | None,
    on_delete: str,
    null: bool | None,
    default: Any,
    index: bool,
    primary_key: bool,
    deferrable: bool,
    column: str | None,
) -> ForeignKeySpec:
    action = on_delete.lower().replace("_", " ")
    if action not in ON_DELETE:
        raise FieldError(f"on_delete={on_delete!r}: use one of {', '.join(map(repr, ON_DELETE))}")
    return ForeignKeySpec(
        to,
        unique,
        related_name,
        cast(OnDelete, action),
        null,
        *split_default(default),
        index,
        primary_key,
        deferrable,
        column,
    )


class Unloaded:
    """Stands for a related instance that was not loaded: await it, or load it with the query.

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
        """The key is at hand without the row, so it can stand in a filter."""
        return getattr(unloaded._instance, unloaded._relation.slot, None)

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
        return Unloaded(instance, self) if value is NOT_LOADED else value

    def __set__(self, instance: Any, value: Any) -> None:
        if value is None:
            setattr(instance, self.key, None)
        else:
            model = self.target()
            if not isinstance(value, model):
                raise FieldError(f"{self.label} takes a {model.__name__} or None, not {value!r}")
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

    async def load(self, instance: Any) -> Any:
        """Read the row behind the key and keep it on the instance; a NULL key gives ``None`` without a query."""
        key = getattr(instance, self.slot, None)
        if key is None:
            return None
        model = self.target()
        related: QuerySet[Any] = QuerySet(model.__table__, database_of(instance))
        try:
            found = await related.get(**{self.target_key: key})
        except DoesNotExist as error:
            raise model.DoesNotExist(
                f"{self.label} points at {model.__name__} {key!r}, which is gone"
            ) from error
        own_state(instance).loaded[self.name] = found
        return found

    def not_loaded(self, name: str) -> NotLoaded:
        """The error for reading ``name`` of the missing row; says how to load it."""
        return NotLoaded(
            f"{self.label} is not loaded, so .{name} cannot be read; load it with the query "
            f'(.select_related("{self.name}")) or write (await instance.{self.name}).{name}'
        )


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


if TYPE_CHECKING:

    class ForeignKey(TypedExpression[M], Generic[M]):
        """A foreign key: the annotation in the class body, an expression on the class, the row on instances."""

        @overload
        def __get__(self, instance: None, owner: type[Any]) -> ForeignKey[M]: ...

        @overload
        def __get__(self, instance: object, owner: type[Any]) -> M: ...

        def __get__(self, instance: object | None, owner: type[Any]) -> Any: ...

        def __set__(self, instance: object, value: M) -> None: ...

    class OneToOne(ForeignKey[M], Generic[M]):
        """A foreign key that at most one row may hold."""

else:

    class ForeignKey:
        """A foreign key: the annotation in the class body, an expression on the class, the row on instances."""

        __class_getitem__ = classmethod(types.GenericAlias)

    class OneToOne(ForeignKey):
        """A foreign key that at most one row may hold."""


__all__ = [
    "ForeignKey",
    "ForeignKeySpec",
    "ForwardRelation",
    "OneToOne",
    "RelatedSet",
    "ReverseRelation",
    "Unloaded",
    "foreign_key",
    "one_to_one",
]
