"""Lookups of values that hold others: documents, hstore, paths of labels, networks; rows of the lookups table."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from chakra.errors import DataError
from chakra.expressions.lookup_rule import LookupRule, as_list, pair
from chakra.pg.showing import shown
from chakra.pg.types import INET, JSONPATH, TEXT, array_of


def _key(value: Any) -> str:
    """A key of an object: a text, or a whole number as its digits."""
    if isinstance(value, str):
        return value
    if type(value) is int:
        return str(value)
    raise DataError(f"a key is a text, not {shown(value)}")


def _keys(value: Any) -> list[str]:
    """Several keys."""
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        raise DataError(f"has_keys and has_any_keys take several keys, not the single {shown(value)}")
    return [_key(key) for key in value]


def _patterns(value: Any) -> list[str]:
    """Several patterns."""
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        raise DataError(f"matches_any takes several patterns, not the single {shown(value)}")
    return list(value)


def _as_jsonb(rule: LookupRule) -> str:
    """The template of a lookup of ``jsonb`` for ``json`` on both sides."""
    if rule.right == "given":
        return rule.sql.replace("{l}", "({l})::jsonb")
    right = r"(\1)::jsonb[]" if rule.right == "array" else r"(\1)::jsonb"
    return re.sub(r"(\{r.?\})", right, rule.sql.replace("{l}", "({l})::jsonb"))


# Of documents, values of one kind are in an order, and texts are no larger than numbers (for the operators they are).
_IN_ORDER = "(jsonb_typeof({l}) = jsonb_typeof({r}) AND {l} %s {r})"
_DOCUMENTS = {
    "gt": LookupRule(_IN_ORDER % ">"),
    "gte": LookupRule(_IN_ORDER % ">="),
    "lt": LookupRule(_IN_ORDER % "<"),
    "lte": LookupRule(_IN_ORDER % "<="),
    "range": LookupRule(
        "(jsonb_typeof({l}) = jsonb_typeof({r0}) AND jsonb_typeof({l}) = jsonb_typeof({r1}) "
        "AND {l} BETWEEN {r0} AND {r1})",
        "pair",
        pair,
    ),
    "in": LookupRule("{l} = ANY({r})", "array", as_list, "{l} IN (SELECT to_jsonb(v) FROM {r} AS q(v))"),
    "contains": LookupRule("{l} @> {r}"),
    "contained_by": LookupRule("{l} <@ {r}"),
    "has_key": LookupRule("{l} ? {r}", "given", _key, given=TEXT),
    "has_keys": LookupRule("{l} ?& {r}", "given", _keys, given=array_of(TEXT)),
    "has_any_keys": LookupRule("{l} ?| {r}", "given", _keys, given=array_of(TEXT)),
    "json_path_exists": LookupRule("{l} @? {r}", "given", given=JSONPATH, unsure=True),
    "json_path_match": LookupRule("{l} @@ {r}", "given", given=JSONPATH, unsure=True),
}
DOCUMENT_LOOKUPS = {(word, "jsonb"): rule for word, rule in _DOCUMENTS.items()}
# json has no operators but those that take parts out: it is asked as jsonb, whatever its spaces and the order of its
# keys.
DOCUMENT_LOOKUPS |= {
    (word, "json"): replace(
        rule, sql=_as_jsonb(rule), dynamic=rule.dynamic and rule.dynamic.replace("{l}", "({l})::jsonb")
    )
    for word, rule in (
        {"exact": LookupRule("{l} = {r}"), "ne": LookupRule("{l} <> {r}")} | _DOCUMENTS
    ).items()
}

STORE_LOOKUPS = {(word, "hstore"): _DOCUMENTS[word] for word in ("has_key", "has_keys", "has_any_keys")} | {
    ("contains", "hstore"): LookupRule("{l} @> {r}"),
    ("contained_by", "hstore"): LookupRule("{l} <@ {r}"),
}

# Patterns are texts until the server reads them: the types of the extension's are known to no driver.
_TREES = {
    "ancestor_of": LookupRule("{l} @> {r}"),
    "descendant_of": LookupRule("{l} <@ {r}"),
    "matches": LookupRule("{l} ~ ({r})::lquery", "given", given=TEXT),
    "matches_any": LookupRule("{l} ? ({r})::lquery[]", "given", _patterns, given=array_of(TEXT)),
    "matches_text": LookupRule("{l} @ ({r})::ltxtquery", "given", given=TEXT),
}
TREE_LOOKUPS = {(word, "ltree"): rule for word, rule in _TREES.items()}

_NETWORKS = {
    "net_contained": LookupRule("{l} << {r}", "given", given=INET),
    "net_contained_or_equals": LookupRule("{l} <<= {r}", "given", given=INET),
    "net_contains": LookupRule("{l} >> {r}", "given", given=INET),
    "net_contains_or_equals": LookupRule("{l} >>= {r}", "given", given=INET),
    "overlap": LookupRule("{l} && {r}", "given", given=INET),
}
NETWORK_LOOKUPS = {(word, name): rule for word, rule in _NETWORKS.items() for name in ("inet", "cidr")}

# What is the same; = compares the areas of boxes and circles, and the server has none of points and polygons.
_FIGURES = {
    "exact": LookupRule("{l} ~= {r}"),
    "ne": LookupRule("NOT ({l} ~= {r})"),
    "in": LookupRule("{l} ~= ANY({r})", "array", as_list, "{l} ~= ANY {r}"),
}
FIGURE_LOOKUPS = {
    (word, name): rule for word, rule in _FIGURES.items() for name in ("point", "box", "polygon", "circle")
}

PART_LOOKUPS = FIGURE_LOOKUPS | DOCUMENT_LOOKUPS | STORE_LOOKUPS | TREE_LOOKUPS | NETWORK_LOOKUPS

__all__ = ["PART_LOOKUPS"]
