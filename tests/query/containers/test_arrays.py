"""Arrays: lookups, paths, brackets, conditions on elements, and functions; positions count from 0."""

from __future__ import annotations

import enum
from typing import Any

import pytest

from chakra import Count, F, Field, ForeignKey, Model, Q, Value, field, foreign_key
from chakra.errors import DataError, FieldError
from chakra.functions import (
    ArrayAppend,
    ArrayCat,
    ArrayLength,
    ArrayOf,
    ArrayPosition,
    ArrayPositions,
    ArrayPrepend,
    ArrayRemove,
    ArrayReplace,
    ArrayReverse,
    ArraySort,
    ArrayToString,
    Cardinality,
    Lower,
    StringToArray,
    TrimArray,
)
from chakra.pg.types import INT4, INT8, TEXT, PgType, array_of
from chakra.types import Array, BigInt, Integer, Jsonb, Numeric, SmallInt, Text
from tests.plugins.needs import needs_server
from tests.query.containers.agree import wrong_about, wrong_rows
from tests.query.library import ids
from tests.relations.conftest import SHARED

pytestmark = SHARED


class Mood(enum.Enum):
    SAD = "sad"
    OK = "ok"


class Row(Model, table="array_rows"):
    id: Field[int] = field(primary_key=True)
    n: Field[int] = field(Integer)
    big: Field[int] = field(BigInt, default=2)
    word: Field[str] = field(default="b")
    tags: Field[list[str] | None] = field(Array(Text))
    marks: Field[list[int] | None] = field(Array(Integer))
    grid: Field[list[list[int]] | None] = field(Array(SmallInt, 2))
    moods: Field[list[Mood] | None] = field(default=None)
    docs: Field[list[Any] | None] = field(Array(Jsonb), default=None)
    element: Field[str] = field(default="a")


class Child(Model, table="array_children"):
    id: Field[int] = field(primary_key=True)
    row: ForeignKey[Row] = foreign_key(related_name="children")


MODELS = (Row, Child)
EVERYTHING = [1, 2, 3, 4, 5]
QUERY = Row.objects.order_by("id")


async def fill() -> None:
    """Row 4 has empty arrays, row 5 NULLs; the last element of the tags of row 3 is NULL."""
    rows: list[dict[str, Any]] = [
        {"n": 0, "tags": ["a", "b", "c"], "marks": [3, 1, 2], "grid": [[1, 2], [3, 4]], "moods": [Mood.OK, Mood.SAD],
         "docs": [{"a": 1}, {"a": 5}]},
        {"n": 1, "tags": ["b%"], "marks": [7], "grid": [[5, 6, 7]], "moods": [Mood.SAD], "docs": [{"a": 2}]},
        {"n": 2, "tags": ["A", "b", None], "marks": [3, 3, None, 9], "grid": [[1], [2]]},
        {"n": 0, "tags": [], "marks": [], "grid": [], "moods": [], "docs": []},
        {"n": 0},
    ]  # fmt: skip
    for row in rows:
        made = await Row.objects.create(**row)
        await Child.objects.create(row=made)


