"""All targets, by the number of their row."""

from __future__ import annotations

from asv_bench.harness.target import Target
from asv_bench.harness.targets.building import Acquire, Build, BuildTyped
from asv_bench.harness.targets.bulk import BulkCreate, InsertThousand, InsertWhole
from asv_bench.harness.targets.columns import BulkInsert, ToArrowLineItem, ToArrowUsers, ToPolars
from asv_bench.harness.targets.growth import Growth
from asv_bench.harness.targets.load import Load
from asv_bench.harness.targets.memory import ColumnMemory, ConnectionMemory, ObjectMemory
from asv_bench.harness.targets.operations import EveryOperation
from asv_bench.harness.targets.related import PrefetchMany, PrefetchRelated, SelectRelated
from asv_bench.harness.targets.rows import CreateOne, Get, Instances, Profiled
from asv_bench.harness.targets.start import FirstRead, ImportTime
from asv_bench.harness.targets.types import ByType

TARGETS: tuple[type[Target], ...] = (
    Get,
    Profiled,
    Instances,
    CreateOne,
    BulkCreate,
    InsertThousand,
    InsertWhole,
    Build,
    Acquire,
    ToArrowUsers,
    ToArrowLineItem,
    ToPolars,
    BulkInsert,
    ObjectMemory,
    ConnectionMemory,
    ColumnMemory,
    ImportTime,
    FirstRead,
    Growth,
    SelectRelated,
    PrefetchRelated,
    PrefetchMany,
    BuildTyped,
    EveryOperation,
    Load,
    ByType,
)

__all__ = ["TARGETS"]
