"""The 22 queries of TPC-H, said with the model layer. `docs/cookbook.md` shows them beside the SQL they stand for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from chakra import (
    Avg,
    Case,
    Count,
    Exists,
    F,
    Min,
    OuterRef,
    Q,
    Rank,
    Sum,
    When,
    Window,
)
from chakra.functions import ExtractYear, Left
from tests.query.tpch.models import Customer, LineItem, Order, PartSupp, Supplier

revenue = F("extendedprice") * (1 - F("discount"))


def q01(until: dt.date = dt.date(1998, 9, 2)) -> Any:
    """Pricing summary report"""
    return (
        LineItem.objects.filter(shipdate__lte=until)
        .values("returnflag", "linestatus")
        .annotate(
            sum_qty=Sum("quantity"),
            sum_base_price=Sum("extendedprice"),
            sum_disc_price=Sum(revenue),
            sum_charge=Sum(revenue * (1 + F("tax"))),
            avg_qty=Avg("quantity"),
            avg_price=Avg("extendedprice"),
            avg_disc=Avg("discount"),
            count_order=Count("*"),
        )
        .order_by("returnflag", "linestatus")
    )


def q02(size: int = 15, type: str = "BRASS", region: str = "EUROPE") -> Any:
    """Minimum cost supplier"""
    return (
        PartSupp.objects.filter(
            part__size=size, part__type__endswith=type, supplier__nation__region__name=region
        )
        .annotate(lowest=Window(Min("supplycost"), partition_by="part"))
        .filter(supplycost=F("lowest"))
        .order_by("-supplier__acctbal", "supplier__nation__name", "supplier__name", "part")
        .values(
            s_acctbal="supplier__acctbal",
            s_name="supplier__name",
            n_name="supplier__nation__name",
            p_partkey="part",
            p_mfgr="part__mfgr",
            s_address="supplier__address",
            s_phone="supplier__phone",
            s_comment="supplier__comment",
        )[:100]
    )


def q03(segment: str = "BUILDING", day: dt.date = dt.date(1995, 3, 15)) -> Any:
    """Shipping priority"""
    return (
        LineItem.objects.filter(
            order__customer__mktsegment=segment, order__orderdate__lt=day, shipdate__gt=day
        )
        .values(l_orderkey="order", o_orderdate="order__orderdate", o_shippriority="order__shippriority")
        .annotate(revenue=Sum(revenue))
        .order_by("-revenue", "o_orderdate")
        .values("l_orderkey", "revenue", "o_orderdate", "o_shippriority")[:10]
    )


def q04(start: dt.date = dt.date(1993, 7, 1), end: dt.date = dt.date(1993, 10, 1)) -> Any:
    """Order priority checking"""
    return (
        Order.objects.filter(orderdate__gte=start, orderdate__lt=end)
        .filter(lines__commitdate__lt=F("lines__receiptdate"))
        .values("orderpriority")
        .annotate(order_count=Count("*"))
        .order_by("orderpriority")
    )


def q05(region: str = "ASIA", year: int = 1994) -> Any:
    """Local supplier volume"""
    return (
        LineItem.objects.filter(
            supplier__nation=F("order__customer__nation"),
            supplier__nation__region__name=region,
            order__orderdate__year=year,
        )
        .values(n_name="supplier__nation__name")
        .annotate(revenue=Sum(revenue))
        .order_by("-revenue")
    )


def q06(year: int = 1994, discount: Decimal = Decimal("0.06"), quantity: int = 24) -> Any:
    """Forecasting revenue change"""
    cent = Decimal("0.01")
    return LineItem.objects.filter(
        shipdate__year=year,
        discount__range=(discount - cent, discount + cent),
        quantity__lt=quantity,
    ).aggregate(revenue=Sum(F("extendedprice") * F("discount")))


def q07(one: str = "FRANCE", other: str = "GERMANY") -> Any:
    """Volume shipping"""
    supplier, customer = "supplier__nation__name", "order__customer__nation__name"
    return (
        LineItem.objects.filter(
            Q(**{supplier: one, customer: other}) | Q(**{supplier: other, customer: one}),
            shipdate__range=(dt.date(1995, 1, 1), dt.date(1996, 12, 31)),
        )
        .values(supp_nation=supplier, cust_nation=customer, l_year=ExtractYear("shipdate"))
        .annotate(revenue=Sum(revenue))
        .order_by("supp_nation", "cust_nation", "l_year")
    )


def q08(nation: str = "BRAZIL", region: str = "AMERICA", type: str = "ECONOMY ANODIZED STEEL") -> Any:
    """National market share"""
    return (
        LineItem.objects.filter(
            part__type=type,
            order__customer__nation__region__name=region,
            order__orderdate__range=(dt.date(1995, 1, 1), dt.date(1996, 12, 31)),
        )
        .values(o_year=ExtractYear("order__orderdate"))
        .annotate(
            mkt_share=Sum(Case(When(supplier__nation__name=nation, then=revenue), default=0)) / Sum(revenue)
        )
        .order_by("o_year")
    )


def q09(color: str = "green") -> Any:
    """Product type profit measure"""
    return (
        LineItem.objects.filter(part__name__contains=color)
        .values(nation="supplier__nation__name", o_year=ExtractYear("order__orderdate"))
        .annotate(sum_profit=Sum(revenue - F("offer__supplycost") * F("quantity")))
        .order_by("nation", "-o_year")
    )


def q10(start: dt.date = dt.date(1993, 10, 1), end: dt.date = dt.date(1994, 1, 1)) -> Any:
    """Returned item reporting"""
    return (
        LineItem.objects.filter(order__orderdate__gte=start, order__orderdate__lt=end, returnflag="R")
        .values(
            c_custkey="order__customer",
            c_name="order__customer__name",
            c_acctbal="order__customer__acctbal",
            n_name="order__customer__nation__name",
            c_address="order__customer__address",
            c_phone="order__customer__phone",
            c_comment="order__customer__comment",
        )
        .annotate(revenue=Sum(revenue))
        .order_by("-revenue")[:20]
    )


def q11(nation: str = "GERMANY", fraction: Decimal = Decimal("0.01")) -> Any:
    """Important stock identification"""
    offers = PartSupp.objects.filter(supplier__nation__name=nation)
    value = Sum(F("supplycost") * F("availqty"))
    return (
        offers.values(ps_partkey="part")
        .annotate(value=value)
        .filter(value__gt=offers.aggregate(least=value * fraction))
        .order_by("-value")
    )


def q12(modes: Sequence[str] = ("MAIL", "SHIP"), year: int = 1994) -> Any:
    """Shipping modes and order priority"""
    urgent = Q(order__orderpriority__in=["1-URGENT", "2-HIGH"])
    return (
        LineItem.objects.filter(
            shipmode__in=modes,
            shipdate__lt=F("commitdate"),
            commitdate__lt=F("receiptdate"),
            receiptdate__year=year,
        )
        .values("shipmode")
        .annotate(high_line_count=Count("*", filter=urgent), low_line_count=Count("*", filter=~urgent))
        .order_by("shipmode")
    )


def q13(words: str = "special.*requests") -> Any:
    """Customer distribution"""
    return (
        Customer.objects.annotate(c_count=Count("orders", filter=~Q(orders__comment__regex=words)))
        .values("c_count")
        .annotate(custdist=Count("*"))
        .order_by("-custdist", "-c_count")
    )


def q14(start: dt.date = dt.date(1995, 9, 1), end: dt.date = dt.date(1995, 10, 1)) -> Any:
    """Promotion effect"""
    promoted = Sum(revenue, filter=Q(part__type__startswith="PROMO"))
    return LineItem.objects.filter(shipdate__gte=start, shipdate__lt=end).aggregate(
        promo_revenue=100 * promoted / Sum(revenue)
    )


def q15(start: dt.date = dt.date(1996, 1, 1), end: dt.date = dt.date(1996, 4, 1)) -> Any:
    """Top supplier"""
    return (
        LineItem.objects.filter(shipdate__gte=start, shipdate__lt=end)
        .values(
            s_suppkey="supplier",
            s_name="supplier__name",
            s_address="supplier__address",
            s_phone="supplier__phone",
        )
        .annotate(total_revenue=Sum(revenue))
        .annotate(place=Window(Rank(), order_by="-total_revenue"))
        .filter(place=1)
        .order_by("s_suppkey")
        .values("s_suppkey", "s_name", "s_address", "s_phone", "total_revenue")
    )


def q16(
    brand: str = "Brand#45",
    type: str = "MEDIUM POLISHED",
    sizes: Sequence[int] = (49, 14, 23, 45, 19, 3, 36, 9),
) -> Any:
    """Parts/supplier relationship"""
    return (
        PartSupp.objects.filter(part__size__in=sizes)
        .exclude(part__brand=brand)
        .exclude(part__type__startswith=type)
        .exclude(supplier__comment__regex="Customer.*Complaints")
        .values(p_brand="part__brand", p_type="part__type", p_size="part__size")
        .annotate(supplier_cnt=Count("supplier", distinct=True))
        .order_by("-supplier_cnt", "p_brand", "p_type", "p_size")
    )


def q17(brand: str = "Brand#23", container: str = "MED BOX") -> Any:
    """Small-quantity-order revenue"""
    little = LineItem.objects.filter(part=OuterRef("part")).aggregate(little=Avg("quantity") * Decimal("0.2"))
    return LineItem.objects.filter(
        part__brand=brand, part__container=container, quantity__lt=little
    ).aggregate(avg_yearly=Sum("extendedprice") / 7)


def q18(quantity: int = 300) -> Any:
    """Large volume customer"""
    return (
        Order.objects.annotate(sum_qty=Sum("lines__quantity"))
        .filter(sum_qty__gt=quantity)
        .order_by("-totalprice", "orderdate")
        .values("customer__name", "customer", "key", "orderdate", "totalprice", "sum_qty")[:100]
    )


def q19() -> Any:
    """Discounted revenue"""

    def kind(brand: str, containers: str, least: int, size: int) -> Q:
        return Q(
            part__brand=brand,
            part__container__in=containers.split(", "),
            part__size__range=(1, size),
            quantity__range=(least, least + 10),
        )

    return LineItem.objects.filter(
        kind("Brand#12", "SM CASE, SM BOX, SM PACK, SM PKG", 1, 5)
        | kind("Brand#23", "MED BAG, MED BOX, MED PKG, MED PACK", 10, 10)
        | kind("Brand#34", "LG CASE, LG BOX, LG PACK, LG PKG", 20, 15),
        shipmode__in=["AIR", "AIR REG"],
        shipinstruct="DELIVER IN PERSON",
    ).aggregate(revenue=Sum(revenue))


def q20(color: str = "forest", nation: str = "CANADA", year: int = 1994) -> Any:
    """Potential part promotion"""
    shipped = Sum("lines__quantity", filter=Q(lines__shipdate__year=year))
    surplus = (
        PartSupp.objects.filter(part__name__startswith=color)
        .annotate(shipped=shipped)
        .filter(availqty__gt=F("shipped") * Decimal("0.5"))
    )
    return (
        Supplier.objects.filter(nation__name=nation, offers__in=surplus)
        .order_by("name")
        .values(s_name="name", s_address="address")
    )


def q21(nation: str = "SAUDI ARABIA") -> Any:
    """Suppliers who kept orders waiting"""
    late = LineItem.objects.filter(receiptdate__gt=F("commitdate"))
    other = Q(order=OuterRef("order")) & ~Q(supplier=OuterRef("supplier"))
    return (
        late.filter(order__orderstatus="F", supplier__nation__name=nation)
        .filter(Exists(LineItem.objects.filter(other)), ~Exists(late.filter(other)))
        .values(s_name="supplier__name")
        .annotate(numwait=Count("*"))
        .order_by("-numwait", "s_name")[:100]
    )


def q22(codes: Sequence[str] = ("13", "31", "23", "29", "30", "18", "17")) -> Any:
    """Global sales opportunity"""
    chosen = Customer.objects.annotate(cntrycode=Left("phone", 2)).filter(cntrycode__in=codes)
    average = chosen.filter(acctbal__gt=0).aggregate(average=Avg("acctbal"))
    return (
        chosen.filter(acctbal__gt=average, orders=None)
        .values("cntrycode")
        .annotate(numcust=Count("*"), totacctbal=Sum("acctbal"))
        .order_by("cntrycode")
    )


QUERIES: dict[int, Callable[..., Any]] = {
    number: function
    for number, function in enumerate(
        (
            q01, q02, q03, q04, q05, q06, q07, q08, q09, q10, q11, q12, q13, q14, q15, q16, q17, q18, q19, q20,
            q21, q22,
        ),
        start=1,
    )
}  # fmt: skip
"""By their numbers."""

__all__ = ["QUERIES"]
