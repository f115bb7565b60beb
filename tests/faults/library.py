"""Models, rows and the state of the tables that operations are measured by."""

from __future__ import annotations

from typing import Any

from chakra import Field, ForeignKey, ManyToMany, Model, field, foreign_key, many_to_many

ROWS = 240


class Shelf(Model, table="fault_shelves"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(unique=True)


class Item(Model, table="fault_items"):
    id: Field[int] = field(primary_key=True)
    shelf: ForeignKey[Shelf] = foreign_key(related_name="items", on_delete="cascade")
    label: Field[str] = field(unique=True)
    stock: Field[int] = field(default=0)
    tags: ManyToMany[Tag] = many_to_many(related_name="items")


class Tag(Model, table="fault_tags"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(unique=True)


MODELS = (Shelf, Tag, Item)

FILL = f"""
TRUNCATE fault_shelves, fault_tags, fault_items, fault_items_tags;
INSERT INTO fault_shelves (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c');
INSERT INTO fault_tags (id, name) VALUES (1, 'red'), (2, 'blue'), (3, 'green');
INSERT INTO fault_items (id, shelf_id, label, stock)
    SELECT n, 1 + n % 3, 'item ' || n, n FROM generate_series(1, {ROWS}) n;
INSERT INTO fault_items_tags (item_id, tag_id) SELECT n, t FROM generate_series(1, 9) n, generate_series(1, 2) t;
"""

STATE = """
SELECT md5(string_agg(line, '|' ORDER BY line)) FROM (
    SELECT 's ' || name AS line FROM fault_shelves
    UNION ALL SELECT 't ' || name FROM fault_tags
    UNION ALL SELECT concat_ws(' ', 'i', i.label, i.stock, s.name)
        FROM fault_items i JOIN fault_shelves s ON s.id = i.shelf_id
    UNION ALL SELECT concat_ws(' ', 'l', i.label, t.name) FROM fault_items_tags l
        JOIN fault_items i ON i.id = l.item_id JOIN fault_tags t ON t.id = l.tag_id
) lines
"""
"""All rows without the keys that sequences gave, which are gone also where what they were for was undone."""


async def make(db: Any, pg: Any) -> None:
    """Create and fill the tables."""
    await db.create_tables(*MODELS)
    await fill(pg)
    for table in ("fault_shelves", "fault_tags", "fault_items"):
        await pg.execute(f"ALTER TABLE {table} ALTER COLUMN id RESTART WITH 1001")


async def fill(pg: Any) -> None:
    """Put the rows back that everything begins with."""
    async with pg.transaction():
        await pg.execute("SET LOCAL lock_timeout = '5s'")
        await pg.execute(FILL)


async def state(pg: Any) -> str:
    """A digest of all rows."""
    return str(await pg.fetchval(STATE))
