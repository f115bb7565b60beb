"""Columns as models declare them: ``name: Field[str] = field(Varchar(80))``.

A ``Field`` is three things at once: in a class body the annotation, on the class an expression
(``User.age > 18``), on an instance the value. On instances it is a ``property`` whose getter is written in C
(45 ns a read; a Python ``__get__`` takes 110 ns) over a slot that loaders fill directly.
"""

from __future__ import annotations

import datetime as dt
import enum
import operator
import re
import types
import typing
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, overload

from chakra._late import late
from chakra.errors import FieldError
from chakra.expressions import Expression
from chakra.expressions.base import Valued
from chakra.models.annotations import Forward
from chakra.pg.json_text import JsonNull
from chakra.pg.types import BY_PYTHON, JSONB, PgType, array_of, enum_type
from chakra.query.hydrate import SLOT
from chakra.query.state import own_state
from chakra.schema import Column, Sequence, Table
from chakra.schema.terms import Name, named

if TYPE_CHECKING:
    from chakra.models.choices import Choices, read_choices
    from chakra.pg.conversion import enum_labels
    from chakra.query.tracking import tracked
    from chakra.schema import Identity
else:
    late(globals(), "chakra.models.choices", "read_choices")
    late(globals(), "chakra.pg.conversion", "enum_labels")
    late(globals(), "chakra.query.tracking", "tracked")
    late(globals(), "chakra.schema", "Identity")


T = TypeVar("T")


class _Missing(enum.Enum):
    MISSING = enum.auto()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing.MISSING
"""Stands for "no default given", since ``None`` is a default."""


@dataclass(slots=True)
class FieldSpec:
    """What ``field(...)`` was told; the metaclass makes a ``Field`` and a ``Column`` of it."""

    type: PgType | None
    primary_key: bool
    unique: bool
    index: bool
    null: bool | None
    default: Any
    default_factory: Callable[[], Any] | None
    db_default: Any
    column: str | None
    generated: Any = None
    stored: bool = True
    identity: Identity | Literal[False] | None = None
    collation: Name | None = None
    comment: str | None = None
    storage: str | None = None
    compression: str | None = None
    moment: Literal["write", "creation"] | None = None
    choices: Choices | None = None
    validators: tuple[Callable[[Any], Any], ...] = ()

    def __or__(self, other: Any) -> FieldSpec:
        # Stands in an annotation in place of a type of its name: let the metaclass say so.
        return self

    __ror__ = __or__


