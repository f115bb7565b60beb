"""What the subcommands share: options, the connection, tables and lines."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType

import chakra
from chakra import config
from chakra.migrations.files import Name
from chakra.migrations.run import Options, Planned
from chakra.migrations.steps import Step

T = TypeVar("T")
console = Console(highlight=False, soft_wrap=True)

url_option = click.option("--url", help="The database; default: the setting database.url.")
app_option = click.option("--app", help="Which of migrations.apps; not needed where there is one.")


def with_database(url: str | None, work: Callable[[Any], Awaitable[T]], cut: str = "") -> T:
    """Connect, do the work, and close. Ctrl-C, an end that is asked for and a closed terminal take back what is under
    way, at the server too, before the process ends.

    Args:
        cut: what is said then.
    """

    async def run() -> T:
        task = asyncio.current_task()
        assert task is not None
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup means what it says
                with suppress(ValueError, RuntimeError):  # in a thread there are no signals
                    asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        async with await chakra.connect(url) as database:
            return await work(database)

    try:
        return asyncio.run(run())
    except (KeyboardInterrupt, asyncio.CancelledError):
        with suppress(OSError):
            console.print(f"\ncut off{': ' if cut else ''}{cut}", style="yellow", markup=False)
        raise SystemExit(130) from None


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
    """Prints what a runner does, a line for each step. Progress stays in one line where a terminal is, and elsewhere is
    said every 10 s. Whether anybody can read it, as of a terminal that was closed, is no matter of the migration.
    """

    def __init__(self) -> None:
        self._open: Name | None = None
        self._shown = 0.0
        self._amid = False

    def __call__(self, key: Name, step: Step, what: str) -> None:
        with suppress(OSError):
            self._say(key, step, what)

    def _say(self, key: Name, step: Step, what: str) -> None:
        progress = what[:1].isdigit() or " of " in what
        if self._amid and not progress:
            self._amid = False
            console.print()
        if key != self._open:
            self._open = key
            console.print(f"[bold]{key}[/bold]")
        if what == "begin":
            self._shown = time.monotonic()
            console.print(f"  {shown(step)}", markup=False)
        elif progress and console.is_terminal:
            self._amid = True
            console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 0)))
            console.print(f"    {what}", markup=False, style="dim", end="")
        elif what != "done" and (not progress or time.monotonic() - self._shown >= 10):
            self._shown = time.monotonic()
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
