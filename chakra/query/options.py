"""Options of bulk writes: an unknown one, or a value it cannot have, is refused by name before anything happens."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from chakra.errors import FieldError
from chakra.pg.conversion import shown
from chakra.query.bulk import check_timeout

CREATE_OPTIONS = (
    "on_conflict", "conflict_fields", "update_fields", "conflict_where", "where", "timeout", "sync_sequences"
)  # fmt: skip
"""What ``bulk_create`` takes."""


def options_of(function: Callable[..., Any], *more: str) -> tuple[str, ...]:
    """The names of a function's keyword options, and some that its callers deal with themselves."""
    return (*(function.__kwdefaults__ or {}), *more, "timeout")


def create_options(**given: Any) -> dict[str, Any]:
    """The options of ``bulk_create``.

    Raises:
        FieldError: as for :func:`checked`.
    """
    return checked("bulk_create", given, CREATE_OPTIONS)


def checked(what: str, options: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The options of a call, lists of names as tuples.

    Args:
        what: the call, for the message.
        known: the options it has.

    Raises:
        FieldError: an unknown option, or a value that it cannot have; names the option.
    """
    for name in options:
        if name not in known:
            raise FieldError(f"{what}() has no option {name!r}; it has {', '.join(known)}")
    return {name: _CHECKS[name](name, value) if name in _CHECKS else value for name, value in options.items()}


def flag(name: str, value: Any) -> bool:
    """An option that is said or not.

    Raises:
        FieldError: neither ``True`` nor ``False``.
    """
    if type(value) is not bool:
        raise FieldError(f"{name} is True or False, not {shown(value)}")
    return value


def _names(option: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, str):
        raise FieldError(f"{option} takes a list of names: [{value!r}]")
    names: tuple[Any, ...] = tuple(value) if isinstance(value, Iterable) else (None,)
    if not all(isinstance(name, str) for name in names):
        raise FieldError(f"{option} takes a list of names of fields, not {shown(value)}")
    return names


def _batch_rows(name: str, value: Any) -> int | None:
    if value is not None and (type(value) is not int or value < 1):
        raise FieldError(f"{name}={shown(value)}: expected a whole number from 1 on, or None")
    return value


def _timeout(name: str, value: Any) -> Any:
    if value is not None:
        check_timeout(value)
    return value


def _written_infinity(name: str, value: Any) -> Any:
    if not isinstance(value, str) or value not in ("error", "sentinel"):
        raise FieldError(f'{name}={shown(value)}: for writes it is "error" or "sentinel"')
    return value


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(("allow_truncate", "sync_sequences", "create", "dry_run"), flag),
    **dict.fromkeys(("conflict_fields", "update_fields", "fields", "key"), _names),
    "batch_rows": _batch_rows,
    "infinity": _written_infinity,
    "timeout": _timeout,
}

__all__ = ["CREATE_OPTIONS", "checked", "create_options", "flag", "options_of"]
