"""Arrays, composites, ranges, multiranges and vectors: a container means the same wherever it stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from chakra.pg.composites import fields_of
from chakra.pg.conversion.base import Conversion, Unfit, as_str, refuse
from chakra.pg.conversion.numbers import real
from chakra.pg.showing import reason, shown
from chakra.pg.types import PgType

Convert = Callable[[Any], Any]
_BOUNDS = frozenset({"lower", "upper", "lower_inc", "upper_inc", "empty"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """A range, with the attributes the driver's own class has; both bounds ``None`` for the empty one."""

    lower: Any
    upper: Any
    lower_inc: bool
    upper_inc: bool
    isempty: bool


_made: Callable[[Bounds], Any] = lambda bounds: bounds  # noqa: E731


def make_ranges_by(make: Callable[[Bounds], Any]) -> None:
    """Say what ranges become; the driver takes no class but its own, which only ``chakra.db`` knows."""
    global _made
    _made = make


def items_of(value: Any) -> list[Any]:
    """The elements of what stands for an array: a list, a tuple, a NumPy array."""
    if isinstance(value, list):
        return value
    if isinstance(value, tuple):
        return list(value)
    tolist = getattr(value, "tolist", None)
    if tolist is not None and getattr(value, "ndim", 0) > 0 and hasattr(value, "dtype"):
        return tolist() if value.dtype.kind not in "mM" else list(value)
    for name in ("to_pylist", "as_py", "to_list"):  # of Arrow and Polars
        read = getattr(value, name, None)
        if read is not None and isinstance(found := read(), list):
            return found
    refuse("a list", value)


def _array(value: Any, *, inner: Conversion, inner_type: PgType, element: Convert, ndims: int) -> list[Any]:
    if ndims == 1 and type(value) is list and inner.leaves(value):
        return value

    # The server counts no dimensions of a column: what the data has beyond those declared are dimensions as well.
    nested = dimension_test(inner_type)

    def convert(item: Any, depth: int) -> Any:
        if item is None:
            return None
        if depth < max(ndims, 1):
            return [convert(member, depth + 1) for member in items_of(item)]
        if nested(item):
            return [convert(member, depth) for member in items_of(item)]
        return element(item)

    found: list[Any] = convert(value, 0)
    return found


def dimension_test(element: PgType) -> Callable[[Any], bool]:
    """What tells whether an element of an array is not a value of the type, but one more dimension of them."""
    found = _NESTS.get(element.name)
    if found is None:
        return _list_of_containers if element.kind in _TAKES_LISTS else _has_items
    return found


def depth_of(value: Any, declared: int, element: PgType) -> int:
    """How many dimensions the value of an array has, at least those declared.

    Raises:
        Unfit: it is no array.
    """
    nested, items, depth = dimension_test(element), items_of(value), 1
    while True:
        first = next((item for item in items if item is not None), None)
        if first is None or not (depth < declared or nested(first)):
            return max(depth, declared)
        items, depth = items_of(first), depth + 1


def _has_items(item: Any) -> bool:
    return isinstance(item, list | tuple) or (getattr(item, "ndim", 0) > 0 and hasattr(item, "dtype"))


def _list_of_containers(items: Any) -> bool:
    """Whether a list, among values that may be lists themselves (composites, ranges), is a dimension of them."""
    return isinstance(items, list) and all(
        item is None
        or isinstance(item, list | tuple | Mapping)
        or hasattr(item, "keys")
        or hasattr(item, "isempty")
        for item in items
    )


def _never(item: Any) -> bool:
    return False


_TAKES_LISTS = frozenset({"composite", "range", "multirange"})
_NESTS: Mapping[str, Callable[[Any], bool]] = {
    **{name: _never for name in ("json", "jsonb", "vector", "halfvec", "path", "polygon")},
    **{name: _list_of_containers for name in ("point", "lseg", "box", "line", "circle")},
}
"""Types whose values may be lists, and whether a list of them is a dimension."""


def _composite(value: Any, *, fields: tuple[tuple[str, Convert], ...], title: str) -> tuple[Any, ...]:
    try:
        items = fields_of(value, [name for name, _ in fields], title)
    except (TypeError, ValueError) as error:
        raise Unfit(reason(error)) from None
    found = []
    for (name, convert), item in zip(fields, items, strict=True):
        try:
            found.append(None if item is None else convert(item))
        except Unfit as error:
            raise Unfit(f"field {name}: {error}") from None
    return tuple(found)


