"""Add column products.is_listed."""

from chakra.migrations import AddColumn, Column

requires = ["0001_initial"]

operations = [
    AddColumn("products", Column("is_listed", "boolean"), fill="('true'::boolean)"),
]
