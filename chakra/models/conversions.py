"""Models as classes of pydantic and msgspec; methods of model classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from chakra.errors import ConfigError, FieldError

if TYPE_CHECKING:
    from msgspec import Struct
    from pydantic import BaseModel

    from chakra.models.schemas.shape import Shape

M = TypeVar("M")

Mode = Literal["read", "create", "patch"]


class Conversions(type):
    """The methods of model classes that make classes of other libraries; fields of a model may have their names."""

    if TYPE_CHECKING:
        __chakra__: Any

    def pydantic(
        cls,
        mode: Mode = "read",
        *,
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        relations: Iterable[str] | None = None,
        name: str | None = None,
    ) -> type[BaseModel]:
        """The model as a pydantic model (``pip install "chakra-orm[pydantic]"``): the same class for the same options.

        Its ``model_validate()`` takes instances, as FastAPI does for ``response_model=``, and reads nothing that was
        not loaded.

        Args:
            mode: ``"read"``: all fields, as rows have them; ``"create"``: what a new row is made of, without keys that
                the server makes, computed fields and ``auto_now``; ``"patch"``: the same without any key, and each
                field may be left out.
            include: these fields alone; ``author__name``: of what is behind a relation.
            exclude: all but these.
            relations: what is loaded behind relations: ``["author", "comments__author"]``.
            name: of the class; made of the model's and the options if left out.

        Raises:
            FieldError: a name is no field or relation, or options contradict each other.
            ConfigError: pydantic is not installed.
        """
        options = (mode, include, exclude, relations, name)
        return _made(cls, "pydantic", options)  # type: ignore[no-any-return]

    def msgspec(
        cls,
        mode: Mode = "read",
        *,
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        relations: Iterable[str] | None = None,
        name: str | None = None,
    ) -> type[Struct]:
        """The model as a Struct of msgspec (``pip install "chakra-orm[msgspec]"``), with ``from_row(instance)``; the
        same class for the same options, which are those of ``pydantic()``.

        Ranges are dicts of their bounds in it, and addresses and what has no class of Python's own are texts.

        Raises:
            FieldError: a name is no field or relation, or options contradict each other.
            ConfigError: msgspec is not installed.
        """
        options = (mode, include, exclude, relations, name)
        return _made(cls, "msgspec", options)  # type: ignore[no-any-return]

    def from_pydantic(cls: type[M], data: BaseModel, instance: M | None = None) -> M:
        """A new instance with what a pydantic model was given, or an instance with these fields changed.

        What was left out of the data stays what it is: defaults of the model, and values of the instance. What the
        server computes, and rows behind relations, are left out. Nothing is written.

        Args:
            data: of a class that ``pydantic()`` made, or another with such fields.
            instance: is changed and returned.

        Raises:
            FieldError: the data has what is no field of the model.
        """
        from chakra.models.schemas.reading import made_of

        given = getattr(data, "model_fields_set", None)
        if given is None:
            raise FieldError(f"from_pydantic() takes a pydantic model, not {data!r}")
        names = [name for name in type(data).model_fields if name in given]
        values = {name: getattr(data, name) for name in names}
        return made_of(cls, values, instance, type(data).__name__)  # type: ignore[no-any-return]

    def from_msgspec(cls: type[M], data: Struct, instance: M | None = None) -> M:
        """The same of a Struct of msgspec; what is ``UNSET`` was left out.

        Raises:
            FieldError: the data has what is no field of the model.
        """
        from chakra.models.schemas.as_msgspec import given_values
        from chakra.models.schemas.reading import made_of

        if not hasattr(type(data), "__struct_fields__"):
            raise FieldError(f"from_msgspec() takes a Struct, not {data!r}")
        return made_of(cls, given_values(data), instance, type(data).__name__)  # type: ignore[no-any-return]


def _made(cls: Any, library: Literal["pydantic", "msgspec"], given: tuple[Any, ...]) -> Any:
    """The class for some options, made when it is asked for first."""
    from chakra.models.schemas.shape import options_of, shape_of

    options = options_of(cls, library, *given)
    key = (library, options)
    made: dict[Any, Any] = cls.__chakra__.made
    if key not in made:
        make = _maker(library)
        made[key] = make(shape_of(cls, options), lambda shape: _behind(shape, library))
    return made[key]


def _behind(shape: Shape, library: Literal["pydantic", "msgspec"]) -> Any:
    """The class of rows behind a relation: that which their model gives for these options."""
    options = shape.options
    given = (options.mode, options.include, options.exclude, options.relations, options.name)
    return _made(shape.model, library, given)


def _maker(library: str) -> Any:
    try:
        if library == "pydantic":
            from chakra.models.schemas.as_pydantic import pydantic_model

            return pydantic_model
        from chakra.models.schemas.as_msgspec import msgspec_struct
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        raise ConfigError(f'{library} is not installed: pip install "chakra-orm[{library}]"') from None
    return msgspec_struct


__all__ = ["Conversions"]
