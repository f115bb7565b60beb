"""What differs in schemas, extensions, types and sequences."""

from __future__ import annotations

from dataclasses import replace

from chakra.errors import MigrationError
from chakra.migrations.diff.plan import Plan
from chakra.migrations.frozen import type_of_text
from chakra.migrations.operations import (
    AddLabel,
    AlterColumn,
    AlterComposite,
    AlterDomain,
    AlterSequence,
    CreateComposite,
    CreateDomain,
    CreateEnum,
    CreateExtension,
    CreateSchema,
    CreateSequence,
    DropComposite,
    DropDomain,
    DropEnum,
    DropExtension,
    DropSchema,
    DropSequence,
    RecreateEnum,
)
from chakra.migrations.operations.around import around
from chakra.migrations.operations.types import users_of
from chakra.migrations.parts import column_of
from chakra.migrations.state import Key, title
from chakra.pg.types import PgType


def create_grounds(plan: Plan) -> None:
    """Schemas and extensions that are new."""
    for name in sorted(plan.target.schemas - plan.state.schemas):
        plan.do(CreateSchema(name))
    for name in sorted(plan.target.extensions - plan.state.extensions):
        plan.do(CreateExtension(name))


def change_types(plan: Plan) -> None:
    """Types and sequences that are new or other."""
    for key, labels in plan.target.enums.items():
        if key not in plan.state.enums:
            plan.do(CreateEnum(title(key), labels))
        elif plan.state.enums[key] != labels:
            _change_enum(plan, key, labels)
    for key, sequence in plan.target.sequences.items():
        if key not in plan.state.sequences:
            plan.do(CreateSequence(sequence))
        elif plan.state.sequences[key] != sequence:
            plan.do(AlterSequence(sequence))
    for key, domain in plan.target.domains.items():
        known = plan.state.domains.get(key)
        if known is None:
            plan.do(CreateDomain(title(key), domain))
        elif (known.type, known.collation) != (domain.type, domain.collation):
            _stand_on(plan, key, known.type)
            plan.do(DropDomain(title(key)))
            plan.do(CreateDomain(title(key), domain))
        elif known != domain:
            plan.do(AlterDomain(title(key), domain))
    for key, composite in plan.target.composites.items():
        before = plan.state.composites.get(key)
        if before is None:
            plan.do(CreateComposite(title(key), composite.fields))
        elif dict(before.fields) != dict(composite.fields):
            _check_fields(plan, key, dict(before.fields), dict(composite.fields))
            plan.do(AlterComposite(title(key), composite.fields))


def _check_fields(plan: Plan, key: Key, before: dict[str, str], after: dict[str, str]) -> None:
    """The server changes no field's type while a table has columns of the composite type."""
    other = [name for name, type_ in after.items() if before.get(name, type_) != type_]
    users = [
        f"{title(where)}.{name}"
        for where, _, names in users_of(plan.state, key)
        if where in plan.target.tables
        for name in names
        if name in plan.target.tables[where].by_attribute
    ]
    if other and users:
        raise MigrationError(
            f"{title(key)}.{other[0]} cannot become {after[other[0]]}: the server changes no field of a "
            f"composite type that columns have ({', '.join(users)}). Give the new field another name, and copy the "
            "values in a migration of their own, or make another type and another column"
        )


def _change_enum(plan: Plan, key: Key, labels: tuple[str, ...]) -> None:
    old = plan.state.enums[key]
    name = title(key)
    if [one for one in labels if one in old] == list(old):
        for position, label in enumerate(labels):
            if label not in old:
                if position:
                    plan.do(AddLabel(name, label, after=labels[position - 1]))
                else:
                    plan.do(AddLabel(name, label, before=old[0]))
        return
    # A default that is another one later may hold a label that is gone.
    for where, table, names in list(users_of(plan.state, key)):
        wanted = plan.target.tables.get(where)
        for one in names:
            column = column_of(table, one)
            then = None if wanted is None else wanted.by_attribute.get(one)
            if column.db_default is not None and (then is None or then.db_default != column.db_default):
                plan.do(AlterColumn(title(where), replace(column, db_default=None)))
    columns = {where: names for where, _, names in users_of(plan.state, key)}
    for operation in around(plan.state, columns, RecreateEnum(name, labels)):
        plan.do(operation)


def _stand_on(plan: Plan, key: Key, base: str) -> None:
    """Change the columns of a domain over to what it stands on, so that it can be made anew."""
    for where, table, names in list(users_of(plan.state, key)):
        for name in names:
            column = column_of(table, name)
            type_ = type_of_text(base)
            if column.type.kind == "array":
                type_ = PgType(f"_{type_.name}", kind="array", element=type_, ndims=column.type.ndims)
            plan.do(AlterColumn(title(where), replace(column, type=type_)))


def drop_kinds(plan: Plan) -> None:
    """What is gone, once nothing uses it any more."""
    for key in list(plan.state.sequences):
        if key not in plan.target.sequences:
            plan.do(DropSequence(title(key)))
    for key in list(plan.state.composites):
        if key not in plan.target.composites:
            plan.do(DropComposite(title(key)))
    for key in list(plan.state.domains):
        if key not in plan.target.domains:
            plan.do(DropDomain(title(key)))
    for key in list(plan.state.enums):
        if key not in plan.target.enums:
            plan.do(DropEnum(title(key)))
    for name in sorted(plan.state.extensions - plan.target.extensions):
        plan.do(DropExtension(name))
    for name in sorted(plan.state.schemas - plan.target.schemas):
        plan.do(DropSchema(name))


__all__ = ["change_types", "create_grounds", "drop_kinds"]
