"""Operations as the Python that makes them: what migration files consist of."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from keyword import iskeyword
from typing import Any

from chakra.migrations.frozen import type_text
from chakra.migrations.state import title
from chakra.migrations.steps import Lock
from chakra.pg.types import PgType
from chakra.schema import (
    Check,
    Column,
    Exclude,
    ForeignKeyConstraint,
    Identity,
    Index,
    Sequence,
    Term,
    Unique,
)

WIDTH = 100
"""Lines longer than this are broken after each argument."""


class Source:
    """Writes values as Python source, and knows which names it used.

    Attributes:
        names: of ``chakra.migrations``, used so far.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()

    def of(self, value: Any, indent: int = 0) -> str:
        """The source of a value; lines after the first are indented by ``indent`` spaces."""
        if value is None or isinstance(value, bool | int | float | bytes):
            return repr(value)
        if isinstance(value, Lock):
            return self._named(f"Lock.{value.name}", "Lock")
        if isinstance(value, str):
            return _text(str(value))
        if isinstance(value, Mapping):
            return self._block(
                "{", "}", [f"{self.of(k)}: {self.of(v, indent + 4)}" for k, v in value.items()], indent
            )
        if isinstance(value, tuple | list):
            if isinstance(value, tuple) and len(value) == 2 and all(isinstance(one, str) for one in value):
                return f"({self.of(value[0])}, {self.of(value[1])})"
            return self._listed(value, indent)
        if isinstance(value, PgType):
            return _text(type_text(value))
        special = _SPECIAL.get(type(value))
        if special is not None:
            return str(special(self, value, indent))
        if dataclasses.is_dataclass(value):
            return self._call(type(value).__name__, *_fields(value), indent)
        raise TypeError(f"cannot write {value!r} into a migration")

    def _named(self, text: str, name: str) -> str:
        self.names.add(name)
        return text

    def _listed(self, values: Iterable[Any], indent: int) -> str:
        items = [self.of(one, indent + 4) for one in values]
        return self._block("[", "]", items, indent)

    def _call(self, name: str, positional: list[Any], words: dict[str, Any], indent: int) -> str:
        self.names.add(name)
        parts = [self.of(one, indent + 4) for one in positional]
        parts += [f"{word}={self.of(value, indent + 4)}" for word, value in words.items()]
        return self._block(f"{name}(", ")", parts, indent)

    def _block(self, opening: str, closing: str, parts: list[str], indent: int) -> str:
        line = f"{opening}{', '.join(parts)}{closing}"
        if indent + len(line) <= WIDTH and "\n" not in line:
            return line
        inner = " " * (indent + 4)
        return f"{opening}\n" + "".join(f"{inner}{part},\n" for part in parts) + f"{' ' * indent}{closing}"


def _text(value: str) -> str:
    """A text in double quotes where that needs no escape; over several lines in three of them."""
    plain = not any(one in value for one in ("\\", "\r", "\0"))
    if plain and "\n" in value and '"""' not in value and not value.endswith('"'):
        return f'"""{value}"""'
    both = plain and '"' in value and "'" in value and value.isprintable()
    if both and "'''" not in value and not value.endswith("'"):
        return f"'''{value}'''"
    shown = repr(value)
    return f'"{shown[1:-1]}"' if shown.startswith("'") and '"' not in shown else shown


def _names(value: Any) -> Any:
    """Texts in a row are names, and a list; two of them in a list of others are a pair."""
    return list(value) if isinstance(value, tuple) and all(isinstance(one, str) for one in value) else value


def _fields(value: Any) -> tuple[list[Any], dict[str, Any]]:
    """Arguments of a dataclass: those without a default by position, others by name where they are not the default."""
    positional: list[Any] = []
    words: dict[str, Any] = {}
    for one in dataclasses.fields(value):
        if not one.init:
            continue
        given = _names(getattr(value, one.name))
        if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            positional.append(given)
        elif one.default_factory is not dataclasses.MISSING:
            if given != one.default_factory():
                words[one.name] = given
        elif given is not one.default and given != _names(one.default):
            words[one.name] = given
    return positional, words


def _said(pairs: Mapping[str, Any], defaults: Mapping[str, Any] = {}) -> dict[str, Any]:
    return {
        word: value for word, value in pairs.items() if value not in (None, (), False, defaults.get(word, ""))
    }


def _column(source: Source, column: Column, indent: int) -> str:
    identity: Any = None
    if column.identity:
        identity = "always" if column.always else "serial" if column.serial else "by default"
        if column.sequence is not None:
            identity = dataclasses.replace(column.sequence, always=column.always, serial=column.serial)
    words = _said(
        {
            "null": column.nullable,
            "default": column.db_default,
            "identity": identity,
            "generated": column.computed,
            "virtual": column.virtual,
            "collation": column.collation,
            "comment": column.comment,
            "storage": column.storage,
            "compression": column.compression,
        }
    )
    for word in ("default", "comment"):
        if {"default": column.db_default, "comment": column.comment}[word] == "":
            words[word] = ""
    return source._call("Column", [column.name, column.type], words, indent)


def _foreign_key(source: Source, key: ForeignKeyConstraint, indent: int) -> str:
    one = len(key.columns) == 1
    target = title((key.target_schema, key.target))
    words = _said(
        {
            "name": key.name,
            "on_delete": key.on_delete,
            "on_update": key.on_update,
            "deferrable": key.deferrable,
            "set_columns": key.set_columns,
            "match": key.match,
        },
        {"on_delete": "no action", "on_update": "no action", "match": "simple"},
    )
    columns = (
        [key.columns[0], target, key.target_columns[0]] if one else [key.columns, target, key.target_columns]
    )
    return source._call("ForeignKey", columns, words, indent)


