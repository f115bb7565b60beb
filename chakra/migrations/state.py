"""What a database consists of, as frozen data: what migrations start from, lead to, and compare.

In the tables of a state a type that users made is a reference: its schema and name. What an enum, a domain or a
composite type consists of is said once, beside the tables, so that a change of it is one change. Attributes of tables
are the names of columns, and every constraint and index has its name (``chakra.migrations.frozen``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypeVar

from chakra.errors import FieldError, MigrationError
from chakra.pg.quoting import quote_identifier, quote_qualified
from chakra.pg.types import parse_type
from chakra.schema import NO_GUARD, Guard, Sequence, Table

Key: TypeAlias = "tuple[str | None, str]"
"""Schema and name; without a schema the search path decides."""

Kind: TypeAlias = Literal["enums", "domains", "composites", "sequences", "tables"]
T = TypeVar("T")

_NOTHING: Mapping[Any, Any] = MappingProxyType({})
_ODD = frozenset('."')
_PART = r'(?:"(?:[^"]|"")+"|[^".]+)'
_PARTS = re.compile(_PART)
_NAME = re.compile(rf"{_PART}(?:\.{_PART})?\Z")
_SINGULAR = {
    "enums": "enum",
    "domains": "domain",
    "composites": "composite type",
    "sequences": "sequence",
    "tables": "table",
}


def type_words(text: str) -> str:
    """A type in one spelling, however it is given: ``numeric(12,2)`` and ``decimal(12, 2)`` are ``numeric(12, 2)``;
    what users made stays as it is.
    """
    try:
        return parse_type(text).sql
    except FieldError:
        return text


@dataclass(frozen=True)
class Domain:
    """A type with conditions: ``CREATE DOMAIN``.

    Attributes:
        type: what it stands on, as SQL.
        nullable: whether NULL is one of its values.
        default: SQL, or ``None``.
        checks: its conditions by name, as SQL over ``VALUE``.
        collation: another one than the type's.
    """

    type: str
    nullable: bool = True
    default: str | None = None
    checks: tuple[tuple[str, str], ...] = ()
    collation: str | tuple[str, str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "type", type_words(self.type))
        object.__setattr__(self, "checks", tuple(sorted((name, check) for name, check in self.checks)))


@dataclass(frozen=True)
class Composite:
    """A type of several fields: ``CREATE TYPE … AS (…)``; their types as SQL."""

    fields: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        fields = tuple([(name, type_words(type_)) for name, type_ in self.fields])
        object.__setattr__(self, "fields", fields)


@dataclass(frozen=True)
class State:
    """Schemas, extensions, types, sequences, and tables with views and partitions.

    Attributes:
        schemas, extensions: by name.
        enums: labels in their order.
        domains, composites, sequences, tables: by schema and name.
        guards: row security and triggers of tables that have any.
    """

    schemas: frozenset[str] = frozenset()
    extensions: frozenset[str] = frozenset()
    enums: Mapping[Key, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    domains: Mapping[Key, Domain] = field(default_factory=lambda: _NOTHING)
    composites: Mapping[Key, Composite] = field(default_factory=lambda: _NOTHING)
    sequences: Mapping[Key, Sequence] = field(default_factory=lambda: _NOTHING)
    tables: Mapping[Key, Table] = field(default_factory=lambda: _NOTHING)
    guards: Mapping[Key, Guard] = field(default_factory=lambda: _NOTHING)

    def find(self, kind: Kind, key: Key) -> Any:
        """What there is of a kind under a name.

        Raises:
            MigrationError: nothing; the message says what there is of a similar name.
        """
        known: Mapping[Key, Any] = getattr(self, kind)
        if key not in known:
            names = [title(one) for one in known]
            near = get_close_matches(title(key), names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise MigrationError(
                f"there is no {_SINGULAR[kind]} {title(key)} at this point of the history{hint}"
            )
        return known[key]

    def table(self, key: Key) -> Table:
        """The table, view or partition of a name.

        Raises:
            MigrationError: there is none.
        """
        found: Table = self.find("tables", key)
        return found

    def with_new(self, kind: Kind, key: Key, value: Any) -> State:
        """With one more of a kind.

        Raises:
            MigrationError: there is one of that name.
        """
        known: Mapping[Key, Any] = getattr(self, kind)
        if key in known:
            raise MigrationError(
                f"there is a {_SINGULAR[kind]} {title(key)} already at this point of the history"
            )
        return self._with(kind, {**known, key: value})

    def with_changed(self, kind: Kind, key: Key, value: Any) -> State:
        """With another in the place of one of a kind.

        Raises:
            MigrationError: there is none.
        """
        self.find(kind, key)
        return self._with(kind, {**getattr(self, kind), key: value})

    def without(self, kind: Kind, key: Key) -> State:
        """Without one of a kind; of a table, without what stands around its rows.

        Raises:
            MigrationError: there is none.
        """
        self.find(kind, key)
        state = self._with(
            kind, {other: value for other, value in getattr(self, kind).items() if other != key}
        )
        return state.with_guard(key, NO_GUARD) if kind == "tables" else state

    def guard(self, key: Key) -> Guard:
        """What stands around the rows of a table."""
        return self.guards.get(key, NO_GUARD)

    def with_guard(self, key: Key, guard: Guard) -> State:
        """With something else around the rows of a table."""
        guards = {other: value for other, value in self.guards.items() if other != key}
        if guard != NO_GUARD:
            guards[key] = guard
        return self._with("guards", guards)

    def _with(self, kind: str, values: Mapping[Key, Any]) -> State:
        changes: dict[str, Any] = {kind: MappingProxyType(dict(values))}
        return replace(self, **changes)


def title(key: Key) -> str:
    """A name as messages, files and ``--rename`` write it: ``posts``, ``app.posts``, ``app."a.b"``."""
    return ".".join(
        [quote_identifier(part) if _ODD & set(part) else part for part in key if part is not None]
    )


def key_of(text: str) -> Key:
    """The name that a text stands for, the other way round.

    Raises:
        MigrationError: it is none.
    """
    parts = _PARTS.findall(text) if isinstance(text, str) and _NAME.match(text) else []
    plain = [part[1:-1].replace('""', '"') if part.startswith('"') else part for part in parts]
    if not 1 <= len(plain) <= 2:
        raise MigrationError(
            f"{text!r} is no name: it is 'posts' or 'app.posts', parts with dots in double quotes"
        )
    return (plain[0], plain[1]) if len(plain) == 2 else (None, plain[0])


def quoted(key: Key) -> str:
    """A name as SQL writes it."""
    return quote_qualified(*key)


__all__ = [
    "Composite",
    "Domain",
    "Key",
    "Kind",
    "State",
    "key_of",
    "quoted",
    "title",
]
