"""Settings that hold for one block: the SQL that goes along with its BEGIN or SAVEPOINT; pure text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from chakra.errors import TransactionError
from chakra.pg.quoting import quote_string

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\Z")

TIMEOUT: Final = "statement_timeout"

_RENAMING: Final = frozenset({"search_path", "role", "session_authorization"})


def checked(settings: Mapping[str, object] | None) -> dict[str, str]:
    """The settings with their values as text.

    Raises:
        TransactionError: a name that is none, or a value that is neither text, a number, a switch nor a UUID.
        DataError: a text that PostgreSQL cannot hold.
    """
    found: dict[str, str] = {}
    if settings is not None and not isinstance(settings, Mapping):
        raise TransactionError(
            'settings are a dict of names and values, {"app.tenant": "a"}, not a value of type '
            f"{type(settings).__name__}"
        )
    for name, value in (settings or {}).items():
        if not isinstance(name, str) or NAME.match(name) is None:
            raise TransactionError(
                f"settings: {name!r} is no name of a setting; write name or prefix.name, of letters, digits and "
                "underscores"
            )
        if isinstance(value, bool):
            found[name] = "on" if value else "off"
        elif isinstance(value, str):
            found[name] = str.__str__(value)
        elif isinstance(value, int | float | UUID):
            found[name] = str(value)
        else:
            raise TransactionError(
                f"settings: the value of {name} is {type(value).__name__}; it takes text, numbers, booleans and UUIDs"
            )
    for value in found.values():
        quote_string(value)  # before anything is sent
    return found


def renames(settings: Mapping[str, str]) -> bool:
    """Whether names in SQL mean other things under these settings."""
    return not _RENAMING.isdisjoint(name.lower() for name in settings)


def set_local(settings: Mapping[str, str], save: str = "") -> str:
    """SQL that sets them until the transaction ends.

    ``set_config`` takes every kind of setting as one text, lists such as ``search_path`` as well.

    Args:
        save: prefix of the settings of ours in which those of before are kept.
    """
    made = [_set(name, quote_string(value)) for name, value in settings.items()]
    if not save:
        return f"SELECT {', '.join(made)}"
    kept = [
        _set(f"{save}_{number}", f"coalesce(pg_catalog.current_setting({quote_string(name)}, true), '')")
        for number, name in enumerate(settings)
    ]
    return f"SELECT {', '.join(kept)}; SELECT {', '.join(made)}"


def set_back(settings: Mapping[str, str], save: str) -> str:
    """SQL that sets them to what they were: what SET LOCAL did in a savepoint outlives its release."""
    made = [
        _set(name, f"pg_catalog.current_setting({quote_string(f'{save}_{number}')})")
        for number, name in enumerate(settings)
    ]
    return f"SELECT {', '.join(made)}"


def at_most(milliseconds: int, save: str = "") -> str:
    """SQL that has statements stop after a time, until the transaction ends; a limit that is smaller stays.

    Args:
        save: as for ``set_local``.
    """
    name, limit = quote_string(TIMEOUT), quote_string(f"{milliseconds:d}ms")
    text = (
        f"SELECT {_set(TIMEOUT, limit)} WHERE pg_catalog.current_setting({name})::pg_catalog.interval "
        f"NOT BETWEEN '1us'::pg_catalog.interval AND {limit}::pg_catalog.interval"
    )
    if not save:
        return text
    return f"SELECT {_set(f'{save}_limit', f'pg_catalog.current_setting({name})')}; {text}"


def limit_back(save: str) -> str:
    """SQL that takes back what ``at_most`` did in a savepoint."""
    kept = f"pg_catalog.current_setting({quote_string(f'{save}_limit')})"
    return f"SELECT {_set(TIMEOUT, kept)}"


def shown(settings: Iterable[str]) -> str:
    """The same for logs and hooks, which see no values."""
    return "; ".join(f"SET LOCAL {name} TO …" for name in settings)


def _set(name: str, value: str) -> str:
    return f"pg_catalog.set_config({quote_string(name)}, {value}, true)"


__all__ = ["NAME", "TIMEOUT", "at_most", "checked", "limit_back", "renames", "set_back", "set_local", "shown"]
