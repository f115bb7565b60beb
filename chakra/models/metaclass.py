"""From a class body to a table description, slots, and field descriptors; runs once per model."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any, dataclass_transform

from chakra._late import late
from chakra.errors import DoesNotExist, FieldError, MultipleObjectsReturned
from chakra.models import registry
from chakra.models.annotations import Forward
from chakra.models.conversions import Conversions
from chakra.models.declare import (
    Declared,
    ModelInfo,
    inherited,
    read_body,
    read_options,
    say_key,
    stored,
)
from chakra.models.fields import MISSING, Field, make_refusal, make_setter
from chakra.models.keys import held_keys, made_keys, pointed_at
from chakra.models.named import check_said
from chakra.models.named import declared as declared_only
from chakra.models.partitions import PartitionVerbs
from chakra.models.relations.forward import ForwardRelation
from chakra.models.relations.many import Link, ManyRelation
from chakra.models.relations.reverse import ReverseRelation
from chakra.models.relations.specs import ForeignKeySpec, ManyToManySpec
from chakra.models.tables import table_of
from chakra.models.ways_back import Way, close_way, open_way
from chakra.models.words import check_words
from chakra.pg.types import PgType
from chakra.query.hooks import hooks_of
from chakra.query.hydrate import SLOT
from chakra.query.other_names import MODELS, written
from chakra.query.queryset import Objects, QuerySet
from chakra.schema import Column, Hop, Relation, Table

if TYPE_CHECKING:
    from chakra.models.proxies import behind, check_fields, info_of, table_of_proxy
    from chakra.models.relations.between import Between
else:
    late(globals(), "chakra.models.proxies", "behind check_fields info_of table_of_proxy")
    late(globals(), "chakra.models.relations.between", "Between")


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(declared_only,))
class ModelMeta(PartitionVerbs, Conversions):
    """Metaclass of models."""

    __chakra__: ModelInfo
    __chakra_concrete__: Any
    """The model that has the table: itself, or what a proxy is one of."""

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> ModelMeta:
        if not any(isinstance(base, ModelMeta) for base in bases):
            root = {"__slots__": (), "__chakra__": ModelInfo({}, {"abstract": True}), **namespace}
            return super().__new__(mcls, name, bases, root)
        chosen = read_options(name, bases, namespace, options)
        own, said = read_body(name, namespace)
        if chosen.get("proxy"):
            return _proxy(mcls, name, bases, namespace, options, (own, said))
        check_words(name, chosen)
        _check_managers(name, namespace)
        declared = inherited(name, bases)
        declared.update(own)
        if not chosen.get("abstract"):
            say_key(name, declared, chosen)
        for attribute in (*own, *said):
            namespace.pop(attribute, None)
        info = ModelInfo(declared, chosen)
        for base in reversed(bases):
            info.said.update(base.__chakra__.said if isinstance(base, ModelMeta) else {})
        info.said.update(said)
        namespace["__chakra__"] = info
        if not chosen.get("abstract"):
            scope = registry.scope(namespace["__module__"], namespace.get("__qualname__", name))
            info.keys = held_keys(name, info, _known_targets(name, scope, info))
        _check_free(name, bases, [*own, *(key for keys in made_keys(info).values() for key in keys)])
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
            thread = get_ident()  # two may describe a model at once
            if thread in info.describing:
                raise FieldError(
                    f"{cls.__name__} is asked for rows by what its own Meta or fields say: they are about one row, and "
                    f"take fields and values ({cls.__name__}.price, F('price')), no queries"
                )
            info.describing.add(thread)
            try:
                info.table = table_of(cls, info) if info.concrete is None else table_of_proxy(cls, info)
            finally:
                info.describing.discard(thread)
        return info.table


def _known_targets(name: str, scope: str, info: ModelInfo) -> dict[str, ModelInfo | None]:
    """What is known of the models that the foreign keys of one refer to."""
    found: dict[str, ModelInfo | None] = {}
    for attribute, declared in info.declared.items():
        if isinstance(declared.spec, ForeignKeySpec):
            target: Any = declared.spec.target
            named = _name_of(target)
            if named in (name, "self"):
                found[attribute] = info
                continue
            model = target if named is None else registry.nearest(named, scope)
            found[attribute] = getattr(model, "__chakra__", None)
    return found


def _check_free(name: str, bases: tuple[type, ...], attributes: list[str]) -> None:
    """A field must not hide a method every model has."""
    root = next(cls for base in bases for cls in reversed(base.__mro__) if isinstance(cls, ModelMeta))
    for made in attributes:
        held = next(
            (vars(base)[made] for given in bases for base in given.__mro__ if made in vars(base)), None
        )
        if isinstance(held, Objects):
            raise FieldError(
                f"{name}.{made}: a manager that {name} inherits has that name; choose another and keep the column "
                f'with column="{made}"'
            )
        if made in vars(root):
            raise FieldError(
                f"{name}.{made}: every model has an attribute of that name; choose another and keep the "
                f'column with column="{made}"'
            )


def _check_managers(name: str, namespace: dict[str, Any]) -> None:
    """A queryset class in a body is nearly always meant as a manager, and ``objects`` is one."""
    for attribute, given in namespace.items():
        wrong = attribute == "objects" and not isinstance(given, Objects)
        if wrong or (isinstance(given, type) and issubclass(given, QuerySet) and attribute != given.__name__):
            shown = given.__name__ if isinstance(given, type) else "PostQuerySet"
            raise FieldError(
                f"{name}.{attribute} is {given!r}, no manager: queries begin at "
                f"{attribute if wrong else 'objects'} = {shown}.as_manager()"
            )


def _concrete(
    mcls: type[ModelMeta], name: str, bases: tuple[type, ...], namespace: dict[str, Any], info: ModelInfo
) -> ModelMeta:
    made = made_keys(info)
    attributes = [key for a, _ in stored(info.declared) for key in made.get(a, (a,))]
    own_slots = namespace.get("__slots__", ())
    own_slots = (own_slots,) if isinstance(own_slots, str) else tuple(own_slots)
    namespace["__slots__"] = (*(SLOT + a for a in attributes), *own_slots)
    _add_errors(name, namespace)
    cls = type.__new__(mcls, name, bases, namespace)
    for attribute, declared in info.declared.items():
        if isinstance(declared.spec, ForeignKeySpec):
            _attach_relation(cls, attribute, declared, info)
        elif isinstance(declared.spec, ManyToManySpec):
            _attach_many(cls, attribute, declared.spec, info)
        else:
            _attach_field(cls, attribute, declared.spec, declared.nullable, info)
    cls.__chakra_concrete__ = cls
    info.hooks = hooks_of(cls)
    registry.register(cls)
    return cls


def _proxy(
    mcls: type[ModelMeta],
    name: str,
    bases: tuple[type, ...],
    namespace: dict[str, Any],
    options: dict[str, Any],
    body: tuple[dict[str, Declared], dict[str, Any]],
) -> ModelMeta:
    own, said = body
    meta = namespace.get("Meta")
    given = {**({} if meta is None else vars(meta)), **options}
    given = {word: value for word, value in given.items() if not word.startswith("__")}
    model = behind(name, bases, given)
    check_fields(name, model, own)
    for attribute in said:
        namespace.pop(attribute, None)
    _check_managers(name, namespace)
    namespace["__chakra__"] = info = info_of(model, given)
    info.said.update(said)
    namespace.setdefault("__slots__", ())
    _add_errors(name, namespace, model)
    cls = type.__new__(mcls, name, bases, namespace)
    info.hooks = hooks_of(cls)
    registry.register(cls)
    return cls


def _add_errors(name: str, namespace: dict[str, Any], model: Any = None) -> None:
    """Give a model its own ``DoesNotExist`` and ``MultipleObjectsReturned``; of a proxy they are its model's, too."""
    for error in (DoesNotExist, MultipleObjectsReturned):
        said = {"__qualname__": f"{name}.{error.__name__}", "__module__": namespace["__module__"]}
        base = error if model is None else getattr(model, error.__name__)
        namespace[error.__name__] = type(error.__name__, (base,), said)


