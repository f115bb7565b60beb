"""``db.table("name")``: queries on tables without a model."""

from __future__ import annotations

from typing import Any

import pytest

from chakra.errors import FieldError


@pytest.fixture
async def towns(db: Any) -> Any:
    await db.execute(
        "CREATE TABLE towns (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE, size int)"
    )
    return db.table("towns")


async def test_sql_is_known_once_the_table_was_looked_up(towns: Any) -> None:
    with pytest.raises(
        FieldError, match=r'not known before it was read; \(await db.table\("towns"\).reflect'
    ):
        towns.to_sql()
    await towns.count()
    assert towns.filter(size__gt=3).order_by("-id").to_sql() == (
        'SELECT "id", "name", "size" FROM "public"."towns" WHERE "size" > $1 ORDER BY "id" DESC',
        [3],
    )


async def test_get_or_create(towns: Any) -> None:
    made = {"id": 1, "name": "Ulm", "size": 2}
    assert await towns.get_or_create(name="Ulm", defaults={"size": 2}) == (made, True)
    assert await towns.get_or_create(name="Ulm", defaults={"size": 7}) == (made, False)
    assert await towns.all() == [made]
