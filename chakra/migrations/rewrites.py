"""Which changes of types the server makes in the catalog alone, and which write every row (manual, ALTER TABLE)."""

from __future__ import annotations

import re

from chakra.pg.lexing import tokens
from chakra.pg.types import PgType

_LONGER = frozenset({"varchar", "varbit"})
_FINER = frozenset({"time", "timetz", "timestamp", "timestamptz", "interval"})
_SAME_BYTES = frozenset(
    {("varchar", "text"), ("text", "varchar"), ("cidr", "inet"), ("xml", "text"), ("citext", "text")}
)

# What gives the same for every row of one statement, so that the server keeps it once for all rows that are there.
# src/include/catalog/pg_proc.dat, provolatile "s" or "i"; words without parentheses are in the grammar.
STABLE = frozenset(
    {
        "now",
        "transaction_timestamp",
        "statement_timestamp",
        "current_setting",
        "current_schema",
        "current_database",
        "make_date",
        "make_time",
        "make_timestamp",
        "make_interval",
        "to_char",
        "to_date",
        "to_timestamp",
        "date_trunc",
        "lower",
        "upper",
        "jsonb_build_object",
        "jsonb_build_array",
        "json_build_object",
        "json_build_array",
        "to_jsonb",
        "to_json",
        "array_fill",
        "numrange",
        "int4range",
        "int8range",
        "tsrange",
        "tstzrange",
        "daterange",
        "timezone",
        "coalesce",
        "nullif",
        "cast",
        "row",
        "localtimestamp",
        "localtime",
        "current_timestamp",
        "current_time",
    }
)
_CALL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*|")\s*\(')
_TYPES = frozenset(
    {"varchar", "char", "numeric", "decimal", "bit", "varying", "character", "time", "timestamp", "interval"}
)


def is_volatile(default: str) -> bool:
    """Whether a default may differ from row to row: whether it calls what is not known to be stable."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", default)
    return any(name.lower() not in STABLE | _TYPES for name in _CALL.findall(bare))


_WORDS = frozenset(
    {
        "true",
        "false",
        "null",
        "array",
        "at",
        "time",
        "zone",
        "as",
        "and",
        "or",
        "not",
        "is",
        "case",
        "when",
        "then",
    }
) | {
    "else",
    "end",
    "current_timestamp",
    "current_date",
    "current_time",
    "localtimestamp",
    "localtime",
    "current_user",
}


def names_columns(sql: str) -> bool:
    """Whether SQL may name columns: whether it has a word that is no function, type or keyword."""
    parts = [(kind, text) for kind, text in tokens(sql) if kind not in ("space", "comment")]
    cast = False  # amid a type, behind ::
    for number, (kind, text) in enumerate(parts):
        if kind in ("word", "quoted"):
            following = parts[number + 1] if number + 1 < len(parts) else ("", "")
            called = following[1] == "(" or following[0] in ("string", "escape", "dollar")
            if not (cast or called or (kind == "word" and text.lower() in _WORDS)):
                return True
        else:
            double = text == ":" and number > 0 and parts[number - 1][1] == ":"
            cast = double or (cast and text == ".")
    return False


def rewrites(old: PgType, new: PgType) -> bool:
    """Whether a column of one type becomes one of another by writing all rows."""
    if old.kind == "array" and new.kind == "array" and old.element is not None and new.element is not None:
        return _element_rewrites(old.element, new.element)
    return _rewrites(old, new)


def _element_rewrites(old: PgType, new: PgType) -> bool:
    # The server looks through a relabelling of elements, and not through a check of their lengths.
    return _class(old) != _class(new) or (old.typmod != new.typmod and new.typmod >= 0)


def _class(type_: PgType) -> tuple[str | None, str]:
    return type_.schema, "text" if type_.name in ("text", "varchar") else type_.name


def _rewrites(old: PgType, new: PgType) -> bool:
    if (old.schema, old.name) != (new.schema, new.name):
        return (old.name, new.name) not in _SAME_BYTES or (new.typmod >= 0 and new.name == "varchar")
    if old.typmod == new.typmod or (new.typmod < 0 and new.name not in ("bpchar", "bit")):
        return new.name in ("interval",) and old.typmod != new.typmod and new.typmod >= 0
    if old.typmod < 0:
        return True
    if new.name in _LONGER:
        return new.typmod < old.typmod
    if new.name == "numeric":
        (before, scale), (after, wanted) = old.modifiers, new.modifiers
        return wanted != scale or after < before
    if new.name in _FINER and new.name != "interval":
        return new.typmod < old.typmod
    return True


__all__ = ["is_volatile", "names_columns", "rewrites"]
