"""The lookups table: what each word after ``__`` means in SQL. A new lookup is one row here and one test row.

A *lookup* compares (``age__gte=18``); a *transform* takes a part of a value and may be followed by another
transform or a lookup (``created_at__year__gte=2020``); transforms are rows of the table of functions
(``chakra.expressions.calls``).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from chakra.errors import DataError, FieldError
from chakra.expressions.calls import check_word, find_transform
from chakra.expressions.library import TRANSFORMS
from chakra.expressions.lookup_rule import LookupRule, as_list, pair
from chakra.expressions.part_lookups import PART_LOOKUPS
from chakra.expressions.range_lookups import RANGE_LOOKUPS
from chakra.expressions.rules import is_unordered
from chakra.expressions.search_lookups import SEARCH_LOOKUPS, VECTOR_LOOKUPS
from chakra.pg.json_text import JSON_NULL
from chakra.pg.types import PgType


def escape_like(value: Any) -> str:
    """Make ``%``, ``_`` and the backslash of a LIKE pattern match themselves."""
    if not isinstance(value, str):
        value = _as_text(value)
    if "\\" in value or "%" in value or "_" in value:
        return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")  # type: ignore[no-any-return]
    return value  # type: ignore[no-any-return]


def _as_text(value: Any) -> str:
    if value is JSON_NULL:
        raise DataError("JSON_NULL is a document and no text to look for: compare with exact, ne or in")
    return str(value)


def _contains(value: Any) -> str:
    return f"%{escape_like(value)}%"


def _starts(value: Any) -> str:
    return f"{escape_like(value)}%"


def _ends(value: Any) -> str:
    return f"%{escape_like(value)}"


LOOKUPS: dict[str, LookupRule] = {
    "exact": LookupRule("{l} = {r}"),
    "ne": LookupRule("{l} <> {r}"),
    "gt": LookupRule("{l} > {r}"),
    "gte": LookupRule("{l} >= {r}"),
    "lt": LookupRule("{l} < {r}"),
    "lte": LookupRule("{l} <= {r}"),
    "in": LookupRule("{l} = ANY({r})", "array", as_list, "{l} IN {r}"),
    "range": LookupRule("{l} BETWEEN {r0} AND {r1}", "pair", pair),
    "iexact": LookupRule("lower({l}) = lower({r})", "text", _as_text, text=True),
    "contains": LookupRule("{l} LIKE {r}", "text", _contains, "strpos({l}, {r}) > 0", text=True),
    "icontains": LookupRule(
        "{l} ILIKE {r}", "text", _contains, "strpos(lower({l}), lower({r})) > 0", text=True
    ),
    "startswith": LookupRule("{l} LIKE {r}", "text", _starts, "starts_with({l}, {r})", text=True),
    "istartswith": LookupRule(
        "{l} ILIKE {r}", "text", _starts, "starts_with(lower({l}), lower({r}))", text=True
    ),
    "endswith": LookupRule("{l} LIKE {r}", "text", _ends, "right({l}, length({r})) = {r}", text=True),
    "iendswith": LookupRule(
        "{l} ILIKE {r}", "text", _ends, "lower(right({l}, length({r}))) = lower({r})", text=True
    ),
    "regex": LookupRule("{l} ~ {r}", "text", text=True),
    "iregex": LookupRule("{l} ~* {r}", "text", text=True),
    **SEARCH_LOOKUPS,
}

# The server has no strpos, starts_with and right of citext that go by its equality.
_FOLDED = {
    (word, "citext"): replace(LOOKUPS[word], dynamic=LOOKUPS[f"i{word}"].dynamic)
    for word in ("contains", "startswith", "endswith")
}

# Words that mean something of their own on some types: (word, name of the left type, or its kind) → rule.
CONTAINER_LOOKUPS: dict[tuple[str, str], LookupRule] = {
    ("contains", "array"): LookupRule("{l} @> {r}"),
    ("contained_by", "array"): LookupRule("{l} <@ {r}"),
    ("overlap", "array"): LookupRule("{l} && {r}"),
    **RANGE_LOOKUPS,
    **PART_LOOKUPS,
    **VECTOR_LOOKUPS,
    **_FOLDED,
}


_OWN = frozenset({name for _, name in CONTAINER_LOOKUPS})
"""Names and kinds of types on which a word has a meaning of its own."""

_NO_TEXTS = frozenset({"array", "range", "multirange", "composite", "hstore"})
"""Kinds of values whose text is not searched: it is a notation, in which a bracket or a comma is found as well."""


def find_lookup(name: str, left: PgType | None) -> LookupRule | None:
    """The rule for a word on a left side of that type, or ``None`` if there is none."""
    if left is None:
        return LOOKUPS.get(name)
    base = left.base
    if base.name in _OWN or base.kind in _OWN:
        own = CONTAINER_LOOKUPS.get((name, base.name)) or CONTAINER_LOOKUPS.get((name, base.kind))
        if own is not None and not (base.kind == "array" and is_unordered(base)):
            return own
    found = LOOKUPS.get(name)
    return None if found is not None and _has_not(base, name, found) else found


_EQUALITY = frozenset({"exact", "ne", "in"})
_ORDER = frozenset({"gt", "gte", "lt", "lte", "range"})
_NOT_EQUAL = frozenset({"xml", "jsonpath"})
_NO_SIZE = _NOT_EQUAL | {"point", "polygon", "line", "hstore"}
"""Types whose values the server does not compare with ``<``; of boxes, circles, paths and segments it does, by size."""


def _has_not(base: PgType, name: str, rule: LookupRule) -> bool:
    """Whether a type has no such lookup, which others have."""
    if rule.text:
        return not _has_text(base)
    if base.kind == "array" and is_unordered(base):
        return name in _EQUALITY or name in _ORDER
    return (name in _ORDER and base.name in _NO_SIZE) or (name in _EQUALITY and base.name in _NOT_EQUAL)


def _has_text(base: PgType) -> bool:
    return base.kind not in _NO_TEXTS and base.name not in _NO_TEXTS


def is_lookup(word: str) -> bool:
    """Whether a word is a lookup, of values of whatever type."""
    return word in LOOKUPS or any(word == known for known, _ in CONTAINER_LOOKUPS)


def known_words(left: PgType | None) -> str:
    """The lookups and transforms that apply to a type, for error messages."""
    words = set(LOOKUPS) | {"isnull"}
    if left is not None:
        base = left.base
        words -= {n for n, rule in LOOKUPS.items() if _has_not(base, n, rule)}
        words |= {word for word in TRANSFORMS if find_transform(word, base) is not None}
        words |= {n for n, on in CONTAINER_LOOKUPS if on in (base.name, base.kind) and find_lookup(n, base)}
    return ", ".join(sorted(words))


def register_lookup(word: str, sql: str, *, text: bool = False) -> None:
    """Add a lookup of your own: ``register_lookup("similar_to", "{l} SIMILAR TO {r}", text=True)``.

    Args:
        word: what it is called in paths.
        sql: SQL with ``{l}`` for the value on the left and ``{r}`` for the one on the right, which is always a
            parameter or an expression. It is SQL of the program, and no place for what its users enter.
        text: whether both sides are texts; else the right one is of the left one's type.

    Raises:
        FieldError: the word is none, or means something already; the SQL has other places, or misses one.
    """
    taken = LOOKUPS | dict.fromkeys(name for name, _ in CONTAINER_LOOKUPS)
    check_word(word, taken, "words of lookups")
    if re.findall(r"\{[^}]*\}?", sql) not in (["{l}", "{r}"], ["{r}", "{l}"]):
        raise FieldError(f"register_lookup({word!r}): the SQL needs {{l}} and {{r}}, each once, not {sql!r}")
    LOOKUPS[word] = LookupRule(f"({sql})", "text" if text else "same", text=text)


__all__ = [
    "CONTAINER_LOOKUPS",
    "LOOKUPS",
    "LookupRule",
    "escape_like",
    "find_lookup",
    "is_lookup",
    "known_words",
    "register_lookup",
]
