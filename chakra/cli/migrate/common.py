"""What the subcommands share: options, the connection, tables and lines."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
from rich.console import Console

import chakra
from chakra import config
from chakra.migrations.files import Name
from chakra.migrations.run import Options, Planned
from chakra.migrations.steps import Step

T = TypeVar("T")
console = Console(highlight=False, soft_wrap=True)

url_option = click.option("--url", help="The database; default: the setting database.url.")
app_option = click.option("--app", help="Which of migrations.apps; not needed where there is one.")


def with_database(url: str | None, work: Callable[[Any], Awaitable[T]]) -> T:
    """Connect, do the work, and close."""

    async def run() -> T:
        async with await chakra.connect(url) as database:
            return await work(database)

    return asyncio.run(run())


def options_of(**given: Any) -> Options:
    """The options of a run, with those of the settings where nothing was said."""
    settings = config.settings().migrations
    chosen = {name: value for name, value in given.items() if value is not None}
    return Options(
        **{
            "lock_timeout": settings.lock_timeout,
            "statement_timeout": settings.statement_timeout,
            "hear": Lines(),
            **chosen,
        }
    )


class Lines:
    """Prints what a runner does, a line for each step, and where a terminal is, progress in the same line."""

    def __init__(self) -> None:
        self._open: Name | None = None

    def __call__(self, key: Name, step: Step, what: str) -> None:
        if key != self._open:
            self._open = key
            console.print(f"[bold]{key}[/bold]")
        if what == "begin":
            console.print(f"  {shown(step)}", markup=False)
        elif what != "done":
            console.print(f"    {what}", markup=False, style="dim")


def shown(step: Step, width: int = 110) -> str:
    """A step in one line."""
    if step.python:
        return f"{step.python}(db)"
    if step.backfill is not None:
        return f"UPDATE {step.backfill.table} SET {step.backfill.assign} in batches"
    text = " ".join(step.sql.split())
    return text if len(text) <= width else f"{text[: width - 1]}…"


def warnings_of(planned: Planned) -> list[str]:
    """What somebody should know before a migration is applied."""
    found: list[str] = []
    for step in planned.steps[planned.done :]:
        rows = max([planned.rows.get(name, 0) for name in step.tables], default=0)
        if step.rewrite:
            found.append(f"writes {', '.join(step.tables)} anew (about {rows:,} rows): {step.note}")
        elif step.note:
            found.append(f"{shown(step, 60)}: {step.note}")
    return list(dict.fromkeys(found))


def fill_of(text: str) -> tuple[tuple[str, str], str]:
    """What ``--fill`` says: table and column, and SQL of a value."""
    return _value_of(text, "posts.slug=lower(title)")


def using_of(text: str) -> tuple[tuple[str, str], str]:
    """What ``--using`` says: table and column, and SQL of the value in its new type."""
    return _value_of(text, "posts.mood=lower(mood)::mood")


def _value_of(text: str, example: str) -> tuple[tuple[str, str], str]:
    where, equals, value = text.partition("=")
    table, dot, column = where.strip().rpartition(".")
    if not equals or not dot or not value.strip():
        raise click.BadParameter(f"{text!r}: it is TABLE.COLUMN=SQL, such as {example}")
    return (table, column), value.strip()


def asked() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


__all__ = [
    "Lines",
    "app_option",
    "asked",
    "console",
    "fill_of",
    "options_of",
    "shown",
    "url_option",
    "using_of",
    "warnings_of",
    "with_database",
]
