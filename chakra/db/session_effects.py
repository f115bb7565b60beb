"""What a statement may have changed beside rows, from its text: the catalog, or the prepared statements.

This is about being up to date, not about safety: whatever the answer, a session that ran SQL of others is reset before
it is lent again. A function that runs DDL is not seen from here; nor is what other processes do.
"""

from __future__ import annotations

import enum
from functools import lru_cache

from chakra.pg import lexing

READ_CLOSELY = 4_000
"""Characters of a text that is taken apart into words (0.4 µs each) and whose answer is kept."""

READ_AT_ALL = 50_000
"""Characters of a text that is searched for words at all, constants included: 0.1 ms, 10 at worst. Of a longer one the
worst is assumed. Nothing of a text longer than ``READ_CLOSELY`` is kept."""


class Effect(enum.IntFlag):
    """What is different after the statement.

    Attributes:
        CLEAN: nothing but rows.
        SCHEMA: the catalog: plans, types and facts known to connections may be stale.
        EXTENSION: which extensions there are.
        STATEMENTS: prepared statements of this session may be gone.
    """

    CLEAN = 0
    SCHEMA = 1
    EXTENSION = 2
    STATEMENTS = 4


_ANYTHING = Effect.SCHEMA | Effect.EXTENSION | Effect.STATEMENTS

_SCHEMA = frozenset({"create", "alter", "drop"})
# Code of others, which may do anything.
_OPAQUE = frozenset({"do", "call", "import", "execute"})
_STATEMENTS = frozenset({"deallocate", "discard"})
_ROWS = frozenset({"insert", "update", "delete", "merge", "values"})


def effects_of(sql: str, *, single: bool = False) -> Effect:
    """Return what running ``sql`` may have changed.

    Args:
        single: it is one statement, as the server makes sure where parameters are bound.
    """
    if len(sql) <= READ_CLOSELY:
        return _read(sql)
    if single and next((w for w in _tokens(sql[:READ_CLOSELY]) if w != "("), "") in _ROWS:
        return Effect.CLEAN
    return _ANYTHING if len(sql) > READ_AT_ALL or _has_word(sql.lower()) else Effect.CLEAN


def _has_word(text: str) -> bool:
    """Whether a text has one of the words, whatever it means there; INSERT INTO and DO UPDATE mean nothing."""
    for word in (*_SCHEMA, *_OPAQUE, *_STATEMENTS, "into"):
        at = text.find(word)
        while at >= 0:
            end = at + len(word)
            if not (_in_word(text[at - 1 : at]) or _in_word(text[end : end + 1])):
                before, after = text[max(at - 20, 0) : at].rstrip(), text[end : end + 20].lstrip()
                inserts = word == "into" and before.endswith(("insert", "merge"))
                if not inserts and not (word == "do" and after.startswith(("update", "nothing"))):
                    return True
            at = text.find(word, end)
    return False


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


@lru_cache(maxsize=512)
def _read(sql: str) -> Effect:
    effect = Effect.CLEAN
    words: list[str] = []
    for token in (*_tokens(sql), ";"):
        if token != ";":
            words.append(token)
        elif words:
            effect |= _statement_effects(words)
            words = []
    return effect


def _statement_effects(words: list[str]) -> Effect:
    first = next((word for word in words if word != "("), "")
    if first == "explain" and not (_SCHEMA | _OPAQUE).isdisjoint(words):
        return Effect.SCHEMA  # EXPLAIN ANALYZE CREATE TABLE … AS
    if first in _SCHEMA:
        if first == "create" and _makes_temporary(words):
            return Effect.CLEAN  # nobody else sees it, and it goes with the reset
        return Effect.SCHEMA | (Effect.EXTENSION if words[1:2] == ["extension"] else Effect.CLEAN)
    if first in _OPAQUE:
        return _ANYTHING
    if first in _STATEMENTS:
        return Effect.STATEMENTS
    # INSERT INTO and MERGE INTO stand behind WITH, too.
    into = first in ("select", "with") and "into" in words and "insert" not in words and "merge" not in words
    return Effect.SCHEMA if into else Effect.CLEAN


def _makes_temporary(words: list[str]) -> bool:
    """Whether it is CREATE [OR REPLACE] [LOCAL | GLOBAL] TEMP, or CREATE … pg_temp.name."""
    head = [word for word in words[1:5] if word not in ("or", "replace", "local", "global")]
    if head[:1] in (["temp"], ["temporary"]):
        return True
    at = words.index("pg_temp") if "pg_temp" in words[:8] else 0
    return bool(at) and words[at + 1 : at + 2] == ["."] and "(" not in words[:at]


def _tokens(sql: str) -> list[str]:
    """The statement's words (lower case), quoted identifiers and punctuation; no comments, no constants."""
    found: list[str] = []
    for kind, text in lexing.tokens(sql):
        if kind == "word":
            found.append(text.lower())
        elif kind == "quoted":
            found.append(text if text[0] == '"' else '"?"')
        elif kind == "other":
            found.append(text)
        elif kind not in ("space", "comment"):
            found.append("0")
    return found


__all__ = ["Effect", "effects_of"]
