"""Foreign keys of several columns: declaration, questions in both directions, loading, sets, columns, errors."""

from __future__ import annotations

from typing import Any

import pytest

import chakra
from chakra import (
    Count,
    F,
    Max,
    Prefetch,
    Q,
    Sum,
)
from chakra.errors import DataError, FieldError, ForeignKeyViolation, NotLoaded
from tests.query.conftest import watched
from tests.relations.composite_keys.models import (
    Carrier,
    Invoice,
    Label,
    Line,
    Note,
    Order,
    Shipment,
    fill,
)


@pytest.fixture
async def orders(db: Any) -> dict[str, Order]:
    return await fill(db)


async def lines(query: Any) -> str:
    """The names of lines, in order."""
    return "".join(sorted([row.name for row in await query]))


async def texts(query: Any) -> str:
    return "".join(sorted([row.text for row in await query]))


async def keys(query: Any) -> list[str]:
    """Orders as tenant and number, in order."""
    return sorted([f"{row.tenant}{row.number}" for row in await query])


async def test_the_columns(orders: dict[str, Order], db: Any) -> None:
    assert [column.name for column in Line.__table__.columns] == [
        "id",
        "name",
        "order_tenant",
        "order_number",
    ]
    assert [column.name for column in Note.__table__.columns] == ["id", "tenant", "text", "order_number"]
    assert Invoice.__table__.primary_key == ("order_tenant", "order_number")
    found = await db.fetch(
        "select conrelid::regclass::text, pg_get_constraintdef(oid) from pg_constraint where contype = 'f' "
        "and conrelid::regclass::text in ('ck_lines', 'ck_notes', 'ck_invoices', 'ck_orders', 'ck_orders_labels') "
        "order by 1, 2"
    )
    assert [tuple(row) for row in found] == [
        (
            "ck_invoices",
            "FOREIGN KEY (order_tenant, order_number) REFERENCES ck_orders(tenant, number) ON DELETE CASCADE",
        ),
        ("ck_lines", "FOREIGN KEY (order_tenant, order_number) REFERENCES ck_orders(tenant, number)"),
        ("ck_notes", "FOREIGN KEY (tenant, order_number) REFERENCES ck_orders(tenant, number)"),
        (
            "ck_orders",
            "FOREIGN KEY (follows_tenant, follows_number) REFERENCES ck_orders(tenant, number) ON DELETE SET NULL",
        ),
        (
            "ck_orders_labels",
            "FOREIGN KEY (label_tenant, label_word) REFERENCES ck_labels(tenant, word) ON DELETE CASCADE",
        ),
        (
            "ck_orders_labels",
            "FOREIGN KEY (order_tenant, order_number) REFERENCES ck_orders(tenant, number) ON DELETE CASCADE",
        ),
    ]
    indexes = await db.fetch(
        "select indexdef from pg_indexes where tablename in ('ck_lines', 'ck_notes', 'ck_orders_labels') "
        "and indexdef not like '%UNIQUE%' order by 1"
    )
    assert [row[0].partition("btree ")[2] for row in indexes] == [
        "(order_tenant, order_number)",
        "(tenant, order_number)",
        "(label_tenant, label_word)",
    ]


async def test_instances(orders: dict[str, Order]) -> None:
    line = Line(name="n", order=orders["a2"])
    assert (line.order_tenant, line.order_number) == ("a", 2)
    line.order = orders["b1"]
    assert (line.order_tenant, line.order_number) == ("b", 1)
    line.order = None
    assert (line.order_tenant, line.order_number) == (None, None)
    note = Note(text="n", order=orders["a2"])
    assert (note.tenant, note.order_number) == ("a", 2)
    note.order = None
    assert (note.tenant, note.order_number) == ("a", None)  # it stays the tenant's
    with pytest.raises(FieldError, match=r"Line\.order: this Order has no number yet; save it first"):
        Line(name="n", order=Order(tenant="a"))
    with pytest.raises(FieldError, match=r"Line\.order takes an instance of Order or None"):
        Line(name="n", order=Line())
    invoice = await Invoice.objects.get(order=orders["a1"])
    assert invoice.pk == ("a", 1)
    assert invoice == await Invoice.objects.get(pk=("a", 1))


