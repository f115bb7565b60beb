"""Relations as class bodies declare them: what ``foreign_key``, ``one_to_one`` and ``many_to_many`` were told."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast, overload

from chakra.errors import FieldError
from chakra.expressions import TypedExpression
from chakra.models.fields import MISSING, split_default
from chakra.schema.constraints import ON_DELETE, OnDelete

M = TypeVar("M", bound=Any)


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
            ``%(class)s`` in it stands for the model's name in lower case, for keys of abstract bases.
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


@dataclass(slots=True)
class ManyToManySpec:
    """What ``many_to_many(...)`` was told."""

    target: Any
    through: Any
    through_fields: tuple[str, str] | None
    related_name: str | None
    symmetrical: bool | None
    table: str | None

    primary_key: ClassVar[bool] = False

    def __or__(self, other: Any) -> ManyToManySpec:
        # As in FieldSpec: the name of a relation hides the model of that name.
        return self

    __ror__ = __or__


def many_to_many(
    to: Any = None,
    *,
    related_name: str | None = None,
    through: Any = None,
    through_fields: tuple[str, str] | None = None,
    symmetrical: bool | None = None,
    table: str | None = None,
) -> Any:
    """Declare a relation in which both sides may have several partners, over a table between.

    Args:
        to: the model or its name, for relations declared without an annotation.
        related_name: what the other model calls the way back (``tag.posts``); ``None`` or ``"+"``: there is none.
        through: the model (or its name) of the table between, if it has fields of its own; else the table is made
            with the model's, with the two keys as its primary key.
        through_fields: its foreign keys to this model and to the other, where there are several.
        symmetrical: of a relation to the model itself, whether it holds in both directions; default: yes, if it has
            neither a ``related_name`` nor a ``through``.
        table: name of the table between.

    Raises:
        FieldError: ``table`` or ``symmetrical`` beside ``through``, whose model says it all.
    """
    if through is not None and table is not None:
        raise FieldError("many_to_many(): the model of through= has a table already; leave out table=")
    return ManyToManySpec(to, through, through_fields, related_name, symmetrical, table)


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
    "ManyToManySpec",
    "OneToOne",
    "foreign_key",
    "many_to_many",
    "one_to_one",
]
