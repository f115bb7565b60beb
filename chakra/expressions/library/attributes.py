"""Functions of hstore and ltree (the extensions' manuals, "hstore" and "ltree")."""

from __future__ import annotations

from typing import Any

from chakra.errors import FieldError
from chakra.expressions.base import Expression
from chakra.expressions.calls import COUNT, STRING, Call, Function, Kind, first
from chakra.expressions.values import Value
from chakra.pg.types import BOOL, INT4, JSONB, LTREE, TEXT, array_of

_TEXTS = array_of(TEXT)
_STORE = Kind("hstore", frozenset({"hstore"}), only=True)
_TREE = Kind("ltree", frozenset({"ltree"}), LTREE, LTREE)
_KEYS = Kind("keys", frozenset({"_text"}), _TEXTS, _TEXTS)

# What words of paths and keys in brackets stand for.
STORED = Function[str]("HStoreKey", "({0} -> {1})", (_STORE, STRING), TEXT, strict=False)

HStoreKeys = Function[list[str]]("HStoreKeys", {"hstore": "akeys({0})"}, (_STORE,), _TEXTS, "keys")
HStoreValues = Function[list[str]]("HStoreValues", {"hstore": "avals({0})"}, (_STORE,), _TEXTS, "values")
HStoreDefined = Function[bool]("HStoreDefined", "defined({*})", (_STORE, STRING), BOOL)
HStoreToJsonb = Function[Any]("HStoreToJsonb", "hstore_to_jsonb({0})", (_STORE,), JSONB)
_DELETE = Function[Any]("HStoreDelete", "({0} - {1})", (_STORE, _KEYS), first)
_SLICE = Function[Any]("HStoreSlice", "slice({0}, {1})", (_STORE, _KEYS), first)


def HStoreDelete(value: Any, *keys: str | Expression) -> Call[Any]:
    """An hstore without some keys: ``update(attributes=HStoreDelete("attributes", "draft"))``.

    Args:
        value: the name of a field, or an expression.
        keys: texts, or one expression that is an array of them.
    """
    return _DELETE(value, _names("HStoreDelete", keys))


def HStoreSlice(value: Any, *keys: str | Expression) -> Call[Any]:
    """An hstore of some keys only; arguments as for ``HStoreDelete``."""
    return _SLICE(value, _names("HStoreSlice", keys))


def _names(what: str, keys: tuple[Any, ...]) -> Expression:
    if len(keys) == 1 and isinstance(keys[0], Expression):
        return keys[0]
    if not keys or not all(isinstance(key, str) for key in keys):
        raise FieldError(f'{what}() takes keys, which are texts: {what}("attributes", "size"), not {keys!r}')
    return Value(list(keys), _TEXTS)


NLevel = Function[int]("NLevel", {"ltree": "nlevel({0})"}, (_TREE,), INT4, "nlevel")
SubPath = Function[str]("SubPath", "subpath({*})", (_TREE, COUNT, COUNT), LTREE, least=2)
SubLTree = Function[str]("SubLTree", "subltree({*})", (_TREE, COUNT, COUNT), LTREE)
LTreeIndex = Function[int]("LTreeIndex", "index({*})", (_TREE, _TREE, COUNT), INT4, least=2)
LCA = Function[str]("LCA", "lca({*})", (_TREE, _TREE), LTREE, least=2, more=True, strict=False)

__all__ = [
    "LCA", "HStoreDefined", "HStoreDelete", "HStoreKeys", "HStoreSlice", "HStoreToJsonb", "HStoreValues", "LTreeIndex",
    "NLevel", "SubLTree", "SubPath",
]  # fmt: skip
