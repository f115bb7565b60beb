"""``qs.timeout(seconds)``: every verb of the query is cut off, and the query is what it was before."""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections.abc import Callable
from typing import Any

import pytest

import chakra
from chakra import Field, ForeignKey, Model, QuerySet, field, foreign_key, sync
from chakra.errors import DeadlineExceeded, QueryError
from tests.db.faults import settled


class OwnQuerySet(QuerySet["Timed"]):
    def named(self, name: str) -> Any:
        return self.filter(name=name)

    async def how_many(self) -> int:
        return await self.count() + 1


class Attributed(QuerySet["Timed"]):
    note: str = "none"

    def noted(self, note: str) -> Any:
        new = self.all()
        new.note = note
        return new


class Timed(Model, table="timed"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    boss: ForeignKey[Timed | None] = foreign_key(related_name="reports", default=None)
    objects = OwnQuerySet.as_manager()
    others = Attributed.as_manager()


VERBS: dict[str, Callable[[Any], Any]] = {
    "await": lambda q: q,
    "filter": lambda q: q.filter(name="a"),
    "all": lambda q: q.all(),
    "values": lambda q: q.values("name"),
    "values_list": lambda q: q.order_by("id").values_list("id", flat=True)[:3],
    "position": lambda q: q[0],
    "get": lambda q: q.get(name="a"),
    "first": lambda q: q.first(),
    "count": lambda q: q.count(),
    "exists": lambda q: q.exists(),
    "aggregate": lambda q: q.aggregate(n=chakra.Count("id")),
    "prefetch": lambda q: q.prefetch_related("reports"),
    "to_arrow": lambda q: q.to_arrow(),
    "to_numpy": lambda q: q.values("id").to_numpy(),
    "explain": lambda q: q.explain(analyze=True),
    "update": lambda q: q.update(name="b"),
    "delete": lambda q: q.delete(),
    "create": lambda q: q.create(name="c"),
    "get_or_create": lambda q: q.get_or_create(name="c"),
    "bulk_create": lambda q: q.bulk_create([Timed(name="c")]),
    "bulk_insert": lambda q: q.bulk_insert({"name": ["c"]}),
}


REFUSED = {("table", "bulk_create"), ("table", "prefetch"), ("set", "bulk_insert")}


async def apart(work: Any) -> Any:
    async def run() -> Any:
        return await work

    return await asyncio.get_running_loop().create_task(run(), context=contextvars.Context())


async def test_every_verb(db: Any, pg: Any, dsn: str) -> None:
    await db.create_tables(Timed)
    ann = await Timed.objects.timeout(30).create(name="a")
    await Timed.objects.create(name="a2", boss=ann)
    queries: dict[str, Any] = {
        "manager": Timed.objects,
        "table": db.table("timed"),
        "set": ann.reports,
        "using": Timed.others.using(db),
    }
    async with db.transaction():
        await db.execute("lock table timed")
        for of, query in queries.items():
            for name, verb in VERBS.items():
                if (of, name) in REFUSED:
                    continue
                with pytest.raises(DeadlineExceeded, match=r"0\.01 s"):
                    await apart(verb(query.timeout(0.01)))
                    pytest.fail(f"{of}, {name}: not cut off")
        with pytest.raises(DeadlineExceeded):
            await apart(Timed.objects.timeout(0.01).named("a").how_many())
        with pytest.raises(DeadlineExceeded, match=r"0\.01 s"):  # the last word counts
            await apart(Timed.objects.timeout(30).timeout(0.01).count())
    await settled(db, pg)
    for verb in list(VERBS.values())[:14]:
        kind = type(await verb(Timed.objects))
        assert isinstance(await verb(Timed.objects.timeout(30)), kind)
    query = Timed.objects.timeout(30)
    assert isinstance(query, OwnQuerySet) and type(query).__name__ == "OwnQuerySet"
    assert await query.named("a").how_many() == 2
    assert repr(query) == repr(Timed.objects)
    noted: Any = Timed.others.noted("mine").timeout(30)
    assert noted.note == noted.filter(name="a").note == "mine"
    assert await Timed.objects.filter(id__in=query.filter(name="a").values("id")).count() == 1
    for stream in (lambda: aiter(query), query.iterator, query.arrow_batches):
        with pytest.raises(QueryError, match=r"db\.deadline\(30\)"):
            stream()
    for wrong in ("1", None, math.nan, True):
        with pytest.raises(QueryError, match="number of seconds"):
            Timed.objects.timeout(wrong)  # type: ignore[arg-type]
    await asyncio.to_thread(plain_calls, dsn)


def plain_calls(dsn: str) -> None:
    with sync.connect(dsn) as db, sync.connect(dsn) as other, other.transaction():
        for query in (Timed.objects.using(db).timeout(30), Timed.objects.timeout(30).using(db)):
            assert query.count() == len(query.list()) == 2
        other.execute("lock table timed")
        for query in (Timed.objects.using(db).timeout(0.01), Timed.objects.timeout(0.01).using(db)):
            with pytest.raises(DeadlineExceeded):
                query.filter(name="a").list()
            with pytest.raises(DeadlineExceeded):
                query.count()
        with pytest.raises(DeadlineExceeded):
            db.table("timed").timeout(0.01).count()
