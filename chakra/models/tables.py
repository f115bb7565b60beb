"""From what a model declares to the description of its table."""

from __future__ import annotations

import enum
import typing
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chakra._late import late
from chakra.errors import FieldError
from chakra.models.declare import Declared, ModelInfo, stored
from chakra.models.fields import MISSING, FieldSpec, infer_type, snake_case
from chakra.models.keys import (
    attributes_of,
    by_attributes,
    declared_uniques,
    holder,
    listed,
    made_keys,
    pointed_at,
    primary_key,
)
from chakra.models.relations.specs import ForeignKeySpec
from chakra.models.version import version_of
from chakra.models.views import as_view
from chakra.models.words import with_words
from chakra.pg.types import PgType, in_schema
from chakra.schema import Check, Column, Exclude, ForeignKeyConstraint, Hop, Index, Relation, Table, Unique
from chakra.sql.declared import Declaring

if TYPE_CHECKING:
    from chakra.models.choices import Choices, check_choices
    from chakra.pg.conversion.numbers import NUMBERS
    from chakra.schema import MOMENTS, Moment, PythonDefault
else:
    late(globals(), "chakra.models.choices", "Choices check_choices")
    late(globals(), "chakra.pg.conversion.numbers", "NUMBERS")
    late(globals(), "chakra.schema", "MOMENTS Moment PythonDefault")


def table_of(cls: Any, info: ModelInfo) -> Table:
    options = info.options
    columns: list[Column] = []
    automatic: list[Index] = []
    for attribute, declared in stored(info.declared):
        made = made_keys(info).get(attribute, (attribute,))
        columns += [column_of(cls, name) for name in made]
        spec = declared.spec
        if spec.index and not (spec.primary_key or spec.unique):
            automatic.append(Index(*attributes_of(info, attribute)))
    name = options.get("table") or f"{snake_case(cls.__name__)}s"
    plain = Table(
        name, tuple(columns), primary_key(info), options.get("schema"), row_class=cls, label=cls.__name__
    )
    declaring = Declaring(plain, info.keys)
    columns = [_with_sql(cls, column, declaring) for column in columns]
    by_attribute = {column.attribute: column for column in columns}
    keys = [_foreign_key(cls, attribute, info, by_attribute) for attribute in info.keys]
    constraints = listed(info, "constraints")
    uniques = list(map(declaring.unique, declared_uniques(info)))
    table = Table(
        name=name,
        schema=options.get("schema"),
        columns=tuple(columns),
        primary_key=primary_key(info),
        uniques=tuple(unique for unique in uniques if unique.is_constraint),
        checks=tuple(declaring.check(c) for c in constraints if isinstance(c, Check)),
        indexes=_indexes(info, automatic, uniques, declaring),
        foreign_keys=tuple(constraint for constraint, _ in keys),
        exclusions=tuple(
            declaring.exclusion(by_attributes(info, c)) for c in constraints if isinstance(c, Exclude)
        ),
        relations={relation.name: relation for _, relation in keys} | info.reverse,
        between=tuple(info.between),
        row_class=cls,
        ordering=tuple(options.get("ordering", ())),
        label=cls.__name__,
        version=version_of(cls.__name__, info.declared),
        # A default of NULL is left to the server, as in single rows.
        defaults={
            attribute: PythonDefault(default, factory)
            for attribute, _, default, factory in info.plan
            if factory is not None or default not in (MISSING, None)
        },
        moments=dict(_moments(info, columns)),
    )
    if options.get("view") is not None:
        table = as_view(table, options)
    table = with_words(table, info)
    for column in table.columns:
        made = vars(cls)[column.attribute]
        made.column = column
        if column.attribute in table.mutable:
            made.track()
    return table


