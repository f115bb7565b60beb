"""What has to be away while columns get another type, since the server does not change that under it: views, policies,
triggers, and keys, conditions and indexes whose SQL names the columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chakra.migrations.operations.base import Operation
from chakra.migrations.operations.constraints import AddConstraint, DropConstraint
from chakra.migrations.operations.guards import CreatePolicy, CreateTrigger, DropPolicy, DropTrigger
from chakra.migrations.operations.indexes import AddIndex, DropIndex
from chakra.migrations.operations.views import CreateView, DropView
from chakra.migrations.parts import in_sql
from chakra.migrations.state import Key, State, title
from chakra.pg.lexing import tokens
from chakra.schema import Policy, Table, Trigger
from chakra.sql.ddl.views import views_in_order


def around(state: State, columns: Mapping[Key, Iterable[str]], *changes: Operation) -> list[Operation]:
    """Changes of columns, between the operations that put away what names them and those that make it again.

    Args:
        state: before them; they change no table but in these columns.
        columns: by table.
    """
    away: list[Operation] = []
    again: list[Operation] = []
    views = views_in_order(views_of(state, {name for _, name in columns}))
    for view in reversed(views):
        away.append(DropView(title((view.schema, view.name))))
    for key, names in columns.items():
        given, table, guard = list(names), state.table(key), state.guard(key)
        name = title(key)
        for one, policy in guard.policies.items():
            if policy_names(policy, given):
                away.append(DropPolicy(name, one))
                again.append(CreatePolicy(name, one, policy))
        for one, trigger in guard.triggers.items():
            if trigger_names(trigger, given):
                away.append(DropTrigger(name, one))
                again.append(CreateTrigger(name, one, trigger))
        for group in ("checks", "exclusions", "uniques"):
            for part in getattr(table, group):
                if _says(part, given):
                    away.append(DropConstraint(name, str(part.name)))
                    again.append(AddConstraint(name, part))
        for index in table.indexes:
            if _says(index, given):
                away.append(DropIndex(name, str(index.name)))
                again.append(AddIndex(name, index))
    return [*away, *changes, *again, *[CreateView.of(view) for view in views]]


def views_of(state: State, names: Iterable[str]) -> list[Table]:
    """The views whose queries name one of these tables or views, and those over them."""
    known, found = set(names), dict[Key, Table]()
    views = {key: table for key, table in state.tables.items() if table.view is not None}
    while True:
        more = {key: view for key, view in views.items() if key not in found and words_of(view) & known}
        if not more:
            return list(found.values())
        found |= more
        known |= {name for _, name in more}


def words_of(view: Table) -> set[str]:
    """All that may be a name in the query of a view."""
    assert view.view is not None
    found: set[str] = set()
    for kind, text in tokens(view.view.sql):
        if kind == "word":
            found |= {text, text.lower()}
        elif kind == "quoted":
            found.add(text[1:-1].replace('""', '"'))
    return found


def policy_names(policy: Policy, columns: Iterable[str]) -> bool:
    """Whether the conditions of a policy name one of these columns."""
    return any(in_sql(sql, one) for one in columns for sql in (policy.using, policy.check))


def trigger_names(trigger: Trigger, columns: Iterable[str]) -> bool:
    """Whether the text of a trigger, not its function, names one of these columns."""
    return any(in_sql(trigger.body, one) for one in columns)


def _says(part: Any, columns: Iterable[str]) -> bool:
    """Whether SQL of a key, condition or index names one; the server makes anew what has them as plain terms."""
    texts = [getattr(part, "condition", None), getattr(part, "where", None)]
    texts += [term.expression for term in getattr(part, "terms", ())]
    return any(in_sql(sql, one) for one in columns for sql in texts)


__all__ = ["around", "policy_names", "trigger_names", "views_of", "words_of"]
