"""The same shop behind Litestar, in one file: ``uvicorn examples.litestar_app:app``, with ``CHAKRA_DATABASE_URL``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Litestar, Request, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.exceptions import NotFoundException
from litestar.middleware import DefineMiddleware
from litestar.params import Body, FromPath
from litestar.response import Stream

import chakra
from chakra.contrib.asgi import ProfilerMiddleware, TransactionMiddleware
from examples.fastapi_app.models import MODELS, Customer, Order
from examples.fastapi_app.streaming import FORMATS, file_of


@dataclass
class NewCustomer:
    name: str
    email: str


@dataclass
class NewOrder:
    customer_id: int
    cents: int


@get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@post("/customers")
async def add_customer(data: Annotated[NewCustomer, Body()]) -> dict[str, int]:
    return {"id": (await Customer.objects.create(name=data.name, email=data.email)).id}


@get("/customers/{id:int}")
async def show_customer(id: FromPath[int]) -> dict[str, Any]:
    customer = await Customer.objects.prefetch_related("orders").get(id=id)
    return {
        "name": customer.name,
        "spent": customer.spent,
        "orders": [order.cents for order in customer.orders],
    }


@post("/orders")
async def add_order(data: Annotated[NewOrder, Body()]) -> Response[dict[str, int]]:
    await Order.objects.create(customer_id=data.customer_id, cents=data.cents)
    return Response({"added": 1}, background=BackgroundTask(sum_up, data.customer_id))


@get("/orders/{format:str}")
async def export(format: FromPath[str]) -> Stream:
    if format not in FORMATS:
        raise NotFoundException(f"no format {format}")
    query = Order.objects.order_by("id")
    schema = await query.arrow_schema()  # the transaction ends behind it, before the first byte
    return Stream(file_of(query.arrow_batches(), schema, format), media_type=FORMATS[format][0])


async def sum_up(id: int) -> None:
    """After the answer, and so outside of the request's transaction."""
    async with chakra.transaction():
        customer = await Customer.objects.filter(id=id).select_for_update().get()
        customer.spent = (await Order.objects.filter(customer_id=id).aggregate(spent=chakra.Sum("cents")))[
            "spent"
        ] or 0
        await customer.save()


def answered(status: int, detail: str) -> Any:
    def answer(_: Request[Any, Any, Any], error: Exception) -> Response[dict[str, str]]:
        return Response({"detail": detail}, status_code=status)

    return answer


def create_app(url: str | None = None) -> Litestar:
    """The application, over a database; without a URL, that of ``CHAKRA_DATABASE_URL`` or ``chakra.toml``."""

    @asynccontextmanager
    async def connected(app: Litestar) -> AsyncIterator[None]:
        async with chakra.connect(url, max_connections=5) as db:
            await db.create_tables(*MODELS, if_not_exists=True)
            app.state.db = db
            yield

    return Litestar(
        [health, add_customer, show_customer, add_order, export],
        lifespan=[connected],
        middleware=[DefineMiddleware(ProfilerMiddleware), DefineMiddleware(TransactionMiddleware)],
        exception_handlers={
            chakra.DoesNotExist: answered(404, "not found"),
            chakra.errors.IntegrityError: answered(409, "refused"),
        },
    )


app = create_app()
