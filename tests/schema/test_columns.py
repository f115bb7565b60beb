"""Columns: computed, numbered and defaulted by the server, collations, comments, storage."""

from __future__ import annotations

import copy
import datetime as dt
import enum
import pickle
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from chakra import (
    Case,
    Check,
    F,
    Field,
    ForeignKey,
    Identity,
    Index,
    Model,
    Q,
    Unique,
    Value,
    When,
    field,
    foreign_key,
    introspect,
)
from chakra.errors import DataError, FieldError, NotLoaded
from chakra.functions import Lower, Now, RandomUUID, Upper
from chakra.sql import check_server, create_statements
from chakra.types import Integer, Jsonb, Numeric, SmallInt, Text, Varchar
from tests.plugins.needs import needs_server
from tests.schema.test_indexes import HOSTILE


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Part(Model, table="schema_parts"):
    id: Field[int] = field(primary_key=True, identity=Identity(start=100, increment=5))
    serial: Field[int] = field(Integer, identity="always")
    price: Field[Decimal] = field(Numeric(12, 2), db_default=Decimal("1.5"))
    amount: Field[int] = field(db_default=3)
    total: Field[Decimal] = field(Numeric(14, 2), generated=F("price") * F("amount"))
    label: Field[str] = field(generated=Upper("name"))
    kind: Field[str] = field(
        generated=Case(When(amount__gt=10, then=Value("many")), default=Value(HOSTILE)), comment=HOSTILE
    )
    twice: Field[int] = field(generated="amount * 2")
    name: Field[str] = field(collation="C", comment="what it is called", db_default=Value("it's"))
    made: Field[dt.datetime] = field(db_default=Now())
    key: Field[uuid.UUID] = field(db_default=RandomUUID())
    low: Field[str] = field(db_default=Lower(Value("AbC")))
    size: Field[Size] = field(db_default=Size.LARGE)
    data: Field[dict[str, Any]] = field(Jsonb, db_default={"a": [1, "x'y"]})
    tags: Field[list[str]] = field(db_default=["a", 'b"c'])
    day: Field[dt.date] = field(db_default=dt.date(2024, 2, 29))
    on: Field[bool] = field(db_default=True)
    text: Field[str] = field(db_default="'sql'::text")
    long: Field[str | None] = field(storage="external", compression="pglz", default=None)


COLUMNS = """
SELECT a.attname::text AS name, pg_get_expr(d.adbin, d.adrelid) AS expression, a.attgenerated::text AS generated,
    a.attidentity::text AS identity, col_description(a.attrelid, a.attnum) AS comment
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::regclass AND a.attnum > 0
"""

DEFAULTS = {
    "price": "1.50",
    "amount": "'3'::bigint",
    "total": "(price * (amount)::numeric)",
    "label": "upper(name)",
    "kind": "\nCASE\n    WHEN (amount > '10'::bigint) THEN 'many'::text\n    ELSE "
    "'it''s \\ 50% \"so\" --; $1 /*'::text\nEND",
    "twice": "(amount * 2)",
    "name": "'it''s'::text",
    "made": "now()",
    "key": "gen_random_uuid()",
    "low": "lower('AbC'::text)",
    "size": "'large'::size",
    "data": """'{"a": [1, "x''y"]}'::jsonb""",
    "tags": """'{a,"b\\"c"}'::text[]""",
    "day": "'2024-02-29'::date",
    "on": "true",
    "text": "'sql'::text",
}


async def read(db: Any, name: str) -> Any:
    (table,) = await introspect.read(db, [await introspect.find(db, None, name)])
    return table


