"""Orders of tenants, whose numbers begin anew for each tenant: every part of a key occurs in other keys, too."""

from __future__ import annotations

from typing import Any

from chakra import (
    Field,
    ForeignKey,
    ManyToMany,
    Model,
    OneToOne,
    field,
    foreign_key,
    many_to_many,
    one_to_one,
)
from chakra.types import Integer


class Order(Model, table="ck_orders"):
    tenant: Field[str] = field(primary_key=True)
    number: Field[int] = field(Integer, primary_key=True)
    total: Field[int] = field(Integer, default=0)
    follows: ForeignKey["Order | None"] = foreign_key(related_name="followers", on_delete="set null")  # noqa: UP037
    labels: ManyToMany["Label"] = many_to_many(related_name="orders")  # noqa: UP037
    alike: ManyToMany["Order"] = many_to_many()  # noqa: UP037
    carriers: ManyToMany["Carrier"] = many_to_many(through="Shipment", related_name="orders")  # noqa: UP037


class Line(Model, table="ck_lines"):
    """The key of its order is its own, in full."""

    id: Field[int] = field(primary_key=True)
    name: Field[str]
    order: ForeignKey[Order | None] = foreign_key(related_name="lines")


class Note(Model, table="ck_notes"):
    """It belongs to a tenant in any case, and to one of the tenant's orders."""

    id: Field[int] = field(primary_key=True)
    tenant: Field[str]
    text: Field[str]
    order: ForeignKey[Order | None] = foreign_key(fields=("tenant", "order_number"), related_name="notes")


class Invoice(Model, table="ck_invoices"):
    order: OneToOne[Order] = one_to_one(primary_key=True, related_name="invoice", on_delete="cascade")
    paid: Field[bool] = field(default=False)


class Label(Model, table="ck_labels"):
    tenant: Field[str] = field(primary_key=True)
    word: Field[str] = field(primary_key=True)


class Carrier(Model, table="ck_carriers"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Shipment(Model, table="ck_shipments"):
    id: Field[int] = field(primary_key=True)
    order: ForeignKey[Order] = foreign_key(on_delete="cascade")
    carrier: ForeignKey[Carrier] = foreign_key(on_delete="cascade")
    boxes: Field[int] = field(Integer, default=1)


MODELS = (Order, Line, Note, Invoice, Label, Carrier, Shipment)


async def fill(db: Any) -> dict[str, Order]:
    """Orders a1 (total 10), a2 (20), b1 (30), b2 (40).

    Lines: p and q of a1, r of b1, s of a2, t of none. Notes: "x" of a1, "y" of tenant a alone, "z" of b1.
    a2 follows a1. Invoices of a1 (paid) and b2. Labels: red of a and of b; a1 is red, b1 is b's red; a1 and b2 are
    alike. Carriers: post took a1 (2 boxes) and b1 (1), rail took a1 (3).
    """
    await db.create_tables(*MODELS)
    orders: dict[str, Order] = {}
    for tenant, number, total in (("a", 1, 10), ("a", 2, 20), ("b", 1, 30), ("b", 2, 40)):
        orders[f"{tenant}{number}"] = await Order.objects.create(tenant=tenant, number=number, total=total)
    a1, a2, b1, b2 = orders.values()
    for name, order in (("p", a1), ("q", a1), ("r", b1), ("s", a2), ("t", None)):
        await Line.objects.create(name=name, order=order)
    await Note.objects.create(text="x", order=a1)
    await Note.objects.create(text="y", tenant="a")
    await Note.objects.create(text="z", order=b1)
    a2.follows = a1
    await a2.save()
    await Invoice.objects.create(order=a1, paid=True)
    await Invoice.objects.create(order=b2)
    for order in (a1, b1):
        await order.labels.create(tenant=order.tenant, word="red")
    await a1.alike.add(b2)
    post, rail = await Carrier.objects.create(name="post"), await Carrier.objects.create(name="rail")
    await a1.carriers.add(post, through_defaults={"boxes": 2})
    await a1.carriers.add(rail, through_defaults={"boxes": 3})
    await b1.carriers.add(post)
    return orders
