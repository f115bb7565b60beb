"""`chakra migrate`, as somebody uses it who changes models day by day: make, apply, drift, errors on the way, back."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chakra import config
from chakra.cli.group import chakra_command
from chakra.cli.migrate.common import console

HEAD = """
import datetime as dt, enum
from decimal import Decimal
from typing import Any
from chakra import *
from chakra.functions import Lower, Now
from chakra.types import Composite, Domain, Integer, Numeric, Text, Varchar
"""
FIRST = """
class Mood(enum.Enum):
    SAD = "sad"
    SO = "it's so"

class Author(Model, table="authors"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    title: Field[str]
    mood: Field[Mood] = field(db_default=Mood.SO)
    place: Field[Any | None] = field(Composite("place", street=Text, zip=Integer), default=None)
    price: Field[Decimal] = field(Domain("price", Numeric(12, 2)), db_default=1)

    class Meta:
        indexes = [Index("name", where=Q(mood=Mood.SAD), name="sad_names"), Index("mood")]
        constraints = [Check(Q(mood=Mood.SAD) | Q(price__gt=0), name="not_for_nothing")]

class Log(Model, table="Log s"):
    id: Field[int] = field(primary_key=True, identity=True)
    day: Field[dt.date] = field(primary_key=True)
    line: Field[str] = field(column='li"ne', comment="two\\r\\nlines, 'and' \\"more\\" \\\\n")
    class Meta:
        partition_by = ("range", "day")
        comment = 'ends with "quotes"'

class Sad(Model, table="sad"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    class Meta:
        view = "SELECT id, name FROM authors WHERE mood = 'sad'"

class Note(Model, table="notes"):
    id: Field[int] = field(primary_key=True)
    tenant: Field[str]
    mood: Field[Mood] = field(db_default=Mood.SAD)
    class Meta:
        row_security = True
        policies = {"own": Policy(using="tenant = current_setting('app.tenant')", roles=["Some one"]),
                    "moody": Policy("update", using="mood = 'sad'")}
        triggers = {"same": Trigger("BEFORE UPDATE OF tenant ON {table} FOR EACH ROW WHEN (NEW.tenant <> 'x') "
                                    "EXECUTE FUNCTION suppress_redundant_updates_trigger()")}
"""
SECOND = (
    FIRST.replace('"sad"\n', '"sad"\n    NEW = "new one"\n', 1)
    .replace(
        "mood: Field[Mood] = field(db_default=Mood.SO)", "mood: Field[Mood] = field(db_default=Mood.NEW)"
    )
    .replace("tenant: Field[str]\n", "tenant: Field[str] = field(Varchar(50))\n")
)
THIRD = SECOND.replace(
    "    title: Field[str]\n    mood", "    slug: Field[str] = field(unique=True)\n    mood"
)


NUMBERS = count()


class Project:
    """A folder with models and `chakra.toml`, whose commands are run one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._names: list[str] = []

    def models(self, source: str) -> None:
        """Write the models: into another module each time, since Python keeps those that it imported."""
        name = f"migrated_models_{next(NUMBERS)}"
        self._names.append(name)
        (self.folder / f"{name}.py").write_text(HEAD + source)
        (self.folder / "chakra.toml").write_text(f'[migrations]\nmodels = ["{name}"]\n')
        config.reset()

    def run(self, *words: str) -> Result:
        import concurrent.futures

        with concurrent.futures.ThreadPoolExecutor(1) as pool:  # a command has a loop of its own
            return pool.submit(CliRunner().invoke, chakra_command, ["migrate", *words]).result()

    def says(self, command: str, *fragments: str, fails: bool = False) -> None:
        """Run a command, and look at what it says."""
        found = self.run(*command.split(" "))
        assert (found.exit_code != 0) is fails, found.output
        for fragment in fragments:
            assert fragment in found.output

    def edit(self, name: str, old: str, new: str) -> None:
        (path,) = (self.folder / "migrations").glob(f"{name}*.py")
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def forget(self) -> None:
        for name in self._names:
            sys.modules.pop(name, None)


@pytest.fixture
def project(dsn: str, db: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Project]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAKRA_DATABASE_URL", dsn)
    monkeypatch.setattr(console, "_width", 300)
    monkeypatch.setenv("COLUMNS", "300")  # of processes
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    made = Project(tmp_path)
    yield made
    made.forget()
    config.reset()


AGREE = "models, migrations and database agree"
NOTHING = "models and migrations agree"


async def test_days(project: Project, db: Any) -> None:
    await db.execute('DROP ROLE IF EXISTS "Some one"; CREATE ROLE "Some one"')
    try:
        await _days(project, db)
    finally:
        await db.execute('DROP TABLE IF EXISTS notes; DROP ROLE "Some one"')


async def _days(project: Project, db: Any) -> None:
    project.models(FIRST)
    project.says("make", "create policy own of notes")
    for command in ("make", "make --check"):
        project.says(command, NOTHING)
    project.says("apply", "applied 1 migration")
    project.says("drift", AGREE)
    await db.execute(
        "INSERT INTO authors (name, title) VALUES ('Ann', 'T'), ('ann', 'U'); "
        'CREATE TABLE part PARTITION OF "Log s" DEFAULT; '
        'INSERT INTO "Log s" (day, "li""ne") VALUES (\'2026-01-01\', \'\')'
    )
    project.says("drift", AGREE)

    # A hand changes what the migrations left.
    await db.execute("ALTER POLICY own ON notes USING (true); ALTER DOMAIN price ADD CHECK (VALUE > 0)")
    project.says("drift", "drop policy own of notes", "alter domain price", fails=True)
    await db.execute(
        "ALTER POLICY own ON notes USING (tenant = current_setting('app.tenant')); "
        "ALTER DOMAIN price DROP CONSTRAINT price_check"
    )

    project.models(SECOND)
    project.says("make", "add label new one to mood")
    project.says("drift", "not applied", "0002", fails=True)
    project.says("apply", "applied 1")
    project.says("drift", AGREE)

    # What fails half-way goes on as the file says by then, but for what is done.
    project.models(THIRD)
    project.says("make --no-renames", "authors.slug: NOT NULL", fails=True)
    project.says("make --no-renames --fill authors.slug=lower(nam)", "0003")
    project.says("apply", "0003", 'column "nam" does not exist', fails=True)
    project.says("back 3 --yes", "half applied, 2 of", fails=True)
    project.edit("0003", "lower(nam)", "lower(name)")
    project.says("apply", "rows that agree in slug", fails=True)
    project.edit("0003", "lower(name)", "'' || lower(name)")
    project.says("apply", "half applied, and edited since", fails=True)  # it is filled by now
    project.edit("0003", "'' || lower(name)", "lower(name)")
    await db.execute("UPDATE authors SET slug = 'x' || id")
    project.says("apply", "applied 1")
    project.says("drift", AGREE)
    project.edit("0003", "lower(name)", "upper(name)")
    project.says("apply", "was applied, and edited since", fails=True)
    project.edit("0003", "upper(name)", "lower(name)")

    # What comes back NOT NULL needs a value; without one nothing is taken back, or noted.
    project.says("back 3 --yes", '--fill "authors.title=', fails=True)
    project.says("drift", AGREE)
    project.says("back 3 --yes --fill authors.title=slug", "took back 0003")
    assert await db.fetchval("SELECT array_agg(title ORDER BY id) FROM authors") == ["x1", "x2"]
    project.says("drift", "not applied", fails=True)
    project.says("back 1 --yes", "took back 0002_", "0001_initial")
    assert (
        await db.fetchval("SELECT count(*) FROM pg_class WHERE relname IN ('authors', 'Log s', 'notes')") == 0
    )


BASE = """
class Item(Model, table="items"):
    id: Field[int] = field(primary_key=True)
"""
LEFT, RIGHT, LATER = (
    f"    {name}: Field[int | None] = field(default=None)\n" for name in ("left", "right", "later")
)


async def test_branches_and_squash(project: Project, db: Any) -> None:
    """Two branches are joined, and squashed: for a database that has them all, for some of them, for a new one."""
    migrations = project.folder / "migrations"
    project.models(BASE)
    project.says("make")
    project.says("apply", "applied 1")
    project.models(BASE + LEFT)
    project.says("make --name left")
    (migrations / "0002_left.py").rename(project.folder / "kept")
    project.models(BASE + RIGHT)
    project.says("make --name right")
    (project.folder / "kept").rename(migrations / "0002_left.py")
    project.models(BASE + LEFT + RIGHT)
    for command in ("make", "make --check"):
        project.says(command, "make --merge", fails=True)
    project.says("make --merge", "0003_merge")
    project.says("make --merge", "nothing to join")
    project.says("squash 1 3", "create table items")
    for command in ("make", "make --check", "squash 1 3"):
        project.says(command, NOTHING if command[0] == "m" else "nothing to squash", fails=command[0] == "s")
    project.models(BASE + LEFT + RIGHT + LATER)
    project.says("make", "0004")
    project.says("plan", "0002_left", "0002_right")  # the first one is there: the rest of them follows
    project.says("apply", "applied 4")
    project.says("drift", AGREE)
    project.says("status --check", "applied (as 0001_squashed")
    project.says("back 2_squash --yes", "begins with", fails=True)
    project.says("back 1 --yes", "0004_add_items_later, 0001_squashed")
    project.says("apply", "applied 2")  # a new database: the squashed one alone
    project.says("drift", AGREE)
    for path in [*migrations.glob("0001_i*"), *migrations.glob("0002*"), *migrations.glob("0003*")]:
        path.unlink()
    project.says("make", NOTHING)
    project.says("drift", AGREE)
    await db.execute("DELETE FROM chakra_migrations; DROP TABLE items")
    project.says("apply", "applied 2")


async def test_models_that_fail(project: Project) -> None:
    for source, message in (
        ("x = (", "SyntaxError"),
        ("import not_there", "No module named 'not_there'"),
        ("\n1 / 0", "ZeroDivisionError: division by zero ("),
        ("", "defines no model with a table"),
    ):
        project.models(source)
        project.says("make", message, f"Error: {project._names[-1]} ", fails=True)
    (project.folder / "chakra.toml").write_text('[migrations]\nmodels = ["nobody.models"]\n')
    config.reset()
    project.says("make", "the module nobody.models of [migrations] is not there", fails=True)


NAMED = """
class Item(Model, table="items"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
"""
RENAMED = (
    NAMED.replace("    name", "    label")
    + """    slug: Field[str]
    stars: Field[int] = field(default=3)
    data: Field[dict] = field(default_factory=dict)
"""
)


async def test_renames_and_values_for_rows_that_are_there(project: Project, db: Any) -> None:
    """A rename is said, never guessed; rows that are there take the default in Python, or what is said."""
    project.models(NAMED)
    project.says("make")
    project.says("apply", "applied 1")
    await db.execute("INSERT INTO items (name) VALUES ('T')")
    project.models(RENAMED)
    project.says(
        "make", "name is gone and label is new: was it renamed? Say --rename items.name:label", fails=True
    )
    project.says("make --rename items.name:label", "items.slug: NOT NULL", fails=True)
    project.says(
        "make --rename items.name:label --fill items.slug=lower(label)", "rename column items.name to label"
    )
    project.says("plan", "ACCESS EXCLUSIVE", "in batches", "code of before fails")
    project.says("apply", "applied 1")
    assert tuple(await db.fetchrow("SELECT label, slug, stars, data::text FROM items")) == ("T", "t", 3, "{}")
    project.says("drift", AGREE)
    project.says("back 2 --yes", "took back 0002")
    project.says("status --check", "missing", fails=True)


class Terminal:
    """A command with a terminal before it."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._main, side = pty.openpty()
        command = [sys.executable, "-m", "chakra.cli", "migrate", *words]
        # A run of the tests in the background ignores both, and what it starts would, too.
        before = {
            number: signal.signal(number, handler)
            for number, handler in (
                (signal.SIGINT, signal.default_int_handler),
                (signal.SIGHUP, signal.SIG_DFL),
            )
        }
        self._process = subprocess.Popen(command, cwd=folder, stdin=side, stdout=side, stderr=side)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(side)
        self._said = b""

    def reads(self, text: str) -> None:
        while text.encode() not in self._said:
            self._said += os.read(self._main, 1 << 16)

    def answers(self, text: str) -> None:
        os.write(self._main, text.encode())

    def ends(self, number: signal.Signals) -> int:
        """How it ends at a signal; the terminal is closed then."""
        self._process.send_signal(number)
        if number is signal.SIGHUP:
            os.close(self._main)
            return self._process.wait(60)
        with suppress(OSError):  # at the end of it
            while True:
                if select.select([self._main], [], [], 10)[0]:
                    os.read(self._main, 1 << 16)
                else:  # it was not at its question yet: again, as people do
                    self._process.send_signal(number)
        os.close(self._main)
        return self._process.wait(60)


async def test_on_a_terminal(project: Project, db: Any) -> None:
    """Ctrl-C amid questions writes nothing; a terminal that is closed amid a migration leaves it to go on."""
    project.models(NAMED)
    project.says("make")
    project.says("apply", "applied 1")
    project.models(RENAMED)
    terminal = Terminal(project.folder, "make")
    terminal.reads("Was the column name of items renamed to label?")
    terminal.answers("y\n")
    terminal.reads("items.slug is NOT NULL")
    assert terminal.ends(signal.SIGINT) == 1
    assert not list((project.folder / "migrations").glob("0002*"))
    project.says("make --rename items.name:label --fill items.slug=lower(label)", "0002")
    async with db.transaction():
        await db.execute("LOCK TABLE items IN ACCESS SHARE MODE")
        terminal = Terminal(project.folder, "apply", "--lock-timeout", "0.1")
        await asyncio.to_thread(terminal.reads, "not free")
        assert await asyncio.to_thread(terminal.ends, signal.SIGHUP) == 130
    project.says("apply", "applied 1")
    project.says("drift", AGREE)
