"""Texts that are alike, and texts without accents, as rows and columns, against SQL by hand."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import F, Field, ForeignKey, Model, Q, Value, field, foreign_key, functions
from chakra.errors import DatabaseError, DataError
from chakra.expressions import library
from chakra.functions import (
    Lower,
    TrigramDistance,
    TrigramSimilarity,
    TrigramStrictWordDistance,
    TrigramStrictWordSimilarity,
    TrigramWordDistance,
    TrigramWordSimilarity,
    Unaccent,
)
from chakra.pg.types import FLOAT4, TEXT, PgType
from chakra.types import Varchar
from tests.query.search.agree import wrong_about, wrong_rows
from tests.query.search.conftest import SHARED

pytestmark = [SHARED, pytest.mark.needs_extension("pg_trgm", "unaccent")]
EXTENSIONS = ("pg_trgm", "unaccent")


class Town(Model, table="towns"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Person(Model, table="people"):
    id: Field[int] = field(primary_key=True)
    town: ForeignKey[Town | None] = foreign_key(related_name="people", default=None, on_delete="cascade")
    name: Field[str]
    nick: Field[str | None] = field(Varchar(40), default=None)
    number: Field[int] = field(default=0)


MODELS = (Town, Person)
P = Person.objects
HOSTILE = ["'; DROP TABLE people; --", "%", "_", "\\", "$1", "{0}", "é", "''"]


async def fill() -> None:
    town = await Town.objects.create(name="Málaga")
    for name, nick in (
        ("Stephen King", "Steve"), ("Steven Seagal", None), ("Hélène Ségara", "Héli"), ("Helene", "100% _\\"),
        ("", "％＿"), ("Katy Stevens", "Ké"),
    ):  # fmt: skip
        await P.create(name=name, nick=nick, town=town if nick else None, number=len(name))


CONDITIONS: list[tuple[Any, str]] = [
    (Q(name__trigram_similar="Stephen"), "name % 'Stephen'"),
    (Q(name__trigram_similar=F("nick")), "name % nick"),
    (Q(nick__trigram_similar="steve"), "nick % 'steve'"),
    (Q(name__trigram_word_similar="stevens"), "name %> 'stevens'"),
    (Q(name__trigram_strict_word_similar="steven"), "name %>> 'steven'"),
    (Q(number__trigram_similar="12"), "number::text % '12'"),
    (Q(town__name__trigram_similar="Malaga"), "town_id IS NOT NULL AND 'Málaga' % 'Malaga'"),
    (Person.name.lookup("trigram_similar", "Stephen"), "name % 'Stephen'"),
    (TrigramSimilarity("name", "Stephen") > 0.2, "similarity(name, 'Stephen') > 0.2"),
    (TrigramSimilarity("name", F("nick")) > 0.2, "similarity(name, nick) > 0.2"),
    (Q(name__unaccent="Helene Segara"), "id = 3"),
    (Q(name__unaccent="Hélène Ségara"), "id = 3"),
    (Q(name__unaccent__ne="helène"), "unaccent(name) <> 'helene'"),
    (Q(name__unaccent__icontains="HÉLÈ"), "id IN (3, 4)"),
    (Q(name__unaccent__startswith="Hélè"), "id IN (3, 4)"),
    (Q(name__unaccent__iexact="hÉLENE"), "id = 4"),
    (Q(name__unaccent__in=["Hélène", "Katy Stévens", None]), "id IN (4, 6)"),
    (Q(name__unaccent__in=[]), "id < 0"),
    (Q(name__unaccent__range=("Hél", "Hí")), "id IN (3, 4)"),
    (Q(name__unaccent__regex="^Hé.*é$"), "id = 4"),
    (Q(name__unaccent__lower__contains="ség"), "id = 3"),
    (Q(name__unaccent__length=6), "id = 4"),
    (Q(nick__unaccent__contains="%"), "unaccent(nick) LIKE '%\\%%'"),
    (Q(nick__unaccent__endswith="\\"), "id = 4"),
    (Q(town__name__unaccent="Malaga"), "town_id = 1"),
    (Q(nick__unaccent=F("name")), "unaccent(nick) = unaccent(name)"),
    (Q(name__unaccent__trigram_similar="hélène"), "unaccent(name) % 'helene'"),
    (Unaccent("name") == "Hélène", "id = 4"),
    *((Q(name__trigram_similar=text), f"name % $x${text}$x$") for text in HOSTILE),
    *(
        (Q(nick__unaccent__contains=text), f"strpos(unaccent(nick), unaccent($x${text}$x$)) > 0")
        for text in HOSTILE
    ),
]
WORDS = {word for condition, _ in CONDITIONS if isinstance(condition, Q) for k in condition.keywords
         for word in k.split("__")[1:]}  # fmt: skip


async def test_conditions(filled: Any) -> None:
    wrong = [
        (condition, sql, found)
        for condition, sql in CONDITIONS
        if (found := await wrong_rows(filled, Person, condition, sql)) is not None
    ]
    assert wrong == []


VALUES: list[tuple[Any, str, PgType | None]] = [
    (TrigramSimilarity("name", "Stephen"), "similarity(name, 'Stephen')", FLOAT4),
    (TrigramSimilarity("name", F("nick")), "similarity(name, nick)", FLOAT4),
    (TrigramDistance("name", "Stephen"), "name <-> 'Stephen'", FLOAT4),
    (TrigramWordSimilarity("steven", "name"), "word_similarity('steven', name)", FLOAT4),
    (TrigramWordDistance("steven", "name"), "'steven' <<-> name", FLOAT4),
    (TrigramStrictWordSimilarity("steven", "name"), "strict_word_similarity('steven', name)", FLOAT4),
    (TrigramStrictWordDistance("steven", "name"), "'steven' <<<-> name", FLOAT4),
    (TrigramSimilarity(Lower("name"), Value("x")), "similarity(lower(name), 'x')", FLOAT4),
    (Unaccent("name"), "unaccent(name)", TEXT),
    (Unaccent("nick"), "unaccent(nick)", TEXT),
    *((TrigramSimilarity("name", text), f"similarity(name, $x${text}$x$)", FLOAT4) for text in HOSTILE),
]


async def test_values(filled: Any) -> None:
    wrong = [
        (expression, found)
        for expression, sql, type_ in VALUES
        if (found := await wrong_about(filled, Person, expression, sql, type_)) is not None
    ]
    assert wrong == []
    named = {e.function.name for e, *_ in VALUES}
    assert named == set(library.trigrams.__all__) and named <= set(functions.__all__)


async def test_orders_and_indexes(filled: Any) -> None:
    assert (await P.order_by(TrigramDistance("name", "Steven"), "id").values_list("id", flat=True))[:2] == [
        2,
        6,
    ]
    await filled.execute("CREATE INDEX people_gist ON people USING gist (name gist_trgm_ops)")
    settings = {"enable_seqscan": "off", "enable_sort": "off", "pg_trgm.similarity_threshold": 0.2}
    async with filled.transaction(settings=settings):
        for order in (
            TrigramDistance("name", "Steven"),
            TrigramWordDistance("Steven", "name"),
            TrigramStrictWordDistance("Steven", "name"),
        ):
            plan = str(await P.order_by(order)[:2].explain())
            assert "Index Scan using people_gist" in plan and "Order By" in plan, plan
        for word in ("trigram_similar", "trigram_word_similar", "trigram_strict_word_similar", "icontains"):
            assert "Index Cond" in str(await P.filter(**{f"name__{word}": "Steven"}).explain()), word
        assert await P.filter(name__trigram_similar="Steven").order_by("id").values_list("id", flat=True) == [
            1,
            2,
            6,
        ]
    await filled.execute("DROP INDEX people_gist")


async def test_databases_without_the_extensions(filled: Any) -> None:
    async def refused(query: Any, name: str) -> None:
        with pytest.raises(DatabaseError, match=f"with the extension {name}, .*: CREATE EXTENSION {name}"):
            async with filled.transaction():
                await query

    await filled.execute("DROP EXTENSION pg_trgm, unaccent")
    try:
        await refused(P.filter(name__trigram_similar="x"), "pg_trgm")
        await refused(P.order_by(TrigramDistance("name", "x")), "pg_trgm")
        await refused(P.values(x=TrigramWordSimilarity("x", "name")).to_arrow(), "pg_trgm")
        await refused(P.filter(name__unaccent="x"), "unaccent")
        await refused(filled.execute("CREATE INDEX ON people USING gin (name gin_trgm_ops)"), "pg_trgm")
        with pytest.raises(DatabaseError) as caught:
            async with filled.transaction():
                await filled.fetch("SELECT 1 % 'x'::text")
        assert "EXTENSION" not in str(caught.value)
    finally:
        await filled.execute("CREATE EXTENSION pg_trgm")
        await filled.execute("CREATE EXTENSION unaccent")


async def test_what_they_do_not_take(filled: Any) -> None:
    for made in (
        P.filter(name__trigram_similar=3),
        P.filter(name__trigram_similar="\0"),
        P.filter(name__unaccent=3),
    ):
        with pytest.raises(DataError):
            await made