def field(
    type: PgType | Any = None,
    *,
    primary_key: bool = False,
    unique: bool = False,
    index: bool = False,
    null: bool | None = None,
    default: Any = MISSING,
    default_factory: Callable[[], Any] | None = None,
    db_default: Any = None,
    column: str | None = None,
    generated: Any = None,
    stored: bool = True,
    identity: Identity | Literal["always", "by default", "serial"] | bool | None = None,
    collation: Name | None = None,
    comment: str | None = None,
    storage: str | None = None,
    compression: str | None = None,
    auto_now: bool = False,
    auto_now_add: bool = False,
    choices: Any = None,
    validators: Iterable[Callable[[Any], Any]] = (),
) -> Any:
    """Declare a column.

    Args:
        type: PostgreSQL type from ``chakra.types``; left out, the annotation decides.
        primary_key: part of the primary key; an ``int`` key becomes a ``bigint`` identity.
        unique: no two rows may share a value.
        index: make an index.
        null: whether NULL is allowed, for columns declared without an annotation.
        default: value of new instances that do not set the field; something callable (``list``, ``uuid4``,
            ``datetime.now``) is called for each of them.
        default_factory: the same, said aloud.
        db_default: by what the server makes the value of a row without one: an expression (``Now()``), a plain value,
            or SQL as text: ``"now()"``. A text as a value is ``Value("draft")``.
        column: name in the database, if it differs from the attribute's.
        generated: by what the server computes the value of every row: an expression over the row's own fields,
            ``F("price") * F("amount")``, or SQL as text. Writes leave the field out, and read it back.
        stored: whether that is done when a row is written, and not when it is read (``False``, PostgreSQL 18).
        identity: whether the server numbers the rows: ``"by default"`` (or ``True``), ``"always"``, or an
            ``Identity(start=1000, increment=10)``; ``"serial"`` = by the older way of a default that draws from a
            sequence of the column's own; ``False`` = not even those of an ``int`` key.
        collation: of a text, if not the database's: ``"C"``, ``"en-x-icu"``, or ``(schema, name)``.
        comment: what the catalog says of the column.
        storage: ``"plain"``, ``"external"``, ``"extended"`` or ``"main"``: how long values are kept.
        compression: ``"pglz"`` or ``"lz4"``.
        auto_now: the field takes the time of each write of its row, in UTC, where nobody sets it; of ``update()`` and
            bulk writes, too.
        auto_now_add: it takes the time at which the row is made.
        choices: the values it may have, which ``validate()`` checks: a Python enum, whose members instances hold where
            the annotation says so, a list of values, or a dict or pairs with what people read for each.
        validators: functions that ``validate()`` calls with the value, async ones too: what they raise
            (``ValueError``, ``ValidationError``) is wrong with it, or that they return ``False``.

    Raises:
        FieldError: the arguments contradict each other.
    """
    if type is not None and not isinstance(type, PgType):
        raise FieldError(f"field() takes a type from chakra.types, not {type!r}")
    if default is not MISSING and default_factory is not None:
        raise FieldError("field() takes default or default_factory, not both")
    if isinstance(default, PgType) or default is field:
        raise FieldError(
            f"default={default!r} is no value; a type goes first: field(Text), and field() is called"
        )
    default, called = split_default(default)
    if isinstance(default, list | dict | set | bytearray):
        raise FieldError(
            f"default={default!r} would be shared by all instances; use default_factory={_factory(default)}"
        )
    factory = default_factory or called
    if isinstance(db_default, Sequence):
        db_default = db_default.next()
    if isinstance(db_default, str) and not db_default.strip():
        raise FieldError(
            f"db_default={db_default!r} is SQL, and empty; the empty text is db_default=Value({db_default!r})"
        )
    if callable(db_default) and not isinstance(db_default, Expression):
        raise FieldError(
            f'db_default is made by the server: an expression, e.g. Now(), a plain value, or SQL, "now()", not '
            f"{db_default!r}"
        )
    if generated is not None:
        _check_generated(generated, default is not MISSING or factory is not None, db_default, identity)
    elif not stored:
        raise FieldError("field(stored=False) is about a computed field: say by what, generated=…")
    numbered = _identity(identity)
    if numbered and (default is not MISSING or factory is not None or db_default is not None):
        raise FieldError("field() takes identity= or a default, not both")
    if auto_now or auto_now_add:
        option = "auto_now" if auto_now else "auto_now_add"
        if default is not MISSING or factory is not None or generated is not None or numbered:
            raise FieldError(f"field({option}=True) takes the time of the write, and no default beside it")
        if auto_now and auto_now_add:
            raise FieldError("field() takes auto_now= or auto_now_add=: the first is of each write")
    checks = tuple(validators)
    if not all(map(callable, checks)):
        raise FieldError(f"field(validators=…) takes functions of the value, not {checks!r}")
    _word("storage", storage, STORAGE)
    _word("compression", compression, COMPRESSION)
    if comment is not None and not isinstance(comment, str):
        raise FieldError(f"field(comment={comment!r}): a comment is text")
    return FieldSpec(
        type,
        primary_key,
        unique,
        index,
        null,
        default,
        factory,
        db_default,
        column,
        generated,
        stored,
        numbered,
        None if collation is None else named(collation, "field(collation=…)"),
        comment,
        storage,
        compression,
        "write" if auto_now else "creation" if auto_now_add else None,
        None if choices is None else read_choices(choices),
        checks,
    )


STORAGE = ("plain", "external", "extended", "main")
COMPRESSION = ("pglz", "lz4")


def _word(option: str, given: Any, known: tuple[str, ...]) -> None:
    if given is not None and given not in known:
        raise FieldError(f"field({option}={given!r}): it is one of {', '.join(map(repr, known))}")


def _check_generated(generated: Any, default: bool, db_default: Any, identity: Any) -> None:
    if not isinstance(generated, Expression) and not (isinstance(generated, str) and generated.strip()):
        raise FieldError(
            f'generated= is an expression over fields of the row, F("price") * 2, or SQL as text, not {generated!r}'
        )
    if default or db_default is not None or identity:
        raise FieldError(
            "field(generated=…): the server computes every value, so that there is no default and no identity"
        )


def _identity(given: Any) -> Identity | Literal[False] | None:
    if given is None or given is False or isinstance(given, Identity):
        return given
    if given is True or given in ("by default", "always", "serial"):
        return Identity(always=given == "always", serial=given == "serial")
    raise FieldError(f'identity={given!r}: it is "by default", "always", "serial", or Identity(start=…)')


def split_default(default: Any) -> tuple[Any, Callable[[], Any] | None]:
    """Tell a default from what makes one: columns hold no callable values, so those are called."""
    return (MISSING, default) if callable(default) else (default, None)


def _factory(default: Any) -> str:
    return type(default).__name__ if not default else f"lambda: {default!r}"


class _FieldExpression(Valued[T]):
    """What ``Model.name`` is on the class."""

    __slots__ = ()

    attribute: str


