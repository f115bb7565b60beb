"""Models as pydantic models: for the bodies and answers of an API, with what the columns say of their values."""

from __future__ import annotations

import datetime as dt
import inspect
import typing
import warnings
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NaiveDatetime,
    PlainSerializer,
    PlainValidator,
    PydanticUserError,
    TypeAdapter,
    WithJsonSchema,
    create_model,
    model_validator,
)

from chakra.errors import DataError, FieldError, ValidationError
from chakra.models.fields import MISSING
from chakra.models.schemas.faces import Face, as_dict, face_of
from chakra.models.schemas.reading import values_of
from chakra.models.schemas.shape import ColumnPart, RelationPart, Shape
from chakra.models.validation import refused
from chakra.pg.conversion import convert
from chakra.pg.types import PgType


class Rows(BaseModel):
    """Base of the classes that ``Model.pydantic()`` makes; ``model_validate()`` takes instances of the model."""

    model_config = ConfigDict(from_attributes=True, ser_json_bytes="base64", val_json_bytes="base64")

    @model_validator(mode="before")
    @classmethod
    def _of_row(cls, given: Any) -> Any:
        shape: Shape = cls.__chakra_shape__  # type: ignore[attr-defined]
        return values_of(given, shape) if isinstance(given, shape.model) else given


class Written(Rows):
    """The same for what is written: a key that means nothing is an error, and not left out."""

    model_config = ConfigDict(extra="forbid")


def pydantic_model(shape: Shape, made: Callable[[Shape], Any]) -> Any:
    """The pydantic model of a shape.

    Args:
        made: gives those behind its relations.
    """
    fields: dict[str, Any] = {name: _field(part, shape) for name, part in shape.columns.items()}
    fields |= {name: _rows(part, made) for name, part in shape.relations.items()}
    found: Any
    base = Rows if shape.options.mode == "read" else Written
    about: dict[str, Any] = {"__base__": base, "__doc__": shape.doc, "__module__": shape.model.__module__}
    try:
        with warnings.catch_warnings():
            # A field "json" or "schema" hides a method of pydantic 1, which nothing calls.
            warnings.filterwarnings("ignore", "Field name .* shadows an attribute")
            found = create_model(shape.name, **about, **fields)
    except (TypeError, NameError, ValueError, PydanticUserError) as error:
        kept = [name for name in fields if name.startswith("model_") and hasattr(BaseModel, name)]
        if not kept:
            raise
        raise FieldError(
            f"{shape.name}: pydantic keeps the name {', '.join(kept)} for itself; leave the field out, "
            f"exclude={kept!r}, or call it otherwise with column={kept[0]!r}"
        ) from error
    found.__chakra_shape__ = shape
    return found


def _rows(part: RelationPart, made: Callable[[Shape], Any]) -> tuple[Any, Any]:
    inner: Any = made(part.shape)
    if part.many:
        return list[inner], ...
    return (inner | None) if part.nullable else inner, ...


def _field(part: ColumnPart, shape: Shape) -> tuple[Any, Any]:
    face = face_of(part)
    writes = shape.options.mode != "read"
    annotation: Any = _annotated(face, writes)
    if face.depth:
        if face.holes:
            annotation = annotation | None
        for _ in range(face.depth):
            annotation = list[annotation]
    validators = part.spec.validators if part.spec is not None and writes else ()
    plain = [one for one in validators if not inspect.iscoroutinefunction(one)]
    if plain:  # one for all: pydantic before 2.12 keeps one of a kind
        annotation = Annotated[annotation, AfterValidator(_checked(plain))]
    # Where the field may be left out, so may its value: NULL is what the server or the model fills in.
    if part.column.nullable or (
        writes and not part.required and shape.options.mode == "create" and _filled(part)
    ):
        annotation = annotation | None
    words: dict[str, Any] = {"description": part.column.comment} if part.column.comment else {}
    if part.required:
        return annotation, Field(**words)
    if part.factory is not None:
        return annotation, Field(default_factory=part.factory, **words)
    if part.default is not MISSING:
        return annotation, Field(default=part.default, **words)
    return annotation, Field(default=None, json_schema_extra=_no_default, **words)