def _indexes(
    info: ModelInfo, automatic: Iterable[Index], uniques: Iterable[Unique], declaring: Declaring
) -> tuple[Index, ...]:
    """Declared indexes, each once, those of keys that only an index can say, and the automatic ones that nothing makes
    superfluous.
    """
    found = dict.fromkeys(declaring.index(by_attributes(info, index)) for index in listed(info, "indexes"))
    found.update(dict.fromkeys(_index_of(unique) for unique in uniques if not unique.is_constraint))
    covered = {
        index.columns for index in found if index.method == "btree" and not index.unique and index.plain
    }
    key = primary_key(info)
    for index in automatic:
        # The index of a primary key that begins with the same fields finds their rows as well.
        leading = len(index.columns) > 1 and key[: len(index.columns)] == index.columns
        if index.columns not in covered and not leading:
            found.setdefault(index)
    return tuple(found)


def _index_of(unique: Unique) -> Index:
    """The index that a key is of which PostgreSQL has no constraint.

    Raises:
        FieldError: it is deferrable, which no index can be.
    """
    if unique.deferrable is not None:
        shown = unique.name or ", ".join(unique.columns)
        raise FieldError(
            f"Unique({shown}) has a condition or an expression, so that it is an index, which cannot be deferrable; an "
            'Exclude can: Exclude((Lower("name"), "="), deferrable=True)'
        )
    return Index(
        *unique.terms,
        name=unique.name,
        unique=True,
        where=unique.where,
        include=unique.include,
        nulls_not_distinct=unique.nulls_not_distinct,
    )


def _with_sql(cls: Any, column: Column, declaring: Declaring) -> Column:
    """The column with SQL in place of what its field says of its values."""
    info: ModelInfo = cls.__chakra__
    declared = info.declared.get(column.attribute)
    spec = None if declared is None else declared.spec
    if isinstance(spec, ForeignKeySpec | None):
        return column
    where = f"{cls.__name__}.{column.attribute}"
    if spec.generated is not None:
        given = spec.generated
        text = given if isinstance(given, str) else declaring.expression(given, f"{where}, generated=")
        return replace(column, computed=text)
    if spec.db_default is None:
        return column
    return replace(column, db_default=declaring.default(column, spec.db_default, f"{where}, db_default="))


def _column(cls: Any, attribute: str, declared: Declared) -> Column:
    spec: FieldSpec = declared.spec
    where = f"{cls.__name__}.{attribute}"
    type_ = in_schema(
        spec.type or infer_type(declared.annotation, where), cls.__chakra__.options.get("schema")
    )
    members = _members(declared, type_)
    if spec.choices is not None or members is not None:
        check_choices(spec.choices or Choices.of(members), type_, where)
    if spec.moment is not None and type_.base.name not in MOMENTS:
        raise FieldError(
            f"{where} is {type_.sql}; auto_now= and auto_now_add= are for moments, dates and times of day"
        )
    identity = (
        spec.primary_key
        and spec.identity is None
        and spec.generated is None
        and type_.name in ("int2", "int4", "int8")
        and spec.db_default is None
        and spec.default is MISSING
        and spec.default_factory is None
        and sum(bool(d.spec.primary_key) for d in cls.__chakra__.declared.values()) == 1
    )
    if spec.identity and type_.name not in ("int2", "int4", "int8"):
        raise FieldError(f"{where} is {type_.sql}; identity= numbers smallint, integer and bigint")
    return Column(
        name=spec.column or attribute,
        type=type_,
        nullable=(declared.nullable or bool(spec.null)) and not spec.primary_key,
        identity=identity or bool(spec.identity),
        always=spec.identity.always if spec.identity else False,
        serial=spec.identity.serial if spec.identity else False,
        virtual=not spec.stored,
        sequence=spec.identity.options if spec.identity else None,
        collation=spec.collation,
        comment=spec.comment,
        storage=spec.storage,
        compression=spec.compression,
        attribute=attribute,
        members=members,
    )


def _members(declared: Declared, type_: PgType) -> enum.EnumMeta | None:
    """The Python enum whose members instances hold, of a column of plain values: where the annotation says so, or
    where there is none.
    """
    base = type_.base
    element = base.element if base.kind == "array" and base.element is not None else base
    annotation = declared.annotation
    if base.kind == "array":
        annotation = next(iter(typing.get_args(annotation)), annotation)
    choices = declared.spec.choices
    cls = choices.enum if annotation is None and choices is not None else annotation
    return cls if isinstance(cls, enum.EnumMeta) and _is_plain(element.base.name) else None


