"""Which operations lead from one state to another, in an order in which each of them fits."""

from __future__ import annotations

from collections.abc import Iterable

from chakra.migrations.diff.guards import create_guards, drop_guards
from chakra.migrations.diff.kinds import change_types, create_grounds, drop_kinds
from chakra.migrations.diff.plan import Plan
from chakra.migrations.diff.renames import Rename, do_renames
from chakra.migrations.diff.tables import (
    add_parts,
    change_columns,
    create_tables,
    drop_parts,
    drop_tables,
    say_words,
)
from chakra.migrations.diff.views import create_views, drop_views
from chakra.migrations.operations import Operation
from chakra.migrations.state import State


def diff(old: State, new: State, renames: Iterable[Rename] = ()) -> list[Operation]:
    """The operations that lead from one state to another; none if they are equal.

    The order of columns is no difference, since the server cannot change it; neither is that of constraints and
    indexes.

    Args:
        renames: what is called otherwise and not another one. Nothing is taken for renamed that is not said here.

    Raises:
        MigrationError: the server cannot do it (how a table is cut into partitions), or a rename does not fit.
    """
    plan = Plan(old, new)
    create_grounds(plan)
    do_renames(plan, list(renames))
    drop_views(plan)
    drop_guards(plan)
    drop_parts(plan)
    drop_tables(plan)
    change_types(plan)
    create_tables(plan)
    change_columns(plan)
    add_parts(plan)
    say_words(plan)
    create_views(plan)
    create_guards(plan)
    drop_kinds(plan)
    return plan.operations


__all__ = ["diff"]
