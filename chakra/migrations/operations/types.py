"""Operations on types: enums, domains, composites."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chakra.errors import MigrationError
from chakra.migrations.facts import Facts
from chakra.migrations.operations.around import around
from chakra.migrations.operations.base import Operation
from chakra.migrations.state import Composite, Domain, Key, State, key_of, quoted
from chakra.migrations.steps import Lock, Step
from chakra.pg.domains import DomainWords
from chakra.pg.quoting import quote_identifier, quote_string
from chakra.pg.types import PgType
from chakra.schema import Table
from chakra.sql.ddl.types import domain_clauses


def users_of(state: State, key: Key) -> Iterator[tuple[Key, Table, list[str]]]:
    """The tables with columns of a type that users made, or of arrays of it, and those columns' names."""
    for where, table in state.tables.items():
        if table.view is None and table.partition_of is None:
            names = [column.name for column in table.columns if _named(column.type) == key]
            if names:
                yield where, table, names


_CHECKED = "rows of all tables with columns of the domain are read, under a lock that keeps writers out"


def _named(type_: PgType) -> Key:
    while type_.kind == "array" and type_.element is not None:
        type_ = type_.element
    return type_.schema, type_.typname


@dataclass(frozen=True)
class CreateEnum:
    """``CREATE TYPE … AS ENUM``."""

    name: str
    labels: Sequence[str]

    def apply(self, state: State) -> State:
        return state.with_new("enums", key_of(self.name), tuple(self.labels))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        labels = ", ".join(map(quote_string, self.labels))
        return [Step(f"CREATE TYPE {quoted(key_of(self.name))} AS ENUM ({labels})")]

    def reverse(self, before: State) -> list[Operation]:
        return [DropEnum(self.name)]

    def describe(self) -> str:
        return f"create enum {self.name}"


@dataclass(frozen=True)
class DropEnum:
    """``DROP TYPE`` of an enum; the server refuses where something still uses it."""

    name: str

    def apply(self, state: State) -> State:
        return state.without("enums", key_of(self.name))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        return [Step(f"DROP TYPE {quoted(key_of(self.name))}")]

    def reverse(self, before: State) -> list[Operation]:
        return [CreateEnum(self.name, before.find("enums", key_of(self.name)))]

    def describe(self) -> str:
        return f"drop enum {self.name}"


@dataclass(frozen=True)
class AddLabel:
    """``ALTER TYPE … ADD VALUE``: one more label of an enum, at the end or beside another one.

    The server takes a new label in use only after the transaction that added it, so it is committed by itself.
    Taking it back means making the type anew, which writes every table with a column of it.
    """

    enum: str
    label: str
    before: str | None = None
    after: str | None = None

    def apply(self, state: State) -> State:
        key = key_of(self.enum)
        labels = list(state.find("enums", key))
        if self.label in labels:
            raise MigrationError(f"the enum {self.enum} has the label {self.label!r} already")
        beside = self.before if self.before is not None else self.after
        if beside is not None and beside not in labels:
            raise MigrationError(f"the enum {self.enum} has no label {beside!r}")
        place = len(labels) if beside is None else labels.index(beside) + (self.before is None)
        labels.insert(place, self.label)
        return state.with_changed("enums", key, tuple(labels))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        name = quoted(key_of(self.enum))
        place = ""
        if self.before is not None:
            place = f" BEFORE {quote_string(self.before)}"
        elif self.after is not None:
            place = f" AFTER {quote_string(self.after)}"
        # IF NOT EXISTS, and not a look before: cut off behind it, it is simply said again.
        sql = f"ALTER TYPE {name} ADD VALUE IF NOT EXISTS {quote_string(self.label)}{place}"
        done = (
            "EXISTS (SELECT FROM pg_catalog.pg_enum "
            f"WHERE enumtypid = {quote_string(name)}::regtype AND enumlabel = {quote_string(self.label)})"
        )
        return [Step(sql, transactional=False, own=True, done=done)]

    def reverse(self, before: State) -> list[Operation]:
        key = key_of(self.enum)
        columns = {where: names for where, _, names in users_of(before, key)}
        return around(before, columns, RecreateEnum(self.enum, before.find("enums", key)))

    def describe(self) -> str:
        return f"add label {self.label} to {self.enum}"


