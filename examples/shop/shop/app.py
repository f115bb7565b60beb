"""The shop as an application: ``uvicorn shop.app:app``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

import chakra
from chakra import F, Sum
from chakra.contrib.asgi import ProfilerMiddleware
from shop.models import Order, Product
from shop.orders import OutOfStock, cancel, place

ProductOut = Product.pydantic(exclude=["is_listed"])
OrderOut = Order.pydantic(relations=["lines"], exclude=["key", "lines__id", "lines__order_id"])


class Wanted(BaseModel):
    product_id: int
    pieces: int = Field(gt=0, le=1_000)


class NewOrder(BaseModel):
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    lines: list[Wanted] = Field(min_length=1, max_length=100)


class Products(BaseModel):
    items: list[ProductOut]
    next: str | None


def create_app(url: str | None = None) -> FastAPI:
    """The application, over a database; without a URL that of ``CHAKRA_DATABASE_URL`` or ``chakra.toml``."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with chakra.connect(url) as db:
            app.state.db = db
            yield

    app = FastAPI(title="shop", lifespan=lifespan)
    app.add_middleware(ProfilerMiddleware)

    @app.exception_handler(OutOfStock)
    async def out_of_stock(_: Request, error: OutOfStock) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 409)

    @app.exception_handler(chakra.DoesNotExist)
    async def missing(_: Request, error: chakra.DoesNotExist) -> JSONResponse:
        return JSONResponse({"detail": "not found"}, 404)

    @app.get("/products", response_model=Products)
    async def products(after: str | None = None, size: Annotated[int, Query(ge=1, le=100)] = 20):
        try:
            page = await Product.objects.filter(is_listed=True).order_by("name").page(size, after=after)
        except chakra.DataError as error:
            raise HTTPException(400, "after= is no cursor of this list") from error
        return {"items": list(page), "next": page.next}

    @app.post("/orders", status_code=201, response_model=OrderOut)
    async def add_order(new: NewOrder, idempotency_key: Annotated[UUID, Header()], response: Response):
        wanted: dict[int, int] = {}
        for line in new.lines:
            wanted[line.product_id] = wanted.get(line.product_id, 0) + line.pieces
        order, created = await place(idempotency_key, new.email, wanted)
        if not created:
            response.status_code = 200
        await chakra.prefetch([order], "lines")
        return order

    @app.get("/orders", response_model=list[OrderOut])
    async def orders(email: str):
        return await Order.objects.filter(email=email).order_by("-id").prefetch_related("lines")[:50]

    @app.post("/orders/{id}/cancel", response_model=OrderOut)
    async def cancel_order(id: int):
        order = await cancel(id)
        await chakra.prefetch([order], "lines")
        return order

    @app.get("/bestsellers")
    async def bestsellers():
        sold = Product.objects.annotate(
            sold=Sum("lines__pieces", default=0), earned=Sum(F("lines__pieces") * F("lines__price"))
        )
        return await sold.filter(sold__gt=0).order_by("-sold", "name").values("name", "sold", "earned")[:10]

    return app


app = create_app()
