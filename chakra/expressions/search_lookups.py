"""Rows of the lookups table: full text search, and texts that are alike by their trigrams."""

from __future__ import annotations

from chakra.expressions.lookup_rule import LookupRule

SEARCH_LOOKUPS: dict[str, LookupRule] = {
    "search": LookupRule("to_tsvector(COALESCE({l}, '')) @@ {r}", "query", text=True),
    # The operators of pg_trgm (manual, F.35.2) that an index on the left side helps with.
    "trigram_similar": LookupRule("{l} % {r}", "text", text=True),
    "trigram_word_similar": LookupRule("{l} %> {r}", "text", text=True),
    "trigram_strict_word_similar": LookupRule("{l} %>> {r}", "text", text=True),
}
"""Words for texts."""

VECTOR_LOOKUPS: dict[tuple[str, str], LookupRule] = {
    ("search", "tsvector"): LookupRule("{l} @@ {r}", "query"),
    ("exact", "tsvector"): LookupRule("{l} = {r}", "query"),
    ("search", "tsquery"): LookupRule("{l} @@ {r}", "query"),
    ("exact", "tsquery"): LookupRule("{l} = {r}", "query"),
}
"""Words for search vectors, and for queries that are stored."""

__all__ = ["SEARCH_LOOKUPS", "VECTOR_LOOKUPS"]