async def test_what_the_server_made(db: Any) -> None:
    await db.create_tables(Part)
    rows = {row["name"]: row for row in await db.fetch(COLUMNS, "schema_parts")}
    assert {name: row["expression"] for name, row in rows.items() if row["expression"]} == DEFAULTS
    assert {name for name, row in rows.items() if row["generated"]} == {"total", "label", "kind", "twice"}
    assert {name: row["identity"] for name, row in rows.items() if row["identity"]} == {
        "id": "d",
        "serial": "a",
    }
    assert {name: row["comment"] for name, row in rows.items() if row["comment"]} == {
        "kind": HOSTILE,
        "name": "what it is called",
    }
    table = await read(db, "schema_parts")
    for declared, found in zip(Part.__table__.columns, table.columns, strict=True):
        words = (
            "nullable",
            "identity",
            "always",
            "sequence",
            "collation",
            "comment",
            "storage",
            "compression",
        )
        assert [getattr(declared, word) for word in words] == [getattr(found, word) for word in words], (
            found.name
        )
        assert (declared.type.name, declared.type.typmod) == (found.type.name, found.type.typmod)
        assert (declared.computed is None, declared.db_default is None) == (
            found.computed is None,
            found.db_default is None,
        )
    assert table.by_attribute["id"].sequence == Identity(start=100, increment=5)
    await db.execute("DROP TABLE schema_parts")
    await db.execute(";".join(create_statements([table])))
    assert await read(db, "schema_parts") == table


async def test_rows(db: Any) -> None:
    """The server's values are read back where a row is written; what it computes takes none."""
    await db.create_tables(Part)
    one = await Part.objects.create()
    assert (one.id, one.serial, one.price, one.amount, one.total, one.twice) == (
        100, 1, Decimal("1.50"), 3, Decimal("4.50"), 6,
    )  # fmt: skip
    assert (one.name, one.label, one.kind, one.low) == ("it's", "IT'S", HOSTILE, "abc")
    assert (one.size, one.data, one.tags) == (Size.LARGE, {"a": [1, "x'y"]}, ["a", 'b"c'])
    assert (one.day, one.on, one.text, one.long) == (dt.date(2024, 2, 29), True, "sql", None)
    assert isinstance(one.key, uuid.UUID) and one.made.tzinfo is not None
    one.amount = 20
    await one.save()
    assert (one.total, one.kind, one.twice) == (Decimal("30.00"), "many", 40)
    one.amount = F("amount") - 19
    await one.save()
    assert (one.amount, one.total, one.twice) == (1, Decimal("1.50"), 2)
    two = await Part.objects.create(id=7, name="b")
    assert (two.id, two.label) == (7, "B")
    assert (await Part.objects.create()).id == 105
    made, created = await Part.objects.get_or_create(name="new", defaults={"amount": 2})
    assert (created, made.twice) == (True, 4)
    same, created = await Part.objects.update_or_create(name="new", defaults={"amount": 5})
    assert (created, same.twice) == (False, 10)
    await Part.objects.bulk_create([Part(id=1000 + i, name=f"n{i}") for i in range(3)])
    await Part.objects.bulk_create([Part(id=2000 + i, name=f"n{i}") for i in range(600)])  # through COPY
    assert await Part.objects.filter(id__gte=1000, label__startswith="N").count() == 603
    await Part.objects.bulk_insert([{"name": "columns", "amount": 11}])
    assert (await Part.objects.get(name="columns")).kind == "many"


class Double(Model, table="schema_doubles"):
    id: Field[int] = field(Integer, primary_key=True)
    number: Field[int | None] = field(Integer, default=None)
    twice: Field[int | None] = field(Integer, generated=F("number") * 2)


async def test_loaded_rows_are_written_again(db: Any) -> None:
    """What was computed goes along with an instance, and not into the statement."""
    await db.create_tables(Double)
    await Double.objects.bulk_create([Double(id=i, number=i) for i in (1, 2)])
    one, two = await Double.objects.order_by("id")
    one.id, two.id = 3, 4
    await one.save(force_insert=True)
    await Double.objects.bulk_create([two])
    five = await Double.objects.create(id=5)
    assert await Double.objects.order_by("id").values_list("id", "twice") == [
        (1, 2),
        (2, 4),
        (3, 2),
        (4, 4),
        (5, None),
    ]
    for row in (one, five):
        row.number = 50
    await Double.objects.bulk_update([one, five], ["number"])
    assert await Double.objects.filter(twice=100).count() == 2
    assert await Double.objects.filter(id=1).update(number=F("twice") + 1) == 1
    assert (await Double.objects.get(id=1)).twice == 6
    assert (await Double.objects.filter(twice__gt=90).order_by("id").to_arrow()).column(
        "twice"
    ).to_pylist() == [100, 100]


class Shared(Model):
    number: Field[int]
    twice: Field[int] = field(generated=F("number") * 2)

    class Meta:
        abstract = True
        indexes = (Index(F("twice") + 1),)
        constraints = (Check(Q(number__gt=0)), Unique("number", where=Q(number__lt=5)))


