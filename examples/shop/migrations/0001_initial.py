"""Create table orders; create table products; create table lines."""

from chakra.migrations import Check, Column, CreateTable, ForeignKey, Index, Unique

requires = []

operations = [
    CreateTable(
        "orders",
        [
            Column("id", "bigint", identity="by default"),
            Column("key", "uuid"),
            Column("email", "text"),
            Column("status", "text"),
            Column("placed", "timestamp with time zone"),
        ],
        primary_key=["id"],
        constraints=[Unique("key", name="orders_key_key")],
        indexes=[Index("email", name="orders_email_idx")],
    ),
    CreateTable(
        "products",
        [
            Column("id", "bigint", identity="by default"),
            Column("name", "character varying(80)"),
            Column("price", "numeric(10, 2)"),
            Column("stock", "integer"),
        ],
        primary_key=["id"],
        constraints=[Check(""""stock" >= ('0'::bigint)""", name="products_stock_check")],
        indexes=[Index("name", "id", name="products_name_id_idx")],
    ),
    CreateTable(
        "lines",
        [
            Column("id", "bigint", identity="by default"),
            Column("order_id", "bigint"),
            Column("product_id", "bigint"),
            Column("pieces", "integer"),
            Column("price", "numeric(10, 2)"),
        ],
        primary_key=["id"],
        constraints=[
            Check(""""pieces" > ('0'::bigint)""", name="lines_pieces_check"),
            ForeignKey("order_id", "orders", "id", name="lines_order_id_fkey", on_delete="cascade"),
            ForeignKey(
                "product_id",
                "products",
                "id",
                name="lines_product_id_fkey",
                on_delete="restrict",
            ),
        ],
        indexes=[
            Index("order_id", name="lines_order_id_idx"),
            Index("product_id", name="lines_product_id_idx"),
        ],
    ),
]
