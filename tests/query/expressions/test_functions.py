"""Every row of the table of functions: what it computes, its type, and what it does to literals."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest

from chakra import Count, F, Q, Value, functions
from chakra.errors import DataError, FieldError
from chakra.expressions import library as library_of
from chakra.expressions.calls import Function
from chakra.expressions.library.times import PARTS, UNITS
from chakra.functions import (
    MD5,
    SHA224,
    SHA256,
    SHA384,
    SHA512,
    Abs,
    ACos,
    Age,
    ASin,
    ATan,
    ATan2,
    AtTimeZone,
    Cbrt,
    Ceil,
    Chr,
    Concat,
    ConcatWS,
    Cos,
    Cot,
    Date,
    Decode,
    Degrees,
    Encode,
    Exp,
    Extract,
    ExtractDay,
    ExtractDayOfYear,
    ExtractEpoch,
    ExtractHour,
    ExtractIsoWeekDay,
    ExtractIsoYear,
    ExtractMinute,
    ExtractMonth,
    ExtractQuarter,
    ExtractSecond,
    ExtractWeek,
    ExtractWeekDay,
    ExtractYear,
    Floor,
    GenerateUUID7,
    InitCap,
    Left,
    Length,
    Ln,
    Log,
    Log10,
    Lower,
    LPad,
    LTrim,
    MakeDate,
    MakeInterval,
    Mod,
    Now,
    OctetLength,
    Ord,
    Pi,
    Power,
    Radians,
    Random,
    RandomUUID,
    RegexpReplace,
    Repeat,
    Replace,
    Reverse,
    Right,
    Round,
    RoundTo,
    RPad,
    RTrim,
    Sign,
    Sin,
    SplitPart,
    Sqrt,
    StrIndex,
    Substr,
    Tan,
    Time,
    ToChar,
    Translate,
    Trim,
    Trunc,
    TruncateTo,
    TruncDay,
    TruncHour,
    TruncMinute,
    TruncMonth,
    TruncQuarter,
    TruncSecond,
    TruncWeek,
    TruncYear,
    Upper,
    register_function,
    register_lookup,
)
from chakra.pg.types import (
    BYTEA,
    DATE,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    PgType,
)
from tests.plugins.needs import needs_server
from tests.query.expressions.agree import BOOKS, wrong_about
from tests.query.library import Book, ids

V = Value
BERLIN = "Europe/Berlin"

TEXTS: list[tuple[Any, str, PgType | None]] = [
    (Lower("title"), "lower(title)", TEXT),
    (Upper(F("title") + "x"), "upper(title || 'x')", TEXT),
    (Lower("kind"), "lower(kind::text)", TEXT),
    (InitCap("title"), "initcap(title)", TEXT),
    (Length("title"), "length(title)", INT4),
    (Length("pages"), "length(pages::text)", INT4),
    (OctetLength("title"), "octet_length(title)", INT4),
    (Concat("title", V(" / "), "pages", 7), "concat(title, ' / ', pages, 7)", TEXT),
    (Concat("kind", V("?"), None), "concat(kind, '?')", TEXT),
    (ConcatWS(V(", "), "title", "kind", "stock"), "concat_ws(', ', title, kind, stock)", TEXT),
    (Trim("title"), "trim(title)", TEXT),
    (Trim("title", V("At")), "btrim(title, 'At')", TEXT),
    (LTrim("title", V("A1")), "ltrim(title, 'A1')", TEXT),
    (RTrim("title", V("ta")), "rtrim(title, 'ta')", TEXT),
    (Left("title", 3), "left(title, 3)", TEXT),
    (Left("title", "pages"), "left(title, pages::int)", TEXT),
    (Right("title", 3), "right(title, 3)", TEXT),
    (Substr("title", 2), "substr(title, 2)", TEXT),
    (Substr("title", 2, 3), "substr(title, 2, 3)", TEXT),
    (StrIndex("title", V("ha")), "strpos(title, 'ha')", INT4),
    (LPad("title", 7, V("-")), "lpad(title, 7, '-')", TEXT),
    (LPad("stock", 4), "lpad(stock::text, 4)", TEXT),
    (RPad("title", 7, V("-")), "rpad(title, 7, '-')", TEXT),
    (Replace("title", V("a"), V("_")), "replace(title, 'a', '_')", TEXT),
    (Replace("title", V("a")), "replace(title, 'a', '')", TEXT),
    (RegexpReplace("title", V("[a-f]"), V("<\\&>"), V("g")), r"regexp_replace(title, '[a-f]', '<\&>', 'g')", TEXT),
    (SplitPart("title", V("a"), 2), "split_part(title, 'a', 2)", TEXT),
    (Translate("title", V("ab"), V("xy")), "translate(title, 'ab', 'xy')", TEXT),
    (Repeat("title", 2), "repeat(title, 2)", TEXT),
    (Reverse("title"), "reverse(title)", TEXT),
    (Chr(F("stock") % 20 + 65), "chr((stock % 20 + 65)::int)", TEXT),
    (Ord("title"), "ascii(title)", INT4),
    (MD5("title"), "md5(title)", TEXT),
    (SHA224("title"), "encode(sha224(convert_to(title, 'UTF8')), 'hex')", TEXT),
    (SHA256("title"), "encode(sha256(convert_to(title, 'UTF8')), 'hex')", TEXT),
    (SHA256("cover"), "encode(sha256(cover), 'hex')", TEXT),
    (SHA256("pages"), "encode(sha256(convert_to(pages::text, 'UTF8')), 'hex')", TEXT),
    (SHA384("title"), "encode(sha384(convert_to(title, 'UTF8')), 'hex')", TEXT),
    (SHA512("title"), "encode(sha512(convert_to(title, 'UTF8')), 'hex')", TEXT),
    (Encode("cover", V("base64")), "encode(cover, 'base64')", TEXT),
    (Decode(MD5("title"), V("hex")), "decode(md5(title), 'hex')", BYTEA),
]  # fmt: skip

NUMBERS: list[tuple[Any, str, PgType | None]] = [
    (Abs("stock"), "abs(stock)", INT2),
    (Abs("price"), "abs(price)", NUMERIC(10, 2)),
    (Abs("rating"), "abs(rating)", FLOAT8),
    (Ceil("price"), "ceil(price)", NUMERIC(9, 0)),
    (Ceil("stock"), "stock", INT2),
    (Floor("price"), "floor(price)", NUMERIC(9, 0)),
    (Floor("rating"), "floor(rating)", FLOAT8),
    (Round("price"), "round(price)", NUMERIC(9, 0)),
    (Round("rating"), "round(rating)", FLOAT8),
    (RoundTo("price", 1), "round(price, 1)", NUMERIC),
    (RoundTo("stock", -1), "round(stock, -1)", NUMERIC),
    (Round("price", 1), "round(price, 1)", NUMERIC),
    (Round("stock", precision=-1), "round(stock, -1)", NUMERIC),
    (TruncateTo("price", 1), "trunc(price, 1)", NUMERIC),
    (Sign("stock"), "sign(stock)", FLOAT8),
    (Sign("price"), "sign(price)", NUMERIC(1, 0)),
    (Mod("pages", 7), "mod(pages, 7)", INT8),
    (Mod("price", 7), "mod(price, 7)", NUMERIC(21, 2)),
    (
        Mod(F("pages") / 7.0, 2.5),
        "mod((pages / 7.0::float8)::numeric, 2.5)",
        NUMERIC,
    ),  # the server has none of floats
    (Power("pages", 2), "power(pages, 2)", FLOAT8),
    (Power("price", 2), "power(price, 2)", NUMERIC),
    (Power("price", 0.5), "power(price, 0.5::float8)", FLOAT8),
    (Sqrt("pages"), "sqrt(pages)", FLOAT8),
    (Sqrt("price"), "sqrt(price)", NUMERIC),
    (Cbrt("stock"), "cbrt(stock)", FLOAT8),
    (Exp(F("pages") / 100), "exp(pages / 100)", FLOAT8),
    (Ln("id"), "ln(id)", FLOAT8),
    (Ln("price"), "ln(price)", NUMERIC),
    (Log(2, "id"), "log(2, id)", NUMERIC),
    (Log10("id"), "log(id)", FLOAT8),
    (Sin("pages"), "sin(pages)", FLOAT8),
    (Cos("price"), "cos(price)", FLOAT8),
    (Tan("id"), "tan(id)", FLOAT8),
    (Cot("id"), "cot(id)", FLOAT8),
    (ASin(0.5), "asin(0.5)", FLOAT8),
    (ACos(F("id") / 10.0), "acos(id / 10.0::float8)", FLOAT8),
    (ATan("stock"), "atan(stock)", FLOAT8),
    (ATan2("stock", 2), "atan2(stock, 2)", FLOAT8),
    (Degrees("rating"), "degrees(rating)", FLOAT8),
    (Radians("pages"), "radians(pages)", FLOAT8),
    (Pi(), "pi()", FLOAT8),
]

UTC_ = "(added AT TIME ZONE 'UTC')"
TIMES: list[tuple[Any, str, PgType | None]] = [
    (Date("added"), f"{UTC_}::date", DATE),
    (Date("added", V("Asia/Tokyo")), "(added AT TIME ZONE 'Asia/Tokyo')::date", DATE),
    (Time("local"), "local::time", TIME),
    (ExtractYear("added"), f"extract(year FROM {UTC_})::int", INT4),
    (ExtractYear("added", V(BERLIN)), f"extract(year FROM added AT TIME ZONE '{BERLIN}')::int", INT4),
    (ExtractIsoYear("printed"), "extract(isoyear FROM printed)::int", INT4),
    (ExtractQuarter("printed"), "extract(quarter FROM printed)::int", INT4),
    (ExtractMonth("local"), "extract(month FROM local)::int", INT4),
    (ExtractWeek("printed"), "extract(week FROM printed)::int", INT4),
    (ExtractDay("added"), f"extract(day FROM {UTC_})::int", INT4),
    (ExtractDayOfYear("printed"), "extract(doy FROM printed)::int", INT4),
    (ExtractWeekDay("printed"), "extract(dow FROM printed)::int + 1", INT4),
    (ExtractIsoWeekDay("printed"), "extract(isodow FROM printed)::int", INT4),
    (ExtractHour("opens"), "extract(hour FROM opens)::int", INT4),
    (Extract("added", "hour", tz="Asia/Kolkata"), "extract(hour FROM added AT TIME ZONE 'Asia/Kolkata')::int", INT4),
    (ExtractMinute("added"), f"extract(minute FROM {UTC_})::int", INT4),
    (ExtractSecond("added"), f"floor(extract(second FROM {UTC_}))::int", INT4),
    (ExtractEpoch("added"), "extract(epoch FROM added)", NUMERIC(38, 6)),
    (ExtractEpoch("loan"), "extract(epoch FROM loan)", NUMERIC(38, 6)),
    (TruncYear("printed"), "date_trunc('year', printed::timestamp)::date", DATE),
    (TruncQuarter("local"), "date_trunc('quarter', local)", TIMESTAMP),
    (TruncMonth("added"), "date_trunc('month', added, 'UTC')", TIMESTAMPTZ),
    (TruncWeek("printed"), "date_trunc('week', printed::timestamp)::date", DATE),
    (TruncDay("added", V(BERLIN)), f"date_trunc('day', added, '{BERLIN}')", TIMESTAMPTZ),
    (Trunc("added", "year", tz="Asia/Tokyo"), "date_trunc('year', added, 'Asia/Tokyo')", TIMESTAMPTZ),
    (TruncDay("added", tz="Asia/Tokyo"), "date_trunc('day', added, 'Asia/Tokyo')", TIMESTAMPTZ),
    (ExtractWeekDay("added", tz=V(BERLIN)), f"extract(dow FROM added AT TIME ZONE '{BERLIN}')::int + 1", INT4),
    (TruncHour("local"), "date_trunc('hour', local)", TIMESTAMP),
    (TruncMinute("added"), "date_trunc('minute', added)", TIMESTAMPTZ),
    (TruncSecond("added"), "date_trunc('second', added)", TIMESTAMPTZ),
    (AtTimeZone("added", V(BERLIN)), f"added AT TIME ZONE '{BERLIN}'", TIMESTAMP),
    (AtTimeZone("local", V(BERLIN)), f"local AT TIME ZONE '{BERLIN}'", TIMESTAMPTZ),
    (Age("local", "printed"), "age(local, printed::timestamp)", INTERVAL),
    (Age("printed", dt.date(2019, 1, 31)), "age(printed::timestamp, '2019-01-31')", INTERVAL),
    (ToChar("added", V("YYYY-MM-DD HH24:MI")), f"to_char({UTC_}, 'YYYY-MM-DD HH24:MI')", TEXT),
    (ToChar("added", V("HH24"), V(BERLIN)), f"to_char(added AT TIME ZONE '{BERLIN}', 'HH24')", TEXT),
    (ToChar("printed", V("DDD")), "to_char(printed::timestamp, 'DDD')", TEXT),
    (ToChar("price", V("FM990.00")), "to_char(price, 'FM990.00')", TEXT),
    (MakeDate(2024, 2, F("id")), "make_date(2024, 2, id::int)", DATE),
    (MakeInterval(days="stock", hours=3, secs=1.5), "make_interval(days => stock, hours => 3, secs => 1.5)", INTERVAL),
    (F("added") + MakeInterval(months="id"), "added + make_interval(months => id::int)", TIMESTAMPTZ),
]  # fmt: skip

ALONE = {"Now", "Random", "RandomUUID", "GenerateUUID7"}
"""Those whose result nobody can tell in advance."""


def elsewhere() -> set[str]:
    """Functions that have tests of their own: tests/query/search and tests/query/containers."""
    modules = (
        library_of.arrays,
        library_of.attributes,
        library_of.documents,
        library_of.fulltext,
        library_of.networks,
        library_of.ranges,
        library_of.trigrams,
        library_of.vectors,
    )
    named = {name for module in modules for name in module.__all__}
    return named | {"ArrayOf", "JustifyDays", "JustifyHours", "JustifyInterval"}


def test_the_tables_cover_every_function() -> None:
    named = {
        node.function.name for cases in (TEXTS, NUMBERS, TIMES) for e, *_ in cases for node in (e, *e.children)
        if hasattr(node, "function")
    }  # fmt: skip
    names = set(functions.__all__) - elsewhere()
    rows = {each for each in map(functions.__dict__.get, names) if isinstance(each, Function)}
    assert {row.name for row in rows} - named == ALONE
    assert names - {row.name for row in rows} == {
        "Extract", "Function", "MakeInterval", "Trunc", "register_aggregate", "register_function", "register_lookup",
    }  # fmt: skip
    assert all(name == row.name for name, row in vars(functions).items() if isinstance(row, Function))


@pytest.mark.parametrize("cases", [TEXTS, NUMBERS, TIMES], ids=["texts", "numbers", "times"])
async def test_results_and_types(library: Any, cases: list[tuple[Any, str, PgType | None]]) -> None:
    wrong = [
        (expression, found)
        for expression, sql, type_ in cases
        if (found := await wrong_about(library, expression, sql, type_)) is not None
    ]
    assert wrong == []


async def test_results_by_hand(library: Any) -> None:
    first = BOOKS.filter(id=1)

    async def of(expression: Any) -> Any:
        return (await first.annotate(x=expression).values_list("x", flat=True))[0]

    assert await of(Left(Upper("title"), 3)) == "ALP"
    assert await of(Replace("title", Value("l"), Value("'; --"))) == "A'; --pha"
    assert (
        await of(SHA256(Value("abc"))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert await of(RoundTo(Value(Decimal("2.345")), 2)) == Decimal("2.35")
    assert await of(Extract("added", "hour", tz="Asia/Tokyo")) == 9
    assert await of(TruncDay("added", Value("Asia/Tokyo"))) == dt.datetime(2020, 1, 4, 15, tzinfo=dt.UTC)
    assert await of(ToChar("added", Value("Day"))) == "Sunday   "


async def test_the_zone_of_the_session_says_nothing(library: Any) -> None:
    async with library.transaction(settings={"timezone": "Pacific/Auckland"}):
        query = BOOKS.filter(id=2).annotate(
            x=TruncDay("added"),
            y=ExtractDay("added"),
            z=ToChar("added", Value("DD")),
            w=TruncMonth("printed"),
        )
        assert await query.values_list("x", "y", "z", "w") == [
            (dt.datetime(2020, 2, 29, tzinfo=dt.UTC), 29, "29", dt.date(2020, 2, 1))
        ]


async def test_what_nobody_can_tell(library: Any) -> None:
    rows = await BOOKS.annotate(r=Random(), u=RandomUUID(), n=Now()).values_list("r", "u", "n")
    assert all(0 <= r < 1 for r, *_ in rows)
    assert len({r for r, *_ in rows}) == 6
    assert all(u.version == 4 for _, u, _ in rows)
    assert len({u for _, u, _ in rows}) == 6
    assert all(abs((n - dt.datetime.now(dt.UTC)).total_seconds()) < 600 for *_, n in rows)
    assert await BOOKS.filter(added__lt=Now()).count() == 4


@needs_server(18, "uuidv7()")
async def test_uuids_in_order(library: Any) -> None:
    found: list[uuid.UUID] = await BOOKS.annotate(u=GenerateUUID7()).values_list("u", flat=True)
    assert [u.version for u in found] == [7] * 6
    assert found == sorted(found)


async def test_where_they_stand(library: Any) -> None:
    """In conditions, orders, groups, aggregates and writes, of the same row and along relations."""
    assert await ids(BOOKS.filter(Length("title") > 9, ~Q(title__lower__contains="alpha"))) == [3, 4]
    assert await ids(Book.objects.order_by(Length("title").desc(), "id")) == [2, 3, 4, 6, 1, 5]
    assert await ids(BOOKS.filter(author__name__upper="ANN")) == [1, 2]
    assert await ids(BOOKS.filter(title__length__lt=F("author__name__length") + 3)) == [1, 5]
    assert await ids(BOOKS.exclude(kind__isnull=True).filter(price__round__gte=15)) == [2, 4]
    months = Book.objects.filter(added__isnull=False).values(x=TruncYear("added")).annotate(n=Count("*"))
    assert await months.order_by("x").values_list("x__year", "n") == [(2020, 2), (2021, 1), (2022, 1)]
    assert await BOOKS.filter(id__lte=2).update(title=Upper(Left("title", 2))) == 2
    assert await BOOKS.filter(id__lte=2).values_list("title", flat=True) == ["AL", "10"]
    book = await Book.objects.get(id=1)
    book.title = Concat(Lower("title"), Value("!"))  # type: ignore[assignment]
    await book.save()
    assert book.title == "al!"


async def test_one_shape_for_all_values(library: Any) -> None:
    Book.__table__.statements.clear()
    for count, found in ((2, "Al"), (4, "Alph")):
        assert (await BOOKS.annotate(x=Left("title", count)).values_list("x", flat=True))[0] == found
    assert len(Book.__table__.statements) == 1
    assert BOOKS.annotate(x=Right("title", 2)).to_sql() != BOOKS.annotate(x=Left("title", 2)).to_sql()


REFUSED: list[tuple[Any, str]] = [
    (lambda: Left("title"), r"Left\(\) takes \(text, whole number\), not 1 arguments"),
    (lambda: Lower("title", "stock"), "not 2 arguments"),
    (lambda: Extract("added", "aeon"), r"Extract\(\) knows year, .*, not 'aeon'"),
    (lambda: Trunc("added", "year'); DROP"), "knows year, quarter"),
    (lambda: BOOKS.values(x=TruncDay("title")).to_sql(), r"TruncDay\(\) takes timestamptz, timestamp, date, not text"),
    (lambda: BOOKS.values(x=TruncDay("printed", Value(BERLIN))).to_sql(), "says nothing about a value"),
    (lambda: BOOKS.filter(pages__lower="x").to_sql(), "'lower' is no lookup for 'pages'"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "message"), REFUSED, ids=list("abcdefg"))
def test_what_they_do_not_take(made: Any, message: str) -> None:
    with pytest.raises(FieldError, match=message):
        made()


async def test_hostile_values_are_values(library: Any) -> None:
    bad = "'; DROP TABLE books; -- \\ $1 {0} %"
    assert await BOOKS.filter(id=1).annotate(x=Concat(Value(bad), "title")).values_list("x", flat=True) == [
        f"{bad}Alpha"
    ]
    column = await BOOKS.filter(id=1).values(x=Concat(Value(bad), "title")).to_arrow()
    assert column["x"].to_pylist() == [f"{bad}Alpha"]
    with pytest.raises(DataError):
        await BOOKS.annotate(x=TruncDay("added", Value(bad)))
    with pytest.raises(DataError):
        await BOOKS.annotate(x=Left("title", 2.5))


async def test_functions_of_ones_own(library: Any, registries: None) -> None:
    await library.execute(
        'CREATE FUNCTION "Slug {x"(t text) RETURNS text LANGUAGE sql AS $$SELECT lower(t)$$'
    )
    try:
        slug = register_function("Slug {x", TEXT, type=TEXT, schema="public", transform="slug")
        assert '"public"."Slug {x"("title")' in BOOKS.annotate(x=slug("title")).to_sql()[0]
        assert await ids(BOOKS.filter(title__slug__startswith="alpha")) == [1, 6]
        assert await BOOKS.annotate(x=slug("title")).values_list("x", flat=True)[:1] == ["alpha"]
        with pytest.raises(FieldError, match="means something in paths already"):
            register_function("other", TEXT, transform="slug")
    finally:
        await library.execute('DROP FUNCTION "Slug {x"')


async def test_lookups_of_ones_own(library: Any, registries: None) -> None:
    register_lookup("similar_to", "{l} SIMILAR TO {r}", text=True)
    register_lookup("divides", "{r} % {l} = 0")
    assert await ids(BOOKS.filter(title__similar_to="(Alpha|alphabet)")) == [1, 6]
    assert await ids(BOOKS.exclude(title__similar_to="(Alpha|alphabet)")) == [2, 3, 4, 5]
    assert await ids(BOOKS.filter(id__divides=10)) == [1, 2, 5]
    assert await ids(BOOKS.filter(Book.id.lookup("divides", F("stock")))) == [1, 3, 6]


@pytest.mark.parametrize("word", ["exact", "year", "isnull", "a__b", "A", "", "1a", "a-b", "contained_by"])
def test_words_that_are_taken_or_none(word: str) -> None:
    with pytest.raises(FieldError):
        register_lookup(word, "{l} = {r}")
    if word not in ("", "exact", "contained_by"):
        with pytest.raises(FieldError):
            register_function("f", TEXT, transform=word)


@pytest.mark.parametrize("sql", ["{l} = 1", "{l} = {r} + {r}", "{l} = {0}", "{l} = {r} {", "x"])
def test_templates_that_are_none(sql: str) -> None:
    with pytest.raises(FieldError, match=r"needs \{l\} and \{r\}"):
        register_lookup("fresh_word", sql)


def test_parts_and_units() -> None:
    assert list(PARTS)[:3] == ["year", "iso_year", "quarter"]
    assert list(UNITS) == ["year", "quarter", "month", "week", "day", "hour", "minute", "second"]
