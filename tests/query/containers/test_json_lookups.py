"""Paths into documents, and what is asked of them: by keyword, by expressions, along relations, through COPY."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import JSON_NULL, Count, F, OuterRef, Q, Subquery, Value
from chakra.errors import DataError, FieldError
from chakra.expressions import Expression
from chakra.functions import JsonPathExists, JsonPathMatch, Lower
from chakra.types import Jsonb
from tests.query.containers.agree import wrong_rows
from tests.query.containers.documents import DOCS, EVERYTHING, LOOKUPS, MODELS, ODD_KEYS, Doc, Part, fill
from tests.query.library import ids
from tests.relations.conftest import SHARED

__all__ = ["MODELS", "fill"]

pytestmark = SHARED
QUERY = Doc.objects.order_by("id")


@pytest.mark.parametrize("column", ["data", "plain"])
async def test_lookups(rows: Any, column: str) -> None:
    wrong = [
        (words, value, found)
        for words, value, expected in LOOKUPS
        if (found := await wrong_rows(QUERY, f"{column}__{words}", value, expected, EVERYTHING)) is not None
    ]
    assert wrong == []


@pytest.mark.parametrize("column", ["data", "plain"])
async def test_lookups_along_relations(rows: Any, column: str) -> None:
    parts = Part.objects.order_by("id")
    wrong = [
        (words, value, found)
        for words, value, expected in LOOKUPS
        if not isinstance(value, Expression)
        and (found := await ids(parts.filter(**{f"doc__{column}__{words}": value}))) != expected
    ]
    assert wrong == []
    assert await ids(QUERY.filter(parts__doc__data__a=1)) == [1]
    assert await ids(QUERY.filter(**{f"parts__doc__{column}__o__k__0": 1})) == [1]


@pytest.mark.parametrize("column", ["data", "plain"])
async def test_keys_that_mean_something_elsewhere(rows: Any, column: str) -> None:
    for number, key in enumerate(ODD_KEYS):
        by_word = QUERY.filter(**{f"{column}__{key}": number})
        for query in (
            by_word,
            QUERY.filter(F(column)[key] == number),
            QUERY.filter(**{f"{column}__has_key": key, f"{column}__{key}__gte": number}),
            QUERY.filter(**{f"{column}__has_keys": [key, ""]}),
            QUERY.filter(**{f"{column}__{key}__startswith": str(number)}),
        ):
            assert await ids(query) == [8], key
            assert (await query.values("id").to_arrow())["id"].to_pylist() == [8]
            assert key not in query.to_sql()[0] or key in ("?", "--", "$1")
        assert key in by_word.to_sql()[1]
        assert await QUERY.filter(id=8).values_list(f"{column}__{key}", flat=True) == [number]
        assert await ids(QUERY.order_by(f"-{column}__{key}", "id").filter(id__gt=7)) == [9, 8]


async def test_a_key_that_no_document_can_have(rows: Any) -> None:
    for query in (
        QUERY.filter(**{"data__a\0b": 1}),
        QUERY.filter(F("data")["\0"] == 1),
        QUERY.filter(data__has_key="\0"),
    ):
        with pytest.raises(DataError):
            await query
        with pytest.raises(DataError):
            await query.to_arrow()


async def test_keys_in_brackets(rows: Any) -> None:
    for made, expected in (
        (F("data")["o"]["k"][2]["d"] == "x", [1]),
        (Doc.data["o"]["k"][-1]["d"] == "x", [1]),
        (F("plain")["o"]["k"][0] == F("data")["o"]["k"][0], [1]),
        (F("data__o")["k"].is_not_null(), [1, 2]),
        (F("data")["0"] == "zero", [1]),
        (F("data")[0] == "zero", []),
        (F("data")[0]["a"] == 1, [4]),
        (F("data")["0"]["a"] == 1, []),
        (F("data")[""] == "empty", [8]),
        (F("data")["o"].contains({"k": [2]}), [1]),
        (F("data")["s"].in_(["Ann", 7]), [1, 3]),
        (F("data")["s"].icontains("NN"), [1, 9]),
        (F("data")["a"].between(1, 3), [1, 2]),
        (F("data")[Lower(Value("S"))] == "Ann", [1]),
        (F("data")["l"][F("num") - 2] == "x", [3]),
        (F("data")[F("data")["l"][0]] == "1", [3]),
        (F("num") == F("data")["a"], [1]),
        (F("num") > F("data")["a"], [9]),
        (F("num") <= F("data")["a"], [1, 2]),
        (F("word") == F("plain")["s"], [1]),
    ):  # fmt: skip
        assert await ids(QUERY.filter(made)) == expected, made
        assert (await QUERY.filter(made).values("id").to_arrow())["id"].to_pylist() == expected
        assert await ids(QUERY.exclude(made)) == [n for n in EVERYTHING if n not in expected]


async def test_paths_elsewhere(rows: Any) -> None:
    """In values, orders, groups, aggregates and subqueries; what comes back is Python's value."""
    assert await QUERY.values_list("data__s", flat=True)[:3] == ["Ann", "bob%", 7]
    assert await QUERY.filter(id__in=[1, 7]).values("data__n", x=F("data")["n"]) == [
        {"data__n": JSON_NULL, "x": JSON_NULL}, {"data__n": None, "x": None},
    ]  # fmt: skip
    assert await ids(Doc.objects.filter(data__a__isnull=False).order_by("-data__a")) == [2, 1, 9, 3]
    groups = Doc.objects.values("data__b").annotate(found=Count("*")).order_by("-found", "data__b")
    assert await groups.values_list("data__b", "found") == [(None, 7), (False, 1), (True, 1)]
    best = Part.objects.filter(doc__data__a=OuterRef("data__a")).values("doc__data__s")
    assert await QUERY.filter(id=1).annotate(x=Subquery(best)).values_list("x", flat=True) == ["Ann"]
    assert await ids(QUERY.filter(data__a__in=Doc.objects.values("num"))) == [1]
    assert await ids(QUERY.exclude(data__a__in=Doc.objects.values("num"))) == EVERYTHING[1:]
    assert await ids(QUERY.filter(data__a__in=Doc.objects.filter(id__gt=1).values("plain__a"))) == [2, 3, 9]
    assert await Doc.objects.aggregate(x=Count("data__o")) == {"x": 3}
    assert await ids(QUERY.filter(Q(data__a=1) | Q(data__s__icontains="BOB"))) == [1, 2]
    assert await ids(QUERY.annotate(x=Value({"k": [5]}, Jsonb)).filter(x__k__0=5, data__a=1)) == [1]


