"""Options of bulk reads and writes: an unknown one, or a value it cannot have, is refused by name before all else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chakra.errors import FieldError, QueryError
from chakra.expressions import Expression
from chakra.pg.conversion import shown
from chakra.query.verbs import options_of


def checked(what: str, options: Mapping[str, Any], kind: type, *, reading: bool = False) -> dict[str, Any]:
    """The options of a call, lists of names as tuples.

    Args:
        what: the call, for the message.
        kind: the ``TypedDict`` of its options.
        reading: it reads columns, whose ``infinity`` is another one.

    Raises:
        FieldError: an unknown option, or a value that it cannot have; names the option.
    """
    known = options_of(kind)
    for name in options:
        if name not in known:
            raise FieldError(f"{what}() has no option {name!r}; it has {', '.join(known)}")
    checks = _READ_CHECKS if reading else _CHECKS
    return {name: checks[name](name, value) if name in checks else value for name, value in options.items()}


def flag(name: str, value: Any) -> bool:
    """An option that is said or not.

    Raises:
        FieldError: neither ``True`` nor ``False``.
    """
    if type(value) is not bool:
        raise QueryError(f"{name} is True or False, not {shown(value)}")
    return value


def names(option: str, value: Any) -> tuple[str, ...] | None:
    """A list of names as a tuple.

    Raises:
        FieldError: no list of names.
    """
    if value is None:
        return None
    if isinstance(value, str):
        raise QueryError(f"{option} takes a list of names: [{value!r}]")
    found: tuple[Any, ...] = tuple(value) if isinstance(value, Iterable) else (None,)
    if not all(isinstance(name, str) for name in found):
        raise QueryError(f"{option} takes a list of names of fields, not {shown(value)}")
    return found


def _terms(option: str, value: Any) -> tuple[Any, ...] | None:
    """A list of names and expressions as a tuple.

    Raises:
        FieldError: no such list.
    """
    if value is None:
        return None
    if isinstance(value, str | Expression) or not isinstance(value, Iterable):
        raise FieldError(f"{option} takes a list of names: [{value!r}]")
    found = tuple(value)
    if not all(isinstance(term, str | Expression) for term in found):
        raise FieldError(f"{option} takes a list of names of fields and expressions, not {shown(value)}")
    return found


def _names_or_values(option: str, value: Any) -> Any:
    """A list of names as a tuple, or what fields are set to by name."""
    return value if isinstance(value, Mapping) else names(option, value)


def _batch_rows(name: str, value: Any) -> int | None:
    if value is not None and (type(value) is not int or value < 1):
        raise QueryError(f"{name}={shown(value)}: expected a whole number from 1 on, or None")
    return value


def _timeout(name: str, value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and (not number or not value > 0):
        raise QueryError(f"{name}={value!r}: expected a number of seconds above 0, or None to wait for good")
    return value


def _written_infinity(name: str, value: Any) -> Any:
    if not isinstance(value, str) or value not in ("error", "sentinel"):
        raise QueryError(f'{name}={shown(value)}: for writes it is "error" or "sentinel"')
    return value


_READ_CHECKS: dict[str, Callable[[str, Any], Any]] = {"nested": flag, "timeout": _timeout}

_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(("allow_truncate", "sync_sequences", "create", "dry_run", "validate"), flag),
    "conflict_fields": _terms,
    "update_fields": _names_or_values,
    "key": names,
    "batch_rows": _batch_rows,
    "infinity": _written_infinity,
    "timeout": _timeout,
}

__all__ = ["checked", "flag", "names"]