def _attach_field(cls: ModelMeta, attribute: str, spec: Any, nullable: bool, info: ModelInfo) -> None:
    member = getattr(cls, SLOT + attribute)
    relations = tuple(name for name, keys in info.keys.items() if attribute in keys)
    column = Column(spec.column or attribute, _placeholder(), attribute=attribute)
    computed = getattr(spec, "generated", None) is not None
    setter = (
        make_refusal(f"{cls.__name__}.{attribute}") if computed else make_setter(attribute, member, relations)
    )
    made: Field[Any] = Field(attribute, column, setter)
    made.owner = cls
    setattr(cls, attribute, made)
    default = spec.default
    factory = spec.default_factory
    moment = getattr(spec, "moment", None) is not None
    if (
        default is MISSING
        and factory is None
        and not moment
        and (nullable or spec.primary_key)
        and spec.db_default is None
    ):
        default = MISSING if computed else None
    info.plan.append((attribute, setter if computed else member.__set__, default, factory))


def _placeholder() -> PgType:
    """The type of a field whose table is not described yet."""
    return PgType("unknown")


def _attach_relation(cls: ModelMeta, attribute: str, declared: Declared, info: ModelInfo) -> None:
    spec: ForeignKeySpec = declared.spec

    def meant(model: Any, before: Any) -> None:
        _attach_back(cls, attribute, spec, model, before)

    back = _way_name(cls, spec)
    relation = ForwardRelation(
        attribute,
        info.keys[attribute],
        _target(cls, attribute, spec.target, meant),
        back if spec.unique and back is not None and not back.endswith("+") else None,
    )
    relation.owner = cls
    setattr(cls, attribute, relation)
    info.relations[attribute] = relation
    nullable = declared.nullable or bool(spec.null)
    for key in made_keys(info)[attribute]:
        _attach_field(cls, key, _KeySpec(spec), nullable, info)


