"""Declarations as others have them, or that the server refuses: errors say what, where, and what to write."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

import chakra
from chakra import (
    Cast,
    Check,
    Exclude,
    F,
    Field,
    ForeignKey,
    Index,
    Model,
    Q,
    Sequence,
    Unique,
    Value,
    field,
    foreign_key,
    introspect,
)
from chakra.errors import ChakraError, DataError, ExclusionViolation, FieldError
from chakra.functions import Concat, Lower, SearchVector
from chakra.types import Jsonb, Text, TsVector


def model(**body: Any) -> Any:
    """A model over a table ``said`` with a key, a text, a document and what is given."""
    meta = {"table": "said", **body.pop("meta", {})}
    kind: Any = type(Model)
    return kind(
        "Said",
        (Model,),
        {
            "__module__": __name__,
            "__annotations__": {"id": Field[int], "a": Field[str], "data": Field[dict[str, Any]]}
            | body.pop("types", {}),
            "id": field(primary_key=True),
            "data": field(Jsonb, default_factory=dict),
            "Meta": type("Meta", (), meta),
            **body,
        },
    )


def naming_its_query() -> Any:
    made: list[Any] = []
    made.append(model(meta={"constraints": lambda: [Check(Q(id__in=made[0].objects.values("id")))]}))
    return made[0].__table__


DECLARED: dict[str, tuple[Callable[[], Any], str]] = {
    "tablename": (lambda: model(__tablename__="x"), 'in Chakra that is class Post(Model, table="posts")'),
    "table args": (lambda: model(__table_args__=()), "Meta.indexes and Meta.constraints"),
    "db_table": (lambda: model(meta={"db_table": "x"}), 'That is table = "…"'),
    "index_together": (lambda: model(meta={"index_together": ("id", "a")}), 'indexes = [Index("a", "b")]'),
    "an index alone": (
        lambda: model(meta={"indexes": Index("a")}).__table__,
        "Meta.indexes is a list, [Index(…)]",
    ),
    "a text alone": (lambda: model(meta={"indexes": "a"}).__table__, "Meta.indexes is a list, ['a']"),
    "a key alone": (lambda: model(meta={"constraints": Unique("a")}).__table__, "a list, [Unique(…)]"),
    "a path as a text": (
        lambda: model(meta={"indexes": [Index("data__city", name="i")]}).__table__,
        "Said, Index(i): Said has no field 'data__city'; it has id, a, data; a path is written F(\"data__city\")",
    ),
    "an unknown field": (
        lambda: model(meta={"indexes": [Index("a", include=["b"], name="i")]}).__table__,
        "Said, Index(i), include=: Said has no field 'b'",
    ),
    "a sequence in an expression": (
        lambda: (
            model(
                types={"d": Field[str]},
                d=field(db_default=Concat(Value("A"), Cast(Sequence("s").next(), Text))),
            ).__table__
        ),
        "Said.d, db_default=: Sequence.next() is a default by itself",
    ),
    "a query of itself": (naming_its_query, "Said is asked for rows by what its own Meta or fields say"),
}


@pytest.mark.parametrize("case", DECLARED)
def test_declared(case: str) -> None:
    made, said = DECLARED[case]
    with pytest.raises(FieldError) as error:
        made()
    assert said in str(error.value)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "parameter": (lambda: model(meta={"storage": {"fillfactr": 70}}), 'fillfactr". That is Said'),
    "of an index": (
        lambda: model(meta={"indexes": [Index("a", name="i", with_={"fillfactor": 700})]}),
        "That is Said, the index i (a)",
    ),
    "default": (
        lambda: model(types={"d": Field[dt.date]}, d=field(db_default="'2020-13-01'")),
        "That is Said, the field d",
    ),
    "text for a value": (
        lambda: model(types={"d": Field[str]}, d=field(db_default="draft")),
        'the field d. A text is SQL there, and a value of texts is Value("…")',
    ),
    "check": (
        lambda: model(meta={"constraints": [Check("a::date > '2020-13-01'", name="c")]}),
        "the Check c",
    ),
    "same name twice": (
        lambda: model(meta={"indexes": [Index("a", name="x"), Index("id", name="x")]}),
        "That is Said, the index x (id). Names of indexes and of keys are of one schema",
    ),
    "key named like a table": (
        lambda: model(meta={"constraints": [Unique("a", name="said_canary")]}),
        "That is Said, the Unique said_canary. Names of indexes and of keys",
    ),
    "Concat": (
        lambda: model(types={"d": Field[str]}, d=field(generated=Concat("a", Value("!")))),
        'texts are joined by F("a") + F("b")',
    ),
    "SearchVector": (
        lambda: model(types={"d": Field[str]}, d=field(TsVector, generated=SearchVector("a"))),
        'SearchVector() without config="english"',
    ),
    "view of nothing": (
        lambda: model(meta={"view": "SELECT 1 AS id, a, data FROM not_there"}),
        "That is the query of Said",
    ),
    "view that is none": (lambda: model(meta={"view": "SELECT FROM FROM"}), "That is the query of Said"),
}


async def test_refused(db: chakra.Database) -> None:
    await db.execute("CREATE TABLE IF NOT EXISTS said_canary (x int)")
    try:
        for case, (made, said) in REFUSED.items():
            with pytest.raises(ChakraError) as error:
                await db.create_tables(made())
            assert said in str(error.value), (case, str(error.value))
            assert await db.fetchval("SELECT to_regclass('said')::text") is None
    finally:
        await db.execute("DROP TABLE said_canary")


async def test_the_order_of_making_is_no_difference(db: chakra.Database) -> None:
    """Keys of tables that refer to each other, and an index that was made anew, stand last in the catalog."""

    class SaidOne(Model):
        id: Field[int] = field(primary_key=True)
        two: ForeignKey[SaidTwo] = foreign_key(related_name="ones")
        own: ForeignKey[SaidOne | None] = foreign_key(related_name="mine", default=None)

        class Meta:
            table = "said_ones"
            indexes = (Index("two", "id", name="said_a"), Index("id", name="said_b"))

    class SaidTwo(Model):
        id: Field[int] = field(primary_key=True)
        one: ForeignKey[SaidOne] = foreign_key(related_name="twos")
        own: ForeignKey[SaidTwo | None] = foreign_key(related_name="mine", default=None)

        class Meta:
            table = "said_twos"

    await db.create_tables(SaidOne, SaidTwo)
    try:
        await db.execute("DROP INDEX said_a; CREATE INDEX said_a ON said_ones (two_id, id)")
        for model_ in (SaidOne, SaidTwo):
            (declared,) = await introspect.normalised(db, [model_.__table__])
            (existing,) = await introspect.read(db, [await introspect.find(db, None, model_.__table__.name)])  # type: ignore[list-item]
            assert declared == existing
        await db.execute("DROP INDEX said_a")
        (existing,) = await introspect.read(db, [await introspect.find(db, None, "said_ones")])  # type: ignore[list-item]
        (declared,) = await introspect.normalised(db, [SaidOne.__table__])
        assert declared != existing
    finally:
        await db.drop_tables(SaidOne, SaidTwo)


async def test_expressions_that_need_btree_gist(db: chakra.Database) -> None:
    await db.execute("DROP EXTENSION IF EXISTS btree_gist CASCADE")
    made = model(meta={"constraints": [Exclude((Lower("a"), "="), name="said_apart")]})
    await db.create_tables(made)
    try:
        await made.objects.using(db).create(a="x")
        with pytest.raises(ExclusionViolation):
            await made.objects.using(db).create(a="X")
    finally:
        await db.drop_tables(made)


def test_keys_of_documents_are_terms() -> None:
    made = model(
        meta={"indexes": [Index(F("data")["a"]["b"], name="i"), Index(F("data__a")), Index(Lower("a") + "!")]}
    )
    assert [index.columns[0] for index in made.__table__.indexes] == [
        "(((\"data\" -> ('a'::text)) -> ('b'::text)))",
        "((\"data\" -> ('a'::text)))",
        "((lower(\"a\") || ('!'::text)))",
    ]


async def test_computed_fields_are_no_identities(db: chakra.Database) -> None:
    made = model(types={"low": Field[str]}, low=field(generated=Lower("a")))
    await db.create_tables(made)
    try:
        with pytest.raises(DataError, match=r"leave it out of the data$"):
            await made.objects.using(db).bulk_insert({"a": ["x"], "low": ["x"]})
    finally:
        await db.drop_tables(made)
