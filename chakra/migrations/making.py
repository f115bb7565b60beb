"""A new migration: what the models ask for and the history does not have yet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from textwrap import shorten
from types import MappingProxyType
from typing import Any, TypeAlias

from chakra.errors import MigrationError
from chakra.migrations.diff import Rename, diff
from chakra.migrations.files.graph import Graph
from chakra.migrations.files.source import file_source
from chakra.migrations.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    CreateTable,
    Operation,
    RunPython,
    RunSQL,
)
from chakra.migrations.parts import column_of
from chakra.migrations.state import Key, State, key_of
from chakra.schema import ForeignKeyConstraint

Values: TypeAlias = "Mapping[tuple[str, str], str]"
"""SQL by table and column."""

_GROUPS = ("enums", "domains", "composites", "sequences", "tables", "guards")


@dataclass(frozen=True)
class Made:
    """A migration that was made, and not written yet.

    Attributes:
        name: of its file.
        source: of its file.
        operations: it consists of.
    """

    name: str
    source: str
    operations: tuple[Operation, ...]


def target_of(graph: Graph, app: str, wanted: State) -> State:
    """The state that a history leads to once an app is as its models say; the others stay as they are.

    Args:
        wanted: what the models of the app ask for.

    Raises:
        MigrationError: a foreign key leads to a table of another app that no migration makes yet.
    """
    owned, state = owned_by(graph, app), graph.state
    changes: dict[str, Any] = {}
    for group in _GROUPS:
        rest = {key: value for key, value in getattr(state, group).items() if key not in owned[group]}
        changes[group] = MappingProxyType({**rest, **getattr(wanted, group)})
    for group in ("schemas", "extensions"):
        mine = owned[group]
        changes[group] = (getattr(state, group) - mine) | getattr(wanted, group)
    for table in wanted.tables.values():
        for one in table.foreign_keys:
            if (one.target_schema, one.target) not in changes["tables"]:
                raise MigrationError(
                    f"{table.name} refers to {one.target}, which no migration makes yet: chakra migrate make --app … "
                    "of the app that has its model, first"
                )
    return replace(state, **changes)


def owned_by(graph: Graph, app: str) -> dict[str, set[object]]:
    """What the migrations of an app made, by the attribute of a state and name."""
    owned: dict[str, dict[object, str]] = {group: {} for group in (*_GROUPS, "schemas", "extensions")}
    state = State()
    for one in graph.active:
        after = one.apply(state)
        for group, owners in owned.items():
            before, now = set(getattr(state, group)), set(getattr(after, group))
            for key in now - before:
                owners[key] = one.key.app
            for key in before - now:
                owners.pop(key, None)
        state = after
    return {group: {key for key, owner in owners.items() if owner == app} for group, owners in owned.items()}


def unfilled(operations: Iterable[Operation], state: State) -> list[tuple[str, str]]:
    """Columns that are to be NOT NULL, and that rows which are there get no value for: table and column.

    Args:
        state: before the operations.
    """
    found: list[tuple[str, str]] = []
    fresh: set[str] = set()
    for one in operations:
        if isinstance(one, CreateTable):
            fresh.add(one.name)
        elif isinstance(one, AddColumn) and one.table not in fresh:
            column = one.column
            given = column.nullable or column.generated or one.fill is not None
            if not given:
                found.append((one.table, column.name))
        elif isinstance(one, AlterColumn) and one.table not in fresh and one.fill is None:
            before = column_of(state.table(key_of(one.table)), one.column.name)
            if before.nullable and not one.column.nullable:
                found.append((one.table, one.column.name))
        state = one.apply(state)
    return found


def filled(operations: Iterable[Operation], values: Values) -> list[Operation]:
    """The operations with SQL of values for rows that are there.

    Args:
        values: SQL by table and column.

    Raises:
        MigrationError: one is for a column that needs none.
    """
    left = dict(values)
    made: list[Operation] = []
    for one in operations:
        if isinstance(one, AddColumn | AlterColumn):
            value = left.pop((one.table, one.column.name), None)
            one = one if value is None else replace(one, fill=value)
        made.append(one)
    for table, column in left:
        raise MigrationError(
            f"a value is said for {table}.{column}, which is neither added nor made NOT NULL here"
        )
    return made


def converted(operations: Iterable[Operation], values: Values) -> list[Operation]:
    """The operations with SQL of values in another type.

    Raises:
        MigrationError: one is for a column whose type stays.
    """
    left = dict(values)
    made: list[Operation] = []
    for one in operations:
        if isinstance(one, AlterColumn):
            value = left.pop((one.table, one.column.name), None)
            one = one if value is None else replace(one, using=value)
        made.append(one)
    for table, column in left:
        raise MigrationError(f"--using is said for {table}.{column}, which gets no other type here")
    return made


def make(
    graph: Graph,
    app: str,
    wanted: State,
    *,
    renames: Iterable[Rename] = (),
    fills: Values | None = None,
    usings: Values | None = None,
    name: str | None = None,
) -> Made | None:
    """The migration that leads from the history to what the models of an app ask for; ``None`` = nothing is missing.

    Args:
        renames: what is called otherwise; nothing is guessed.
        fills: SQL of values for rows that are there, by table and column.
        usings: SQL of values in another type, by table and column, where a cast is not what is meant.
        name: what it is called; default: made of what it does.

    Raises:
        MigrationError: the history has two ends, a value is missing, or the server cannot do it.
    """
    requires = head_of(graph, app)
    old = graph.state
    operations = filled(diff(old, target_of(graph, app, wanted), renames), fills or {})
    operations = converted(operations, usings or {})
    if not operations:
        return None
    missing = unfilled(operations, old)
    if missing:
        raise MigrationError(missing_values(missing))
    return written(graph, app, operations, requires, name)


def missing_values(missing: list[tuple[str, str]]) -> str:
    """What is said of columns that rows which are there have no value for."""
    shown = ", ".join(f"{table}.{column}" for table, column in missing)
    table, column = missing[0]
    return (
        f"{shown}: NOT NULL, and rows that are there need a value. Say --fill \"{table}.{column}='…'\" (SQL; it "
        "may name other columns), give the field db_default=…, or let it be None"
    )


def head_of(graph: Graph, app: str) -> list[str]:
    """The end of an app's history, if it has any.

    Raises:
        MigrationError: it has several.
    """
    heads = graph.heads(app)
    if len(heads) > 1:
        ends = ", ".join(str(one.key) for one in heads)
        raise MigrationError(
            f"the history has {len(heads)} ends ({ends}): join them: chakra migrate make --merge"
        )
    return [head.key.name for head in heads]


def written(
    graph: Graph,
    app: str,
    operations: list[Operation],
    requires: list[str],
    name: str | None,
    behind: int = 0,
) -> Made:
    """A migration of operations.

    Args:
        requires: of the same app, and more.
        name: what it is called; default: made of what it does.
        behind: how many others are made before it.
    """
    number = _next_number(graph, app) + behind
    chosen = f"{number:04}_{_slug(name) if name else _name_of(operations, bool(graph.heads(app)))}"
    sentence = "; ".join(one.describe() for one in operations[:4]) + ("; …" if len(operations) > 4 else "")
    return Made(
        chosen,
        file_source(
            operations,
            title=shorten(f"{sentence[:1].upper()}{sentence[1:]}.", 110, placeholder=" …"),
            requires=dict.fromkeys([*requires, *_others(graph, app, operations)]),
        ),
        tuple(operations),
    )


def empty(graph: Graph, app: str, name: str) -> Made:
    """A migration with functions to be written by hand."""
    number = _next_number(graph, app)
    requires = ", ".join(f'"{one.key.name}"' for one in graph.heads(app))
    source = (
        f'"""{name.strip() or "Data"}."""\n\nrequires = [{requires}]\n\n\n'
        'async def forward(db):\n    await db.execute("SELECT 1")\n\n\n'
        'async def backward(db):\n    await db.execute("SELECT 1")\n'
    )
    return Made(f"{number:04}_{_slug(name)}", source, ())


def merge(graph: Graph, app: str) -> Made | None:
    """A migration that joins the ends of a history; ``None`` = there is one end.

    Raises:
        MigrationError: what they do does not go together.
    """
    heads = graph.heads(app)
    if len(heads) < 2:
        return None
    _ = graph.state  # says what does not go together
    names = [one.key.name for one in heads]
    source = file_source([], title=f"Join {' and '.join(names)}.", requires=names)
    return Made(f"{_next_number(graph, app):04}_merge", source, ())


def squash(graph: Graph, app: str, first: int, last: int) -> Made:
    """One migration in place of several that follow one another.

    Args:
        first, last: numbers of the migrations.

    Raises:
        MigrationError: there are fewer than two, others stand on one between, or one runs SQL or Python of its own.
    """
    chosen = [one for one in graph.active if one.key.app == app and first <= int(one.key.name[:4]) <= last]
    if len(chosen) < 2:
        raise MigrationError(
            f"there are {len(chosen)} migrations from {first:04} to {last:04}: nothing to squash"
        )
    inner = {one.key for one in chosen}
    for one in chosen:
        for operation in one.operations:
            if isinstance(operation, RunPython) or (isinstance(operation, RunSQL) and not operation.changes):
                raise MigrationError(
                    f"{one.key} {operation.describe()}, which has to be kept: squash what is before it and behind it"
                )
    for other in graph.active:
        if other.key not in inner and any(
            name in inner and name != chosen[-1].key for name in other.requires
        ):
            raise MigrationError(f"{other.key} stands on one between them: squash up to that one")
    before = graph.state_before(chosen[0].key)
    after = before
    for one in chosen:
        after = one.apply(after)
    operations = diff(before, after)
    requires = [
        str(name) if name.app != app else name.name
        for one in chosen
        for name in one.requires
        if name not in inner
    ]
    replaces = [one.key.name for one in chosen]
    source = file_source(
        operations,
        title=f"Squashed {replaces[0]} to {replaces[-1]}.",
        requires=dict.fromkeys(requires),
        replaces=replaces,
    )
    return Made(f"{first:04}_squashed_to_{last:04}", source, tuple(operations))


def _others(graph: Graph, app: str, operations: list[Operation]) -> list[str]:
    """The migrations of other apps that operations stand on: the last ones of apps whose tables they refer to."""
    targets: set[Key] = set()
    for one in operations:
        keys = (
            one.constraints
            if isinstance(one, CreateTable)
            else [one.constraint]
            if isinstance(one, AddConstraint)
            else []
        )
        targets |= {(k.target_schema, k.target) for k in keys if isinstance(k, ForeignKeyConstraint)}
    apps = sorted({one.key.app for one in graph.order} - {app})
    found = [
        head for other in apps if targets & owned_by(graph, other)["tables"] for head in graph.heads(other)
    ]
    return [f"{one.key.app}:{one.key.name}" for one in found]


def _next_number(graph: Graph, app: str) -> int:
    return 1 + max([int(one.key.name[:4]) for one in graph.order if one.key.app == app], default=0)


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text.lower()).strip("_")[:50] or "change"


def _name_of(operations: list[Operation], has_history: bool) -> str:
    """What a migration is called: by what it does, if that is one or two things; the first one is the initial one."""
    if not has_history and all(not isinstance(one, AddColumn | AlterColumn) for one in operations):
        return "initial"
    words = [
        one.describe().replace(" column ", " ").replace(" of ", " ").replace(" to ", " ")
        for one in operations
    ]
    if len(words) <= 2:
        return _slug(" and ".join(words))
    said = [[getattr(one, word, None) for word in ("table", "name")] for one in operations]
    tables = dict.fromkeys([next((name for name in names if isinstance(name, str)), "") for names in said])
    return _slug("change " + " ".join([name for name in tables if name][:3]))


__all__ = [
    "Made",
    "Values",
    "converted",
    "empty",
    "filled",
    "head_of",
    "make",
    "merge",
    "missing_values",
    "owned_by",
    "squash",
    "target_of",
    "unfilled",
    "written",
]
