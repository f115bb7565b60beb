"""Every type sample inside of structs and lists of them: the Arrow type and the values of the column itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from chakra import Field, ForeignKey, Prefetch
from chakra.errors import DataError
from chakra.models import Model, field, foreign_key
from chakra.pg.types import PgType
from chakra.types import BigInt, Integer
from tests.columnar.families.test_database import plain
from tests.columnar.test_ways import follows_from_data
from tests.columnar.type_samples import TypeSample, every_sample, same


def models(sample: TypeSample) -> tuple[Any, Any, Any]:
    """Parents, their children with a field of the type, and what points to one child."""

    def make(name: str, **fields: Any) -> Any:
        body = {"__module__": __name__, "id": field(BigInt, primary_key=True), **fields}
        return type(name, (Model,), body, table=f"nt_{name.lower()}s")

    parent = make("Parent")
    child = make(
        "Child",
        parent=foreign_key(parent, related_name="children"),
        v=field(sample.type, null=True, default=None),
    )
    pointer = make("Pointer", child=foreign_key(child, null=True, default=None, related_name="pointers"))
    return parent, child, pointer


@every_sample("xml")
async def test_every_type_in_records(db: Any, sample: TypeSample) -> None:
    for statement in sample.setup.split("; ") if sample.setup else ():
        await db.execute(statement)
    await db.execute(
        "create table nt_parents (id int8 primary key);"
        f"create table nt_childs (id int8 primary key, parent_id int8, v {sample.type.sql});"
        "create table nt_pointers (id int8 primary key, child_id int8); insert into nt_parents values (1), (2), (3)"
    )
    count = len(sample.values)
    for number, (sql, _) in enumerate(sample.values):
        await db.execute(
            f"insert into nt_childs values ({number}, {number % 2 + 1}, ({sql})::{sample.type.sql})"
        )
    await db.execute("insert into nt_pointers select id, id from nt_childs union all select 100000, null")
    parent, child, pointer = models(sample)
    options = {
        "numeric": sample.options.numeric,
        "infinity": sample.options.infinity,
        "strings": sample.options.strings,
    }
    flat = await child.objects.order_by("id").to_arrow(**options)
    expected = plain(flat.column("v"), integers=sample.integers)

    found = []
    rows = Prefetch("children", child.objects.order_by("id"))
    table = await parent.objects.order_by("id").prefetch_related(rows).to_arrow(nested=True, **options)
    table.validate(full=True)
    lists = table.column("children").combine_chunks()
    assert lists.type.value_type.field("v").type == sample.arrow
    ids, values = lists.flatten().field("id").to_pylist(), lists.flatten().field("v")
    for number in range(count):
        found += plain(pa.chunked_array([values.slice(ids.index(number), 1)]), integers=sample.integers)
    assert same(found, expected)
    assert [len(each) for each in lists] == [(count + 1) // 2, count // 2, 0]

    nested = parent.objects.order_by("id").prefetch_related(rows)
    for sink in () if sample.integers else ("to_polars", "to_pandas", "to_numpy"):
        try:
            await getattr(child.objects.all(), sink)(**options)
        except DataError:
            continue  # more digits than the library has
        frame = await getattr(nested, sink)(nested=True, **options)
        assert [len(each) for each in frame["children"]] == [(count + 1) // 2, count // 2, 0]

    for query in (
        pointer.objects.order_by("id").select_related("child"),
        pointer.objects.order_by("id").prefetch_related("child"),
    ):
        table = await query.to_arrow(nested=True, **options)
        table.validate(full=True)
        structs = table.column("child").combine_chunks()
        assert structs.type.field("v").type == sample.arrow
        inner = pa.chunked_array([structs.field("v").slice(0, count)])
        assert same(plain(inner, integers=sample.integers), expected)
        assert structs.is_null().to_pylist() == [False] * count + [True]
        if not follows_from_data(sample):
            streamed = pa.Table.from_batches(
                [batch async for batch in query.arrow_batches(nested=True, max_rows=2, **options)]
            )
            assert streamed.schema.equals(table.schema)
            again = streamed.column("child").combine_chunks().field("v").slice(0, count)
            assert same(plain(pa.chunked_array([again]), integers=sample.integers), expected)


BOOK = "978-0-393-04002-9"


async def test_types_without_a_binary_format_are_text(db: Any) -> None:
    """As in columns: in lists, in structs, in structs of structs, and in the outermost rows."""
    await db.execute(
        "create table nt_parents (id int8 primary key);"
        "create table nt_childs (id int8 primary key, parent_id int8, v aclitem);"
        "create table nt_pointers (id int8 primary key, child_id int8);"
        "insert into nt_parents values (1), (2); insert into nt_childs values (1, 1, '=r/postgres'), (2, 1, null);"
        "insert into nt_pointers values (1, 1), (2, 2)"
    )
    acl = PgType("aclitem", oid=1033, array_oid=1034, sends=False, receives=False, python=str)
    parent, child, pointer = models(TypeSample(acl, pa.string(), ()))
    table = await parent.objects.order_by("id").prefetch_related("children").to_arrow(nested=True)
    assert [[row["v"] for row in rows] for rows in table["children"].to_pylist()] == [
        ["=r/postgres", None],
        [],
    ]
    for query in (pointer.objects.select_related("child"), pointer.objects.prefetch_related("child__parent")):
        table = await query.order_by("id").to_arrow(nested=True)
        assert [row["v"] for row in table["child"].to_pylist()] == ["=r/postgres", None]
    table = await child.objects.order_by("id").prefetch_related("pointers").to_arrow(nested=True)
    assert table["v"].to_pylist() == ["=r/postgres", None]
    assert table["pointers"].to_pylist() == [[{"id": 1, "child_id": 1}], [{"id": 2, "child_id": 2}]]


class Big(Model, table="nt_parents"):
    id: Field[int] = field(primary_key=True)


class Small(Model, table="nt_childs"):
    id: Field[int] = field(primary_key=True)
    parent: ForeignKey[Big] = foreign_key(related_name="smalls")
    v: Field[Decimal]
    u: Field[UUID | None]
    j: Field[dict[str, Any] | None]


@pytest.mark.parametrize("batches", [1, 40_000])
async def test_decimals_without_a_scale_are_of_one_scale(db: Any, batches: int) -> None:
    """Beside types that Arrow knows by an extension; over several batches, too."""
    await db.execute(
        "create table nt_parents (id int8 primary key);"
        "create table nt_childs (id int8 primary key, parent_id int8, v numeric, u uuid, j jsonb);"
        "create index on nt_childs (parent_id);"
        f"insert into nt_parents select n from generate_series(1, {batches}) n;"
        "insert into nt_childs select id, id, case when id = 1 then 1.5 else 2 end, "
        "'00000000-0000-0000-0000-000000000001', '{}' from nt_parents;"
        f"insert into nt_childs values (0, {batches}, 0.125, null, null)"
    )
    table = await Big.objects.order_by("id").prefetch_related("smalls").to_arrow(nested=True)
    lists = table.column("smalls")
    assert lists.type.value_type.field("v").type.scale == 3
    first, last = lists[0].as_py(), lists[-1].as_py()
    assert first[-1] == {"id": 1, "parent_id": 1, "v": Decimal("1.5"), "u": UUID(int=1), "j": "{}"}
    assert [row["v"] for row in last] == [Decimal("0.125"), Decimal("1.5") if batches == 1 else Decimal(2)]


class Loose(Model, table="nt_childs"):
    id: Field[int] = field(primary_key=True)
    parent: ForeignKey[Big] = foreign_key(related_name="looses")
    v: Field[Decimal]
    n: Field[int] = field(Integer)


async def test_what_is_declared_otherwise_beside_what_follows_from_data(db: Any) -> None:
    """A bigint read as the integer it is declared to be, beside decimals whose scale is that of the data."""
    await db.execute(
        "create table nt_parents (id int8 primary key); insert into nt_parents values (1), (2);"
        "create table nt_childs (id int8 primary key, parent_id int8, v numeric, n int8);"
        "insert into nt_childs values (1, 1, 0.25, 5), (2, 1, 3, 6)"
    )
    query = Big.objects.order_by("id").prefetch_related("looses")
    table = await query.to_arrow(nested=True)
    kind = table.column("looses").type.value_type
    assert (kind.field("n").type, kind.field("v").type) == (pa.int32(), pa.decimal128(38, 2))
    assert table["looses"].to_pylist() == [
        [
            {"id": 1, "parent_id": 1, "v": Decimal("0.25"), "n": 5},
            {"id": 2, "parent_id": 1, "v": Decimal("3.00"), "n": 6},
        ],
        [],
    ]
    empty = await query.none().to_arrow(nested=True)
    assert empty.column("looses").type.value_type.field("n").type == pa.int32()
    (batch,) = [b async for b in query.arrow_batches(nested=True, numeric=(10, 2))]
    assert batch.schema.field("looses").type.value_type.field("n").type == pa.int32()
    await db.execute("update nt_childs set n = 3000000000 where id = 2")
    with pytest.raises(DataError, match=r'row 0, column "looses\[\].n": 3000000000 does not fit integer'):
        await query.to_arrow(nested=True)