def _attach_back(cls: ModelMeta, attribute: str, spec: ForeignKeySpec, model: Any, before: Any) -> None:
    """Give the target its way back (``author.posts``), and take it from the model that was meant before."""
    name = _way_name(cls, spec)
    if name is None or name.endswith("+") or not isinstance(model, ModelMeta):
        return  # "+" is Django's word for no way back
    model, before = concrete(model), concrete(before)
    if not name.isidentifier() or "__" in name:
        raise FieldError(f"{cls.__name__}.{attribute}: related_name={name!r} is not a plain name")
    if name in model.__chakra__.declared:
        raise FieldError(f"{cls.__name__}.{attribute}: related_name={name!r} is a field of {model.__name__}")
    _check_way(cls, attribute, spec.target, model, name, not spec.unique)
    if before is not None:
        close_way(before, name, cls)

    def hops() -> tuple[Hop, ...]:
        pointed = pointed_at(f"{cls.__name__}.{attribute}", spec, model)
        return (Hop(pointed, cls.__chakra__.keys[attribute], lambda: cls.__table__),)

    back = ReverseRelation(name, lambda: cls, attribute, spec.unique)
    relation = Relation(name, hops, nullable=True, many=not spec.unique, forward=False)
    open_way(model, name, Way(cls, back, relation))


def _way_name(cls: ModelMeta, spec: ForeignKeySpec | ManyToManySpec) -> str | None:
    """``related_name``; ``%(class)s`` in it stands for the model's own name, so that an abstract base may have one."""
    name = spec.related_name
    return None if name is None else name.replace("%(class)s", cls.__name__.lower())