def _range(value: Any, *, element: Convert) -> Any:
    return _made(bounds_of(value, element))


def bounds_of(value: Any, element: Convert) -> Bounds:
    """A range out of what stands for one, its bounds converted.

    Raises:
        Unfit: it is none, or its lower bound is above its upper one.
    """
    text = as_str(value)
    if text is not None:
        found = _parsed(text)
    elif isinstance(value, Mapping):
        unknown = sorted(str(key) for key in value if key not in _BOUNDS)
        if unknown:
            raise Unfit(f"a range has no {', '.join(unknown)}; it has {', '.join(sorted(_BOUNDS))}")
        if value.get("empty"):
            found = Bounds(None, None, False, False, True)
        else:
            missing = [name for name in ("lower", "upper", "lower_inc", "upper_inc") if name not in value]
            if missing:
                raise Unfit(f"a dict for a range says its bounds: {', '.join(missing)} is missing")
            found = Bounds(
                value["lower"], value["upper"], bool(value["lower_inc"]), bool(value["upper_inc"]), False
            )
    elif isinstance(value, list | tuple):
        if len(value) != 2:
            raise Unfit("a range has two bounds: (0, 5) means [0, 5)")
        found = Bounds(value[0], value[1], value[0] is not None, False, False)
    elif hasattr(value, "lower_inc") and hasattr(value, "isempty"):  # asyncpg's Range
        found = Bounds(value.lower, value.upper, value.lower_inc, value.upper_inc, value.isempty)
    elif isinstance(value, range) and value.step == 1:
        found = Bounds(value.start, value.stop, True, False, False)
    else:
        refuse("a range: (lower, upper), a Range, a dict with its bounds, or text such as [0,5)", value)
    if found.isempty:
        return Bounds(None, None, False, False, True)
    lower, upper = (None if bound is None else element(bound) for bound in (found.lower, found.upper))
    if lower is not None and upper is not None:
        try:
            backwards = lower > upper
        except TypeError:
            backwards = False
        if backwards:
            raise Unfit("its lower bound is above its upper one")
    return Bounds(
        lower, upper, found.lower_inc and lower is not None, found.upper_inc and upper is not None, False
    )


def _parsed(text: str) -> Bounds:
    """The text of a range (manual, 8.17.5); its bounds are texts."""
    text = text.strip()
    if text.lower() == "empty":
        return Bounds(None, None, False, False, True)
    if len(text) < 3 or text[0] not in "[(" or text[-1] not in "])":
        raise Unfit("expected the text of a range, such as [0,5)")
    parts: list[str | None] = []
    at, end = 1, len(text) - 1
    while True:
        part, quoted = [], False
        while at < end and text[at] != ",":
            if text[at] == '"':
                quoted = True
                at += 1
                while at < end and not (text[at] == '"' and text[at + 1 : at + 2] != '"'):
                    at += 1 if text[at] == "\\" or text[at] == '"' else 0
                    part.append(text[at])
                    at += 1
                at += 1
            else:
                at += text[at] == "\\"
                part.append(text[at])
                at += 1
        parts.append("".join(part) if part or quoted else None)
        if at >= end:
            break
        at += 1
        if at == end:
            parts.append(None)
            break
    if len(parts) != 2:
        raise Unfit("expected the text of a range, such as [0,5)")
    return Bounds(parts[0], parts[1], text[0] == "[", text[-1] == "]", False)


def _multirange(value: Any, *, element: Convert) -> list[Any]:
    if as_str(value) is not None or isinstance(value, Mapping) or not hasattr(value, "__len__"):
        refuse("a list of ranges", value)
    return [element(item) for item in value]


def _vector(value: Any, *, dimensions: int | None) -> list[float]:
    text = as_str(value)
    if text is not None:
        try:
            value = json.loads(text)
        except ValueError:
            raise Unfit("expected the text of a vector, such as [1,2,3]") from None
    numbers = items_of(value)
    if not set(map(type, numbers)) <= _NUMBERS:
        numbers = [_component(number) for number in numbers]
    if dimensions is not None and len(numbers) != dimensions:
        raise Unfit(f"it has {len(numbers)} dimensions, and the column {dimensions}")
    return numbers


