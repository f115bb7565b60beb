"""What goes wrong is said, with what to do about it, and nothing of it is half done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chakra.errors import DatabaseError, MigrationError
from chakra.migrations.diff import diff
from chakra.migrations.files import Graph, load_folder
from chakra.migrations.observed import observed
from chakra.migrations.run import Runner, read_journal
from tests.migrations.carried_out import emptied, quick

FIRST = """
from chakra.migrations import Column, CreateTable, Index

operations = [
    CreateTable(
        "posts",
        [Column("id", "bigint"), Column("title", "text", null=True), Column("number", "integer")],
        primary_key=["id"],
        indexes=[Index("number", name="posts_number_idx")],
    ),
    CreateTable("authors", [Column("id", "bigint")], primary_key=["id"]),
]
"""
ROWS = "INSERT INTO posts SELECT i, nullif('t' || i % 7, 't3'), i % 10 FROM generate_series(1, 40) i"


def second(operations: str, more: str = "", requires: str = "0001_first") -> str:
    """A file that stands on the first one."""
    return f"from chakra.migrations import *\nrequires = [{requires!r}]\noperations = [{operations}]\n{more}"


@dataclass(frozen=True)
class Bad:
    """What goes wrong.

    Attributes:
        files: beside the first one, by their names; ``None``: the first one without it.
        says: what the error says, a pattern; ``what to do`` is a part of it.
        before: SQL before it.
        meanwhile: SQL that another connection has open in a transaction.
        options: of the runner.
        rest: operations that the database is away from what it was; those that were committed before the failure.
    """

    files: Mapping[str, str | None]
    says: str
    before: str = ""
    meanwhile: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    rest: tuple[str, ...] = ()


ADD = 'AddColumn("posts", Column("more", "text", null=True))'
LESS = 'AddColumn("posts", Column("other", "text", null=True))'
CASES = {
    # files
    "edited": Bad(
        {"0001_first": FIRST.replace('"authors"', '"writers"')},
        r"0001_first\.py was applied, and edited since: undo the edit and write another one\. Where the database "
        r"already is as the file says: chakra migrate apply --accept 0001_first",
    ),
    "missing": Bad(
        {"0001_first": None, "0002_other": "operations = []"},
        r"the database has 0001_first, and there is no such file: either its file was deleted \(bring it back from "
        r"version control\), or the database is ahead of this code \(deploy the newer one\)",
    ),
    "circle": Bad(
        {"0002_a": second("", requires="0003_b"), "0003_b": second("", requires="0002_a")},
        r"migrations require one another in a circle: 0002_a → 0003_b → 0002_a",
    ),
    "requires itself": Bad({"0002_a": second("", requires="0002_a")}, r"in a circle: 0002_a → 0002_a"),
    "typo": Bad(
        {"0002_a": second("", requires="0001_frist")},
        r"0002_a requires 0001_frist, which is not there; did you mean 0001_first\?",
    ),
    "unknown app": Bad(
        {"0002_a": second("", requires="blog:0009_posts")},
        r"0002_a requires blog:0009_posts, which is not there; was its file deleted\?",
    ),
    "requires is no list": Bad(
        {"0002_a": "requires = '0001_first'\noperations = []"}, r"requires is a list, not"
    ),
    "requires lists no names": Bad(
        {"0002_a": "requires = [1]\noperations = []"}, r"requires lists names of migrations, not 1"
    ),
    "no operations": Bad(
        {"0002_a": "operation = []"},
        r"0002_a\.py says no operations = \[…\], and has no async def forward\(db\) \(there is 'operation'\)",
    ),
    "operations of what": Bad(
        {"0002_a": "operations = ['DROP TABLE posts']"}, r"operation 1 is 'DROP TABLE posts', which is none"
    ),
    "syntax": Bad({"0002_a": "operations = [\n\n(]"}, r"0002_a\.py, line 3: "),
    "wrong type": Bad(
        {"0002_a": second('AddColumn("posts", Column("more", "txet", null=True))')},
        r'0002_a: type "txet" does not exist.* The statement: ALTER TABLE "posts" ADD COLUMN "more" "txet"\.',
    ),
    "wrong argument": Bad(
        {"0002_a": second("AddColumn('posts', nul=True)")}, r"TypeError: .*nul.*\(line 3\)"
    ),
    "an import": Bad({"0002_a": "import nothing_like_this\noperations = []"}, r"No module named.*\(line 1\)"),
    "not async": Bad(
        {"0002_a": "def forward(db):\n    pass\n"},
        r"forward\(\) has to be an async def, which takes the database",
    ),
    "no such function": Bad(
        {"0002_a": second('RunPython("fill")')}, r"has no function fill\(\), which RunPython names"
    ),
    # operations that do not fit
    "no such table": Bad(
        {"0002_a": second('AddColumn("postz", Column("a", "text"))')},
        r"0002_a, operation 1 \(add column postz\.a\): .*postz",
    ),
    "no such column": Bad(
        {"0002_a": second(ADD + ', DropColumn("posts", "moer")')},
        r"0002_a, operation 2 \(drop column posts\.moer\): posts has no column moer; it has id, title, number, more",
    ),
    "there already": Bad(
        {"0002_a": second('CreateTable("authors", [Column("a", "text")])')},
        r"0002_a, operation 1 .*authors already",
    ),
    "no constraint": Bad({"0002_a": second('DropConstraint("posts", "what")')}, r"operation 1 .* what"),
    # rows
    "rows without a value": Bad(
        {"0002_a": second('AddColumn("posts", Column("more", "text"))')},
        r"posts has rows, which need a value in more: it is NOT NULL and has no default\. Say fill= in AddColumn",
    ),
    "NULLs": Bad(
        {"0002_a": second('AlterColumn("posts", Column("title", "text"))')},
        r"posts has rows without title, which is to be NOT NULL\. Give them a value first: fill=",
    ),
    "duplicates": Bad(
        {"0002_a": second(ADD + ', AddConstraint("posts", Unique("title", name="k"))')},
        r'agree in title, which k forbids\. Find them: SELECT "title", count.* Merge or delete them',
    ),
    "a broken check": Bad(
        {"0002_a": second(ADD + ', AddConstraint("posts", Check("number > 0", name="k"))')},
        r"posts has rows that k forbids\. Find them: SELECT \* FROM .* Change or delete them",
    ),
    "no partner": Bad(
        {"0002_a": second(ADD + ', AddConstraint("posts", ForeignKey("number", "authors", "id", name="k"))')},
        r"leads to no row of authors, which k forbids\. Find them: SELECT own\.\* .* Correct or delete them",
    ),
    "duplicates of a key": Bad(
        {"0002_a": second(ADD + ', SetPrimaryKey("posts", ["number"])')},
        r"agree in number.* Merge or delete them",
    ),
    "a value that does not fit": Bad(
        {"0002_a": second(ADD + ', AlterColumn("posts", Column("title", "integer", null=True))')},
        r'0002_a: invalid input syntax for type integer.* The statement: ALTER TABLE "posts".*run it again',
    ),
    # while it runs
    "a function that fails": Bad(
        {
            "0002_a": second(
                f'{ADD}, RunPython("f", None)', "async def f(db):\n    raise ValueError('no such luck')"
            )
        },
        r"0002_a: f\(\) failed: ValueError: no such luck\. What its transaction did is taken back; correct it",
    ),
    "SQL that fails": Bad(
        {"0002_a": second(f"{ADD}, RunSQL('SELECT 1/0')")},
        r"0002_a: division by zero.* The statement: SELECT 1/0\.",
    ),
    "a lock": Bad(
        {"0002_a": second(f'{ADD}, DropColumn("posts", "title")')},
        r'0002_a: no lock on "posts" in 2 attempts of 0\.05 s\. Something holds it for long: look at pg_locks',
        meanwhile="SELECT FROM posts",
        options={"lock_timeout": 0.05, "attempts": 2},
    ),
    "too long": Bad(
        {"0002_a": second(f"{ADD}, RunSQL('SELECT pg_sleep(10)')")},
        r"It took longer than statement_timeout \(0\.05 s\)\.",
        options={"statement_timeout": 0.05},
    ),
    "a rewrite": Bad(
        {"0002_a": second(ADD + ', AlterColumn("posts", Column("number", "bigint"))')},
        r'0002_a would write "posts" anew, \d+ rows, .* Nothing was begun\. Allow it with --allow-rewrite .*'
        r"chakra migrate make --split",
        before="ANALYZE posts",
        options={"allow_rewrite": False, "large": 30},
    ),
    "done in part": Bad(
        {"0002_a": second(f'{ADD}, AddIndex("posts", Index("title", name="i")), RunSQL("SELECT 1/0")')},
        r"0002_a: division by zero.* What was done before it stays done",
        rest=("AddColumn", "AddIndex"),
    ),
}


def folder(tmp_path: Path, files: Mapping[str, str | None]) -> Path:
    """A folder of migrations, and nothing else in it."""
    for old in tmp_path.glob("*.py"):
        old.unlink()
    for name, text in {"0001_first": FIRST, **files}.items():
        if text is not None:
            (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


@pytest.fixture
async def posts(dsn: str, tmp_path: Path) -> Any:
    """A database with the first migration, and rows."""
    async with await emptied(dsn) as database:
        await Runner(database, Graph(load_folder(folder(tmp_path, {}))), quick()).apply()
        await database.execute(ROWS)
        yield database


async def test_what_goes_wrong_is_said(posts: Any, tmp_path: Path) -> None:
    there = await observed(posts)
    right = second(ADD)
    wrong: list[str] = []
    for title, case in CASES.items():
        async with posts.acquire() as other:
            if case.before:
                await posts.execute(case.before)
            await other.execute(f"BEGIN; {case.meanwhile}")
            runner = None
            with pytest.raises(MigrationError) as caught:
                runner = Runner(
                    posts, Graph(load_folder(folder(tmp_path, case.files))), quick(**case.options)
                )
                await runner.apply()
            await other.execute("ROLLBACK")
        if not re.search(case.says, str(caught.value), re.DOTALL):
            wrong.append(f"{title}: {caught.value}")
        if runner is None:
            continue  # its files could not be read
        left = diff(there, await observed(posts))
        assert [type(one).__name__ for one in left] == list(case.rest), title
        under_way = [entry for entry in (await read_journal(posts)).values() if not entry.finished]
        assert [entry.begun for entry in under_way] == [bool(case.rest)] * len(under_way), title
        if under_way and not case.rest:
            # Corrected, it is carried out: nothing of what failed stands in the way.
            graph = Graph(load_folder(folder(tmp_path, {"0002_a": right})))
            assert await Runner(posts, graph, quick()).apply() == [graph.find("2").key], title
            await Runner(posts, graph, quick()).back(graph.find("2").key)
    assert not wrong, "\n".join(wrong)
    # The last one was done in part: what is done of it has to stay in its file.
    with pytest.raises(
        MigrationError, match=r"0002_a\.py is half applied, and edited since: \d steps are done, and step"
    ):
        await Runner(posts, Graph(load_folder(folder(tmp_path, {"0002_a": second(LESS)}))), quick()).apply()
    right = second(f'{ADD}, AddIndex("posts", Index("title", name="i")), RunSQL("SELECT 1", "")')
    await Runner(posts, Graph(load_folder(folder(tmp_path, {"0002_a": right}))), quick()).apply()
    assert all(entry.finished for entry in (await read_journal(posts)).values())


async def test_two_ends_and_no_rights(posts: Any, tmp_path: Path) -> None:
    ends = Graph(load_folder(folder(tmp_path, {"0002_a": second(""), "0002_b": second("")})))
    assert [str(one.key) for one in ends.heads()] == ["0002_a", "0002_b"]
    with pytest.raises(MigrationError, match=r"several migrations begin with '2': 0002_a, 0002_b"):
        ends.find("2")
    with pytest.raises(MigrationError, match=r"no migration begins with '7': 0001_first, 0002_a, 0002_b"):
        ends.find("7")
    graph = Graph(load_folder(folder(tmp_path, {"0002_a": second('CreateTable("more", [])')})))
    there = await observed(posts)
    await posts.execute(
        "DROP ROLE IF EXISTS nobody_16; CREATE ROLE nobody_16; GRANT nobody_16 TO CURRENT_USER"
    )
    await posts.execute(
        "REVOKE CREATE ON SCHEMA public FROM public; GRANT SELECT ON chakra_migrations TO nobody_16"
    )
    try:
        async with posts.transaction():
            await posts.execute("SET LOCAL ROLE nobody_16")
            with pytest.raises((MigrationError, DatabaseError), match="permission denied"):
                await Runner(posts, graph, quick()).apply()
    except DatabaseError:
        pass
    assert diff(there, await observed(posts)) == []
    await posts.execute("DROP OWNED BY nobody_16; DROP ROLE nobody_16")
