"""What an identity column counts by; knows no SQL."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chakra.errors import FieldError


@dataclass(frozen=True, slots=True)
class Identity:
    """A column numbered by the server: ``field(identity=Identity(start=1000))``.

    Args:
        always: whether the server makes every value (``GENERATED ALWAYS``), or those that a row has none of its own
            for.
        start: first number; ``None`` = the smallest, or the largest where it counts down.
        increment: from one number to the next; below 0 it counts down.
        minimum, maximum: ``None`` = those of the column's type.
        cache: how many numbers a session draws at once.
        cycle: whether it begins again at the end.
        serial: whether it is a default that draws from a sequence which belongs to the column, as ``serial`` makes it,
            and no identity of the SQL standard.

    Raises:
        FieldError: a number is none, ``increment`` is 0, or ``serial`` stands beside ``always``.
    """

    always: bool = False
    start: int | None = None
    increment: int = 1
    minimum: int | None = None
    maximum: int | None = None
    cache: int = 1
    cycle: bool = False
    serial: bool = False

    def __post_init__(self) -> None:
        for name in ("start", "increment", "minimum", "maximum", "cache"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
                raise FieldError(f"Identity({name}={value!r}): takes a whole number")
        if self.increment == 0 or self.cache < 1:
            raise FieldError("Identity(): increment is not 0, and cache is 1 or more")
        if self.serial and self.always:
            raise FieldError(
                "Identity(serial=True): a default takes values of your own, which always=True refuses"
            )
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise FieldError(f"Identity(minimum={self.minimum}, maximum={self.maximum}): minimum is smaller")
        first = (
            (1 if self.minimum is None else self.minimum)
            if self.increment > 0
            else (-1 if self.maximum is None else self.maximum)
        )
        if self.start == first:
            object.__setattr__(self, "start", None)

    @property
    def options(self) -> Identity | None:
        """What it says beyond ``always``; ``None`` = nothing."""
        plain = (self.start, self.increment, self.minimum, self.maximum, self.cache, self.cycle)
        return None if plain == (None, 1, None, None, 1, False) else replace(self, always=False, serial=False)


__all__ = ["Identity"]
