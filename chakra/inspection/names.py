"""Names for models, fields and relations out of those of a database: identifiers that nothing else has."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Container, Iterable, Sequence
from itertools import takewhile

from chakra import types
from chakra.models import Model

_IRREGULAR = {
    "people": "person",
    "children": "child",
    "men": "man",
    "women": "woman",
    "mice": "mouse",
    "geese": "goose",
    "feet": "foot",
    "teeth": "tooth",
    "data": "data",
    "series": "series",
    "species": "species",
    "news": "news",
    "indices": "index",
    "matrices": "matrix",
    "vertices": "vertex",
    "media": "media",
}
_OWN = frozenset({*dir(Model), "Meta", "pk"})  # asked for as attributes, managers refuse an abstract model
# What bodies of models are written with: a field called so would hide it from those behind.
WRITTEN = frozenset(
    {"field", "foreign_key", "one_to_one", "many_to_many", "Check", "Exclude", "Identity", "Index", "Model"}
) | {"OpClass", "Policy", "Sequence", "Term", "Trigger", "Unique", *types.__all__}
_SAME = re.compile(r"(ss|us|is|as|os)$")


def singular(word: str) -> str:
    """One of what an English word names: ``categories`` → ``category``."""
    head, underline, last = word.rpartition("_")
    lower = last.lower()
    if lower in _IRREGULAR:
        one = _IRREGULAR[lower]
    elif lower.endswith("ies") and len(lower) > 4:
        one = f"{last[:-3]}y"
    elif re.search(r"(sses|shes|ches|xes|zes|(?<=.)(?<![ao])uses)$", lower):
        one = last[:-2]
    elif lower.endswith("s") and not _SAME.search(lower) and len(lower) > 2:
        one = last[:-1]
    else:
        one = last
    return f"{head}{underline}{one}"


def class_name(table: str, taken: Container[str], others: Container[str] = ()) -> str:
    """The name of a class: ``blog_posts`` → ``BlogPost``.

    Args:
        taken: names of other classes.
        others: names of what modules import: ``dates`` → ``DateRow``.
    """
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])|[^\W_]+", singular(table))
    name = "".join(word[:1].upper() + word[1:] for word in words) or "Table"
    name = unicodedata.normalize("NFKC", name)
    name = (
        name if name[:1].isalpha() and name.isidentifier() and not keyword.iskeyword(name) else f"Table{name}"
    )
    return unused(f"{name}Row" if name in others else name, taken)


def snake(name: str) -> str:
    """``PlaylistTrack`` → ``playlist_track``: what relations are called by, whatever the tables are."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def relation(field: str, column: str) -> str:
    """What a relation is called whose key is in a column: ``author_id`` → ``author``, ``MediaTypeId`` → ``media_type``.

    Args:
        field: what the field of the column would be called; returned where the column does not end so.
    """
    if re.search(r"[a-z0-9](Id|ID)$", column):
        return snake(column[:-2])
    return field.removesuffix("_id") if field.endswith("_id") and len(field) > 3 else field


def shared(fields: Sequence[str]) -> str:
    """What names of fields begin with: ``order_tenant``, ``order_number`` → ``order``; empty where that is nothing."""
    words = zip(*[one.split("_")[:-1] for one in fields], strict=False)
    common = "_".join([same[0] for same in takewhile(lambda same: len(set(same)) == 1, words)])
    return common if len(fields) > 1 else ""


def attribute(column: str, taken: Container[str], hidden: Container[str] = ()) -> str:
    """The name of a field: that of the column, unless Python or models use it otherwise.

    Args:
        taken: names of other fields.
        hidden: names in annotations: a field called so would hide the type from them.
    """
    name = unicodedata.normalize("NFKC", column)  # as Python reads identifiers
    name = re.sub(r"\W+", "_", name).strip("_") or "column"
    name = re.sub(r"__+", "_", name)
    if name[:1].isdigit():
        name = f"c{name}"
    if not name.isidentifier():
        name = "column"
    if keyword.iskeyword(name) or name in _OWN | WRITTEN or name in hidden:
        name = f"{name}_column"  # fields have no underscore at their ends
    return unused(name, taken)


def unused(name: str, taken: Container[str]) -> str:
    """The name, with a number behind it where it is taken."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}{number}", number + 1
    return found


def member(label: str, taken: Iterable[str]) -> str:
    """The name of a member of an enum."""
    name = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", label).lower()).strip("_") or "empty"
    if name[:1].isdigit() or keyword.iskeyword(name) or name in ("mro", "name", "value"):
        name = f"_{name}" if name[:1].isdigit() else f"{name}_"
    if name.startswith("_"):
        name = f"n{name}"
    return unused(name, set(taken))


__all__ = [
    "WRITTEN",
    "attribute",
    "class_name",
    "member",
    "relation",
    "shared",
    "singular",
    "snake",
    "unused",
]