class One(Shared, table="schema_ones"):
    id: Field[uuid.UUID] = field(primary_key=True, db_default=RandomUUID())


class Two(Shared, table="schema_twos"):
    id: Field[int] = field(primary_key=True)
    one: ForeignKey[One | None] = foreign_key(default=None, related_name="twos")


async def test_declarations_of_an_abstract_base(db: Any) -> None:
    """Each model has them for itself; its rows travel, are joined, copied and merged with what was computed."""
    await db.create_tables(One, Two)
    assert One.__table__.checks == Two.__table__.checks
    assert One.__table__.names.indexes == ("schema_ones_expr_idx", "schema_ones_number_key")
    many = await One.objects.bulk_create(
        [One(number=i + 10) for i in range(600)]
    )  # the server draws the keys
    row = await One.objects.get(pk=many[0].pk)
    for copied in (pickle.loads(pickle.dumps(row)), copy.copy(row)):
        assert (copied.twice, copied.pk) == (20, row.pk)
    await Two.objects.create(number=50, one=row)
    joined = await Two.objects.select_related("one").get()
    assert (joined.twice, joined.one.twice) == (100, 20)
    some = await One.objects.only("number").get(pk=row.pk)
    await some.refresh("twice")
    assert some.twice == 20
    result = await One.objects.bulk_insert([{"id": row.pk, "number": 7000}], on_conflict="update")
    assert result.updated == 1
    await One.objects.bulk_create([One(id=many[1].pk, number=8000)], on_conflict="update")
    assert await One.objects.filter(twice__in=[14000, 16000]).count() == 2
    with pytest.raises(NotLoaded, match=r"One\.twice has no value"):
        _ = One(number=1).twice


async def test_what_is_computed_takes_no_value(db: Any) -> None:
    await db.create_tables(Double)
    row = await Double.objects.create(id=1)
    refused = r"Double\.twice is computed by the server"
    with pytest.raises(FieldError, match=refused):
        Double(id=2, twice=4)
    with pytest.raises(FieldError, match=refused):
        await Double.objects.create(id=2, twice=4)
    with pytest.raises(FieldError, match=refused):
        row.twice = 4
    writes: list[Callable[[], Any]] = [
        lambda: Double.objects.update(twice=4),
        lambda: Double.objects.bulk_insert([{"id": 3, "twice": 4}]),
        lambda: Double.objects.bulk_update([row], ["twice"]),
    ]
    for write in writes:
        with pytest.raises(DataError, match="GENERATED ALWAYS: the server computes it"):
            await write()
    assert await Double.objects.count() == 1


@needs_server(18, "virtual columns")
async def test_virtual_columns(db: Any) -> None:
    class Virtual(Model, table="schema_virtual"):
        id: Field[int] = field(Integer, primary_key=True)
        number: Field[int] = field(Integer)
        twice: Field[int] = field(Integer, generated=F("number") + F("number"), stored=False)

    await db.create_tables(Virtual)
    (column,) = [c for c in (await read(db, "schema_virtual")).columns if c.virtual]
    assert (column.name, column.computed) == ("twice", "(number + number)")
    row = await Virtual.objects.create(id=1, number=4)
    assert row.twice == 8
    await Virtual.objects.bulk_insert([{"id": 2, "number": 5}])
    assert await Virtual.objects.filter(twice__gt=9).values_list("id", flat=True) == [2]


def test_virtual_columns_on_older_servers() -> None:
    class Virtual(Model):
        id: Field[int] = field(Integer, primary_key=True)
        twice: Field[int] = field(Integer, generated="id * 2", stored=False)

    with pytest.raises(
        FieldError, match=r"Virtual: the computed field twice with stored=False needs PostgreSQL 18"
    ):
        check_server([Virtual.__table__], 17)
    check_server([Virtual.__table__], 18)


NUMBERED: dict[str, tuple[Any, Any, str]] = {
    "always": ("always", Integer, "1 1 1 2147483647 1 f"),
    "by default": ("by default", SmallInt, "1 1 1 32767 1 f"),
    "yes": (True, Integer, "1 1 1 2147483647 1 f"),
    "from": (Identity(always=True, start=7), Integer, "7 1 1 2147483647 1 f"),
    "steps": (Identity(increment=-3), SmallInt, "-1 -3 -32768 -1 1 f"),
    "within": (Identity(minimum=5, maximum=9, cycle=True, cache=2), Integer, "5 1 5 9 2 t"),
}


