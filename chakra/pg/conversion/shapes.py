"""Points and what is made of them, row addresses: a few numbers, as tuples or by the names of their parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from chakra.pg.conversion.base import Conversion, Unfit, as_str, refuse
from chakra.pg.conversion.numbers import real, whole
from chakra.pg.types import PgType

# Names of the numbers where a value is a mapping: those of the structs that columns have.
PARTS: Mapping[str, tuple[str, ...]] = {
    "point": ("x", "y"),
    "lseg": ("x1", "y1", "x2", "y2"),
    "box": ("x1", "y1", "x2", "y2"),
    "line": ("a", "b", "c"),
    "circle": ("x", "y", "r"),
}
_BLOCKS, _OFFSETS = 2**32, 2**16  # src/include/storage/itemptr.h


def _members(value: Any, names: Sequence[str], what: str) -> Sequence[Any]:
    """The parts of a mapping with just these names, or the members of a sequence."""
    if isinstance(value, Mapping):
        if set(value) != set(names):
            raise Unfit(f"expected the fields {', '.join(names)}, found {', '.join(map(str, value))}")
        return [value[name] for name in names]
    if as_str(value) is not None or isinstance(value, bytes) or not hasattr(value, "__getitem__"):
        refuse(what, value)
    return list(value)


def _number(value: Any) -> float:
    if value is None:
        raise Unfit("one of its numbers is NULL")
    return real(value)


def _point(value: Any) -> tuple[float, float]:
    numbers = _members(value, PARTS["point"], "a point: (x, y)")
    if len(numbers) != 2:
        raise Unfit("a point has two numbers: (x, y)")
    return _number(numbers[0]), _number(numbers[1])


def _ends(value: Any, *, name: str) -> tuple[tuple[float, float], tuple[float, float]]:
    found = _members(value, PARTS[name], "two points: ((x1, y1), (x2, y2))")
    if len(found) == 4:
        found = (found[:2], found[2:])
    if len(found) != 2:
        raise Unfit("expected two points: ((x1, y1), (x2, y2))")
    return _point(found[0]), _point(found[1])


def _line(value: Any) -> tuple[float, ...]:
    numbers = _members(value, PARTS["line"], "a line: (a, b, c)")
    if len(numbers) != 3:
        raise Unfit("a line has three numbers, a, b and c of ax + by + c = 0")
    return tuple(map(_number, numbers))


def _circle(value: Any) -> tuple[tuple[float, float], float]:
    found = _members(value, PARTS["circle"], "a circle: ((x, y), radius)")
    if len(found) == 3:
        found = (found[:2], found[2])
    if len(found) != 2:
        raise Unfit("expected a circle: ((x, y), radius)")
    return _point(found[0]), _number(found[1])


def _points(value: Any) -> list[tuple[float, float]]:
    if as_str(value) is not None or isinstance(value, Mapping) or not hasattr(value, "__iter__"):
        refuse("a list of points", value)
    found = list(map(_point, value))
    if not found:
        raise Unfit("it has no point")
    return found


def _polygon(value: Any) -> tuple[tuple[float, float], ...]:
    return tuple(_points(value))


def _path(value: Any) -> Any:
    """A closed path is a tuple, an open one a list; the driver tells them apart the same way."""
    if isinstance(value, Mapping):
        closed, value = _members(value, ("closed", "points"), "a path")
        if not isinstance(closed, bool):
            refuse("a bool as closed", closed)
    else:
        closed = getattr(value, "is_closed", isinstance(value, tuple))
    return tuple(_points(value)) if closed else _points(value)


def _tid(value: Any) -> tuple[int, int]:
    found = _members(value, ("block", "offset"), "a row address: (block, offset)")
    if len(found) != 2:
        raise Unfit("a row address has two numbers: (block, offset)")
    block, offset = whole(found[0]), whole(found[1])
    if not (0 <= block < _BLOCKS and 0 <= offset < _OFFSETS):
        raise Unfit("it is out of range of row addresses")
    return block, offset


_SHAPES: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "point": (_point, "(x, y); mapping of x, y"),
    "lseg": (partial(_ends, name="lseg"), "two points; mapping of x1, y1, x2, y2"),
    "box": (partial(_ends, name="box"), "two points; mapping of x1, y1, x2, y2"),
    "line": (_line, "(a, b, c); mapping of them"),
    "circle": (_circle, "((x, y), radius); mapping of x, y, r"),
    "path": (_path, "tuple of points, closed; list of points, open; mapping of closed, points"),
    "polygon": (_polygon, "list or tuple of points"),
    "tid": (_tid, "(block, offset); mapping of them"),
}


def shape_conversion(type_: PgType) -> Conversion | None:
    """The conversion of a geometric type or of row addresses, or ``None`` for others."""
    found = _SHAPES.get(type_.name)
    return None if found is None else Conversion(frozenset(), *found)


__all__ = ["PARTS", "shape_conversion"]
