"""Defaults that Python makes, indexes that meet the automatic ones, and fields that hide the type of their name."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import textwrap
import uuid
from typing import Any

import pytest

from chakra import Field, ForeignKey, Index, Model, field, foreign_key
from chakra.errors import FieldError
from chakra.types import Array, BigInt, Integer, Text, Timestamp


def numbers() -> Any:
    made = iter(range(100))
    return lambda: next(made)


class Event(Model, table="events"):
    id: Field[uuid.UUID] = field(primary_key=True, default=uuid.uuid4)
    tags: Field[list[str]] = field(Array(Text), default=list)
    at: Field[dt.datetime] = field(Timestamp, default=dt.datetime.now)
    number: Field[int] = field(Integer, default=numbers())
    plain: Field[int] = field(Integer, default=3)


def test_callable_defaults_are_called_for_each_instance() -> None:
    one, two = Event(), Event()
    assert one.id != two.id and isinstance(one.id, uuid.UUID)
    assert one.tags == [] and one.tags is not two.tags
    assert isinstance(one.at, dt.datetime)
    assert two.number == one.number + 1
    assert (Event(number=7).number, one.plain) == (7, 3)


@pytest.mark.parametrize("value", [[], {}, set(), [1], bytearray(b"x")], ids=repr)
def test_values_that_would_be_shared_are_refused(value: Any) -> None:
    with pytest.raises(FieldError, match="would be shared by all instances; use default_factory="):
        field(default=value)


@pytest.mark.parametrize("value", [BigInt, field], ids=["a type", "field itself"])
def test_what_is_no_default(value: Any) -> None:
    with pytest.raises(FieldError, match="a type goes first"):
        field(default=value)
    with pytest.raises(FieldError, match="a type goes first"):

        class Wrong(Model):
            id: Field[int] = value


def test_a_callable_default_of_a_key() -> None:
    class Kind(Model):
        id: Field[int] = field(primary_key=True)

    class Thing(Model):
        id: Field[int] = field(primary_key=True)
        kind: ForeignKey[Kind] = foreign_key(default=lambda: 7)

    assert Thing().kind_id == 7
    assert "identity=False" in repr(Event.__table__.columns[0])


# -- indexes ------------------------------------------------------------------------------------------------


class Product(Model, table="products"):
    id: Field[int] = field(primary_key=True)


class Sale(Model, table="sales"):
    id: Field[int] = field(primary_key=True)
    product: ForeignKey[Product] = foreign_key()
    buyer: ForeignKey[Product] = foreign_key()
    code: Field[str] = field(index=True)
    at: Field[dt.date] = field(unique=True)

    class Meta:
        indexes = [  # noqa: RUF012
            Index("product"),
            Index("product_id"),
            Index("buyer", name="by_buyer"),
            Index("code", method="hash"),
            Index("code", where="code <> ''"),
            Index("-code"),
            Index("code", unique=True),
            Index("at", unique=True),
            Index("product", "-code"),
        ]


async def test_the_same_columns_are_one_index(db: Any) -> None:
    await db.create_tables(Product, Sale)
    await db.create_tables(Product, Sale, if_not_exists=True)
    found = await db.fetch(
        "SELECT indexname::text AS name, regexp_replace(indexdef, '.* USING ', '') AS what "
        "FROM pg_indexes WHERE tablename = 'sales' ORDER BY 1"
    )
    assert {row["name"]: row["what"] for row in found} == {
        "by_buyer": "btree (buyer_id)",
        "sales_at_key": "btree (at)",
        "sales_at_key1": "btree (at)",
        "sales_code_idx": "hash (code)",
        "sales_code_idx1": "btree (code) WHERE (code <> ''::text)",
        "sales_code_idx2": "btree (code DESC)",
        "sales_code_idx3": "btree (code)",
        "sales_code_key": "btree (code)",
        "sales_pkey": "btree (id)",
        "sales_product_id_code_idx": "btree (product_id, code DESC)",
        "sales_product_id_idx": "btree (product_id)",
    }


# -- names that hide types ----------------------------------------------------------------------------------

HIDDEN = {
    "itself": "date: Field[date] = field()",
    "optional": "date: Field[date | None] = field()",
    "optional, other way round": "date: Field[None | date] = field()",
    "inside": "date: Field[list[date]] = field()",
    "above": "date: Field[datetime] = field()\n    other: Field[date] = field()",
    "a relation": "Other: ForeignKey[Other] = foreign_key()",
}


@pytest.mark.parametrize("future", ["", "from __future__ import annotations"], ids=["evaluated", "as text"])
@pytest.mark.parametrize("body", HIDDEN.values(), ids=HIDDEN)
def test_a_field_that_hides_its_type(body: str, future: str) -> None:
    program = f"""{future}
from datetime import date, datetime
from chakra import Field, ForeignKey, Model, field, foreign_key
class Other(Model):
    id: Field[int] = field(primary_key=True)
class Event(Model):
    id: Field[int] = field(primary_key=True)
    {body}
"""
    names: dict[str, Any] = {"__name__": __name__}
    with pytest.raises(
        FieldError, match=r"means the field Event\.(date|Other) and not the type, because Python"
    ):
        exec(compile(program, "event.py", "exec", dont_inherit=True), names)


def test_what_hides_nothing() -> None:
    program = textwrap.dedent("""
        import datetime as dt
        from datetime import date
        from chakra import Field, Model, field
        class Event(Model):
            id: Field[int] = field(primary_key=True)
            date: Field[dt.date] = field()
            time: Field[dt.time | None]
        class Short(Model):
            id: Field[int] = field(primary_key=True)
            date: Field[date]
        print(Event.__table__.by_attribute["date"].type.sql, Short.__table__.by_attribute["date"].type.sql)
    """)
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.stdout, ran.stderr) == ("date date\n", "")
