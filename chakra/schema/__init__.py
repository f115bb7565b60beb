"""Tables as data: what the compiler, the DDL and the migrations read instead of model classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chakra._late import exported

if TYPE_CHECKING:
    from chakra.schema.constraints import Check, Exclude, ForeignKeyConstraint, Unique
    from chakra.schema.defaults import MOMENTS, Moment, PythonDefault, moments_now
    from chakra.schema.guards import NO_GUARD, Guard, Policy, Trigger
    from chakra.schema.identity import Identity
    from chakra.schema.indexes import Index
    from chakra.schema.storage import NextValue, Partitioning, PartitionOf, Sequence, View
    from chakra.schema.table import Column, Hop, Relation, Stored, Table
    from chakra.schema.terms import Given, OpClass, Term
    from chakra.schema.values import load_for, load_members
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "chakra.schema.constraints": "Check Exclude ForeignKeyConstraint Unique",
            "chakra.schema.defaults": "MOMENTS Moment PythonDefault moments_now",
            "chakra.schema.guards": "NO_GUARD Guard Policy Trigger",
            "chakra.schema.identity": "Identity",
            "chakra.schema.indexes": "Index",
            "chakra.schema.storage": "NextValue Partitioning PartitionOf Sequence View",
            "chakra.schema.table": "Column Hop Relation Stored Table",
            "chakra.schema.terms": "Given OpClass Term",
            "chakra.schema.values": "load_for load_members",
        },
    )

__all__ = [
    "MOMENTS",
    "NO_GUARD",
    "Check",
    "Column",
    "Exclude",
    "ForeignKeyConstraint",
    "Given",
    "Guard",
    "Hop",
    "Identity",
    "Index",
    "Moment",
    "NextValue",
    "OpClass",
    "PartitionOf",
    "Partitioning",
    "Policy",
    "PythonDefault",
    "Relation",
    "Sequence",
    "Stored",
    "Table",
    "Term",
    "Trigger",
    "Unique",
    "View",
    "load_for",
    "load_members",
    "moments_now",
]
