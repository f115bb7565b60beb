"""Relations as class bodies declare them: what ``foreign_key``, ``one_to_one`` and ``many_to_many`` were told."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast, overload

from chakra.errors import FieldError
from chakra.expressions import TypedExpression
from chakra.models.fields import MISSING, split_default
from chakra.schema.constraints import MATCH, ON_DELETE, Deferrable, Match, OnDelete, deferral

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
    deferrable: Deferrable | None
    column: str | None
    to_field: tuple[str, ...]
    fields: tuple[str, ...]
    on_update: OnDelete = "no action"
    match: Match = "simple"
    comment: str | None = None
    name: str | None = None

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
    deferrable: Deferrable | bool = False,
    column: str | None = None,
    to_field: str | tuple[str, ...] | None = None,
    fields: str | tuple[str, ...] | None = None,
    on_update: str = "no action",
    match: str = "simple",
    comment: str | None = None,
    name: str | None = None,
) -> Any:
    """Declare a foreign key to another model's primary key, or to another unique field of it.

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
        deferrable: ``True`` or ``"deferred"``: the server checks the key at the end of the transaction;
            ``"immediate"``: with each statement, until SET CONSTRAINTS says otherwise.
        column: name of the key column; ``<attribute>_id`` if not given.
        to_field: unique field of the other model that the key holds; its primary key if not given. Several fields that
            are unique together stand in a tuple.
        fields: the fields that hold the key, in the order of the fields it points at. Those that the model declares
            itself are shared, the others are made: ``fields=("tenant", "order_number")``.
        on_update: what becomes of the key where that of the other row changes: the words of ``on_delete``.
        match: ``"full"`` refuses a key of several fields that is NULL in part, which ``"simple"`` takes for none.
        comment: what the catalog says of the key column.
        name: of the constraint in the database; made of table and columns if not given.

    Raises:
        FieldError: ``on_delete`` is none of the known words, a name is none, or ``column`` stands beside ``fields``.
    """
    action = _action("on_delete", on_delete)
    if match not in MATCH:
        raise FieldError(f"match={match!r}: use one of {', '.join(map(repr, MATCH))}")
    _check_name("related_name", related_name)
    _check_name("column", column)
    _check_name("name", name)
    initial, factory = split_default(default)
    held = _held(column, fields)
    return ForeignKeySpec(
        target=to,
        unique=False,
        related_name=related_name,
        on_delete=action,
        null=null,
        default=initial,
        default_factory=factory,
        index=index,
        primary_key=primary_key,
        deferrable=deferral(deferrable, "foreign_key()"),
        column=column,
        to_field=_names("to_field", to_field),
        fields=held,
        on_update=_action("on_update", on_update),
        match=cast(Match, match),
        comment=comment,
        name=name,
    )


def one_to_one(
    to: Any = None,
    *,
    related_name: str | None = None,
    on_delete: str = "no action",
    null: bool | None = None,
    default: Any = MISSING,
    primary_key: bool = False,
    deferrable: Deferrable | bool = False,
    column: str | None = None,
    to_field: str | tuple[str, ...] | None = None,
    fields: str | tuple[str, ...] | None = None,
    on_update: str = "no action",
    match: str = "simple",
    comment: str | None = None,
    name: str | None = None,
) -> Any:
    """Declare a foreign key that at most one row may hold; arguments as for ``foreign_key``."""
    spec: ForeignKeySpec = foreign_key(
        to,
        related_name=related_name,
        on_delete=on_delete,
        null=null,
        default=default,
        index=False,
        primary_key=primary_key,
        deferrable=deferrable,
        column=column,
        to_field=to_field,
        fields=fields,
        on_update=on_update,
        match=match,
        comment=comment,
        name=name,
    )
    spec.unique = True
    return spec


def _action(option: str, given: str) -> OnDelete:
    action = given.lower().replace("_", " ") if isinstance(given, str) else given
    if action not in ON_DELETE:
        raise FieldError(f"{option}={given!r}: use one of {', '.join(map(repr, ON_DELETE))}")
    return cast(OnDelete, action)


def _names(option: str, given: str | tuple[str, ...] | None) -> tuple[str, ...]:
    names = () if given is None else (given,) if isinstance(given, str) else given
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        raise FieldError(f"{option}={given!r}: takes the name of a field, or a tuple of names")
    return tuple(names)


def _check_name(option: str, given: object) -> None:
    """Refuse a name that is none, or empty; which names can be used in their place is seen there."""
    if given is not None and (not isinstance(given, str) or (not given and option != "related_name")):
        raise FieldError(f"{option}={given!r}: takes a name")


def _held(column: str | None, fields: str | tuple[str, ...] | None) -> tuple[str, ...]:
    names = _names("fields", fields)
    if names and column is not None:
        raise FieldError(
            f"foreign_key(column={column!r}, fields={fields!r}): fields= names what holds the key; a field with a "
            'column of another name is declared by itself: field(column="…")'
        )
    return names


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
        FieldError: ``table`` or ``symmetrical`` beside ``through``, whose model says it all; ``through_fields`` without
            it; a name that is none.
    """
    _check_name("related_name", related_name)
    _check_name("table", table)
    if through is not None and not isinstance(through, str | type):
        raise FieldError(f"many_to_many(through={through!r}): takes a model, or the name of one")
    if through_fields is not None and (through is None or len(_names("through_fields", through_fields)) != 2):
        raise FieldError(
            f"many_to_many(through_fields={through_fields!r}): names two foreign keys of the model of through=, the "
            "one to this model and the one to the other"
        )
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
