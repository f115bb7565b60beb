"""Every type sample by every way a query can be said: the same Arrow type, the same values."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

import chakra
from chakra import F
from chakra.columnar.types import arrow_type
from chakra.errors import FieldError
from chakra.models import Model, field, foreign_key
from chakra.pg.types import PgType
from chakra.types import BigInt
from tests.columnar.families.test_database import plain
from tests.columnar.type_samples import TypeSample, every_sample, same


def models(sample: TypeSample) -> tuple[Any, Any]:
    """Two related models that have a field of the type; made anew, since the type of a sample has no OIDs."""
    holder = type(
        "Holder",
        (Model,),
        {"__module__": __name__, "id": field(BigInt, primary_key=True),
         "v": field(sample.type, null=True, default=None)},
        table="holders",
    )  # fmt: skip
    pointer = type(
        "Pointer",
        (Model,),
        {"__module__": __name__, "id": field(BigInt, primary_key=True),
         "holder": foreign_key(holder, null=True, default=None, related_name="pointers")},
        table="pointers",
    )  # fmt: skip
    return holder, pointer


@every_sample("xml")
async def test_every_way_gives_the_same(db: Any, sample: TypeSample) -> None:
    for statement in sample.setup.split("; ") if sample.setup else ():
        await db.execute(statement)
    sql_type = sample.type.sql
    await db.execute(f"create table holders (id int8 primary key, v {sql_type})")
    await db.execute("create table pointers (id int8 primary key, holder_id int8 references holders)")
    for number, (sql, _) in enumerate(sample.values):
        await db.execute(f"insert into holders values ({number}, ({sql})::{sql_type})")
    await db.execute("insert into pointers select id, id from holders")
    holder, pointer = models(sample)
    options = {
        "numeric": sample.options.numeric,
        "infinity": sample.options.infinity,
        "strings": sample.options.strings,
    }
    ordered, joined = holder.objects.order_by("id"), pointer.objects.order_by("id")
    ways: dict[str, Any] = {
        "model": ordered,
        "values": ordered.values("v"),
        "values_list": ordered.values_list("v"),
        "annotation": ordered.annotate(found=F("v")).values("found"),
        "join": joined.values("holder__v"),
        "annotation over a join": joined.annotate(found=F("holder__v")).values("found"),
        "table": db.table("holders").order_by("id"),
        "values of a table": db.table("holders").order_by("id").values("v"),
        "raw": chakra.raw("select v from holders order by id", db),
    }
    expected = None
    for way, query in ways.items():
        table = await query.to_arrow(**options)
        column = table.column(-1)
        # The driver does not pass on what a statement's result says of precisions and dimensions.
        told = way != "raw" or not (modified(sample.type) or sample.type.ndims > 1)
        assert column.type == sample.arrow or not told, way
        column.validate(full=True)
        found = plain(column, integers=sample.integers)
        expected = found if expected is None else expected
        assert same(found, expected), way
        if told and not follows_from_data(sample):
            batches = [batch async for batch in query.arrow_batches(**options)]
            streamed = pa.Table.from_batches(batches)
            # Of a table without a model the rows say how deep its arrays are, which a stream has not seen.
            deep = "table" in way and sample.type.ndims > 1
            assert streamed.schema.equals(table.schema, check_metadata=not deep), way
            assert same(plain(streamed.column(-1), integers=sample.integers), expected), way


def follows_from_data(sample: TypeSample) -> bool:
    """Whether the Arrow type is not known before the data: numeric of any precision, at any depth."""
    try:
        arrow_type(sample.type, sample.options)
    except FieldError:
        return True
    return False


def modified(type_: PgType) -> bool:
    """Whether the type, or that of the elements of its arrays, has a precision or a length."""
    return bool(type_.modifiers) or (type_.element is not None and modified(type_.element))
