"""From a class body to a table description, slots, and field descriptors; runs once per model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from chakra.errors import DoesNotExist, FieldError, MultipleObjectsReturned
from chakra.models import registry
from chakra.models.annotations import Forward, own_annotations, split_optional
from chakra.models.fields import MISSING, Field, FieldSpec, infer_type, make_setter, snake_case
from chakra.models.fields import field as declare
from chakra.models.hidden import check_hidden
from chakra.models.relations import (
    ForeignKey,
    ForeignKeySpec,
    ForwardRelation,
    OneToOne,
    ReverseRelation,
    foreign_key,
    one_to_one,
)
from chakra.pg.types import PgType, in_schema
from chakra.query.hydrate import SLOT
from chakra.query.other_names import MODELS, written
from chakra.query.queryset import QuerySet
from chakra.schema import (
    Check,
    Column,
    ForeignKeyConstraint,
    Hop,
    Index,
    PythonDefault,
    Relation,
    Table,
    Unique,
)

META_OPTIONS = frozenset(
    {"table", "schema", "ordering", "indexes", "constraints", "unique_together", "abstract", "managed"}
)

OWN_OPTIONS = frozenset({"abstract", "table"})
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
        relations: foreign keys by name.
    """

    def __init__(self, declared: dict[str, Declared], options: dict[str, Any]) -> None:
        self.declared = declared
        self.options = options
        self.table: Table | None = None
        self.plan: list[tuple[str, Callable[[Any, Any], None], Any, Any]] = []
        self.relations: dict[str, ForwardRelation] = {}
        self.reverse: dict[str, Relation] = {}


class ModelMeta(type):
    """Metaclass of models."""

    __chakra__: ModelInfo

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> ModelMeta:
        if not any(isinstance(base, ModelMeta) for base in bases):
            root = {"__slots__": (), "__chakra__": ModelInfo({}, {"abstract": True}), **namespace}
            return super().__new__(mcls, name, bases, root)
        chosen = _options(name, bases, namespace, options)
        declared = _inherited(name, bases)
        own = _declared(name, namespace)
        _check_free(name, bases, own)
        declared.update(own)
        for attribute in own:
            namespace.pop(attribute, None)
        info = ModelInfo(declared, chosen)
        namespace["__chakra__"] = info
        if chosen.get("abstract"):
            namespace.setdefault("__slots__", ())
            return super().__new__(mcls, name, bases, namespace)
        return _concrete(mcls, name, bases, namespace, info)

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> None:
        super().__init__(name, bases, namespace)

    if not TYPE_CHECKING:

        def __getattr__(cls, name: str) -> Any:
            # Names that look like a query's are nearly always meant for the manager.
            said = written(MODELS, name, cls.__name__)
            if not said and hasattr(QuerySet, name) and not name.startswith("_"):
                said = f"; queries begin at the manager: {cls.__name__}.objects.{name}(…)"
            if not said and name.startswith("__"):
                return type.__getattribute__(cls, name)  # a property of the class that failed says why
            raise AttributeError(f"the model {cls.__name__} has no attribute {name!r}{said}")

    @property
    def __table__(cls) -> Table:
        """The table description; made at first use, when the targets of its foreign keys are known.

        Raises:
            FieldError: the model is abstract, or a foreign key names a model that does not exist.
        """
        info = cls.__chakra__
        if info.table is None:
            if info.options.get("abstract", True):
                raise FieldError(f"{cls.__name__} is abstract: it has no table and cannot be queried")
            info.table = _table(cls, info)
        return info.table


