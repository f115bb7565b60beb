"""The application: a pool for its life, a transaction for each request, a profiler around both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

from fastapi import BackgroundTasks, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

import chakra
from chakra.contrib.asgi import ProfilerMiddleware, TransactionMiddleware
from examples.fastapi_app.models import MODELS, Customer, Order
from examples.fastapi_app.streaming import FORMATS, file_of


class NewCustomer(BaseModel):
    name: str = Field(min_length=1)
    email: str


class NewOrder(BaseModel):
    customer_id: int
    cents: int = Field(gt=0)


def create_app(url: str | None = None) -> FastAPI:
    """The application, over a database.

    Args:
        url: left out, ``CHAKRA_DATABASE_URL`` or ``chakra.toml``.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Connected in the loop that serves; closed when the requests that still run are answered.
        async with chakra.connect(url, min_connections=1, max_connections=5) as db:
            await db.create_tables(*MODELS, if_not_exists=True)
            app.state.db = db
            yield

    app = FastAPI(title="shop", lifespan=lifespan)
    app.add_middleware(TransactionMiddleware)
    app.add_middleware(ProfilerMiddleware)  # added last, so around: it sees BEGIN and COMMIT, too

    @app.exception_handler(chakra.UniqueViolation)
    async def taken(_: Request, error: chakra.UniqueViolation) -> JSONResponse:
        return JSONResponse({"detail": f"{error.constraint}: taken"}, 409)  # from 400 on it is rolled back

    @app.exception_handler(chakra.DoesNotExist)
    async def missing(_: Request, error: chakra.DoesNotExist) -> JSONResponse:
        return JSONResponse({"detail": "not found"}, 404)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}  # asks nothing, so no transaction and no connection

    @app.post("/customers", status_code=201)
    async def add_customer(new: NewCustomer) -> dict[str, int]:
        customer = await Customer.objects.create(name=new.name, email=new.email)
        return {"id": customer.id}

    @app.get("/customers/{id}")
    async def show_customer(id: int) -> dict[str, object]:
        customer = await Customer.objects.prefetch_related("orders").get(id=id)
        return {
            "name": customer.name,
            "spent": customer.spent,
            "orders": [order.cents for order in customer.orders],
        }

    @app.post("/orders", status_code=201)
    async def add_orders(new: list[NewOrder], later: BackgroundTasks) -> dict[str, int]:
        for each in new:
            if not await Customer.objects.filter(id=each.customer_id).exists():
                raise HTTPException(422, f"no customer {each.customer_id}")  # none of the orders is kept
            await Order.objects.create(customer_id=each.customer_id, cents=each.cents)
        for id in {each.customer_id for each in new}:
            later.add_task(sum_up, id)
        return {"added": len(new)}

    @app.get("/orders/{format}")
    async def export(
        format: Literal["arrow", "parquet", "csv"],
        at_least: Annotated[int, Query()] = 0,
    ) -> StreamingResponse:
        query = Order.objects.filter(cents__gte=at_least).order_by("id")
        schema = await query.arrow_schema()
        # The transaction ends here, before the first byte: the stream has a connection of its own, and no transaction
        # is held open by a client that reads slowly.
        body = file_of(query.arrow_batches(max_rows=10_000), schema, format)
        return StreamingResponse(body, media_type=FORMATS[format][0])

    return app


async def sum_up(id: int) -> None:
    """What a background task does is after the answer, and outside of the request's transaction: it has its own."""
    async with chakra.transaction():
        customer = await Customer.objects.filter(id=id).select_for_update().get()
        customer.spent = (await Order.objects.filter(customer_id=id).aggregate(spent=chakra.Sum("cents")))[
            "spent"
        ] or 0
        await customer.save()


app = create_app()
