"""Values of parameters as a command line has them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def values_of(texts: Iterable[str]) -> list[Any]:
    """Numbers, true, false and null as such, texts in double quotes without them, all else as it stands."""
    return [_value(text) for text in texts]


def _value(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(found, dict | list) else found


__all__ = ["values_of"]
