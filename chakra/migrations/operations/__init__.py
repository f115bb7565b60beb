"""What migrations consist of: one class for each kind of change."""

from chakra.migrations.operations.base import Operation
from chakra.migrations.operations.columns import AddColumn, AlterColumn, DropColumn, RenameColumn
from chakra.migrations.operations.constraints import (
    AddConstraint,
    DropConstraint,
    RenameConstraint,
    SetPrimaryKey,
)
from chakra.migrations.operations.custom import RunPython, RunSQL
from chakra.migrations.operations.guards import (
    CreatePolicy,
    CreateTrigger,
    DropPolicy,
    DropTrigger,
    SetRowSecurity,
)
from chakra.migrations.operations.indexes import AddIndex, DropIndex, RenameIndex
from chakra.migrations.operations.objects import (
    AlterSequence,
    CreateExtension,
    CreateSchema,
    CreateSequence,
    DropExtension,
    DropSchema,
    DropSequence,
)
from chakra.migrations.operations.splits import ContractColumn, ExpandColumn, FillColumn, SwapColumn
from chakra.migrations.operations.tables import AlterTable, CreateTable, DropTable, RenameTable
from chakra.migrations.operations.types import (
    AddLabel,
    AlterComposite,
    AlterDomain,
    CreateComposite,
    CreateDomain,
    CreateEnum,
    DropComposite,
    DropDomain,
    DropEnum,
    RecreateEnum,
    RenameLabel,
)
from chakra.migrations.operations.views import CreateView, DropView, ReplaceView

__all__ = [
    "AddColumn",
    "AddConstraint",
    "AddIndex",
    "AddLabel",
    "AlterColumn",
    "AlterComposite",
    "AlterDomain",
    "AlterSequence",
    "AlterTable",
    "ContractColumn",
    "CreateComposite",
    "CreateDomain",
    "CreateEnum",
    "CreateExtension",
    "CreatePolicy",
    "CreateSchema",
    "CreateSequence",
    "CreateTable",
    "CreateTrigger",
    "CreateView",
    "DropColumn",
    "DropComposite",
    "DropConstraint",
    "DropDomain",
    "DropEnum",
    "DropExtension",
    "DropIndex",
    "DropPolicy",
    "DropSchema",
    "DropSequence",
    "DropTable",
    "DropTrigger",
    "DropView",
    "ExpandColumn",
    "FillColumn",
    "Operation",
    "RecreateEnum",
    "RenameColumn",
    "RenameConstraint",
    "RenameIndex",
    "RenameLabel",
    "RenameTable",
    "ReplaceView",
    "RunPython",
    "RunSQL",
    "SetPrimaryKey",
    "SetRowSecurity",
    "SwapColumn",
]
