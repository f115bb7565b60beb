"""Reading one value of a setting: durations, whole numbers, switches; knows no setting by name."""

from __future__ import annotations

import re
from collections.abc import Callable

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
"""Seconds in each unit a duration may carry."""

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
_PLAIN = re.compile(r"\d+(?:\.\d+)?\Z")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def parse_duration(value: object) -> float:
    """Read a duration as seconds: ``"30s"``, ``"10m"``, ``"1h30m"``, ``"500ms"``; a bare number is seconds.

    Raises:
        ValueError: anything else; the message lists the units.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return float(value)
    if isinstance(value, str):
        text = value.strip().lower()
        if _PLAIN.match(text):
            return float(text)
        seconds, end = 0.0, 0
        for part in _PART.finditer(text):
            if text[end : part.start()].strip() or part[2] not in UNITS:
                break
            seconds += float(part[1]) * UNITS[part[2]]
            end = part.end()
        if end and end == len(text):
            return seconds
    raise ValueError(
        f"expected a duration such as '30s', '10m' or 1.5 (seconds), units {', '.join(UNITS)}; "
        f"found {value!r}"
    )


def parse_span(value: object) -> float:
    """Read a duration above 0.

    Raises:
        ValueError: anything else.
    """
    seconds = parse_duration(value)
    if not seconds:
        raise ValueError("expected a duration above 0")
    return seconds


def parse_count(value: object) -> int:
    """Read a whole number that is not negative.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    raise ValueError(f"expected a whole number, 0 or more, found {value!r}")


def parse_switch(value: object) -> bool:
    """Read a switch: a boolean, or ``true/false``, ``yes/no``, ``on/off``, ``1/0`` as text.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = value.strip().lower()
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
    raise ValueError(f"expected true or false, found {value!r}")


def parse_text(value: object) -> str:
    """Read a text that is not empty.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError(f"expected a text, found {value!r}")


def one_of(*choices: str) -> Callable[[object], str]:
    """Make a reader of one word out of several.

    The reader raises ``ValueError`` for anything else; the message lists the words.
    """

    def parse(value: object) -> str:
        word = value.strip().lower() if isinstance(value, str) else value
        if word not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}; found {value!r}")
        return str(word)

    return parse


def parse_urls(value: object) -> tuple[str, ...]:
    """Read several URLs: a list of texts, or one text in which spaces or ends of lines stand between them.

    Raises:
        ValueError: anything else; repeats nothing of it, as URLs hold passwords.
    """
    given = value.split() if isinstance(value, str) else value
    if (
        isinstance(given, list | tuple)
        and given
        and all(isinstance(url, str) and url.strip() for url in given)
    ):
        return tuple(given)
    raise ValueError("expected URLs, as a list of texts or as one text with spaces between them")


def parse_secret(value: object) -> str:
    """Read a text that is not empty and must not show in a message.

    Raises:
        ValueError: anything else; says what kind of value was found, never which.
    """
    if isinstance(value, str) and value.strip():
        return value
    found = "an empty text" if isinstance(value, str) else f"a value of type {type(value).__name__}"
    raise ValueError(f"expected a text, found {found}")


def parse_names(value: object) -> tuple[str, ...]:
    """Read dotted names of modules: a list of them, or a text with commas between them.

    Raises:
        ValueError: anything else.
    """
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"expected names of modules, found {value!r}")
    names = tuple([part.strip() for part in parts if part.strip()])
    for name in names:
        if not all(word.isidentifier() for word in name.split(".")):
            raise ValueError(f"expected names of modules, such as 'shop.models', found {name!r}")
    return names


__all__ = [
    "UNITS",
    "one_of",
    "parse_count",
    "parse_duration",
    "parse_names",
    "parse_secret",
    "parse_span",
    "parse_switch",
    "parse_text",
    "parse_urls",
]