def _term(source: Source, term: Term, indent: int) -> Any:
    """A term as ``Index`` takes it: a text where one says it all."""
    options = dict(term.options)
    called = term.opclass is not None and all(name.isidentifier() and not iskeyword(name) for name in options)
    bare = term.nulls is None and term.collation is None and (called or not options)
    if bare and term.column is not None and term.column[:1] not in ("-", "(", ""):
        text: Any = _text(f"-{term.column}" if term.descending else term.column)
    elif bare and isinstance(term.expression, str):
        text = _text(f"{'-' if term.descending else ''}({term.expression})")
    else:
        words = {
            word: getattr(term, word)
            for word in ("column", "expression", "descending", "nulls", "collation", "opclass", "options")
            if getattr(term, word) not in (None, False, ())
        }
        return source._call("Term", [], words, indent)
    if term.opclass is None:
        return text
    source.names.add("OpClass")
    words = {word: source.of(value) for word, value in options.items()}
    return f"OpClass({', '.join([text, source.of(term.opclass), *(f'{w}={v}' for w, v in words.items())])})"


def _parts_of(source: Source, name: str, first: list[str], words: dict[str, Any], indent: int) -> str:
    source.names.add(name)
    parts = first + [f"{word}={source.of(value, indent + 4)}" for word, value in words.items()]
    return source._block(f"{name}(", ")", parts, indent)


def _index(source: Source, index: Index, indent: int) -> str:
    words = _said(
        {
            "name": index.name,
            "unique": index.unique,
            "method": index.method,
            "where": index.where,
            "include": index.include,
            "with_": dict(index.with_) or None,
            "nulls_not_distinct": index.nulls_not_distinct,
            "tablespace": index.tablespace,
        },
        {"method": "btree"},
    )
    return _parts_of(source, "Index", [_term(source, term, indent) for term in index.terms], words, indent)


def _unique(source: Source, unique: Unique, indent: int) -> str:
    words = _said(
        {
            "name": unique.name,
            "where": unique.where,
            "include": unique.include,
            "deferrable": unique.deferrable,
            "nulls_not_distinct": unique.nulls_not_distinct,
        }
    )
    return _parts_of(source, "Unique", [_term(source, term, indent) for term in unique.terms], words, indent)


def _check(source: Source, check: Check, indent: int) -> str:
    words = _said({"name": check.name, "no_inherit": check.no_inherit})
    return _parts_of(source, "Check", [_text(str(check.condition))], words, indent)


def _exclude(source: Source, one: Exclude, indent: int) -> str:
    pairs = [
        f"({_term(source, term, indent)}, {source.of(operator)})"
        for term, operator in zip(one.terms, one.operators, strict=True)
    ]
    words = _said(
        {
            "name": one.name,
            "method": one.method,
            "where": one.where,
            "include": one.include,
            "deferrable": one.deferrable,
        },
        {"method": "gist"},
    )
    return _parts_of(source, "Exclude", pairs, words, indent)


def _sequence(source: Source, one: Sequence, indent: int) -> str:
    plain = Sequence(one.name, increment=one.increment, type=one.type)
    words = {
        word: getattr(one, word)
        for word in ("schema", "start", "increment", "minimum", "maximum", "cycle", "cache", "type")
        if getattr(one, word) != getattr(plain, word) or (word == "increment" and one.increment != 1)
    }
    if one.type != "bigint":
        words["type"] = one.type
    return source._call("Sequence", [one.name], words, indent)


def _identity(source: Source, one: Identity, indent: int) -> str:
    plain = Identity()
    words = {
        word: getattr(one, word)
        for word in ("always", "start", "increment", "minimum", "maximum", "cache", "cycle", "serial")
        if getattr(one, word) != getattr(plain, word)
    }
    return source._call("Identity", [], words, indent)


_SPECIAL: dict[type, Any] = {
    Column: _column,
    ForeignKeyConstraint: _foreign_key,
    Index: _index,
    Unique: _unique,
    Check: _check,
    Exclude: _exclude,
    Sequence: _sequence,
    Identity: _identity,
}


def docstring(title: str) -> str:
    """A sentence as it may stand in a docstring, whatever the names in it are."""
    one = " ".join(title.split()).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'{one[:-1]}\\"' if one.endswith('"') else one


def file_source(
    operations: Iterable[Any], *, title: str, requires: Iterable[str], replaces: Iterable[str] = ()
) -> str:
    """A migration file.

    Args:
        title: what it does, in a sentence; becomes its docstring.
        requires: names of the migrations it stands on.
        replaces: names of those that it stands for, once squashed.
    """
    source = Source()
    body = (
        "[\n" + "".join(f"    {source.of(one, 4)},\n" for one in operations) + "]"
        if list(operations)
        else "[]"
    )
    lines = [f'"""{docstring(title)}"""', ""]
    if source.names:
        names = sorted(source.names)
        line = f"from chakra.migrations import {', '.join(names)}"
        if len(line) > WIDTH:
            line = "from chakra.migrations import (\n" + "".join(f"    {name},\n" for name in names) + ")"
        lines += [line, ""]
    lines.append(f"requires = {source.of(list(requires))}")
    if list(replaces):
        lines.append(f"replaces = {source.of(list(replaces))}")
    lines += ["", f"operations = {body}", ""]
    return "\n".join(lines)


__all__ = ["Source", "docstring", "file_source"]
