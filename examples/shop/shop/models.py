"""Products, orders, and the lines of orders."""

import enum
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from chakra import Check, Field, ForeignKey, Index, Model, Q, field, foreign_key
from chakra.types import Integer, Numeric, Text, Varchar


class Product(Model, table="products"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(Varchar(80))
    price: Field[Decimal] = field(Numeric(10, 2))
    stock: Field[int] = field(Integer, default=0)
    is_listed: Field[bool] = field(default=True)  # came later, see migrations/0002

    class Meta:
        indexes = (Index("name", "id"),)  # the order of pages
        constraints = (Check(Q(stock__gte=0), name="products_stock_check"),)


class Status(enum.Enum):
    PLACED = "placed"
    CANCELLED = "cancelled"


class Order(Model, table="orders"):
    id: Field[int] = field(primary_key=True)
    key: Field[UUID] = field(unique=True)  # the client's name of the order: it is placed once
    email: Field[str] = field(index=True)
    status: Field[Status] = field(Text, choices=Status, default=Status.PLACED)
    placed: Field[datetime] = field(auto_now_add=True)


class Line(Model, table="lines"):
    id: Field[int] = field(primary_key=True)
    order: ForeignKey[Order] = foreign_key(related_name="lines", on_delete="cascade")
    product: ForeignKey[Product] = foreign_key(related_name="lines", on_delete="restrict")
    pieces: Field[int] = field(Integer)
    price: Field[Decimal] = field(Numeric(10, 2))  # of one piece, on that day

    class Meta:
        constraints = (Check(Q(pieces__gt=0), name="lines_pieces_check"),)


MODELS = (Product, Order, Line)
