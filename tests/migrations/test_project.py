"""`chakra migrate` in a project, as somebody at a terminal uses it: made, applied, changed, taken back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MODELS = """
from chakra import Field, ForeignKey, Index, Model, field, foreign_key

class Author(Model, table="authors"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]

class Post(Model, table="posts"):
    id: Field[int] = field(primary_key=True)
    author: ForeignKey[Author] = foreign_key(related_name="posts", on_delete="cascade")
    title: Field[str]
"""
CHANGED = MODELS.replace(
    "    title: Field[str]\n",
    "    headline: Field[str]\n    slug: Field[str]\n    stars: Field[int] = field(default=3)\n"
    "    data: Field[dict] = field(default_factory=dict)\n",
)


class Project:
    """A folder with a ``chakra.toml`` and models."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.folder = folder
        (folder / "shop").mkdir()
        (folder / "shop" / "__init__.py").touch()
        (folder / "chakra.toml").write_text(
            f'[database]\nurl = "{dsn}"\n[migrations]\nmodels = ["shop.models"]\n'
        )
        self.models(MODELS)

    def models(self, text: str) -> None:
        (self.folder / "shop" / "models.py").write_text(text)

    def says(self, *words: str, fails: bool = False) -> str:
        """What a command prints."""
        done = subprocess.run(
            [sys.executable, "-m", "chakra.cli", "migrate", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
async def project(db: object, dsn: str, tmp_path: Path) -> Project:
    return Project(tmp_path, dsn)


async def test_a_day(project: Project, db: object) -> None:
    """One test, since each command is a process of its own (0.5 s)."""
    assert "0001_initial.py\n  create table authors\n  create table posts\n" in project.says("make")
    assert "nothing to make" in project.says("make")
    assert "applied 1 migration" in project.says()
    await db.execute(
        "INSERT INTO authors (name) VALUES ('a'); INSERT INTO posts (author_id, title) VALUES (1, 'T')"
    )  # type: ignore[attr-defined]
    project.models(CHANGED)
    said = project.says("make", fails=True)
    assert "title is gone and headline is new: was it renamed? Say --rename posts.title:headline" in said
    said = project.says("make", "--rename", "posts.title:headline", fails=True)
    assert "posts.slug: NOT NULL, and rows that are there need a value" in said
    said = project.says("make", "--rename", "posts.title:headline", "--fill", "posts.slug=lower(headline)")
    assert said.splitlines()[1:] == [
        "  rename column posts.title to headline",
        "  add column posts.slug",
        "  add column posts.stars",
        "  add column posts.data",
    ]
    assert "the file" not in project.says("plan")
    assert "not applied" in project.says("drift", fails=True)
    assert "applied 1 migration" in project.says("apply")
    row = await db.fetchrow("SELECT headline, slug, stars, data::text FROM posts")  # type: ignore[attr-defined]
    assert tuple(row) == ("T", "t", 3, "{}")
    assert "models, migrations and database agree" in project.says("drift")
    assert "models and migrations agree" in project.says("make", "--check")
    assert "took back 0002_change_posts" in project.says("back", "2", "--yes")
    assert "missing" in project.says("status", "--check", fails=True)
