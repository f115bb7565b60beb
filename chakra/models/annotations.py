"""Reading annotations of model classes: under ``from __future__ import annotations``, inside functions, and with
names that do not exist yet. Below this module an annotation is a plain Python object."""

from __future__ import annotations

import builtins
import functools
import operator
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any

from chakra.errors import FieldError


class Forward:
    """A name that could not be found when the class was made; a model of that name may follow."""

    __slots__ = ("name", "nullable")

    def __init__(self, name: str, nullable: bool = False) -> None:
        self.name = name
        self.nullable = nullable

    def __or__(self, other: Any) -> Forward:
        return Forward(self.name, self.nullable or other is None or other is type(None))

    __ror__ = __or__

    def __getitem__(self, _: Any) -> Forward:
        return self

    def __repr__(self) -> str:
        return self.name


class _Names(dict[str, Any]):
    """Local names first, then the module's, then builtins; anything else becomes a ``Forward``."""

    def __init__(self, namespaces: list[Mapping[str, Any]]) -> None:
        super().__init__()
        self.namespaces = namespaces

    def __missing__(self, name: str) -> Any:
        for namespace in self.namespaces:
            if name in namespace:
                return namespace[name]
        return Forward(name)


def own_annotations(namespace: dict[str, Any], module: str, depth: int) -> dict[str, Any]:
    """Return the evaluated annotations of a class body.

    Args:
        namespace: the class body.
        module: name of the module it stands in.
        depth: how many frames above this call the class statement is.
    """
    raw = namespace.get("__annotations__")
    if raw is None and sys.version_info >= (3, 14):
        import annotationlib

        annotate = annotationlib.get_annotate_from_class_namespace(namespace)
        raw = (
            {}
            if annotate is None
            else annotationlib.call_annotate_function(annotate, annotationlib.Format.FORWARDREF)
        )
    if not raw:
        return {}
    frame = sys._getframe(depth)
    scope: list[Mapping[str, Any]] = [namespace]
    while frame is not None and frame.f_globals.get("__name__") == module:
        scope.append(frame.f_locals)
        if frame.f_back is None or frame.f_code.co_name == "<module>":
            break
        frame = frame.f_back
    found = sys.modules.get(module)
    scope += [vars(found) if found is not None else {}, vars(builtins)]
    names = _Names(scope)
    return {name: evaluate(value, names) for name, value in raw.items()}


def evaluate(value: Any, names: Mapping[str, Any]) -> Any:
    """Evaluate an annotation, and string arguments inside it.

    Raises:
        FieldError: the text is not an expression.
    """
    text = getattr(value, "__forward_arg__", value)
    if isinstance(text, str):
        try:
            value = eval(text, {"__builtins__": {}}, names)
        except (SyntaxError, TypeError, AttributeError) as error:
            raise FieldError(f"cannot read the annotation {text!r}: {error}") from error
    origin, arguments = typing.get_origin(value), typing.get_args(value)
    if origin is None or origin is typing.Literal or not any(map(_unfinished, arguments)):
        return value
    parts = tuple(evaluate(a, names) for a in arguments)
    if origin is typing.Union or origin is types.UnionType:
        return functools.reduce(operator.or_, parts)
    return types.GenericAlias(origin, parts)


def _unfinished(argument: Any) -> bool:
    """Whether text that is yet to be evaluated stands anywhere in a type argument."""
    if isinstance(argument, str) or hasattr(argument, "__forward_arg__"):
        return True
    return typing.get_origin(argument) is not typing.Literal and any(
        map(_unfinished, typing.get_args(argument))
    )


def split_optional(annotation: Any) -> tuple[Any, bool]:
    """Take ``None`` out of a union: ``str | None`` → ``(str, True)``."""
    if isinstance(annotation, Forward):
        return Forward(annotation.name), annotation.nullable
    origin = typing.get_origin(annotation)
    if origin is typing.Union or origin is types.UnionType:
        rest = [a for a in typing.get_args(annotation) if a is not type(None)]
        if len(rest) < len(typing.get_args(annotation)):
            return functools.reduce(operator.or_, rest), True
        return annotation, False
    return annotation, False


__all__ = ["Forward", "evaluate", "own_annotations", "split_optional"]
