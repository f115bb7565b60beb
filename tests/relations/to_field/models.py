"""Countries whose numbers are keys of others: each number is the primary key of another country, so that whoever takes
one for the other finds wrong rows.
"""

from __future__ import annotations

from typing import Any

from chakra import (
    Field,
    ForeignKey,
    ManyToMany,
    Model,
    OneToOne,
    field,
    foreign_key,
    many_to_many,
    one_to_one,
)
from chakra.types import Integer, Varchar


class Country(Model, table="tf_countries"):
    id: Field[int] = field(primary_key=True)
    number: Field[int] = field(Integer, unique=True)
    name: Field[str]
    neighbour: ForeignKey["Country | None"] = foreign_key(  # noqa: UP037
        to_field="number", related_name="neighbours", on_delete="set null"
    )
    languages: ManyToMany["Language"] = many_to_many(through="Spoken", related_name="countries")  # noqa: UP037


class Capital(Model, table="tf_capitals"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    country: OneToOne[Country] = one_to_one(to_field="number", related_name="capital", on_delete="cascade")


class City(Model, table="tf_cities"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    country: ForeignKey[Country | None] = foreign_key(to_field="number", related_name="cities")


class Language(Model, table="tf_languages"):
    id: Field[int] = field(primary_key=True)
    tag: Field[str] = field(Varchar(10), unique=True)


class Spoken(Model, table="tf_spoken"):
    id: Field[int] = field(primary_key=True)
    country: ForeignKey[Country] = foreign_key(to_field="number", on_delete="cascade")
    language: ForeignKey[Language] = foreign_key(to_field="tag", on_delete="cascade")
    official: Field[bool] = field(default=False)


class Mayor(Model, table="tf_mayors"):
    """Its key is a one-to-one relation that points at one itself."""

    city: OneToOne[Capital] = one_to_one(to_field="country", primary_key=True, related_name="mayor")
    name: Field[str]


MODELS = (Country, Capital, City, Language, Spoken, Mayor)


async def fill(db: Any) -> list[Country]:
    """Countries a (id 1, number 2), b (2, 3), c (3, 1); cities a1, a2, b1, and d, which lies nowhere; a is beside b."""
    await db.create_tables(*MODELS)
    a, b, c = [
        await Country.objects.create(name=name, number=number)
        for name, number in (("a", 2), ("b", 3), ("c", 1))
    ]
    a.neighbour = b
    await a.save()
    for name, country in (("a1", a), ("a2", a), ("b1", b), ("d", None)):
        await City.objects.create(name=name, country=country)
    await Capital.objects.create(name="A", country=a)
    await Capital.objects.create(name="B", country=b)
    for tag in ("de", "fr"):
        await Language.objects.create(tag=tag)
    await a.languages.add("de", "fr")
    await b.languages.add("fr", through_defaults={"official": True})
    return [a, b, c]