LOOKUPS: list[tuple[str, Any, list[int]]] = [
    ("tags", ["a", "b", "c"], [1]),
    ("tags", [], [4]),
    ("tags__isnull", True, [5]),
    ("tags__in", [["b%"], []], [2, 4]),
    ("tags__contains", ["b"], [1, 3]),
    ("tags__contains", [], [1, 2, 3, 4]),
    ("tags__contained_by", ["a", "b", "c", "d"], [1, 4]),
    ("tags__overlap", ["b%", "A"], [2, 3]),
    ("marks__overlap", [7, 9], [2, 3]),
    ("tags__len", 3, [1, 3]),
    ("tags__len", 0, [4]),
    ("tags__len__gt", 1, [1, 3]),
    ("grid__len", 2, [1, 3]),
    ("grid__cardinality", 3, [2]),
    # positions and slices
    ("tags__0", "a", [1]),
    ("tags__0__startswith", "b", [2]),
    ("tags__2__isnull", True, [2, 3, 4, 5]),
    ("tags__-1", "c", [1]),
    ("tags__-2", "b", [1, 3]),
    ("tags__99999999999", "a", []),
    ("tags__1__lower", "b", [1, 3]),
    ("tags__0_2", ["a", "b"], [1]),
    ("tags__1_3", [], [2, 4]),
    ("tags__0_2__contains", ["b"], [1, 3]),
    ("tags__0_1__len", 1, [1, 2, 3]),
    ("marks__0__gt", 3, [2]),
    ("marks__0", F("marks__1"), [3]),
    ("grid__1__0", 3, [1]),
    ("grid__0__-1", 7, [2]),
    ("grid__0", [5, 6, 7], [2]),
    ("grid__5", None, EVERYTHING),
    ("grid__0_1__cardinality", 2, [1]),
    ("docs__0__a", 1, [1]),
    ("docs__-1__a__gte", 2, [1, 2]),
    ("moods__0", Mood.SAD, [2]),
    # elements
    ("tags__any", "b", [1, 3]),
    ("tags__any", F("word"), [1, 3]),
    ("tags__any", F("element"), [1]),
    ("tags__any__startswith", "b", [1, 2, 3]),
    ("tags__any__lower", "a", [1, 3]),
    ("tags__any__isnull", True, [3]),
    ("tags__any__in", ["c", "b%"], [1, 2]),
    ("tags__all__in", ["c", "b", "a"], [1, 4]),
    ("tags__all__gte", "b", [2, 4]),
    ("tags__all__isnull", False, [1, 2, 4]),
    ("marks__any__range", (7, 9), [2, 3]),
    ("marks__all__lt", 4, [1, 4]),
    ("marks__any", 2.5, []),
    ("marks__any__gt", 2**40, []),
    ("grid__any", 6, [2]),
    ("docs__any__a__gt", 2, [1]),
    ("moods__any", Mood.SAD, [1, 2]),
    ("moods__any__gte", "ok", [1]),
    # the other way round
    ("word__in", F("tags"), [1, 3]),
    ("n__in", F("marks"), []),
    ("big__in", F("marks"), [1]),
]  # fmt: skip


async def test_lookups(rows: Any) -> None:
    wrong = [
        (words, value, found)
        for words, value, expected in LOOKUPS
        if (found := await wrong_rows(QUERY, words, value, expected, EVERYTHING)) is not None
    ]
    assert wrong == []
    children = Child.objects.order_by("id")
    wrong = [
        (words, value)
        for words, value, expected in LOOKUPS
        if not isinstance(value, F) and await ids(children.filter(**{f"row__{words}": value})) != expected
    ]
    assert wrong == []


