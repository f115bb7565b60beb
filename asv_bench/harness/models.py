"""The tables as Chakra's models."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from chakra import Field, ForeignKey, ManyToMany, Model, field, foreign_key, many_to_many
from chakra.types import Integer, Numeric


class User(Model, table="users"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    email: Field[str]
    age: Field[int] = field(Integer)
    is_active: Field[bool]
    score: Field[float | None] = field(default=None)
    created_at: Field[datetime]


class NewUser(Model, table="new_users"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    email: Field[str]
    age: Field[int] = field(Integer)
    is_active: Field[bool]
    score: Field[float | None] = field(default=None)
    created_at: Field[datetime]


class Author(Model, table="authors"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    email: Field[str]
    country: Field[str]
    joined: Field[datetime]


class Post(Model, table="posts"):
    id: Field[int] = field(primary_key=True)
    author: ForeignKey[Author] = foreign_key(related_name="posts")
    title: Field[str]
    views: Field[int] = field(Integer)
    is_published: Field[bool]
    score: Field[float | None] = field(default=None)
    created_at: Field[datetime]
    tags: ManyToMany[Tag] = many_to_many(related_name="posts")


class Tag(Model, table="tags"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class LineItem(Model, table="lineitem"):
    orderkey: Field[int] = field(primary_key=True, column="l_orderkey")
    partkey: Field[int] = field(column="l_partkey")
    suppkey: Field[int] = field(column="l_suppkey")
    linenumber: Field[int] = field(Integer, column="l_linenumber")
    quantity: Field[Decimal] = field(Numeric(15, 2), column="l_quantity")
    extendedprice: Field[Decimal] = field(Numeric(15, 2), column="l_extendedprice")
    discount: Field[Decimal] = field(Numeric(15, 2), column="l_discount")
    tax: Field[Decimal] = field(Numeric(15, 2), column="l_tax")
    returnflag: Field[str] = field(column="l_returnflag")
    linestatus: Field[str] = field(column="l_linestatus")
    shipdate: Field[date] = field(column="l_shipdate")
    commitdate: Field[date] = field(column="l_commitdate")
    receiptdate: Field[date] = field(column="l_receiptdate")
    shipinstruct: Field[str] = field(column="l_shipinstruct")
    shipmode: Field[str] = field(column="l_shipmode")
    comment: Field[str] = field(column="l_comment")
