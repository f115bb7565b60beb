"""Databases like those that people know, inspected: the models make the same tables again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chakra.inspection.reading import read_models
from chakra.migrations.diff import diff
from chakra.migrations.observed import observed
from tests.cli.inspected.test_round_trip import again

FOLDER = Path(__file__).parent
SAID = {
    "rentals": {
        "DropTable": "# payment: its partitions are made by create_partition()",
    }
}
"""What is not the same again, by the kind of operation, and the line of the module that says so."""
NAMES = {
    "music": [
        'class PlaylistTrack(Model, table="PlaylistTrack"):',
        'artist: ForeignKey[Artist] = foreign_key(related_name="album", name="FK_AlbumArtistId", column="ArtistId"',
        'media_type: ForeignKey[MediaType] = foreign_key(related_name="track", column="MediaTypeId"',
        'track: ManyToMany[Track] = many_to_many(related_name="playlist", through="PlaylistTrack")',
        'Index("artist_id", name="IFK_AlbumArtistId")',
    ],
    "baseball": [
        'c2B: Field[int | None] = field(SmallInt, column="2B", default=None)',
        "class TeamsFranchise(",
        'player: ForeignKey[Person] = foreign_key(related_name="batting", on_delete="cascade", column="playerID"',
        'team: ForeignKey[Team | None] = foreign_key(related_name="batting", default=None, fields=("yearID", ',
    ],
    "rentals": ["class MpaaRating(PyEnum):", 'pg_13 = "PG-13"'],
}


@pytest.mark.parametrize("name", ["music", "baseball", "rentals"])
async def test_the_same_again(db: Any, name: str) -> None:
    await db.execute((FOLDER / f"{name}.sql").read_text())
    there = await observed(db)
    source = await read_models(db)
    await again(db, source)
    said = SAID.get(name, {})
    assert {type(one).__name__ for one in diff(there, await observed(db))} == set(said)
    for line in (*said.values(), *NAMES[name]):
        assert line in source, source


DATES = """
CREATE TYPE color AS ENUM ('red');
CREATE TABLE days (date date, "time" time, datetime timestamp, "UUID" uuid, "int" int, str text, other date,
    "Color" color, "Day" bigint, "Any" point, "Decimal" numeric, id bigint PRIMARY KEY, bytes bytea, list int[])
"""


async def test_columns_named_like_types(db: Any) -> None:
    """A field called like a class of an annotation would hide it from all of them."""
    await db.execute(DATES)
    there = await observed(db)
    source = await read_models(db)
    await again(db, source)
    assert diff(there, await observed(db)) == []
    assert 'date_column: Field[date | None] = field(column="date", default=None)' in source