async def test_filters(orders: dict[str, Order]) -> None:
    a1, a2, b1, _ = orders.values()
    assert await lines(Line.objects.filter(order=a1)) == "pq"
    assert await lines(Line.objects.filter(order=("a", 2))) == "s"
    assert await lines(Line.objects.filter(order__in=[a1, ("b", 1)])) == "pqr"
    assert await lines(Line.objects.filter(order__in=[("a", 2), ("b", 1)])) == "rs"
    assert await lines(Line.objects.filter(order=None)) == "t"
    assert await lines(Line.objects.filter(order__isnull=False)) == "pqrs"
    assert await lines(Line.objects.exclude(order=a1)) == "rst"
    assert await lines(Line.objects.exclude(order__in=[a1, b1])) == "st"
    assert await lines(Line.objects.exclude(order=None)) == "pqrs"
    assert await lines(Line.objects.filter(order__gt=("a", 1))) == "rs"
    assert await lines(Line.objects.filter(order__ne=("a", 1))) == "rs"
    assert await lines(Line.objects.filter(Line.order == a2)) == "s"
    assert await lines(Line.objects.filter(Line.order.in_([a2, b1]))) == "rs"
    assert await lines(Line.objects.filter(Q(order=a2) | Q(order=b1))) == "rs"
    assert await lines(Line.objects.filter(~Q(order=a1))) == "rst"
    assert await lines(Line.objects.filter(order__pk=("a", 2))) == "s"
    assert await lines(Line.objects.filter(order__number=1)) == "pqr"
    assert await lines(Line.objects.filter(order__tenant="a")) == "pqs"
    assert await lines(Line.objects.filter(order__total__gte=20)) == "rs"
    assert await lines(Line.objects.filter(order__follows=a1)) == "s"
    assert await lines(Line.objects.filter(order__follows__total=10)) == "s"
    assert await lines(Line.objects.filter(order__labels__word="red")) == "pqr"
    assert await lines(Line.objects.filter(order__labels=("b", "red"))) == "r"


async def test_a_key_that_is_not_complete_is_none(orders: dict[str, Order]) -> None:
    """The note y has a tenant and no order: whatever is asked of its order, there is none."""
    assert await texts(Note.objects.filter(tenant="a")) == "xy"
    assert await texts(Note.objects.filter(order__tenant="a")) == "x"
    assert await texts(Note.objects.filter(order=None)) == "y"
    assert await texts(Note.objects.filter(order__isnull=False)) == "xz"
    assert await texts(Note.objects.filter(order__gte=("a", 1))) == "xz"
    assert await texts(Note.objects.filter(order__lt=("b", 1))) == "x"
    assert await texts(Note.objects.filter(order__ne=("b", 1))) == "x"
    assert await texts(Note.objects.exclude(order=("b", 1))) == "xy"
    assert await texts(Note.objects.exclude(order__ne=("b", 1))) == "yz"
    assert await texts(Note.objects.exclude(order__tenant="a")) == "yz"
    assert await Note.objects.order_by("text").values_list("order", "order__tenant", "tenant") == [
        (("a", 1), "a", "a"),
        (None, None, "a"),
        (("b", 1), "b", "b"),
    ]
    await Note.objects.create(text="w", tenant="b")
    assert await Note.objects.aggregate(n=Count("order")) == {"n": 2}
    assert await Note.objects.values("order").annotate(n=Count("id")).order_by("order") == [
        {"order": ("a", 1), "n": 1},
        {"order": ("b", 1), "n": 1},
        {"order": None, "n": 2},
    ]
    note = await Note.objects.get(text="y")
    assert not note.order
    assert await note.order is None
    assert [n.order for n in await Note.objects.filter(text="y").select_related("order")] == [None]
    assert [n.order for n in await Note.objects.filter(text="y").prefetch_related("order")] == [None]


