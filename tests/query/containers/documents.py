"""Documents in a ``jsonb`` and a ``json`` column, and a table that refers to them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from chakra import JSON_NULL, F, Field, ForeignKey, Model, field, foreign_key
from chakra.types import Integer, Json, Jsonb

ODD_KEYS = [
    "it's", 'say "x"', "50%", "a::int", "?", "--", "x.y", "a[0]", "{0}", "$1", "\\", "é", "a b",
    "'); DROP TABLE docs; --",
]  # fmt: skip
"""Keys that mean something to SQL, to drivers, or to JSON paths."""

DOCS: dict[int, Any] = {
    1: {"a": 1, "s": "Ann", "b": True, "n": None, "o": {"k": [1, 2, {"d": "x"}], "e": {}}, "0": "zero"},
    2: {"a": 2.50, "s": "bob%", "b": False, "l": [], "o": {"k": []}},
    3: {"a": "1", "s": 7, "l": ["a", "x"], "o": [10, 20]},
    4: [{"a": 1}, 2, "x", None, [1, 2]],
    5: "text",
    6: JSON_NULL,
    7: None,
    8: {key: number for number, key in enumerate(ODD_KEYS)} | {"": "empty", "contains": 1, "isnull": 2},
    9: {"a": -3, "s": "annie", "big": 10**30, "l": [1.5, 2]},
}
EVERYTHING = list(DOCS)
WITHOUT = [6, 7]  # what has no key at all


class Doc(Model, table="docs"):
    id: Field[int] = field(primary_key=True)
    num: Field[int | None] = field(Integer, default=None)
    word: Field[str | None]
    data: Field[Any] = field(Jsonb, null=True)
    plain: Field[Any] = field(Json, null=True)
    sure: Field[Any] = field(Jsonb, default_factory=dict)


class Part(Model, table="doc_parts"):
    id: Field[int] = field(primary_key=True)
    doc: ForeignKey[Doc] = foreign_key(related_name="parts", on_delete="cascade")


MODELS = (Doc, Part)


def sure_of(data: Any) -> Any:
    """A document for the column without NULLs."""
    return JSON_NULL if data is None else data


async def fill() -> None:
    """The documents in all columns, each with one part of the same key."""
    for id_, data in DOCS.items():
        doc = await Doc.objects.create(
            id=id_, data=data, plain=data, sure=sure_of(data), num=id_, word="Ann" if id_ == 1 else "x"
        )
        await Part.objects.create(id=id_, doc=doc)


def but(*ids: int) -> list[int]:
    return [n for n in EVERYTHING if n not in ids]


LOOKUPS: list[tuple[str, Any, list[int]]] = [
    # a path against each kind of value
    ("a", 1, [1]),
    ("a", 1.0, [1]),
    ("a", Decimal("2.5"), [2]),
    ("a", Decimal("-3.00"), [9]),
    ("a", "1", [3]),
    ("a__exact", 1, [1]),
    ("b", True, [1]),
    ("b", False, [2]),
    ("b", 1, []),
    ("o__k", [1, 2, {"d": "x"}], [1]),
    ("o__e", {}, [1]),
    ("l", [], [2]),
    ("a__ne", 1, [2, 3, 9]),
    ("big", 10**30, [9]),
    # NULL, null and nothing
    ("n", JSON_NULL, [1]),
    ("n", None, but(1)),
    ("n__isnull", True, but(1)),
    ("n__isnull", False, [1]),
    ("n__ne", None, [1]),
    ("missing", JSON_NULL, []),
    ("missing", None, EVERYTHING),
    ("3", JSON_NULL, [4]),
    ("isnull", True, [7]),
    # positions, and keys that are numbers
    ("0", "zero", [1]),
    ("0__a", 1, [4]),
    ("1", 2, [4]),
    ("-1", [1, 2], [4]),
    ("9", 1, []),
    ("o__0", 10, [3]),
    ("o__k__2__d", "x", [1]),
    ("o__k__-1__d", "x", [1]),
    # order: among values of one kind
    ("a__gt", 1, [2]),
    ("a__gte", 1, [1, 2]),
    ("a__lt", 1, [9]),
    ("a__lte", 2.5, [1, 2, 9]),
    ("a__gt", "0", [3]),
    ("a__lt", Decimal("1e3"), [1, 2, 9]),
    ("a__range", (0, 2), [1]),
    ("a__range", ("0", "2"), [3]),
    ("a__range", (0, "2"), []),
    ("s__gte", "Ann", [1, 2, 9]),
    ("a__in", [1, "1", None], [1, 3]),
    ("a__in", [], []),
    ("a__in", (Decimal("2.5"), -3.0), [2, 9]),
    ("n__in", [JSON_NULL, 1], [1]),
    ("o__k__in", [[], [1]], [2]),
    # the text of a path
    ("s__icontains", "ANN", [1, 9]),
    ("s__startswith", "ann", [9]),
    ("s__istartswith", "ANN", [1, 9]),
    ("s__endswith", "%", [2]),
    ("s__iendswith", "B%", [2]),
    ("s__iexact", "ANN", [1]),
    ("s__iexact", "7", [3]),
    ("s__regex", "^[a-c]", [2, 9]),
    ("s__iregex", "^A", [1, 9]),
    ("b__startswith", "t", [1]),
    ("n__icontains", "", []),
    ("2__startswith", "x", [4]),
    ("o__k__startswith", "[1", [1]),
    # documents
    ("contains", {"a": 1}, [1]),
    ("contains", [2], [4]),
    ("contains", {"o": {"k": [2]}}, [1]),
    ("contains", {}, [1, 2, 3, 8, 9]),
    ("contains", JSON_NULL, [4, 6]),
    ("contains", "text", [5]),
    ("o__contains", {"k": []}, [1, 2]),
    ("contained_by", {"a": 1}, []),
    ("contained_by", ["text", 1], [5]),
    ("o__k__contained_by", [1, 2, 3, {"d": "x"}], [1, 2]),
    ("has_key", "a", [1, 2, 3, 9]),
    ("has_key", 0, [1]),
    ("has_key", "x", [4]),
    ("o__has_key", "e", [1]),
    ("has_keys", ["a", "l"], [2, 3, 9]),
    ("has_keys", [], but(7)),
    ("has_any_keys", ["n", "big", "zzz"], [1, 9]),
    ("has_any_keys", ("text",), [5]),
    ("contains__exact", 1, [8]),
    ("json_path_exists", "$.o.k[*] ? (@ == 2)", [1]),
    ("o__json_path_exists", "$.k[0]", [1]),
    ("json_path_match", "$.a > 1", [2]),
    # transforms
    ("json_length", 2, []),
    ("json_length__gte", 5, [1, 2, 4, 8]),
    ("l__json_length", 2, [3, 9]),
    ("o__k__json_length", 0, [2]),
    ("a__json_type", "string", [3]),
    ("json_type__in", ["array", "null"], [4, 6]),
    ("o__json_keys__contains", ["e"], [1]),
    # beside other values
    ("a", F("num"), [1]),
    ("a__lt", F("num"), [9]),
    ("s", F("word"), [1]),
    ("s__icontains", F("word"), [1]),
    ("o__k__1", F("data")["o"]["k"][1], [1]),
    ("a__contained_by", F("data")["a"], [1, 2, 3, 9]),
]  # fmt: skip
