"""Models as Structs of msgspec, for JSON and MessagePack at their speed."""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from chakra.models.fields import MISSING
from chakra.models.schemas.faces import Face, as_dict, face_of
from chakra.models.schemas.reading import values_of
from chakra.models.schemas.shape import ColumnPart, Shape

LIMITS = {"max_length": "max_length", "min_length": "min_length", "ge": "ge", "le": "le"}
"""What msgspec can say of values."""


def msgspec_struct(shape: Shape, made: Callable[[Shape], Any]) -> Any:
    """The Struct of a shape.

    Args:
        made: gives those behind its relations.
    """
    loads: dict[str, Callable[[Any], Any]] = {}
    fields: list[Any] = []
    for name, part in shape.columns.items():
        face = face_of(part)
        fields.append(_field(name, part, face, shape.options.mode == "patch"))
        if face.kind in ("range", "network", "other"):
            loads[name] = as_dict if face.kind == "range" else _plain
    for name, relation in shape.relations.items():
        inner: Any = made(relation.shape)
        load = inner.from_row
        loads[name] = load
        one = inner | None if relation.nullable and not relation.many else inner
        fields.append((name, list[one] if relation.many else one))  # type: ignore[valid-type]

    def from_row(cls: Any, row: Any) -> Any:
        """The Struct of an instance of the model.

        Raises:
            NotLoaded: a field was left out, or a relation not loaded; names the call to add.
        """
        if not isinstance(row, shape.model):
            raise TypeError(f"{shape.name}.from_row() takes a {shape.model.__name__}, not {row!r}")
        values = values_of(row, shape)
        for name, load in loads.items():
            values[name] = _each(load, values[name])
        return cls(**values)

    return msgspec.defstruct(
        shape.name,
        fields,
        module=shape.model.__module__,
        namespace={"from_row": classmethod(from_row), "__doc__": shape.doc},
        kw_only=True,
        forbid_unknown_fields=shape.options.mode != "read",
    )


def _field(name: str, part: ColumnPart, face: Face, patch: bool) -> Any:
    annotation: Any = _annotated(face)
    if face.depth and face.holes:
        annotation = annotation | None
    for _ in range(face.depth):
        annotation = list[annotation]
    if part.column.nullable:
        annotation = annotation | None
    if part.required:
        return name, annotation
    if part.factory is not None:
        return name, annotation, msgspec.field(default_factory=part.factory)
    if part.default is not MISSING and not patch:
        return name, annotation, part.default
    return name, annotation | msgspec.UnsetType, msgspec.UNSET


def _annotated(face: Face) -> Any:
    if face.kind == "range":
        return dict[str, Any]
    if face.kind in ("network", "other"):
        return str if face.kind == "network" else Any
    if typing.get_origin(face.python) is Literal or isinstance(face.python, enum.EnumMeta):
        return face.python
    limits = {LIMITS[word]: value for word, value in face.limits.items() if word in LIMITS}
    return Annotated[face.python, msgspec.Meta(**limits)] if limits else face.python


def _each(load: Callable[[Any], Any], value: Any) -> Any:
    if value is None:
        return None
    return [_each(load, one) for one in value] if isinstance(value, list) else load(value)


def _plain(value: Any) -> Any:
    """A value of a class that msgspec does not know, as its text or its parts."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if isinstance(value, int | float):
        return value
    return (
        value if isinstance(value, str) else value.as_string() if hasattr(value, "as_string") else str(value)
    )


def given_values(struct: Any) -> dict[str, Any]:
    """What a Struct holds, without what was left out."""
    found = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return {name: value for name, value in found.items() if value is not msgspec.UNSET}


__all__ = ["given_values", "msgspec_struct"]