async def test_numbered_columns(db: Any) -> None:
    models = [
        type(
            f"Numbered{number}",
            (Model,),
            {"__module__": __name__, "id": field(type_, primary_key=True, identity=identity)},
        )
        for number, (identity, type_, _) in enumerate(NUMBERED.values())
    ]
    await db.create_tables(*models)
    rows = await db.fetch(
        "SELECT concat_ws(' ', seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle) FROM pg_sequence "
        "JOIN pg_class c ON c.oid = seqrelid WHERE c.relname LIKE 'numbered%' ORDER BY c.relname"
    )
    assert [row[0] for row in rows] == [text for _, _, text in NUMBERED.values()]
    for model in models:
        (column,) = (await read(db, model.__table__.name)).columns
        assert column == model.__table__.columns[0]
    assert [(await models[4].objects.create()).pk for _ in range(3)] == [-1, -4, -7]


def test_a_key_that_is_not_numbered() -> None:
    class Plain(Model):
        id: Field[int] = field(primary_key=True, identity=False)

    assert not Plain.__table__.columns[0].identity


async def test_keys_have_comments(db: Any) -> None:
    class Owned(Model, table="schema_owned"):
        id: Field[int] = field(primary_key=True)
        part: ForeignKey[Double] = foreign_key(comment="whose")

    await db.create_tables(Double, Owned)
    await db.create_tables(Double, Owned, if_not_exists=True)
    assert (await read(db, "schema_owned")).by_attribute["part_id"].comment == "whose"


def declare(**fields: Any) -> Any:
    return type(
        "Made",
        (Model,),
        {"__module__": __name__, "id": field(Integer, primary_key=True), "n": field(Integer), **fields},
    ).__table__


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "default and computed": (lambda: field(generated="a", default=1), "no default and no identity"),
    "db_default and computed": (lambda: field(generated="a", db_default=1), "no default and no identity"),
    "identity and computed": (lambda: field(generated="a", identity=True), "no default and no identity"),
    "identity and default": (lambda: field(identity=True, default=1), "identity= or a default, not both"),
    "computed by a number": (lambda: field(generated=5), r"generated= is an expression over fields"),
    "computed by nothing": (lambda: field(generated=" "), r"generated= is an expression over fields"),
    "virtual": (lambda: field(stored=False), "is about a computed field"),
    "identity": (lambda: field(identity="never"), r"it is \"by default\", \"always\""),
    "identity of a text": (
        lambda: declare(x=field(Text, identity=True)),
        r"Made\.x is text; identity= numbers",
    ),
    "increment": (lambda: Identity(increment=0), "increment is not 0"),
    "start": (lambda: Identity(start="1"), "takes a whole number"),  # type: ignore[arg-type]
    "bounds": (lambda: Identity(minimum=5, maximum=5), "minimum is smaller"),
    "storage": (lambda: field(storage="x"), "it is one of 'plain', 'external'"),
    "compression": (lambda: field(compression="zip"), "it is one of 'pglz', 'lz4'"),
    "comment": (lambda: field(comment=5), "a comment is text"),
    "collation": (lambda: field(collation=""), "is no name"),
    "default of a field": (
        lambda: declare(x=field(Integer, db_default=F("n") + 1)),
        r"Made\.x, db_default=: 'n': a default is made before there is a row",
    ),
    "default that does not fit": (
        lambda: declare(x=field(SmallInt, db_default=70_000)),
        r"Made\.x, db_default=: .*70000",
    ),
    "default of another kind": (lambda: declare(x=field(Integer, db_default=1.5)), r"Made\.x, db_default=: "),
    "computed by a name": (
        lambda: declare(x=field(Integer, generated=F("m") + 1)),
        r"Made\.x, generated=: Made has no field 'm'",
    ),
    "computed by a condition": (
        lambda: declare(x=field(Varchar(5), generated=Case(When(Q(m=1), then=Value("x"))))),
        r"Made\.x, generated=: Made has no field 'm'",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_declarations(case: str) -> None:
    make, message = WRONG[case]
    with pytest.raises((FieldError, DataError), match=message):
        make()
