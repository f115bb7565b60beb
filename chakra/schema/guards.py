"""What stands around the rows of a table, as data: row security with its policies, and triggers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from chakra.errors import FieldError

COMMANDS = ("all", "select", "insert", "update", "delete")
FIRES = ("origin", "always", "replica", "never")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Policy:
    """A policy of row security: ``Policy(using="tenant = current_setting('app.tenant')")``.

    Args:
        command: ``all``, ``select``, ``insert``, ``update`` or ``delete``.
        roles: whom it is about; empty = everybody.
        using: SQL of a condition: which rows are there.
        check: SQL of a condition: which rows may be written; default: those that are there.
        permissive: whether it opens rows, or keeps them closed whatever other policies say.

    Raises:
        FieldError: no such command, or a condition that is no text.
    """

    command: str = "all"
    roles: Sequence[str] = ()
    using: str | None = None
    check: str | None = None
    permissive: bool = True

    def __post_init__(self) -> None:
        given: Any = self.roles
        roles = (given,) if isinstance(given, str) else tuple(given)
        object.__setattr__(self, "roles", roles)
        if self.command not in COMMANDS:
            raise FieldError(f"Policy(): command is one of {', '.join(COMMANDS)}, not {self.command!r}")
        for word in ("using", "check"):
            given = getattr(self, word)
            if given is not None and (not isinstance(given, str) or not given.strip()):
                raise FieldError(f"Policy(): {word} is SQL of a condition, not {given!r}")


@dataclass(frozen=True)
class Trigger:
    """A trigger, as text: ``Trigger("BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION touch()")``.

    Its function is made elsewhere, in a migration by ``RunSQL``.

    Args:
        body: what stands behind ``CREATE TRIGGER name``, with ``{table}`` in place of the table.
        constraint: whether it is a constraint trigger, which can be deferred.
        fires: ``origin``: but for what replication writes; ``replica``: for that alone; ``always``; ``never``: it is
            disabled (manual, ALTER TABLE, ENABLE TRIGGER).

    Raises:
        FieldError: the text does not name the table, or no such word.
    """

    body: str
    constraint: bool = False
    fires: str = "origin"

    def __post_init__(self) -> None:
        if self.fires not in FIRES:
            raise FieldError(f"Trigger(): fires is one of {', '.join(FIRES)}, not {self.fires!r}")
        if not isinstance(self.body, str) or "{table}" not in self.body:
            raise FieldError(
                f"Trigger({self.body!r}): its text names the table as {{table}}: 'BEFORE UPDATE ON {{table}} FOR EACH "
                "ROW EXECUTE FUNCTION touch()'"
            )


@dataclass(frozen=True)
class Guard:
    """What stands around a table's rows.

    Attributes:
        enabled, forced: whether policies count, and whether for the owner as well.
        policies, triggers: by name.
    """

    enabled: bool = False
    forced: bool = False
    policies: Mapping[str, Policy] = field(default_factory=lambda: _NOTHING)
    triggers: Mapping[str, Trigger] = field(default_factory=lambda: _NOTHING)


NO_GUARD = Guard()

__all__ = ["COMMANDS", "FIRES", "NO_GUARD", "Guard", "Policy", "Trigger"]
