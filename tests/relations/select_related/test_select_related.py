"""Rows behind keys in the same statement: chains, forks, gaps, and what the other verbs make of it."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import Count, Field, ForeignKey, Model, field, foreign_key
from chakra.errors import FieldError, NotLoaded
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED


class Domain(Model, table="sr_domains"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Kingdom(Model, table="sr_kingdoms"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    domain: ForeignKey[Domain] = foreign_key(related_name="kingdoms")


class Genus(Model, table="sr_genera"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    kingdom: ForeignKey[Kingdom | None] = foreign_key(related_name="genera", default=None)


class Species(Model, table="sr_species"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    genus: ForeignKey[Genus] = foreign_key(related_name="species")
    eats: ForeignKey["Species | None"] = foreign_key(related_name="eaten_by", default=None)  # noqa: UP037


MODELS = (Domain, Kingdom, Genus, Species)


async def fill() -> None:
    """Eukaryota: Animalia: Drosophila: melanogaster, which eats cerevisiae of Saccharomyces, of no kingdom; Eukaryota:
    Plantae: Pisum: sativum.
    """
    domain = await Domain.objects.create(name="Eukaryota")
    animals = await Kingdom.objects.create(name="Animalia", domain=domain)
    plants = await Kingdom.objects.create(name="Plantae", domain=domain)
    fly = await Genus.objects.create(name="Drosophila", kingdom=animals)
    yeast = await Genus.objects.create(name="Saccharomyces")
    pea = await Genus.objects.create(name="Pisum", kingdom=plants)
    cerevisiae = await Species.objects.create(name="cerevisiae", genus=yeast)
    await Species.objects.create(name="melanogaster", genus=fly, eats=cerevisiae)
    await Species.objects.create(name="sativum", genus=pea)


async def test_without_it_a_row_is_loaded_when_it_is_awaited(rows: Any) -> None:
    with sends(rows, 4):
        fly = await Species.objects.get(name="melanogaster")
        assert (await (await (await fly.genus).kingdom).domain).name == "Eukaryota"  # type: ignore[union-attr]


async def test_a_chain_in_one_statement(rows: Any) -> None:
    query = Species.objects.order_by("id").select_related("genus__kingdom__domain")
    with sends(rows, 1) as statements:
        yeast, fly, pea = await query
        assert fly.genus.kingdom.domain.name == "Eukaryota"  # type: ignore[union-attr]
        assert pea.genus.kingdom.name == "Plantae"  # type: ignore[union-attr]
        assert (yeast.genus.name, yeast.genus.kingdom) == ("Saccharomyces", None)
        assert await fly.genus is fly.genus
    (sql,) = statements
    assert sql.count("JOIN") == 3
    assert sql.count("LEFT JOIN") == 2  # behind a key that may be NULL everything may be missing
    with pytest.raises(NotLoaded, match=r"Species\.eats is not loaded"):
        fly.eats.name  # type: ignore[union-attr]  # noqa: B018
    assert fly.eats.__class__.__name__ == "Unloaded"


async def test_paths_that_begin_alike_share_their_joins(rows: Any) -> None:
    query = (
        Species.objects.order_by("genus__kingdom__name", "id")
        .filter(genus__kingdom__domain__name="Eukaryota")
        .select_related("genus", "genus__kingdom")
        .select_related("eats__genus")
    )
    with sends(rows, 1) as statements:
        found = await query
        assert [(s.name, s.genus.kingdom.name) for s in found] == [  # type: ignore[union-attr]
            ("melanogaster", "Animalia"), ("sativum", "Plantae"),
        ]  # fmt: skip
        assert found[0].eats.genus.name == "Saccharomyces"  # type: ignore[union-attr]
        assert found[1].eats is None
    assert statements[0].count("JOIN") == 5  # genus, kingdom, domain; eats, its genus


async def test_every_verb_that_gives_rows(rows: Any) -> None:
    query = Species.objects.select_related("genus").order_by("id")
    for found in (
        await query.get(name="sativum"),
        await query.last(),
        await query[2],
        (await query[2:])[0],
        (await query.in_bulk([3]))[3],
        [row async for row in query][2],
        await query.latest("name"),
    ):
        with sends(rows, 0):
            assert found.genus.name == "Pisum"  # type: ignore[union-attr]


async def test_verbs_that_give_no_rows_join_nothing(rows: Any) -> None:
    query = Species.objects.select_related("genus__kingdom")
    with sends(rows, 5) as statements:
        assert await query.count() == 3
        assert await query.exists()
        assert (await query.aggregate(Count("id")))["id__count"] == 3
        assert await query.filter(name="sativum").update(name="x") == 1
        assert await query.filter(name="x").delete() == 1
    assert not any("JOIN" in sql for sql in statements)


async def test_with_annotations_and_locks(rows: Any) -> None:
    query = Genus.objects.select_related("kingdom__domain").annotate(n=Count("species")).order_by("id")
    with sends(rows, 1):
        assert [(g.kingdom and g.kingdom.domain.name, g.n) for g in await query] == [  # type: ignore[attr-defined]
            ("Eukaryota", 1), (None, 1), ("Eukaryota", 1),
        ]  # fmt: skip
    async with rows.transaction():
        locked = Species.objects.select_related("genus").select_for_update(of=("self", "genus"))
        assert (await locked.get(name="sativum")).genus.name == "Pisum"
        with pytest.raises(FieldError, match="may not be there"):
            await locked.select_related("eats").select_for_update(of=("eats",))


async def test_what_was_assigned_goes_before_what_was_loaded(rows: Any) -> None:
    fly = await Species.objects.select_related("genus").get(name="melanogaster")
    pea = await Genus.objects.get(name="Pisum")
    fly.genus = pea
    await fly.save()
    assert fly.genus is pea
    fly.genus_id = 2
    with pytest.raises(NotLoaded):
        fly.genus.name  # noqa: B018
    fly.genus_id = 1
    assert (await fly.genus).name == "Drosophila"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("genera", r"Species has no relation 'genera'; its relations to one row are genus, eats$"),
        ("name", r"Species has no relation 'name'; its relations to one row are genus, eats$"),
        ("genus__name", r"Genus has no relation 'name'; its relations to one row are kingdom$"),
        ("genus__", r"Genus has no relation ''"),
        ("genus_id", r"Species has no relation 'genus_id'"),
        ("eaten_by", r"'eaten_by' of Species may have several rows .* prefetch_related\(\"eaten_by\"\)"),
        ("genus__species", r"'species' of Genus may have several rows .* prefetch_related\(\"species\"\)"),
    ],
)
async def test_what_is_no_way_to_one_row(rows: Any, path: str, why: str) -> None:
    with pytest.raises(FieldError, match=why):
        await Species.objects.select_related(path)


@pytest.mark.parametrize("path", [1, Species, ("genus",)], ids=["number", "model", "tuple"])
async def test_what_is_no_path(rows: Any, path: Any) -> None:
    with pytest.raises(FieldError, match=r"select_related\(\) takes names of relations, not"):
        Species.objects.select_related(path)


async def test_taking_it_back(rows: Any) -> None:
    query = Species.objects.select_related("genus")
    assert "JOIN" not in query.select_related(None).to_sql()[0]
    assert "JOIN" in query.select_related().to_sql()[0]
    with pytest.raises(FieldError, match=r"select_related\(\) is for instances"):
        Species.objects.values("name").select_related("genus")
    assert await query.values_list("name", "genus__name").order_by("id").first() == (
        "cerevisiae",
        "Saccharomyces",
    )
