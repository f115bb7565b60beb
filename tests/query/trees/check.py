"""One question, asked three ways: as rows, as columns, and as SQL with bound parameters."""

from __future__ import annotations

import decimal
import math
from typing import Any

import pyarrow as pa

from chakra import raw
from chakra.errors import ChakraError, DatabaseError, DataError
from chakra.sql import select_statement
from tests.query.trees.grow import Question
from tests.query.trees.nodes import sql_of


def alike(one: Any, other: Any) -> bool:
    """Whether two values are equal and of one class; floats up to their last digits, which sums differ in."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9) or (one != one and other != other)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


async def outcome(asked: Any) -> Any:
    """What a query gives, or the error it ends in."""
    try:
        return await asked
    except (ChakraError, TypeError, ValueError, decimal.InvalidOperation) as error:
        return error


def kind_of(error: Exception) -> tuple[Any, ...]:
    """What has to be the same of two errors: the class, and the server's code."""
    return type(error), getattr(error, "sqlstate", None)


async def disagreement(db: Any, question: Question) -> str | None:
    """In what the three ways differ; ``None`` = in nothing."""
    sql, values = sql_of(question.pieces)
    rows = await outcome(question.query)
    expected = await outcome(raw(sql, db, params=values).all())
    columns = await outcome(question.query.to_arrow())
    plain = await outcome(raw(sql, db, params=values).to_arrow())
    if question.mode in ("filter", "exclude") and any(
        map(_refuses_a_value, (rows, expected, columns, plain))
    ):
        return None
    found = _rows(rows, expected) or _columns(columns, plain, expected) or _types(question, expected, plain)
    return None if found is None else f"{question.mode}: {found}\n  {question.query!r}\n  {sql}\n  {values!r}"


def _refuses_a_value(error: Any) -> bool:
    """Whether the server could not compute something: what it computes of conditions, and when, is up to its plan."""
    return isinstance(error, DataError) and bool(getattr(error, "sqlstate", ""))


def _rows(found: Any, expected: Any) -> str | None:
    if isinstance(found, Exception) or isinstance(expected, Exception):
        same = (
            isinstance(found, Exception)
            and isinstance(expected, Exception)
            and kind_of(found) == kind_of(expected)
        )
        return None if same else f"rows: {_shown(found)}, and SQL: {_shown(expected)}"
    one, other = [tuple(row.values()) for row in found], [tuple(row.values()) for row in expected]
    return None if alike(one, other) else f"rows: {one}, and SQL: {other}"


def _columns(found: Any, expected: Any, rows: Any) -> str | None:
    if isinstance(rows, DatabaseError) and isinstance(found, DatabaseError):
        return (
            None if kind_of(rows) == kind_of(found) else f"columns: {_shown(found)}, and SQL: {_shown(rows)}"
        )
    if isinstance(found, Exception) or isinstance(expected, Exception):
        same = (
            isinstance(found, Exception)
            and isinstance(expected, Exception)
            and kind_of(found) == kind_of(expected)
        )
        return None if same else f"columns: {_shown(found)}, and those of SQL: {_shown(expected)}"
    try:
        one, other = found.to_pylist(), expected.to_pylist()
    except OverflowError:  # dates before the year 1, which Python has not
        one, other = str(found.columns), str(expected.columns)
    if not alike(one, other):
        return f"columns: {one}, and those of SQL: {other}"
    for mine, theirs in zip(found.schema, expected.schema, strict=True):
        decimals = pa.types.is_decimal(mine.type) and pa.types.is_decimal(theirs.type)
        if mine.type != theirs.type and not decimals:
            return f"column {mine.name} is {mine.type}, and that of SQL {theirs.type}"
    return None


def _types(question: Question, rows: Any, plain: Any) -> str | None:
    if isinstance(rows, Exception) or isinstance(plain, Exception):
        return None
    outputs = select_statement(question.query._select)[0].statement.outputs
    for position, output in enumerate(outputs):
        metadata = plain.schema.field(position).metadata or {}
        actual = metadata.get(b"postgresql.type", metadata.get(b"pg_type", b"")).decode()
        if (
            output.type is not None
            and actual
            and output.type.base.sql.partition("(")[0] != actual.partition("(")[0]
        ):
            return f"{output.name} is said to be {output.type.sql}, and is {actual}"
        if not output.nullable and any([*row.values()][position] is None for row in rows):
            return f"{output.name} is said never to be NULL, and is"
    return None


def _shown(outcome: Any) -> str:
    return f"{type(outcome).__name__}: {outcome}" if isinstance(outcome, Exception) else "an answer"


__all__ = ["alike", "disagreement"]
