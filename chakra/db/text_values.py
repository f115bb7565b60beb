"""Text of arrays, composites and ranges, both ways, for types that have no binary format we know; pure.

Formats: manual, 8.15.6 (array input and output), 8.16.6 (composite), 8.17.5 (range); ``arrayfuncs.c``, ``rowtypes.c``,
``rangetypes.c``, ``multirangetypes.c``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from asyncpg.types import Range

Read: TypeAlias = Callable[[str], Any]
Write: TypeAlias = Callable[[Any], str]

_BOUNDS = re.compile(r"(?:\[[^=\]]*\])+=")
_ESCAPED = re.compile(r"\\(.)", re.S)
_FIELD = re.compile(r'"((?:[^"\\]|\\.|"")*)"|([^,()"\\]*)', re.S)
_BOUND = re.compile(r'"((?:[^"\\]|\\.|"")*)"|([^,()\[\]"\\]*)', re.S)
_ESCAPED_ITEM = re.compile(r'\\(.)|"(")', re.S)


class Composite(tuple[Any, ...]):
    """A composite value that came as text; fields by position and by name, as in the driver's records."""

    __slots__ = ()

    names: tuple[str, ...] = ()

    def keys(self) -> tuple[str, ...]:
        """The names of the fields, in order."""
        return self.names

    def values(self) -> tuple[Any, ...]:
        """The values, in the order of the fields."""
        return tuple(self)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Pairs of name and value."""
        return zip(self.names, self, strict=True)

    def get(self, name: str, default: Any = None) -> Any:
        """The field of that name, or the default."""
        return self[name] if name in self.names else default

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        try:
            return super().__getitem__(self.names.index(key))
        except ValueError:
            raise KeyError(key) from None


def read_array(text: str, delimiter: str, read: Read) -> list[Any]:
    """The nested lists of an array's text.

    Raises:
        ValueError: it is not the text of an array.
    """
    body = _BOUNDS.match(text)
    at = body.end() if body is not None else 0
    quoted = r'"((?:[^"\\]|\\.)*)"'
    token = re.compile(rf"[{{}}{re.escape(delimiter)}]|{quoted}|([^{{}}\"{re.escape(delimiter)}]+)", re.S)
    stack: list[list[Any]] = []
    while at < len(text):
        found = token.match(text, at)
        if found is None:
            break
        at = found.end()
        mark = found[0]
        if mark == "{":
            stack.append([])
        elif mark == "}" and stack:
            whole = stack.pop()
            if not stack:
                if at != len(text):
                    break
                return whole
            stack[-1].append(whole)
        elif mark == delimiter:
            continue
        elif not stack:
            break
        elif found[1] is not None:
            stack[-1].append(read(_ESCAPED.sub(r"\1", found[1])))
        else:
            stack[-1].append(None if mark.upper() == "NULL" else read(mark))
    raise ValueError(f"not the text of an array: {text!r:.80}")


def write_array(value: Any, delimiter: str, write: Write) -> str:
    """The text of an array; what is like a list nests, tuples and records are values."""
    if not _is_list(value):
        raise TypeError(f"expected a list, got {type(value).__name__}")
    parts = []
    for item in value:
        if item is None:
            parts.append("NULL")
        elif _is_list(item) and not isinstance(item, tuple):
            parts.append(write_array(item, delimiter, write))
        else:
            parts.append(_quoted(write(item)))
    if parts and set(parts) == {"{}"}:  # array_in() refuses "{{}}" before PostgreSQL 17
        return "{}"
    return "{" + delimiter.join(parts) + "}"


def _is_list(value: Any) -> bool:
    """What the driver takes for an array: iterable, of a known length, and neither text nor bytes nor a mapping."""
    if isinstance(value, str | bytes | bytearray | memoryview | Mapping) or hasattr(value, "keys"):
        return isinstance(value, tuple)
    return hasattr(value, "__len__") and hasattr(value, "__iter__")


def read_items(text: str) -> list[str | None]:
    """The texts of a composite's fields, ``None`` for NULL.

    Raises:
        ValueError: it is not the text of a composite.
    """
    if text == "()":
        return [None]
    found, at = _items(_FIELD, text, 1)
    if text[:1] != "(" or text[at:] != ")":
        raise ValueError(f"not the text of a composite: {text!r:.80}")
    return found


def write_items(values: Sequence[str | None]) -> str:
    """The text of a composite."""
    return "(" + ",".join("" if v is None else _quoted(v) for v in values) + ")"


def read_range(text: str, read: Read) -> Range:
    """The range of a text.

    Raises:
        ValueError: it is not the text of a range.
    """
    if text == "empty":
        return Range(empty=True)
    bounds, at = _items(_BOUND, text, 1)
    if len(bounds) != 2 or text[:1] not in ("[", "(") or text[at:] not in ("]", ")"):
        raise ValueError(f"not the text of a range: {text!r:.80}")
    lower, upper = (None if bound is None else read(bound) for bound in bounds)
    return Range(lower, upper, lower_inc=text[0] == "[", upper_inc=text[-1] == "]")


def write_range(value: Any, write: Write) -> str:
    """The text of a range: an asyncpg ``Range``, or a tuple of up to two bounds, as the driver takes it."""
    if isinstance(value, tuple | list):
        if len(value) > 2:
            raise ValueError(f"expected 0, 1 or 2 elements in a range, got {len(value)}")
        lower, upper = (*value, None, None)[:2]
        value = Range(lower, upper, lower_inc=True, upper_inc=len(value) == 2, empty=not value)
    if not isinstance(value, Range):
        raise TypeError(f"expected a Range, a tuple or a list, got {type(value).__name__}")
    if value.isempty:
        return "empty"
    lower, upper = ("" if v is None else _quoted(write(v)) for v in (value.lower, value.upper))
    return f"{'[' if value.lower_inc else '('}{lower},{upper}{']' if value.upper_inc else ')'}"


def read_multirange(text: str, read: Read) -> list[Range]:
    """The ranges of a multirange's text.

    Raises:
        ValueError: it is not the text of a multirange.
    """
    if text[:1] != "{" or text[-1:] != "}":
        raise ValueError(f"not the text of a multirange: {text!r:.80}")
    found, at = [], 1
    while at < len(text) - 1:
        _, end = _items(_BOUND, text, at + 1)
        found.append(read_range(text[at : end + 1], read))
        at = end + 2  # the bracket and the comma behind it
    return found


def write_multirange(value: Any, write: Write) -> str:
    """The text of a multirange."""
    return "{" + ",".join(write_range(item, write) for item in value) + "}"


def _items(item_at: re.Pattern[str], text: str, at: int) -> tuple[list[str | None], int]:
    """Items between commas from ``at`` on, unquoted, and where the first one ends that no comma follows."""
    found: list[str | None] = []
    while True:
        parts: list[str] = []
        quoted = False
        while (item := item_at.match(text, at)) is not None and item.end() > at:
            at = item.end()
            if item[1] is not None:
                quoted = True
                parts.append(_ESCAPED_ITEM.sub(lambda m: m[1] or m[2], item[1]))
            else:
                parts.append(item[2])
        found.append("".join(parts) if parts or quoted else None)
        if text[at : at + 1] != ",":
            return found, at
        at += 1


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


__all__ = [
    "Composite",
    "read_array",
    "read_items",
    "read_multirange",
    "read_range",
    "write_array",
    "write_items",
    "write_multirange",
    "write_range",
]