def _options(
    name: str, bases: tuple[type, ...], namespace: dict[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    """The options of ``Meta`` and of the class statement.

    A class without a ``Meta`` takes that of its first abstract base that has one; a ``Meta`` of its own may
    derive from it. ``abstract`` and ``table`` are never passed on.
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
        raise FieldError(
            f"{name}: unknown option {', '.join(sorted(unknown))}; there are {', '.join(sorted(META_OPTIONS))}"
        )
    chosen.setdefault("abstract", False)
    return chosen


def _inherited(name: str, bases: tuple[type, ...]) -> dict[str, Declared]:
    declared: dict[str, Declared] = {}
    for base in reversed(bases):
        info = getattr(base, "__chakra__", None)
        if info is None:
            continue
        if not info.options.get("abstract"):
            raise FieldError(
                f"{name} inherits from {base.__name__}, which has a table of its own; "
                "share fields through a base with `class Meta: abstract = True`"
            )
        declared.update(info.declared)
    return declared


def _declared(name: str, namespace: dict[str, Any]) -> dict[str, Declared]:
    # Frames: own_annotations, this function, ModelMeta.__new__, the class statement.
    annotations = own_annotations(namespace, namespace.get("__module__", ""), 3)
    declared: dict[str, Declared] = {}
    for attribute, annotation in annotations.items():
        origin = getattr(annotation, "__origin__", annotation)
        if origin in (Field, ForeignKey, OneToOne):
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
        elif isinstance(namespace.get(attribute), FieldSpec | ForeignKeySpec):
            raise FieldError(
                f"{name}.{attribute}: annotate it as Field[…] or ForeignKey[…], or leave the annotation out"
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
    for attribute in declared:
        if attribute.startswith("_") or attribute.endswith("_") or "__" in attribute or attribute == "pk":
            raise FieldError(
                f"{name}.{attribute}: a field's name has no leading, trailing or double underscore "
                "(queries use __ to separate names) and is not pk"
            )
    ordered = [a for a in (*annotations, *namespace) if a in declared]
    return {attribute: declared[attribute] for attribute in dict.fromkeys(ordered)}


def _check_free(name: str, bases: tuple[type, ...], declared: dict[str, Declared]) -> None:
    """A field must not hide a method every model has."""
    root = next(cls for base in bases for cls in reversed(base.__mro__) if isinstance(cls, ModelMeta))
    for attribute, d in declared.items():
        for made in (
            (attribute, key_attribute(attribute)) if isinstance(d.spec, ForeignKeySpec) else (attribute,)
        ):
            if made in vars(root):
                raise FieldError(
                    f"{name}.{made}: every model has an attribute of that name; choose another and keep the "
                    f'column with column="{made}"'
                )


def _argument(annotation: Any, name: str, attribute: str) -> Any:
    arguments = getattr(annotation, "__args__", ())
    if len(arguments) != 1:
        raise FieldError(f"{name}.{attribute}: write the type in brackets, e.g. Field[str]")
    return next(iter(arguments))


def key_attribute(attribute: str) -> str:
    """The attribute that holds the key of a relation: ``author`` → ``author_id``."""
    return f"{attribute}_id"


def _concrete(
    mcls: type[ModelMeta], name: str, bases: tuple[type, ...], namespace: dict[str, Any], info: ModelInfo
) -> ModelMeta:
    attributes = [
        key_attribute(a) if isinstance(d.spec, ForeignKeySpec) else a for a, d in info.declared.items()
    ]
    own_slots = namespace.get("__slots__", ())
    own_slots = (own_slots,) if isinstance(own_slots, str) else tuple(own_slots)
    namespace["__slots__"] = (*(SLOT + a for a in attributes), *own_slots)
    namespace["DoesNotExist"] = type(
        "DoesNotExist",
        (DoesNotExist,),
        {"__qualname__": f"{name}.DoesNotExist", "__module__": namespace["__module__"]},
    )
    namespace["MultipleObjectsReturned"] = type(
        "MultipleObjectsReturned",
        (MultipleObjectsReturned,),
        {"__qualname__": f"{name}.MultipleObjectsReturned", "__module__": namespace["__module__"]},
    )
    cls = type.__new__(mcls, name, bases, namespace)
    for attribute, declared in info.declared.items():
        if isinstance(declared.spec, ForeignKeySpec):
            _attach_relation(cls, attribute, declared, info)
        else:
            _attach_field(cls, attribute, attribute, declared.spec, declared.nullable, info)
    registry.register(cls)
    return cls


def _attach_field(
    cls: ModelMeta, attribute: str, owner: str, spec: Any, nullable: bool, info: ModelInfo
) -> None:
    member = getattr(cls, SLOT + attribute)
    relation = owner if owner != attribute else None
    column = Column(spec.column or attribute, _placeholder(), attribute=attribute)
    made: Field[Any] = Field(attribute, column, make_setter(attribute, member, relation))
    made.owner = cls
    setattr(cls, attribute, made)
    default = spec.default
    factory = spec.default_factory
    if default is MISSING and factory is None and (nullable or spec.primary_key) and spec.db_default is None:
        default = None
    info.plan.append((attribute, member.__set__, default, factory))


def _placeholder() -> PgType:
    """The type of a field whose table is not described yet."""
    return PgType("unknown")


def _attach_relation(cls: ModelMeta, attribute: str, declared: Declared, info: ModelInfo) -> None:
    spec: ForeignKeySpec = declared.spec
    key = key_attribute(attribute)
    relation = ForwardRelation(attribute, key, _target(cls, attribute, spec))
    relation.owner = cls
    setattr(cls, attribute, relation)
    info.relations[attribute] = relation
    nullable = declared.nullable or bool(spec.null)
    _attach_field(cls, key, attribute, _KeySpec(spec), nullable, info)


def _attach_back(cls: ModelMeta, attribute: str, spec: ForeignKeySpec, model: Any, before: Any) -> None:
    """Give the target its way back (``author.posts``), and take it from the model that was meant before."""
    name = spec.related_name
    if name is None or name.endswith("+") or not isinstance(model, ModelMeta):
        return  # "+" is Django's word for no way back
    if not name.isidentifier() or "__" in name:
        raise FieldError(f"{cls.__name__}.{attribute}: related_name={name!r} is not a plain name")
    if name in model.__chakra__.declared:
        raise FieldError(f"{cls.__name__}.{attribute}: related_name={name!r} is a field of {model.__name__}")
    old = None if before is None else vars(before).get(name)
    if isinstance(old, ReverseRelation) and old.source() is cls:
        if old.hidden is None:
            delattr(before, name)
        else:
            setattr(before, name, old.hidden)
    back = ReverseRelation(name, lambda: cls, attribute, key_attribute(attribute), spec.unique)
    back.hidden = vars(model).get(name)
    setattr(model, name, back)
    key = _only_key(model)
    if key is not None:
        hop = Hop((key,), (key_attribute(attribute),), lambda: cls.__table__)
        relation = Relation(name, (hop,), nullable=True, many=not spec.unique, forward=False)
        model.__chakra__.reverse[name] = relation
        if model.__chakra__.table is not None:
            model.__chakra__.table.relate(relation)


def _only_key(model: ModelMeta) -> str | None:
    """The attribute of the primary key, without asking for the table, which may not be there yet."""
    declared = model.__chakra__.declared.items()
    keys = [
        key_attribute(a) if isinstance(d.spec, ForeignKeySpec) else a
        for a, d in declared
        if d.spec.primary_key
    ]
    return keys[0] if len(keys) == 1 else None


class _KeySpec:
    """The key column of a relation, seen as a field."""

    def __init__(self, spec: ForeignKeySpec) -> None:
        self.column = spec.column
        self.default = spec.default
        self.default_factory = spec.default_factory
        self.primary_key = spec.primary_key
        self.db_default = None


def _name_of(target: Any) -> str | None:
    if isinstance(target, Forward):
        return target.name
    return target if isinstance(target, str) else None


def _target(cls: ModelMeta, attribute: str, spec: ForeignKeySpec) -> Callable[[], Any]:
    """A function that returns the target model; a name is settled when it is first called."""
    name = _name_of(spec.target)
    if name is None or name in (cls.__name__, "self"):
        model = spec.target if name is None else cls
        _attach_back(cls, attribute, spec, model, None)
        return lambda: model
    reference = registry.Reference(
        name,
        registry.scope_of(cls),
        lambda model, before: _attach_back(cls, attribute, spec, model, before),
    )

    def resolve() -> Any:
        found = reference.settle()
        if found is None:
            raise FieldError(
                f"{cls.__name__}.{attribute} refers to the model {name!r}, which is not defined "
                "(or not imported yet)"
            )
        return found

    return resolve


def _table(cls: ModelMeta, info: ModelInfo) -> Table:
    options = info.options
    columns: list[Column] = []
    keys: list[str] = []
    uniques: list[Unique] = []
    automatic: list[Index] = []
    constraints: list[ForeignKeyConstraint] = []
    relations: dict[str, Relation] = {}
    for attribute, declared in info.declared.items():
        spec = declared.spec
        if isinstance(spec, ForeignKeySpec):
            column, constraint, relation = _key_column(cls, attribute, declared, info)
            constraints.append(constraint)
            relations[attribute] = relation
        else:
            column = _column(cls, attribute, declared)
        columns.append(column)
        if spec.primary_key:
            keys.append(column.attribute)
        elif spec.unique:
            uniques.append(Unique(column.attribute))
        elif spec.index:
            automatic.append(Index(column.attribute))
    together = options.get("unique_together", ())
    if together and all(isinstance(item, str) for item in together):
        together = (together,)
    uniques += [Unique(*group) for group in together]
    declared_constraints = tuple(options.get("constraints", ()))
    checks = [c for c in declared_constraints if isinstance(c, Check)]
    uniques += [c for c in declared_constraints if not isinstance(c, Check)]
    table = Table(
        name=options.get("table") or f"{snake_case(cls.__name__)}s",
        schema=options.get("schema"),
        columns=tuple(columns),
        primary_key=tuple(keys),
        uniques=tuple(_by_attribute(u, relations) for u in uniques),
        checks=tuple(checks),
        indexes=_indexes(options.get("indexes", ()), automatic, relations),
        foreign_keys=tuple(constraints),
        relations=relations | info.reverse,
        row_class=cls,
        ordering=tuple(options.get("ordering", ())),
        label=cls.__name__,
        # A default of NULL is left to the server, as in single rows.
        defaults={
            attribute: PythonDefault(default, factory)
            for attribute, _, default, factory in info.plan
            if factory is not None or default not in (MISSING, None)
        },
    )
    for column in columns:
        vars(cls)[column.attribute].column = column
    return table


def _indexes(
    declared: Iterable[Index], automatic: Iterable[Index], relations: dict[str, Relation]
) -> tuple[Index, ...]:
    """Declared indexes, each once, and the automatic ones that none of those makes superfluous."""
    found: dict[Index, None] = {}
    for index in declared:
        names = [_key_name(name, relations) for name in index.columns]
        found[Index(*names, name=index.name, unique=index.unique, method=index.method, where=index.where)] = (
            None
        )
    covered = {
        index.columns
        for index in found
        if index.method == "btree" and not index.unique and index.where is None
    }
    return (*found, *(index for index in automatic if index.columns not in covered))


def _key_name(name: str, relations: dict[str, Relation]) -> str:
    """The attribute an index names: a relation stands for its key."""
    bare = name.lstrip("-")
    relation = relations.get(bare)
    return name if relation is None or relation.key is None else name.replace(bare, relation.key)


def _by_attribute(unique: Unique, relations: dict[str, Relation]) -> Unique:
    names = [_key_name(name, relations) for name in unique.columns]
    return Unique(*names, name=unique.name)


def _column(cls: ModelMeta, attribute: str, declared: Declared) -> Column:
    spec: FieldSpec = declared.spec
    where = f"{cls.__name__}.{attribute}"
    type_ = in_schema(
        spec.type or infer_type(declared.annotation, where), cls.__chakra__.options.get("schema")
    )
    identity = (
        spec.primary_key
        and type_.name in ("int2", "int4", "int8")
        and spec.db_default is None
        and spec.default is MISSING
        and spec.default_factory is None
        and sum(bool(d.spec.primary_key) for d in cls.__chakra__.declared.values()) == 1
    )
    return Column(
        name=spec.column or attribute,
        type=type_,
        nullable=(declared.nullable or bool(spec.null)) and not spec.primary_key,
        db_default=spec.db_default,
        identity=identity,
        attribute=attribute,
    )


def _key_column(
    cls: ModelMeta, attribute: str, declared: Declared, info: ModelInfo
) -> tuple[Column, ForeignKeyConstraint, Relation]:
    spec: ForeignKeySpec = declared.spec
    target = info.relations[attribute].target()
    if not isinstance(target, ModelMeta):
        raise FieldError(f"{cls.__name__}.{attribute} must refer to a model, not {target!r}")
    key = key_attribute(attribute)
    name, schema, target_key = _target_key(cls, attribute, target)
    nullable = (declared.nullable or bool(spec.null)) and not spec.primary_key
    column = Column(name=spec.column or key, type=target_key.type, nullable=nullable, attribute=key)
    constraint = ForeignKeyConstraint(
        (column.name,), name, (target_key.name,), schema, spec.on_delete, spec.deferrable
    )
    hop = Hop((key,), (target_key.attribute,), lambda: target.__table__)
    relation = Relation(attribute, (hop,), nullable)
    return column, constraint, relation


def _target_key(cls: ModelMeta, attribute: str, target: ModelMeta) -> tuple[str, str | None, Column]:
    """Name, schema and key column of a target, without asking for its table: keys may run in a circle."""
    info = target.__chakra__
    if info.options.get("abstract"):
        raise FieldError(f"{cls.__name__}.{attribute}: {target.__name__} is abstract and has no rows")
    keys = [(a, d) for a, d in info.declared.items() if d.spec.primary_key]
    if len(keys) != 1:
        raise FieldError(
            f"{cls.__name__}.{attribute}: {target.__name__} has {len(keys)} primary key fields; "
            "a foreign key needs exactly one"
        )
    name, declared = keys[0]
    if isinstance(declared.spec, ForeignKeySpec):
        column = _key_column(target, name, declared, info)[0]
    else:
        column = _column(target, name, declared)
    return info.options.get("table") or f"{snake_case(target.__name__)}s", info.options.get("schema"), column


def queryset_of(cls: ModelMeta) -> QuerySet[Any]:
    """A fresh queryset over all rows of a model."""
    return QuerySet(cls.__table__)


__all__ = ["ModelInfo", "ModelMeta", "key_attribute", "queryset_of"]