async def test_the_way_back(orders: dict[str, Order]) -> None:
    a1, _, b1, b2 = orders.values()
    assert await keys(Order.objects.filter(lines__name="r")) == ["b1"]
    assert await keys(Order.objects.filter(lines__name__in=["p", "q"])) == ["a1"]
    assert await keys(Order.objects.filter(lines=None)) == ["b2"]
    assert await keys(Order.objects.exclude(lines__name="p")) == ["a2", "b1", "b2"]
    assert await keys(Order.objects.filter(lines__name="p").filter(lines__name="q")) == ["a1"]
    assert await keys(Order.objects.filter(lines__name="p", lines__id=2)) == []
    r = await Line.objects.get(name="r")
    assert await keys(Order.objects.filter(lines=r)) == ["b1"]
    assert await keys(Order.objects.filter(invoice__paid=True)) == ["a1"]
    assert await keys(Order.objects.filter(invoice=None)) == ["a2", "b1"]
    assert await keys(Order.objects.filter(invoice=("b", 2))) == ["b2"]
    assert await keys(Order.objects.filter(followers__total=20)) == ["a1"]
    assert await keys(Order.objects.filter(notes__text="z")) == ["b1"]
    assert await lines(a1.lines) == "pq"
    assert await texts(a1.notes) == "x"
    assert (await a1.invoice).paid
    assert await b1.invoice is None
    assert await keys(a1.followers) == ["a2"]
    assert await b2.lines.count() == 0


async def test_aggregates(orders: dict[str, Order]) -> None:
    counted = Order.objects.order_by("pk").annotate(
        n=Count("lines"), notes_=Count("notes"), boxes=Sum("carriers__id")
    )
    assert await counted.values_list("tenant", "number", "n", "notes_") == [
        ("a", 1, 2, 1),
        ("a", 2, 1, 0),
        ("b", 1, 1, 1),
        ("b", 2, 0, 0),
    ]
    by_order = Line.objects.values("order").annotate(n=Count("id")).order_by("-n", "order")
    assert await by_order == [
        {"order": ("a", 1), "n": 2},
        {"order": ("a", 2), "n": 1},
        {"order": ("b", 1), "n": 1},
        {"order": None, "n": 1},
    ]
    by_tenant = Order.objects.values("tenant").annotate(n=Count("lines"), most=Max("lines__name"))
    assert await by_tenant.order_by("tenant") == [
        {"tenant": "a", "n": 3, "most": "s"},
        {"tenant": "b", "n": 1, "most": "r"},
    ]
    assert await keys(Order.objects.annotate(n=Count("lines")).filter(n__gt=1)) == ["a1"]
    assert await Line.objects.aggregate(n=Count("order"), d=Count("order", distinct=True)) == {"n": 4, "d": 3}


async def test_order_and_distinct(orders: dict[str, Order]) -> None:
    found = await Line.objects.order_by("-order", "name").values_list("name", flat=True)
    assert found == ["t", "r", "s", "p", "q"]
    assert [row.pk for row in await Order.objects.order_by("-pk")] == [("b", 2), ("b", 1), ("a", 2), ("a", 1)]
    assert await Line.objects.values_list("order", flat=True).distinct().order_by("order") == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
        None,
    ]
    first = await Line.objects.filter(order__isnull=False).distinct("order").order_by("order", "-name")
    assert [row.name for row in first] == ["q", "s", "r"]


async def test_no_join_for_the_key(orders: dict[str, Order]) -> None:
    a1 = orders["a1"]
    for query in (
        Line.objects.filter(order=a1),
        Line.objects.filter(order__pk=("a", 1)),
        Shipment.objects.filter(order__tenant="a"),
        Note.objects.filter(order__number=1),
    ):
        assert "JOIN" not in query.to_sql()[0]
    assert await Shipment.objects.filter(order__tenant="a").count() == 2
    assert Line.objects.filter(order=a1).to_sql()[1] == ["a", 1]
    # Where another part can be NULL, the tenant alone does not say that there is an order.
    assert "JOIN" in Note.objects.filter(order__tenant="a").to_sql()[0]