@dataclass(frozen=True)
class RenameLabel:
    """``ALTER TYPE … RENAME VALUE``: another text for a label; rows are not touched."""

    enum: str
    old: str
    new: str

    def apply(self, state: State) -> State:
        key = key_of(self.enum)
        labels = state.find("enums", key)
        if self.old not in labels or self.new in labels:
            raise MigrationError(
                f"the enum {self.enum} has the labels {', '.join(labels)}: {self.old!r} cannot become {self.new!r}"
            )
        return state.with_changed(
            "enums", key, tuple([self.new if one == self.old else one for one in labels])
        )

    def steps(self, before: State, facts: Facts) -> list[Step]:
        name = quoted(key_of(self.enum))
        return [Step(f"ALTER TYPE {name} RENAME VALUE {quote_string(self.old)} TO {quote_string(self.new)}")]

    def reverse(self, before: State) -> list[Operation]:
        return [RenameLabel(self.enum, self.new, self.old)]

    def describe(self) -> str:
        return f"rename label {self.old} of {self.enum} to {self.new}"


@dataclass(frozen=True)
class RecreateEnum:
    """Other labels, or another order: the type is made anew, and the columns of it are changed over.

    Tables with such columns are written anew under a lock that keeps everybody out. Rows with a label that is gone,
    and that ``mapping`` gives none for, are an error, and nothing is changed.

    Args:
        mapping: labels of before by those that take their place.
    """

    enum: str
    labels: Sequence[str]
    mapping: Sequence[tuple[str, str]] = ()

    def apply(self, state: State) -> State:
        return state.with_changed("enums", key_of(self.enum), tuple(self.labels))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        key = key_of(self.enum)
        name, old = quoted(key), quoted((key[0], f"{key[1][:50]}_before"))
        labels = ", ".join(map(quote_string, self.labels))
        made = [
            Step(f"ALTER TYPE {name} RENAME TO {quote_identifier(f'{key[1][:50]}_before')}", own=True),
            Step(f"CREATE TYPE {name} AS ENUM ({labels})"),
        ]
        for where, table, columns in users_of(before, key):
            words: list[str] = []
            for column in columns:
                one = quote_identifier(column)
                type_ = table.column(column).type
                default = table.column(column).db_default
                if default is not None:
                    words.append(f"ALTER COLUMN {one} DROP DEFAULT")
                words.append(f"ALTER COLUMN {one} TYPE {type_.sql} USING {self._cast(one, type_)}")
                if default is not None:
                    words.append(f"ALTER COLUMN {one} SET DEFAULT {default}")
            made.append(
                Step(
                    f"ALTER TABLE {quoted(where)} {', '.join(words)}",
                    Lock.ACCESS_EXCLUSIVE,
                    (quoted(where),),
                    rewrite=True,
                    scan=True,
                    note="every row is written anew: the type has other labels",
                )
            )
        return [*made, Step(f"DROP TYPE {old}")]

    def _cast(self, column: str, type_: PgType) -> str:
        dimensions = "[]" * max(type_.ndims, 1) if type_.kind == "array" else ""
        text = f"{column}::text{dimensions}"
        if type_.kind == "array":
            for before, after in self.mapping:
                text = f"array_replace({text}, {quote_string(before)}, {quote_string(after)})"
        elif self.mapping:
            cases = " ".join(f"WHEN {quote_string(b)} THEN {quote_string(a)}" for b, a in self.mapping)
            text = f"(CASE {text} {cases} ELSE {text} END)"
        return f"{text}::{type_.sql}"

    def reverse(self, before: State) -> list[Operation]:
        back = tuple([(new, old) for old, new in self.mapping])
        return [RecreateEnum(self.enum, before.find("enums", key_of(self.enum)), back)]

    def describe(self) -> str:
        return f"recreate enum {self.enum}"


@dataclass(frozen=True)
class CreateDomain:
    """``CREATE DOMAIN``."""

    name: str
    domain: Domain

    def apply(self, state: State) -> State:
        return state.with_new("domains", key_of(self.name), self.domain)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        given = self.domain
        words = DomainWords(given.nullable, given.default, given.checks, given.collation)
        return [Step(f"CREATE DOMAIN {quoted(key_of(self.name))} AS {given.type}{domain_clauses(words)}")]

    def reverse(self, before: State) -> list[Operation]:
        return [DropDomain(self.name)]

    def describe(self) -> str:
        return f"create domain {self.name}"


