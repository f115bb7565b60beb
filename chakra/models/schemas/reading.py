"""Instances as values by name, for classes of other libraries: what is there, and never a query for what is not."""

from __future__ import annotations

from typing import Any

from chakra.errors import FieldError, NotLoaded
from chakra.models.schemas.shape import Shape
from chakra.query.state import NOT_LOADED, loaded_value


def values_of(row: Any, shape: Shape) -> dict[str, Any]:
    """What an instance holds of what a class has.

    Raises:
        NotLoaded: a field was left out, or a relation not loaded; names the call to add.
    """
    found = {name: getattr(row, name) for name in shape.columns}
    for name, part in shape.relations.items():
        if part.many:
            rows = loaded_value(row, name)
            if rows is NOT_LOADED:
                raise _not_loaded(row, name, f'.prefetch_related("{name}")')
            found[name] = list(rows)
        else:
            found[name] = behind(row, name, part.shape.model)
    return found


def behind(row: Any, name: str, target: Any) -> Any:
    """The row behind a relation, or ``None``.

    Raises:
        NotLoaded: it is not loaded.
    """
    found = getattr(row, name)
    if found is not None and not isinstance(found, target):
        raise _not_loaded(row, name, f'.select_related("{name}"), or .prefetch_related("{name}")')
    return found


def _not_loaded(row: Any, name: str, call: str) -> NotLoaded:
    return NotLoaded(
        f"{type(row).__name__}.{name} is not loaded, and nothing is read in passing; load it with the query: {call}"
    )


def made_of(model: Any, values: dict[str, Any], instance: Any, what: str) -> Any:
    """An instance with values, or the one that is given with these changed.

    Raises:
        FieldError: a value is of no field of the model's.
    """
    table = model.__table__
    given: dict[str, Any] = {}
    for name, value in values.items():
        column = table.by_attribute.get(name)
        if column is None and name not in table.relations:
            raise FieldError(
                f"{what} has {name!r}, which {table.title} has not; it has {table.field_names()}"
            )
        if column is not None and column.computed is None:
            given[name] = value  # rows behind relations are written by themselves
    if instance is None:
        return model(**given)
    if not isinstance(instance, model):
        raise FieldError(f"instance={instance!r} is no {table.title}")
    for name, value in given.items():
        if getattr(instance, name, _NONE) != value:
            setattr(instance, name, value)
    return instance


_NONE: Any = object()
__all__ = ["behind", "made_of", "values_of"]
