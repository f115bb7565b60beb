"""Relations over keys of several columns: every part of a key occurs in other keys, too."""

from __future__ import annotations

from typing import Any

from tests.relations.composite_keys.models import (
    MODELS,
    Carrier,
    Invoice,
    Label,
    Line,
    Note,
    Order,
    Shipment,
)


async def fill(db: Any) -> None:
    """Orders a1 (lines x, y; label a/new; invoice; carrier Fox twice), a2 (follows a1; line z), b1 (label b/new; note);
    a line of nobody.
    """
    await db.create_tables(*MODELS)
    a1 = await Order.objects.create(tenant="a", number=1)
    a2 = await Order.objects.create(tenant="a", number=2, follows=a1)
    b1 = await Order.objects.create(tenant="b", number=1)
    for name, order in (("x", a1), ("y", a1), ("z", a2), ("w", None)):
        await Line.objects.create(name=name, order=order)
    await Note.objects.create(tenant="b", text="late", order=b1)
    await Note.objects.create(tenant="b", text="general")
    await Invoice.objects.create(order=a1, paid=True)
    for tenant, order in (("a", a1), ("b", b1)):
        await order.labels.add(await Label.objects.create(tenant=tenant, word="new"))
    fox = await Carrier.objects.create(name="Fox")
    for boxes in (1, 2):
        await Shipment.objects.create(order=a1, carrier=fox, boxes=boxes)
    await a1.alike.add(b1)


async def test_both_sides_of_every_relation(db: Any) -> None:
    await fill(db)
    query = Order.objects.order_by("tenant", "number").prefetch_related(
        "follows", "followers", "labels", "alike", "carriers", "lines", "notes", "invoice"
    )
    rows = (await query.to_arrow(nested=True)).to_pylist()
    assert [(row["tenant"], row["number"]) for row in rows] == [("a", 1), ("a", 2), ("b", 1)]
    assert [row["follows"] and row["follows"]["number"] for row in rows] == [None, 1, None]
    assert [[each["number"] for each in row["followers"]] for row in rows] == [[2], [], []]
    assert [[each["tenant"] for each in row["labels"]] for row in rows] == [["a"], [], ["b"]]
    assert [[each["tenant"] for each in row["alike"]] for row in rows] == [["b"], [], ["a"]]
    assert [[each["name"] for each in row["carriers"]] for row in rows] == [["Fox"], [], []]
    assert [[each["name"] for each in row["lines"]] for row in rows] == [["x", "y"], ["z"], []]
    assert [[each["text"] for each in row["notes"]] for row in rows] == [[], [], ["late"]]
    assert [row["invoice"] and row["invoice"]["paid"] for row in rows] == [True, None, None]

    lines = Line.objects.order_by("id")
    for query in (lines.prefetch_related("order__labels"), lines.select_related("order")):
        table = await query.to_arrow(nested=True)
        assert [o and (o["tenant"], o["number"]) for o in table["order"].to_pylist()] == [
            ("a", 1),
            ("a", 1),
            ("a", 2),
            None,
        ]
    notes = await Note.objects.order_by("id").select_related("order").to_arrow(nested=True)
    assert [o and o["number"] for o in notes["order"].to_pylist()] == [1, None]
    carriers = await Carrier.objects.prefetch_related("orders__lines").to_arrow(nested=True)
    assert [[line["name"] for line in o["lines"]] for o in carriers["orders"].to_pylist()[0]] == [["x", "y"]]
