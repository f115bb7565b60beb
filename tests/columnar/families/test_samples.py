"""Every type sample against a real server: its bytes decode to the expected values and go back unchanged."""

from __future__ import annotations

from typing import Any

import asyncpg
import pyarrow as pa
import pytest

from chakra.columnar.families import decode_column, encode_column
from chakra.columnar.options import Options
from chakra.columnar.types import arrow_type
from chakra.pg.types import PgType
from tests.columnar import reference_families as reference
from tests.columnar.families.support import copy_in, copy_out, raw_of, resolve, values_of
from tests.columnar.type_samples import AS_TEXT, TYPE_SAMPLES, TypeSample, every_sample, same


def plain(array: pa.Array, *, integers: bool) -> list[Any]:
    if integers:
        wide = pa.int32() if pa.types.is_date32(array.type) else pa.int64()
        return array.view(wide).to_pylist()
    return array.to_pylist()


# The type's own output function; a cast of inet to text adds /32.
TEXT = "case when v is not null then format('%s', v) end"


async def has_xml(pg: asyncpg.Connection[Any]) -> bool:
    try:
        await pg.fetchval("select '<a/>'::xml::text")
    except asyncpg.FeatureNotSupportedError:
        return False
    return True


def plain_python(sample: TypeSample) -> bool:
    """The twins know no options, and no types without a fixed layout."""
    known = sample.type.name not in ("xid", "regtype", "char")
    return known and sample.options == Options() and not sample.integers


def slices_encode_like_the_whole(array: pa.Array, type_: PgType) -> None:
    wire = values_of(encode_column(array, type_))
    for start in range(len(array)):
        assert values_of(encode_column(array.slice(start, 2), type_)) == wire[start : start + 2]


@every_sample()
async def test_decode_and_round_trip(pg: asyncpg.Connection[Any], sample: TypeSample) -> None:
    if sample.setup:
        await pg.execute(sample.setup)
    type_ = await resolve(pg, sample.type)
    if type_.name == "xml" and not await has_xml(pg):
        pytest.skip("this server is built without libxml")
    await pg.execute(f"create table source (i int generated always as identity, v {type_.sql})")
    for sql, _ in sample.values:
        await pg.execute(f"insert into source (v) values (({sql})::{type_.sql})")
    texts = [row[0] for row in await pg.fetch(f"select {TEXT} from source order by i")]
    expected = [
        text if value is AS_TEXT else value for text, (_, value) in zip(texts, sample.values, strict=True)
    ]
    raw = raw_of(await copy_out(pg, "select v from source order by i"))

    decoded = decode_column(raw, type_, sample.options)

    decoded.validate(full=True)
    found = plain(decoded, integers=sample.integers)
    assert same(found, expected), (found, expected)
    assert decoded.type == sample.arrow
    if type_.base.precision is not None or "num" not in type_.sql:
        assert arrow_type(type_, sample.options) in (sample.arrow, decoded.type)
    if plain_python(sample):
        wire = [
            raw.data[a : a + n].tobytes() if n >= 0 else None
            for a, n in zip(raw.starts, raw.lengths, strict=True)
        ]
        twins = [reference.decode(value, type_) for value in wire]
        assert same(twins, expected), (twins, expected)
        if "num" not in type_.sql:
            assert [reference.encode(value, type_) for value in expected] == wire
    if not sample.writes:
        return
    slices_encode_like_the_whole(decoded, type_)
    await pg.execute(f"create table target (i int generated always as identity, v {type_.sql})")
    await copy_in(pg, "target", "v", encode_column(decoded, type_, "v"))
    again = decode_column(
        raw_of(await copy_out(pg, "select v from target order by i")), type_, sample.options
    )
    assert again.equals(decoded) or same(plain(again, integers=sample.integers), found)
    if sample.options.infinity == "error" and "float64" not in sample.id:
        cast = "trim_scale(v)::text" if type_.sql == "numeric" else "v::text"
        if type_.sql.startswith(("numeric[]", "nummulti", "numrange")):
            cast = "v"
        before = await pg.fetch(f"select {cast} from source order by i")
        assert await pg.fetch(f"select {cast} from target order by i") == before


def test_every_type_of_the_table_has_a_sample() -> None:
    from chakra.columnar.types import COLUMN_TYPES

    sampled: set[str] = set()

    def visit(type_: Any) -> None:
        sampled.add(type_.name)
        for part in (type_.element, *(field for _, field in type_.fields)):
            if part is not None:
                visit(part)

    for sample in TYPE_SAMPLES:
        visit(sample.type)
    same_layout = {name for name in COLUMN_TYPES if name.startswith("reg")} | {"cid", "lquery", "ltxtquery"}
    assert set(COLUMN_TYPES) - sampled - same_layout == set()
