"""The rows of the table of functions, by families. A function more is one row here and one row in the tests."""

from chakra.expressions.calls import TRANSFORMS
from chakra.expressions.library import (
    arrays,
    attributes,
    documents,
    fulltext,
    networks,
    numbers,
    ranges,
    texts,
    times,
    trigrams,
    vectors,
)

__all__ = [
    "TRANSFORMS",
    "arrays",
    "attributes",
    "documents",
    "fulltext",
    "networks",
    "numbers",
    "ranges",
    "texts",
    "times",
    "trigrams",
    "vectors",
]
