"""What an error says of a name that is none: the nearest one there is, or what others call by it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from chakra.errors import FieldError
from chakra.expressions import Combined, Expression, F
from chakra.expressions.values import Operation, Prefixed

LOOKUPS: dict[str, str] = {
    "like": "contains, startswith, endswith, or regex for patterns",
    "ilike": "icontains, istartswith, iendswith, or iregex for patterns",
    "between": "range, both ends included, or gte and lt",
    "eq": "exact, or no lookup at all",
    "neq": "ne, or exclude()",
    "not": "ne, or exclude()",
    "not_in": "exclude(…__in=…)",
    "null": "isnull",
    "is_null": "isnull",
    "len": "length of texts, len of arrays, json_length of documents",
    "count": 'annotate(n=Count("…")).filter(n=…)',
    "has": "contains",
}
"""Lookups of others, and what to write instead."""


def near_name(word: str, names: Sequence[str], *, lookup: bool = False) -> str:
    """The end of a message about ``word``, which is none of ``names``; empty if there is nothing to say.

    Args:
        lookup: whether it stands where a lookup does, and not a field.
    """
    if lookup and word in LOOKUPS and word not in names:
        return f". In Chakra that is {LOOKUPS[word]}"
    if word == "?":
        return ". A random order is order_by(Random()), of chakra.functions"
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f". Did you mean {near[0]!r}?"
    return "" if word.isidentifier() or not word else f". A text that names no field is Value({word!r})"


def of_argument(error: FieldError, call: Expression) -> FieldError:
    """An error about an argument of a call, which says more where that is a text meant as a value."""
    said = str(error)
    if (
        type(call) not in (Combined, Operation, Prefixed)
        and "Did you mean" not in said
        and "Value(" not in said
    ):
        for child in call.children:
            if type(child) is F and "__" not in child.path and f" has no field {child.path!r}; " in said:
                return FieldError(f"{said}. A text that names no field is Value({child.path!r})")
    return error


__all__ = ["near_name", "of_argument"]
