"""A table of what is asked across relations: rows, columns and the server agree on values and types.

Each case says by hand which PostgreSQL type every value has, which Arrow type, and what the rows are.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from chakra import (
    ArrayAgg,
    Avg,
    Count,
    F,
    Field,
    ForeignKey,
    JsonAgg,
    ManyToMany,
    Max,
    Min,
    Model,
    OneToOne,
    StringAgg,
    Sum,
    Variance,
    field,
    foreign_key,
    many_to_many,
    one_to_one,
)
from chakra.types import BigInt, Double, Integer, Numeric, Real, SmallInt


class Kind(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Town(Model, table="ct_towns"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    founded: Field[dt.date | None]


class Shop(Model, table="ct_shops"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    town: ForeignKey[Town | None] = foreign_key(related_name="shops", default=None)


class Owner(Model, table="ct_owners"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    since: Field[dt.datetime]
    shop: OneToOne[Shop] = one_to_one(related_name="owner")


class Sale(Model, table="ct_sales"):
    id: Field[int] = field(primary_key=True)
    shop: ForeignKey[Shop] = foreign_key(related_name="sales")
    price: Field[Decimal | None] = field(Numeric(12, 2))
    bare: Field[Decimal | None] = field(Numeric)
    tiny: Field[int] = field(SmallInt)
    pieces: Field[int] = field(Integer)
    big: Field[int] = field(BigInt)
    real: Field[float] = field(Real)
    weight: Field[float] = field(Double)
    kind: Field[Kind]
    words: Field[list[str]]
    data: Field[dict[str, Any]]
    span: Field[dt.timedelta]
    labels: ManyToMany["Label"] = many_to_many(related_name="sales")  # noqa: UP037


class Label(Model, table="ct_labels"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


async def fill(db: Any) -> None:
    """Oslo (1048): Deli (owner Ann): sales 1 (1.50; red, blue) and 2 (2.25; red), Cafe (no owner): sale 3 (no price;
    nothing). No town: Kiosk: nothing.
    """
    await db.create_tables(Town, Shop, Owner, Sale, Label)
    oslo = await Town.objects.create(name="Oslo", founded=dt.date(1048, 1, 1))
    await Town.objects.create(name="Rome", founded=None)
    deli = await Shop.objects.create(name="Deli", town=oslo)
    cafe = await Shop.objects.create(name="Cafe", town=oslo)
    await Shop.objects.create(name="Kiosk")
    await Owner.objects.create(name="Ann", since=NOON, shop=deli)
    red, blue = await Label.objects.create(name="red"), await Label.objects.create(name="blue")
    for shop, price, kind, labels in (
        (deli, "1.50", Kind.SMALL, [red, blue]),
        (deli, "2.25", Kind.LARGE, [red]),
        (cafe, None, Kind.LARGE, []),
    ):
        n = await Sale.objects.count() + 1
        made = await Sale.objects.create(
            shop=shop,
            price=price and Decimal(price),
            bare=Decimal(n) / 8,
            tiny=n,
            pieces=n * 10,
            big=n * 10**12,
            real=n / 2,
            weight=n / 4,
            kind=kind,
            words=[f"w{n}"],
            data={"n": n},
            span=dt.timedelta(hours=n),
        )
        await made.labels.add(*labels)


TEXT, INT2, INT4, INT8 = (
    ("text", pa.string()),
    ("smallint", pa.int16()),
    ("integer", pa.int32()),
    ("bigint", pa.int64()),
)
REAL, DOUBLE = ("real", pa.float32()), ("double precision", pa.float64())
MOMENT, DATE = ("timestamp with time zone", pa.timestamp("us", "UTC")), ("date", pa.date32())
JSONB, SPAN = ("jsonb", pa.json_(pa.string())), ("interval", pa.month_day_nano_interval())
KIND = ("kind", pa.dictionary(pa.int8(), pa.string()))


def numeric(scale: int, precision: int = 38) -> tuple[str, pa.DataType]:
    return "numeric", pa.decimal128(precision, scale)


def array(of: tuple[str, pa.DataType]) -> tuple[str, pa.DataType]:
    return f"{of[0]}[]", pa.list_(of[1])


@dataclass(frozen=True)
class Case:
    """A query, the types of its columns, and its rows (in columns: documents as text, enums as labels); and the columns
    whose scale is that of the data.
    """

    query: Callable[[], Any]
    types: dict[str, tuple[str, pa.DataType]]
    rows: list[tuple[Any, ...]]
    of_data: frozenset[str] = frozenset()


D = Decimal
SALES, SHOPS, TOWNS = Sale.objects.order_by("id"), Shop.objects.order_by("id"), Town.objects.order_by("id")
CASES: dict[str, Case] = {
    "forward path": Case(
        lambda: SALES.values("id", "price", "shop__name", "shop__town__founded"),
        {"id": INT8, "price": numeric(2, 12), "shop__name": TEXT, "shop__town__founded": DATE},
        [
            (1, D("1.50"), "Deli", dt.date(1048, 1, 1)),
            (2, D("2.25"), "Deli", dt.date(1048, 1, 1)),
            (3, None, "Cafe", dt.date(1048, 1, 1)),
        ],
    ),
    "key of a partner": Case(
        lambda: SHOPS.values("name", "town", "town_id", "town__name"),
        {"name": TEXT, "town": INT8, "town_id": INT8, "town__name": TEXT},
        [("Deli", 1, 1, "Oslo"), ("Cafe", 1, 1, "Oslo"), ("Kiosk", None, None, None)],
    ),
    "reverse one-to-one": Case(
        lambda: SHOPS.values("name", "owner__name", "owner__since"),
        {"name": TEXT, "owner__name": TEXT, "owner__since": MOMENT},
        [("Deli", "Ann", NOON), ("Cafe", None, None), ("Kiosk", None, None)],
    ),
    "many-to-many": Case(
        lambda: Sale.objects.order_by("id", "labels__name").values("id", "labels__name", "labels"),
        {"id": INT8, "labels__name": TEXT, "labels": INT8},
        [(1, "blue", 2), (1, "red", 1), (2, "red", 1), (3, None, None)],
    ),
    "reverse and many-to-many": Case(
        lambda: Label.objects.order_by("id", "sales__id").values("name", "sales__price", "sales__kind", "sales__words"),
        {"name": TEXT, "sales__price": numeric(2, 12), "sales__kind": KIND, "sales__words": array(TEXT)},
        [
            ("red", D("1.50"), "small", ["w1"]),
            ("red", D("2.25"), "large", ["w2"]),
            ("blue", D("1.50"), "small", ["w1"]),
        ],
    ),
    "annotation along a path": Case(
        lambda: SALES.annotate(town=F("shop__town__name"), doubled=F("price") * 2, more=F("pieces") + 1)
        .values("town", "doubled", "more"),
        {"town": TEXT, "doubled": numeric(2, 31), "more": INT8},  # 12 digits and the 19 of an integer
        [("Oslo", D("3.00"), 11), ("Oslo", D("4.50"), 21), ("Oslo", None, 31)],
    ),
    "counts of each row": Case(
        lambda: SHOPS.annotate(
            n=Count("sales"), labelled=Count("sales__labels"), kinds=Count("sales__kind", distinct=True)
        ).values("name", "n", "labelled", "kinds"),
        {"name": TEXT, "n": INT8, "labelled": INT8, "kinds": INT8},
        [("Deli", 2, 3, 2), ("Cafe", 1, 0, 1), ("Kiosk", 0, 0, 0)],
    ),
    "sums of each row": Case(
        lambda: SHOPS.annotate(
            price=Sum("sales__price"), tiny=Sum("sales__tiny"), whole=Sum("sales__pieces"), big=Sum("sales__big"),
            real=Sum("sales__real"), weight=Sum("sales__weight"), span=Sum("sales__span"),
        ).values("price", "tiny", "whole", "big", "real", "weight", "span"),
        {"price": numeric(2), "tiny": INT8, "whole": INT8, "big": numeric(0), "real": REAL, "weight": DOUBLE,
         "span": SPAN},
        [
            (D("3.75"), 3, 30, D(3 * 10**12), 1.5, 0.75, pa.MonthDayNano((0, 0, 3 * 3600 * 10**9))),
            (None, 3, 30, D(3 * 10**12), 1.5, 0.75, pa.MonthDayNano((0, 0, 3 * 3600 * 10**9))),
            (None, None, None, None, None, None, None),
        ],
    ),
    "sums with a default and a condition": Case(
        lambda: SHOPS.annotate(
            price=Sum("sales__price", default=D("0")), finer=Sum("sales__price", default=D("0.125")),
            few=Sum("sales__pieces", filter=F("sales__tiny") > 1, default=0),
        ).values("price", "finer", "few"),
        {"price": numeric(2), "finer": numeric(3), "few": INT8},
        [(D("3.75"), D("3.750"), 20), (D("0.00"), D("0.125"), 30), (D("0.00"), D("0.125"), 0)],
    ),
    "means and spreads": Case(
        lambda: TOWNS.annotate(
            price=Avg("shops__sales__price"), whole=Avg("shops__sales__pieces"), weight=Avg("shops__sales__weight"),
            spread=Variance("shops__sales__tiny"),
        ).values("price", "whole", "weight", "spread"),
        {"price": numeric(16), "whole": numeric(16), "weight": DOUBLE, "spread": numeric(20)},
        [(D("1.8750000000000000"), D("20.0000000000000000"), 0.5, D("0.66666666666666666667")), (None,) * 4],
        frozenset({"price", "whole", "spread"}),
    ),
    "extremes": Case(
        lambda: TOWNS.annotate(
            least=Min("shops__sales__price"), most=Max("shops__owner__since"), last=Max("shops__name"),
            kind=Max("shops__sales__kind"), bare=Max("shops__sales__bare"),
        ).values("least", "most", "last", "kind", "bare"),
        {"least": numeric(2, 12), "most": MOMENT, "last": TEXT, "kind": KIND, "bare": numeric(3)},
        [(D("1.50"), NOON, "Deli", "large", D("0.375")), (None,) * 5],
        frozenset({"bare"}),
    ),
    "lists of each row": Case(
        lambda: SHOPS.annotate(
            prices=ArrayAgg("sales__price", order_by="sales__id"), kinds=ArrayAgg("sales__kind", order_by="-sales__id"),
            at=ArrayAgg("owner__since"), text=StringAgg("sales__labels__name", "+", order_by="sales__labels__name"),
        ).values("prices", "kinds", "at", "text"),
        {"prices": array(numeric(2, 12)), "kinds": array(KIND), "at": array(MOMENT), "text": TEXT},
        [
            ([D("1.50"), D("2.25")], ["large", "small"], [NOON], "blue+red+red"),
            ([None], ["large"], [None], None),
            (None, None, [None], None),
        ],
    ),
    "documents of each row": Case(
        lambda: SHOPS.annotate(found=JsonAgg("sales__data", order_by="sales__id")).values("name", "found"),
        {"name": TEXT, "found": JSONB},
        [("Deli", '[{"n": 1}, {"n": 2}]'), ("Cafe", '[{"n": 3}]'), ("Kiosk", None)],
    ),
    "lists of lists": Case(
        lambda: SHOPS.annotate(words=ArrayAgg("sales__words", order_by="sales__id")).values("words"),
        {"words": ("text[]", pa.list_(pa.list_(pa.string())))},
        [([["w1"], ["w2"]],), ([["w3"]],), (None,)],
    ),
    "groups along a path": Case(
        lambda: Sale.objects.values("shop__town__name", "kind")
        .annotate(n=Count("id"), total=Sum("price"), mean=Avg("weight"), names=ArrayAgg("shop__name", order_by="id"))
        .order_by("kind"),
        {"shop__town__name": TEXT, "kind": KIND, "n": INT8, "total": numeric(2), "mean": DOUBLE, "names": array(TEXT)},
        [("Oslo", "small", 1, D("1.50"), 0.25, ["Deli"]), ("Oslo", "large", 2, D("2.25"), 0.625, ["Deli", "Cafe"])],
    ),
    "groups by partners": Case(
        lambda: Sale.objects.values("labels__name")
        .annotate(n=Count("id"), total=Sum("price"))
        .order_by("labels__name"),
        {"labels__name": TEXT, "n": INT8, "total": numeric(2)},
        [("blue", 1, D("1.50")), ("red", 2, D("3.75")), (None, 1, None)],
    ),
    "sum of a product": Case(
        lambda: Shop.objects.values("name").annotate(total=Sum(F("sales__price") * F("sales__tiny"))).order_by("name"),
        {"name": TEXT, "total": numeric(2)},
        [("Cafe", None), ("Deli", D("6.00")), ("Kiosk", None)],
        frozenset({"total"}),
    ),
    "groups that are filtered": Case(
        lambda: Shop.objects.values("town__name").annotate(n=Count("sales")).filter(n__gt=0).order_by("n"),
        {"town__name": TEXT, "n": INT8},
        [("Oslo", 3)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_rows_columns_and_server_agree(db: Any, name: str) -> None:
    await fill(db)
    case = CASES[name]
    query = case.query()
    table = await query.to_arrow()
    table.validate(full=True)
    assert {n: t for n, t in zip(table.column_names, table.schema.types, strict=True)} == {
        n: arrow for n, (_, arrow) in case.types.items()
    }
    columns = [tuple(row.values()) for row in table.to_pylist()]
    assert columns == case.rows
    rows = [tuple(map(as_in_columns, row.values())) for row in await query]
    assert rows == [tuple(map(as_in_columns, row)) for row in case.rows]
    assert await server_types(db, query) == {n: sql for n, (sql, _) in case.types.items()}

    empty = await case.query().none().to_arrow()
    for field_ in empty.schema:
        assert field_.name in case.of_data or field_.type == case.types[field_.name][1], field_
    streamed = pa.Table.from_batches([b async for b in query.arrow_batches(numeric=(38, 20))])
    assert [tuple(row.values()) for row in streamed.to_pylist()] == case.rows
    for field_ in streamed.schema:
        assert field_.name in case.of_data or field_.type == case.types[field_.name][1], field_


def as_in_columns(value: Any) -> Any:
    """What a row has, as columns have it."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dt.timedelta):
        return pa.MonthDayNano((0, value.days, value.seconds * 10**9 + value.microseconds * 1000))
    if isinstance(value, str) and value[:1] in "[{":
        import json

        return json.loads(value)
    return [as_in_columns(each) for each in value] if isinstance(value, list) else value


async def server_types(db: Any, query: Any) -> dict[str, str]:
    source = await query.column_source(db)
    names = [f"c{n}" for n in range(len(source.columns))]
    picked = ", ".join(f"pg_typeof(q.{name})::text" for name in names)
    sql = f"select {picked} from (values (1)) d left join ({source.sql}) q ({', '.join(names)}) on false"
    (row,) = await db.fetch(sql)
    return dict(zip([spec.name for spec in source.columns], tuple(row), strict=True))


async def test_a_default_with_more_digits_is_another_statement(db: Any) -> None:
    """Whichever was asked for first: the type has room for the digits of both, and rows are the same."""
    await fill(db)
    for default, scale in (
        (0, 2),
        (D("0.125"), 3),
        (D("1"), 2),
        (D("2.00005"), 5),
        (D("12345678901234.5"), 2),
    ):
        query = SHOPS.annotate(
            total=Sum("sales__price", default=default), most=Max("sales__price", default=default)
        )
        table = await query.values("total", "most").to_arrow()
        assert table.schema.field("total").type == table.schema.field("most").type == pa.decimal128(38, scale)
        assert table["total"].to_pylist() == [D("3.75"), default, default]
        assert [row.total for row in await query] == [D("3.75"), default, default]
