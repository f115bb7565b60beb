"""Fixtures of the shop's tests: an application over an empty database."""

import httpx
import pytest
from shop.app import create_app
from shop.models import MODELS, Product

pytest_plugins = ["chakra.embedded.pytest_plugin", "chakra.debug.pytest_plugin"]


@pytest.fixture
async def client(chakra_dsn):
    """A client to the shop, which has three products."""
    app = create_app(chakra_dsn)
    async with app.router.lifespan_context(app):
        db = app.state.db
        await db.create_tables(*MODELS)
        await Product.objects.bulk_create(
            [
                Product(name="Lamp", price="19.90", stock=3),
                Product(name="Desk", price="240.00", stock=1),
                Product(name="Bulb", price="2.50", stock=40),
            ]
        )
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            yield client
        await db.drop_tables(*MODELS)