async def test_related_rows_in_one_statement(orders: dict[str, Order], db: Any) -> None:
    with watched(db) as sent:
        found = await Line.objects.order_by("name").select_related("order__follows", "order__invoice")
        assert [(row.name, row.order and row.order.total) for row in found] == [
            ("p", 10),
            ("q", 10),
            ("r", 30),
            ("s", 20),
            ("t", None),
        ]
        assert found[3].order.follows.total == 10
        assert found[0].order.follows is None
        assert found[0].order.invoice.paid
        assert found[2].order.invoice is None
    assert len(sent) == 1
    assert found[0].order is found[1].order


async def test_prefetching(orders: dict[str, Order], db: Any) -> None:
    with watched(db) as sent:
        found = await Order.objects.order_by("pk").prefetch_related(
            "lines", "notes", "invoice", "labels", "carriers", "alike", "follows__lines"
        )
        assert ["".join(sorted(n.name for n in row.lines)) for row in found] == ["pq", "s", "r", ""]
        assert [[n.text for n in row.notes] for row in found] == [["x"], [], ["z"], []]
        assert [row.invoice and row.invoice.paid for row in found] == [True, None, None, False]
        assert [[n.pk for n in row.labels] for row in found] == [[("a", "red")], [], [("b", "red")], []]
        assert [sorted(n.name for n in row.carriers) for row in found] == [["post", "rail"], [], ["post"], []]
        assert [[n.pk for n in row.alike] for row in found] == [[("b", 2)], [], [], [("a", 1)]]
        assert [row.follows and sorted(n.name for n in row.follows.lines) for row in found] == [
            None,
            ["p", "q"],
            None,
            None,
        ]
    assert len(sent) == 9
    assert all(line.order is found[0] for line in found[0].lines)
    rows = await Line.objects.order_by("name")
    with watched(db) as sent:
        await chakra.prefetch(rows, "order__labels")
    assert len(sent) == 2
    assert [row.order and len(row.order.labels) for row in rows] == [1, 1, 1, 0, None]
    back = await Carrier.objects.order_by("name").prefetch_related("orders__lines")
    assert [sorted(order.pk for order in row.orders) for row in back] == [[("a", 1), ("b", 1)], [("a", 1)]]


async def test_a_slice_for_each(orders: dict[str, Order]) -> None:
    last = Prefetch("lines", Line.objects.order_by("-name")[:1], to_attr="last")
    heavy = Prefetch("carriers", Carrier.objects.order_by("-name")[:1], to_attr="one")
    found = await Order.objects.order_by("pk").prefetch_related(last, heavy)
    assert [[n.name for n in row.last] for row in found] == [["q"], ["s"], ["r"], []]
    assert [[n.name for n in row.one] for row in found] == [["rail"], [], ["post"], []]
    part = Prefetch("lines", Line.objects.only("name").order_by("name"))
    found = await Order.objects.order_by("pk").prefetch_related(part)
    assert [[n.name for n in row.lines] for row in found] == [["p", "q"], ["s"], ["r"], []]


async def test_only_and_defer(orders: dict[str, Order]) -> None:
    line = await Line.objects.only("order").get(name="s")
    assert (line.order_tenant, line.order_number) == ("a", 2)
    with pytest.raises(NotLoaded, match=r"Line\.name"):
        _ = line.name
    line = await Line.objects.defer("order").get(name="s")
    with pytest.raises(NotLoaded, match=r"Line\.order_tenant"):
        _ = line.order_tenant
    assert (await line.order).pk == ("a", 2)
    await line.refresh("order")
    assert line.order_number == 2
    found = await Line.objects.select_related("order").only("name", "order__total").get(name="r")
    assert found.order.total == 30


