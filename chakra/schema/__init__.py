"""Tables as data: what the compiler, the DDL and the migrations read instead of model classes."""

from chakra.schema.defaults import PythonDefault
from chakra.schema.table import Check, Column, ForeignKeyConstraint, Index, Relation, Stored, Table, Unique
from chakra.schema.values import load_for

__all__ = [
    "Check",
    "Column",
    "ForeignKeyConstraint",
    "Index",
    "PythonDefault",
    "Relation",
    "Stored",
    "Table",
    "Unique",
    "load_for",
]
