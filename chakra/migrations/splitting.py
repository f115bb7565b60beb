"""Changes of types as three migrations, which leave the table in use: expand, fill, contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeAlias

from chakra.errors import MigrationError
from chakra.migrations.diff import Rename, diff
from chakra.migrations.diff.plan import Plan
from chakra.migrations.diff.renames import do_renames
from chakra.migrations.files.graph import Graph
from chakra.migrations.in_step import cast_of
from chakra.migrations.making import (
    Made,
    Values,
    filled,
    head_of,
    missing_values,
    owned_by,
    target_of,
    unfilled,
    written,
)
from chakra.migrations.operations import ContractColumn, ExpandColumn, FillColumn, Operation, SwapColumn
from chakra.migrations.operations.around import policy_names, trigger_names, views_of
from chakra.migrations.parts import GROUPS, edited, names_column, pointing
from chakra.migrations.rewrites import rewrites
from chakra.migrations.state import Key, State, title
from chakra.schema import Column, ForeignKeyConstraint, Guard, Table
from chakra.schema.naming import object_name

Columns: TypeAlias = "Mapping[Key, tuple[str, ...]]"
"""Names of columns by table."""


def renamed(old: State, new: State, renames: Iterable[Rename]) -> State:
    """A state with what is called otherwise under its new names."""
    plan = Plan(old, new)
    do_renames(plan, list(renames))
    return plan.state


def rewritten(old: State, new: State) -> dict[Key, tuple[str, ...]]:
    """The columns that get another type, for which the server writes all rows anew.

    Args:
        old: with what is called otherwise under its new names.
    """
    found: dict[Key, tuple[str, ...]] = {}
    for key, table in new.tables.items():
        before = old.tables.get(key)
        if before is None or table.view is not None or before.view is not None:
            continue
        names = tuple([column.name for column in table.columns if _rewrites(before, column)])
        if names:
            found[key] = names
    return found


def _rewrites(table: Table, column: Column) -> bool:
    before = table.by_attribute.get(column.name)
    if before is None or before.computed is not None or column.computed is not None:
        return False
    return before.type != column.type and rewrites(before.type, column.type)


def halfway(old: State, new: State, columns: Columns) -> State:
    """What the models ask for, but that these columns, and what is about them, are as before. What is about them and
    is to be another one is not there.
    """
    tables = dict(new.tables)
    for key, names in columns.items():
        before, after = old.table(key), new.table(key)
        if before.primary_key != after.primary_key and {*before.primary_key, *after.primary_key} & set(names):
            raise MigrationError(
                f"{title(key)} gets another primary key, and one of its columns another type: make two migrations of it"
            )
        changes: dict[str, Any] = {
            group: tuple(
                [
                    one
                    for one in getattr(after, group)
                    if one in getattr(before, group) or not any(names_column(one, name) for name in names)
                ]
            )
            for group in GROUPS.values()
        }
        kept = [before.by_attribute[c.name] if c.name in names else c for c in after.columns]
        tables[key] = edited(after, columns=tuple(kept), **changes)
    for key, names in columns.items():
        for owner, one in pointing(replace(new, tables=MappingProxyType(tables)), key):
            known = old.tables.get(owner)
            if set(names) & set(one.target_columns) and (known is None or one not in known.foreign_keys):
                rest = tuple([other for other in tables[owner].foreign_keys if other != one])
                tables[owner] = edited(tables[owner], foreign_keys=rest)
    for view in views_of(new, [name for _, name in columns]):
        where: Key = (view.schema, view.name)
        del tables[where]
        if where in old.tables:
            tables[where] = old.tables[where]
    used = {_name(old.table(key).by_attribute[name]) for key, names in columns.items() for name in names}
    kinds: dict[str, Any] = {
        kind: MappingProxyType(
            {**{key: one for key, one in getattr(old, kind).items() if key in used}, **getattr(new, kind)}
        )
        for kind in ("enums", "domains", "composites")
    }
    guards = {key: _guard(old.guard(key), guard, columns.get(key, ())) for key, guard in new.guards.items()}
    return replace(
        new,
        tables=MappingProxyType(tables),
        guards=MappingProxyType(guards),
        extensions=new.extensions | old.extensions,
        schemas=new.schemas | old.schemas,
        **kinds,
    )


def _name(column: Column) -> Key:
    type_ = column.type if column.type.element is None else column.type.element
    return type_.schema, type_.typname


def _guard(before: Guard, after: Guard, names: tuple[str, ...]) -> Guard:
    policies = {
        one: policy
        for one, policy in after.policies.items()
        if before.policies.get(one) == policy or not policy_names(policy, names)
    }
    triggers = {
        one: trigger
        for one, trigger in after.triggers.items()
        if before.triggers.get(one) == trigger or not trigger_names(trigger, names)
    }
    return replace(after, policies=policies, triggers=triggers)


def split(
    graph: Graph,
    app: str,
    wanted: State,
    *,
    renames: Iterable[Rename] = (),
    fills: Values | None = None,
    usings: Values | None = None,
    backs: Values | None = None,
    name: str | None = None,
) -> list[Made]:
    """The migrations that lead to what the models of an app ask for without writing a table anew: what is no change of
    a type, if anything; columns beside those that get another type; their values; and the exchange.

    Args:
        renames, fills, name: as :func:`chakra.migrations.making.make` takes them.
        usings, backs: SQL of the value in the new type, and of that in the old one, by table and column, where a cast
            is not what is meant.

    Raises:
        MigrationError: as ``make``; or a column cannot get its type step by step, and why.
    """
    old, target, taken = graph.state, target_of(graph, app, wanted), list(renames)
    before = renamed(old, target, taken)
    columns = rewritten(before, target)
    fillings, forwards, backwards = dict(fills or {}), dict(usings or {}), dict(backs or {})
    expand: list[Operation] = []
    fill: list[Operation] = []
    swaps: list[Operation] = []
    contract: list[Operation] = []
    for key, names in columns.items():
        for one in names:
            where = (title(key), one)
            parts = _operations(
                before.table(key),
                target.table(key),
                one,
                (forwards.pop(where, None), backwards.pop(where, None)),
                fillings.pop(where, None),
            )
            for operations, operation in zip((expand, fill, swaps, contract), parts, strict=True):
                operations.append(operation)
    for word, left in (("using", forwards), ("back", backwards)):
        for table, column in left:
            raise MigrationError(
                f"--{word} is said for {table}.{column}, for whose type no row is written anew"
            )
    first = filled(diff(old, halfway(before, target, columns) if columns else target, taken), fillings)
    state = old
    for operation in first:
        state = operation.apply(state)
    missing = unfilled(first, old)
    if missing:
        raise MigrationError(missing_values(missing))
    for operation in (*expand, *fill, *swaps, *contract):
        state = operation.apply(state)
    contract = [*swaps, *contract, *diff(state, target)]
    others = _others(graph, app, before, columns)
    requires = head_of(graph, app)
    subject = " ".join([f"{title(key)} {' '.join(names)}" for key, names in columns.items()])
    made: list[Made] = []
    for word, operations in (("", first), ("expand", expand), ("fill", fill), ("contract", contract)):
        if operations:
            called = f"{word} {name or subject}" if word else name
            beside = others if word == "contract" else ()
            made.append(written(graph, app, operations, [*requires, *beside], called, len(made)))
            requires = [made[-1].name]
    return made


def _operations(
    before: Table, after: Table, name: str, said: tuple[str | None, str | None], fill: str | None
) -> tuple[Operation, Operation, Operation, Operation]:
    """Expand, fill, swap and contract, of one column."""
    where = title((after.schema, after.name))
    old, new = before.by_attribute[name], after.by_attribute[name]
    forward, backward = said[0] or cast_of(name, new), said[1] or cast_of(name, old)
    if old.nullable and not new.nullable:
        if fill is None:
            raise MigrationError(missing_values([(where, name)]))
        forward = f"coalesce({forward}, {fill})"
    taken = {*before.by_attribute, *after.by_attribute}
    beside, kept = _free(taken, name, "new"), _free(taken, name, "old")
    # How it is numbered changes behind, where it does: the numbers go on meanwhile.
    then = replace(new, identity=old.identity, always=old.always, sequence=old.sequence)
    shadow = replace(then, name=beside, attribute=beside, nullable=True, db_default=None, comment=None)
    shadow = replace(shadow, identity=False, always=False, sequence=None)
    return (
        ExpandColumn(where, name, shadow, forward, backward),
        FillColumn(where, beside, forward),
        SwapColumn(where, name, beside, kept, then, forward, backward),
        ContractColumn(where, name, kept, backward, forward),
    )


def _free(taken: set[str], name: str, word: str) -> str:
    found, number = object_name(name, word), 1
    while found in taken:
        number += 1
        found = object_name(name, f"{word}{number}")
    return found


def _others(graph: Graph, app: str, state: State, columns: Columns) -> list[str]:
    """The last migrations of other apps whose foreign keys lead to these columns, and are exchanged with them."""
    owners = {
        owner
        for key, names in columns.items()
        for owner, one in pointing(state, key)
        if isinstance(one, ForeignKeyConstraint) and set(names) & set(one.target_columns)
    }
    apps = sorted({one.key.app for one in graph.order} - {app})
    return [
        f"{head.key.app}:{head.key.name}"
        for other in apps
        if owners & owned_by(graph, other)["tables"]
        for head in graph.heads(other)
    ]


__all__ = ["halfway", "renamed", "rewritten", "split"]
