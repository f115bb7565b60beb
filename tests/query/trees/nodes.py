"""One expression said twice, and how larger ones are put together: the SQL is pieces, its values bound parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from chakra import F, Value
from chakra.pg.types import (
    BOOL,
    BYTEA,
    DATE,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSONB,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    PgType,
    array_of,
)
from tests.query.trees.model import SQL_TYPES

TYPES: dict[str, PgType] = {
    "i2": INT2, "i4": INT4, "i8": INT8, "n": NUMERIC, "f4": FLOAT4, "f8": FLOAT8, "t": TEXT, "b": BOOL, "d": DATE,
    "ts": TIMESTAMP, "tz": TIMESTAMPTZ, "tm": TIME, "iv": INTERVAL, "by": BYTEA, "u": UUID, "at": array_of(TEXT),
    "ai": array_of(INT4), "j": JSONB,
}  # fmt: skip


class Column(NamedTuple):
    """A column by its path, to be written with the alias of its table."""

    path: str


class Bound(NamedTuple):
    """A parameter."""

    kind: str
    value: Any


class Said(NamedTuple):
    """An expression: its kind, Chakra's words for it, and the pieces of its SQL."""

    kind: str
    expression: Any
    pieces: tuple[str | Column | Bound, ...]


def column(kind: str, path: str) -> Said:
    return Said(kind, F(path), (Column(path),))


def literal(kind: str, value: Any) -> Said:
    """A literal that says its type."""
    return Said(kind, Value(value, TYPES[kind]), (Bound(kind, value),))


def made(kind: str, say: Callable[..., Any], template: str, parts: Sequence[Said]) -> Said:
    """An expression of others; `{0}`, `{1}`, … in the template stand for their SQL."""
    pieces: list[str | Column | Bound] = []
    for position, text in enumerate(re.split(r"\{(\d+)\}", template)):
        if position % 2:
            pieces += parts[int(text)].pieces
        elif text:
            pieces.append(text)
    return Said(kind, say(*(part.expression for part in parts)), tuple(pieces))


def written(pieces: Sequence[str | Column | Bound], alias: str = "t", parent: str = "p") -> list[str | Bound]:
    """The pieces with names for the columns."""
    return [
        f"{parent}.{piece.path.removeprefix('parent__')}"
        if isinstance(piece, Column) and piece.path.startswith("parent__")
        else f"{alias}.{piece.path}"
        if isinstance(piece, Column)
        else piece
        for piece in pieces
    ]


def sql_of(pieces: Sequence[str | Column | Bound]) -> tuple[str, list[Any]]:
    """The text with `$1::type`, `$2::type`, …, and the values."""
    parts: list[str] = []
    values: list[Any] = []
    for piece in written(pieces):
        if isinstance(piece, str):
            parts.append(piece)
            continue
        values.append(
            json.dumps(piece.value) if piece.kind == "j" and piece.value is not None else piece.value
        )
        type_ = "text::jsonb" if piece.kind == "j" else SQL_TYPES[piece.kind]
        parts.append(f"${len(values)}::{type_}")
    return "".join(parts), values


__all__ = ["TYPES", "Bound", "Column", "Said", "column", "literal", "made", "sql_of", "written"]
