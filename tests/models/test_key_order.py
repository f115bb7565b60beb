"""``Meta.primary_key``: which fields the key has, and in which order; and numbers by a sequence of the column's own."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import Field, ForeignKey, Identity, Model, field, foreign_key, introspect
from chakra.errors import DatabaseError, FieldError
from chakra.migrations.diff import diff
from chakra.migrations.frozen import state_of
from chakra.migrations.observed import observed
from chakra.migrations.operations import SetPrimaryKey
from chakra.types import Domain, Integer, Numeric, SmallInt, Text


class Keyed(Model):
    tenant: Field[str]
    number: Field[int] = field(Integer)

    class Meta:
        abstract = True


class Order(Keyed, table="order_of_keys"):
    line: Field[int | None] = field(Integer, identity=Identity(serial=True, start=10, increment=10))
    page: Field[int] = field(SmallInt, identity="serial")
    price: Field[int] = field(
        Domain("key_price", Numeric(8, 2), check="VALUE >= 0", db_default="1", null=False), db_default=2
    )
    word: Field[str] = field(
        Domain(
            "key_word",
            Text,
            collation="C",
            check={"short": "length(VALUE) < 9", "low": "VALUE = lower(VALUE)"},
        ),
        default="w",
    )

    class Meta:
        primary_key = ("number", "tenant")


class Note(Keyed, table="notes_of_keys"):
    order: ForeignKey[Order] = foreign_key(related_name="notes")

    class Meta:
        primary_key = ("order", "tenant")


async def test_the_order_of_a_key(db: Any) -> None:
    await db.create_tables(Order, Note)
    assert Order.__table__.primary_key == ("number", "tenant")
    assert Note.__table__.primary_key == ("order_number", "order_tenant", "tenant")
    keys = await db.fetch(
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype IN ('p', 'f') "
        "AND conrelid::regclass::text LIKE '%_of_keys' ORDER BY 1, 2"
    )
    assert [tuple(row) for row in keys] == [
        (
            "notes_of_keys",
            "FOREIGN KEY (order_number, order_tenant) REFERENCES order_of_keys(number, tenant)",
        ),
        ("notes_of_keys", "PRIMARY KEY (order_number, order_tenant, tenant)"),
        ("order_of_keys", "PRIMARY KEY (number, tenant)"),
    ]
    made = await Order.objects.create(tenant="a", number=1)
    await Order.objects.bulk_create([Order(tenant="a", number=2), Order(tenant="b", number=2)])
    assert (await Order.objects.get(pk=(1, "a"))).line == 10
    rows = await Order.objects.order_by("number", "tenant").values_list("line", "page", "price", "word")
    assert [tuple(row) for row in rows] == [(10, 1, 2, "w"), (20, 2, 2, "w"), (30, 3, 2, "w")]
    await Note(order=made, tenant="x", number=5).save()
    assert await Note.objects.filter(order__number=1).count() == 1
    for wrong, named in (
        ({"price": -1}, "key_price_check"),
        ({"word": "A"}, "low"),
        ({"word": "long long long"}, "short"),
    ):
        with pytest.raises(DatabaseError, match=named):
            await Order(tenant="c", number=3, **wrong).save()
    there = await observed(db)
    assert diff(there, await _stored(db, there)) == []
    await db.create_tables(Order, Note, if_not_exists=True)  # the domains are there, and say the same
    await db.drop_tables(Order, Note)
    assert (await observed(db)).domains == {}


async def _stored(db: Any, there: Any) -> Any:
    from chakra.migrations.stored import as_stored

    return await as_stored(db, state_of([Order.__table__, Note.__table__]), there)


async def test_a_domain_that_is_another_one(db: Any) -> None:
    await db.execute("CREATE DOMAIN key_price AS numeric(8, 2) CHECK (VALUE > 0)")
    with pytest.raises(
        DatabaseError, match="the domain key_price exists with another type, default or conditions"
    ):
        await db.create_tables(Order, Note)
    assert await introspect.listed(db) == []


def test_another_order_is_another_key() -> None:
    class Other(Keyed, table="order_of_keys"):
        class Meta:
            primary_key = ("tenant", "number")

    class Plain(Keyed, table="order_of_keys"):
        class Meta:
            primary_key = ("number", "tenant")

    (found,) = diff(state_of([Plain.__table__]), state_of([Other.__table__]))
    assert found == SetPrimaryKey("order_of_keys", ("tenant", "number"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("number", "nothing"), "primary_key names 'nothing', no field of it"),
        (("number", "tenent"), "did you mean 'tenant'"),
        (("number", "number"), "primary_key lists fields, each once"),
        ((), "primary_key lists fields, each once"),
        (5, "primary_key lists fields, each once"),
        (("number",), "Wrong.id has primary_key=True, and Meta.primary_key does not list it"),
    ],
    ids=["unknown", "misspelt", "twice", "none", "number", "not all"],
)
def test_keys_that_are_none(given: object, message: str) -> None:
    with pytest.raises(FieldError, match=message):

        class Wrong(Keyed):
            id: Field[int] = field(primary_key=True)

            class Meta:
                primary_key = given


@pytest.mark.parametrize(
    "make",
    [
        lambda: Domain("d", Text, check=""),
        lambda: Domain("d", Text, check={"a": 5}),  # type: ignore[dict-item]
        lambda: Domain("d", Text, db_default=5),  # type: ignore[arg-type]
        lambda: Identity(always=True, serial=True),
        lambda: field(identity="seriell"),  # type: ignore[arg-type]
    ],
    ids=["empty", "number", "default", "always", "word"],
)
def test_words_that_say_nothing(make: Any) -> None:
    with pytest.raises(FieldError):
        make()
