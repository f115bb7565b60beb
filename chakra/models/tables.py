"""From what a model declares to the description of its table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chakra.errors import FieldError
from chakra.models.declare import Declared, ModelInfo, key_attribute, stored
from chakra.models.fields import MISSING, FieldSpec, infer_type, snake_case
from chakra.models.relations.specs import ForeignKeySpec
from chakra.pg.types import in_schema
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


def table_of(cls: Any, info: ModelInfo) -> Table:
    options = info.options
    columns: list[Column] = []
    keys: list[str] = []
    uniques: list[Unique] = []
    automatic: list[Index] = []
    constraints: list[ForeignKeyConstraint] = []
    relations: dict[str, Relation] = {}
    for attribute, declared in stored(info.declared):
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
        between=tuple(info.between),
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


def _column(cls: Any, attribute: str, declared: Declared) -> Column:
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
    cls: Any, attribute: str, declared: Declared, info: ModelInfo
) -> tuple[Column, ForeignKeyConstraint, Relation]:
    spec: ForeignKeySpec = declared.spec
    target = info.relations[attribute].target()
    if not hasattr(target, "__chakra__"):
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


def _target_key(cls: Any, attribute: str, target: Any) -> tuple[str, str | None, Column]:
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


__all__ = ["table_of"]
