"""Placing and cancelling orders: what has to hold whatever happens at the same time."""

import logging
from uuid import UUID

import chakra
from chakra import F
from shop.models import Line, Order, Product, Status

log = logging.getLogger("shop")


class OutOfStock(Exception):
    """There is not enough of a product, or no such product."""

    def __init__(self, product_id: int) -> None:
        super().__init__(f"not enough of product {product_id}")


async def place(key: UUID, email: str, wanted: dict[int, int]) -> tuple[Order, bool]:
    """Place an order, once for each key.

    Args:
        key: made by the client, the same when it tries again.
        wanted: how many pieces of which product.

    Returns:
        The order, and whether it is new.

    Raises:
        OutOfStock: nothing was written then.
    """
    async with chakra.transaction():
        order = await Order.objects.create(key=key, email=email, on_conflict="ignore")
        if order is None:  # placed before, perhaps a moment ago by a request whose answer got lost
            return await Order.objects.get(key=key), False
        lines = []
        for product_id, pieces in sorted(wanted.items()):  # all in this order: nobody waits in a circle
            in_stock = Product.objects.filter(id=product_id, stock__gte=pieces)
            taken = await in_stock.update(stock=F("stock") - pieces, returning=["price"])
            if not taken:
                raise OutOfStock(product_id)
            lines.append(Line(order=order, product_id=product_id, pieces=pieces, price=taken[0]["price"]))
        await Line.objects.bulk_create(lines)
        chakra.on_commit(lambda: log.info("order %s: a mail goes to %s", order.id, email))
    return order, True


async def cancel(id: int) -> Order:
    """Cancel an order and put its pieces back, once however often it is called.

    Raises:
        DoesNotExist: there is no such order.
    """
    async with chakra.transaction():
        order = await Order.objects.select_for_update().get(id=id)  # a second call waits here
        if order.status is not Status.CANCELLED:
            order.status = Status.CANCELLED
            await order.save()
            for line in await order.lines.order_by("product"):
                await Product.objects.filter(id=line.product_id).update(stock=F("stock") + line.pieces)
    return order
