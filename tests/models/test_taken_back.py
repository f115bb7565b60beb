"""Instances that several tasks have, and such that are read again after their transaction was taken back.

Expected rows are read with plain SQL.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from chakra import F, Field, Model, Value, Version, field
from chakra.types import Jsonb
from tests.relations.conftest import SHARED, rows, sends, shared_tables

__all__ = ["rows", "shared_tables"]

pytestmark = SHARED


class Paper(Model, table="sm_papers"):
    id: Field[int] = field(primary_key=True)
    words: Field[int] = field(default=0)


class Job(Model, table="sm_jobs"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    done: Field[int] = field(default=0)
    seen: Field[int] = Version(column="row version")


class Hooked(Model, table="sm_hooked"):
    id: Field[int] = field(primary_key=True)
    data: Field[dict[str, Any]] = field(Jsonb, default_factory=dict)

    async def after_save(self) -> None: ...


MODELS = (Paper, Job, Hooked)


async def fill() -> None:
    """The jobs 1 and 2."""
    for title in ("first", "second"):
        await Job.objects.create(title=title)


async def stored(database: Any, columns: str, table: str, key: int) -> Any:
    row = await database.fetchrow(f"SELECT {columns} FROM {table} WHERE id = $1", key)
    return None if row is None else tuple(row)


async def test_what_is_set_while_a_row_is_written_is_saved_later(rows: Any) -> None:
    """Another task has the instance, too: what it sets between the statement and its answer is still a change."""
    changes: list[Callable[[], None]] = []

    def meanwhile(event: Any) -> None:
        if event.phase == "before" and event.sql.startswith(("INSERT", "UPDATE", "WITH")) and changes:
            changes.pop()()

    async def kept(instance: Any, name: str, later: Any, write: Callable[[], Awaitable[Any]]) -> None:
        changes.append(lambda: setattr(instance, name, later))
        await write()
        assert not changes and getattr(instance, name) == later
        await instance.save()
        table = type(instance).__table__.name
        assert await stored(rows, name, table, instance.id) == (later,)
        with sends(rows, 0):
            await instance.save()

    remove = rows.hooks.add(meanwhile)
    try:
        task, second, paper = await Job.objects.get(id=1), await Job.objects.get(id=2), Paper(words=1)
        await kept(paper, "words", 2, paper.save)
        computed = Paper(words=Value(1) + 1)
        await kept(computed, "words", 3, computed.save)
        hooked = Hooked()
        await kept(hooked, "data", {"b": 2}, hooked.save)
        for value, write in (
            (1, task.save),
            (F("done") + 1, task.save),
            (5, lambda: task.save(fields=["done"])),
            (6, lambda: task.save(force_update=True)),
            (7, lambda: Job.objects.bulk_update([task], ["done"])),
            (8, lambda: Job.objects.bulk_update([second, task], ["done"])),
        ):
            task.done = value
            await kept(task, "done", 40, write)
            task.title = "kept"
            await kept(task, "title", f"set with {value!r}", task.save)
    finally:
        remove()
    assert task.seen == (await stored(rows, '"row version"', "sm_jobs", 1))[0]


async def test_what_is_read_after_a_rollback_is_no_change(rows: Any) -> None:
    """Others may have written since: what a block wrote that was rolled back is not written over that later."""
    job = await Job.objects.get(id=1)
    for fields in ((), ("done", "seen")):
        job.done = 50
        with suppress(LookupError):
            async with rows.transaction():
                await job.save()
                raise LookupError
        await Job.objects.filter(id=1).update(done=7)
        await job.refresh(*fields)
        assert job.done == 7
        with sends(rows, 0):
            await job.save()
        job.title = "later"
        await job.save()
        assert await stored(rows, "title, done", "sm_jobs", 1) == ("later", 7)
