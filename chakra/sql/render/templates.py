"""Templates of SQL: text, and places for the sides of lookups and the arguments of functions."""

from __future__ import annotations

from functools import cache


@cache
def split(template: str) -> tuple[tuple[str, str], ...]:
    """Cut ``{l} LIKE {r}`` into ``("l", …)``, ``("text", " LIKE ")``, ``("r", …)``; ``{{`` is a brace of the text."""
    found: list[tuple[str, str]] = []
    rest = template
    while rest:
        text, brace, rest = rest.partition("{")
        if brace and rest.startswith("{"):
            text, brace, rest = text + "{", "", rest[1:]
        if text:
            found.append(("text", text))
        if brace:
            name, _, rest = rest.partition("}")
            found.append((name, name))
    return tuple(found)


__all__ = ["split"]