if TYPE_CHECKING:

    class Field(_FieldExpression[T], Generic[T]):
        """A column: the annotation in the class body, an expression on the class, the value on instances."""

        column: Column
        owner: Any

        def __init__(self, attribute: str, column: Column, setter: Callable[[Any, Any], None]) -> None: ...

        @property
        def choices(self) -> Mapping[Any, str]: ...

        @overload
        def __get__(self, instance: None, owner: type[Any]) -> Field[T]: ...

        @overload
        def __get__(self, instance: object, owner: type[Any]) -> T: ...

        def __get__(self, instance: object | None, owner: type[Any]) -> Any: ...

        def __set__(self, instance: object, value: T | Expression) -> None: ...

else:

    class Field(property, _FieldExpression):
        """A column: the annotation in the class body, an expression on the class, the value on instances."""

        __class_getitem__ = classmethod(types.GenericAlias)

        def __init__(self, attribute: str, column: Column, setter: Callable[[Any, Any], None]) -> None:
            property.__init__(self, operator.attrgetter(SLOT + attribute), setter, None, "")
            self.attribute = attribute
            self.column = column
            self.owner: Any = None
            # Shapes are compared by equality, which expressions use to build conditions.
            self.token = object()

        def track(self) -> None:
            """Let values that can be changed in place be compared when they are saved: a getter in Python,
            which takes 2.4 times as long."""
            property.__init__(self, tracked(self.attribute), self.fset, None, "")

        @property
        def bind_column(self) -> tuple[Table, str]:
            return self.owner.__table__, self.attribute

        @property
        def choices(self) -> Mapping[Any, str]:
            """The values that the field may have, with what people read for each; empty if it may have any."""
            declared = self.owner.__chakra__.declared.get(self.attribute)
            choices = getattr(None if declared is None else declared.spec, "choices", None)
            return types.MappingProxyType(dict(choices.labels) if choices is not None else {})

        def shape(self, values: list[Any]) -> Hashable:
            return self.token

        def __repr__(self) -> str:
            return f"{self.owner.__name__ if self.owner else '?'}.{self.attribute}"


def make_setter(attribute: str, member: Any, forget: tuple[str, ...] = ()) -> Callable[[Any, Any], None]:
    """The setter of a field: store the value and note the change, if the instance is known to the database.

    Args:
        member: the slot's descriptor.
        forget: relations whose loaded instance is stale once this field, which is of their key, changes.
    """
    store = member.__set__

    def set_value(instance: Any, value: Any) -> None:
        store(instance, value)
        state = instance._state
        if state.saved:
            if state.shared:
                state = own_state(instance)
            state.changed.add(attribute)
        for relation in forget:
            if relation in state.loaded:
                del state.loaded[relation]

    return set_value


def make_refusal(label: str) -> Callable[[Any, Any], None]:
    """The setter of a field whose values the server computes."""

    def refuse(instance: Any, value: Any) -> None:
        raise FieldError(f"{label} is computed by the server (generated=…) and takes no value")

    return refuse


def infer_type(annotation: Any, where: str) -> PgType:
    """The PostgreSQL type an annotation stands for.

    Raises:
        FieldError: none is known; the message says what to write instead.
    """
    found = BY_PYTHON.get(annotation) if isinstance(annotation, Hashable) else None
    if found is not None:
        return found
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is list and len(arguments) == 1:
        ndims, element = 1, arguments[0]
        while typing.get_origin(element) is list:
            ndims, element = ndims + 1, typing.get_args(element)[0]
        return array_of(infer_type(element, where), ndims)
    if origin is dict:
        return JSONB
    if origin in (typing.Union, types.UnionType) and JsonNull in arguments:
        return JSONB
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return enum_of(annotation)
    if isinstance(annotation, type):
        if annotation is not object and issubclass(annotation, dt.datetime):
            return BY_PYTHON[dt.datetime]
        if typing.is_typeddict(annotation):
            return JSONB
    if isinstance(annotation, Forward):
        raise FieldError(f"{where}: the name {annotation.name!r} in the annotation is not defined")
    raise FieldError(
        f"{where}: no PostgreSQL type is known for {annotation!r}; name one, e.g. field(Jsonb) from chakra.types"
    )


def enum_of(cls: type[enum.Enum], name: str | None = None, schema: str | None = None) -> PgType:
    """The PostgreSQL enum of a Python enum, named in snake case unless a name is given."""
    made = enum_type(name or snake_case(cls.__name__), enum_labels(cls), schema=schema)
    return replace(made, python=cls)


def snake_case(name: str) -> str:
    """``BlogPost`` → ``blog_post``, ``HTTPLog`` → ``http_log``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


__all__ = [
    "MISSING",
    "Field",
    "FieldSpec",
    "enum_of",
    "field",
    "infer_type",
    "make_refusal",
    "make_setter",
    "snake_case",
    "split_default",
]
