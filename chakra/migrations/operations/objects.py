"""Operations on what tables stand in and stand on: schemas, extensions, sequences."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chakra.errors import MigrationError
from chakra.migrations.facts import Facts
from chakra.migrations.operations.base import Operation
from chakra.migrations.state import State, key_of, title
from chakra.migrations.steps import Step
from chakra.pg.quoting import quote_identifier
from chakra.schema import Sequence
from chakra.sql.ddl import create_extension, create_schema, drop_schema


@dataclass(frozen=True)
class CreateSchema:
    """``CREATE SCHEMA``; one that is there is left as it is."""

    name: str

    def apply(self, state: State) -> State:
        return replace(state, schemas=state.schemas | {self.name})

    def steps(self, before: State, facts: Facts) -> list[Step]:
        return [Step(create_schema(self.name, if_not_exists=True))]

    def reverse(self, before: State) -> list[Operation]:
        return [DropSchema(self.name)]

    def describe(self) -> str:
        return f"create schema {self.name}"


@dataclass(frozen=True)
class DropSchema:
    """``DROP SCHEMA``; the server refuses where something is still in it."""

    name: str

    def apply(self, state: State) -> State:
        if self.name not in state.schemas:
            raise MigrationError(f"there is no schema {self.name} at this point of the history")
        return replace(state, schemas=state.schemas - {self.name})

    def steps(self, before: State, facts: Facts) -> list[Step]:
        return [Step(drop_schema(self.name))]

    def reverse(self, before: State) -> list[Operation]:
        return [CreateSchema(self.name)]

    def describe(self) -> str:
        return f"drop schema {self.name}"


@dataclass(frozen=True)
class CreateExtension:
    """``CREATE EXTENSION``; one that is there is left as it is."""

    name: str

    def apply(self, state: State) -> State:
        return replace(state, extensions=state.extensions | {self.name})

    def steps(self, before: State, facts: Facts) -> list[Step]:
        return [Step(create_extension(self.name))]

    def reverse(self, before: State) -> list[Operation]:
        return [DropExtension(self.name)]

    def describe(self) -> str:
        return f"create extension {self.name}"


@dataclass(frozen=True)
class DropExtension:
    """``DROP EXTENSION``; the server refuses where something still uses it."""

    name: str

    def apply(self, state: State) -> State:
        if self.name not in state.extensions:
            raise MigrationError(f"there is no extension {self.name} at this point of the history")
        return replace(state, extensions=state.extensions - {self.name})

    def steps(self, before: State, facts: Facts) -> list[Step]:
        return [Step(f"DROP EXTENSION IF EXISTS {quote_identifier(self.name)}")]

    def reverse(self, before: State) -> list[Operation]:
        return [CreateExtension(self.name)]

    def describe(self) -> str:
        return f"drop extension {self.name}"


@dataclass(frozen=True)
class CreateSequence:
    """``CREATE SEQUENCE`` of one that belongs to no column by itself."""

    sequence: Sequence

    def apply(self, state: State) -> State:
        return state.with_new("sequences", (self.sequence.schema, self.sequence.name), self.sequence)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        return [
            Step(f"CREATE SEQUENCE {self.sequence.quoted} AS {self.sequence.type}{_facts(self.sequence)}")
        ]

    def reverse(self, before: State) -> list[Operation]:
        return [DropSequence(title((self.sequence.schema, self.sequence.name)))]

    def describe(self) -> str:
        return f"create sequence {title((self.sequence.schema, self.sequence.name))}"


@dataclass(frozen=True)
class AlterSequence:
    """``ALTER SEQUENCE``: other steps, ends or type. Where it stands stays, unless it is out of the new range."""

    sequence: Sequence

    def apply(self, state: State) -> State:
        return state.with_changed("sequences", (self.sequence.schema, self.sequence.name), self.sequence)

    def steps(self, before: State, facts: Facts) -> list[Step]:
        return [Step(f"ALTER SEQUENCE {self.sequence.quoted} AS {self.sequence.type}{_facts(self.sequence)}")]

    def reverse(self, before: State) -> list[Operation]:
        return [AlterSequence(before.find("sequences", (self.sequence.schema, self.sequence.name)))]

    def describe(self) -> str:
        return f"alter sequence {title((self.sequence.schema, self.sequence.name))}"


@dataclass(frozen=True)
class DropSequence:
    """``DROP SEQUENCE``; the server refuses where a default still draws from it."""

    name: str

    def apply(self, state: State) -> State:
        return state.without("sequences", key_of(self.name))

    def steps(self, before: State, facts: Facts) -> list[Step]:
        return [Step(f"DROP SEQUENCE {before.find('sequences', key_of(self.name)).quoted}")]

    def reverse(self, before: State) -> list[Operation]:
        return [CreateSequence(before.find("sequences", key_of(self.name)))]

    def describe(self) -> str:
        return f"drop sequence {self.name}"


def _facts(sequence: Sequence) -> str:
    return (
        f" INCREMENT BY {sequence.increment} MINVALUE {sequence.minimum} MAXVALUE {sequence.maximum} "
        f"START WITH {sequence.start} CACHE {sequence.cache} {'CYCLE' if sequence.cycle else 'NO CYCLE'}"
    )


__all__ = [
    "AlterSequence",
    "CreateExtension",
    "CreateSchema",
    "CreateSequence",
    "DropExtension",
    "DropSchema",
    "DropSequence",
]
