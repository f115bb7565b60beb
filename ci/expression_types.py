"""The page of the types that expressions give, out of the samples that the tests ask the server about."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from chakra import F
from chakra.pg.types import PgType
from chakra.sql import select_statement
from tests.query.typed.model import FIELDS, Thing
from tests.query.typed.samples import (
    CALLS,
    NUMBERS,
    TIMES,
    evaluated,
    families,
    lookup_samples,
    transform_samples,
)

UNKNOWN = "what the server says"


def type_of(value: object) -> str:
    """The type that Chakra knows of an expression, as the server spells it."""
    found = select_statement(Thing.objects.values(x=value)._select)[0].statement.outputs[0].type
    return UNKNOWN if found is None else shown(found)


def shown(type_: PgType) -> str:
    return type_.sql.replace(" without time zone", "")


def samples() -> str:
    """A table for each family; samples that differ only in the field, and give the same, are one row."""
    parts = [""]
    for family, names in families().items():
        parts += [f"## {family}\n", "| Expression | `x` is | gives |", "|---|---|---|"]
        for texts in names.values():
            rows: dict[tuple[str, str], list[str]] = {}
            for text in texts:
                fields = [name for name in FIELDS if f'"{name}"' in text]
                pattern = text.replace(f'"{fields[0]}"', '"x"') if len(fields) == 1 else text
                of = rows.setdefault((pattern, type_of(evaluated(text))), [])
                of += [shown(FIELDS[fields[0]])] if len(fields) == 1 else []
            lines = [
                f"| `{pattern.replace('|', chr(92) + '|')}` | {', '.join(of)} | {given} |"
                for (pattern, given), of in rows.items()
            ]
            parts += lines
        parts.append("")
    return "\n".join([*parts, ""])


def operators() -> str:
    """Operators between numbers as one table each, those of dates and times as a list."""
    parts = [""]
    for sign in CALLS:
        columns = [name for name in NUMBERS if not (sign == "%" and name in ("real", "double"))]
        heads = [shown(FIELDS[name]) for name in columns]
        parts += [f"| `{sign}` | {' | '.join(heads)} |", "|---" * (len(columns) + 1) + "|"]
        for left in columns:
            cells = [type_of(CALLS[sign](F(left), F(right))) for right in columns]
            parts.append(f"| **{shown(FIELDS[left])}** | {' | '.join(cells)} |")
        parts.append("")
    parts += ["| Operation | gives |", "|---|---|"]
    for line in TIMES:
        left, sign, right = line.split()
        said = f"{shown(FIELDS[left])} {sign} {shown(FIELDS[right])}"
        parts.append(f"| `{said}` | {type_of(CALLS[sign](F(left), F(right)))} |")
    return "\n".join([*parts, "", ""])


def words() -> str:
    """Lookups and transforms of each type."""
    lookups: dict[str, list[str]] = {}
    for word, field, _ in lookup_samples():
        lookups.setdefault(field, ["isnull"]).append(word)
    transforms: dict[str, list[str]] = {}
    for word, field, value in transform_samples():
        transforms.setdefault(field, []).append(f"`{word}` ({type_of(value)})")
    rows: dict[tuple[str, str], list[str]] = {}
    for field, type_ in FIELDS.items():
        known = ", ".join(f"`{word}`" for word in sorted(lookups[field]))
        rows.setdefault((known, ", ".join(transforms.get(field, ["-"]))), []).append(shown(type_))
    head = ["", "| Type | lookups, which are boolean | transforms, and what they give |", "|---|---|---|"]
    lines = [f"| {', '.join(types)} | {known} | {given} |" for (known, given), types in rows.items()]
    return "\n".join([*head, *lines, "", ""])


__all__ = ["operators", "samples", "words"]
