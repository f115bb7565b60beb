"""What differs in tables: dropped and made ones, columns, keys, conditions, indexes, and what is said of them."""

from __future__ import annotations

from typing import Any

from chakra.errors import MigrationError
from chakra.migrations.diff.plan import Plan
from chakra.migrations.operations import (
    AddColumn,
    AddConstraint,
    AddIndex,
    AlterColumn,
    AlterTable,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropTable,
    RenameConstraint,
    RenameIndex,
    SetPrimaryKey,
)
from chakra.migrations.parts import GROUPS, edited, in_sql, pointing
from chakra.migrations.state import Key, State, title
from chakra.schema import ForeignKeyConstraint, Table
from chakra.schema.terms import changed
from chakra.sql.ddl.tables import creation_order

CONSTRAINTS = ("uniques", "checks", "exclusions", "foreign_keys")


def _kept(plan: Plan) -> list[Key]:
    """Tables of before that stay; partitions are as their parents are."""
    found: list[Key] = []
    for key, table in plan.target.tables.items():
        known = plan.state.tables.get(key)
        if known is not None and known.view is None and table.view is None and table.partition_of is None:
            if known.partition_by != table.partition_by:
                raise MigrationError(
                    f"{title(key)} cannot be cut into partitions otherwise: make another one, copy the rows, rename"
                )
            found.append(key)
    return found


def _by_name(table: Table, group: str) -> dict[str, Any]:
    return {one.name: one for one in getattr(table, group)}


def drop_parts(plan: Plan) -> None:
    """Drop keys, conditions and indexes that are gone or other, foreign keys first; rename those that differ in
    nothing but their names.
    """
    kept = _kept(plan)
    for key in kept:
        _rename_parts(plan, key)
    for key in kept:
        for name, one in _by_name(plan.state.table(key), "foreign_keys").items():
            if _by_name(plan.target.table(key), "foreign_keys").get(name) != one or _in_the_way(
                plan, key, one
            ):
                plan.do(DropConstraint(title(key), name))
    for key in kept:
        for group in ("checks", "exclusions", "uniques"):
            for name, one in _by_name(plan.state.table(key), group).items():
                if _by_name(plan.target.table(key), group).get(name) != one:
                    plan.do(DropConstraint(title(key), name))
        for name, one in _by_name(plan.state.table(key), "indexes").items():
            if _by_name(plan.target.table(key), "indexes").get(name) != one:
                plan.do(DropIndex(title(key), name))


def _rename_parts(plan: Plan, key: Key) -> None:
    for group in GROUPS.values():
        before, after = _by_name(plan.state.table(key), group), _by_name(plan.target.table(key), group)
        fresh = [one for name, one in after.items() if name not in before]
        for name, one in before.items():
            same = next((other for other in fresh if changed(other, name=name) == one), None)
            if name in after or same is None:
                continue
            fresh.remove(same)
            rename = RenameIndex if group == "indexes" else RenameConstraint
            plan.do(rename(title(key), name, same.name))


def _in_the_way(plan: Plan, key: Key, one: ForeignKeyConstraint) -> bool:
    """Whether a foreign key that stays has to be away meanwhile: a column of it gets another type, or what it leads to
    stops being a key for a moment.
    """
    target: Key = (one.target_schema, one.target)
    for where, names in ((key, one.columns), (target, one.target_columns)):
        old, new = plan.state.tables.get(where), plan.target.tables.get(where)
        if old is None or new is None:
            return True
        for name in names:
            before, after = old.by_attribute.get(name), new.by_attribute.get(name)
            if (
                before is None
                or after is None
                or (before.type, before.collation) != (after.type, after.collation)
            ):
                return True
    old, new = plan.state.table(target), plan.target.table(target)
    if set(old.primary_key) == set(one.target_columns):
        return old.primary_key != new.primary_key
    return _key_changes(old, new, one)


def _key_changes(old: Table, new: Table, one: ForeignKeyConstraint) -> bool:
    wanted = set(one.target_columns)
    for group in ("uniques", "indexes"):
        after = _by_name(new, group)
        for name, key in _by_name(old, group).items():
            if {term.column for term in key.terms} == wanted and after.get(name) != key:
                return True
    return False


def drop_tables(plan: Plan) -> None:
    """Drop tables that are gone, those first that refer to others."""
    gone = [
        table
        for key, table in plan.state.tables.items()
        if table.view is None and (key not in plan.target.tables or plan.target.tables[key].view is not None)
    ]
    for table in reversed(creation_order(gone)):
        key = (table.schema, table.name)
        for where, one in pointing(plan.state, key):
            if where != key:
                plan.do(DropConstraint(title(where), str(one.name)))
        if key in plan.state.tables:
            plan.do(DropTable(title(key)))


