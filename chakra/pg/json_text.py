"""The one way a Python object becomes the text of a json or jsonb value, whichever path carries it, and back."""

from __future__ import annotations

import json
from typing import Any, Final, Literal, final


class JsonText(str):
    """Text that is a document of JSON, where any other ``str`` is a string of one: what columns give for json inside
    lists and composites, so that it can be written back.
    """

    __slots__ = ()


@final
class JsonNull:
    """The class of :data:`JSON_NULL`, for annotations: ``data: Field[dict[str, Any] | JsonNull]``."""

    __slots__ = ()

    def __new__(cls) -> JsonNull:
        """The one there is."""
        return JSON_NULL

    def __repr__(self) -> str:
        return "JSON_NULL"

    def __bool__(self) -> Literal[False]:
        return False

    def __reduce__(self) -> str:
        return "JSON_NULL"


JSON_NULL: Final[JsonNull] = object.__new__(JsonNull)
"""The document ``null`` as the value of a json or jsonb column, where ``None`` is SQL's NULL, no document at all.

It is written, asked for and read as such; inside of documents ``None`` means the same. It is false, and the only one of
its class.
"""


def _other(value: Any) -> None:
    """What stands for an object that the JSON of the standard library does not know."""
    if value is not JSON_NULL:
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":"), ensure_ascii=False, default=_other).encode
_decode = json.JSONDecoder().decode


def dump_json(value: Any) -> str:
    """Render a document without spaces and with its characters as they are.

    Raises:
        TypeError: the object is none that JSON knows.
        ValueError: it holds a NaN or an infinity, for which JSON has no word, or itself.
    """
    return str(value) if type(value) is JsonText else _encode(value)


def load_json(text: str) -> Any:
    """The value of a document, which is never ``None``: that is NULL, where there is no document."""
    found = _decode(text)
    return JSON_NULL if found is None else found


__all__ = ["JSON_NULL", "JsonNull", "JsonText", "dump_json", "load_json"]
