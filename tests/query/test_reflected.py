"""``db.table("name")``: queries on tables without a model."""

from __future__ import annotations

from typing import Any

import pytest

from chakra.errors import DatabaseError, FieldError


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
        'SELECT "id", "name", "size" FROM "public"."towns" WHERE "size" > $1::integer ORDER BY "id" DESC',
        [3],
    )


async def test_get_or_create(towns: Any) -> None:
    made = {"id": 1, "name": "Ulm", "size": 2}
    assert await towns.get_or_create(name="Ulm", defaults={"size": 2}) == (made, True)
    assert await towns.get_or_create(name="Ulm", defaults={"size": 7}) == (made, False)
    assert await towns.all() == [made]


async def test_update_or_create(towns: Any) -> None:
    made = {"id": 1, "name": "Ulm", "size": 2}
    assert await towns.update_or_create(name="Ulm", defaults={"size": 2}) == (made, True)
    changed = {"id": 1, "name": "Neu-Ulm", "size": 7}
    moved = await towns.update_or_create(name="Ulm", defaults={"size": 7, "name": "Neu-Ulm"})
    assert moved == (changed, False)
    assert await towns.update_or_create(id=1) == (changed, False)
    assert await towns.all() == [changed]
    with pytest.raises(FieldError, match="nme"):
        await towns.update_or_create(id=1, defaults={"nme": "x"})


async def test_update_or_create_needs_a_primary_key(db: Any) -> None:
    await db.execute("CREATE TABLE pairs (a int, b int)")
    with pytest.raises(FieldError, match=r"update_or_create\(\) needs a primary key"):
        await db.table("pairs").update_or_create(a=1)


async def test_what_needs_instances_says_so(towns: Any) -> None:
    query = (await towns.reflect()).values()
    for call in (
        lambda: query.only("id"),
        lambda: query.defer("id"),
        lambda: query.select_related("id"),
    ):
        with pytest.raises(FieldError, match="is for instances; where rows are plain, values"):
            call()


async def test_create_left_out_by_a_trigger(db: Any, towns: Any) -> None:
    await db.execute(
        "CREATE FUNCTION no_towns() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    )
    await db.execute("CREATE TRIGGER t BEFORE INSERT ON towns FOR EACH ROW EXECUTE FUNCTION no_towns()")
    with pytest.raises(DatabaseError, match="did not let in this"):
        await towns.create(name="Ulm")
