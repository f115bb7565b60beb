"""Tables without a model: their descriptions by name, read again when the catalog changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from chakra import introspect
from chakra.errors import FieldError
from chakra.pg.lexing import tokens
from chakra.query import catalogue
from chakra.schema import Table

if TYPE_CHECKING:
    from chakra.db import Database

_reflected: WeakKeyDictionary[Database, dict[str, tuple[str, Table]]] = WeakKeyDictionary()


def _check_text(name: Any) -> None:
    if not isinstance(name, str):
        model = getattr(name, "__table__", None)
        said = "" if model is None else f"; of a model the query is {name.__name__}.objects"
        raise FieldError(f"db.table() takes the name of a table as text, not {name!r}{said}")


def parse_name(text: str) -> tuple[str | None, str]:
    """Take ``name``, ``schema.name`` or a quoted form of either apart; case is kept.

    Raises:
        FieldError: anything else.
    """
    _check_text(text)
    parts: list[str] = []
    expect_name = True
    for kind, token in tokens(text):
        if expect_name and kind == "quoted" and token.startswith('"') and len(token) > 2:
            parts.append(token[1:-1].replace('""', '"'))
        elif expect_name and kind == "word":
            parts.append(token)
        elif expect_name or token != ".":
            parts = []
            break
        expect_name = not expect_name
    if len(parts) not in (1, 2) or expect_name:
        raise FieldError(
            f"{text!r} is not a table's name: write name or schema.name, with double quotes around parts "
            "that are not plain words"
        )
    return (None, parts[0]) if len(parts) == 1 else (parts[0], parts[1])


class NoTable(FieldError):
    """There is no table of that name."""


async def reflect(database: Database, name: str) -> Table:
    """Describe an existing table, view or foreign table from the catalog.

    One small query asks whether the description at hand is still true; only then the catalog is read again.

    Raises:
        FieldError: there is no such table.
    """
    schema, table = parse_name(name)
    found = await introspect.find(database, schema, table)
    if found is None:
        there = await catalogue.instead_of(database, schema, table)
        raise NoTable(f"the database {database.name} has no table {name!r}{there}")
    known = _reflected.setdefault(database, {})
    # Changes of a type (ALTER TYPE … ADD VALUE) leave the rows of the tables that use it as they are.
    fingerprint = f"{found.fingerprint};{database.types.version}"
    seen, described = known.get(name, (None, None))
    if described is None or seen != fingerprint:
        (described,) = await introspect.read(database, [found])
        known[name] = (fingerprint, described)
    return described


async def exists(database: Database, name: str) -> bool:
    """Whether there is a table, view or foreign table of that name."""
    return await introspect.find(database, *parse_name(name)) is not None


def known(database: Database, name: str) -> Table | None:
    """The description of a table as it was read last, without asking again; ``None`` if it never was."""
    return _reflected.get(database, {}).get(name, (None, None))[1]


__all__ = ["NoTable", "exists", "known", "parse_name", "reflect"]
