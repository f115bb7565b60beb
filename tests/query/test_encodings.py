"""Columns and bulk writes under settings in which their text would mean something else: refused, not garbled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chakra import ConfigError, Database, Field, Model, field

EVIL = "能\\')::text OR true) TO STDOUT (FORMAT binary) --"


class Word(Model, table="words"):
    v: Field[str] = field(primary_key=True)


async def batches(words: Any) -> None:
    async for _ in words.filter(v=EVIL).arrow_batches():
        pass


OPERATIONS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "to_arrow": lambda words: words.filter(v=EVIL).to_arrow(),
    "arrow_batches": batches,
    "bulk_insert": lambda words: words.bulk_insert({"v": ["é"]}),
    "bulk_insert beside what is there": lambda words: words.bulk_insert({"v": ["é"]}, on_conflict="ignore"),
    "bulk_create": lambda words: words.bulk_create([Word(v=f"é{n}") for n in range(600)]),
}

SETTINGS = {
    "client_encoding": ["set client_encoding to 'LATIN1'", "set client_encoding to 'GBK'; set backslash_quote to on",
                        "set names 'sql_ascii'"],
    "standard_conforming_strings": ["set standard_conforming_strings to off"],
}  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("setting", "sql"), [(name, sql) for name, texts in SETTINGS.items() for sql in texts]
)
async def test_refused(db: Database, operation: str, setting: str, sql: str) -> None:
    await db.create_tables(Word)
    await Word.objects.create(v="one")
    async with db.acquire() as connection:
        await connection.execute(sql)
        with pytest.raises(ConfigError, match=f"{setting} is .* RESET {setting}"):
            await OPERATIONS[operation](Word.objects.using(connection))  # type: ignore[arg-type]
        await connection.execute(f"reset {setting}")
        await OPERATIONS[operation](Word.objects.using(connection))  # type: ignore[arg-type]
    assert "one" in await Word.objects.values_list("v", flat=True)
    assert not await Word.objects.filter(v__contains="Ã").exists()


async def test_rows_are_right_under_any_encoding(db: Database) -> None:
    await db.create_tables(Word)
    async with db.acquire() as connection:
        await connection.execute("set client_encoding to 'LATIN1'")
        words: Any = Word.objects.using(connection)  # type: ignore[arg-type]
        await words.create(v="é")
        assert await words.filter(v="é").count() == 1
    assert [w.v for w in await Word.objects.all()] == ["é"]
