"""Managers: the attributes of a model class at which its queries begin; ``as_manager()`` makes them."""

from __future__ import annotations

from typing import Any

from chakra.errors import QueryError
from chakra.schema import Table


class Starting:
    """What managers of all queryset classes do; ``Objects`` and ``Manager`` say what type checkers see of them."""

    __slots__ = ("conditions", "kind", "lookups", "name")

    def __init__(self, kind: Any, conditions: tuple[Any, ...] = (), lookups: dict[str, Any] | None = None):
        self.kind = kind
        self.conditions = conditions
        self.lookups = lookups or {}
        self.name = "objects"

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is not None:
            raise AttributeError(f"{self.name} belongs to the class: {owner.__name__}.{self.name}")
        rows = owner.__chakra__.rows
        try:
            return rows[self]
        except KeyError:
            rows[self] = found = self.begin(owner.__table__)
            return found

    @property
    def plain(self) -> bool:
        """Whether it adds nothing to what every model has."""
        return self.kind.__module__ == "chakra.query.queryset" and not (self.conditions or self.lookups)

    def begin(self, table: Table) -> Any:
        """The query that all queries of the manager begin with.

        Raises:
            FieldError: ``initial()`` of the queryset class gives no queryset of that class, one of values, or a slice.
        """
        rows = self.kind(table)
        if self.plain:
            return rows
        found = rows.initial()
        label = f"{table.title}.{self.name}: {self.kind.__name__}.initial()"
        if not isinstance(found, self.kind):
            raise QueryError(f"{label} has to return the queryset that queries begin with, not {found!r}")
        if self.conditions or self.lookups:
            found = found.filter(*self.conditions, **self.lookups)
        select: Any = found._select
        if select.result != "instances" or select.sliced:
            raise QueryError(
                f"{label} gives {'a slice' if select.sliced else 'rows of values'}, which cannot be "
                "narrowed further; a method of the class can be called for that"
            )
        return found

    def __repr__(self) -> str:
        return f"{self.kind.__name__}.as_manager()"


def check_kind(kind: Any) -> None:
    """Refuse a queryset class whose objects cannot stand for the rows behind a relation as well.

    Raises:
        FieldError: it has slots of its own.
    """
    for base in kind.__mro__:
        own = base.__dict__.get("__slots__", ())
        if own and not base.__module__.startswith("chakra."):
            raise QueryError(
                f"{base.__name__} has __slots__ of its own, {own!r}; querysets are made anew by each method, so what "
                "one carries along belongs into attributes (leave out __slots__) or into the query"
            )


__all__ = ["Starting", "check_kind"]
