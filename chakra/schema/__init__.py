"""Tables as data: what the compiler, the DDL and the migrations read instead of model classes."""

from chakra.schema.constraints import Check, Exclude, ForeignKeyConstraint, Unique
from chakra.schema.defaults import PythonDefault
from chakra.schema.identity import Identity
from chakra.schema.indexes import Index
from chakra.schema.table import Column, Hop, Relation, Stored, Table
from chakra.schema.terms import Given, OpClass, Term
from chakra.schema.values import load_for

__all__ = [
    "Check",
    "Column",
    "Exclude",
    "ForeignKeyConstraint",
    "Given",
    "Hop",
    "Identity",
    "Index",
    "OpClass",
    "PythonDefault",
    "Relation",
    "Stored",
    "Table",
    "Term",
    "Unique",
    "load_for",
]
