"""Every kind of operation, once: what faults are tried on. Each gives something that can be compared.

What one of them does is a whole: afterwards the tables are as before, or as it leaves them when nothing disturbs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chakra
from chakra import Count, F, Sum
from tests.faults.library import Item, Shelf, Tag

Work = Callable[[Any], Awaitable[Any]]


@dataclass(frozen=True)
class Operation:
    """An operation on the default database.

    Attributes:
        sure: it is one transaction: it says so where its COMMIT got no answer; with any other error nothing is written.
        writes: it leaves the tables changed.
    """

    name: str
    work: Work
    sure: bool = False
    writes: bool = False


OPERATIONS: dict[str, Operation] = {}


def reads(work: Work) -> Work:
    """It leaves the tables as they are, whatever happens."""
    OPERATIONS[work.__name__] = Operation(work.__name__, work)
    return work


def writes(work: Work) -> Work:
    """One statement outside of a transaction, or several each of which is a whole."""
    OPERATIONS[work.__name__] = Operation(work.__name__, work, writes=True)
    return work


def writes_in_a_transaction(work: Work) -> Work:
    """Nothing is written but by its COMMIT."""
    OPERATIONS[work.__name__] = Operation(work.__name__, work, sure=True, writes=True)
    return work


ITEMS = Item.objects.order_by("id")


class Undone(Exception):
    """What rolls a block back."""


# -- rows -----------------------------------------------------------------------------------------------


@reads
async def get(db: Any) -> Any:
    return (await Item.objects.get(id=7)).label


@reads
async def rows(db: Any) -> Any:
    return [item.label for item in await ITEMS.filter(stock__gt=100)]


@reads
async def joined(db: Any) -> Any:
    return [(item.label, item.shelf.name) for item in await ITEMS.select_related("shelf")]


@reads
async def prefetched(db: Any) -> Any:
    shelves = await Shelf.objects.order_by("id").prefetch_related("items__tags")
    return [(s.name, [(i.id, sorted(t.name for t in i.tags)) for i in s.items]) for s in shelves]


@reads
async def awaited_relation(db: Any) -> Any:
    return (await (await Item.objects.get(id=8)).shelf).name


@reads
async def aggregated(db: Any) -> Any:
    return await Item.objects.aggregate(n=Count("id"), total=Sum("stock"))


@reads
async def streamed(db: Any) -> Any:
    return [item.id async for item in ITEMS.iterator(chunk_size=50)]


@reads
async def stream_left_early(db: Any) -> Any:
    async for item in ITEMS.iterator(chunk_size=20):
        if item.id == 30:
            break
    return item.label


@reads
async def stream_in_a_transaction(db: Any) -> Any:
    async with db.transaction(readonly=True):
        return [row async for row in ITEMS.values_list("label", flat=True).iterator(chunk_size=80)]


@reads
async def row_locks(db: Any) -> Any:
    async with db.transaction():
        return [item.id for item in await ITEMS.select_for_update()[:5]]


@reads
async def raw_rows(db: Any) -> Any:
    found = await chakra.raw("SELECT id FROM fault_items WHERE stock < $1 ORDER BY id", db, params=[9]).all()
    return [row["id"] for row in found]


@reads
async def own_sql(db: Any) -> Any:
    async with db.acquire() as connection:
        await connection.execute("SET work_mem = '1234kB'")
        return await connection.fetchval("SHOW work_mem")


@reads
async def explained(db: Any) -> Any:
    return "fault_items" in str(await ITEMS.filter(stock=5).explain(analyze=True))


@reads
async def update_explained(db: Any) -> Any:
    return "Update" in str(await Item.objects.explain(update={"stock": 0}, analyze=True))


# -- columns --------------------------------------------------------------------------------------------


@reads
async def to_arrow(db: Any) -> Any:
    return (await ITEMS.to_arrow()).to_pydict()


@reads
async def in_partitions(db: Any) -> Any:
    return sorted((await Item.objects.all().to_arrow(partitions=2)).column("label").to_pylist())


@reads
async def batches(db: Any) -> Any:
    return [batch.num_rows async for batch in ITEMS.arrow_batches(max_rows=50)]


@reads
async def batches_left_early(db: Any) -> Any:
    async for batch in chakra.raw("SELECT generate_series(1, 20000) AS n", db).arrow_batches(max_rows=500):
        if batch.num_rows:
            break
    return batch.num_rows


@reads
async def raw_columns(db: Any) -> Any:
    return (await chakra.raw("SELECT generate_series(1, 20000) AS n", db).to_arrow()).num_rows


# -- the database ---------------------------------------------------------------------------------------


@reads
async def gathered(db: Any) -> Any:
    return await db.gather(Item.objects.count(), ITEMS.values_list("id", flat=True), Tag.objects.count())


@reads
async def under_a_deadline(db: Any) -> Any:
    async with db.deadline(60), db.transaction():
        return await Item.objects.count(), await db.fetchval("SHOW statement_timeout") != "0"


@reads
async def with_a_timeout(db: Any) -> Any:
    return await ITEMS.timeout(60).count()


@reads
async def locked(db: Any) -> Any:
    async with db.lock("faults"):
        return await Item.objects.count()


@reads
async def locked_in_a_transaction(db: Any) -> Any:
    async with db.lock("faults", transaction=True):
        return await Item.objects.count()


@reads
async def listened(db: Any) -> Any:
    async with db.listen("faults") as notes:
        await db.notify("faults", "x")
        async for note in notes:
            return bool(note.missed or note.payload == "x")


@reads
async def on_a_replica(db: Any) -> Any:
    return await Item.objects.using("replica").count()


@reads
async def replica_after_a_write(db: Any) -> Any:
    await Tag.objects.filter(id=99).update(name="nobody's")
    return await Tag.objects.using("replica").count()


@reads
async def undone(db: Any) -> Any:
    with suppress(Undone):
        async with db.transaction():
            await Item.objects.update(stock=0)
            raise Undone
    return True


@reads
async def undone_lazily(db: Any) -> Any:
    with suppress(Undone):
        async with db.transaction(lazy=True):
            await Shelf.objects.filter(id=1).delete()
            raise Undone
    return True


# -- rows written ---------------------------------------------------------------------------------------


@writes
async def create(db: Any) -> Any:
    return (await Item.objects.create(label="new", shelf_id=1, stock=1)).label


@writes
async def save(db: Any) -> Any:
    item = await Item.objects.get(id=5)
    item.stock += 1
    await item.save()
    return item.stock


@writes_in_a_transaction
async def delete_instance(db: Any) -> Any:
    await (await Shelf.objects.get(id=3)).delete()


@writes
async def get_or_create(db: Any) -> Any:
    tag, created = await Tag.objects.get_or_create(name="black")
    return tag.name, created


@writes
async def update_or_create(db: Any) -> Any:
    item, created = await Item.objects.update_or_create(label="item 3", defaults={"stock": 333})
    return item.stock, created


@writes
async def update(db: Any) -> Any:
    return await Item.objects.filter(stock__gt=50).update(stock=F("stock") + 1)


@writes
async def update_returning(db: Any) -> Any:
    found = await Item.objects.filter(id__lte=20).update(stock=F("stock") * 2, returning=["id", "stock"])
    return sorted(row["stock"] for row in found)


@writes
async def delete(db: Any) -> Any:
    return await Item.objects.filter(id__gt=100).delete()


@writes_in_a_transaction
async def many_to_many_set(db: Any) -> Any:
    item = await Item.objects.get(id=1)
    await item.tags.set([2, 3])


# -- bulk -----------------------------------------------------------------------------------------------


def some(count: int = 60) -> dict[str, list[Any]]:
    return {
        "label": [f"bulk {n}" for n in range(count)],
        "shelf_id": [1 + n % 3 for n in range(count)],
        "stock": list(range(count)),
    }


@writes
async def bulk_create_of_few(db: Any) -> Any:
    made = await Item.objects.bulk_create([Item(label=f"made {n}", shelf_id=2) for n in range(60)])
    return all(item.id for item in made)


@writes_in_a_transaction
async def bulk_create(db: Any) -> Any:
    made = await Item.objects.bulk_create([Item(label=f"made {n}", shelf_id=2) for n in range(600)])
    return all(item.id for item in made)


@writes_in_a_transaction
async def bulk_update(db: Any) -> Any:
    items = await ITEMS[:50]
    for item in items:
        item.stock = -item.stock
    await Item.objects.bulk_update(items, ["stock"])


@writes_in_a_transaction
async def bulk_insert(db: Any) -> Any:
    return (await Item.objects.bulk_insert(some())).inserted


@writes_in_a_transaction
async def bulk_insert_in_batches(db: Any) -> Any:
    return (await Item.objects.bulk_insert(some(), batch_rows=20)).inserted


@writes_in_a_transaction
async def bulk_upsert(db: Any) -> Any:
    data = some(30)
    data["label"][:10] = [f"item {n}" for n in range(1, 11)]
    result = await Item.objects.bulk_insert(
        data, on_conflict="update", conflict_fields=["label"], update_fields=["stock"]
    )
    return result.inserted, result.updated


@writes
async def executemany(db: Any) -> Any:
    await db.executemany("UPDATE fault_items SET stock = $2 WHERE id = $1", [(n, 0) for n in range(1, 40)])


@writes
async def script(db: Any) -> Any:
    await db.execute("UPDATE fault_items SET stock = 1; UPDATE fault_tags SET name = upper(name)")


# -- transactions ---------------------------------------------------------------------------------------


@writes_in_a_transaction
async def transaction(db: Any) -> Any:
    async with db.transaction():
        await Item.objects.create(label="first", shelf_id=1)
        async with db.transaction():
            await Item.objects.filter(id__lt=10).update(stock=0)
        with suppress(Undone):
            async with db.transaction():
                await Item.objects.all().delete()
                raise Undone
        await Tag.objects.create(name="last")


@writes_in_a_transaction
async def transaction_with_settings(db: Any) -> Any:
    async with db.transaction("serializable", settings={"app.tenant": "a"}):
        await Item.objects.filter(id=1).update(stock=0)
        return await db.fetchval("SELECT current_setting('app.tenant')")


@writes_in_a_transaction
async def lazy_transaction(db: Any) -> Any:
    async with db.transaction(lazy=True):
        await Item.objects.filter(id=1).update(stock=0)
        await Tag.objects.create(name="lazy")


@writes_in_a_transaction
async def pinned_transaction(db: Any) -> Any:
    async with db.acquire() as connection, connection.transaction():
        await connection.execute("UPDATE fault_items SET stock = $1 WHERE id < 9", 0)
        await connection.execute("DELETE FROM fault_items_tags")


@writes_in_a_transaction
async def columns_in_a_transaction(db: Any) -> Any:
    async with db.transaction():
        await Item.objects.bulk_insert(some())
        table = await Item.objects.filter(label__startswith="bulk").to_arrow()
        await Item.objects.filter(label__startswith="bulk").update(stock=table.num_rows)
        return table.num_rows


@writes_in_a_transaction
async def with_on_commit(db: Any) -> Any:
    async def after() -> None:
        await asyncio.sleep(0)
        called.append("committed")

    called: list[str] = []
    async with db.transaction():
        db.on_commit(after)
        db.on_rollback(lambda: called.append("undone"))
        await Item.objects.filter(id=2).update(stock=-1)
    return called


@writes_in_a_transaction
async def tried_again(db: Any) -> Any:
    async for attempt in db.retrying(times=2, isolation="serializable"):
        async with attempt:
            await Item.objects.filter(id=3).update(stock=F("stock") + 1000)
            if attempt.number == 1:
                raise chakra.SerializationError("as if somebody had been faster")
    return True


@writes_in_a_transaction
async def in_two_phases(db: Any) -> Any:
    """It leaves what was prepared to whoever looks after it, where it does not learn of its end."""
    async with db.transaction() as block:
        await Item.objects.filter(id=4).update(stock=0)
        await block.prepare("fault")
    await db.commit_prepared("fault")


# -- files ----------------------------------------------------------------------------------------------


@dataclass
class Files:
    """Where operations on files write."""

    folder: Path


FILES = Files(Path())

if hasattr(Item.objects, "to_csv"):

    @reads
    async def to_csv(db: Any) -> Any:
        path = FILES.folder / "items.csv"
        await ITEMS.to_csv(path)
        return path.read_text().count("\n")

    @reads
    async def to_parquet(db: Any) -> Any:
        path = FILES.folder / "items.parquet"
        await ITEMS.to_parquet(path)
        return path.stat().st_size > 0

    @writes_in_a_transaction
    async def load_csv(db: Any) -> Any:
        path = FILES.folder / "new.csv"
        lines = [f"csv {n},{1 + n % 3},{n}\n" for n in range(60)]
        path.write_text("label,shelf_id,stock\n" + "".join(lines))
        return (await Item.objects.load_csv(path)).inserted


BLOCKS = {stream_in_a_transaction, row_locks, under_a_deadline, locked_in_a_transaction}
"""Reads in a transaction of the program's own, whose COMMIT is asked for as any other's."""
