"""The Python type of a column's values, as other libraries are told of it, and what they can check of them."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import types
import typing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from chakra.models.schemas.shape import ColumnPart
from chakra.pg.json_text import JsonNull
from chakra.pg.types import PgType

PLAIN = (bool, int, float, str, bytes, Decimal, dt.date, dt.time, dt.datetime, dt.timedelta, UUID)
ADDRESSES = ipaddress.IPv4Address | ipaddress.IPv6Address | ipaddress.IPv4Interface | ipaddress.IPv6Interface
NETWORKS = ipaddress.IPv4Network | ipaddress.IPv6Network

Kind = Literal["plain", "json", "range", "network", "other"]


@dataclass(frozen=True)
class Face:
    """What values of a column are in Python.

    Attributes:
        kind: ``"range"`` and ``"other"`` have no class that other libraries know.
        type: the PostgreSQL type of a value; of an array that of its elements.
        python: their class.
        depth: in how many lists they are.
        holes: whether there may be ``None`` in these.
        limits: by the words of pydantic, what can be said of them.
        format: what OpenAPI calls a number of that width.
    """

    kind: Kind
    type: PgType
    python: Any
    depth: int = 0
    holes: bool = False
    limits: dict[str, Any] = field(default_factory=dict)
    format: str = ""

    @property
    def listed(self) -> Any:
        """The class of the values, in lists."""
        found = self.python | None if self.holes and self.depth else self.python
        for _ in range(self.depth):
            found = list[found]  # type: ignore[valid-type]
        return found


def face_of(part: ColumnPart) -> Face:
    """What values of a field are in Python."""
    annotation = part.declared.annotation
    type_ = part.column.type.base
    depth = 0
    if type_.kind == "array" and type_.element is not None:
        depth, type_ = max(type_.ndims, 1), type_.element.base
        for _ in range(depth):
            annotation = next(iter(typing.get_args(annotation)), None)
    elif type_.kind == "multirange" and type_.element is not None:
        depth, type_, annotation = 1, type_.element.base, None
    inner, holes = _without_none(annotation)
    kind, python = _python(part, type_, inner)
    return Face(kind, type_, python, depth, holes, _limits(type_), _FORMATS.get(type_.name, ""))


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return annotation, False
    arguments = typing.get_args(annotation)
    rest = [one for one in arguments if one is not type(None)]
    return (typing.Union[tuple(rest)] if rest else annotation), len(rest) < len(arguments)  # noqa: UP007


def _python(part: ColumnPart, type_: PgType, annotation: Any) -> tuple[Kind, Any]:
    choices = None if part.spec is None else part.spec.choices
    if part.column.members is not None:
        return "plain", part.column.members
    if choices is not None and all(isinstance(value, str | int) for value in choices.values):
        return "plain", Literal[choices.values]
    if type_.kind == "enum":
        known = isinstance(type_.python, enum.EnumMeta)
        return "plain", type_.python if known else Literal[type_.labels] if type_.labels else str
    if type_.kind == "range":
        return "range", Any
    if type_.name in ("json", "jsonb"):
        return "json", _document(annotation)
    if type_.name in ("vector", "halfvec"):
        return "plain", list[float]
    if type_.name == "hstore":
        return "plain", dict[str, str | None]
    if type_.name == "inet":
        return "network", ADDRESSES
    if type_.name == "cidr":
        return "network", NETWORKS
    if type_.kind == "base" and type_.python in PLAIN and type_.name not in _OWN_CLASS:
        return "plain", type_.python
    return "other", Any


_OWN_CLASS = frozenset({"bit", "varbit", "char"})
"""Types whose values are no plain texts in rows."""


def _document(annotation: Any) -> Any:
    """The class of a JSON document."""
    if annotation is dict:
        return dict[str, Any]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [one for one in typing.get_args(annotation) if one is not JsonNull]
        return Any if len(rest) < len(typing.get_args(annotation)) else annotation
    known = typing.get_origin(annotation) in (dict, list) or typing.is_typeddict(annotation)
    return annotation if known or annotation in (list, str, int, float, bool) else Any


_BITS = {"int2": 15, "int4": 31, "int8": 63}

_FORMATS = {"int2": "int32", "int4": "int32", "int8": "int64", "float4": "float", "float8": "double"}


def _limits(type_: PgType) -> dict[str, Any]:
    if type_.name in ("varchar", "bpchar") and type_.modifiers:
        return {"max_length": type_.modifiers[0]}
    if type_.name in ("vector", "halfvec") and type_.modifiers:
        return {"min_length": type_.modifiers[0], "max_length": type_.modifiers[0]}
    if type_.name in _BITS:
        return {"ge": -(2 ** _BITS[type_.name]), "le": 2 ** _BITS[type_.name] - 1}
    precision, scale = type_.precision, type_.scale
    if precision is not None and scale is not None and 0 <= scale <= precision:
        return {"max_digits": precision, "decimal_places": scale}
    return {}


def as_dict(value: Any) -> Any:
    """A range as what stands for it in JSON, and is taken for one by every write."""
    if not hasattr(value, "lower_inc"):
        return value
    if value.isempty:
        return {"empty": True}
    bounds = {"lower": value.lower, "upper": value.upper}
    return bounds | {"lower_inc": value.lower_inc, "upper_inc": value.upper_inc}


__all__ = ["Face", "as_dict", "face_of"]
