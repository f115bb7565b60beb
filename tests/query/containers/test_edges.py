"""What types have not, and values at the edge of what they hold: infinity, bytes, lists that are one value."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from decimal import Decimal
from typing import Any

import pytest

from chakra import Cast, Count, F, Field, Max, Min, Model, Q, Value, Window, field
from chakra.errors import FieldError
from chakra.functions import (
    MD5,
    ArrayCat,
    ArrayOf,
    Extract,
    JsonValue,
    Length,
    OctetLength,
    RangeMerge,
    RangeOf,
    RegexpReplace,
    Replace,
    SplitPart,
    StrIndex,
    Time,
    Translate,
    Upper,
)
from chakra.types import (
    Array,
    BigInt,
    Box,
    Bytea,
    Cidr,
    Circle,
    CiText,
    Double,
    HStore,
    Inet,
    Int4MultiRange,
    Int4Range,
    Int8Range,
    Integer,
    Json,
    Jsonb,
    JsonPath,
    Numeric,
    Point,
    Polygon,
    Real,
    Text,
    Timestamp,
    TimestampTz,
    Uuid,
    Xml,
)
from tests.query.library import ids
from tests.relations.conftest import SHARED

pytestmark = SHARED
EXTENSIONS = ("hstore", "citext")


class Edge(Model, table="edges"):
    id: Field[int] = field(primary_key=True)
    day: Field[dt.date]
    local: Field[dt.datetime] = field(Timestamp)
    instant: Field[dt.datetime | None] = field(TimestampTz, null=True)
    doc: Field[Any] = field(Jsonb)
    raw: Field[bytes] = field(Bytea)
    folded: Field[str] = field(CiText)
    plain: Field[str] = field(Text)
    spans: Field[Any] = field(Int4MultiRange)
    span: Field[Any] = field(Int4Range)
    wide: Field[Any] = field(Int8Range, null=True)
    nums: Field[Any] = field(Array(Integer))
    n: Field[int] = field(Integer)
    m: Field[int] = field(BigInt)
    tags: Field[Any] = field(HStore)
    key: Field[uuid.UUID] = field(Uuid)
    net: Field[Any] = field(Cidr)
    address: Field[Any] = field(Inet)
    point: Field[Any] = field(Point)
    box: Field[Any] = field(Box)
    polygon: Field[Any] = field(Polygon)
    circle: Field[Any] = field(Circle)
    points: Field[Any] = field(Array(Point), null=True)
    text_json: Field[Any] = field(Json, null=True)
    xml: Field[Any] = field(Xml, null=True)
    path: Field[Any] = field(JsonPath, null=True)


MODELS = (Edge,)
QUERY = Edge.objects.order_by("id")
KEYS = [uuid.UUID(int=n) for n in (7, 300, 5)]


async def fill() -> None:
    line = [(0, 0), (2, 2), (1, 0)]
    await Edge.objects.bulk_create(
        [
            Edge(day=dt.date.max, local=dt.datetime.max, doc={"n": 1}, raw=b"\x00ab", folded="Hello", plain="ELL",
                 spans=[(1, 3), (5, 7)], span=(1, 3), nums=[1, 2], n=1, m=1, tags={"a": "1"}, key=KEYS[0],
                 net="10.0.0.0/8", address="10.1.2.3", point=(1, 2), box=((1, 1), (0, 0)),
                 polygon=TRIANGLE, circle=(0, 0, 1)),
            Edge(day=dt.date(2024, 2, 29), local=dt.datetime(2024, 2, 29, 12), doc={"n": 2}, raw=b"", folded="HELP",
                 plain="zz", spans=[], span="empty", nums=[], n=2, m=2, tags={}, key=KEYS[1],
                 net="9.0.0.0/8", address="9.1.2.3", point=(2, 1), box=((2, 2), (1, 1)),
                 polygon=line, circle=(5, 5, 1)),
            Edge(day=dt.date.min, local=dt.datetime.min, doc=[], raw=b"\xff", folded="", plain="", spans=[(1, 3)],
                 span=(None, None), nums=[3], n=3, m=3, tags={"b": None}, key=KEYS[2],
                 net="11.0.0.0/8", address="11.1.2.3", point=(0, 0), box=((9, 9), (0, 0)),
                 polygon=TRIANGLE, circle=(0, 0, 2)),
        ]
    )  # fmt: skip


TRIANGLE = [(0, 0), (1, 1), (1, 0)]
LOOKUPS: list[tuple[str, Any, list[int]]] = [
    ("point", (1, 2), [1]),
    ("point__ne", (1, 2), [2, 3]),
    ("point__in", [(1, 2), (0, 0)], [1, 3]),
    ("box", ((2, 2), (1, 1)), [2]),  # the first one has the same area
    ("box__ne", ((2, 2), (1, 1)), [1, 3]),
    ("box__in", [((2, 2), (1, 1)), ((9, 9), (0, 0))], [2, 3]),
    ("polygon", TRIANGLE, [1, 3]),
    ("polygon__ne", TRIANGLE, [2]),
    ("polygon__in", [TRIANGLE], [1, 3]),
    ("circle", (5, 5, 1), [2]),  # the first one has the same area
    ("circle__ne", (5, 5, 1), [1, 3]),
    ("circle__in", [(5, 5, 1), (0, 0, 2)], [2, 3]),
    ("folded__contains", F("plain"), [1, 3]),
    ("folded__startswith", Upper("folded"), [1, 2, 3]),
    ("folded__endswith", Upper("folded"), [1, 2, 3]),
    ("raw__length", 3, [1]),
    ("raw__octet_length__lt", 2, [2, 3]),
]


async def wrong(conditions: dict[str, dict[str, Any]], expected: list[list[int]]) -> list[Any]:
    """Lookups that keep other rows than they should, leave others out, or differ in columns."""
    everything = [1, 2, 3]
    found = []
    for (name, keywords), wanted in zip(conditions.items(), expected, strict=True):
        kept = await ids(QUERY.filter(**keywords))
        left_out = await ids(QUERY.exclude(**keywords))
        column = (await QUERY.filter(**keywords).values("id").to_arrow())["id"].to_pylist()
        if (kept, left_out, column) != (wanted, [n for n in everything if n not in wanted], wanted):
            found.append((name, kept, left_out, column))
    return found


async def test_infinity_has_no_parts_and_hides_no_rows(rows: Any) -> None:
    parts = ("year", "iso_year", "quarter", "month", "week", "day", "day_of_year", "week_day", "iso_week_day")
    cases = {f"{name}__{part}": {f"{name}__{part}": value} for name in ("day", "local")
             for part, value in zip(parts, (2024, 2024, 1, 2, 9, 29, 60, 5, 4), strict=True)}  # fmt: skip
    assert await wrong(cases, [[2]] * len(cases)) == []
    times = {"hour": 12, "minute": 0, "second": 0, "time": dt.time(12)}
    cases = {part: {f"local__{part}": value} for part, value in times.items()}
    assert await wrong(cases, [[2]] * len(cases)) == []
    found = await QUERY.annotate(y=Extract("day", "year"), t=Time("local")).values_list("y", "t")
    assert found == [(None, None), (2024, dt.time(12)), (None, None)]
    counted = await Edge.objects.aggregate(
        a=Count("*", filter=Q(day__month=2)), b=Count("*", filter=~Q(day__month=2))
    )
    assert counted == {"a": 1, "b": 2}


async def test_bytes_are_counted_and_hashed_as_bytes(rows: Any) -> None:
    found = await QUERY.annotate(x=Length("raw"), y=OctetLength("raw"), z=MD5("raw")).values_list(
        "x", "y", "z"
    )
    assert found == [(len(b), len(b), hashlib.md5(b).hexdigest()) for b in (b"\x00ab", b"", b"\xff")]
    assert (
        await wrong({"length": {"raw__length": 3}, "octets": {"raw__octet_length__lt": 2}}, [[1], [2, 3]])
        == []
    )


async def test_functions_of_citext_go_by_its_equality(rows: Any) -> None:
    l, x = Value("L"), Value("x")  # noqa: E741
    for expression, expected in (
        (StrIndex("folded", l), [3, 3, 0]),
        (Replace("folded", l, x), ["Hexxo", "HExP", ""]),
        (Replace("folded", l), ["Heo", "HEP", ""]),
        (SplitPart("folded", l, 1), ["He", "HE", ""]),
        (Translate("folded", l, x), ["Hexxo", "HExP", ""]),
        (RegexpReplace("folded", l, x), ["Hexlo", "HExP", ""]),
        (RegexpReplace("folded", l, x, Value("g")), ["Hexxo", "HExP", ""]),
        (Replace("plain", l, x), ["Exx", "zz", ""]),
    ):
        assert await QUERY.annotate(x=expression).values_list("x", flat=True) == expected, expression
        assert (await QUERY.values(x=expression).to_arrow())["x"].to_pylist() == expected, expression


async def test_a_list_of_multiranges_is_no_array_of_more_dimensions(rows: Any) -> None:
    cases = {
        "one": {"spans__in": [[(1, 3)]]},
        "several": {"spans__in": [[(1, 3), (5, 7)], [(9, 10)], None]},
        "empty": {"spans__in": [[]]},
        "both": {"spans__in": [[], [(1, 3)]]},
    }
    assert await wrong(cases, [[3], [1], [2], [2, 3]]) == []


async def test_documents_have_no_value_where_the_type_cannot_hold_it(rows: Any) -> None:
    types = (Double, Real, Numeric, Numeric(12, 2))
    for number, expected in (
        ("1e400", [None, None, Decimal("1e400"), None]),
        ("-1e400", [None, None, Decimal("-1e400"), None]),
        ("1e-400", [0.0, 0.0, Decimal("1e-400"), 0]),
        ("1.7976931348623157e308", [1.7976931348623157e308, None, Decimal("1.7976931348623157e308"), None]),
        ("3.4028235e38", [3.4028235e38, 3.4028234663852886e38, Decimal("3.4028235e38"), None]),
        ("5e-324", [5e-324, 0.0, Decimal("5e-324"), 0]),
        ("9999999999.994", [9999999999.994, 1e10, Decimal("9999999999.994"), Decimal("9999999999.99")]),
        ("-9999999999.995", [-9999999999.995, -1e10, Decimal("-9999999999.995"), None]),
        ("0.005", [0.005, 0.004999999888241291, Decimal("0.005"), Decimal("0.01")]),
        ("1234", [1234.0, 1234.0, 1234, 1234]),
    ):
        document = Cast(Value(number, Text), Jsonb)
        values = {f"x{n}": JsonValue(document, type=type_) for n, type_ in enumerate(types)}
        (row,) = await Edge.objects.filter(id=1).values(**values)
        assert list(row.values()) == expected, number


async def test_positions_that_no_integer_holds_are_beyond_what_is_there(rows: Any) -> None:
    for key in (2**31, -(2**31) - 1, 2**70, -(2**70)):
        found = await QUERY.annotate(x=F("doc")[key], y=F("nums")[key]).values_list("x", "y")
        assert found == [(None, None)] * 3, key
    assert (await QUERY.values(x=F("nums")[-(2**40)]).to_arrow())["x"].null_count == 3


async def test_types_that_the_server_sorts_have_a_smallest_and_a_largest_value(rows: Any) -> None:
    for name in ("key", "doc", "raw", "net", "spans", "span", "tags"):
        ordered = await QUERY.order_by(name).values_list(name, flat=True)
        found = await Edge.objects.aggregate(least=Min(name), most=Max(name), none=Max(name, filter=Q(id=0)))
        assert found == {"least": ordered[0], "most": ordered[-1], "none": None}, name
        table = await Edge.objects.values(x=F("n") * 0).annotate(most=Max(name)).to_arrow()
        whole = await QUERY.order_by(F(name).desc()).values(name).to_arrow()
        assert table["most"][0].as_py() == whole[name][0].as_py(), name
        assert table.schema.field("most").type == whole.schema.field(name).type, name
    with pytest.raises(FieldError, match=r"cannot stand over a window: the server has no max of such values"):
        await QUERY.annotate(x=Window(Max("key"), order_by="id"))


async def test_figures_and_texts_without_case(rows: Any) -> None:
    assert (
        await wrong({words: {words: value} for words, value, _ in LOOKUPS}, [kept for *_, kept in LOOKUPS])
        == []
    )


async def test_what_types_have_not_is_refused_by_name(rows: Any) -> None:
    for keyword, value in (
        ("point__gt", (1, 2)),
        ("polygon__lte", [(0, 0), (1, 1)]),
        ("tags__gt", {}),
        ("tags__range", ({}, {})),
        ("xml", "<a/>"),
        ("xml__in", ["<a/>"]),
        ("path", "$.a"),
        ("path__lt", "$.a"),
        ("points", [(1, 2)]),
        ("points__contains", [(1, 2)]),
    ):
        name, _, word = keyword.partition("__")
        with pytest.raises(
            FieldError, match=rf"'{word or 'exact'}' is no lookup for '{name}' of type|there are"
        ):
            await ids(QUERY.filter(**{keyword: value}))
    for name in ("point", "box", "polygon", "circle", "points", "xml", "path", "text_json"):
        with pytest.raises(FieldError, match=r"has no order and no equality: sort and group by"):
            await ids(QUERY.order_by(name))
        with pytest.raises(FieldError, match=r"Max\(\) takes what can be sorted"):
            await Edge.objects.aggregate(x=Max(name))


async def test_values_of_other_types_than_the_first_one_are_refused(rows: Any) -> None:
    assert await QUERY.annotate(x=RangeOf("m", "n", bounds="[]")).filter(x__contains=2).values_list(
        "id", flat=True
    ) == [2]
    for expression, low in (
        (RangeOf("n", F("n") + 2), "int64"),
        (RangeOf("n", Cast("m", Numeric(5, 0)) + 2), "decimal"),
    ):
        assert await ids(QUERY.annotate(x=expression).filter(x__contains=3, x__upper__gte=4)) == [2, 3]
        field_ = (await QUERY.values(x=expression).to_arrow()).schema.field("x")
        assert str(field_.type.field("lower").type).startswith(low)
    for expression in (
        RangeOf("day", "local"),
        RangeOf("local", "instant"),
        RangeOf("instant", "day"),
        RangeMerge("span", "wide"),
        ArrayCat("nums", ArrayOf("m")),
    ):
        with pytest.raises(FieldError, match=r"say what is meant: Cast\(…, type\)"):
            await QUERY.annotate(x=expression)


async def test_texts_beside_addresses_are_addresses(rows: Any) -> None:
    found = await QUERY.annotate(
        x=F("address").bitand("255.255.0.0"), y=F("address") - "9.1.2.3"
    ).values_list("x", "y")
    assert [(str(x), y) for x, y in found] == [("10.1.0.0", 2**24), ("9.1.0.0", 0), ("11.1.0.0", 2**25)]
