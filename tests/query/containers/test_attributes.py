"""hstore, ltree and citext: keys, paths of labels, texts without case."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import Count, F, Field, Model, Value, field
from chakra.errors import DataError, FieldError
from chakra.functions import (
    LCA,
    HStoreDefined,
    HStoreDelete,
    HStoreKeys,
    HStoreSlice,
    HStoreToJsonb,
    HStoreValues,
    Lower,
    LTreeIndex,
    NLevel,
    SubLTree,
    SubPath,
)
from chakra.pg.types import BOOL, INT4, JSONB, TEXT, PgType, array_of
from chakra.types import Array, CiText, HStore, Integer, LTree
from tests.query.containers.agree import wrong_about, wrong_rows
from tests.query.containers.documents import ODD_KEYS
from tests.query.library import ids
from tests.relations.conftest import SHARED

pytestmark = SHARED
EXTENSIONS = ("hstore", "ltree", "citext")


class Thing(Model, table="things"):
    id: Field[int] = field(primary_key=True)
    n: Field[int] = field(Integer, default=0)
    word: Field[str] = field(default="size")
    attrs: Field[dict[str, str | None] | None] = field(HStore, null=True)
    place: Field[str | None] = field(LTree, null=True)
    name: Field[str | None] = field(CiText, null=True)
    names: Field[list[str] | None] = field(Array(CiText), default=None)


MODELS = (Thing,)
EVERYTHING = [1, 2, 3, 4, 5]
QUERY = Thing.objects.order_by("id")


async def fill() -> None:
    for row in (
        {"attrs": {"size": "XL", "colour": None, "0": "nil"}, "place": "top.Science.Astronomy", "name": "Ann",
         "names": ["X"]},
        {"attrs": {"size": "m", "keys": "x"}, "place": "top.Science", "name": "ANNA"},
        {"attrs": {}, "place": "top.Hobbies.Stars", "name": "bob"},
        {"attrs": {key: str(n) for n, key in enumerate(ODD_KEYS)}, "place": "top", "name": ""},
        {},
    ):  # fmt: skip
        await Thing.objects.create(**row)


LOOKUPS: list[tuple[str, Any, list[int]]] = [
    ("attrs__size", "XL", [1]),
    ("attrs__size__exact", "m", [2]),
    ("attrs__size__ne", "m", [1]),
    ("attrs__size__iexact", "xl", [1]),
    ("attrs__size__startswith", "X", [1]),
    ("attrs__size__in", ["m", "XL"], [1, 2]),
    ("attrs__size__lower", "xl", [1]),
    ("attrs__size__length__gt", 1, [1]),
    ("attrs__size__isnull", True, [3, 4, 5]),
    ("attrs__colour", None, EVERYTHING),
    ("attrs__0", "nil", [1]),
    ("attrs__startswith__exact", "x", []),
    ("attrs__size", F("word"), []),
    ("attrs__has_key", "colour", [1]),
    ("attrs__has_key", 0, [1]),
    ("attrs__has_key", F("word"), [1, 2]),
    ("attrs__has_keys", ["size", "keys"], [2]),
    ("attrs__has_any_keys", ["colour", "keys"], [1, 2]),
    ("attrs__contains", {"size": "m"}, [2]),
    ("attrs__contains", {"colour": None}, [1]),
    ("attrs__contained_by", {"size": "m", "keys": "x", "z": "z"}, [2, 3]),
    ("attrs", {}, [3]),
    ("attrs__keys__contains", ["size"], [1, 2]),
    ("attrs__keys__len", 0, [3]),
    ("attrs__values__any", "x", [2]),
    ("place", "top.Science", [2]),
    ("place__ancestor_of", "top.Science.Astronomy", [1, 2, 4]),
    ("place__descendant_of", "top.Science", [1, 2]),
    ("place__matches", "*.Sci*.*", [1, 2]),
    ("place__matches", "top.!Science.*", [3]),
    ("place__matches_any", ["*.Astronomy", "*.Stars"], [1, 3]),
    ("place__matches_text", "astro*@ | Stars", [1, 3]),
    ("place__nlevel", 3, [1, 3]),
    ("place__nlevel__lt", 3, [2, 4]),
    ("place__startswith", "top.S", [1, 2]),
    ("place__gt", "top.Science", [1]),
    ("place__in", ["top", "nowhere"], [4]),
    ("place__descendant_of", F("place"), [1, 2, 3, 4]),
    ("name", "ann", [1]),
    ("name__ne", "ANN", [2, 3, 4]),
    ("name__in", ["anna", "BOB"], [2, 3]),
    ("name__contains", "NN", [1, 2]),
    ("name__startswith", "an", [1, 2]),
    ("name__endswith", "A", [2]),
    ("name__regex", "^a", [1, 2]),
    ("name__gt", "ANN", [2, 3]),
    ("name__range", ("ANN", "annb"), [1, 2]),
    ("names__contains", ["x"], [1]),
    ("names__any", "x", [1]),
    ("names__0", "x", [1]),
    ("name__lower__exact", "ann", [1]),
]  # fmt: skip


async def test_lookups(rows: Any) -> None:
    wrong = [
        (words, value, found)
        for words, value, expected in LOOKUPS
        if (found := await wrong_rows(QUERY, words, value, expected, EVERYTHING)) is not None
    ]
    assert wrong == []


CASES: list[tuple[Any, str, PgType | None]] = [
    (F("attrs")["size"], "attrs -> 'size'", TEXT),
    (F("attrs")[F("word")], "attrs -> word", TEXT),
    (F("attrs")["keys"], "attrs -> 'keys'", TEXT),
    (HStoreKeys("attrs"), "akeys(attrs)", array_of(TEXT)),
    (HStoreValues("attrs"), "avals(attrs)", array_of(TEXT)),
    (HStoreDefined("attrs", Value("colour")), "defined(attrs, 'colour')", BOOL),
    (HStoreToJsonb("attrs"), "hstore_to_jsonb(attrs)", JSONB),
    (HStoreDelete("attrs", "size", "0"), "attrs - '{size,0}'::text[]", HStore),
    (HStoreDelete("attrs", HStoreKeys("attrs")),
     "''::hstore - CASE WHEN attrs IS NULL THEN NULL ELSE '{a}'::text[] END", HStore),
    (HStoreSlice("attrs", "size", "nothing"), "slice(attrs, '{size,nothing}')", HStore),
    (F("attrs").concat({"a": "b", "size": None}), "attrs || 'a=>b, size=>NULL'", HStore),
    (NLevel("place"), "nlevel(place)", INT4),
    (SubPath("place", -1), "CASE WHEN place IS NOT NULL THEN subpath(place, -1) END", LTree),
    (SubPath("place", 0, 1), "subpath(place, 0, 1)", LTree),
    (SubLTree("place", 0, 1), "subltree(place, 0, 1)", LTree),
    (LTreeIndex("place", Value("Science")), "index(place, 'Science')", INT4),
    (LCA("place", Value("top.Science.Astronomy.Stars")), "lca(place, 'top.Science.Astronomy.Stars')", LTree),
    (F("place").concat(Value("new")), "place || 'new'", LTree),
    (F("place").concat(F("place")), "place || place", LTree),
    (Lower("name"), "lower(name)", TEXT),
]  # fmt: skip


async def test_results_and_types(rows: Any) -> None:
    wrong = [
        (expression, found)
        for expression, sql, type_ in CASES
        if (found := await wrong_about(rows, QUERY, expression, sql, type_)) is not None
    ]
    assert wrong == []


async def test_odd_keys(rows: Any) -> None:
    for number, key in enumerate(ODD_KEYS):
        for query in (
            QUERY.filter(**{f"attrs__{key}": str(number)}),
            QUERY.filter(F("attrs")[key] == str(number)),
            QUERY.filter(attrs__has_key=key),
            QUERY.filter(attrs__has_keys=[key]),
        ):
            assert await ids(query) == [4], key
            assert (await query.values("id").to_arrow())["id"].to_pylist() == [4]
    with pytest.raises(DataError):
        await QUERY.filter(**{"attrs__a\0": "x"})


async def test_where_they_stand(rows: Any) -> None:
    assert await ids(Thing.objects.order_by(F("attrs")["size"].desc(nulls="last"), "id")) in (
        [2, 1, 3, 4, 5],
        [1, 2, 3, 4, 5],
    )
    levels = Thing.objects.values("place__nlevel").annotate(found=Count("*")).order_by("place__nlevel")
    assert await levels.values_list("place__nlevel", "found") == [(1, 1), (2, 1), (3, 2), (None, 1)]
    first = Thing.objects.filter(id=1)
    assert (
        await first.update(
            attrs=HStoreDelete(F("attrs").concat({"new": "it's"}), "size"), place=SubPath("place", 1)
        )
        == 1
    )
    assert await first.values_list("attrs", "place") == [
        ({"colour": None, "0": "nil", "new": "it's"}, "Science.Astronomy")
    ]
    with pytest.raises(DataError):
        await QUERY.filter(place__matches="a..b{")


REFUSED: list[tuple[Any, str]] = [
    (lambda: HStoreDelete("attrs"), "takes keys, which are texts"),
    (lambda: HStoreSlice("attrs", 5), "takes keys"),  # type: ignore[arg-type]
    (lambda: QUERY.annotate(x=F("attrs")[0]).to_sql(), "is named by texts"),
    (lambda: QUERY.annotate(x=HStoreKeys("place")).to_sql(), r"HStoreKeys\(\) takes hstore, not ltree"),
    (lambda: QUERY.filter(attrs__startswith="a").to_sql(), "'startswith' is no lookup"),
    (lambda: QUERY.filter(place__has_key="a").to_sql(), "'has_key' is no lookup"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
async def test_what_they_do_not_take(case: int) -> None:
    made, message = REFUSED[case]
    with pytest.raises(FieldError, match=message):
        made()
