"""How one column takes the place of another: what names it gets a twin, and all of it is exchanged at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chakra.errors import MigrationError
from chakra.migrations.facts import Facts
from chakra.migrations.in_step import drop_sql, function_sql, trigger_name, trigger_of
from chakra.migrations.operations.around import policy_names, trigger_names, views_of, words_of
from chakra.migrations.operations.base import Operation
from chakra.migrations.operations.constraints import AddConstraint, DropConstraint
from chakra.migrations.operations.guards import CreatePolicy, CreateTrigger, DropPolicy, DropTrigger
from chakra.migrations.operations.indexes import AddIndex, DropIndex
from chakra.migrations.operations.views import CreateView, DropView
from chakra.migrations.parts import Constraint, column_of, edited, in_sql, names_column, replaced_column
from chakra.migrations.state import Key, State, title
from chakra.migrations.steps import Lock, Step
from chakra.pg.lexing import tokens
from chakra.pg.quoting import quote_block, quote_identifier, quote_qualified, quote_string
from chakra.pg.types import PgType
from chakra.schema import Column, ForeignKeyConstraint, Index, Table
from chakra.schema.naming import object_name
from chakra.schema.terms import changed
from chakra.sql.ddl.columns import identity_options
from chakra.sql.ddl.guards import create_trigger
from chakra.sql.ddl.views import views_in_order

_NUMBERS = frozenset({"int2", "int4", "int8"})
"""Types of one family, of which a foreign key may lead from any to any."""


@dataclass(frozen=True)
class Twin:
    """What is built beside a key, condition or index.

    Attributes:
        key: of the table that has it.
        one: what it is the twin of; ``None``: the primary key.
        name: of the twin.
        operation: that builds it.
    """

    key: Key
    one: Constraint | Index | None
    name: str
    operation: AddConstraint | AddIndex


def check_splittable(state: State, table: Table, name: str, new: Column) -> None:
    """Whether a column can get another type by way of one beside it.

    Raises:
        MigrationError: not, and why.
    """
    key = (table.schema, table.name)
    column, by = column_of(table, name), table.partition_by
    why = ""
    if table.view is not None or table.partition_of is not None:
        why = "its table is a view or a partition"
    elif column.computed is not None or new.computed is not None:
        why = "it is computed: drop it, and add it anew"
    elif not new.nullable or new.identity:
        why = f"until it is filled, {new.name} has to be able to be NULL, and has no numbers of its own"
    elif by is not None and any(one == name or (one[:1] == "(" and in_sql(one, name)) for one in by.keys):
        why = "the table is cut into partitions by it"
    elif by is not None and (
        name in table.primary_key or _named(table.uniques, name) or _about(state, key, name)
    ):
        why = "keys of a partitioned table cannot be built beside those that are there"
    for one in table.columns:
        if one.computed is not None and in_sql(one.computed, name):
            why = f"{one.name} is computed from it: drop that before, and add it again behind"
    for exclusion in _named(table.exclusions, name):
        why = f"{exclusion} is built under a lock: drop it before, and add it again behind"
    for view in _readers(state, table, name):
        if view.view is not None and view.view.materialized:
            why = f"the materialized view {view.name} reads it: drop it before, and create it again behind"
    for owner, fkey in _about(state, key, name):
        target: Key = (fkey.target_schema, fkey.target)
        for own, theirs in zip(fkey.columns, fkey.target_columns, strict=True):
            left = new.type if (owner, own) == (key, name) else column_of(state.table(owner), own).type
            right = (
                new.type if (target, theirs) == (key, name) else column_of(state.table(target), theirs).type
            )
            if not _comparable(left, right):
                why = (
                    f"{fkey.name} of {title(owner)} would lead from {left.sql} to {right.sql} meanwhile: drop it "
                    "before, and add it again behind"
                )
    if why:
        raise MigrationError(f"{title(key)}.{name} cannot become {new.type.sql} step by step: {why}")


def _comparable(left: PgType, right: PgType) -> bool:
    same = (left.schema, left.name) == (right.schema, right.name)
    return same or (left.name in _NUMBERS and right.name in _NUMBERS)


def _named(parts: tuple[Constraint, ...], name: str) -> list[str]:
    return [str(one.name) for one in parts if names_column(one, name)]


def _about(state: State, key: Key, name: str) -> list[tuple[Key, ForeignKeyConstraint]]:
    """The foreign keys that a column has, or that lead to it, with the tables that have them."""
    return [
        (owner, one)
        for owner, table in state.tables.items()
        for one in table.foreign_keys
        if (owner == key and name in one.columns)
        or ((one.target_schema, one.target) == key and name in one.target_columns)
    ]


def _readers(state: State, table: Table, name: str) -> list[Table]:
    """The views that may read a column, and those over them, in the order in which they are made."""
    found: list[Table] = []
    for view in views_in_order(views_of(state, [table.name])):
        assert view.view is not None
        over = words_of(view) & {one.name for one in found}
        if over or in_sql(view.view.sql, name) or _has_star(view.view.sql):
            found.append(view)
    return found


def _has_star(sql: str) -> bool:
    """Whether a query may say "all columns"; ``count(*)`` does not."""
    parts = [text for kind, text in tokens(sql) if kind not in ("space", "comment")]
    return any(text == "*" and parts[number - 1] != "(" for number, text in enumerate(parts))


def twins(state: State, table: Table, name: str, new: str) -> list[Twin]:
    """What has to be built over the new column: foreign keys last, when what they lead to is."""
    key = (table.schema, table.name)
    where = title(key)
    rest = edited(table, columns=tuple([one for one in table.columns if one.name != new]))
    renamed = replaced_column(rest, name, replace(column_of(table, name), name=new, attribute=new))
    made: list[Twin] = []
    if name in table.primary_key:
        called = object_name(table.name, "pkey", "twin")
        index = Index(*renamed.primary_key, name=called, unique=True)
        made.append(Twin(key, None, called, AddIndex(where, index)))
    for group in ("uniques", "indexes", "checks"):
        for one, other in zip(getattr(table, group), getattr(renamed, group), strict=True):
            if names_column(one, name):
                called = object_name(str(one.name), "twin")
                twin = changed(other, name=called)
                made.append(
                    Twin(key, one, called, (AddIndex if group == "indexes" else AddConstraint)(where, twin))
                )
    for owner, fkey in _about(state, key, name):
        called = object_name(str(fkey.name), "twin")
        words: dict[str, object] = {"name": called}
        if owner == key:
            words |= {word: _with(getattr(fkey, word), name, new) for word in ("columns", "set_columns")}
        if (fkey.target_schema, fkey.target) == key:
            words["target_columns"] = _with(fkey.target_columns, name, new)
        made.append(Twin(owner, fkey, called, AddConstraint(title(owner), changed(fkey, **words))))
    return made


def _with(names: tuple[str, ...], name: str, new: str) -> tuple[str, ...]:
    return tuple([new if one == name else one for one in names])


class _Script:
    """Statements of one transaction, and which tables they lock."""

    def __init__(self, state: State, table: Table, facts: Facts) -> None:
        self.state = state
        self.statements: list[str] = []
        self.tables: dict[str, None] = {table.quoted: None}
        # Nothing concurrently: all of it is over at once.
        self._facts = replace(facts, empty=frozenset(state.tables))

    def do(self, operation: Operation) -> None:
        for step in operation.steps(self.state, self._facts):
            self.statements.append(step.sql)
            self.tables |= dict.fromkeys(step.tables)
        self.state = operation.apply(self.state)

    def say(self, *statements: str) -> None:
        self.statements += statements


def swap_step(
    state: State,
    table: Table,
    names: tuple[str, str, str],
    column: Column,
    conversions: tuple[str, str],
    kept: Column,
    facts: Facts,
) -> Step:
    """The exchange itself, in one step.

    Args:
        state: with the twins, which are built.
        table: without them.
        names: of the column, of the one beside it, and of the one of before from then on.
        column: as it is then.
        conversions: from then on, forward and backward.
        kept: the column of before as it is kept.
        facts: of the database.
    """
    name, new, old = names
    key = (table.schema, table.name)
    main = column_of(table, name)
    every = twins(state.with_changed("tables", key, table), table, name, new)
    alter = f"ALTER TABLE {table.quoted}"
    script = _Script(state, table, facts)
    script.say(drop_sql(table, new))
    for twin in reversed(every):
        if twin.one is not None:
            drop = DropIndex if isinstance(twin.one, Index) else DropConstraint
            script.do(drop(title(twin.key), str(twin.one.name)))
    views = _readers(state, table, name)
    for view in reversed(views):
        script.do(DropView(title((view.schema, view.name))))
    guard, where = state.guard(key), title(key)
    policies = {one: given for one, given in guard.policies.items() if policy_names(given, [name])}
    own = trigger_name(table, new)
    triggers = {one: t for one, t in guard.triggers.items() if one != own and trigger_names(t, [name])}
    for one in policies:
        script.do(DropPolicy(where, one))
    for one in triggers:
        script.do(DropTrigger(where, one))
    if main.db_default is not None:
        script.say(f"{alter} ALTER COLUMN {main.quoted} DROP DEFAULT")
    script.say(
        f"{alter} RENAME COLUMN {main.quoted} TO {kept.quoted}",
        f"{alter} RENAME COLUMN {quote_identifier(new)} TO {main.quoted}",
    )
    script.say(*_renamed(state, every, table))
    script.say(*_moved(table, main, kept, column))
    script.say(
        function_sql(table, column, kept, *conversions),
        create_trigger(table, trigger_name(table, old), trigger_of(table, old)),
    )
    for one, policy in policies.items():
        script.do(CreatePolicy(where, one, policy))
    for one, trigger in triggers.items():
        script.do(CreateTrigger(where, one, trigger))
    for view in views:
        script.do(CreateView.of(view))
    return Step(";\n".join(script.statements), Lock.ACCESS_EXCLUSIVE, tuple(script.tables), own=True)


def _renamed(state: State, every: list[Twin], table: Table) -> Iterator[str]:
    """The twins get the names of what they are twins of."""
    for twin in every:
        owner = state.table(twin.key)
        if twin.one is None:
            # Its name is the server's: that of a table that was renamed is from before.
            yield quote_block(
                "DECLARE given text; BEGIN SELECT conname INTO STRICT given FROM pg_catalog.pg_constraint "
                f"WHERE conrelid = {quote_string(table.quoted)}::regclass AND contype = 'p'; "
                f"EXECUTE pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', {quote_string(table.quoted)}, given); "
                "EXECUTE pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I PRIMARY KEY USING INDEX %I', "
                f"{quote_string(table.quoted)}, given, {quote_string(twin.name)}); END;"
            )
        elif isinstance(twin.one, Index):
            full = quote_qualified(owner.schema, twin.name)
            yield f"ALTER INDEX {full} RENAME TO {quote_identifier(str(twin.one.name))}"
        else:
            new = quote_identifier(str(twin.one.name))
            yield f"ALTER TABLE {owner.quoted} RENAME CONSTRAINT {quote_identifier(twin.name)} TO {new}"


def _moved(table: Table, main: Column, kept: Column, column: Column) -> Iterator[str]:
    """Default, numbers, comment, rights and statistics of the column."""
    alter = f"ALTER TABLE {table.quoted} ALTER COLUMN"
    there, before = quote_string(table.quoted), quote_string(kept.name)
    if main.identity:
        word = "ALWAYS" if column.always else "BY DEFAULT"
        options = "" if column.sequence is None else f" ({identity_options(column.sequence)})"
        sequence = f"pg_catalog.pg_get_serial_sequence({there}, "
        yield quote_block(
            f"DECLARE at_ bigint; called boolean; BEGIN EXECUTE pg_catalog.format('SELECT last_value, is_called FROM "
            f"%s', {sequence}{before})) INTO at_, called; {alter} {kept.quoted} DROP IDENTITY; "
            f"{alter} {main.quoted} ADD GENERATED {word} AS IDENTITY{options}; "
            f"PERFORM pg_catalog.setval({sequence}{quote_string(main.name)}), at_, called); END;"
        )
    if not main.nullable:
        yield f"{alter} {kept.quoted} DROP NOT NULL"
    if column.db_default is not None:
        yield f"{alter} {main.quoted} SET DEFAULT {column.db_default}"
    if main.db_default is not None and "nextval" in main.db_default:
        # A sequence that the column owns (serial) would go with it, and end with its type.
        typed = f" AS {column.type.sql}" if column.type.name in _NUMBERS else ""
        yield quote_block(
            "DECLARE one record; BEGIN FOR one IN SELECT d.objid::regclass::text AS name FROM pg_catalog.pg_depend d "
            "JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S' JOIN pg_catalog.pg_attribute a ON "
            f"a.attrelid = d.refobjid AND a.attnum = d.refobjsubid WHERE d.refobjid = {there}::regclass AND "
            f"a.attname = {before} AND d.deptype = 'a' LOOP EXECUTE "
            f"pg_catalog.format('ALTER SEQUENCE %s{typed} OWNED BY %s.%I', one.name, {there}, "
            f"{quote_string(main.name)}); END LOOP; END;"
        )
    if column.comment is not None or main.comment is not None:
        for one, text in ((main, column.comment), (kept, None)):
            said = "NULL" if text is None else quote_string(text)
            yield f"COMMENT ON COLUMN {table.quoted}.{one.quoted} IS {said}"
    yield quote_block(
        "DECLARE one record; BEGIN FOR one IN SELECT g.privilege_type AS what, CASE g.grantee WHEN 0 THEN 'PUBLIC' "
        "ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END AS who, CASE WHEN g.is_grantable THEN "
        "' WITH GRANT OPTION' ELSE '' END AS how FROM pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) g "
        f"WHERE a.attrelid = {there}::regclass AND a.attname = {before} LOOP EXECUTE pg_catalog.format("
        f"'GRANT %s (%I) ON %s TO %s%s', one.what, {quote_string(main.name)}, {there}, one.who, one.how); END LOOP; "
        "FOR one IN SELECT pg_catalog.format('SET STATISTICS %s', attstattarget) AS words FROM pg_catalog.pg_attribute "
        f"WHERE attrelid = {there}::regclass AND attname = {before} AND attstattarget >= 0 UNION ALL "
        "SELECT pg_catalog.format('SET (%s)', pg_catalog.array_to_string(attoptions, ', ')) "
        f"FROM pg_catalog.pg_attribute WHERE attrelid = {there}::regclass AND attname = {before} AND attoptions "
        f"IS NOT NULL LOOP EXECUTE pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I %s', {there}, "
        f"{quote_string(main.name)}, one.words); END LOOP; END;"
    )


__all__ = ["Twin", "check_splittable", "swap_step", "twins"]
