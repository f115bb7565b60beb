"""What differs around the rows of tables: row security, policies, triggers."""

from __future__ import annotations

from chakra.migrations.diff.plan import Plan
from chakra.migrations.operations import CreatePolicy, CreateTrigger, DropPolicy, DropTrigger, SetRowSecurity
from chakra.migrations.operations.around import policy_names, trigger_names
from chakra.migrations.state import title
from chakra.schema import Column


def drop_guards(plan: Plan) -> None:
    """Drop policies and triggers that are gone or other, of tables that stay."""
    for key in list(plan.state.guards):
        wanted, known = plan.target.guard(key), plan.state.guard(key)
        if key not in plan.target.tables:
            continue
        before, after = plan.state.tables[key], plan.target.tables[key]
        changed = [c.name for c in before.columns if _changes(c, after.by_attribute.get(c.name))]
        for name, policy in known.policies.items():
            if wanted.policies.get(name) != policy or policy_names(policy, changed):
                plan.do(DropPolicy(title(key), name))
        for name, trigger in known.triggers.items():
            if wanted.triggers.get(name) != trigger or trigger_names(trigger, changed):
                plan.do(DropTrigger(title(key), name))


def _changes(before: Column, after: Column | None) -> bool:
    """Whether the server would have to change a column that it does not change under policies and triggers."""
    return after is None or (before.type, before.collation) != (after.type, after.collation)


def create_guards(plan: Plan) -> None:
    """Make policies and triggers that are not there; row security last, when the policies are."""
    for key in [key for key in plan.target.tables if key in plan.target.guards or key in plan.state.guards]:
        wanted = plan.target.guard(key)
        for name, policy in wanted.policies.items():
            if name not in plan.state.guard(key).policies:
                plan.do(CreatePolicy(title(key), name, policy))
        for name, trigger in wanted.triggers.items():
            if name not in plan.state.guard(key).triggers:
                plan.do(CreateTrigger(title(key), name, trigger))
        known = plan.state.guard(key)
        if (known.enabled, known.forced) != (wanted.enabled, wanted.forced):
            plan.do(SetRowSecurity(title(key), wanted.enabled, wanted.forced))


__all__ = ["create_guards", "drop_guards"]
