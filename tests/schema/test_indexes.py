"""Indexes: what is declared against what the server says it made, which queries use it, and what is read back."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from chakra import (
    Cast,
    Coalesce,
    Collate,
    Exists,
    F,
    Field,
    ForeignKey,
    Index,
    Model,
    OpClass,
    OuterRef,
    Q,
    RowNumber,
    Sum,
    Unique,
    Window,
    field,
    foreign_key,
    introspect,
)
from chakra.errors import DatabaseError, DataError, FieldError, UniqueViolation
from chakra.functions import Lower, Upper
from chakra.schema.terms import changed
from chakra.sql import create_statements
from chakra.types import Array, Boolean, DateRange, Integer, Jsonb, Numeric, Text, Varchar, Vector
from tests.plugins.needs import needs_extension, needs_server

HOSTILE = 'it\'s \\ 50% "so" --; $1 /*'

INDEXES: dict[str, tuple[Index, str]] = {
    # terms
    "name": (Index("name", name="name"), "btree (name)"),
    "down": (Index("-price", "name", name="down"), "btree (price DESC, name)"),
    "nulls": (
        Index(F("price").desc(nulls="last"), F("name").asc(nulls="first"), name="nulls"),
        "btree (price DESC NULLS LAST, name NULLS FIRST)",
    ),
    "relation": (Index("owner", "-at", name="relation"), "btree (owner_id, at DESC)"),
    "renamed": (Index("other", name="renamed"), 'btree ("Other ""Name""")'),
    "lower": (Index(Lower("name"), name="lower"), "btree (lower(name))"),
    "transform": (Index(F("name__upper"), name="transform"), "btree (upper(name))"),
    "sum": (Index(F("amount") + F("more"), name="sum"), "btree (((amount + more)))"),
    "with literal": (Index(F("amount") * -2, name="with literal"), "btree (((amount * '-2'::bigint)))"),
    "expression down": (
        Index(Lower("name").desc(), "code", name="expression down"),
        "btree (lower(name) DESC, code)",
    ),
    "coalesce": (Index(Coalesce("note", "name"), name="coalesce"), "btree (COALESCE(note, name))"),
    "cast": (Index(Cast("code", Text), name="cast"), "btree (((code)::text))"),
    "year": (
        Index(F("day__year"), name="year"),
        "btree ((\nCASE\n    WHEN isfinite(day) THEN (EXTRACT(year FROM day))::integer\n    ELSE NULL::integer\nEND))",
    ),
    "as text": (
        Index("(left(name, 3))", "-(amount % 7)", name="as text"),
        'btree ("left"(name, 3), ((amount % (7)::bigint)) DESC)',
    ),
    "collation": (Index(Collate("name", "C"), name="collation"), 'btree (name COLLATE "C")'),
    "collation down": (
        Index(Collate(Lower("name"), "C").desc(), name="collation down"),
        'btree (lower(name) COLLATE "C" DESC)',
    ),
    "pattern": (Index(OpClass("name", "text_pattern_ops"), name="pattern"), "btree (name text_pattern_ops)"),
    "pattern of lower": (
        Index(OpClass(Lower("name").desc(), "text_pattern_ops"), name="pattern of lower"),
        "btree (lower(name) text_pattern_ops DESC)",
    ),
    "opclasses": (
        Index("name", "amount", opclasses=["text_pattern_ops", None], name="opclasses"),
        "btree (name text_pattern_ops, amount)",
    ),
    # conditions
    "partial": (Index("name", where=Q(active=True), name="partial"), "btree (name) WHERE (active = true)"),
    "typed": (
        Index("name", where=(F("price") > 10) & ~F("active"), name="typed"),
        "btree (name) WHERE ((price > '10'::numeric) AND (NOT active))",
    ),
    "or": (
        Index("name", where=Q(amount__lt=3) | Q(note__isnull=True), name="or"),
        "btree (name) WHERE ((amount < '3'::bigint) OR (note IS NULL))",
    ),
    "one of": (
        Index("name", where=Q(code__in=["a", HOSTILE]), name="one of"),
        r"""btree (name) WHERE ((code)::text = ANY ('{a,"it''s \\ 50% \"so\" --; $1 /*"}'::text[]))""",
    ),
    "hostile": (
        Index("amount", where=Q(name=HOSTILE), name="hostile"),
        "btree (amount) WHERE (name = 'it''s \\ 50% \"so\" --; $1 /*'::text)",
    ),
    "key": (
        Index("name", where=Q(owner=5, at__gte=dt.datetime(2024, 1, 2, tzinfo=dt.UTC)), name="key"),
        "btree (name) WHERE ((owner_id = '5'::bigint) AND (at >= '2024-01-02 00:00:00+00'::timestamp with time zone))",
    ),
    "where as text": (
        Index("name", where="amount > 1 or note is null", name="where as text"),
        "btree (name) WHERE ((amount > 1) OR (note IS NULL))",
    ),
    # the rest
    "covering": (
        Index("owner", include=["name", "amount"], name="covering"),
        "btree (owner_id) INCLUDE (name, amount)",
    ),
    "covering key": (Index("name", include="owner", name="covering key"), "btree (name) INCLUDE (owner_id)"),
    "fill": (Index("name", with_={"fillfactor": 70}, name="fill"), "btree (name) WITH (fillfactor='70')"),
    "space": (Index("name", tablespace="pg_default", name="space"), "btree (name)"),
    "hash": (Index("name", method="hash", name="hash"), "hash (name)"),
    "gin": (Index("tags", method="GIN", name="gin"), "gin (tags)"),
    "json": (
        Index("data", method="gin", opclasses="jsonb_path_ops", name="json"),
        "gin (data jsonb_path_ops)",
    ),
    "gin slow": (
        Index("data", method="gin", with_={"fastupdate": False}, name="gin slow"),
        "gin (data) WITH (fastupdate='false')",
    ),
    "gist": (Index("during", method="gist", name="gist"), "gist (during)"),
    "spgist": (Index("during", method="spgist", name="spgist"), "spgist (during)"),
    "brin": (
        Index("at", method="brin", with_={"pages_per_range": 32}, name="brin"),
        "brin (at) WITH (pages_per_range='32')",
    ),
    "brin options": (
        Index(
            OpClass("amount", "int8_bloom_ops", n_distinct_per_range=100), method="brin", name="brin options"
        ),
        "brin (amount int8_bloom_ops (n_distinct_per_range='100'))",
    ),
    "unique": (
        Index("code", unique=True, where=Q(active=True), name="unique"),
        "btree (code) WHERE (active = true)",
    ),
}

