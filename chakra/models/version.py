"""``Version()``: the field by which a write notices that somebody else wrote to the row since it was read."""

from __future__ import annotations

from typing import Any

from chakra.errors import FieldError
from chakra.models.fields import FieldSpec
from chakra.pg.types import BY_PYTHON, PgType


class VersionSpec(FieldSpec):
    """What ``Version(...)`` was told."""


def Version(type: PgType | None = None, *, column: str | None = None) -> Any:
    """A number that each write to a row counts up: ``version: Field[int] = Version()``.

    ``save()``, ``delete()`` and ``bulk_update()`` of instances write only to rows that have the version that the
    instance has; else they raise ``StaleData``. ``update()`` counts it up without asking. Setting it says which
    version one has seen: that of a form, say. It is 1 in new rows, and is loaded whatever ``only()`` says.

    Args:
        type: ``SmallInt``, ``Integer`` or ``BigInt``, which is the default.
        column: its name in the database, if that differs from the attribute's.

    Raises:
        FieldError: another type.
    """
    bigint = BY_PYTHON[int]
    if type is not None and not (isinstance(type, PgType) and type.name in ("int2", "int4", "int8")):
        raise FieldError(f"Version() takes SmallInt, Integer or BigInt, not {type!r}")
    return VersionSpec(type or bigint, False, False, False, None, 1, None, "1", column)


def version_of(model: str, declared: dict[str, Any]) -> str:
    """The attribute of a model that is its version; ``""`` if it has none.

    Raises:
        FieldError: there are two, or NULL is allowed.
    """
    found = [attribute for attribute, one in declared.items() if isinstance(one.spec, VersionSpec)]
    if len(found) > 1:
        raise FieldError(
            f"{model} has two versions, {' and '.join(found)}: one says that a row was written to"
        )
    for attribute in found:
        if declared[attribute].nullable:
            raise FieldError(
                f"{model}.{attribute}: every row has a version; write {attribute}: Field[int] = Version()"
            )
    return found[0] if found else ""


__all__ = ["Version", "VersionSpec", "version_of"]
