"""Values in messages: hidden unless somebody asked for them, for errors and logs go to more people than rows do.

The setting ``debug.show_values`` is what switches it. It is of the process, as messages are made where no database is
known.
"""

from __future__ import annotations

import re
from typing import Any, Final


class Showing:
    """Whether values may stand in messages.

    Attributes:
        values: they may.
    """

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values = False


showing: Final = Showing()
"""The one of this process."""

LONGEST: Final = 80
"""Characters of a value that are shown."""

_PLAIN = (None, True, False)


def shown(value: Any) -> str:
    """A value in a message: by its class (``a str``), or, where values are shown, cut where it is long. What has no
    ``repr()`` (``10**5000``) stands there by its class, too.
    """
    if not showing.values:
        return _by_class(value)
    try:
        text = repr(value)
    except Exception as error:
        return f"<{type(value).__name__}: {error}>"
    return cut(text)


def shown_text(text: str, what: str = "a value") -> str:
    """The spelling of a value, made by somebody else, or what it is."""
    return cut(text) if showing.values else what


def cut(text: str) -> str:
    """A text with ``…`` where it is long."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} …"


def _by_class(value: Any) -> str:
    if any(value is each for each in _PLAIN):
        return repr(value)
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


# Names in front of which the server says what they are of; anything else in quotes may be a value.
_QUOTED = re.compile(
    r"""(?P<kept>\b(?:constraint|column|relation|parameter|attribute|encoding|domain) "[^"]*")"""
    r"""|(?:"(?P<double>.*)"|'(?!\w+' (?:object|and|or)\b)(?P<single>.*)')""",
    re.DOTALL,
)


def without_quoted(text: str) -> str:
    """A message of the server, the driver or Python about a value, with ``…`` in place of what stands in quotes.

    From the first quote to the last, for a value may have quotes in it.
    """
    return _QUOTED.sub(lambda found: found["kept"] or ('"…"' if found["double"] is not None else "'…'"), text)


def reason(error: BaseException | str) -> str:
    """Why a value was refused, in the words of whoever did, without the value; an error with ``own_words`` has none in
    it.
    """
    if showing.values or getattr(error, "own_words", False):
        return str(error)
    return without_quoted(str(error))


def cause(error: BaseException) -> BaseException | None:
    """What an error about a value may be chained to: tracebacks show the messages of both."""
    return error if showing.values else None


__all__ = ["LONGEST", "cause", "cut", "reason", "showing", "shown", "shown_text", "without_quoted"]