TAGS, MARKS, GRID = array_of(TEXT), array_of(INT4), Array(SmallInt, 2)
CASES: list[tuple[Any, str, PgType | None]] = [
    (F("tags")[0], "tags[1]", TEXT),
    (Row.tags[-1], "tags[array_upper(tags, 1)]", TEXT),
    (F("tags")[F("n")], "tags[n + 1]", TEXT),
    (F("tags__1"), "tags[2]", TEXT),
    (F("tags")[1:], "tags[2:]", TAGS),
    (F("tags")[:2], "tags[:2]", TAGS),
    (F("tags")[1:3], "tags[2:3]", TAGS),
    (F("tags")[:], "tags[:]", TAGS),
    (F("tags")[F("n"):F("n") + 1], "tags[n + 1:n + 1]", TAGS),
    (F("tags__0_2")[0], "tags[1]", TEXT),
    (F("grid")[0][1], "grid[1][2]", SmallInt),
    (F("grid")[F("n")][-1], "grid[n + 1][array_upper(grid, 2)]", SmallInt),
    (F("grid")[0], "NULLIF(ARRAY(SELECT unnest(grid[1:1])), '{}')", array_of(SmallInt)),
    (F("docs")[0]["a"], "docs[1]->'a'", Jsonb),
    (ArrayLength("tags"), "CASE WHEN tags IS NOT NULL THEN COALESCE(array_length(tags, 1), 0) END", INT4),
    (ArrayLength("grid", 2), "CASE WHEN grid IS NOT NULL THEN COALESCE(array_length(grid, 2), 0) END", INT4),
    (Cardinality("grid"), "cardinality(grid)", INT4),
    (ArrayAppend("tags", Value("x")), "tags || 'x'::text", TAGS),
    (ArrayAppend("tags", "word"), "array_append(tags, word)", TAGS),
    (ArrayAppend("marks", 5), "array_append(marks, 5)", MARKS),
    (ArrayAppend("marks", "big"), "array_append(marks, big::int)", MARKS),
    (ArrayAppend("tags", None), "array_append(tags, NULL)", TAGS),
    (ArrayPrepend("marks", "n"), "array_prepend(n, marks)", MARKS),
    (ArrayCat("tags", ["y", None]), "tags || '{y,NULL}'", TAGS),
    (ArrayCat("marks", F("marks")[1:]), "marks || marks[2:]", MARKS),
    (F("marks").concat([1]), "marks || '{1}'::int[]", MARKS),
    (ArrayRemove("tags", Value("b")), "array_remove(tags, 'b')", TAGS),
    (ArrayReplace("marks", 3, "n"), "array_replace(marks, 3, n)", MARKS),
    (ArrayPosition("tags", Value("b")), "array_position(tags, 'b') - 1", INT4),
    (ArrayPosition("marks", 3, 1), "array_position(marks, 3, 2) - 1", INT4),
    (ArrayPositions("marks", 3), "CASE id WHEN 3 THEN '{0,1}'::int[] WHEN 1 THEN '{0}' WHEN 5 THEN NULL ELSE '{}' END",
     MARKS),
    (ArrayToString("tags", Value("-")), "array_to_string(tags, '-')", TEXT),
    (ArrayToString("marks", Value(","), Value("?")), "array_to_string(marks, ',', '?')", TEXT),
    (StringToArray(Value("a,b,,"), Value(","), Value("")), "'{a,b,NULL,NULL}'::text[]", TAGS),
    (ArrayOf("word", Value("x"), Lower("word")), "ARRAY[word, 'x', lower(word)]", TAGS),
    (ArrayOf("n", "big", 5), "ARRAY[n, big, 5]", array_of(INT8)),
    (ArrayOf("n", None, 5), "ARRAY[n, NULL, 5::int8]", array_of(INT8)),
    (ArrayOf(1, 2), "ARRAY[1, 2]::int8[]", array_of(INT8)),
    (ArrayOf(ArrayOf("n", "n"), ArrayOf("n", "n")), "ARRAY[[n, n], [n, n]]", Array(Integer, 2)),
    (Value([1, 2])[1], "2::int8", INT8),
]  # fmt: skip


async def test_results_and_types(rows: Any) -> None:
    wrong = [
        (expression, found)
        for expression, sql, type_ in CASES
        if (found := await wrong_about(rows, QUERY, expression, sql, type_)) is not None
    ]
    assert wrong == []


async def test_without_the_last(rows: Any) -> None:
    query = QUERY.filter(tags__len__gt=0)
    assert await query.annotate(x=TrimArray("tags", 1)).values_list("x", flat=True) == [
        ["a", "b"],
        [],
        ["A", "b"],
    ]
    with pytest.raises(DataError):
        await QUERY.annotate(x=TrimArray("tags", 1))


@needs_server(18, "array_reverse() and array_sort()")
async def test_of_newer_servers(rows: Any) -> None:
    for expression, sql, type_ in (
        (ArrayReverse("tags"), "array_reverse(tags)", TAGS),
        (ArraySort("marks"), "array_sort(marks)", MARKS),
    ):
        assert await wrong_about(rows, QUERY, expression, sql, type_) is None


