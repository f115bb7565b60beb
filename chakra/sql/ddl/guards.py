"""Row security, policies and triggers of a table."""

from __future__ import annotations

from collections.abc import Iterator

from chakra.pg.quoting import quote_identifier
from chakra.schema import Guard, Policy, Table, Trigger

_FIRES = {"always": "ENABLE ALWAYS", "replica": "ENABLE REPLICA", "never": "DISABLE"}
_ROLES = {"public": "PUBLIC", "current_user": "CURRENT_USER", "session_user": "SESSION_USER"}


def create_policy(table: Table, name: str, policy: Policy) -> str:
    """``CREATE POLICY``."""
    line = (
        f"CREATE POLICY {quote_identifier(name)} ON {table.quoted} "
        f"AS {'PERMISSIVE' if policy.permissive else 'RESTRICTIVE'} FOR {policy.command.upper()}"
    )
    if policy.roles:
        line += (
            f" TO {', '.join(_ROLES.get(role.lower()) or quote_identifier(role) for role in policy.roles)}"
        )
    if policy.using is not None:
        line += f" USING ({policy.using})"
    return line if policy.check is None else f"{line} WITH CHECK ({policy.check})"


def create_trigger(table: Table, name: str, trigger: Trigger) -> str:
    """``CREATE TRIGGER``, and when it fires, where that is said."""
    body = trigger.body.replace("{table}", table.quoted)
    made = f"CREATE {'CONSTRAINT ' if trigger.constraint else ''}TRIGGER {quote_identifier(name)} {body}"
    word = _FIRES.get(trigger.fires)
    return (
        made
        if word is None
        else f"{made};\nALTER TABLE {table.quoted} {word} TRIGGER {quote_identifier(name)}"
    )


def row_security(table: Table, *, enabled: bool, forced: bool) -> str:
    """``ALTER TABLE … ROW LEVEL SECURITY``."""
    return (
        f"ALTER TABLE {table.quoted} {'ENABLE' if enabled else 'DISABLE'} ROW LEVEL SECURITY, "
        f"{'FORCE' if forced else 'NO FORCE'} ROW LEVEL SECURITY"
    )


def guard_statements(table: Table, guard: Guard) -> Iterator[str]:
    """All that stands around a table's rows; row security last, when its policies are there."""
    for name, policy in guard.policies.items():
        yield create_policy(table, name, policy)
    for name, trigger in guard.triggers.items():
        yield create_trigger(table, name, trigger)
    if guard.enabled or guard.forced:
        yield row_security(table, enabled=guard.enabled, forced=guard.forced)


__all__ = ["create_policy", "create_trigger", "guard_statements", "row_security"]
