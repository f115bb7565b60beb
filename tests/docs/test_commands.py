"""What pages tell readers to type is there: commands run against a real server, targets, extras and settings exist."""

from __future__ import annotations

import concurrent.futures
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from chakra import Database, config
from chakra.cli.group import chakra_command
from chakra.cli.migrate.common import console
from chakra.models import registry

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHELL = re.compile(r"^```(?:bash|sh|console)\n(.*?)^```", re.M | re.S)
TOML = re.compile(r"^```toml[^\n]*\n(.*?)^```", re.M | re.S)
INLINE = re.compile(r"`(chakra(?: [a-z][a-z-]*)+(?: [^`]*)?)`")

RUN = {"docs/cli.md", "docs/inspect.md", "docs/migrations.md"}
"""Pages whose `chakra` commands run below, in the page's order; what others name has tests of its own."""

CHANGED = ("--split", "--empty", "--merge", "back")
"""Words of commands that need models of before and after; tests/cli and tests/migrations have those."""

OUTSIDE = (
    ".",
    "source",
    "pip",
    "apt",
    "pytest",
    "uvicorn",
    "curl",
    "docker",
    "cd",
    "mkdir",
    "git",
    "asv",
    "gh",
)
"""Programs that are not ours."""


def shell_lines() -> Iterator[tuple[str, str]]:
    """(page, command) of every line in a block of shell."""
    for page in PAGES:
        for block in SHELL.findall(page.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                for words in re.split(r"\s+#|^#", line)[0].split("&&"):
                    if words.strip():
                        yield str(page.relative_to(ROOT)), words.strip()


def command_of(words: list[str]) -> str | None:
    """What is wrong with a call of `chakra`: a command or an option that there is not."""
    at: click.Command = chakra_command
    context = click.Context(at)
    rest = words[1:]
    while rest and isinstance(at, click.Group) and re.fullmatch(r"[a-z][a-z-]*", rest[0]):
        found = at.get_command(context, rest[0])
        if found is None:
            return f"{' '.join(words)}: there is no {rest[0]}"
        at, rest = found, rest[1:]
    options = {name for each in at.params for name in (*each.opts, *each.secondary_opts)} | {"--help", "-h"}
    unknown = [word for word in rest if word.startswith("-") and word.partition("=")[0] not in options]
    return f"{' '.join(words)}: no option {', '.join(unknown)}" if unknown else None


def wrong_with(line: str) -> str | None:
    """What is wrong with one line of shell."""
    words = shlex.split(line)
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words.pop(0)
    if not words:
        return None
    program = words[0]
    if program == "chakra":
        return command_of(words)
    if program == "make":
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
        missing = [word for word in words[1:] if "=" not in word and word not in targets]
        return f"{line}: no target {missing}" if missing else None
    if program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        named = {extra for found in re.findall(r"chakra-orm\[([^]]+)\]", line) for extra in found.split(",")}
        return f"{line}: no extra {sorted(named - extras.keys())}" if named - extras.keys() else None
    if program in ("python", "python3"):
        module = words[words.index("-m") + 1].replace(".", "/") if "-m" in words else words[1]
        there = any((ROOT / f"{module}{end}").exists() for end in ("", ".py", "/__main__.py"))
        return None if there or module in ("venv", "build", "pytest") else f"{line}: no {module}"
    if "/" in program:
        return None if (ROOT / program).exists() or program.startswith(".venv") else f"{line}: no {program}"
    return None if program in OUTSIDE else f"{line}: who knows {program}?"


def test_what_is_typed_is_there() -> None:
    wrong = [f"{page}: {text}" for page, line in shell_lines() if (text := wrong_with(line))]
    for page in PAGES:
        for text in INLINE.findall(page.read_text()):
            if "reference" not in page.parts and "…" not in text and (found := inline(text)):
                wrong.append(f"{page.relative_to(ROOT)}: {found}")
    assert not wrong, "\n".join(wrong)
    assert command_of(["chakra", "migrate", "aply"]) and command_of(["chakra", "sql", "--tow", "x"])


def inline(text: str) -> str | None:
    try:
        return command_of(shlex.split(text))
    except ValueError:  # half a quotation
        return None


def test_settings_on_pages_can_be_read(tmp_path: Path) -> None:
    seen = 0
    for page in PAGES:
        for block in TOML.findall(page.read_text()):
            tomllib.loads(block)
            if "[tool." in block:  # of pyproject.toml
                continue
            (tmp_path / "chakra.toml").write_text(block)
            config.load(tmp_path / "chakra.toml", environ={})
            seen += 1
    assert seen >= 5


MODELS = """
from chakra import Field, Model, field


class Author(Model, table="authors"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
"""
TABLES = """
    CREATE TABLE authors (id int PRIMARY KEY, name text);
    CREATE TABLE posts (id int PRIMARY KEY, author_id int REFERENCES authors, title text, price numeric);
    CREATE TABLE events (id bigint PRIMARY KEY, kind text);
    CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE customers (id int PRIMARY KEY);
    CREATE SCHEMA sales; CREATE TABLE sales.figures (id int PRIMARY KEY);
    INSERT INTO authors VALUES (1, 'Ada'); INSERT INTO posts VALUES (1, 1, 'x', 12); INSERT INTO events VALUES (1, 'a')
"""


async def test_commands_run(dsn: str, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every `chakra` line of these pages, in their order, in a folder with a project and on a database that fits."""
    monkeypatch.setenv("CHAKRA_DATABASE_URL", dsn)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(console, "_width", 200)
    for key in [key for key in registry._by_scope if key[0].startswith("shop.")]:  # of examples/shop
        monkeypatch.delitem(registry._by_scope, key)
    ran: list[str] = []
    for page in sorted(RUN):
        folder = tmp_path / Path(page).stem
        (folder / "shop").mkdir(parents=True)
        (folder / "shop/__init__.py").touch()
        (folder / "chakra.toml").write_text('[migrations]\nmodels = ["shop.models"]\n')
        await db.execute(
            "DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS sales, chakra CASCADE"
        )
        if page == "docs/migrations.md":
            (folder / "shop/models.py").write_text(MODELS)
        else:
            await db.execute(TABLES)
        db.schema_changed()
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(folder)
        for line in (line for where, line in shell_lines() if where == page):
            for name in [name for name in sys.modules if name == "shop" or name.startswith("shop.")]:
                monkeypatch.delitem(sys.modules, name)
            config.reset()
            if set(CHANGED) & set(shlex.split(line)):
                continue
            found = called(shlex.split(line)[1:])
            assert found.exit_code == 0, f"{page}: {line}\n{found.output}\n{found.exception!r}"
            ran.append(line)
        if page == "docs/cli.md":
            assert (folder / "events.parquet").stat().st_size
        elif page == "docs/inspect.md":
            assert "class Author" in (folder / "shop/models.py").read_text()
    for name in [name for name in sys.modules if name == "shop" or name.startswith("shop.")]:
        monkeypatch.delitem(sys.modules, name)
    config.reset()
    assert len(ran) >= 12, ran
    assert await db.fetchval("SELECT count(*) FROM authors") == 0  # made by the migration


def called(words: list[str]) -> Any:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:  # a command has a loop of its own
        return pool.submit(CliRunner().invoke, chakra_command, words).result()