async def test_a_changed_key_never_shows_the_old_partner(orders: dict[str, Order]) -> None:
    for query in (
        Line.objects.select_related("order"),
        Line.objects.prefetch_related("order"),
    ):
        line = await query.get(name="p")
        assert line.order.total == 10
        line.order_number = 2  # one part of it
        with pytest.raises(NotLoaded, match=r"Line\.order is not loaded"):
            _ = line.order.total
        assert (await line.order).total == 20
    note = await Note.objects.select_related("order").get(text="x")
    assert note.order.total == 10
    note.tenant = "b"  # a field of its own, which the key shares
    assert (await note.order).total == 30


async def test_what_is_not_loaded_stands_for_its_key(orders: dict[str, Order]) -> None:
    line = await Line.objects.get(name="r")
    assert line.order == orders["b1"]
    assert line.order != orders["a1"]
    assert hash(line.order) == hash(orders["b1"])
    assert await lines(Line.objects.filter(order=line.order)) == "r"
    assert await texts(Note.objects.filter(order=line.order)) == "z"
    assert await keys(Order.objects.filter(pk=line.order)) == ["b1"]
    nowhere = await Line.objects.get(name="t")
    assert await lines(Line.objects.filter(order=nowhere.order)) == ""


async def test_sets_of_the_way_back(orders: dict[str, Order]) -> None:
    a1, a2, b1, b2 = orders.values()
    made = await b2.lines.create(name="u")
    assert (made.order_tenant, made.order_number) == ("b", 2)
    found, created = await b2.lines.get_or_create(name="v")
    assert (found.order_number, created) == (2, True)
    assert (await b2.lines.get_or_create(name="v"))[1] is False
    t = await Line.objects.get(name="t")
    await b2.lines.add(t)
    assert t.order is b2
    assert await lines(b2.lines) == "tuv"
    await b2.lines.remove(t)
    assert await lines(b2.lines) == "uv"
    assert await lines(Line.objects.filter(order=None)) == "t"
    await b2.lines.set([t, made])
    assert await lines(b2.lines) == "tu"
    await b2.lines.clear()
    assert await lines(Line.objects.filter(order=None)) == "tuv"
    await b2.lines.bulk_create([Line(name="w"), Line(name="x")])
    assert await lines(b2.lines) == "wx"
    assert await lines(a1.lines) == "pq"
    assert await b2.lines.update(name="k") == 2
    assert await b2.lines.filter(name="k").delete() == 2
    x = await Note.objects.get(text="x")
    await a1.notes.remove(x)
    assert (await Note.objects.get(text="x")).tenant == "a"
    assert await texts(Note.objects.filter(order=None)) == "xy"
    with pytest.raises(FieldError, match=r"Order\.invoice is the other side's key"):
        a2.invoice = None
    assert await b1.notes.count() == 1


async def test_many_to_many(orders: dict[str, Order]) -> None:
    a1, a2, _, b2 = orders.values()
    red = await Label.objects.get(pk=("a", "red"))
    assert await keys(red.orders) == ["a1"]
    assert await keys(Order.objects.filter(labels=red)) == ["a1"]
    assert await keys(Order.objects.filter(labels__word="red")) == ["a1", "b1"]
    assert await keys(Order.objects.filter(labels__in=[red, ("b", "red")])) == ["a1", "b1"]
    assert await keys(Order.objects.exclude(labels=red)) == ["a2", "b1", "b2"]
    await a2.labels.add(red, ("b", "red"))
    await a2.labels.add(("a", "red"))  # is there already
    assert sorted(await a2.labels.values_list("tenant", "word")) == [("a", "red"), ("b", "red")]
    await a2.labels.set([("b", "red")])
    assert [label.tenant for label in await a2.labels] == ["b"]
    await a2.labels.remove(("b", "red"))
    assert await a2.labels.count() == 0
    assert await keys(Order.objects.filter(labels=None)) == ["a2", "b2"]
    assert await keys(a1.alike) == ["b2"]
    assert await keys(b2.alike) == ["a1"]
    await b2.alike.remove(a1)
    assert await keys(a1.alike) == []
    post = await Carrier.objects.get(name="post")
    assert await keys(post.orders) == ["a1", "b1"]
    await b2.carriers.add(post)
    await b2.carriers.add(post)
    assert await Shipment.objects.filter(order=b2).count() == 1
    await post.orders.set([a2, ("b", 2)])
    assert await keys(post.orders) == ["a2", "b2"]
    await a1.carriers.clear()
    assert await keys(Order.objects.filter(carriers=None)) == ["a1", "b1"]
    counted = Order.objects.annotate(n=Count("carriers"), boxes=Sum("carriers__id")).order_by("pk")
    assert await counted.values_list("n", flat=True) == [0, 1, 0, 1]
    with pytest.raises(DataError, match=r"a key of \(tenant, word\) is a tuple of 2 values, not 'red'"):
        await a1.labels.add("red")


