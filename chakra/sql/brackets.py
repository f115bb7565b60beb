"""Resolving keys in brackets: what ``F("data")["a"][0]`` and ``F("tags")[0:2]`` name, by the types of the values."""

from __future__ import annotations

from chakra.errors import FieldError
from chakra.expressions import Expression
from chakra.expressions.items import Item, Slice
from chakra.sql.contents import Contents, contents_of
from chakra.sql.infer import type_of
from chakra.sql.scope import RESOLVERS, Scope


def _item(scope: Scope, node: Item) -> Expression:
    value, key = scope.resolve(node.value), scope.resolve(node.key)
    contents = _contents(value, node)
    found = contents.item(value, key, type_of(key), node.end)
    if found is None:
        raise FieldError(f"{node!r}: what is inside of {value!r} is named by {contents.keys}")
    return found


def _slice(scope: Scope, node: Slice) -> Expression:
    value, *bounds = [scope.resolve(child) for child in node.children]
    contents = _contents(value, node)
    if contents.slice is None:
        raise FieldError(
            f"{node!r}: what is inside of {value!r} is named by {contents.keys}, and not by slices"
        )
    start = None if node.start is None else bounds[0]
    return contents.slice(value, start, None if node.stop is None else bounds[-1])


def _contents(value: Expression, node: Expression) -> Contents:
    type_ = type_of(value)
    found = None if type_ is None else contents_of(type_)
    if found is None:
        what = "of a type that only the server knows; say it: Cast(…, type)" if type_ is None else type_.sql
        raise FieldError(f"{node!r}: {value!r} is {what}; JSON, arrays and hstore have parts by keys")
    return found


RESOLVERS.update({Item: _item, Slice: _slice})

__all__: list[str] = []