def create_tables(plan: Plan) -> None:
    """Make tables that are new, with the foreign keys that can be there at once."""
    fresh = [
        table
        for key, table in plan.target.tables.items()
        if table.view is None and key not in plan.state.tables
    ]
    for table in creation_order(fresh):
        early = tuple([one for one in table.foreign_keys if _ready(plan.state, plan.target, table, one)])
        plan.do(CreateTable.of(edited(table, foreign_keys=early)))


def _ready(state: State, target: State, table: Table, one: ForeignKeyConstraint) -> bool:
    """Whether the key that a foreign key leads to is there already, as it will be."""
    key: Key = (one.target_schema, one.target)
    if key == (table.schema, table.name):
        return True
    known, then = state.tables.get(key), target.tables.get(key)
    if known is None or then is None:
        return False
    for name in one.target_columns:
        before, after = known.by_attribute.get(name), then.by_attribute.get(name)
        if before is None or after is None or before.type != after.type:
            return False
    wanted = set(one.target_columns)
    if set(known.primary_key) == wanted:
        return set(then.primary_key) == wanted
    return any(
        {t.column for t in unique.terms} == wanted and unique in then.uniques for unique in known.uniques
    )


def change_columns(plan: Plan) -> None:
    """Add, change and drop columns, and set other primary keys between."""
    for key in _kept(plan):
        name, wanted = title(key), plan.target.table(key)
        known = plan.state.table(key)
        remade = {
            column.name
            for column in wanted.columns
            if column.name in known.by_attribute
            and column.computed is not None
            and (column.computed, column.virtual, column.type)
            != (
                known.by_attribute[column.name].computed,
                known.by_attribute[column.name].virtual,
                known.by_attribute[column.name].type,
            )
        }
        remade |= {
            column.name
            for column in known.columns
            if column.computed is not None
            and column.virtual
            and column.name in wanted.by_attribute
            and wanted.by_attribute[column.name].computed is None
        }
        gone = [c.name for c in known.columns if c.name not in wanted.by_attribute]
        computed = [n for n in gone if known.by_attribute[n].computed is not None]
        late = [column for column in wanted.columns if column.computed is not None]
        # Computed columns read others: they go first, and come last.
        for one in [*computed, *remade, *_reading(known, wanted, remade)]:
            if one in plan.state.table(key).by_attribute:
                plan.do(DropColumn(name, one))
        for column in wanted.columns:
            if column.name not in plan.state.table(key).by_attribute and column.computed is None:
                plan.do(AddColumn(name, column))
        if tuple(plan.state.table(key).primary_key) != wanted.primary_key and wanted.primary_key:
            plan.do(SetPrimaryKey(name, wanted.primary_key))
        elif plan.state.table(key).primary_key and not wanted.primary_key:
            plan.do(SetPrimaryKey(name, ()))
        for column in wanted.columns:
            before = plan.state.table(key).by_attribute.get(column.name)
            if before is not None and before != column:
                plan.do(AlterColumn(name, column))
        for one in gone:
            if one in plan.state.table(key).by_attribute:
                plan.do(DropColumn(name, one))
        for column in late:
            if column.name not in plan.state.table(key).by_attribute:
                plan.do(AddColumn(name, column))


def _reading(known: Table, wanted: Table, remade: set[str]) -> list[str]:
    """Computed columns that read a column whose type changes: the server does not change that under them."""
    other = {
        c.name
        for c in known.columns
        if c.name in wanted.by_attribute and c.type != wanted.by_attribute[c.name].type
    }
    return [
        c.name
        for c in known.columns
        if c.computed is not None
        and c.name in wanted.by_attribute
        and c.name not in remade
        and any(in_sql(c.computed, name) for name in other)
    ]


def add_parts(plan: Plan) -> None:
    """Make keys, conditions and indexes that are not there; foreign keys last, when what they lead to is."""
    kept = [
        key for key, table in plan.target.tables.items() if table.view is None and table.partition_of is None
    ]
    for group in ("uniques", "checks", "exclusions", "indexes", "foreign_keys"):
        for key in kept:
            known = _by_name(plan.state.table(key), group)
            for name, one in _by_name(plan.target.table(key), group).items():
                if name not in known:
                    plan.do(
                        AddIndex(title(key), one) if group == "indexes" else AddConstraint(title(key), one)
                    )


def say_words(plan: Plan) -> None:
    """Comments, storage and the like of whole tables."""
    for key in _kept(plan):
        known, wanted = plan.state.table(key), plan.target.table(key)
        words = {
            word: getattr(wanted, word)
            for word in ("comment", "storage", "tablespace", "unlogged")
            if getattr(wanted, word) != getattr(known, word)
        }
        if words:
            plan.do(AlterTable(title(key), **words))


__all__ = [
    "add_parts",
    "change_columns",
    "create_tables",
    "drop_parts",
    "drop_tables",
    "say_words",
]
