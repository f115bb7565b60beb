"""What is inside of values that hold others: by words in paths (``data__address__0``) and by keys in brackets
(``F("data")["address"][0]``). A type that holds something is one row of ``CONTENTS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from chakra.expressions import Call, Expression, Slot
from chakra.expressions.calls import Function
from chakra.expressions.library import arrays, attributes, documents
from chakra.expressions.lookups import LOOKUPS
from chakra.expressions.rules import TEXT_TYPES, WHOLE
from chakra.pg.types import INT4, TEXT, PgType
from chakra.sql.adapting import SAID, Said
from chakra.sql.elements import Elements
from chakra.sql.infer import type_of


class Contents(NamedTuple):
    """What is inside of the values of a type.

    Attributes:
        word: what a word of a path names, which may be nothing.
        item: what a key in brackets names.
        slice: what two positions name; ``None`` = nothing.
        keys: what such keys are, for errors.
    """

    word: Callable[[Expression, str], Expression | None]
    item: Callable[[Expression, Expression, PgType | None, bool], Expression | None]
    slice: Callable[[Expression, Expression | None, Expression | None], Expression] | None
    keys: str


def contents_of(type_: PgType) -> Contents | None:
    """What is inside of values of a type; ``None`` = nothing."""
    return CONTENTS.get(type_.base.name) or CONTENTS.get(type_.base.kind)


def inside(value: Expression, type_: PgType | None, word: str, last: bool) -> Expression | None:
    """What a word of a path names inside of a value of a type; ``None`` = nothing: the word of a lookup that the type
    does not have is no key where the path ends in it.
    """
    if last and word in LOOKUPS:
        return None
    found = None if type_ is None else contents_of(type_)
    return None if found is None else found.word(value, word)


def said(value: Any, type_: PgType) -> Slot:
    """A literal that a name says: it is a parameter like others, and in no list of values."""
    return Slot(SAID, value, type_, steps=(Said(value),))


_NUMBER = re.compile(r"-?[0-9]+", re.ASCII)


def _in_document(value: Expression, word: str) -> Expression:
    function = documents.EITHER if _NUMBER.fullmatch(word) else documents.KEY
    return Call(function, (value, said(word, TEXT)))


def _document_item(value: Expression, key: Expression, type_: PgType | None, end: bool) -> Expression | None:
    name = None if type_ is None else type_.base.name
    if name in TEXT_TYPES:
        return Call(documents.KEY, (value, key))
    if name in documents.DOCUMENTS:
        return Call(documents.KEY, (value, documents.text_of(key)))
    if name not in WHOLE:
        return None
    return Call(documents.POSITION, (value, _counted(key, _last) if isinstance(key, Slot) else key))


_DOCUMENT = Contents(
    _in_document, _document_item, None, "texts (keys of an object) and whole numbers (positions)"
)

# -- arrays --------------------------------------------------------------------------------------------------

_SLICE = re.compile(r"([0-9]+)_([0-9]+)", re.ASCII)
_FURTHEST = 2**31 - 2
"""Positions are ``integer``; beyond there is nothing."""


def _behind(position: int) -> int:
    """A position counted from 0 as the server counts it."""
    return min(position, _FURTHEST) + 1


def _last(position: int) -> int:
    return max(min(position, _FURTHEST), -_FURTHEST)


def _in_array(value: Expression, word: str) -> Expression | None:
    if word in ("any", "all"):
        type_ = type_of(value)
        assert type_ is not None
        return Elements(value, word == "all", type_.base.element)
    if _NUMBER.fullmatch(word):
        end = word.startswith("-")
        position = max(int(word), -_FURTHEST) if end else _behind(int(word))
        return _at(value, said(position, INT4), "end" if end else "literal")
    bounds = _SLICE.fullmatch(word)
    if bounds is None:
        return None
    start, stop = _behind(int(bounds[1])), _last(int(bounds[2]))
    return Call(arrays.part("literal", "literal"), (value, said(start, INT4), said(stop, INT4)))


def _array_item(value: Expression, key: Expression, type_: PgType | None, end: bool) -> Expression | None:
    if type_ is None or type_.base.name not in WHOLE:
        return None
    if isinstance(key, Slot):
        return _at(value, _counted(key, _last if end else _behind), "end" if end else "literal")
    return _at(value, key, "computed")


def _at(value: Expression, place: Expression, how: str) -> Expression:
    """An element, or a row of an array of several dimensions."""
    if isinstance(value, Call) and value.function in _AT:
        (dimensions, written), arguments = _AT[value.function], value.arguments
    else:
        type_ = type_of(value)
        dimensions = max(1 if type_ is None else type_.base.ndims, 1)
        written, arguments = (), (value,)
    function = arrays.element(dimensions, (*written, how))
    _AT[function] = dimensions, (*written, how)
    return Call(function, (*arguments, place))


_AT: dict[Function[Any], tuple[int, tuple[str, ...]]] = {}
"""The functions that take elements out, by what they were made of."""


def _array_slice(value: Expression, start: Expression | None, stop: Expression | None) -> Expression:
    bounds = [
        (bound if bound is None or not isinstance(bound, Slot) else _counted(bound, count))
        for bound, count in ((start, _behind), (stop, _last))
    ]
    first, last = ("" if b is None else "literal" if isinstance(b, Slot) else "computed" for b in bounds)
    return Call(arrays.part(first, last), (value, *(bound for bound in bounds if bound is not None)))


def _counted(slot: Slot, count: Callable[[int], int]) -> Slot:
    return Slot(slot.index, slot.sample, INT4, steps=(*slot.steps, count))


# -- hstore --------------------------------------------------------------------------------------------------


def _in_store(value: Expression, word: str) -> Expression:
    return Call(attributes.STORED, (value, said(word, TEXT)))


def _store_item(value: Expression, key: Expression, type_: PgType | None, end: bool) -> Expression | None:
    if type_ is None or type_.base.name not in TEXT_TYPES:
        return None
    return Call(attributes.STORED, (value, key))


_STORE = Contents(_in_store, _store_item, None, "texts (its keys)")
_ARRAY = Contents(_in_array, _array_item, _array_slice, "whole numbers (positions, from 0)")

CONTENTS: dict[str, Contents] = {"jsonb": _DOCUMENT, "json": _DOCUMENT, "array": _ARRAY, "hstore": _STORE}
"""What holds something, by the name of its type, or the kind."""

__all__ = ["CONTENTS", "Contents", "contents_of", "inside", "said"]