_PLAIN = frozenset({"text", "varchar", "bpchar", "citext"})


def _is_plain(name: str) -> bool:
    """Whether the values of a type are those of members of a Python enum."""
    return name in _PLAIN or name in NUMBERS


def _moments(info: ModelInfo, columns: Iterable[Column]) -> Iterable[tuple[str, Moment]]:
    for column in columns:
        declared = info.declared.get(column.attribute)
        moment = getattr(declared.spec, "moment", None) if declared is not None else None
        if moment is not None:
            yield column.attribute, Moment(moment == "write", MOMENTS[column.type.base.name])


def column_of(cls: Any, attribute: str) -> Column:
    """The column behind an attribute of a model, whose table need not be there yet."""
    info: ModelInfo = cls.__chakra__
    name, declared, position = holder(info, attribute)
    spec = declared.spec
    if not isinstance(spec, ForeignKeySpec):
        return _column(cls, name, declared)
    target, pointed = _pointed(cls, name, info)
    return Column(
        name=spec.column or attribute,
        type=column_of(target, pointed[position]).type,
        nullable=(declared.nullable or bool(spec.null)) and attribute not in primary_key(info),
        comment=spec.comment,
        attribute=attribute,
    )


def _pointed(cls: Any, attribute: str, info: ModelInfo) -> tuple[Any, tuple[str, ...]]:
    """The model that a foreign key refers to, and the attributes of it that the key holds.

    Raises:
        FieldError: it is no model, has no such key, or one of another number of fields than the model made for it.
    """
    label = f"{cls.__name__}.{attribute}"
    target = info.relations[attribute].target()
    if not hasattr(target, "__chakra__"):
        raise FieldError(f"{label} must refer to a model, not {target!r}")
    spec: ForeignKeySpec = info.declared[attribute].spec
    pointed, held = pointed_at(label, spec, target), info.keys[attribute]
    if len(pointed) != len(held):
        names = ", ".join(f'"{attribute}_{name}"' for name in pointed)
        raise FieldError(
            f"{label} refers to {target.__name__} by its fields {', '.join(pointed)}, and holds {', '.join(held)}: "
            f"of a model that is named and comes later, or from elsewhere, name the fields that hold its key: "
            f"foreign_key(fields=({names}))"
        )
    return target, pointed


def _foreign_key(
    cls: Any, attribute: str, info: ModelInfo, columns: dict[str, Column]
) -> tuple[ForeignKeyConstraint, Relation]:
    spec: ForeignKeySpec = info.declared[attribute].spec
    target, pointed = _pointed(cls, attribute, info)
    target = target.__chakra_concrete__
    options = target.__chakra__.options
    if options.get("view") is not None and info.options.get("view") is None:
        raise FieldError(
            f"{cls.__name__}.{attribute}: {target.__name__} is a view, to whose rows no key of a table can be held"
        )
    own = [columns[name] for name in info.keys[attribute]]
    able = {
        "set null": [column for column in own if column.nullable],
        "set default": [column for column in own if column.db_default is not None],
    }.get(spec.on_delete, [])
    constraint = ForeignKeyConstraint(
        tuple(column.name for column in own),
        options.get("table") or f"{snake_case(target.__name__)}s",
        tuple(column_of(target, name).name for name in pointed),
        options.get("schema"),
        spec.on_delete,
        spec.deferrable,
        # A column that is shared with others may have to stay.
        tuple(column.name for column in able) if len(able) < len(own) else (),
        spec.on_update,
        spec.match,
        spec.name,
    )
    meant = info.relations[attribute].target()
    hop = Hop(info.keys[attribute], pointed, lambda: meant.__table__)
    return constraint, Relation(attribute, (hop,), any(column.nullable for column in own))


__all__ = ["column_of", "table_of"]
