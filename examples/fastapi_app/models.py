"""Customers and their orders."""

from __future__ import annotations

from datetime import UTC, datetime

from chakra import Field, ForeignKey, Model, field, foreign_key


class Customer(Model, table="shop_customers"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    email: Field[str] = field(unique=True)
    spent: Field[int] = field(default=0)


class Order(Model, table="shop_orders"):
    id: Field[int] = field(primary_key=True)
    customer: ForeignKey[Customer] = foreign_key(Customer, related_name="orders")
    cents: Field[int]
    placed: Field[datetime] = field(default_factory=lambda: datetime.now(UTC))


MODELS = (Customer, Order)
