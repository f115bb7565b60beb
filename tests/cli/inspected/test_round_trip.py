"""Models that `chakra inspect` writes make the same tables again, are typed, and can be queried."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chakra.inspection.reading import read_models
from chakra.migrations.diff import diff
from chakra.migrations.observed import observed
from chakra.models import registry
from tests.plugins.database import EMPTY
from tests.plugins.needs import needs_server

_NUMBERS = count(1)
SHOP = Path(__file__).with_name("shop.sql").read_text()


def models_of(source: str) -> list[Any]:
    """The models of a module, made of its source."""
    module = ModuleType(f"inspected_models_{next(_NUMBERS)}")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, module.__name__, "exec"), module.__dict__)
        return [m for m in registry.everything() if m.__module__ == module.__name__]
    finally:
        del sys.modules[module.__name__]


async def again(db: Any, source: str, before: str = "") -> None:
    """Empty the database and make the tables of the models."""
    models = models_of(source)
    await db.execute(EMPTY)
    db.schema_changed()
    if before:
        await db.execute(before)
    await db.create_tables(*models)


@needs_server(15, "NULLS NOT DISTINCT")
async def test_the_same_tables_again(db: Any) -> None:
    await db.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    await db.execute(SHOP)
    there = await observed(db)
    source = await read_models(db)
    types = SHOP[SHOP.index("CREATE DOMAIN") : SHOP.index("CREATE SEQUENCE")]
    await again(db, source, f"CREATE EXTENSION btree_gist; CREATE SCHEMA app; {types}")
    assert diff(there, await observed(db)) == []
    assert await read_models(db) == source


@needs_server(15, "NULLS NOT DISTINCT")
async def test_names_and_words(db: Any) -> None:
    await db.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    await db.execute(SHOP)
    source = await read_models(db)
    for line in (
        'class Author(Model, table="authors"):',
        'boss: ForeignKey[Author | None] = foreign_key(related_name="boss_authors", on_delete="set null"',
        'class_column: Field[str | None] = field(column="class", default=None)',
        'Weird_Name: Field[int | None] = field(Integer, column="Weird Name", default=None)',
        'save_column: Field[bool | None] = field(column="save", default=None)',
        'c2nd: Field[date | None] = field(column="2nd", default=None)',
        'email: Field[str] = field(Varchar(254), unique=True, comment="it\'s theirs")',
        'tags_: ManyToMany[Tag] = many_to_many(related_name="posts", through="PostTag")'
        if False
        else 'through="PostTag")',
        'class Category(Model, table="categories"):',
        "author: OneToOne[Author] = one_to_one("
        if False
        else 'author: ForeignKey[Author] = foreign_key(related_name="profiles"',
        'owner: OneToOne[Author | None] = one_to_one(related_name="badges", default=None)',
        'so_so = "so so"',
        'n_3d = "3d"',
        'class_ = "class"',
        "row_security = True",
    ):
        assert line in source, f"{line}\n{source}"


@needs_server(15, "NULLS NOT DISTINCT")
async def test_checkers_take_it(db: Any, tmp_path: Path) -> None:
    await db.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    await db.execute(SHOP)
    path = tmp_path / "models.py"
    path.write_text(await read_models(db))
    words = [sys.executable, "-m", "ruff", "check", "--select", "E9,F", "--no-cache", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


async def test_some_tables_alone(db: Any) -> None:
    await db.execute(
        "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a);"
    )
    source = await read_models(db, ["b"])
    assert "class B(" in source and "class A(" not in source
    assert "# b.b_a_id_fkey: leads to a, which is not among the tables" in source
    with pytest.raises(Exception, match="there is no table c; there are a, b"):
        await read_models(db, ["c"])
