"""Operations on columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chakra.errors import MigrationError
from chakra.migrations.facts import Facts
from chakra.migrations.online import backfill_steps, key, not_null_steps
from chakra.migrations.operations.base import Operation
from chakra.migrations.operations.constraints import AddConstraint, SetPrimaryKey
from chakra.migrations.operations.indexes import AddIndex
from chakra.migrations.parts import (
    GROUPS,
    column_of,
    edited,
    names_column,
    pointing,
    replaced_column,
    retargeted,
    with_column,
    without_column,
)
from chakra.migrations.rewrites import is_volatile, names_columns, rewrites
from chakra.migrations.state import State, key_of, title
from chakra.migrations.steps import Lock, Refusal, Step
from chakra.pg.quoting import quote_identifier, quote_qualified, quote_string
from chakra.schema import Column, Index, Table, Unique
from chakra.schema.naming import object_name
from chakra.sql.ddl.columns import column_line, column_statements, identity_options, sequence_options
from chakra.sql.ddl.sequences import SERIAL, of_own_sequence
from chakra.sql.ddl.terms import quoted_name


@dataclass(frozen=True)
class AddColumn:
    """``ADD COLUMN``; rows that are there get its default, or ``fill``.

    A constant is kept once for all of them, and nothing is written. What may differ from row to row is written in
    batches, while the column may still be NULL.

    Args:
        table: with the schema, if it has one.
        column: as ``Column`` makes it.
        fill: SQL of a value for the rows that are there, where the column has no default or another one; it may name
            other columns.
    """

    table: str
    column: Column
    fill: str | None = None

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        return state.with_changed("tables", where, with_column(state.table(where), self.column))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table, column = before.table(key_of(self.table)), self.column
        after = with_column(table, column)
        where = (table.quoted,)
        said = list(column_statements(edited(table, columns=(column,))))

        def add(
            line: Column, *more: str, refuse: Refusal | None = None, rewrite: bool = False, note: str = ""
        ) -> Step:
            sql = ";\n".join([f"ALTER TABLE {table.quoted} ADD COLUMN {column_line(line)}", *more])
            return Step(
                sql, Lock.ACCESS_EXCLUSIVE, where, rewrite=rewrite, scan=rewrite, refuse=refuse, note=note
            )

        if not facts.in_use(key(table)):
            return [add(column, *said)]
        if column.identity or (column.computed is not None and not column.virtual):
            what = (
                "an identity column numbers"
                if column.identity
                else "a stored computed column is written into"
            )
            return [
                add(
                    column,
                    *said,
                    rewrite=True,
                    note=f"{what} every row, under a lock that keeps everybody out",
                )
            ]
        value = self.fill if self.fill is not None else column.db_default
        if value is None and not column.nullable and column.computed is None:
            return [add(column, *said, refuse=_unfilled(table, column.name))]
        if value is None or column.computed is not None:
            return [add(column, *said)]
        # A default names no columns; of a value that is said, a wrong name is to be an error that names it.
        if not (is_volatile(value) or (value != column.db_default and names_columns(value))):
            if value == column.db_default:
                return [add(column, *said)]
            back = "DROP DEFAULT" if column.db_default is None else f"SET DEFAULT {column.db_default}"
            alter = f"ALTER TABLE {table.quoted} ALTER COLUMN {column.quoted} {back}"
            return [add(replace(column, db_default=value), alter, *said)]
        made = [add(replace(column, nullable=True, db_default=None), *said)]
        if column.db_default is not None:
            alter = f"ALTER TABLE {table.quoted} ALTER COLUMN {column.quoted} SET DEFAULT {column.db_default}"
            made.append(Step(alter, Lock.ACCESS_EXCLUSIVE, where))
        made += backfill_steps(after, column.name, value, facts)
        if not column.nullable:
            made += [replace(step, refuse=None) for step in not_null_steps(after, column.name, facts)]
        return made

    def reverse(self, before: State) -> list[Operation]:
        return [DropColumn(self.table, self.column.name)]

    def describe(self) -> str:
        return f"add column {self.table}.{self.column.name}"


def _unfilled(table: Table, column: str) -> Refusal:
    return Refusal(
        f"EXISTS (SELECT FROM {table.quoted})",
        f"{table.name} has rows, which need a value in {column}: it is NOT NULL and has no default. Say "
        f'fill= in AddColumn(…): SQL of a value, "\'\'" or "lower(name)"; or let it be NULL first. Taking back, say '
        f"it there: chakra migrate back … --fill \"{table.name}.{column}='…'\"",
    )


@dataclass(frozen=True)
class DropColumn:
    """``DROP COLUMN``, with its values, and with the keys, conditions and indexes that are about it."""

    table: str
    name: str

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        for other, one in pointing(state, where):
            if self.name in one.target_columns and other != where:
                raise MigrationError(
                    f"{title(other)} refers to {self.table}.{self.name} by {one.name}: drop that first"
                )
        return state.with_changed("tables", where, without_column(state.table(where), self.name))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.table))
        column_of(table, self.name)
        drops = [
            f"ALTER TABLE {table.quoted} DROP CONSTRAINT {quote_identifier(str(check.name))}"
            for check in table.checks
            if names_column(check, self.name)
        ]
        sql = ";\n".join([*drops, f"ALTER TABLE {table.quoted} DROP COLUMN {quote_identifier(self.name)}"])
        note = "its values are lost, and code of before that still names it fails: deploy without it first"
        return [Step(sql, Lock.ACCESS_EXCLUSIVE, (table.quoted,), note=note)]

    def reverse(self, before: State) -> list[Operation]:
        table = before.table(key_of(self.table))
        made: list[Operation] = [AddColumn(self.table, column_of(table, self.name))]
        if self.name in table.primary_key:
            made.append(SetPrimaryKey(self.table, table.primary_key))
        for group in GROUPS.values():
            for one in getattr(table, group):
                if names_column(one, self.name):
                    made.append(
                        AddIndex(self.table, one) if group == "indexes" else AddConstraint(self.table, one)
                    )
        return made

    def describe(self) -> str:
        return f"drop column {self.table}.{self.name}"


@dataclass(frozen=True)
class RenameColumn:
    """``RENAME COLUMN``; keys, conditions and indexes follow, and keep their names."""

    table: str
    old: str
    new: str

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        table = state.table(where)
        renamed = replaced_column(
            table, self.old, replace(column_of(table, self.old), name=self.new, attribute=self.new)
        )
        state = state.with_changed("tables", where, renamed)
        return retargeted(state, where, columns={self.old: self.new})

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table = before.table(key_of(self.table))
        column_of(table, self.old)
        sql = f"ALTER TABLE {table.quoted} RENAME COLUMN {quote_identifier(self.old)} TO {quote_identifier(self.new)}"
        note = (
            "code of before fails until it is replaced; see docs/migrations.md, renames in a rolling deploy"
        )
        return [Step(sql, Lock.ACCESS_EXCLUSIVE, (table.quoted,), note=note)]

    def reverse(self, before: State) -> list[Operation]:
        return [RenameColumn(self.table, self.new, self.old)]

    def describe(self) -> str:
        return f"rename column {self.table}.{self.old} to {self.new}"


@dataclass(frozen=True)
class AlterColumn:
    """Another type, default, identity, collation, comment or way of storage, or another word on NULL.

    Args:
        table: with the schema, if it has one.
        column: as it is to be; its name stays.
        using: SQL of the new value, where the type changes and a cast is not what is meant.
        fill: SQL of a value for rows that have NULL, where it becomes NOT NULL.
    """

    table: str
    column: Column
    using: str | None = None
    fill: str | None = None

    def apply(self, state: State) -> State:
        where = key_of(self.table)
        table = state.table(where)
        old = column_of(table, self.column.name)
        if (old.computed, old.virtual) != (
            self.column.computed,
            self.column.virtual,
        ) and self.column.computed:
            raise MigrationError(f"{self.table}.{old.name} is computed otherwise: drop it, and add it anew")
        return state.with_changed("tables", where, replaced_column(table, old.name, self.column))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        table, new = before.table(key_of(self.table)), self.column
        old = column_of(table, new.name)
        if table.view is not None:
            return _comment(table, old, new)
        made = self._value_steps(table, old, facts)
        alter = f"ALTER TABLE {table.quoted} ALTER COLUMN {new.quoted}"
        where = (table.quoted,)
        made += [Step(sql, Lock.ACCESS_EXCLUSIVE, where) for sql in _numbering(table, old, new)]
        if (
            (new.identity, new.serial) != (old.identity, old.serial)
            and new.identity
            and facts.in_use(key(table))
        ):
            made.append(_past_rows(table, new))
        if old.storage != new.storage:
            storage = "DEFAULT" if new.storage is None else quote_identifier(new.storage)
            if new.storage is None and facts.server < 16:
                raise MigrationError(f"{self.table}.{new.name}: SET STORAGE DEFAULT needs PostgreSQL 16")
            made.append(Step(f"{alter} SET STORAGE {storage}", Lock.ACCESS_EXCLUSIVE, where))
        if old.compression != new.compression:
            word = "default" if new.compression is None else quote_identifier(new.compression)
            made.append(Step(f"{alter} SET COMPRESSION {word}", Lock.ACCESS_EXCLUSIVE, where))
        return made + _comment(table, old, new)

    def _value_steps(self, table: Table, old: Column, facts: Facts) -> list[Step]:
        new, where = self.column, (table.quoted,)
        alter = f"ALTER TABLE {table.quoted} ALTER COLUMN {new.quoted}"
        made: list[Step] = []

        def short(words: str) -> None:
            made.append(Step(f"{alter} {words}", Lock.ACCESS_EXCLUSIVE, where))

        if old.computed is not None and new.computed is None:
            short("DROP EXPRESSION")
        changes = old.type != new.type or old.collation != new.collation
        if old.db_default is not None and (new.db_default is None or changes):
            short("DROP DEFAULT")
        if changes:
            made += self._type_steps(table, old)
        if new.db_default is not None and (new.db_default != old.db_default or changes):
            short(f"SET DEFAULT {new.db_default}")
        after = edited(table, columns=tuple([new if c.name == new.name else c for c in table.columns]))
        if old.nullable and not new.nullable:
            if self.fill is not None:
                made += backfill_steps(after, new.name, self.fill, facts)
            steps = not_null_steps(after, new.name, facts)
            made += [replace(step, refuse=None) for step in steps] if self.fill is not None else steps
        if new.nullable and not old.nullable:
            short("DROP NOT NULL")
        return made

    def _type_steps(self, table: Table, old: Column) -> list[Step]:
        new = self.column
        rewrite = rewrites(old.type, new.type) or self.using is not None
        words = f"ALTER COLUMN {new.quoted} TYPE {new.type.sql}"
        if new.collation is not None:
            words += f" COLLATE {quoted_name(new.collation)}"
        if rewrite:
            using = f"{new.quoted}::{new.type.sql}" if self.using is None else self.using
            words += f" USING {using}"
        note = "every row is written anew under a lock that keeps everybody out"
        over: list[Index | Unique] = [*table.indexes, *table.uniques]
        indexed = any(names_column(one, new.name) for one in over)
        if not rewrite and indexed:
            note = "indexes of it may be built anew under the lock"
        elif not rewrite:
            note = ""
        sql = f"ALTER TABLE {table.quoted} {words}"
        return [Step(sql, Lock.ACCESS_EXCLUSIVE, (table.quoted,), rewrite=rewrite, scan=rewrite, note=note)]

    def reverse(self, before: State) -> list[Operation]:
        return [AlterColumn(self.table, column_of(before.table(key_of(self.table)), self.column.name))]

    def describe(self) -> str:
        return f"alter column {self.table}.{self.column.name}"


def _numbering(table: Table, old: Column, new: Column) -> list[str]:
    """How another numbering of rows is got at: identity, serial or none."""
    alter = f"ALTER TABLE {table.quoted} ALTER COLUMN {new.quoted}"
    made: list[str] = []
    if (old.identity, old.serial) != (new.identity, new.serial):
        if old.serial:
            # The default depends on the sequence, and has to go first.
            drop = of_own_sequence(table.quoted, new.name, "DROP SEQUENCE ")
            made.append(f"{alter} DROP DEFAULT;\n{drop}")
        elif old.identity:
            made.append(f"{alter} DROP IDENTITY")
        if new.serial:
            made.append(_own_sequence(table, new))
        elif new.identity:
            options = "" if new.sequence is None else f" ({identity_options(new.sequence)})"
            made.append(
                f"{alter} ADD GENERATED {'ALWAYS' if new.always else 'BY DEFAULT'} AS IDENTITY{options}"
            )
    elif old.serial and (old.type, old.sequence) != (new.type, new.sequence):
        options = f" AS {new.type.sql} {sequence_options(new)}"
        made.append(of_own_sequence(table.quoted, new.name, "ALTER SEQUENCE ", options))
    elif old.identity and not old.serial:
        if old.always != new.always:
            made.append(f"{alter} SET GENERATED {'ALWAYS' if new.always else 'BY DEFAULT'}")
        if old.sequence != new.sequence:
            made.append(f"{alter} {sequence_options(new, 'SET')}")
    return made


def _own_sequence(table: Table, column: Column) -> str:
    """A sequence like the one that ``serial`` makes, for a column that is there."""
    if column.type.name not in SERIAL:
        raise MigrationError(f"{table.name}.{column.name} is {column.type.sql}, which serial does not number")
    name = quote_qualified(table.schema, object_name(table.name, column.name, "seq"))
    default = f"pg_catalog.nextval({quote_string(name)}::regclass)"
    return (
        f"CREATE SEQUENCE {name} AS {column.type.sql} {sequence_options(column)} "
        f"OWNED BY {table.quoted}.{column.quoted};\n"
        f"ALTER TABLE {table.quoted} ALTER COLUMN {column.quoted} SET DEFAULT {default}"
    )


def _past_rows(table: Table, column: Column) -> Step:
    """Numbers go on behind those of the rows that are there, or the next row would take one of theirs."""
    said = column.sequence
    upwards = said is None or said.increment > 0
    start = said.start if said is not None and said.start is not None else None
    most, beyond = ("max", ">=") if upwards else ("min", "<=")
    if start is None:
        low, high = (said.minimum, said.maximum) if said is not None else (None, None)
        start = (1 if low is None else low) if upwards else (-1 if high is None else high)
    sequence = f"pg_catalog.pg_get_serial_sequence({quote_string(table.quoted)}, {quote_string(column.name)})"
    sql = (
        f"SELECT pg_catalog.setval({sequence}, last) FROM (SELECT {most}({column.quoted})::bigint AS last "
        f"FROM {table.quoted}) there WHERE last {beyond} {start}"
    )
    note = "every row is read, or an index of the column, under the lock of the step before"
    return Step(sql, Lock.ACCESS_EXCLUSIVE, (table.quoted,), scan=True, note=note)


def _comment(table: Table, old: Column, new: Column) -> list[Step]:
    if old.comment == new.comment:
        return []
    text = "NULL" if new.comment is None else quote_string(new.comment)
    sql = f"COMMENT ON COLUMN {table.quoted}.{new.quoted} IS {text}"
    return [Step(sql, Lock.SHARE_UPDATE_EXCLUSIVE, (table.quoted,))]


__all__ = ["AddColumn", "AlterColumn", "DropColumn", "RenameColumn"]
