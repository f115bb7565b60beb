"""Migrations: what a database consists of as data, what leads from one state to another, and who carries it out.

Nothing here knows a model class: a state is made of frozen ``schema.Table`` (docs/migrations.md). Migration files take
the names below.
"""

from chakra.migrations.operations import *  # noqa: F403 - the operations are the language of migration files
from chakra.migrations.operations import __all__ as _operations
from chakra.migrations.state import Composite, Domain
from chakra.migrations.steps import Lock
from chakra.migrations.words import Column, ForeignKey
from chakra.schema import (
    Check,
    Exclude,
    Identity,
    Index,
    OpClass,
    Partitioning,
    PartitionOf,
    Policy,
    Sequence,
    Term,
    Trigger,
    Unique,
)

__all__ = [  # noqa: PLE0604
    "Check",
    "Column",
    "Composite",
    "Domain",
    "Exclude",
    "ForeignKey",
    "Identity",
    "Index",
    "Lock",
    "OpClass",
    "PartitionOf",
    "Partitioning",
    "Policy",
    "Sequence",
    "Term",
    "Trigger",
    "Unique",
    *_operations,
]
