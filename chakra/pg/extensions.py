"""Which extension brings a type, a function or an operator: for errors where the database does not have it."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TRIGRAM = "pg_trgm"
_VECTOR = "vector"

NAMES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "similarity", "word_similarity", "strict_word_similarity", "show_trgm", "gin_trgm_ops", "gist_trgm_ops",
        ),
        _TRIGRAM,
    ),
    **dict.fromkeys(
        (
            "vector", "halfvec", "sparsevec", "hnsw", "ivfflat", "l2_distance", "cosine_distance", "inner_product",
            "l1_distance", "hamming_distance", "jaccard_distance", "vector_dims", "vector_norm", "l2_norm",
            "l2_normalize", "binary_quantize", "subvector",
        ),
        _VECTOR,
    ),
    "unaccent": "unaccent",
    **dict.fromkeys(("hstore", "akeys", "avals", "svals", "skeys", "hstore_to_json", "hstore_to_jsonb"), "hstore"),
    **dict.fromkeys(
        ("ltree", "lquery", "ltxtquery", "nlevel", "subltree", "subpath", "lca", "text2ltree", "ltree2text"), "ltree"
    ),
    "citext": "citext",
}  # fmt: skip
"""Types, functions, access methods and operator classes by name."""

_OPERATORS = frozenset({"%", "<%", "%>", "<<%", "%>>", "<->", "<<->", "<->>", "<<<->", "<->>>"})
"""Of pg_trgm, between texts."""

_TEXTS = frozenset({"text", "character varying", "character", "name", "unknown"})
# "operator does not exist: text % text", in whatever language.
_OPERATOR = re.compile(r": (?P<left>[a-z ]+?) (?P<name>[-+*/<>=~!@#%^&|`?]+) (?P<right>[a-z ]+)$")
_CALLED = re.compile(r"\b([a-z_0-9]+)\(")
_QUOTED = re.compile(r'["«„]([a-z_0-9]+)(?:\[\])?["»“]')

UNDEFINED = frozenset({"42883", "42704"})  # undefined_function, undefined_object


def missing_extension(sqlstate: str, text: str) -> str | None:
    """The extension whose type, function or operator the server says it does not have; ``None`` = of none of these.

    Args:
        text: the server's message.
    """
    if sqlstate not in UNDEFINED:
        return None
    operator = _OPERATOR.search(text)
    if operator is not None:
        texts = {operator["left"], operator["right"]} <= _TEXTS
        return _TRIGRAM if texts and operator["name"] in _OPERATORS else None
    for pattern in (_CALLED, _QUOTED):
        found = pattern.search(text)
        if found is not None and found[1] in NAMES:
            return NAMES[found[1]]
    return None


__all__ = ["missing_extension"]
