"""Migrations that were cut off by an error, and edited then: they go on as the file now says, if what is done stays."""

from __future__ import annotations

from collections.abc import Sequence

from chakra.errors import MigrationError
from chakra.migrations.files.migration import Migration
from chakra.migrations.run.journal import Entry
from chakra.migrations.steps import Step


def edited_steps(entry: Entry, one: Migration, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps of a migration whose file was edited half-way: those that are done, and the others as it now has them.

    Args:
        steps: of the file as it is now.

    Raises:
        MigrationError: what is done is no longer how the file begins.
    """
    for number, (was, now) in enumerate(zip(entry.steps[: entry.position], steps, strict=False), 1):
        if _does(was) != _does(now):
            raise _other(entry, one, number)
    if len(steps) < entry.position:
        raise _other(entry, one, len(steps) + 1)
    return (*entry.steps[: entry.position], *steps[entry.position :])


def left_over(entry: Entry, steps: Sequence[Step]) -> tuple[str, ...]:
    """What clears away what the step left that failed (an invalid index), where others come in its place."""
    if entry.position >= len(entry.steps):
        return ()
    failed = entry.steps[entry.position]
    if len(steps) > entry.position and _does(steps[entry.position]) == _does(failed):
        return ()
    return failed.undo


def half_applied(entry: Entry) -> str:
    """What is said of a migration that has to be finished first."""
    return (
        f"{entry.key} is half applied, {entry.position} of {len(entry.steps)} steps: run chakra migrate apply "
        "first, then take it back. Where it cannot go on, take out of its file what is not done yet: chakra "
        "migrate plan says what is left"
    )


def _does(step: Step) -> tuple[object, ...]:
    return step.sql, step.backfill, step.python


def _other(entry: Entry, one: Migration, number: int) -> MigrationError:
    step = entry.steps[number - 1]
    what = step.sql or step.python or (step.backfill.assign if step.backfill else "")
    shown = " ".join(what.split())[:120]
    return MigrationError(
        f"{one.path or one.key} is half applied, and edited since: {entry.position} steps are done, and step {number} "
        f"({shown}) is not in it any more. Edit only what comes after the steps that are done. Where the "
        f"database already is as the file says: chakra migrate apply --accept {one.key}"
    )


__all__ = ["edited_steps", "half_applied", "left_over"]