async def test_writes(orders: dict[str, Order]) -> None:
    a1, a2, b1, b2 = orders.values()
    assert await Line.objects.filter(order=a1).update(order=b2) == 2
    assert await lines(b2.lines) == "pq"
    assert await Line.objects.filter(order=b2).update(order=("a", 2)) == 2
    assert await lines(a2.lines) == "pqs"
    assert await Line.objects.filter(order=a2).update(order=None) == 3
    assert await Line.objects.filter(order_tenant=None, order_number=None).count() == 4
    assert await Note.objects.filter(order=a1).update(order=None) == 1
    assert await texts(Note.objects.filter(tenant="a", order_number=None)) == "xy"
    assert await Line.objects.filter(order__total=30).update(name="big") == 1
    assert await Line.objects.filter(order__total=30).delete() == 1
    await Line.objects.bulk_create([Line(name=f"n{i}", order=a1 if i % 2 else b1) for i in range(600)])
    assert await a1.lines.count() == 300
    rows = list(await b1.lines.order_by("id")[:3])
    for row in rows:
        row.order = a2
    assert await Line.objects.bulk_update(rows, ["order"]) == 3
    assert await a2.lines.count() == 3
    rows[0].order = b2
    await rows[0].save(update_fields=["order"])
    assert await b2.lines.count() == 1
    with pytest.raises(ForeignKeyViolation):
        await Line.objects.create(name="n", order_tenant="c", order_number=1)
    with pytest.raises(
        DataError, match=r"Line\.order takes a tuple of \(order_tenant, order_number\), not 'a'"
    ):
        await Line.objects.update(order="a")
    with pytest.raises(
        FieldError, match=r"Line\.order has several fields; set each of them to an expression"
    ):
        await Line.objects.update(order=F("id"))


async def test_the_server_does_on_delete(orders: dict[str, Order]) -> None:
    a1, a2, _, b2 = orders.values()
    await a1.lines.clear()
    await a1.notes.clear()
    await a1.delete()
    await a2.refresh()
    assert (a2.follows_tenant, a2.follows_number) == (None, None)
    assert [row.pk for row in await Invoice.objects.all()] == [("b", 2)]
    assert await b2.alike.count() == 0


async def test_wrong_partners(orders: dict[str, Order]) -> None:
    with pytest.raises(FieldError, match=r"Line\.order takes an instance of Order, not an instance of Label"):
        await Line.objects.filter(order=Label(tenant="a", word="red"))
    with pytest.raises(
        DataError, match=r"Line\.order takes a tuple of \(order_tenant, order_number\), not 'a'"
    ):
        await Line.objects.filter(order="a")
    with pytest.raises(FieldError, match=r"this Order has no number yet; save it before using it in a query"):
        await Line.objects.filter(order=Order(tenant="a"))
    with pytest.raises(FieldError, match=r"Line\.order has several columns, and the lookups exact"):
        await Line.objects.filter(order__contains=("a", 1))
    with pytest.raises(FieldError, match="Order has no field 'numbr'"):
        await Line.objects.filter(order__numbr=1)


