"""The Python on pages that are read from top to bottom runs in that order, and prints what the page shows.

A ```` ```python ```` block runs in the namespace of those before it, with ``await`` where it likes. A
```` ```text ```` block right behind it is what it prints; if it ends in an error, the last line of that block is the
error as Python prints it. ``…`` stands for anything. A block with a title is a file that later blocks may run.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import chakra
from chakra import config

ROOT = Path(__file__).parents[2]
PAGES = [
    "docs/architecture.md",
    "docs/aggregates.md",
    "docs/bulk.md",
    "docs/columnar.md",
    "docs/coming-from-dataframes.md",
    "docs/coming-from-django.md",
    "docs/coming-from-sqlalchemy.md",
    "docs/coming-from-tortoise.md",
    "docs/coordination.md",
    "docs/ctes.md",
    "docs/debugging.md",
    "docs/deployment.md",
    "docs/errors.md",
    "docs/expressions.md",
    "docs/fastapi.md",
    "docs/files.md",
    "docs/inspect.md",
    "docs/json-and-arrays.md",
    "docs/queries.md",
    "docs/quickstart.md",
    "docs/ranges.md",
    "docs/migrations.md",
    "docs/models.md",
    "docs/performance.md",
    "docs/pydantic.md",
    "docs/relations.md",
    "docs/schema.md",
    "docs/search.md",
    "docs/security.md",
    "docs/sync.md",
    "docs/tables.md",
    "docs/telemetry.md",
    "docs/tenants.md",
    "docs/transactions.md",
    "docs/tutorial-data.md",
    "docs/typing.md",
    "docs/windows.md",
    "docs/wire-format.md",
    "docs/writing.md",
]
ELSEWHERE = {
    "README.md": "a program: tests/docs/test_examples.py",
    "docs/cookbook.md": "written by ci/cookbook.py out of tests/query/tpch, which runs it",
    "docs/embedded.md": "starts servers, as tests/embedded does",
    "docs/expressions-cookbook.md": "tests/docs/test_sql_pairs.py",
    "docs/testing.md": "a conftest.py, as tests/embedded and tests/debug have",
    "docs/tutorial-shop.md": "the files of examples/shop: tests/examples/test_shop_example.py",
}
"""Pages with Python that does not run here, and what runs it."""

MODELS = """
import chakra
from chakra import Field, ForeignKey, Model, field, foreign_key

class Author(Model, table="authors"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]

class Post(Model, table="posts"):
    id: Field[int] = field(primary_key=True)
    author: ForeignKey[Author] = foreign_key(related_name="posts")
    title: Field[str]
    views: Field[int] = field(default=0)

db = await chakra.connect()
await db.create_tables(Author, Post)
"""
PREPARED = {
    "docs/architecture.md": MODELS,
    "docs/quickstart.md": MODELS
    + """
ada = await Author.objects.create(name="Ada")
await Post.objects.bulk_create([Post(author=ada, title=f"Note {n}", views=n) for n in range(1000)])
await db.execute("ANALYZE")
frame = table = {"author_id": [1, 1], "title": ["a", "b"], "views": [1, 2]}
""",
    "docs/tenants.md": """
import os
from types import SimpleNamespace
from urllib.parse import urlsplit
import chakra

owner = await chakra.connect(alias="owner", url=os.environ["CHAKRA_DATABASE_URL"])
await owner.execute(
    "do $$ begin create role chakra_webapp login password 'webapp'; "
    "exception when duplicate_object or unique_violation then null; end $$"
)
await owner.execute(SQL[0].replace("webapp", "chakra_webapp"))
await owner.execute("insert into invoices values (1, 'a', 250), (2, 'a', 5), (3, 'b', 900)")
await owner.close()
user = urlsplit(os.environ["CHAKRA_DATABASE_URL"]).username
url = os.environ["CHAKRA_DATABASE_URL"].replace(f"//{user}", "//chakra_webapp:webapp", 1)
url = url if "webapp:webapp:" not in url else url.replace("webapp:webapp:", "webapp:", 1)
request = SimpleNamespace(tenant="a")
frame = {"id": [4], "tenant": ["a"], "amount": ["7.50"]}
""",
}
"""What pages take for granted, run first; ``SQL`` are their blocks of SQL."""

BLOCK = re.compile(
    r'^```python(?: title="(?P<title>[\w.]+)")?\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?',
    re.M | re.S,
)


def blocks(page: str) -> Iterator[tuple[int, str, str, str | None]]:
    """Line number, title, code and output of every Python block."""
    text = (ROOT / page).read_text()
    for match in BLOCK.finditer(text):
        line = text[: match.start("code")].count("\n") + 1
        yield line, match["title"] or "", match["code"], match["output"]


async def run(code: str, page: str, line: int, names: dict[str, Any]) -> str:
    """Run a block; returns what it printed, with the error if it ended in one."""
    tree = compile(code, page, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    ast.increment_lineno(tree, line - 1)
    compiled = compile(tree, page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            running = eval(compiled, names)
            if inspect.iscoroutine(running):
                await running
        except chakra.errors.ChakraError as error:
            print(f"{type(error).__module__}.{type(error).__qualname__}: {error}")
    return printed.getvalue()


async def prepare(page: str, names: dict[str, Any]) -> None:
    """Run what a page takes for granted."""
    if page in PREPARED:
        names["SQL"] = re.findall(r"^```sql\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
        await run(PREPARED[page], f"before {page}", 1, names)


def fits(output: str, shown: str) -> bool:
    """Whether the output is what a page shows; line ends without spaces."""
    lines = "\n".join(line.rstrip() for line in output.strip().splitlines())
    return re.fullmatch(".*?".join(map(re.escape, shown.strip().split("…"))), lines, re.S) is not None


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("page", PAGES)
async def test_page(
    page: str, pg: asyncpg.Connection[Any], dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAKRA_DATABASE_URL", dsn)
    monkeypatch.delenv("CHAKRA_DEBUG_SHOW_VALUES")  # readers have not set it
    config.reset()  # the settings are read once, and other tests may have
    names: dict[str, Any] = {"__name__": f"page_{Path(page).stem}"}
    await prepare(page, names)
    seen = 0
    for line, title, code, shown in blocks(page):
        if title:
            Path(title).write_text(code)
            continue
        if "asyncio.run(main())" in code:  # a program, which tests/docs/test_examples.py runs
            continue
        output = await run(code, page, line, names)
        assert fits(output, shown or ""), f"{page}:{line} prints\n{output}\nbut shows\n{shown or 'nothing'}"
        seen += shown is not None
    config.reset()
    assert seen or page in PREPARED, "the page shows no output: were the blocks found?"


def test_every_block_is_found() -> None:
    """No block of a page is overlooked, and no page with Python but those that other tests run."""
    for page in PAGES:
        assert len(list(blocks(page))) == (ROOT / page).read_text().count("```python"), page
    pages = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
    with_code = {str(page.relative_to(ROOT)) for page in pages if "```python" in page.read_text()}
    assert with_code == {*PAGES, *ELSEWHERE}
    for page in ("docs/embedded.md", "docs/testing.md"):  # the others are parts of files that run
        for source in re.findall(r"^```python[^\n]*\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S):
            compile(source, page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
