"""JSON null is JSON_NULL and NULL is None: written, asked for and read apart on every path, in json and in jsonb."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import chakra
from chakra import JSON_NULL, F, Field, Func, JsonNull, Model, Prefetch, Q, Value, field
from chakra.errors import DataError, IntegrityError, NotNullViolation
from chakra.pg.json_text import dump_json, load_json
from chakra.types import Array, Composite, Integer, Json, Jsonb
from tests.query.conftest import watched
from tests.query.library import ids

NOTE = Composite("json_note", n=Integer, doc=Jsonb)


class Doc(Model, table="json_docs"):
    id: Field[int] = field(primary_key=True)
    b: Field[Any] = field(Jsonb, null=True)
    j: Field[Any] = field(Json, null=True)
    needed: Field[dict[str, Any] | JsonNull] = field(default=JSON_NULL)
    perhaps: Field[dict[str, Any] | JsonNull | None] = field(default=None)
    many: Field[list[Any] | None] = field(Array(Jsonb), default=None)


class Part(Model, table="json_parts"):
    id: Field[int] = field(primary_key=True)
    doc: chakra.ForeignKey[Doc] = chakra.foreign_key(related_name="parts")
    data: Field[Any] = field(Jsonb, null=True)


class Noted(Model, table="json_noted"):
    id: Field[int] = field(primary_key=True)
    note: Field[Any] = field(NOTE, null=True)


BOTH = pytest.mark.parametrize("name", ["b", "j"])
STORED = [
    ("null", JSON_NULL),
    (None, None),
    ('{"a":null}', {"a": None}),
    ('"null"', "null"),
    ("false", False),
]
"""Texts in the table, and what they are in Python; rows 1, 2, …"""


@pytest.fixture
async def docs(db: Any) -> Any:
    """The texts of ``STORED`` in both columns, written by the server itself."""
    await db.create_tables(Doc, Part)
    for number, (text, _) in enumerate(STORED, 1):
        await db.execute(
            "insert into json_docs (id, b, j, needed) values ($1, $2::text::jsonb, $2::text::json, '{}')",
            number,
            text,
        )
    return db


async def texts(db: Any, name: str, table: str = "json_docs") -> dict[int, str | None]:
    rows = await db.fetch(f"select id, {name}::text as text from {table} order by id")
    return {row["id"]: row["text"] for row in rows}


# -- the object -----------------------------------------------------------------------------------------


def test_there_is_one_and_it_is_false() -> None:
    assert repr(JSON_NULL) == "JSON_NULL" and not JSON_NULL and type(JSON_NULL) is JsonNull
    assert JsonNull() is JSON_NULL and copy.copy(JSON_NULL) is JSON_NULL
    assert copy.deepcopy([JSON_NULL]) == [JSON_NULL]
    assert all(pickle.loads(pickle.dumps(JSON_NULL, p)) is JSON_NULL for p in range(6))
    assert JSON_NULL != None and JSON_NULL not in (None, False, 0, "", {})  # noqa: E711
    assert {JSON_NULL: 1}[JSON_NULL] == 1


def test_text_of_documents_both_ways() -> None:
    assert dump_json(JSON_NULL) == dump_json(None) == "null"
    assert dump_json({"a": [JSON_NULL, None, {"b": JSON_NULL}]}) == '{"a":[null,null,{"b":null}]}'
    assert load_json(" null\n") is JSON_NULL and load_json("[null]") == [None]
    for other in (object(), {1, 2}, {"a": object()}):
        with pytest.raises(TypeError, match=r"Object of type \w+ is not JSON serializable"):
            dump_json(other)


def test_annotations_with_it_are_jsonb() -> None:
    columns = Doc.__table__.by_attribute
    assert columns["needed"].type.name == columns["perhaps"].type.name == "jsonb"
    assert not columns["needed"].nullable and columns["perhaps"].nullable


# -- writing --------------------------------------------------------------------------------------------

GIVEN = [JSON_NULL, None, {"a": [JSON_NULL]}, [JSON_NULL], "null"]
AS_TEXT = ["null", None, '{"a":[null]}', "[null]", '"null"']


async def create(values: list[Any]) -> None:
    for number, value in enumerate(values):
        await Doc.objects.create(id=number, b=value, j=value)


async def save(values: list[Any]) -> None:
    for number, value in enumerate(values):
        doc = await Doc.objects.create(id=number, b=5, j=5)
        doc.b = doc.j = value
        await doc.save()


async def update(values: list[Any]) -> None:
    for number, value in enumerate(values):
        await Doc.objects.create(id=number, b=5, j=5)
        await Doc.objects.filter(id=number).update(b=value, j=value)


async def get_or_create(values: list[Any]) -> None:
    for number, value in enumerate(values):
        await Doc.objects.get_or_create(id=number, defaults={"b": value, "j": value})


async def update_or_create(values: list[Any]) -> None:
    for number, value in enumerate(values):
        await Doc.objects.create(id=number, b=5, j=5)
        await Doc.objects.update_or_create(id=number, defaults={"b": value, "j": value})


async def bulk_create(values: list[Any]) -> None:
    await Doc.objects.bulk_create([Doc(id=n, b=v, j=v) for n, v in enumerate(values)])


async def bulk_create_over(values: list[Any]) -> None:
    await Doc.objects.bulk_create([Doc(id=n, b=5, j=5) for n in range(len(values))])
    await Doc.objects.bulk_create(
        [Doc(id=n, b=v, j=v) for n, v in enumerate(values)],
        on_conflict="update",
        conflict_fields=["id"],
        update_fields=["b", "j"],
    )


async def bulk_update(values: list[Any]) -> None:
    made = await Doc.objects.bulk_create([Doc(id=n, b=5, j=5) for n in range(len(values))])
    for doc, value in zip(made, values, strict=True):
        doc.b = doc.j = value
    await Doc.objects.bulk_update(made, ["b", "j"])


async def columns(values: list[Any]) -> None:
    await Doc.objects.bulk_insert(
        {"id": list(range(len(values))), "b": values, "j": values, "needed": [JSON_NULL] * len(values)}
    )


async def dicts(values: list[Any]) -> None:
    await Doc.objects.bulk_insert(
        [{"id": n, "b": v, "j": v, "needed": JSON_NULL} for n, v in enumerate(values)]
    )


async def table(values: list[Any]) -> None:
    await (
        chakra.db.default.default_database()
        .table("json_docs")
        .bulk_insert([{"id": n, "b": v, "j": v, "needed": JSON_NULL} for n, v in enumerate(values)])
    )


async def columns_over(values: list[Any]) -> None:
    await columns([5] * len(values))
    await Doc.objects.bulk_insert(
        {"id": list(range(len(values))), "b": values, "j": values, "needed": [JSON_NULL] * len(values)},
        on_conflict="update",
        conflict_fields=["id"],
    )


SINGLE = [create, save, update, get_or_create, update_or_create]
BULK = [bulk_create, bulk_create_over, bulk_update, columns, dicts, table, columns_over]
CASES = [*((write, 5) for write in SINGLE + BULK), *((write, 1000) for write in BULK)]


@pytest.mark.parametrize(("write", "rows"), CASES, ids=lambda each: getattr(each, "__name__", each))
async def test_every_writer_stores_them_apart(db: Any, write: Any, rows: int) -> None:
    await db.create_tables(Doc)
    await write(GIVEN * (rows // 5))
    spaced = [text and text.replace(":", ": ") for text in AS_TEXT]
    assert list((await texts(db, "b")).values()) == spaced * (rows // 5)
    assert list((await texts(db, "j")).values()) == AS_TEXT * (rows // 5)
    assert set((await texts(db, "needed")).values()) == {"null"}
    assert await db.fetchval("select count(*) from json_docs where b = 'null'::jsonb") == rows // 5
    assert await db.fetchval("select count(*) from json_docs where b is null and j is null") == rows // 5


async def test_null_where_none_may_be(db: Any) -> None:
    await db.create_tables(Doc)
    with pytest.raises(NotNullViolation):
        await Doc.objects.create(id=1, needed=None)
    with pytest.raises(NotNullViolation, match='row 1, column "needed"'):
        await Doc.objects.bulk_insert({"id": [1, 2], "needed": [JSON_NULL, None]})
    with pytest.raises(IntegrityError):
        await Doc.objects.bulk_create([Doc(id=1, needed=None)])
    assert await Doc.objects.count() == 0


@pytest.mark.parametrize("name", ["id", "title"])
async def test_no_document_is_refused_elsewhere(db: Any, name: str) -> None:
    class Plain(Model, table="json_plain"):
        id: Field[int] = field(primary_key=True)
        title: Field[str] = field(default="")

    await db.create_tables(Plain)
    values: dict[str, Any] = {"id": 1, "title": "a"} | {name: JSON_NULL}
    for write in (
        lambda: Plain.objects.create(**values),
        lambda: Plain.objects.bulk_create([Plain(**values)] * 2),
        lambda: Plain.objects.bulk_insert([values]),
        lambda: Plain.objects.filter(**{name: JSON_NULL}),
        lambda: Plain.objects.filter(**{f"{name}__in": [JSON_NULL]}),
    ):
        with pytest.raises(DataError, match=r"JSON_NULL|JsonNull"):
            await write()
    with pytest.raises(DataError, match="JSON_NULL is a document and no text"):
        await Plain.objects.filter(title__contains=JSON_NULL)


@pytest.mark.parametrize(
    "made",
    [
        lambda: {"b": np.array([JSON_NULL, None, {"a": 1}], dtype=object)},
        lambda: pd.DataFrame({"b": [JSON_NULL, None, {"a": 1}]}),
        lambda: pl.DataFrame({"b": ["null", None, '{"a":1}']}),
        lambda: pa.table({"b": ["null", None, '{"a":1}']}),
        lambda: pa.table({"b": pa.array(["null", None, '{"a":1}'], pa.json_())}),
    ],
    ids=["numpy", "pandas", "polars", "arrow", "arrow.json"],
)
@BOTH
async def test_columns_of_others(db: Any, made: Any, name: str) -> None:
    await db.create_tables(Doc)
    given = made()
    kept = {"b": given["b"]} if isinstance(given, dict) else given
    data = {"id": [1, 2, 3], name: kept["b"], "needed": pa.array(["{}"] * 3)}
    await Doc.objects.bulk_insert(data)
    assert await db.fetchval(f"select {name}::text from json_docs where id = 1") == "null"
    assert await db.fetchval(f"select id from json_docs where {name} is null") == 2
    assert await db.fetchval(f"select {name} from json_docs where id = 3") == {"a": 1}


async def test_tables_made_of_data(db: Any) -> None:
    made = db.table("json_made")
    await made.bulk_insert([{"a": JSON_NULL, "b": {"x": 1}}, {"a": None, "b": JSON_NULL}], create=True)
    assert [tuple(row.values()) for row in await made] == [(JSON_NULL, {"x": 1}), (None, JSON_NULL)]
    await db.table("json_other").bulk_insert(
        {"a": [JSON_NULL, JSON_NULL], "n": [[JSON_NULL], [1]]}, create=True
    )
    assert await db.fetchval("select array_agg(distinct pg_typeof(a)::text) from json_other") == ["jsonb"]


# -- asking ---------------------------------------------------------------------------------------------

ASKED: list[tuple[Any, list[int]]] = [
    (JSON_NULL, [1]),
    (None, [2]),
    ({"a": JSON_NULL}, [3]),
    ({"a": None}, [3]),
    ("null", [4]),
    (False, [5]),
    (Value(JSON_NULL), [1]),
    (F("needed"), []),
]


@BOTH
@pytest.mark.parametrize(("value", "found"), ASKED, ids=str)
async def test_equal(docs: Any, name: str, value: Any, found: list[int]) -> None:
    query = Doc.objects
    if isinstance(value, F) and name == "j":
        value = F("j")  # equal to itself, as jsonb
        found = [1, 3, 4, 5]
    rest = [n for n in (1, 2, 3, 4, 5) if n not in found]
    known = [n for n in rest if n != 2]
    column = getattr(Doc, name)
    assert await ids(query.filter(**{name: value})) == await ids(query.filter(column == value)) == found
    assert await ids(query.filter(Q(**{name: value}))) == found
    assert await ids(query.exclude(**{name: value})) == await ids(query.filter(~(column == value))) == rest
    assert (
        await ids(query.filter(**{f"{name}__ne": value})) == await ids(query.filter(column != value)) == known
    )


@BOTH
async def test_in_null_and_nothing(docs: Any, name: str) -> None:
    query = Doc.objects
    for given, found in [
        ([JSON_NULL, {"a": None}], [1, 3]),
        ([None, JSON_NULL], [1]),
        ([JSON_NULL], [1]),
        (["null", False], [4, 5]),
        ([None], []),
        ([], []),
        (Doc.objects.filter(id__in=[1, 2, 3]).values(name), [1, 3]),
    ]:
        rest = [n for n in (1, 2, 3, 4, 5) if n not in found]
        assert await ids(query.filter(**{f"{name}__in": given})) == found
        assert await ids(query.exclude(**{f"{name}__in": given})) == rest
    assert await ids(query.filter(**{f"{name}__isnull": True})) == [2]
    assert await ids(query.filter(**{f"{name}__isnull": False})) == [1, 3, 4, 5]
    assert await query.filter(**{name: JSON_NULL}).update(many=[]) == 1
    assert await query.filter(**{name: None}).delete() == 1
    table = pa.Table.from_batches([b async for b in query.filter(**{name: JSON_NULL}).arrow_batches()])
    assert table["id"].to_pylist() == [1]


async def test_json_is_equal_as_jsonb_is(docs: Any) -> None:
    await docs.execute("""insert into json_docs (id, j, needed) values (9, '{"x": 1.0,  "a" : [ ]}', '{}')""")
    assert await ids(Doc.objects.filter(j={"a": [], "x": 1})) == [9]
    assert await ids(Doc.objects.filter(j__in=[{"a": [], "x": 1}])) == [9]


async def test_null_and_json_null_are_two_statements(docs: Any) -> None:
    query = Doc.objects.order_by("id")
    with watched(docs) as seen:
        for _ in range(2):
            for value in (JSON_NULL, None, {"a": None}, JSON_NULL, None):
                await query.filter(b=value)
    assert len(set(seen)) == 2  # JSON_NULL is a value as others are
    assert {"IS NULL" in sql for sql in seen} == {True, False}


async def test_containing_and_other_words(docs: Any) -> None:
    assert await ids(Doc.objects.filter(b__contains=JSON_NULL)) == [1]
    assert await ids(Doc.objects.filter(b__contained_by=JSON_NULL)) == [1]
    for word in ("iexact", "icontains", "startswith", "iendswith"):
        with pytest.raises(DataError, match="JSON_NULL is a document and no text"):
            await Doc.objects.filter(**{f"b__{word}": JSON_NULL})
    assert await ids(Doc.objects.filter(b__a=JSON_NULL)) == [3]
    assert await ids(Doc.objects.filter(b__a=None)) == [1, 2, 4, 5]


async def test_expressions(docs: Any) -> None:
    filled = Func("coalesce", F("b"), Value(JSON_NULL), type=Jsonb)
    rows = await Doc.objects.order_by("id").annotate(x=filled, y=Value(JSON_NULL)).values_list("x", "y")
    assert rows == [(value, JSON_NULL) for value in (JSON_NULL, JSON_NULL, {"a": None}, "null", False)]
    await Doc.objects.filter(id=4).update(b=Value(JSON_NULL), perhaps=F("needed"))
    assert await ids(Doc.objects.filter(b=JSON_NULL)) == [1, 4]


# -- reading --------------------------------------------------------------------------------------------

VALUES = [value for _, value in STORED]


@BOTH
async def test_every_reader_gives_them_apart(docs: Any, name: str) -> None:
    query = Doc.objects.order_by("id")
    same = f"select {name} from json_docs order by id"
    assert [getattr(doc, name) for doc in await query] == VALUES
    assert [getattr(doc, name) async for doc in query] == VALUES
    assert await query.values_list(name, flat=True) == VALUES
    assert [row[name] for row in await query.values(name)] == VALUES
    assert [row[name] for row in await docs.fetch(same)] == VALUES
    assert [row[name] for row in await docs.table("json_docs").order_by("id")] == VALUES
    assert [
        getattr(doc, name) for doc in await chakra.raw("select * from json_docs order by id", model=Doc).all()
    ] == VALUES
    one = await query.first()
    await docs.execute(f"update json_docs set {name} = null where id = 1")
    await docs.execute(f"update json_docs set {name} = 'null' where id = 2")
    await one.refresh()
    assert getattr(one, name) is None and getattr(await Doc.objects.get(id=2), name) is JSON_NULL
    assert (await query.to_arrow())[name].to_pylist()[:2] == [None, "null"]
    assert (await query.to_polars())[name].to_list()[:2] == [None, "null"]


@BOTH
async def test_what_was_read_goes_back_as_it_was(docs: Any, name: str) -> None:
    before = await texts(docs, name)
    rows = await Doc.objects.all()
    await Doc.objects.bulk_update(rows, [name])
    assert await texts(docs, name) == before
    for row in rows:
        setattr(row, name, getattr(row, name))
        await row.save()
    assert await texts(docs, name) == before
    kept = pickle.loads(pickle.dumps(rows))
    assert [getattr(row, name) for row in kept] == VALUES
    values, columns = await Doc.objects.values(), await Doc.objects.to_arrow()
    for written in (lambda: Doc.objects.bulk_insert(values), lambda: Doc.objects.bulk_insert(columns)):
        await Doc.objects.all().delete()
        await written()
        assert await texts(docs, name) == before


async def test_large_results_are_the_same_as_columns_and_as_records(db: Any, dsn: str) -> None:
    await db.create_tables(Doc)
    await db.execute(
        "insert into json_docs (id, b, j, needed) select i, v::jsonb, v::json, '{}' from generate_series(1, 2500) i, "
        "lateral (select case i % 4 when 0 then null when 1 then ' null ' "
        """when 2 then '{"a":null}' else '0' end) q(v)"""
    )
    await Doc.objects.limit(1).to_arrow()
    query = Doc.objects.order_by("id").values_list("b", "j")
    expected = [(v, v) for v in (JSON_NULL, {"a": None}, 0, None)] * 625
    assert await query == expected
    kinds: list[str] = []
    db.hooks.add(lambda event: kinds.append(event.kind))
    assert await query == expected and set(kinds) == {"copy_out"}
    async with chakra.connect(dsn, columnar_rows=False) as plain:
        assert await query.using(plain) == expected


async def test_arrays_and_composites(db: Any) -> None:
    await db.execute("create type json_note as (n int, doc jsonb)")
    await db.create_tables(Doc, Noted)
    given = [JSON_NULL, None, {"a": JSON_NULL}, [JSON_NULL]]
    await Doc.objects.create(id=1, many=given)
    await Doc.objects.bulk_insert({"id": [2], "many": [given], "needed": [JSON_NULL]})
    await Doc.objects.bulk_create([Doc(id=n, many=given) for n in (3, 4)])
    assert await db.fetchval("select count(*) from json_docs where many[1] = 'null' and many[2] is null") == 4
    read = [JSON_NULL, None, {"a": None}, [None]]
    assert await Doc.objects.values_list("many", flat=True) == [read] * 4
    assert await ids(Doc.objects.filter(many__contains=[JSON_NULL])) == [1, 2, 3, 4]
    assert await ids(Doc.objects.filter(many=given)) == [1, 2, 3, 4]
    assert (await Doc.objects.filter(id=1).to_arrow())["many"].to_pylist()[0][:2] == ["null", None]

    notes = [{"n": 1, "doc": JSON_NULL}, {"n": 2, "doc": None}, None]
    await Noted.objects.bulk_insert({"id": [1, 2, 3], "note": notes})
    for number, note in enumerate(notes, 4):
        await Noted.objects.create(id=number, note=note)
    found = await Noted.objects.order_by("id").values_list("note", flat=True)
    assert [note and note["doc"] for note in found] == [JSON_NULL, None, None] * 2
    assert await db.fetchval("select count(*) from json_noted where (note).doc = 'null'") == 2
    assert (await db.fetchval("select row(1, 'null'::jsonb, null::jsonb)"))[1:] == (JSON_NULL, None)
    # Beside a type that is read as text, the whole composite is.
    await db.execute("create type json_priced as (price money, doc jsonb)")
    priced = await db.fetchval("select array[row('1', 'null'), row('1', null)]::json_priced[]")
    assert [each["doc"] for each in priced] == [JSON_NULL, None]


async def test_relations(docs: Any) -> None:
    await Part.objects.bulk_create([Part(id=1, doc_id=1, data=JSON_NULL), Part(id=2, doc_id=1, data=None)])
    parts = Prefetch("parts", Part.objects.order_by("id"))
    doc = await Doc.objects.prefetch_related(parts).get(id=1)
    assert [part.data for part in doc.parts] == [JSON_NULL, None]
    found = await Part.objects.select_related("doc").order_by("id")
    assert [part.doc.b for part in found] == [JSON_NULL, JSON_NULL]
    assert await ids(Doc.objects.filter(parts__data=JSON_NULL)) == [1]
    assert await ids(Part.objects.filter(doc__j=JSON_NULL)) == [1, 2]
    assert await ids(Part.objects.exclude(data=JSON_NULL)) == [2]
    nested = await Doc.objects.filter(id=1).prefetch_related(parts).to_arrow(nested=True)
    assert [part["data"] for part in nested["parts"].to_pylist()[0]] == ["null", None]


async def test_statements_of_ones_own(docs: Any) -> None:
    row = await docs.fetchrow(
        "select $1::jsonb as a, $1::json as b, $2::jsonb as c, $3::jsonb[] as d",
        JSON_NULL,
        None,
        [JSON_NULL, None],
    )
    assert tuple(row) == (JSON_NULL, JSON_NULL, None, [JSON_NULL, None])
    assert await docs.fetchval("select $1::jsonb = 'null'", JSON_NULL) is True
    returned = await docs.fetch("update json_docs set b = 'null' where id = 2 returning b, j")
    assert [tuple(r) for r in returned] == [(JSON_NULL, None)]