@dataclass(frozen=True)
class AlterDomain:
    """Another default, other conditions or another word on NULL of a domain; its type stays.

    New conditions are first added without a look at rows, and then checked. Writers wait meanwhile, readers do not: the
    server has no other way.
    """

    name: str
    domain: Domain

    def apply(self, state: State) -> State:
        old = state.find("domains", key_of(self.name))
        if (old.type, old.collation) != (self.domain.type, self.domain.collation):
            raise MigrationError(
                f"the domain {self.name} cannot become {self.domain.type}: make another one and change the columns over"
            )
        return state.with_changed("domains", key_of(self.name), self.domain)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        old: Domain = before.find("domains", key_of(self.name))
        alter = f"ALTER DOMAIN {quoted(key_of(self.name))}"
        tables = tuple(quoted(where) for where, _, _ in users_of(before, key_of(self.name)))
        made: list[Step] = []
        if old.default != self.domain.default:
            word = "DROP DEFAULT" if self.domain.default is None else f"SET DEFAULT {self.domain.default}"
            made.append(Step(f"{alter} {word}"))
        for name, check in old.checks:
            if (name, check) not in self.domain.checks:
                made.append(Step(f"{alter} DROP CONSTRAINT {quote_identifier(name)}"))
        for name, check in self.domain.checks:
            if (name, check) not in old.checks:
                one = quote_identifier(name)
                made.append(Step(f"{alter} ADD CONSTRAINT {one} CHECK ({check}) NOT VALID"))
                validate = f"{alter} VALIDATE CONSTRAINT {one}"
                made.append(Step(validate, Lock.SHARE, tables, scan=True, own=True, note=_CHECKED))
        if old.nullable != self.domain.nullable:
            word = "DROP NOT NULL" if self.domain.nullable else "SET NOT NULL"
            scan = not self.domain.nullable
            if scan:
                made.append(Step(f"{alter} {word}", Lock.SHARE, tables, scan=True, note=_CHECKED))
            else:
                made.append(Step(f"{alter} {word}"))
        return made

    def reverse(self, before: State) -> list[Operation]:
        return [AlterDomain(self.name, before.find("domains", key_of(self.name)))]

    def describe(self) -> str:
        return f"alter domain {self.name}"


@dataclass(frozen=True)
class DropDomain:
    """``DROP DOMAIN``; the server refuses where something still uses it."""

    name: str

    def apply(self, state: State) -> State:
        return state.without("domains", key_of(self.name))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        return [Step(f"DROP DOMAIN {quoted(key_of(self.name))}")]

    def reverse(self, before: State) -> list[Operation]:
        return [CreateDomain(self.name, before.find("domains", key_of(self.name)))]

    def describe(self) -> str:
        return f"drop domain {self.name}"


@dataclass(frozen=True)
class CreateComposite:
    """``CREATE TYPE … AS (…)``."""

    name: str
    fields: Sequence[tuple[str, str]]

    def apply(self, state: State) -> State:
        made = Composite(tuple([(name, type_) for name, type_ in self.fields]))
        return state.with_new("composites", key_of(self.name), made)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        fields = ", ".join(f"{quote_identifier(name)} {type_}" for name, type_ in self.fields)
        return [Step(f"CREATE TYPE {quoted(key_of(self.name))} AS ({fields})")]

    def reverse(self, before: State) -> list[Operation]:
        return [DropComposite(self.name)]

    def describe(self) -> str:
        return f"create type {self.name}"


@dataclass(frozen=True)
class AlterComposite:
    """Other fields of a composite type.

    Fields are added and dropped; the server refuses to change the type of one while a table has columns of it.
    """

    name: str
    fields: Sequence[tuple[str, str]]

    def apply(self, state: State) -> State:
        made = Composite(tuple([(name, type_) for name, type_ in self.fields]))
        return state.with_changed("composites", key_of(self.name), made)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        old = dict(before.find("composites", key_of(self.name)).fields)
        new = dict(self.fields)
        words = [f"DROP ATTRIBUTE {quote_identifier(name)}" for name in old if name not in new]
        for name, type_ in new.items():
            if name not in old:
                words.append(f"ADD ATTRIBUTE {quote_identifier(name)} {type_}")
            elif old[name] != type_:
                words.append(f"ALTER ATTRIBUTE {quote_identifier(name)} TYPE {type_}")
        return [Step(f"ALTER TYPE {quoted(key_of(self.name))} {', '.join(words)}")] if words else []

    def reverse(self, before: State) -> list[Operation]:
        return [AlterComposite(self.name, before.find("composites", key_of(self.name)).fields)]

    def describe(self) -> str:
        return f"alter type {self.name}"


@dataclass(frozen=True)
class DropComposite:
    """``DROP TYPE`` of a composite; the server refuses where something still uses it."""

    name: str

    def apply(self, state: State) -> State:
        return state.without("composites", key_of(self.name))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        return [Step(f"DROP TYPE {quoted(key_of(self.name))}")]

    def reverse(self, before: State) -> list[Operation]:
        return [CreateComposite(self.name, before.find("composites", key_of(self.name)).fields)]

    def describe(self) -> str:
        return f"drop type {self.name}"


__all__ = [
    "AddLabel",
    "AlterComposite",
    "AlterDomain",
    "CreateComposite",
    "CreateDomain",
    "CreateEnum",
    "DropComposite",
    "DropDomain",
    "DropEnum",
    "RecreateEnum",
    "RenameLabel",
    "users_of",
]
