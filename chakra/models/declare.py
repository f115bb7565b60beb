"""What a class body declares, read once: fields, relations, and the options of ``Meta``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from chakra.errors import FieldError
from chakra.models.annotations import own_annotations, split_optional
from chakra.models.fields import MISSING, Field, FieldSpec, snake_case
from chakra.models.fields import field as declare
from chakra.models.hidden import check_hidden
from chakra.models.named import DeclaredOnly, is_said
from chakra.models.relations.forward import ForwardRelation
from chakra.models.relations.many import ManyToMany
from chakra.models.relations.specs import (
    ForeignKey,
    ForeignKeySpec,
    ManyToManySpec,
    OneToOne,
    foreign_key,
    many_to_many,
    one_to_one,
)
from chakra.query.hooks import Hooks
from chakra.query.managers import Starting
from chakra.query.other_names import BODY, OPTIONS
from chakra.schema import Relation, Table

META_OPTIONS = frozenset(
    {
        "abstract",
        "comment",
        "constraints",
        "indexes",
        "managed",
        "materialized",
        "ordering",
        "partition_by",
        "primary_key",
        "proxy",
        "schema",
        "storage",
        "table",
        "tablespace",
        "unique_together",
        "unlogged",
        "policies",
        "triggers",
        "row_security",
        "view",
    }
)


def say_key(name: str, declared: dict[str, Declared], options: dict[str, Any]) -> None:
    """Make the fields that ``Meta.primary_key`` lists those of the key; the order is kept with the options.

    Raises:
        FieldError: it lists no fields, one twice, or not all that say ``primary_key=True``.
    """
    given = options.get("primary_key")
    if given is None:
        return
    listed = (given,) if isinstance(given, str) else given
    if (
        not isinstance(listed, tuple | list)
        or not listed
        or not all(isinstance(one, str) for one in listed)
        or len(set(listed)) < len(listed)
    ):
        raise FieldError(f'{name}: primary_key lists fields, each once, ("tenant", "number"), not {given!r}')
    options["primary_key"] = tuple(listed)
    names = [attribute for attribute, _ in stored(declared)]
    for one in listed:
        if one not in names:
            near = get_close_matches(one, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise FieldError(f"{name}: primary_key names {one!r}, no field of it{hint}")
    missing = [a for a, d in stored(declared) if d.spec.primary_key and a not in listed]
    if missing:
        raise FieldError(
            f"{name}.{missing[0]} has primary_key=True, and Meta.primary_key does not list it: it lists all fields of "
            "the key, in its order"
        )
    for one in listed:
        told = declared[one]
        if not told.spec.primary_key:
            # A spec of an abstract base is shared by other models, whose key it need not be in.
            declared[one] = Declared(told.annotation, told.nullable, replace(told.spec, primary_key=True))


OWN_OPTIONS = frozenset({"abstract", "table", "comment", "view", "materialized", "proxy"})
"""What a class says of itself alone."""


class Declared:
    """One attribute as the class body declares it: the annotation's inside, nullability, and the spec."""

    __slots__ = ("annotation", "nullable", "spec")

    def __init__(self, annotation: Any, nullable: bool, spec: Any) -> None:
        self.annotation = annotation
        self.nullable = nullable
        self.spec = spec


class ModelInfo:
    """What a model class knows about itself.

    Attributes:
        declared: fields and foreign keys by attribute, inherited ones first.
        options: the options of ``Meta`` and of the class statement.
        plan: per field the slot's setter, its default and its factory, for new instances.
        keys: the attributes that hold the key of each of them.
        relations: foreign keys by name.
        reverse: the ways whose key is elsewhere, by name.
        ways: those that other models opened (``ways_back``), by name, the last one in force.
        made: classes of other libraries that were made of it, by their options.
        between: give the tables of many-to-many relations that no model declares.
        hooks: what runs before and after writes, or ``None``.
        listeners: functions that ``on`` gave, by event.
        said: annotations for type checkers alone, by attribute, those of bases among them.
        concrete: of a proxy, the model whose table it has.
        table: its description, made at first use.
        describing: threads that are making the description.
        rows: what the queries of its managers begin with, made at first use as well.
    """

    def __init__(self, declared: dict[str, Declared], options: dict[str, Any]) -> None:
        self.declared = declared
        self.options = options
        self.concrete: Any = None
        self.table: Table | None = None
        self.describing: set[int] = set()
        self.rows: dict[Starting, Any] = {}
        self.plan: list[tuple[str, Callable[[Any, Any], None], Any, Any]] = []
        self.keys: dict[str, tuple[str, ...]] = {}
        self.relations: dict[str, ForwardRelation] = {}
        self.reverse: dict[str, Relation] = {}
        self.ways: dict[str, list[Any]] = {}
        self.hooks: Hooks | None = None
        self.listeners: dict[str, list[Any]] = {}
        self.said: dict[str, Any] = {}
        self.made: dict[Any, Any] = {}
        self.between: list[Callable[[], Table]] = []


