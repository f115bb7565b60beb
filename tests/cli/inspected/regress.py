"""Models of PostgreSQL's own regression tables: ``python -m tests.cli.inspected.regress --sources DIR --dsn URL``.

``DIR`` is ``src/test/regress`` of the sources of a server, at best of the one that runs; without it nothing is done.
Each file runs in ``psql``, in a database of its own behind ``test_setup.sql``, as far as it goes and without its DROPs.
Of what is there then ``chakra inspect`` writes models, ``create_tables`` makes tables of them in an empty database, and
what is read there has to be equal; one row of each table is read by its model and written into the other database.
``mypy`` is asked about all modules at the end. Roles that the files make are dropped; tablespaces are not tried.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

import chakra
from chakra import introspect
from chakra.inspection import module_source, read_fitted
from chakra.migrations.frozen import frozen
from chakra.migrations.observed import observed, without_schema
from chakra.migrations.state import title
from chakra.schema import NO_GUARD, Table
from tests.cli.inspected.test_round_trip import models_of

SETUP, SOURCE, TARGET = "chakra_regress_setup", "chakra_regress", "chakra_regress_again"
# Of the whole cluster, or without tables and long.
NOT_TRIED = frozenset(
    {
        "test_setup",
        "tablespace",
        "password",
        "subscription",
        "infinite_recurse",
        "select_parallel",
        "stats",
        "numeric_big",
    }
    | {
        "write_parallel",
        "vacuum_parallel",
        "maintain_every",
        "oidjoins",
        "database",
        "join_hash",
        "opr_sanity",
    }
)
_DROP = re.compile(
    r"^\s*drop\s+(?:table|view|materialized|schema|domain|type|sequence|index|function|trigger|policy|rule|foreign|"
    r"collation|operator|aggregate|procedure|statistics|cast)\b[^;$]*;",
    re.IGNORECASE | re.MULTILINE,
)
ENVIRONMENT = {
    "PGTZ": "PST8PDT",
    "PGDATESTYLE": "Postgres, MDY",
    "PGOPTIONS": "-c intervalstyle=postgres_verbose -c statement_timeout=30s",
    "PG_LIBDIR": "/none",
    "PG_DLSUFFIX": ".so",
}


@dataclass
class Found:
    """What became of one file.

    Attributes:
        tables: tables and views that are there after it and were not before.
        equal: those of them that came back equal.
        rows: tables of which a row was read and written.
        said: lines of what was left out.
        wrong: what went wrong, a line each.
    """

    name: str
    tables: int = 0
    equal: int = 0
    rows: int = 0
    said: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def _url(dsn: str, database: str) -> str:
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(path=f"/{database}"))


async def _recreate(dsn: str, name: str, template: str = "template0") -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" ENCODING UTF8')
        await connection.execute(f"ALTER DATABASE \"{name}\" SET timezone TO 'PST8PDT'")
    finally:
        await connection.close()


def run_file(dsn: str, sources: Path, name: str, work: Path) -> None:
    """Run one file of ``sql/`` in ``psql``, without its DROPs."""
    text = _DROP.sub("", (sources / "sql" / f"{name}.sql").read_text(encoding="utf-8"))
    path = work / "run.sql"
    path.write_text(text, encoding="utf-8")
    environment = {
        **os.environ,
        **ENVIRONMENT,
        "PG_ABS_SRCDIR": str(sources),
        "PG_ABS_BUILDDIR": str(work),
    }
    try:
        subprocess.run(
            ["psql", "-X", "-q", "-a", "-d", dsn, "-f", str(path)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=180,
            check=False,
        )
    except subprocess.TimeoutExpired:
        print(f"{name}: cut off after 180 s")


def _bare(table: Table) -> Table:
    return replace(frozen(table), statements={}, described={}, taken={}, parts={})


async def round_trip(source: Any, target: Any, found: Found, known: set[Any], work: Path) -> set[Any]:
    """Inspect one database, make its tables in another, compare.

    Args:
        known: tables that do not count.

    Returns:
        The tables that are there.
    """
    fitted = await read_fitted(source)
    fresh = set(fitted.tables) - known
    text = module_source(fitted)
    (work / f"m_{found.name.replace('.', '_')}.py").write_text(text, encoding="utf-8")
    before = await introspect.listed(source)
    current = "public"
    keys = {(None if one.schema == current else one.schema, one.name) for one in before}
    found.tables = len(keys - known)
    found.said = [line for line in fitted.said if _about(line, fresh | (keys - known))]
    schemas = {schema for schema, _ in (*fitted.tables, *fitted.domains, *fitted.composites)}
    schemas |= {
        one.schema for table in fitted.tables.values() for column in table.columns for one in [column.type]
    }
    for schema in sorted(one for one in schemas if one):
        await target.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    for row in await source.fetch("SELECT extname::text FROM pg_extension WHERE extname <> 'plpgsql'"):
        await target.execute(f'CREATE EXTENSION IF NOT EXISTS "{row[0]}"')
    try:
        models = models_of(text)
        await target.create_tables(*models)
    except Exception as error:
        found.wrong.append(f"{type(error).__name__}: {str(error)[:300]}")
        return set(fitted.tables)
    listed = await introspect.listed(target)
    made = {
        key: without_schema(table, current)
        for one, table in zip(listed, await introspect.read(target, listed), strict=True)
        for key in [(None if one.schema == current else one.schema, one.name)]
    }
    there = await observed(target)
    for key, table in fitted.tables.items():
        if key not in fresh:
            continue
        problem = _difference(table, made.get(key))
        if problem and table.view is not None and made.get(key) is not None:
            problem = await _other_view(source, table, made[key], problem)
        elif problem and made.get(key) is not None:
            # Once more through the server: it does not write all of its own texts as it read them.
            (normal,) = await introspect.normalised(source, [table])
            problem = _difference(without_schema(normal, current), made[key]) and problem
        guard, again = fitted.guards.get(key, NO_GUARD), there.guards.get(key, NO_GUARD)
        if guard != again:
            problem += f" {guard} became {again}"
        if problem:
            found.wrong.append(f"{title(key)}: {problem[:400]}")
        else:
            found.equal += 1
    for key, domain in there.domains.items():
        if fitted.domains.get(key) != domain:
            found.wrong.append(f"domain {title(key)}: {fitted.domains.get(key)} became {domain}")
    # The rows of children are their parents', too, and need not do for these.
    parents = {row[0] for row in await source.fetch("SELECT inhparent::regclass::text FROM pg_inherits")}
    for model in models:
        table = model.__table__
        if title((table.schema, table.name)) in parents:
            continue
        if (table.schema, table.name) in fresh and table.view is None and table.partition_by is None:
            await _row(source, target, model, found)
    return set(fitted.tables)


def _about(line: str, keys: set[Any]) -> bool:
    names = {title(key) for key in keys}
    head = line.split(":", maxsplit=1)[0]
    return head in names or head.rpartition(".")[0] in names or head.startswith(("the domain", "the range"))


def _difference(table: Table, made: Table | None) -> str:
    if made is None:
        return "not made"
    one, other = _bare(table), _bare(made)
    if one == other:
        return ""
    for word in ("columns", "primary_key", "uniques", "checks", "indexes", "foreign_keys", "exclusions", "comment",
                 "unlogged", "tablespace", "storage", "partition_by", "view"):  # fmt: skip
        left, right = getattr(one, word), getattr(other, word)
        if left != right and isinstance(left, tuple):
            left = [x for x in left if x not in right]
            right = [x for x in getattr(other, word) if x not in getattr(one, word)]
        if left != right:
            return f"{word}: {left} became {right}"
    return "not equal"


def _comparable(value: Any) -> Any:
    """A value that compares by what it holds: NaN is itself, and paths are their points."""
    if isinstance(value, asyncpg.types.Path):
        return (value.is_closed, *value.points)
    if isinstance(value, list | tuple):
        return [_comparable(one) for one in value]
    return repr(value)


async def _other_view(source: Any, table: Table, made: Table, problem: str) -> str:
    """What differs in views where columns that were left out do not count, and the server has read its text again: it
    may write that otherwise.
    """
    names = {column.name for column in table.columns}
    kept = replace(made, columns=tuple([column for column in made.columns if column.name in names]))
    assert table.view is not None
    await source.execute(f"CREATE VIEW chakra_again AS {table.view.sql}")
    again = await source.fetchval("SELECT pg_get_viewdef('chakra_again'::regclass)")
    await source.execute("DROP VIEW chakra_again")
    view = replace(table.view, sql=again.strip().rstrip(";"))
    return _difference(replace(table, view=view), kept) and problem


async def _row(source: Any, target: Any, model: Any, found: Found) -> None:
    """Read one row by the model, write it into the other database, read it there."""
    name = model.__table__.name
    try:
        row = await model.objects.using(source).order_by().values().first()
        if row is None:
            return
        skipped = {c.attribute for c in model.__table__.columns if c.computed is not None or c.always}
        # What is not given is the server's default, and not NULL.
        skipped |= {c.attribute for c in model.__table__.columns if c.generated and row[c.attribute] is None}
        values = {name: value for name, value in row.items() if name not in skipped}
        if not values:
            return
        async with target.transaction():
            # What triggers and foreign keys want of other rows is not asked.
            await target.execute("SET LOCAL session_replication_role = replica")
            await model.objects.using(target).create(**values)
            again = await model.objects.using(target).order_by().values().first()
        if {k: _comparable(v) for k, v in again.items() if k not in skipped} != {
            k: _comparable(v) for k, v in values.items()
        }:
            found.wrong.append(f"row of {name}: {values} became {again}"[:400])
        else:
            found.rows += 1
    except Exception as error:
        if any(words in str(error) for words in _OLD):
            return
        if any(line.startswith(f"{name}.") and "is not validated" in line for line in found.said):
            return  # a row of before the condition
        found.wrong.append(f"row of {name}: {type(error).__name__}: {str(error)[:200]}")


_REASONS = (
    ("type without a word", "no word for its type"),
    ("user's function", "needs function"),
    (
        "user's operator, class, collation, type",
        r"needs (?:operator|type|collation|text search|access method|.*class)",
    ),
    ("reads what was left out", "reads .* among the models|stands on"),
    ("inherits", "inherits from"),
    ("OF type", "is a table OF"),
    ("foreign table", "a foreign table"),
    ("rule", "a rule, left out"),
    ("trigger of a view", "is one of a view"),
    ("trigger not enabled as usual", "a trigger that is"),
    ("policy without row security", "while row security is off"),
    ("not validated", "is not validated"),
    ("foreign key to what was left out", "leads to"),
    ("INCLUDE or DEFERRABLE of a primary key", "INCLUDEs more columns|that is DEFERRABLE"),
    ("policy that reads a view", "it reads the view"),
    ("not valid", "not valid in the database"),
    ("key twice", "says what another key does"),
    ("view that reads itself", "reads itself"),
    ("materialized view without rows", "never filled"),
    ("name of the server's own", "of the server has its name"),
    ("range", "^the range"),
    ("name of the primary key", "so its primary key is called"),
    ("no columns", "has no columns"),
    ("access method, replica identity", "access method|replica identity"),
    ("default over a sequence", "numbers of a sequence"),
    ("computed of what was left out", "computed of"),
)


_OLD = (
    "has no Python object",  # a date before the year 1, an interval of 178 million years
    "row is too big",  # written while its column was kept otherwise
)


def reasons(said: list[str]) -> Counter[str]:
    """How often what was left out, or made otherwise, by kind."""
    return Counter(next((kind for kind, words in _REASONS if re.search(words, line)), line) for line in said)


async def main(given: argparse.Namespace) -> int:
    """Run the files; the number of those with which something went wrong."""
    sources = Path(given.sources or "")
    if not given.sources or not (sources / "sql" / "test_setup.sql").exists():
        print("no sources of regression tests there: nothing to do")
        return 0
    names = given.only or sorted(p.stem for p in (sources / "sql").glob("*.sql") if p.stem not in NOT_TRIED)
    work = Path(given.keep or tempfile.mkdtemp(prefix="chakra_regress_"))
    work.mkdir(exist_ok=True, parents=True)
    (work / "results").mkdir(exist_ok=True)
    roles = await _roles(given.dsn)
    results: list[Found] = []
    try:
        await _recreate(given.dsn, SETUP)
        run_file(_url(given.dsn, SETUP), sources, "test_setup", work)
        known: set[Any] = set()
        for name in ["test_setup", *names]:
            found = Found(name)
            await _recreate(given.dsn, SOURCE, SETUP)
            await _recreate(given.dsn, TARGET)
            if name != "test_setup":
                run_file(_url(given.dsn, SOURCE), sources, name, work)
            async with (
                await chakra.connect(_url(given.dsn, SOURCE)) as source,
                await chakra.connect(_url(given.dsn, TARGET)) as target,
            ):
                try:
                    there = await round_trip(source, target, found, known, work)
                except Exception as error:
                    found.wrong.append(f"inspect: {type(error).__name__}: {str(error)[:300]}")
                    there = set()
            if name == "test_setup":
                known = there
            results.append(found)
            print(
                f"{name}: {found.tables} tables, {found.equal} equal, {found.rows} rows, {len(found.said)} said",
                flush=True,
            )
            for line in found.wrong:
                print(f"    WRONG {line}", flush=True)
    finally:
        for name in (SOURCE, TARGET, SETUP):
            await _drop(given.dsn, name)
        await _drop_roles(given.dsn, await _roles(given.dsn) - roles)
    total = reasons([line for one in results for line in one.said])
    print(
        f"{sum(one.tables for one in results)} tables and views, {sum(one.equal for one in results)} equal, "
        f"{sum(one.rows for one in results)} rows read and written"
    )
    for kind, count in total.most_common():
        print(f"  {count:5} {kind}")
    failed = [one.name for one in results if one.wrong]
    print(
        f"something is wrong with {len(failed)} files: {', '.join(failed)}" if failed else "nothing is wrong"
    )
    if not given.no_mypy:
        modules = sorted(str(path) for path in work.glob("m_*.py"))
        checked = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", *modules], capture_output=True, text=True, check=False
        )
        print(checked.stdout)
        failed += ["mypy"] if checked.returncode else []
    return len(failed)


async def _drop(dsn: str, name: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await connection.close()


async def _roles(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    found = {row[0] for row in await connection.fetch("SELECT rolname::text FROM pg_roles")}
    await connection.close()
    return found


async def _drop_roles(dsn: str, names: set[str]) -> None:
    connection = await asyncpg.connect(dsn)
    for name in sorted(names):
        try:
            await connection.execute(f'DROP OWNED BY "{name}"')
            await connection.execute(f'DROP ROLE "{name}"')
        except asyncpg.PostgresError as error:
            print(f"the role {name} stays: {error}")
    await connection.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sources", help="src/test/regress of PostgreSQL's sources")
    parser.add_argument("--dsn", required=True, help="a server on which databases and roles may be made")
    parser.add_argument("--only", nargs="*", help="these files alone")
    parser.add_argument(
        "--keep", help="where the modules are written; default: a directory that is made for it"
    )
    parser.add_argument("--no-mypy", action="store_true")
    sys.exit(min(1, asyncio.run(main(parser.parse_args()))))
