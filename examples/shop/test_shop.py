"""What the shop promises, also when everybody comes at once."""

import asyncio
import logging
import subprocess
import sys
from uuid import uuid4

from shop.models import Line, Order, Product

LAMP, DESK, BULB = 1, 2, 3


def order(client, *lines, key=None, email="ann@example.org"):
    wanted = [{"product_id": product, "pieces": pieces} for product, pieces in lines]
    headers = {"Idempotency-Key": str(key or uuid4())}
    return client.post("/orders", json={"email": email, "lines": wanted}, headers=headers)


async def stock():
    return await Product.objects.order_by("id").values_list("stock", flat=True)


async def test_an_order(client, caplog):
    caplog.set_level(logging.INFO, "shop")
    key = uuid4()
    placed = await order(client, (LAMP, 2), (BULB, 10), key=key)
    assert placed.status_code == 201
    assert [line["price"] for line in placed.json()["lines"]] == ["19.90", "2.50"]
    assert await stock() == [1, 1, 30]

    again = await order(client, (LAMP, 2), (BULB, 10), key=key)  # the answer was lost, the client asks again
    assert (again.status_code, again.json()) == (200, placed.json())
    assert await stock() == [1, 1, 30]
    assert [record.getMessage() for record in caplog.records if record.name == "shop"] == [
        "order 1: a mail goes to ann@example.org"
    ]


async def test_out_of_stock_writes_nothing(client, caplog):
    caplog.set_level(logging.INFO, "shop")
    refused = await order(client, (BULB, 5), (DESK, 2))
    assert (refused.status_code, refused.json()) == (409, {"detail": "not enough of product 2"})
    assert (await stock(), await Order.objects.count(), await Line.objects.count()) == ([3, 1, 40], 0, 0)
    assert "mail" not in caplog.text
    assert (await order(client, (99, 1))).status_code == 409
    assert (await order(client, (BULB, 0))).status_code == 422


async def test_ten_want_three_lamps(client):
    answers = await asyncio.gather(*(order(client, (LAMP, 1), (BULB, 1)) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 7
    assert await stock() == [0, 1, 37]


async def test_one_order_sent_five_times_at_once(client):
    key = uuid4()
    answers = await asyncio.gather(*(order(client, (LAMP, 1), key=key) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await stock() == [2, 1, 40]


async def test_cancelled_twice_at_once(client):
    placed = (await order(client, (LAMP, 2), (DESK, 1))).json()
    answers = await asyncio.gather(*(client.post(f"/orders/{placed['id']}/cancel") for _ in range(3)))
    assert {answer.json()["status"] for answer in answers} == {"cancelled"}
    assert await stock() == [3, 1, 40]
    assert (await client.post("/orders/99/cancel")).status_code == 404


async def test_pages(client):
    first = (await client.get("/products", params={"size": 2})).json()
    rest = (await client.get("/products", params={"size": 2, "after": first["next"]})).json()
    names = [[product["name"] for product in page["items"]] for page in (first, rest)]
    assert (names, rest["next"]) == ([["Bulb", "Desk"], ["Lamp"]], None)
    assert (await client.get("/products", params={"after": "nonsense"})).status_code == 400


async def test_queries_do_not_grow_with_orders(client, no_n_plus_one, assert_num_queries):
    for _ in range(3):
        await order(client, (BULB, 1), (LAMP, 1))
    with assert_num_queries(2):
        listed = await client.get("/orders", params={"email": "ann@example.org"})
    assert [len(each["lines"]) for each in listed.json()] == [2, 2, 2]
    assert 'desc="2 queries"' in listed.headers["server-timing"]
    best = (await client.get("/bestsellers")).json()
    assert [(each["name"], each["sold"], float(each["earned"])) for each in best] == [
        ("Bulb", 3, 7.5),
        ("Lamp", 3, 59.7),
    ]


def test_migrations_are_what_the_models_say(chakra_dsn):
    for words in (["apply"], ["drift"]):
        command = [sys.executable, "-m", "chakra.cli", "migrate", *words, "--url", chakra_dsn]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout + found.stderr