def _check_way(cls: ModelMeta, attribute: str, target: Any, model: ModelMeta, name: str, many: bool) -> None:
    """A way back must hide neither what models have nor another way; a model that was defined again replaces its own.

    A model of another module that was named, not given, may be meant only until the right one is there.

    Raises:
        FieldError: the name is taken; says by what. Or its model says that it is another way.
    """
    if _name_of(target) is not None and cls.__module__ != model.__module__:
        return
    check_said(f"{cls.__name__}.{attribute}", model, name, cls, many)
    label = f"{cls.__name__}.{attribute}: related_name={name!r}"
    held = next((vars(base)[name] for base in model.__mro__ if name in vars(base)), None)
    if isinstance(held, ReverseRelation):
        source, other = held.source(), held.relation
    elif isinstance(held, ManyRelation):
        source, other = held.link.target(), held.link.back
    elif held is None:
        return
    else:
        raise FieldError(f"{label}: {model.__name__} has an attribute of that name; choose another")
    if (source.__name__, other) != (cls.__name__, attribute):
        raise FieldError(
            f"{label} is the way back of {source.__name__}.{other} already; each relation to {model.__name__} needs a "
            "name of its own"
        )


def _attach_many(cls: ModelMeta, attribute: str, spec: ManyToManySpec, info: ModelInfo) -> None:
    """Give both sides of a many-to-many relation their way to the other."""
    own_model = _name_of(spec.target) in (cls.__name__, "self") or spec.target is cls
    symmetrical = spec.symmetrical
    if symmetrical is None:
        symmetrical = own_model and spec.related_name is None and spec.through is None
    if symmetrical and not own_model:
        raise FieldError(
            f"{cls.__name__}.{attribute}: only a relation to the model itself can be symmetrical"
        )
    name = _way_name(cls, spec)
    named = name is not None and not name.endswith("+")
    back = str(name) if named else f"{cls.__name__.lower()}_{attribute}+"

    def meant(model: Any, before: Any) -> None:
        model, before = concrete(model), concrete(before)
        if before is not None:
            close_way(before, back, cls)
        if isinstance(model, ModelMeta):
            _attach_many_back(cls, attribute, spec, link.reversed(), model, named)

    through = None
    if spec.through is not None:
        through = _target(cls, attribute, spec.through, lambda model, before: None)

    def target() -> Any:
        return settle()

    between = Between(cls, attribute, target, through, spec.through_fields, spec.table, own_model)
    link = Link(
        attribute,
        back,
        between.table,
        lambda: between.ways()[0],
        lambda: between.ways()[1],
        lambda: cls,
        target,
        through,
        symmetrical,
    )
    settle = _target(cls, attribute, spec.target, meant)
    setattr(cls, attribute, ManyRelation(link))
    info.reverse[attribute] = link.relation()
    if through is None:
        info.between.append(between.table)


def _attach_many_back(
    cls: ModelMeta, attribute: str, spec: ManyToManySpec, link: Link, model: ModelMeta, named: bool
) -> None:
    if named:
        if not link.name.isidentifier() or "__" in link.name:
            raise FieldError(f"{cls.__name__}.{attribute}: related_name={link.name!r} is not a plain name")
        if link.name in model.__chakra__.declared:
            raise FieldError(
                f"{cls.__name__}.{attribute}: related_name={link.name!r} is a field of {model.__name__}"
            )
        _check_way(cls, attribute, spec.target, model, link.name, True)
    open_way(model, link.name, Way(cls, ManyRelation(link) if named else None, link.relation()))


def concrete(model: Any) -> Any:
    """The model that has the table, where a proxy is meant: what points at one points at both."""
    return getattr(model, "__chakra_concrete__", model)


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


def _target(
    cls: ModelMeta, attribute: str, target: Any, meant: Callable[[Any, Any], None]
) -> Callable[[], Any]:
    """A function that returns the model a relation names; a name is settled when it is first called.

    Args:
        meant: called with the model, and with the one that was meant before, or ``None``.
    """
    name = _name_of(target)
    if name is None or name in (cls.__name__, "self"):
        model = target if name is None else cls
        meant(model, None)
        return lambda: model
    reference = registry.Reference(name, registry.scope_of(cls), meant)

    def resolve() -> Any:
        found = reference.settle()
        if found is None:
            raise FieldError(
                f"{cls.__name__}.{attribute} refers to the model {name!r}, which is not defined "
                "(or not imported yet)"
            )
        return found

    return resolve


__all__ = ["ModelInfo", "ModelMeta"]
