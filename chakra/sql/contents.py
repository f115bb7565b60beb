"""What is inside of values that hold others: by words in paths (``data__address__0``) and by keys in brackets
(``F("data")["address"][0]``). A type that holds something is one row of ``CONTENTS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from chakra.expressions import Call, Expression, Slot
from chakra.expressions.library import documents
from chakra.expressions.rules import TEXT_TYPES, WHOLE
from chakra.pg.types import TEXT, PgType
from chakra.sql.adapting import SAID, Said


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


def inside(value: Expression, type_: PgType | None, word: str) -> Expression | None:
    """What a word of a path names inside of a value of a type; ``None`` = nothing."""
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
    return Call(documents.POSITION, (value, key)) if name in WHOLE else None


_DOCUMENT = Contents(
    _in_document, _document_item, None, "texts (keys of an object) and whole numbers (positions)"
)

CONTENTS: dict[str, Contents] = {"jsonb": _DOCUMENT, "json": _DOCUMENT}
"""What holds something, by the name of its type, or the kind."""

__all__ = ["CONTENTS", "Contents", "contents_of", "inside", "said"]
