"""What models declare against what is there: equal where nothing has to be changed, and not where something has."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import Check, F, Index, Model, Q, Unique, Value, field, introspect
from chakra.functions import Lower
from chakra.sql import create_statements
from chakra.types import Integer, Text
from tests.schema.test_columns import Double, Part
from tests.schema.test_constraints import Box, Line, Order
from tests.schema.test_indexes import HOSTILE, Owner, Thing

MODELS = (Owner, Thing, Box, Order, Line, Part, Double)


async def read(db: Any, *names: str) -> list[Any]:
    found = [await introspect.find(db, None, name) for name in names]
    assert None not in found
    return await introspect.read(db, found)  # type: ignore[arg-type]


async def test_what_is_made_is_what_is_declared(db: Any) -> None:
    await db.create_tables(*MODELS)
    declared = [model.__table__ for model in MODELS]
    names = [table.name for table in declared]
    there = await read(db, *names)
    for own, found in zip(await introspect.normalised(db, declared), there, strict=True):
        for one, other in zip(own.definition, found.definition, strict=True):
            assert one == other, own.name
        assert own == found
    schemas = await db.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'chakra%'")
    assert schemas == 0  # nothing is left
    async with db.transaction():
        assert await introspect.normalised(db, declared) == there
    assert await introspect.normalised(db, there) == there  # as the server writes it already
    assert await introspect.normalised(db, []) == []


def table(**words: Any) -> Any:
    """A table that differs from others by some words."""
    meta = {"table": "compared", "indexes": [Index("n", where=Q(n__gt=1), name="i")], "constraints": []}
    fields = {"id": field(Integer, primary_key=True), "n": field(Integer), "t": field(Text)}
    for name, value in words.items():
        (meta if name in ("indexes", "constraints") else fields)[name] = value
    return type(
        "Compared", (Model,), {"__module__": __name__, **fields, "Meta": type("Meta", (), meta)}
    ).__table__


OTHERS: dict[str, dict[str, Any]] = {
    "value in a condition": {"indexes": [Index("n", where=Q(n__gt=2), name="i")]},
    "condition gone": {"indexes": [Index("n", name="i")]},
    "expression": {"indexes": [Index(F("n") + 1, where=Q(n__gt=1), name="i")]},
    "direction": {"indexes": [Index("-n", where=Q(n__gt=1), name="i")]},
    "name": {"indexes": [Index("n", where=Q(n__gt=1), name="j")]},
    "include": {"indexes": [Index("n", where=Q(n__gt=1), include="t", name="i")]},
    "method": {"indexes": [Index("n", method="brin", where=Q(n__gt=1), name="i")]},
    "parameter": {"indexes": [Index("n", where=Q(n__gt=1), with_={"fillfactor": 50}, name="i")]},
    "check": {"constraints": [Check(Q(n__gt=5), name="c")]},
    "unique": {"constraints": [Unique("n")]},
    "unique expression": {"constraints": [Unique(Lower("t"))]},
    "default": {"n": field(Integer, db_default=5)},
    "default as text": {"t": field(Text, db_default=Value(HOSTILE))},
    "computed": {"n": field(Integer, generated="1 + 1")},
    "identity": {"n": field(Integer, identity=True)},
    "collation": {"t": field(Text, collation="C")},
    "comment": {"t": field(Text, comment=HOSTILE)},
    "storage": {"t": field(Text, storage="external")},
    "null": {"n": field(Integer, null=True)},
}


async def test_what_differs(db: Any) -> None:
    plain = table()
    variants = {name: table(**words) for name, words in OTHERS.items()}
    (own, *others) = await introspect.normalised(db, [plain, *variants.values()])
    await db.execute(";".join(create_statements([plain])))
    (there,) = await read(db, "compared")
    assert own == there
    for name, other in zip(variants, others, strict=True):
        assert other != there, name
    # The same said in other words is the same.
    (again,) = await introspect.normalised(
        db, [table(indexes=[Index(F("n").asc(), where="(n) > bigint '1'", name="i")])]
    )
    assert again == there


@pytest.mark.parametrize("case", OTHERS)
def test_declarations_differ_without_a_server(case: str) -> None:
    assert table(**OTHERS[case]) == table(**OTHERS[case])
    assert table(**OTHERS[case]) != table()


async def test_columns_of_every_name(db: Any) -> None:
    """What means something in the text of a term is nothing but a name where a table has it."""
    await db.execute("""
        CREATE TABLE odd ("-" int UNIQUE, "-a" int, a int, "(b)" int, "(" int,
            CONSTRAINT x UNIQUE ("-a", "(b)") INCLUDE ("("), EXCLUDE USING btree ("(" WITH =));
        CREATE INDEX i ON odd ("-" DESC, "-a", "(b)" NULLS FIRST) INCLUDE ("(");
    """)
    (there,) = await read(db, "odd")
    assert [[term.column for term in unique.terms] for unique in there.uniques] == [["-"], ["-a", "(b)"]]
    assert there.is_unique("-") and not there.is_unique("a")
    await db.execute("DROP TABLE odd")
    await db.execute(";".join(create_statements([there])))
    assert await read(db, "odd") == [there]
    assert await introspect.normalised(db, [there]) == [there]
