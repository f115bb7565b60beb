"""Tables as data: what the compiler, the DDL and the migrations read instead of model classes."""

from chakra.schema.constraints import Check, ForeignKeyConstraint, Index, Unique
from chakra.schema.defaults import PythonDefault
from chakra.schema.storage import NextValue, Partitioning, PartitionOf, Sequence, View
from chakra.schema.table import Column, Hop, Relation, Stored, Table
from chakra.schema.values import load_for

__all__ = [
    "Check",
    "Column",
    "ForeignKeyConstraint",
    "Hop",
    "Index",
    "NextValue",
    "PartitionOf",
    "Partitioning",
    "PythonDefault",
    "Relation",
    "Sequence",
    "Stored",
    "Table",
    "Unique",
    "View",
    "load_for",
]