async def test_where_they_stand(rows: Any) -> None:
    assert await ids(QUERY.filter(F("tags")[0] == F("tags")[-1])) == [2]
    assert await ids(QUERY.filter(F("tags__any").startswith("b"), ~Q(marks__any=7))) == [1, 3]
    assert await ids(QUERY.filter(Row.tags.lookup("any__endswith", "%"))) == [2]
    assert await ids(Row.objects.order_by(F("marks")[0].desc(nulls="last"), "id")) == [2, 1, 3, 4, 5]
    groups = Row.objects.values("tags__len").annotate(rows=Count("*")).order_by("tags__len")
    assert await groups.values_list("tags__len", "rows") == [(0, 1), (1, 1), (3, 2), (None, 1)]
    assert await QUERY.filter(id__lte=2).values("tags__0", rest=F("tags")[1:]) == [
        {"tags__0": "a", "rest": ["b", "c"]}, {"tags__0": "b%", "rest": []},
    ]  # fmt: skip
    assert await QUERY.filter(id=1).values_list("moods__0", flat=True) == [Mood.OK]
    assert (
        await Row.objects.filter(id=1).update(tags=ArrayAppend(F("tags")[1:], Value("'z")), n=F("marks")[0])
        == 1
    )
    assert await QUERY.filter(id=1).values_list("tags", "n") == [(["b", "c", "'z"], 3)]
    assert await ids(QUERY.filter(children__row__tags__any="'z")) == [1]
    assert await ids(QUERY.filter(tags__any__in=Row.objects.filter(id=3).values("word"))) == [1, 3]


async def test_the_complement_of_what_nobody_knows(rows: Any) -> None:
    """A NULL among elements says nothing about a value that is not among the others."""
    elements = ArrayOf("word", None)
    assert await ids(QUERY.filter(element__in=elements)) == []
    assert await ids(QUERY.exclude(element__in=elements)) == EVERYTHING
    assert await ids(QUERY.exclude(word__in=elements)) == []


async def test_one_statement_for_all_positions(rows: Any) -> None:
    assert len({QUERY.annotate(x=F("tags")[n]).to_sql()[0] for n in range(4)}) == 1
    assert len({QUERY.annotate(x=F("tags")[n]).to_sql()[0] for n in (-1, -2, 0)}) == 2
    assert await QUERY.annotate(x=F("tags")[2]).filter(id=1).values_list("x", flat=True) == ["c"]
    assert await QUERY.annotate(x=F("tags")[1]).filter(id=1).values_list("x", flat=True) == ["b"]


REFUSED: list[tuple[Any, str]] = [
    (lambda: QUERY.values("tags__any").to_sql(), "stands for elements in a condition"),
    (lambda: QUERY.filter(tags__0_x="a").to_sql(), "'0_x' is no lookup for 'tags'"),
    (lambda: QUERY.filter(tags__icontains="a").to_sql(), "'icontains' is no lookup"),
    (lambda: QUERY.annotate(x=F("tags")["a"]).to_sql(), "named by whole numbers"),
    (lambda: F("tags")[-3:], "positions from 0 on"),
    (ArrayOf, "needs values"),
    (lambda: QUERY.annotate(x=ArrayAppend("marks", F("n") / 2.5)).to_sql(), "say what is meant: Cast"),
    (lambda: QUERY.annotate(x=ArrayAppend("word", Value("x"))).to_sql(), "takes array here"),
    (lambda: QUERY.annotate(x=ArrayCat("tags", "word")).to_sql(), "takes array of the same elements here"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
async def test_what_they_do_not_take(case: int) -> None:
    made, message = REFUSED[case]
    with pytest.raises(FieldError, match=message):
        made()


async def test_values_that_are_no_elements(rows: Any) -> None:
    for query in (
        QUERY.annotate(x=ArrayAppend("marks", Value("x"))),
        QUERY.filter(marks__0="x"),
        QUERY.filter(tags__any=5),
    ):
        with pytest.raises(DataError):
            await query
    assert Numeric(3, 1) and await QUERY.filter(marks__0=3.0).count() == 2
