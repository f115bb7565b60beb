"""Run by ci/package.sh in a clean environment: the installed package declares, writes and reads both ways."""

from __future__ import annotations

import asyncio
import importlib.resources
from pathlib import Path

import chakra
from chakra import Field, Model, field


class City(Model, table="cities"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


async def main() -> None:
    here = Path.cwd().resolve()
    assert not Path(chakra.__file__).is_relative_to(here / "chakra"), "imported from the checkout"
    assert importlib.resources.files(chakra).joinpath("py.typed").is_file()
    async with chakra.connect("embedded:///:temp:") as db:
        await db.create_tables(City)
        await City.objects.bulk_create([City(name=name) for name in ("Rangoon", "Mandalay")])
        assert (await City.objects.get(name="Mandalay")).id == 2
        assert (await City.objects.order_by("id").to_arrow()).column("name").to_pylist() == [
            "Rangoon",
            "Mandalay",
        ]
    print(f"chakra {chakra.__version__} works, installed in {Path(chakra.__file__).parent}")


asyncio.run(main())