_NUMBERS = frozenset({int, float})
_VECTORS = frozenset({"vector", "halfvec"})


def _component(number: Any) -> float:
    if number is None:
        raise Unfit("a vector holds no NULL")
    return real(number)


def _sparse(value: Any, *, dimensions: int | None) -> str:
    """The text of a sparse vector; its indices are from 1, those of the struct that columns have from 0."""
    text = as_str(value)
    if text is not None:
        return text
    if isinstance(value, Mapping) and set(value) == _SPARSE:
        found = {
            int(index) + 1: number for index, number in zip(value["indices"], value["values"], strict=True)
        }
        size = int(value["dimensions"])
    elif isinstance(value, Mapping):
        if dimensions is None:
            raise Unfit("a mapping of indices needs a column that says its dimensions")
        found, size = dict(value), dimensions
    else:
        numbers = items_of(value)
        found, size = dict(enumerate(numbers, 1)), len(numbers)
    if dimensions is not None and size != dimensions:
        raise Unfit(f"it has {size} dimensions, and the column {dimensions}")
    parts: list[str] = []
    for index, number in sorted(found.items()):
        if not isinstance(index, int) or not 1 <= index <= size:
            raise Unfit(f"its indices are whole numbers from 1 to {size}, not {shown(index)}")
        component = _component(number)
        if component:
            parts.append(f"{index}:{component!r}")
    return f"{{{','.join(parts)}}}/{size}"


_SPARSE = frozenset({"dimensions", "indices", "values"})


def _tuple(value: Any, *, convert: Convert) -> tuple[Any, ...]:
    return tuple(convert(value))


_DOCUMENTS = frozenset({"json", "jsonb"})


def _document(value: Any, *, convert: Convert) -> Any:
    """A document in an array; a list would be a dimension of it, to the driver."""
    return tuple(convert(value)) if isinstance(value, list) else convert(value)


def container_conversion(type_: PgType, of: Callable[[PgType], Conversion]) -> Conversion | None:
    """The conversion of a container, or ``None`` for other types.

    Args:
        of: gives the conversion of the types inside.
    """
    if type_.kind == "array":
        assert type_.element is not None
        inner = of(type_.element)
        element = inner.convert
        if type_.element.base.name in _VECTORS:  # a list would be a dimension of the array
            element = partial(_tuple, convert=element)
        elif type_.element.base.name in _DOCUMENTS:
            inner = replace(inner, usual=inner.usual - {list})
            element = partial(_document, convert=element)
        takes = "list, tuple or NumPy array of what the element takes; None for NULL"
        return Conversion(
            frozenset(),
            partial(_array, inner=inner, inner_type=type_.element.base, element=element, ndims=type_.ndims),
            takes,
        )
    if type_.kind == "composite":
        fields = tuple((name, of(inner).convert) for name, inner in type_.fields)
        takes = "mapping with exactly its fields, or a tuple in their order"
        return Conversion(frozenset(), partial(_composite, fields=fields, title=type_.sql), takes)
    if type_.kind == "range":
        assert type_.element is not None
        takes = "(lower, upper) for [lower, upper); Range; dict with its bounds; text"
        return Conversion(frozenset(), partial(_range, element=of(type_.element).convert), takes)
    if type_.kind == "multirange":
        assert type_.element is not None
        return Conversion(
            frozenset(), partial(_multirange, element=of(type_.element).convert), "list of ranges"
        )
    if type_.name in _VECTORS:
        dimensions = type_.modifiers[0] if type_.modifiers else None
        return Conversion(
            frozenset(), partial(_vector, dimensions=dimensions), "list or NumPy array of numbers; text"
        )
    if type_.name == "sparsevec":
        dimensions = type_.modifiers[0] if type_.modifiers else None
        takes = "list or NumPy array of numbers; mapping of indices, from 1, to numbers; text"
        return Conversion(frozenset(), partial(_sparse, dimensions=dimensions), takes)
    return None


__all__ = ["Bounds", "bounds_of", "container_conversion", "depth_of", "items_of", "make_ranges_by"]
