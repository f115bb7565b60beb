"""Random states, and rows that fit whatever they become: every number and text of a row is the row's number."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from types import MappingProxyType
from typing import Any

from chakra.migrations import Column, ForeignKey
from chakra.migrations.operations import AddColumn, AlterColumn, Operation
from chakra.migrations.parts import edited
from chakra.migrations.state import Domain, Key, State
from chakra.schema import (
    Check,
    Exclude,
    Guard,
    Identity,
    Index,
    Policy,
    Sequence,
    Table,
    Term,
    Trigger,
    Unique,
    View,
)

# Types of one row change into one another with the values below.
FAMILIES: dict[str, tuple[str, ...]] = {
    "n": ("smallint", "integer", "bigint", "numeric", "numeric(12, 2)", "numeric(14, 2)", "double precision"),
    "s": ("text", "character varying(20)", "character varying(50)", "bigint", "integer"),
    "d": ("date", "timestamp without time zone", "timestamp(3) with time zone", "timestamp with time zone"),
    "j": ("jsonb", "json"),
    "a": ("integer[]", "bigint[]", "text[]"),
    "e": ("mood", "text"),
    "m": ("mood[]",),
    "p": ("price", "numeric(12, 2)"),
}
VALUES = {
    "n": "{row}",
    "s": "{row}::text",
    "d": "'2024-01-01'::date + {row}::int",
    "j": "'{{\"a\": 1}}'",
    "a": "ARRAY[{row}]",
    "e": "'ok'",
    "m": "ARRAY['ok']::mood[]",
    "p": "{row}",
    "f": "{row}",
}
DEFAULTS = {
    "n": ("7", "(3 + 4)", "nextval('numbers')"),
    "s": ("'7'", "'0'"),
    "d": ("now()", "'2020-01-01'", "clock_timestamp()"),
    "j": ("'{}'", "'[]'"),
    "a": ("'{}'", "ARRAY[1]"),
    "e": ("'ok'",),
    "m": ("ARRAY['ok']::mood[]",),
    "p": ("1", "2.5"),
}
LABELS = (
    ("sad", "ok"),
    ("sad", "ok", "happy"),
    ("angry", "sad", "so so", "ok"),
    ("ok", "sad"),
    ("ok", "it's"),
)
ROWS = 3


def family(column: str) -> str:
    """Which types a column can have, by its name."""
    return column[0]


def value_of(column: str, type_: str, row: str) -> str:
    """SQL of the value of a column in a row."""
    text = VALUES[family(column)].format(row=row)
    return f"({text})::{type_}" if family(column) in "nspa" else text


def random_state(random: Random, base: State | None = None) -> State:
    """A state; where one is given, one that has much of it."""
    extra = random.random() < 0.8
    labels = random.choice(LABELS)
    tables: dict[Key, Table] = {}
    names = [name for name in ("alpha", "beta", "gamma", "Delta d") if random.random() < 0.75] or ["alpha"]
    schemas = {"app"} if random.random() < 0.5 else set()
    for name in names:
        key: Key = (random.choice(sorted(schemas)) if schemas and name == "gamma" else None, name)
        known = base.tables.get(key) if base else None
        if known is not None and random.random() < 0.25:
            columns = tuple([column for column in known.columns if family(column.name) != "f"])
            tables[key] = edited(known, columns=columns, foreign_keys=())
        else:
            tables[key] = _table(random, key, known)
    types = {column.type.typname for table in tables.values() for column in table.columns}
    if not extra and not types & {"price", "_price"}:
        domains = {}
    else:
        checks = (("price_check", "VALUE >= 0::numeric"),) if random.random() < 0.5 else ()
        domains = {(None, "price"): Domain("numeric(12,2)", checks=checks)}
    tables = {key: _keyed(random, key, table, tables) for key, table in tables.items()}
    tables |= _views(random, tables)
    sequences = {(None, "numbers"): Sequence("numbers", increment=random.choice((1, 2)))}
    guards: dict[Key, Guard] = {}
    for key, table in tables.items():
        if table.view is None and random.random() < 0.3:
            policies = {"seen": Policy("select", using=random.choice(("(id > 0)", "true")))}
            triggers = {
                "same": Trigger(
                    "BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
                )
            }
            guards[key] = Guard(
                random.random() < 0.5,
                False,
                policies if random.random() < 0.5 else {},
                triggers if random.random() < 0.5 else {},
            )
            if guards[key] == Guard():
                del guards[key]
    return State(
        schemas=frozenset(schemas),
        extensions=frozenset({"btree_gist"}),
        enums=MappingProxyType({(None, "mood"): labels}),
        domains=MappingProxyType(domains),
        sequences=MappingProxyType(sequences),
        tables=MappingProxyType(tables),
        guards=MappingProxyType(guards),
    )


def _table(random: Random, key: Key, known: Table | None) -> Table:
    columns: list[Any] = [
        Column(
            "id",
            random.choice(("bigint", "integer")),
            identity=random.choice(("always", "by default", "serial")),
        )
    ]
    if random.random() < 0.2:
        columns[0] = replace(columns[0], sequence=Identity(increment=2).options)
    for name in ("n1", "n2", "s1", "s2", "d1", "j1", "a1", "e1", "m1", "p1"):
        if random.random() < 0.5:
            before = known.by_attribute.get(name) if known else None
            columns.append(before if before is not None and random.random() < 0.4 else _column(random, name))
    random.shuffle(columns)
    made = Table(name=key[1], schema=key[0], columns=tuple(columns), primary_key=("id",))
    if random.random() < 0.4:
        numbers = [c.name for c in columns if family(c.name) == "n"]
        if numbers:
            sql = f"({numbers[0]} + {numbers[0]})"
            type_ = "double precision" if random.random() < 0.5 else "numeric"
            computed = Column("x1", type_, null=True, generated=f"{sql}::{type_}")
            made = edited(made, columns=(*made.columns, computed))
    names = [c.name for c in made.columns]
    uniques, checks, indexes, exclusions = [], [], [], []
    for name in names:
        if family(name) in "ns" and random.random() < 0.3:
            uniques.append(
                Unique(name, name=f"{key[1]}_{name}_key", deferrable=random.choice((None, "deferred")))
            )
        if family(name) == "n" and random.random() < 0.3:
            bound = random.choice((0, -1))
            checks.append(Check(f"{name}::numeric > {bound}::numeric", name=f"{key[1]}_{name}_check"))
        if family(name) in "nsde" and random.random() < 0.3:
            indexes.append(
                Index(
                    Term(name, descending=random.random() < 0.3),
                    name=f"{key[1][:3]}_{name}_idx",
                    where=random.choice((None, "id > 0")),
                )
            )
    if random.random() < 0.3:
        indexes.append(Index("(id + 1)", name=f"{key[1][:3]}_expr_idx"))
    if random.random() < 0.2:
        exclusions.append(Exclude(("id", "="), name=f"{key[1][:3]}_excl"))
    return edited(
        made,
        uniques=tuple(uniques),
        checks=tuple(checks),
        indexes=tuple(indexes),
        exclusions=tuple(exclusions),
        comment=random.choice((None, "of rows", "it's")),
        storage=random.choice(((), (("fillfactor", "70"),))),
    )


def _column(random: Random, name: str) -> Any:
    kind = family(name)
    type_ = random.choice(FAMILIES[kind])
    default = random.choice((None, *DEFAULTS[kind]))
    if kind == "s" and default is not None and type_ in ("bigint", "integer"):
        default = "7"
    if kind == "n" and default is not None and "nextval" in default:
        default = "nextval('numbers'::regclass)"
    return Column(
        name,
        type_,
        null=random.random() < 0.5,
        default=default,
        comment=random.choice((None, None, "said")),
    )


def _keyed(random: Random, key: Key, table: Table, tables: dict[Key, Table]) -> Table:
    """With foreign keys to others, cycles included."""
    columns, keys = list(table.columns), []
    for other, target in tables.items():
        if random.random() < 0.3:
            name = f"f_{other[0] or ''}_{other[1][:3].lower()}"
            if any(column.name == name for column in columns):
                continue
            columns.append(Column(name, target.by_attribute["id"].type.sql, null=True))
            action = random.choice(("no action", "cascade", "set null"))
            keys.append(
                ForeignKey(
                    name,
                    other[1] if other[0] is None else f"{other[0]}.{other[1]}",
                    "id",
                    name=f"{key[1]}_{name}_fkey",
                    on_delete=action,
                    deferrable=random.choice((None, "immediate")),
                )
            )
    return edited(table, columns=tuple(columns), foreign_keys=tuple(keys))


def _views(random: Random, tables: dict[Key, Table]) -> dict[Key, Table]:
    found: dict[Key, Table] = {}
    for key, table in tables.items():
        if random.random() < 0.4:
            name = f"{key[1][:3]}_view"
            listed = ", ".join(column.quoted for column in table.columns)
            query = f"SELECT {listed} FROM {table.quoted}"
            materialized = random.random() < 0.4
            columns = tuple([Column(c.name, c.type.sql, null=True) for c in table.columns])
            found[None, name] = Table(
                name=name,
                columns=columns,
                view=View(query, materialized),
                comment=random.choice((None, "seen")),
            )
    return found


def rows_of(state: State) -> list[str]:
    """Statements that put rows into the tables of a state."""
    made: list[str] = []
    for table in state.tables.values():
        if table.view is not None:
            continue
        columns = [
            c for c in table.columns if not c.identity and c.computed is None and family(c.name) != "f"
        ]
        names = ", ".join(["id", *(c.quoted for c in columns)])
        for row in range(1, ROWS + 1):
            values = ", ".join([str(row), *(value_of(c.name, c.type.sql, str(row)) for c in columns)])
            made.append(f"INSERT INTO {table.quoted} ({names}) OVERRIDING SYSTEM VALUE VALUES ({values})")
    for table in state.tables.values():
        for one in table.foreign_keys:
            made.append(f'UPDATE {table.quoted} SET "{one.columns[0]}" = id')
    return made


def with_fills(operations: list[Operation]) -> list[Operation]:
    """Operations with values for rows that need some: what people write where they are asked."""
    made: list[Operation] = []
    for one in operations:
        if isinstance(one, AddColumn) and not one.column.identity and one.column.computed is None:
            needs = family(one.column.name) in "ns" or not (one.column.nullable or one.column.db_default)
            if needs:
                one = replace(one, fill=value_of(one.column.name, one.column.type.sql, "id"))
        elif (
            isinstance(one, AlterColumn)
            and not (one.column.nullable or one.column.computed)
            and family(one.column.name) in VALUES
            and one.column.name != "id"
        ):
            one = replace(one, fill=value_of(one.column.name, one.column.type.sql, "id"))
        made.append(one)
    return made
