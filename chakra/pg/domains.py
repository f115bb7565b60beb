"""What a domain says beyond its base type: which values it has, and which one stands for none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DomainWords:
    """What ``CREATE DOMAIN`` says behind the type.

    Attributes:
        nullable: whether NULL is one of its values.
        default: SQL, or ``None``.
        checks: its conditions by name, as SQL over ``VALUE``.
        collation: another one than the base type's; a name, or ``(schema, name)``.
    """

    nullable: bool = True
    default: str | None = None
    checks: tuple[tuple[str, str], ...] = ()
    collation: str | tuple[str, str] | None = None

    def __bool__(self) -> bool:
        return self != _NOTHING


_NOTHING = DomainWords()

__all__ = ["DomainWords"]
