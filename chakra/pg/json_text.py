"""The one way a Python object becomes the text of a json or jsonb value, whichever path carries it."""

from __future__ import annotations

import json
from typing import Any


class JsonText(str):
    """Text that is a document of JSON, where any other ``str`` is a string of one: what columns give for json inside
    lists and composites, so that it can be written back.
    """

    __slots__ = ()


def dump_json(value: Any) -> str:
    """Render a document without spaces and with its characters as they are.

    Raises:
        TypeError: the object is none that JSON knows.
        ValueError: it holds a NaN or an infinity, for which JSON has no word, or itself.
    """
    if type(value) is JsonText:
        return str(value)
    return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)


__all__ = ["JsonText", "dump_json"]