async def test_paths_of_sql_json(rows: Any) -> None:
    found = JsonPathExists("data", "$.o.k[*] ? (@ == $x)", {"x": 2})
    assert await ids(QUERY.filter(found)) == await ids(QUERY.exclude(~found)) == [1]
    hostile = {"x": "'); DROP TABLE docs; --"}
    assert await ids(QUERY.filter(JsonPathExists("plain", "$.* ? (@ == $x)", hostile))) == []
    assert await ids(QUERY.filter(JsonPathMatch("data", "$.a >= $x", {"x": 1}))) == [1, 2, 4]
    with pytest.raises(DataError):
        await QUERY.filter(JsonPathMatch("data", "$.a"))
    assert await ids(QUERY.filter(JsonPathMatch("data", "$.b", silent=True))) == [1]
    with pytest.raises(FieldError, match="takes a path"):
        JsonPathExists("data", 5)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="jsonpath"):
        await QUERY.filter(data__json_path_exists="$.a ? (")


REFUSED: list[tuple[Any, str]] = [
    (lambda: F("data")[1.5], "a part of a value is named by a text"),
    (lambda: F("data")[True], "a part of a value is named by a text"),
    (lambda: F("data")[1:5:2], "have no step"),
    (lambda: QUERY.filter(F("data")[0:2] == 1).to_sql(), "texts .* and whole numbers .*, and not by slices"),
    (
        lambda: QUERY.filter(F("num")["a"] == 1).to_sql(),
        "is integer; JSON, arrays and hstore have parts by keys",
    ),
    (lambda: QUERY.filter(F("data")[Value(1.5)] == 1).to_sql(), "is named by texts"),
    (lambda: Doc.objects.order_by("plain").to_sql(), "Doc.plain is json, which has no order and no equality"),
    (lambda: Doc.objects.order_by(F("plain").desc()).to_sql(), "has no order"),
    (lambda: Doc.objects.distinct("plain").to_sql(), "has no order"),
    (lambda: Doc.objects.values("plain").annotate(x=Count("*")).to_sql(), "has no order"),
    (lambda: QUERY.filter(num__a=1).to_sql(), "'a' is no lookup for 'num'"),
]


async def test_the_complement_where_no_column_is_null(rows: Any) -> None:
    for words, value, expected in LOOKUPS:
        if "isnull" in words or value is None or isinstance(value, Expression):
            continue
        asked = {f"sure__{words}": value}
        found = await ids(QUERY.filter(**asked))
        assert found == sorted({*expected, *(EVERYTHING[6:7] if 6 in expected else ())}), (words, value)
        assert await ids(QUERY.exclude(**asked)) == [n for n in EVERYTHING if n not in found], (words, value)


@pytest.mark.parametrize("case", range(len(REFUSED)))
async def test_what_is_refused(case: int) -> None:
    made, message = REFUSED[case]
    with pytest.raises(FieldError, match=message):
        made()


async def test_values_that_no_document_has(rows: Any) -> None:
    for value in (float("nan"), object(), {"a": {1, 2}}, b"x"):
        with pytest.raises(DataError):
            await QUERY.filter(data__a=value)
    for word, value in (("has_key", 1.5), ("has_keys", "ab"), ("has_any_keys", 5), ("in", 5)):
        with pytest.raises(DataError):
            await QUERY.filter(**{f"data__{word}": value})


async def test_an_expression_is_no_sequence() -> None:
    with pytest.raises(TypeError):
        iter(F("data"))
    with pytest.raises(TypeError):
        "a" in F("data")  # noqa: B015
    with pytest.raises(TypeError):
        list(Doc.data)  # type: ignore[call-overload]


async def test_one_statement_for_all_keys(rows: Any) -> None:
    """Keys in brackets are values: as many as there are make one shape, and one text."""
    Doc.__table__.statements.clear()
    texts = {QUERY.filter(F("data")[f"k{n}"][n] == n).to_sql()[0] for n in range(5)}
    assert len(texts) == len(Doc.__table__.statements) == 1
    assert len({QUERY.filter(**{f"data__k{n}": n}).to_sql()[0] for n in range(5)}) == 1
    assert QUERY.filter(F("data")["1"] == 1).to_sql()[0] != QUERY.filter(F("data")[1] == 1).to_sql()[0]
    assert len(DOCS) == await QUERY.count()
