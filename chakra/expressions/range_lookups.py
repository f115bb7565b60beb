"""Rows of the lookups table: words of ranges and multiranges, and of what may be an element of one."""

from __future__ import annotations

from chakra.expressions.lookup_rule import LookupRule

OPERATORS = {
    "contained_by": "<@",
    "overlap": "&&",
    "fully_lt": "<<",
    "fully_gt": ">>",
    "not_lt": "&>",
    "not_gt": "&<",
    "adjacent_to": "-|-",
}
"""Operators between ranges and multiranges (manual, "Range/Multirange Functions and Operators")."""

ELEMENTS = ("int2", "int4", "int8", "numeric", "float4", "float8", "date", "timestamp", "timestamptz")
"""Types whose values may be asked for by the range that they are in."""

RANGE_LOOKUPS: dict[tuple[str, str], LookupRule] = {
    **{
        (word, kind): LookupRule(f"{{l}} {operator} {{r}}", "span")
        for kind in ("range", "multirange")
        for word, operator in OPERATORS.items()
    },
    **{
        (word, kind): LookupRule("{l} @> {r}", "member")
        for kind in ("range", "multirange")
        for word in ("contains",)
    },
    **{("contained_by", name): LookupRule("{l} <@ {r}", "span of") for name in ELEMENTS},
}

__all__ = ["RANGE_LOOKUPS"]