UNIQUES: dict[str, tuple[Unique, str]] = {
    "u expression": (Unique(Lower("name"), name="u expression"), "btree (lower(name))"),
    "u partial": (
        Unique("owner", "code", where=Q(active=True), include="amount", name="u partial"),
        "btree (owner_id, code) INCLUDE (amount) WHERE (active = true)",
    ),
    "u pattern": (
        Unique("note", opclasses="text_pattern_ops", name="u pattern"),
        "btree (note text_pattern_ops)",
    ),
}


class Owner(Model, table="schema_owners"):
    id: Field[int] = field(primary_key=True)


class Thing(Model, table="schema_things"):
    id: Field[int] = field(primary_key=True)
    owner: ForeignKey[Owner | None] = foreign_key(default=None, index=False)
    name: Field[str]
    code: Field[str] = field(Varchar(20), default="")
    note: Field[str | None]
    other: Field[str | None] = field(column='Other "Name"', default=None)
    price: Field[Decimal] = field(Numeric(12, 2), default=Decimal(1))
    amount: Field[int] = field(default=0)
    more: Field[int] = field(default=0)
    active: Field[bool] = field(default=True)
    at: Field[dt.datetime] = field(default=dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    day: Field[dt.date | None] = field(default=None)
    tags: Field[list[str] | None] = field(Array(Text), default=None)
    data: Field[dict[str, Any] | None] = field(Jsonb, default=None)
    during: Field[Any] = field(DateRange, null=True, default=None)

    class Meta:
        indexes = [index for index, _ in INDEXES.values()]  # noqa: RUF012
        constraints = [unique for unique, _ in UNIQUES.values()]  # noqa: RUF012


DEFINITIONS = """
SELECT c.relname::text AS name, regexp_replace(pg_get_indexdef(i.indexrelid), '^CREATE.* USING ', '') AS made,
    i.indisunique AS is_unique
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1::regclass AND NOT i.indisprimary
"""


async def made(db: Any, name: str) -> dict[str, str]:
    return {row["name"]: row["made"] for row in await db.fetch(DEFINITIONS, name)}


async def test_what_the_server_made(db: Any) -> None:
    await db.create_tables(Owner, Thing)
    rows = await db.fetch(DEFINITIONS, "schema_things")
    expected = {name: text for name, (_, text) in {**INDEXES, **UNIQUES}.items()}
    assert {row["name"]: row["made"] for row in rows} == expected
    assert {row["name"] for row in rows if row["is_unique"]} == {"unique", *UNIQUES}
    found = await introspect.find(db, None, "schema_things")
    assert found is not None
    (table,) = await introspect.read(db, [found])
    # Columns by name, and expressions as the server writes them; everything else is as it was declared.
    declared, read = indexes_of(Thing.__table__), indexes_of(table)
    assert len(declared) == len(read) == len(expected)
    for own, index in zip(declared, read, strict=True):
        if own.name != "space":  # the database's own tablespace is none that is named
            assert without_text(own) == without_text(index)
    kept = {own.name for own, index in zip(declared, read, strict=True) if own == index}
    assert kept >= {
        "name",
        "down",
        "nulls",
        "relation",
        "renamed",
        "collation",
        "pattern",
        "opclasses",
        "covering",
    }
    # Made of what was read, the tables are the same again.
    await db.execute("DROP TABLE schema_things")
    await db.execute(";".join(create_statements([table])))
    assert await made(db, "schema_things") == expected
    (again,) = await introspect.read(db, [await introspect.find(db, None, "schema_things")])
    assert again == table


def indexes_of(table: Any) -> tuple[Index, ...]:
    """A table's indexes by the names of columns, as tables are compared."""
    return next(
        part for part in table.definition if isinstance(part, tuple) and part and isinstance(part[0], Index)
    )


def without_text(index: Index) -> Index:
    terms = tuple(changed(term, expression=None if term.expression is None else "…") for term in index.terms)
    return changed(index, terms=terms, where=None if index.where is None else "…")


def by(*indexes: Any, name: str, **fields: Any) -> Any:
    """A model with some indexes."""
    return type(
        "Made",
        (Model,),
        {
            "__module__": __name__,
            "id": field(Integer, primary_key=True),
            "name": field(Text, null=True),
            "amount": field(Integer, null=True),
            "more": field(Integer, null=True),
            "active": field(Boolean, null=True),
            "data": field(Jsonb, null=True),
            **fields,
            "Meta": type("Meta", (), {"table": name, "indexes": list(indexes)}),
        },
    )


USED: dict[str, tuple[Index, Callable[[Any], Any]]] = {
    "transform": (Index(Lower("name")), lambda m: m.objects.filter(name__lower="x")),
    "call": (Index(Upper("name")), lambda m: m.objects.annotate(u=Upper("name")).filter(u="x")),
    "sum": (Index(F("amount") + F("more")), lambda m: m.objects.filter((F("amount") + F("more")) == 5)),
    "literal": (Index(F("amount") * 2), lambda m: m.objects.filter((F("amount") * 2) > 5)),
    "partial": (Index("name", where=Q(active=True)), lambda m: m.objects.filter(active=True, name="x")),
    "partial number": (
        Index("name", where=Q(amount__gt=10)),
        lambda m: m.objects.filter(amount__gt=20, name="x"),
    ),
    "not null": (Index("name", where=Q(name__isnull=False)), lambda m: m.objects.filter(name="x")),
    "prefix": (
        Index(OpClass("name", "text_pattern_ops")),
        lambda m: m.objects.filter(name__startswith="x%"),
    ),
    "json": (
        Index("data", method="gin", opclasses="jsonb_path_ops"),
        lambda m: m.objects.filter(data__contains={"a": 1}),
    ),
    "order": (
        Index(F("amount").desc(nulls="last")),
        lambda m: m.objects.order_by(m.amount.desc(nulls="last")),
    ),
}


async def test_queries_use_them(db: Any) -> None:
    models = [by(index, name=f"used_{number}") for number, (index, _) in enumerate(USED.values())]
    await db.create_tables(*models)
    async with db.transaction(settings={"enable_seqscan": "off", "enable_sort": "off"}):
        for model, (what, (_, query)) in zip(models, USED.items(), strict=True):
            (name,) = model.__table__.names.indexes
            assert name in await query(model).explain(), what


async def test_a_covering_index_is_enough(db: Any) -> None:
    model = by(Index("name", include="amount"), name="covered")
    await db.create_tables(model)
    async with db.transaction(settings={"enable_seqscan": "off", "enable_bitmapscan": "off"}):
        plan = await model.objects.filter(name="x").values_list("amount").explain()
    assert "Index Only Scan using covered_name_idx" in plan


async def test_unique_indexes_keep_rows_apart(db: Any) -> None:
    await db.create_tables(Owner, Thing)
    await Thing.objects.create(name="Ann", code="a", note=None)
    for name, values in {
        "u expression": {"name": "ANN", "code": "b"},
        "unique": {"name": "Bob", "code": "a"},
    }.items():
        with pytest.raises(UniqueViolation, match=name) as caught:
            await Thing.objects.create(**values, note=None)
        assert caught.value.constraint == name
    await Thing.objects.create(name="Bob", code="a", active=False, note=None)  # not among those it is about


@needs_server(15, "NULLS NOT DISTINCT")
async def test_nulls_that_are_equal(db: Any) -> None:
    index = Index("name", "amount", unique=True, nulls_not_distinct=True, name="nulls")
    model = by(index, name="nulls_equal")
    await db.create_tables(model)
    assert await made(db, "nulls_equal") == {"nulls": "btree (name, amount) NULLS NOT DISTINCT"}
    await model.objects.create(id=1, name="a")
    with pytest.raises(UniqueViolation, match="nulls"):
        await model.objects.create(id=2, name="a")
    (table,) = await introspect.read(db, [await introspect.find(db, None, "nulls_equal")])
    assert table.indexes == (index,)


@needs_extension("vector")
async def test_indexes_of_vectors(db: Any) -> None:
    model = by(
        Index(
            "place",
            method="hnsw",
            opclasses="vector_cosine_ops",
            with_={"m": 8, "ef_construction": 32},
            name="h",
        ),
        Index(OpClass("place", "vector_l2_ops"), method="ivfflat", with_={"lists": 3}, name="i"),
        name="vectors",
        place=field(Vector(3), null=True),
    )
    await db.create_tables(model)
    assert await made(db, "vectors") == {
        "h": "hnsw (place vector_cosine_ops) WITH (ef_construction='32', m='8')",
        "i": "ivfflat (place) WITH (lists='3')",
    }


@needs_extension("pg_trgm", "btree_gist", "ltree")
async def test_what_extensions_bring_is_created_with_them(db: Any) -> None:
    model = by(
        Index("name", method="gin", opclasses="gin_trgm_ops", name="t"),
        Index(OpClass("name", "gist_trgm_ops", siglen=32), method="gist", name="s"),
        Index("amount", method="gist", name="b"),
        name="extended",
    )
    await db.create_tables(model)
    assert await made(db, "extended") == {
        "t": "gin (name gin_trgm_ops)",
        "s": "gist (name gist_trgm_ops (siglen='32'))",
        "b": "gist (amount)",
    }
    (table,) = await introspect.read(db, [await introspect.find(db, None, "extended")])
    assert table.indexes == model.__table__.indexes


def test_equal_declarations_are_equal() -> None:
    def declare(limit: int) -> Any:
        return Index(Lower("name"), F("a") + limit, where=Q(a__gt=limit) & (F("b") == "x"), name="i")

    assert declare(1) == declare(1) and hash(declare(1)) == hash(declare(1))
    assert declare(1) != declare(2)
    assert Index(F("a") + 1) != Index(F("a") + True)
    table = by(Index(Lower("name"), where=Q(amount=1)), name="x").__table__
    same = by(Index(F("name__lower"), where=F("amount") == 1), name="x").__table__
    assert table.definition == same.definition
    assert pickle.loads(pickle.dumps(table.definition)) == table.definition
    hash(table.definition)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "no field": (lambda: Index("nam"), r"Made has no field 'nam'.*Did you mean 'name'"),
    "no field in an expression": (lambda: Index(Lower("nam")), r"Made, Index\(\(Lower.*has no field 'nam'"),
    "no field in a condition": (lambda: Index("name", where=Q(nam=1)), r"Made, Index\(name\), where=.*'nam'"),
    "no field beside": (lambda: Index("name", include="nam"), "Made has no field 'nam'"),
    "aggregate": (lambda: Index(Sum("amount")), "is an aggregate, and it is about one row"),
    "window": (lambda: Index(Window(RowNumber(), order_by="id")), "is a window"),
    "subquery": (lambda: Index("name", where=Exists(Owner.objects.all())), "is a query"),
    "query": (lambda: Index("name", where=Q(amount__in=Owner.objects.values("id"))), "is a query"),
    "outer": (lambda: Index("name", where=Q(amount=OuterRef("id"))), "is a value of a query around"),
    "other model": (lambda: Index("name", where=Thing.amount > 1), r"Thing\.amount is no field of Made"),
    "value": (lambda: Index("name", where=F("amount")), "only boolean values are conditions"),
    "misfit": (lambda: Index("name", where=Q(amount="x")), r"Made, Index\(name\), where=.*'x'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_index_can_hold(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises((FieldError, DataError), match=message):
        _ = by(make(), name="refused").__table__


def test_values_of_partners_are_refused() -> None:
    class Bad(Model, table="bad"):
        id: Field[int] = field(primary_key=True)
        owner: ForeignKey[Thing] = foreign_key()

        class Meta:
            indexes = (Index("id", where=Q(owner__name="x")),)

    with pytest.raises(
        FieldError, match=r"'owner__name' is a value of the row behind Bad\.owner.*'owner_id'"
    ):
        _ = Bad.__table__


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "nothing": (Index, "at least one column"),
    "number": (lambda: Index(5), "takes names of fields"),
    "empty": (lambda: Index(""), "names no field"),
    "behind the parenthesis": (lambda: Index("(a) text_ops"), "goes on behind the parenthesis"),
    "injection": (lambda: Index("(a); DROP TABLE x --)"), "goes on behind the parenthesis"),
    "open": (lambda: Index("(lower(')')"), "goes on behind the parenthesis"),
    "nulls": (lambda: Index("a", nulls_not_distinct=True), "needs unique=True"),
    "opclasses": (lambda: Index("a", "b", opclasses=["x"]), "2 terms and 1 opclasses"),
    "two opclasses": (
        lambda: Index(OpClass("a", "x"), opclasses=["y"]),
        "has the operator class 'x' already",
    ),
    "opclass": (lambda: OpClass("a", ""), "is no name"),
    "condition": (lambda: Index("a", where=5), r"a condition is Q\(price__gt=0\)"),
    "empty condition": (lambda: Index("a", where=Q()), "is an empty condition"),
    "blank": (lambda: Index("a", where=" "), "is no condition"),
    "include": (lambda: Index("a", include=[Lower("b")]), "expressions cannot be included"),
    "parameter": (lambda: Index("a", with_={"x) --": 1}), "is no name of a parameter"),
    "parameter's value": (lambda: Index("a", with_={"m": None}), "a number, a text or a boolean"),
    "method": (lambda: Index("a", method=""), "is no access method"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_declarations(case: str) -> None:
    make, message = WRONG[case]
    with pytest.raises(FieldError, match=message):
        make()


def test_what_belongs_elsewhere() -> None:
    with pytest.raises(
        FieldError, match=r"Meta\.indexes lists Index\(…\), not Unique.*belongs to constraints"
    ):
        _ = by(Unique("name"), name="wrong").__table__


async def test_names_of_every_kind(db: Any) -> None:
    """Names are quoted: of columns, indexes, methods, operator classes, collations, tablespaces and parameters."""
    model = by(
        Index(Lower("odd"), where=Q(odd=HOSTILE), name=f"i {HOSTILE}"),
        name=HOSTILE,
        odd=field(Text, column=HOSTILE, null=True),
    )
    await db.create_tables(model)
    await model.objects.create(id=1, odd=HOSTILE)
    assert await model.objects.filter(odd__lower=HOSTILE.lower()).count() == 1
    for wrong in (
        Index("name", method=HOSTILE),
        Index("name", tablespace=HOSTILE),
        Index("name", opclasses=HOSTILE),
        Index("name", opclasses=[("a", HOSTILE)]),
        Index(Collate("name", HOSTILE)),
    ):
        with pytest.raises(DatabaseError, match="does not exist"):
            await db.create_tables(by(wrong, name="t"))