def _filled(part: ColumnPart) -> bool:
    return part.default is MISSING and part.factory is None


def _no_default(schema: dict[str, Any]) -> None:
    """What is left out is left out; that it is ``None`` then is Python's."""
    schema.pop("default", None)


def _annotated(face: Face, writes: bool) -> Any:
    """The class of one value with what can be said of it."""
    type_, python = face.type, face.python
    if face.kind == "range":
        return _by_conversion(type_, _range_schema(type_), as_dict)
    if face.kind == "other":
        return _by_conversion(type_, {}, None)
    if face.kind == "json":
        return _known(python)
    limits = (
        dict(face.limits)
        if python in (str, int) or "max_digits" in face.limits or face.type.name in _VECTORS
        else {}
    )
    if type_.name == "timestamptz" and writes:
        python = AwareDatetime
    elif type_.name == "timestamp" and writes:
        python = NaiveDatetime
    elif type_.name == "numeric" and not limits:
        limits["allow_inf_nan"] = True
    found = Annotated[python, Field(**limits)] if limits else python
    return Annotated[found, _Format(face.format)] if face.format and python in (int, float) else found


def _known(python: Any) -> Any:
    """The class of a document, as far as pydantic knows it; before Python 3.12 it takes no ``typing.TypedDict``."""
    try:
        TypeAdapter(python)
    except PydanticUserError:
        known = typing.is_typeddict(python) or typing.get_origin(python) is dict
        return dict[str, Any] if known else list[Any] if typing.get_origin(python) is list else Any
    return python


class _Format:
    """Says how wide a number is, in the words of OpenAPI."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get_pydantic_json_schema__(self, core: Any, handler: Callable[[Any], Any]) -> Any:
        schema = {**handler(core), "format": self.name}
        for word in ("minimum", "maximum") if self.name == "int64" else ():
            schema.pop(word, None)  # the format says so, in fewer digits
        return schema


_VECTORS = ("vector", "halfvec")


def _by_conversion(type_: PgType, schema: dict[str, Any], shown: Callable[[Any], Any] | None) -> Any:
    """A value that the table of conversions takes, whatever stands for it."""

    def taken(value: Any) -> Any:
        try:
            return convert(value, type_)
        except DataError as error:
            raise ValueError(str(error)) from None

    found: Any = Annotated[Any, PlainValidator(taken), WithJsonSchema(schema)]
    return found if shown is None else Annotated[found, PlainSerializer(shown, when_used="json")]


def _range_schema(type_: PgType) -> dict[str, Any]:
    """A range in JSON."""
    bound = _BOUNDS.get(type_.element.base.name if type_.element is not None else "", {})
    either = {"anyOf": [bound, {"type": "null"}]} if bound else {}
    flag = {"type": "boolean"}
    return {
        "type": "object",
        "properties": {
            "lower": either,
            "upper": either,
            "lower_inc": flag,
            "upper_inc": flag,
            "empty": flag,
        },
    }


_BOUNDS: dict[str, Any] = {
    "int4": {"type": "integer"},
    "int8": {"type": "integer"},
    "numeric": {"type": "string"},
    "date": TypeAdapter(dt.date).json_schema(),
    "timestamp": TypeAdapter(dt.datetime).json_schema(),
    "timestamptz": TypeAdapter(dt.datetime).json_schema(),
}


def _checked(validators: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """The validators of a field as pydantic calls them."""

    def check(value: Any) -> Any:
        for validator in validators:
            try:
                answer = validator(value)
            except ValidationError as error:
                raise ValueError(str(error)) from None
            if answer is False:
                raise ValueError(refused(validator, value))
        return value

    return check


__all__ = ["pydantic_model"]
