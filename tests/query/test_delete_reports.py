"""``delete(report=True)``: how many rows of which tables the server deletes and changes along."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import DeleteReport, Field, ForeignKey, Model, field, foreign_key
from chakra.errors import FieldError


class Owner(Model, table="report_owners"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Pet(Model, table="report_pets"):
    id: Field[int] = field(primary_key=True)
    owner: ForeignKey[Owner] = foreign_key(related_name="pets", on_delete="cascade")


class Toy(Model, table="report_toys"):
    id: Field[int] = field(primary_key=True)
    pet: ForeignKey[Pet] = foreign_key(related_name="toys", on_delete="cascade")


class Visit(Model, table="report_visits"):
    id: Field[int] = field(primary_key=True)
    pet: ForeignKey[Pet | None] = foreign_key(related_name="visits", on_delete="set null", default=None)


OWNERS = Owner.objects


async def test_what_goes_along(db: Any) -> None:
    await db.create_tables(Owner, Pet, Toy, Visit)
    await db.execute(
        "CREATE SCHEMA side; CREATE TABLE side.notes (toy bigint REFERENCES report_toys ON DELETE CASCADE) "
        "PARTITION BY RANGE (toy); CREATE TABLE side.low PARTITION OF side.notes FOR VALUES FROM (0) TO (3); "
        "CREATE TABLE side.high PARTITION OF side.notes FOR VALUES FROM (3) TO (100);"
        "INSERT INTO report_owners (name) VALUES ('a'), ('b'), ('c'), ('d');"
        # The first owner has two pets, the second one; each pet has two toys and a visit, each toy a note.
        "INSERT INTO report_pets (owner_id) VALUES (1), (1), (2);"
        "INSERT INTO report_toys (pet_id) SELECT n FROM generate_series(1, 3) n, generate_series(1, 2);"
        "INSERT INTO report_visits (pet_id) VALUES (1), (2), (3); INSERT INTO side.notes SELECT id FROM report_toys"
    )
    try:
        report = await OWNERS.filter(name="a").delete(report=True)
        assert report == DeleteReport(
            1, {"report_owners": 1, "report_pets": 2, "report_toys": 4, "side.notes": 4}, {"report_visits": 2}
        )
        assert int(report) == 1
        assert await OWNERS.filter(name="a").delete(report=True) == DeleteReport(0, {}, {})
        # What the transaction did before is no part of it.
        async with db.transaction():
            assert await Toy.objects.order_by("id")[:1].delete() == 1
            await Visit.objects.update(pet=None)
            found = await Owner.objects.order_by("id")[:1].delete(report=True)
            expected = {"report_owners": 1, "report_pets": 1, "report_toys": 1, "side.notes": 1}
            assert (found.rows, found.deleted, found.updated) == (1, expected, {})
            third = await OWNERS.get(name="c")
            assert await third.delete(report=True) == DeleteReport(1, {"report_owners": 1}, {})
            assert await db.table("report_owners").delete(report=True) == DeleteReport(
                1, {"report_owners": 1}, {}
            )
            with pytest.raises(FieldError, match="not both"):
                await OWNERS.delete(report=True, returning=True)
            await db.execute("SET LOCAL track_counts = off")
            with pytest.raises(FieldError, match="track_counts is off"):
                await OWNERS.delete(report=True)
        with pytest.raises(FieldError, match="report is True or False"):
            await OWNERS.delete(report=1)  # type: ignore[call-overload]
        assert await OWNERS.filter(name="b").delete() == 0
    finally:
        await db.execute("DROP SCHEMA side CASCADE")
