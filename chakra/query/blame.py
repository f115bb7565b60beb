"""Which parameter the server meant when it refused a value for its size, which it does not say."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from chakra.pg.conversion import shown
from chakra.pg.types import PgType


def too_large(value: Any, type_: PgType | None) -> str | None:
    """Why a value has no room in a type with a length or a precision; ``None`` if it has, or nobody can tell here."""
    if value is None or type_ is None:
        return None
    base = type_.base
    if base.kind == "array" and isinstance(value, list | tuple):
        return next((why for item in value if (why := too_large(item, base.element))), None)
    if base.typmod < 0:
        return None
    if base.name in ("varchar", "bpchar") and isinstance(value, str):
        length = base.typmod - 4  # VARHDRSZ, as in varchar.c
        # Blanks behind the length are cut off without an error, as SQL demands.
        if value[length:].strip(" "):
            return f"{shown(value)} is longer than the {length} characters of {base.sql}"
    if (
        base.name == "numeric"
        and base.precision is not None
        and isinstance(value, int | float | str | Decimal)
    ):
        digits = base.precision - (base.scale or 0)
        try:
            number = round(Decimal(str(value)), base.scale or 0)
        except (InvalidOperation, ValueError, OverflowError):
            return None
        if abs(number) >= Decimal(10) ** digits:
            return f"{shown(value)} has more than the {digits} digits before the point of {base.sql}"
    return None


__all__ = ["too_large"]
