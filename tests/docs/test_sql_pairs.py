"""Both sides of every pair on the page of SQL and Chakra side by side give the same rows, and leave the same tables."""

from __future__ import annotations

import ast
import inspect
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pyarrow as pa
import pytest

from chakra import Model, QuerySet, config
from tests.docs.test_pages_run import run

PAGE = "docs/expressions-cookbook.md"
TEXT = (Path(__file__).parents[2] / PAGE).read_text()
SETUP = re.compile(r"^## The tables\n.*?^```python\n(.*?)^```", re.M | re.S)
PAIR = re.compile(
    r"^\*\*(.*?)\*\*\n\n<div[^\n]*\n\n```sql\n(.*?)^```\n\n```python\n(.*?)^```\n\n</div>", re.M | re.S
)
WRITES = re.compile(r"^\s*(INSERT|UPDATE|DELETE)\b", re.M)
TABLES = ("categories", "products", "reviews", "old_reviews", "customers", "orders", "lines", "counters")


class Undo(Exception):
    """What a pair has written is taken back."""


def plain(value: Any) -> Any:
    """Documents and intervals as Python has them, whoever gave them."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        return json.loads(value)
    if isinstance(value, pa.MonthDayNano):
        assert value.months == 0
        return timedelta(days=value.days, microseconds=value.nanoseconds // 1000)
    return value


def as_rows(found: Any) -> list[tuple[Any, ...]]:
    """Whatever a verb gives, as tuples."""
    if isinstance(found, dict):
        return [tuple(map(plain, found.values()))]
    if isinstance(found, Model):
        return [tuple(getattr(found, column.attribute) for column in type(found).__table__.columns)]
    if isinstance(found, list):
        return [row for each in found for row in as_rows(each)]
    return [tuple(found)] if isinstance(found, tuple) else [(found,)]


async def said(python: str, names: dict[str, Any]) -> Any:
    """The value of the last line of a block."""
    tree = ast.parse(python)
    last = tree.body.pop()
    assert isinstance(last, ast.Expr)
    exec(compile(tree, PAGE, "exec"), names)
    code = compile(ast.Expression(last.value), PAGE, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    value = eval(code, names)
    return await value if inspect.iscoroutine(value) else value


async def tables(fetch: Any) -> dict[str, list[str]]:
    """All rows of all tables, as the server writes them."""
    return {name: sorted(row[0] for row in await fetch(f"select t::text from {name} t")) for name in TABLES}


async def ours(python: str, names: dict[str, Any], writes: bool) -> tuple[Any, Any, Any]:
    """Rows, the same as columns, and what the tables are afterwards; taken back at the end."""
    db, columns, left = names["db"], None, None
    try:
        async with db.transaction():
            found = await said(python, names)
            if isinstance(found, QuerySet):
                columnar = "select_for_update" not in python  # COPY takes no locks
                columns = as_rows((await found.to_arrow()).to_pylist()) if columnar else None
                found = await found
            if writes:
                left = await tables(db.fetch)
            raise Undo
    except Undo:
        return found, columns, left


async def by_hand(sql: str, pg: asyncpg.Connection[Any], writes: bool) -> tuple[list[tuple[Any, ...]], Any]:
    """Rows of the SQL, and what the tables are afterwards; taken back at the end."""
    rows: list[tuple[Any, ...]] = []
    left = None
    block = pg.transaction()
    await block.start()
    try:
        rows = [tuple(map(plain, row)) for row in await pg.fetch(sql)]
        if writes:
            left = await tables(pg.fetch)
    finally:
        await block.rollback()
    return rows, left


@pytest.mark.usefixtures("registries")
async def test_pairs(pg: asyncpg.Connection[Any], dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAKRA_DATABASE_URL", dsn)
    config.reset()
    names: dict[str, Any] = {"__name__": "pairs"}
    setup = SETUP.search(TEXT)
    assert setup
    await run(setup[1], PAGE, 1, names)
    await pg.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=str)
    pairs = PAIR.findall(TEXT)
    assert len(pairs) == TEXT.count("```sql") == int(TEXT.split(" things that one says")[0].split()[-1])
    wrong = []
    for title, sql, python in pairs:
        writes = WRITES.search(sql) is not None
        rows, left = await by_hand(sql, pg, writes)
        try:
            found, columns, ours_left = await ours(python, names, writes)
        except Exception as error:
            wrong.append(f"{title}: {type(error).__name__}: {error}")
            continue
        if left != ours_left:
            wrong.append(f"{title}: leaves {ours_left}, and by hand {left}")
        if "ORDER BY" not in sql.rsplit(")", 1)[-1]:
            rows.sort(key=repr)
            columns = columns and sorted(columns, key=repr)
        if columns is not None and columns != rows:
            wrong.append(f"{title}: as columns {columns}, by hand {rows}")
        if "RETURNING" in sql or not writes:
            values = as_rows(found)
            if "ORDER BY" not in sql.rsplit(")", 1)[-1]:
                values.sort(key=repr)
            if isinstance(found, list) and isinstance(found[0], Model) and columns is not None:
                assert len(found) == len(rows) > 0, title
            elif values != rows:
                wrong.append(f"{title}: {values}, by hand {rows}")
        if not rows and not writes:
            wrong.append(f"{title}: finds nothing, which proves nothing")
    await run("await db.close()", PAGE, 1, names)
    config.reset()
    assert not wrong, "\n".join(wrong)
