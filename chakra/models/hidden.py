"""A field named like its own type: ``date: Field[date] = field()``. Python looks for names in the class body first,
and by the time it reads the annotation, ``date`` is the field there."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Any

from chakra.errors import FieldError
from chakra.models.fields import FieldSpec
from chakra.models.relations.specs import ForeignKeySpec, ManyToManySpec


def check_hidden(model: str, attribute: str, annotation: Any, namespace: Mapping[str, Any]) -> None:
    """Refuse an annotation in which a field of the class stands in place of a type.

    Raises:
        FieldError: names both, and the two ways out.
    """
    for part in _parts(annotation):
        if not isinstance(part, FieldSpec | ForeignKeySpec | ManyToManySpec):
            continue
        name = next((n for n, value in namespace.items() if value is part), attribute)
        raise FieldError(
            f"{model}.{attribute}: the name {name!r} in the annotation means the field {model}.{name} and not the "
            "type, because Python looks in the class body first. Write the type with its module "
            f"(import datetime as dt; Field[dt.date]), or give the field another name and keep the column: "
            f'on_{name}: Field[{name}] = field(column="{name}")'
        )


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in typing.get_args(annotation):
        yield from _parts(argument)


__all__ = ["check_hidden"]
