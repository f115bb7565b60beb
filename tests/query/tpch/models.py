"""The eight tables of TPC-H. Fields have the specification's names without prefix (`l_shipdate` is `shipdate`)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from chakra import Field, ForeignKey, Model, field, foreign_key
from chakra.types import Char, Integer, Numeric, Varchar


class Region(Model, table="region"):
    key: Field[int] = field(primary_key=True)
    name: Field[str] = field(Varchar(25))
    comment: Field[str] = field(Varchar(152))


class Nation(Model, table="nation"):
    key: Field[int] = field(primary_key=True)
    name: Field[str] = field(Varchar(25))
    region: ForeignKey[Region] = foreign_key(related_name="nations")
    comment: Field[str] = field(Varchar(152))


class Supplier(Model, table="supplier"):
    key: Field[int] = field(primary_key=True)
    name: Field[str] = field(Varchar(25))
    address: Field[str] = field(Varchar(40))
    nation: ForeignKey[Nation] = foreign_key(related_name="suppliers")
    phone: Field[str] = field(Varchar(15))
    acctbal: Field[Decimal] = field(Numeric(15, 2))
    comment: Field[str] = field(Varchar(101))


class Customer(Model, table="customer"):
    key: Field[int] = field(primary_key=True)
    name: Field[str] = field(Varchar(25))
    address: Field[str] = field(Varchar(40))
    nation: ForeignKey[Nation] = foreign_key(related_name="customers")
    phone: Field[str] = field(Varchar(15))
    acctbal: Field[Decimal] = field(Numeric(15, 2))
    mktsegment: Field[str] = field(Varchar(10))
    comment: Field[str] = field(Varchar(117))


class Part(Model, table="part"):
    key: Field[int] = field(primary_key=True)
    name: Field[str] = field(Varchar(55))
    mfgr: Field[str] = field(Varchar(25))
    brand: Field[str] = field(Varchar(10))
    type: Field[str] = field(Varchar(25))
    size: Field[int] = field(Integer)
    container: Field[str] = field(Varchar(10))
    retailprice: Field[Decimal] = field(Numeric(15, 2))
    comment: Field[str] = field(Varchar(23))


class PartSupp(Model, table="partsupp"):
    part: ForeignKey[Part] = foreign_key(primary_key=True, related_name="offers")
    supplier: ForeignKey[Supplier] = foreign_key(primary_key=True, related_name="offers")
    availqty: Field[int] = field(Integer)
    supplycost: Field[Decimal] = field(Numeric(15, 2))
    comment: Field[str] = field(Varchar(199))


class Order(Model, table="orders"):
    key: Field[int] = field(primary_key=True)
    customer: ForeignKey[Customer] = foreign_key(related_name="orders")
    orderstatus: Field[str] = field(Char(1))
    totalprice: Field[Decimal] = field(Numeric(15, 2))
    orderdate: Field[dt.date]
    orderpriority: Field[str] = field(Varchar(15))
    clerk: Field[str] = field(Varchar(15))
    shippriority: Field[int] = field(Integer)
    comment: Field[str] = field(Varchar(79))


class LineItem(Model, table="lineitem"):
    order: ForeignKey[Order] = foreign_key(primary_key=True, related_name="lines")
    part: ForeignKey[Part] = foreign_key(related_name="lines")
    supplier: ForeignKey[Supplier] = foreign_key(related_name="lines")
    linenumber: Field[int] = field(Integer, primary_key=True)
    quantity: Field[Decimal] = field(Numeric(15, 2))
    extendedprice: Field[Decimal] = field(Numeric(15, 2))
    discount: Field[Decimal] = field(Numeric(15, 2))
    tax: Field[Decimal] = field(Numeric(15, 2))
    returnflag: Field[str] = field(Char(1))
    linestatus: Field[str] = field(Char(1))
    shipdate: Field[dt.date]
    commitdate: Field[dt.date]
    receiptdate: Field[dt.date]
    shipinstruct: Field[str] = field(Varchar(25))
    shipmode: Field[str] = field(Varchar(10))
    comment: Field[str] = field(Varchar(44))
    offer: ForeignKey[PartSupp] = foreign_key(fields=("part_id", "supplier_id"), related_name="lines")


TABLES = (Region, Nation, Supplier, Customer, Part, PartSupp, Order, LineItem)

__all__ = ["TABLES", "Customer", "LineItem", "Nation", "Order", "Part", "PartSupp", "Region", "Supplier"]
