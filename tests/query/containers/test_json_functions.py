"""Functions of documents: what they give, its type, and what they write; expected answers from SQL by hand."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest

from chakra import JSON_NULL, Avg, Case, Coalesce, F, Sum, Value, When
from chakra.errors import DatabaseError, DataError, FieldError
from chakra.functions import (
    JsonArray,
    JsonInsert,
    JsonKeys,
    JsonLength,
    JsonMerge,
    JsonObject,
    JsonPathExists,
    JsonPathMatch,
    JsonPathQueryArray,
    JsonPathQueryFirst,
    JsonPretty,
    JsonRemove,
    JsonSet,
    JsonStripNulls,
    JsonType,
    JsonValue,
    Lower,
    ToJsonb,
)
from chakra.pg.types import BOOL, FLOAT8, INT2, INT4, INT8, JSONB, NUMERIC, TEXT, VARCHAR, PgType, array_of
from chakra.types import Array, Date, Timestamp, Uuid
from tests.query.containers.agree import wrong_about
from tests.query.containers.documents import MODELS, ODD_KEYS, Doc, fill
from tests.query.library import ids
from tests.relations.conftest import SHARED

__all__ = ["MODELS", "fill"]

pytestmark = SHARED
QUERY = Doc.objects.order_by("id")
TEXTS = array_of(TEXT)
OBJECTS = "jsonb_typeof(data) = 'object'"

CASES: list[tuple[Any, str, PgType | None]] = [
    (F("data")["o"]["k"][1], "data->'o'->'k'->1", JSONB),
    (F("plain")["o"]["k"][1], "(plain->'o'->'k'->1)::jsonb", JSONB),
    (F("data__o__k__1"), "data #> '{o,k,1}'", JSONB),
    (JsonLength("data"), "CASE WHEN data IS NULL THEN NULL WHEN id = 4 THEN 5 WHEN " + OBJECTS
     + " THEN (SELECT count(*) FROM jsonb_object_keys(data)) END::int", INT4),
    (JsonLength(F("plain")["o"]), "CASE id WHEN 1 THEN 2 WHEN 2 THEN 1 WHEN 3 THEN 2 END", INT4),
    (JsonType("data"), "jsonb_typeof(data)", TEXT),
    (JsonType("plain"), "json_typeof(plain)", TEXT),
    (JsonKeys("data"), "CASE WHEN " + OBJECTS + " THEN ARRAY(SELECT jsonb_object_keys(data)) END", TEXTS),
    (JsonKeys(F("plain")["o"]), "CASE id WHEN 1 THEN '{e,k}'::text[] WHEN 2 THEN '{k}' END", TEXTS),
    (JsonPretty("plain"), "jsonb_pretty(plain::jsonb)", TEXT),
    (JsonStripNulls("data"), "jsonb_strip_nulls(data)", JSONB),
    (ToJsonb("word"), "to_jsonb(word)", JSONB),
    (ToJsonb(Value([1, 2])), "'[1,2]'::jsonb", JSONB),
    (JsonObject(n="num", t=Value("x"), l=[1, None], z=None, d={"a": 1}), "jsonb_build_object('n', num, 't', 'x'::text, "
     "'l', '[1,null]'::jsonb, 'z', null, 'd', '{\"a\":1}'::jsonb)", JSONB),
    (JsonObject({"it's": F("data")["s"], "": 1}), "jsonb_build_object('it''s', data->'s', '', 1)", JSONB),
    (JsonObject(), "'{}'::jsonb", JSONB),
    (JsonArray("num", "plain", Value("x"), 1.5, JSON_NULL),
     "jsonb_build_array(num, plain, 'x'::text, 1.5, null)", JSONB),
    (JsonObject({f"k{n}": "num" for n in range(70)}),
     "(SELECT jsonb_object_agg('k' || n, num) FROM generate_series(0, 69) n)", JSONB),
    (JsonArray(*[n for n in range(150)]), "(SELECT jsonb_agg(n) FROM generate_series(0, 149) n)", JSONB),
    (JsonMerge("data", {"a": "new"}, F("data")["o"]), "data || '{\"a\":\"new\"}' || (data->'o')", JSONB),
    (Coalesce(F("data")["b"], F("data")["a"], 0), "COALESCE(data->'b', data->'a', '0')", JSONB),
    (Case(When(data__a=1, then=F("data")["s"]), default=5),
     "CASE WHEN id = 1 THEN data->'s' ELSE '5'::jsonb END", JSONB),
    (JsonMerge("plain", "x"), "plain::jsonb || '\"x\"'", JSONB),
    (F("data").concat({"z": 1}), "data || '{\"z\": 1}'", JSONB),
    (JsonPathQueryFirst("data", "$.o.k[*] ? (@ > $m)", {"m": 1}),
     "jsonb_path_query_first(data, '$.o.k[*] ? (@ > 1)')", JSONB),
    (JsonPathQueryArray("plain", "$.o.*"), "jsonb_path_query_array(plain::jsonb, '$.o.*')", JSONB),
    (JsonPathExists("data", "strict $.o", silent=True), "jsonb_path_exists(data, 'strict $.o', '{}', true)", BOOL),
    (JsonPathMatch("data", "$.a == 1"), "jsonb_path_match(data, '$.a == 1')", BOOL),
    # out of documents
    (JsonValue("data", "a", type=INT4), "CASE id WHEN 1 THEN 1 WHEN 9 THEN -3 END", INT4),
    (JsonValue("plain", "a", type=INT8), "CASE id WHEN 1 THEN 1 WHEN 9 THEN -3 END::int8", INT8),
    (JsonValue("data", "big", type=INT8), "NULL::int8", INT8),
    (JsonValue(Value({"n": 70000}, JSONB), "n", type=INT2), "NULL::int2", INT2),
    (JsonValue("data", "big", type=NUMERIC), "CASE id WHEN 9 THEN 1e30::numeric END", NUMERIC),
    (JsonValue("data", "a", type=NUMERIC(6, 2)),
     "(CASE id WHEN 1 THEN 1 WHEN 2 THEN 2.5 WHEN 9 THEN -3 END)::numeric(6,2)",
     NUMERIC(6, 2)),
    (JsonValue("data", "a", type=FLOAT8), "CASE id WHEN 1 THEN 1 WHEN 2 THEN 2.5 WHEN 9 THEN -3 END::float8", FLOAT8),
    (JsonValue("data", "b", type=BOOL), "CASE id WHEN 1 THEN true WHEN 2 THEN false END", BOOL),
    (JsonValue("data", "a", type=BOOL), "NULL::bool", BOOL),
    (JsonValue("data", "s", type=TEXT), "data->>'s'", TEXT),
    (JsonValue("plain", "s", type=VARCHAR(2)), "(plain->>'s')::varchar(2)", VARCHAR(2)),
    (JsonValue("data", "n", type=TEXT), "NULL::text", TEXT),
    (JsonValue("data", "o", type=TEXT), "data->>'o'", TEXT),
    (JsonValue("data", "o", type=JSONB), "data->'o'", JSONB),
    (JsonValue("data", "l", type=TEXTS),
     "CASE id WHEN 2 THEN '{}'::text[] WHEN 3 THEN '{a,x}' WHEN 9 THEN '{1.5,2}' END", TEXTS),
    (JsonValue("data", 4, type=array_of(INT4)), "CASE id WHEN 4 THEN '{1,2}'::int[] END", array_of(INT4)),
    (JsonValue("data", 1, type=INT4), "CASE id WHEN 4 THEN 2 END", INT4),
    (JsonValue(Value({"d": "2024-02-29"}, JSONB), "d", type=Date), "DATE '2024-02-29'", Date),
    (JsonValue(Value({"d": "2024-02-29 01:02"}, JSONB), "d", type=Timestamp),
     "TIMESTAMP '2024-02-29 01:02'", Timestamp),
    (JsonValue(Value({"u": str(uuid.UUID(int=7))}, JSONB), "u", type=Uuid), f"'{uuid.UUID(int=7)}'::uuid", Uuid),
    (JsonValue(Value({"u": 5}, JSONB), "u", type=Uuid), "NULL::uuid", Uuid),
]  # fmt: skip
"""Expression, the SQL that means the same, and the type that is known of it."""

WRITES: list[tuple[Any, Any]] = [
    (JsonSet("data", "a", "num"), {"a": "num", "l": [1, [2]], "o": {"k": None}}),
    (JsonSet("data", "a", F("num")), {"a": 1, "l": [1, [2]], "o": {"k": None}}),
    (JsonSet("data", ["o", "k"], {"x": None}), {"a": 5, "l": [1, [2]], "o": {"k": {"x": None}}}),
    (JsonSet("data", ["o", "new"], None), {"a": 5, "l": [1, [2]], "o": {"k": None, "new": None}}),
    (JsonSet("data", ["o", "new"], 1, create=False), {"a": 5, "l": [1, [2]], "o": {"k": None}}),
    (JsonSet("data", ["none", "new"], 1), {"a": 5, "l": [1, [2]], "o": {"k": None}}),
    (JsonSet("data", ["l", 1, 0], True), {"a": 5, "l": [1, [True]], "o": {"k": None}}),
    (JsonSet("data", ["l", -2], [3]), {"a": 5, "l": [[3], [2]], "o": {"k": None}}),
    (JsonSet("data", ["l"], F("word")), {"a": 5, "l": None, "o": {"k": None}}),
    (JsonSet("data", "a", Decimal("1.50")), {"a": 1.5, "l": [1, [2]], "o": {"k": None}}),
    (JsonSet("data", "a", JSON_NULL), {"a": None, "l": [1, [2]], "o": {"k": None}}),
    (JsonSet("data", "a", Lower(Value("ÄX"))), {"a": "äx", "l": [1, [2]], "o": {"k": None}}),
    (JsonSet("data", Value(["o", "k"]), 7), {"a": 5, "l": [1, [2]], "o": {"k": 7}}),
    (JsonSet(JsonSet("data", "a", 1), "l", F("data")["a"]), {"a": 1, "l": 5, "o": {"k": None}}),
    (JsonInsert("data", ["l", 0], 0), {"a": 5, "l": [0, 1, [2]], "o": {"k": None}}),
    (JsonInsert("data", ["l", 0], 0, after=True), {"a": 5, "l": [1, 0, [2]], "o": {"k": None}}),
    (JsonInsert("data", ["o", "n"], F("num")), {"a": 5, "l": [1, [2]], "o": {"k": None, "n": 1}}),
    (JsonRemove("data", "a", ["l", 1], ["o", "k"]), {"l": [1], "o": {}}),
    (JsonRemove("data", ["l", 0], ["l", 0]), {"a": 5, "l": [], "o": {"k": None}}),
    (JsonMerge("data", {"l": 1, "z": None}), {"a": 5, "l": 1, "o": {"k": None}, "z": None}),
    (JsonStripNulls("data"), {"a": 5, "l": [1, [2]], "o": {}}),
]
"""What a document becomes."""


async def test_results_and_types(rows: Any) -> None:
    wrong = [
        (expression, found)
        for expression, sql, type_ in CASES
        if (found := await wrong_about(rows, QUERY, expression, sql, type_)) is not None
    ]
    assert wrong == []


async def test_writes(rows: Any) -> None:
    start = {"a": 5, "l": [1, [2]], "o": {"k": None}}
    wrong = []
    for expression, expected in WRITES:
        for column in ("data", "plain"):
            await Doc.objects.filter(id=1).update(data=start, plain=start, word=None)
            assert await Doc.objects.filter(id=1).update(**{column: expression}) == 1
            found = (await Doc.objects.get(id=1)).__getattribute__(column)
            if found != expected:
                wrong.append((column, expression, found))
    assert wrong == []
    doc = await Doc.objects.get(id=1)
    doc.data = JsonSet("data", "saved", True)
    await doc.save()
    assert doc.data["saved"] is True
    await Doc.objects.filter(id=7).update(
        data=JsonSet("data", "a", 1), plain=JsonSet(Coalesce("data", {}), "a", 1)
    )
    doc = await Doc.objects.get(id=7)
    assert doc.data is None and doc.plain == {"a": 1}


async def test_odd_keys_are_written(rows: Any) -> None:
    for key in ODD_KEYS:
        await Doc.objects.filter(id=1).update(data={}, plain=JsonObject({key: JsonArray(Value(key))}))
        await Doc.objects.filter(id=1).update(data=JsonSet("data", [key], key))
        assert await ids(QUERY.filter(data={key: key}, plain={key: [key]})) == [1]
        assert await Doc.objects.filter(id=1).update(data=JsonRemove("data", [key])) == 1
        assert await ids(QUERY.filter(data={})) == [1]
    for path in ("\0", ["a", "\0"]):
        with pytest.raises(DataError):
            await Doc.objects.update(data=JsonSet("data", path, 1))


async def test_in_aggregates_orders_and_groups(rows: Any) -> None:
    number = JsonValue("data", "a", type=NUMERIC(6, 2))
    assert await Doc.objects.aggregate(s=Sum(number), m=Avg(JsonLength("data"))) == {
        "s": Decimal("0.50"), "m": pytest.approx(Decimal(6 + 5 + 4 + 5 + 17 + 4) / 6),
    }  # fmt: skip
    assert (await ids(QUERY.order_by(number.desc(nulls="last"), "id")))[:3] == [2, 1, 9]
    table = (
        await Doc.objects.values(kind=JsonType("data")).annotate(s=Sum(number)).order_by("kind").to_arrow()
    )
    assert table["kind"].to_pylist() == ["array", "null", "object", "string", None]
    assert str(table.schema.field("s").type) == "decimal128(38, 2)"
    assert await ids(QUERY.filter(data__o__json_keys__contains=["k"], data__a__json_type="number")) == [1, 2]


async def test_what_the_server_refuses(rows: Any) -> None:
    with pytest.raises(DataError, match="not an integer"):
        await Doc.objects.filter(id=4).update(data=JsonSet("data", "a", 1))
    with pytest.raises(DataError, match="cannot replace existing key"):
        await Doc.objects.filter(id=1).update(data=JsonInsert("data", "a", 1))
    with pytest.raises((DataError, DatabaseError), match="invalid input syntax for type date"):
        await QUERY.annotate(x=JsonValue("data", "s", type=Date)).filter(id=1)


REFUSED: list[tuple[Any, str]] = [
    (lambda: JsonSet("data", [], 1), "takes a path: a key, or a list of keys and positions"),
    (lambda: JsonSet("data", [1.5], 1), "takes a path"),
    (lambda: JsonRemove("data"), "needs a path"),
    (lambda: JsonValue("data", "a", type=int), "takes one of chakra.types"),  # type: ignore[arg-type]
    (lambda: JsonValue("data", "a", type=Array(INT4, 2)), "arrays of one dimension"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
async def test_what_they_do_not_take(case: int) -> None:
    made, message = REFUSED[case]
    with pytest.raises(FieldError, match=message):
        made()


async def test_the_day_is_the_text(rows: Any) -> None:
    await Doc.objects.filter(id=1).update(data={"d": "2024-02-29"})
    day = QUERY.filter(id=1).annotate(x=JsonValue("data", "d", type=Date))
    assert await day.values_list("x", flat=True) == [dt.date(2024, 2, 29)]
    assert await day.filter(x__year=2024, x__gt=dt.date(2024, 1, 1)).count() == 1