async def test_columns(orders: dict[str, Order]) -> None:
    table = await Line.objects.order_by("name").values("name", "order", "order__total").to_arrow()
    assert str(table.schema.field("order").type) == "struct<tenant: string, number: int32>"
    assert table.to_pydict() == {
        "name": ["p", "q", "r", "s", "t"],
        "order": [
            {"tenant": "a", "number": 1},
            {"tenant": "a", "number": 1},
            {"tenant": "b", "number": 1},
            {"tenant": "a", "number": 2},
            None,
        ],
        "order__total": [10, 10, 30, 20, None],
    }
    counted = Order.objects.annotate(n=Count("lines")).order_by("pk").values("pk", "n")
    assert (await counted.to_arrow()).to_pydict() == {
        "pk": [
            {"tenant": "a", "number": 1},
            {"tenant": "a", "number": 2},
            {"tenant": "b", "number": 1},
            {"tenant": "b", "number": 2},
        ],
        "n": [2, 1, 1, 0],
    }


async def test_peers_and_refreshed_keys(orders: dict[str, Order], db: Any) -> None:
    with watched(db) as sent:
        rows = await Line.objects.order_by("name").fetch_mode("peers")
        totals = [order.total if (order := await row.order) else None for row in rows]
    assert totals == [10, 10, 30, 20, None]
    assert len(sent) == 2
    with watched(db) as sent:
        found = await Order.objects.order_by("pk").fetch_mode("peers")
        assert ["".join(sorted(line.name for line in await row.lines)) for row in found] == [
            "pq",
            "s",
            "r",
            "",
        ]
    assert len(sent) == 2
    line = await Line.objects.select_related("order").get(name="p")
    await Line.objects.filter(name="p").update(order=orders["b2"])
    await line.refresh("order_number")
    with pytest.raises(NotLoaded, match=r"Line\.order is not loaded"):
        _ = line.order.total


async def test_nested_columns(orders: dict[str, Order]) -> None:
    lines = Prefetch("lines", Line.objects.only("name").order_by("name"))
    top = Prefetch("carriers", Carrier.objects.order_by("-name")[:1], to_attr="top")
    query = Order.objects.order_by("pk").select_related("follows").prefetch_related(lines, "labels", top)
    rows = (await query.to_arrow(nested=True)).to_pylist()
    assert [row["follows"] and row["follows"]["total"] for row in rows] == [None, 10, None, None]
    assert [[line["name"] for line in row["lines"]] for row in rows] == [["p", "q"], ["s"], ["r"], []]
    assert [[(label["tenant"], label["word"]) for label in row["labels"]] for row in rows] == [
        [("a", "red")],
        [],
        [("b", "red")],
        [],
    ]
    assert [[carrier["name"] for carrier in row["top"]] for row in rows] == [["rail"], [], ["post"], []]
    back = await Line.objects.order_by("name").prefetch_related("order__labels").to_arrow(nested=True)
    assert [row["order"] and len(row["order"]["labels"]) for row in back.to_pylist()] == [1, 1, 1, 0, None]


async def test_grouping_sets_by_keys(orders: dict[str, Order]) -> None:
    """The columns of a key stand together, and where a row is of all keys there is none."""
    sets = Line.objects.values("order", n=Count("*")).rollup("order").order_by("-n", "order")
    assert [tuple(row.values()) for row in await sets] == [
        (None, 5), (("a", 1), 2), (("a", 2), 1), (("b", 1), 1), (None, 1),
    ]  # fmt: skip
    assert [row["order"] for row in (await sets.to_arrow()).to_pylist()][:2] == [
        None,
        {"tenant": "a", "number": 1},
    ]
    cube = Order.objects.values("pk", n=Count("lines")).cube("pk").order_by("n", "pk")
    assert [tuple(row.values()) for row in await cube] == [
        (("b", 2), 0), (("a", 2), 1), (("b", 1), 1), (("a", 1), 2), (None, 4),
    ]  # fmt: skip