def read_options(
    name: str, bases: tuple[type, ...], namespace: dict[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    """The options of ``Meta`` and of the class statement.

    A class without a ``Meta`` takes that of its first abstract base that has one; a ``Meta`` of its own may
    derive from it. What a class says of itself alone (``OWN_OPTIONS``) is never passed on.
    """
    chosen: dict[str, Any] = {}
    meta = namespace.get("Meta") or next((m for m in (getattr(b, "Meta", None) for b in bases) if m), None)
    for part in reversed(meta.__mro__ if isinstance(meta, type) else ()):
        own = part is namespace.get("Meta")
        chosen.update(
            {k: v for k, v in vars(part).items() if not k.startswith("__") and (own or k not in OWN_OPTIONS)}
        )
    chosen.update(options)
    unknown = set(chosen) - META_OPTIONS
    if unknown:
        other = [f". {OPTIONS[one]}" for one in sorted(unknown) if one in OPTIONS]
        near = (
            []
            if other
            else [close for one in sorted(unknown) for close in get_close_matches(one, META_OPTIONS, n=1)]
        )
        raise FieldError(
            f"{name}: unknown option {', '.join(sorted(unknown))}; there are {', '.join(sorted(META_OPTIONS))}"
            f"{''.join(other) or (f'. Did you mean {near[0]!r}?' if near else '')}"
        )
    chosen.setdefault("abstract", False)
    return chosen


def inherited(name: str, bases: tuple[type, ...]) -> dict[str, Declared]:
    declared: dict[str, Declared] = {}
    for base in reversed(bases):
        info = getattr(base, "__chakra__", None)
        if info is None:
            continue
        if not info.options.get("abstract"):
            raise FieldError(
                f"{name} inherits from {base.__name__}, which has a table of its own, and one row in two tables would "
                "take a join for each read and two statements for each write: share fields through a base with `class "
                f"Meta: abstract = True`, give the rows of {base.__name__} other behaviour by a proxy (class "
                f"{name}({base.__name__}, proxy=True)), or let a {name} point at its {base.__name__}: "
                f"{snake_case(base.__name__)}: OneToOne[{base.__name__}] = one_to_one(primary_key=True, …)"
            )
        declared.update(info.declared)
    return declared


def read_body(name: str, namespace: dict[str, Any]) -> tuple[dict[str, Declared], dict[str, Any]]:
    """The fields and relations that a class body declares, and the annotations that are for type checkers alone."""
    for word, instead in BODY.items():
        if word in namespace:
            raise FieldError(f"{name}.{word} says nothing here; in Chakra that is {instead}")
    # Frames: own_annotations, this function, ModelMeta.__new__, the class statement.
    annotations = own_annotations(namespace, namespace.get("__module__", ""), 3)
    declared: dict[str, Declared] = {}
    said: dict[str, Any] = {}
    for attribute, annotation in annotations.items():
        if is_said(annotation, namespace.get(attribute)):
            check_hidden(name, attribute, annotation, namespace)
            said[attribute] = annotation
            continue
        origin = getattr(annotation, "__origin__", annotation)
        if origin in (Field, ForeignKey, OneToOne, ManyToMany):
            check_hidden(name, attribute, annotation, namespace)
        if origin is Field:
            inner, nullable = split_optional(_argument(annotation, name, attribute))
            spec: Any = namespace.get(attribute, MISSING)
            if not isinstance(spec, FieldSpec):
                spec = declare(default=spec)
            declared[attribute] = Declared(inner, nullable, spec)
        elif origin in (ForeignKey, OneToOne):
            inner, nullable = split_optional(_argument(annotation, name, attribute))
            spec = namespace.get(attribute)
            if not isinstance(spec, ForeignKeySpec):
                spec = one_to_one() if origin is OneToOne else foreign_key()
            spec.target = spec.target or inner
            declared[attribute] = Declared(inner, nullable, spec)
        elif origin is ManyToMany:
            inner, _ = split_optional(_argument(annotation, name, attribute))
            spec = namespace.get(attribute)
            if not isinstance(spec, ManyToManySpec):
                spec = many_to_many()
            spec.target = spec.target or inner
            declared[attribute] = Declared(inner, True, spec)
        elif isinstance(namespace.get(attribute), FieldSpec | ForeignKeySpec | ManyToManySpec):
            raise FieldError(
                f"{name}.{attribute}: annotate it as Field[…], ForeignKey[…] or ManyToMany[…], or leave the annotation "
                "out"
            )
    for attribute, value in namespace.items():
        if attribute in declared:
            continue
        if isinstance(value, FieldSpec):
            if value.type is None:
                raise FieldError(f"{name}.{attribute}: without an annotation field() needs a type")
            declared[attribute] = Declared(None, bool(value.null), value)
        elif isinstance(value, ForeignKeySpec):
            if value.target is None:
                raise FieldError(f"{name}.{attribute}: without an annotation foreign_key() needs a model")
            declared[attribute] = Declared(value.target, bool(value.null), value)
        elif isinstance(value, ManyToManySpec):
            if value.target is None:
                raise FieldError(f"{name}.{attribute}: without an annotation many_to_many() needs a model")
            declared[attribute] = Declared(value.target, True, value)
        elif isinstance(value, DeclaredOnly) and attribute not in said:
            raise FieldError(
                f"{name}.{attribute}: declared() is for an annotation, {attribute}: int = declared()"
            )
    for attribute in declared:
        if attribute.startswith("_") or attribute.endswith("_") or "__" in attribute or attribute == "pk":
            raise FieldError(
                f"{name}.{attribute}: a field's name has no leading, trailing or double underscore "
                "(queries use __ to separate names) and is not pk"
            )
    ordered = [a for a in (*annotations, *namespace) if a in declared]
    return {attribute: declared[attribute] for attribute in dict.fromkeys(ordered)}, said


def _argument(annotation: Any, name: str, attribute: str) -> Any:
    arguments = getattr(annotation, "__args__", ())
    if len(arguments) != 1:
        raise FieldError(f"{name}.{attribute}: write the type in brackets, e.g. Field[str]")
    return next(iter(arguments))


def stored(declared: dict[str, Declared]) -> list[tuple[str, Declared]]:
    """What the table itself has a column for."""
    return [(a, d) for a, d in declared.items() if not isinstance(d.spec, ManyToManySpec)]


__all__ = ["Declared", "ModelInfo", "inherited", "read_body", "read_options", "say_key", "stored"]
