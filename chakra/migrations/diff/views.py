"""What differs in views: those that read what changes are dropped first, and made again last."""

from __future__ import annotations

from chakra.migrations.diff.plan import Plan
from chakra.migrations.operations import AlterColumn, AlterTable, CreateView, DropView, ReplaceView
from chakra.migrations.operations.around import words_of
from chakra.migrations.operations.types import users_of
from chakra.migrations.state import Key, State, title
from chakra.schema import Table
from chakra.sql.ddl.views import views_in_order


def drop_views(plan: Plan) -> None:
    """Drop views that are gone, that cannot be replaced, or that read what will change under them."""
    old, new = plan.state, plan.target
    touched = _touched(old, new)
    views = {key: table for key, table in old.tables.items() if table.view is not None}
    gone = {
        key
        for key, table in views.items()
        if key not in new.tables or new.tables[key].view is None or not _replaceable(table, new.tables[key])
    }
    while True:
        names = touched | {name for _, name in gone}
        more = {key for key, table in views.items() if key not in gone and words_of(table) & names}
        if not more:
            break
        gone |= more
    for table in reversed(views_in_order([views[key] for key in views if key in gone])):
        plan.do(DropView(title((table.schema, table.name))))


def _touched(old: State, new: State) -> set[str]:
    """Names of tables that lose columns, or have columns of other types."""
    recreated = {
        key
        for key, labels in new.enums.items()
        if key in old.enums and [one for one in labels if one in old.enums[key]] != list(old.enums[key])
    }
    found = {where[1] for key in recreated for where, _, _ in users_of(old, key)}
    for key, table in old.tables.items():
        if table.view is not None:
            continue
        then = new.tables.get(key)
        if then is None:
            found.add(table.name)
            continue
        for column in table.columns:
            other = then.by_attribute.get(column.name)
            if other is None or (other.type, other.collation, other.computed, other.virtual) != (
                column.type,
                column.collation,
                column.computed,
                column.virtual,
            ):
                found.add(table.name)
    return found


def _replaceable(old: Table, new: Table) -> bool:
    """Whether CREATE OR REPLACE VIEW makes one of the other: the same columns, and possibly more behind them."""
    assert old.view is not None and new.view is not None
    before = [(column.name, column.type) for column in old.columns]
    after = [(column.name, column.type) for column in new.columns]
    if old.view.materialized or new.view.materialized:
        return (
            _query(old) == _query(new)
            and before == after
            and old.indexes == new.indexes
            and old.tablespace == new.tablespace
        )
    return after[: len(before)] == before


def _query(table: Table) -> tuple[str, bool, tuple[str, ...]]:
    assert table.view is not None
    return table.view.sql, table.view.materialized, table.view.columns


def create_views(plan: Plan) -> None:
    """Make the views that are not there, and change those that are."""
    wanted = views_in_order([table for table in plan.target.tables.values() if table.view is not None])
    for table in wanted:
        key: Key = (table.schema, table.name)
        known = plan.state.tables.get(key)
        if known is None:
            plan.do(CreateView.of(table))
            continue
        if _query(known) != _query(table) or [(c.name, c.type) for c in known.columns] != [
            (c.name, c.type) for c in table.columns
        ]:
            plan.do(ReplaceView(CreateView.of(table)))
            continue
        if (known.comment, known.storage) != (table.comment, table.storage):
            plan.do(AlterTable(title(key), comment=table.comment, storage=table.storage))
        for column in table.columns:
            if column != known.by_attribute[column.name]:
                plan.do(AlterColumn(title(key), column))


__all__ = ["create_views", "drop_views"]
