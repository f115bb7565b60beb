"""Addresses and networks, bit strings, enums and lengths of time: lookups, operators, functions."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
from typing import Any

import pytest

from chakra import Case, Coalesce, Count, F, Field, Max, Model, Sum, Value, When, field
from chakra.errors import DataError, FieldError
from chakra.functions import (
    Abbrev,
    BitCount,
    BitLength,
    Broadcast,
    EnumFirst,
    EnumLast,
    EnumRange,
    Extract,
    ExtractEpoch,
    Family,
    GetBit,
    Host,
    Hostmask,
    InetMerge,
    InetSameFamily,
    JustifyDays,
    JustifyHours,
    JustifyInterval,
    MakeInterval,
    Masklen,
    Netmask,
    Network,
    OctetLength,
    SetBit,
    SetMasklen,
)
from chakra.pg.types import BIT, BOOL, CIDR, INET, INT4, INT8, INTERVAL, NUMERIC, TEXT, VARBIT, PgType
from chakra.types import Bit, Bytea, Cidr, Inet, Integer, VarBit
from tests.query.containers.agree import wrong_about, wrong_rows
from tests.query.library import ids
from tests.relations.conftest import SHARED

pytestmark = SHARED
IP = ipaddress


class Level(enum.Enum):
    LOW = "low"
    MID = "mid"
    HIGH = "high"


class Host_(Model, table="hosts"):
    id: Field[int] = field(primary_key=True)
    n: Field[int] = field(Integer, default=1)
    addr: Field[Any] = field(Inet, null=True)
    net: Field[Any] = field(Cidr, null=True)
    flags: Field[Any] = field(Bit(8), null=True)
    bits: Field[Any] = field(VarBit, null=True)
    raw: Field[bytes | None] = field(Bytea, default=None)
    level: Field[Level | None]
    lasts: Field[dt.timedelta | None]


MODELS = (Host_,)
EVERYTHING = [1, 2, 3, 4]
QUERY = Host_.objects.order_by("id")
TIMES = [dt.timedelta(days=1, hours=30, seconds=1.5), dt.timedelta(minutes=-90), dt.timedelta(days=45)]


async def fill() -> None:
    for row in (
        {"addr": "10.0.0.1", "net": "10.0.0.0/8", "flags": "00000101", "bits": "101", "raw": b"\x01\xff",
         "level": Level.LOW, "lasts": TIMES[0]},
        {"addr": "10.1.2.3/16", "net": "192.168.0.0/24", "flags": "11110000", "bits": "", "level": Level.HIGH,
         "lasts": TIMES[1]},
        {"addr": "2001:db8::1", "net": "2001:db8::/32", "flags": "00000000", "bits": "1111111111", "level": Level.MID,
         "lasts": TIMES[2]},
        {},
    ):  # fmt: skip
        await Host_.objects.create(**row)


LOOKUPS: list[tuple[str, Any, list[int]]] = [
    ("addr", "10.0.0.1", [1]),
    ("addr", IP.ip_address("10.0.0.1"), [1]),
    ("addr__in", ["2001:db8::1", "1.1.1.1"], [3]),
    ("addr__gt", "10.0.0.1", [2, 3]),
    ("addr__net_contained", "10.0.0.0/8", [1, 2]),
    ("addr__net_contained", IP.ip_network("10.0.0.0/8"), [1, 2]),
    ("addr__net_contained", "10.0.0.1", []),
    ("addr__net_contained_or_equals", "10.0.0.1", [1]),
    ("addr__net_contained", F("net"), [1, 3]),
    ("net__net_contains", "10.0.0.7", [1]),
    ("net__net_contains", IP.ip_address("192.168.0.9"), [2]),
    ("net__net_contains_or_equals", "10.0.0.0/8", [1]),
    ("net__net_contains_or_equals", F("addr"), [1, 3]),
    ("net__overlap", "0.0.0.0/0", [1, 2]),
    ("net__net_contained", "10.0.0.0/7", [1]),
    ("net__net_contained_or_equals", "10.0.0.0/8", [1]),
    ("addr__net_contains", "10.1.9.9", [2]),
    ("addr__net_contains_or_equals", "10.0.0.1", [1]),
    ("addr__overlap", IP.ip_interface("10.1.0.0/24"), [2]),
    ("addr__host", "10.1.2.3", [2]),
    ("addr__host__startswith", "10.", [1, 2]),
    ("addr__masklen__lt", 32, [2]),
    ("addr__family", 6, [3]),
    ("addr__network", "10.1.0.0/16", [2]),
    ("addr__broadcast__host", "10.1.255.255", [2]),
    ("addr__netmask__host", "255.255.0.0", [2]),
    ("addr__hostmask__host", "0.0.255.255", [2]),
    ("net__broadcast", "192.168.0.255/24", [2]),
    ("addr__startswith", "10.1", [2]),
    ("flags", "00000101", [1]),
    ("flags__gt", "00000101", [2]),
    ("flags__in", ["00000000", "11110000"], [2, 3]),
    ("bits", "", [2]),
    ("flags__length", 8, [1, 2, 3]),
    ("bits__length__gte", 3, [1, 3]),
    ("flags__bit_count", 4, [2]),
    ("raw__bit_count", 9, [1]),
    ("level", Level.MID, [3]),
    ("level__gt", Level.LOW, [2, 3]),
    ("level__lte", "mid", [1, 3]),
    ("level__range", (Level.LOW, "mid"), [1, 3]),
    ("level__in", [Level.HIGH, "low"], [1, 2]),
    ("level__startswith", "h", [2]),
    ("lasts__gt", dt.timedelta(0), [1, 3]),
    ("lasts", dt.timedelta(hours=54, seconds=1.5), [1]),
    ("lasts__range", (dt.timedelta(days=-1), dt.timedelta(days=2)), [2]),
    ("lasts__hour", 30, []),
    ("lasts__day", 45, [3]),
    ("lasts__epoch__lt", 0, [2]),
]  # fmt: skip


async def test_lookups(rows: Any) -> None:
    wrong = [
        (words, value, found)
        for words, value, expected in LOOKUPS
        if (found := await wrong_rows(QUERY, words, value, expected, EVERYTHING)) is not None
    ]
    assert wrong == []


CASES: list[tuple[Any, str, PgType | None]] = [
    (F("addr") + 1, "addr + 1", INET),
    (F("addr") - F("n"), "addr - n", INET),
    (F("addr") - F("addr"), "addr - addr", INT8),
    (F("addr").bitand(F("addr")), "addr & addr", INET),
    (F("addr").bitnot(), "~ addr", INET),
    (F("net") + 256, "net + 256", INET),
    (Host("addr"), "host(addr)", TEXT),
    (Masklen("net"), "masklen(net)", INT4),
    (Network("addr"), "network(addr)", CIDR),
    (Netmask("addr"), "netmask(addr)", INET),
    (Hostmask("net"), "hostmask(net)", INET),
    (Broadcast("addr"), "broadcast(addr)", INET),
    (Family("addr"), "family(addr)", INT4),
    (Abbrev("net"), "abbrev(net)", TEXT),
    (SetMasklen("addr", 24), "set_masklen(addr, 24)", INET),
    (SetMasklen("net", 24), "set_masklen(net, 24)", CIDR),
    (InetMerge("addr", "addr"), "inet_merge(addr, addr)", CIDR),
    (InetSameFamily("addr", "net"), "inet_same_family(addr, net)", BOOL),
    (F("flags").bitand(Value("00001111")), "flags & B'00001111'", BIT),
    (F("flags").bitor("11000000"), "flags | B'11000000'", BIT),
    (F("flags").bitxor(F("flags")), "flags # flags", BIT),
    (F("flags").bitnot(), "~ flags", BIT),
    (F("bits").bitnot(), "~ bits", BIT),
    (F("flags").bitleftshift(2), "flags << 2", BIT),
    (F("flags").bitrightshift(F("n")), "flags >> n", BIT),
    (F("flags").concat(F("bits")), "flags || bits", VARBIT),
    (F("flags").concat("11"), "flags || B'11'", VARBIT),
    (BitLength("bits"), "length(bits)", INT4),
    (BitCount("flags"), "bit_count(flags)", INT8),
    (BitCount("raw"), "bit_count(raw)", INT8),
    (OctetLength("flags"), "octet_length(flags::text)", INT4),
    (GetBit("flags", 5), "get_bit(flags, 5)", INT4),
    (SetBit("flags", 0, 1), "set_bit(flags, 0, 1)", BIT),
    (F("lasts") * 2, "lasts * 2", INTERVAL),
    (F("lasts") / 2 + MakeInterval(days=1), "lasts / 2 + interval '1 day'", INTERVAL),
    (-F("lasts"), "- lasts", INTERVAL),
    (JustifyHours("lasts"), "justify_hours(lasts)", INTERVAL),
    (JustifyDays("lasts"), "justify_days(lasts)", INTERVAL),
    (JustifyInterval("lasts"), "justify_interval(lasts)", INTERVAL),
    (Extract("lasts", "hour"), "extract(hour from lasts)::int", INT4),
    (Extract("lasts", "day"), "extract(day from lasts)::int", INT4),
    (Extract("lasts", "month"), "extract(month from lasts)::int", INT4),
    (Extract("lasts", "second"), "floor(extract(second from lasts))::int", INT4),
    (ExtractEpoch("lasts"), "extract(epoch from lasts)::numeric(38, 6)", NUMERIC(38, 6)),
]  # fmt: skip


async def test_results_and_types(rows: Any) -> None:
    wrong = [
        (expression, found)
        for expression, sql, type_ in CASES
        if (found := await wrong_about(rows, QUERY, expression, sql, type_)) is not None
    ]
    assert wrong == []


async def test_enums(rows: Any) -> None:
    """Labels are in the order in which they were declared, on the server as in Python."""
    level = Host_.__table__.by_attribute["level"].type
    for expression, sql, type_ in (
        (EnumFirst("level"), "'low'", level),
        (EnumLast("level"), "'high'", level),
        (Coalesce("level", Level.MID), "coalesce(level, 'mid')", level),
    ):
        query = QUERY.annotate(x=expression)
        expected = await rows.fetch(f"select ({sql})::level::text as x from hosts order by id")
        assert [x and x.value for x in await query.values_list("x", flat=True)] == [
            row["x"] for row in expected
        ]
        assert (await query.values("x").to_arrow())["x"].to_pylist() == [row["x"] for row in expected]
        assert type_ == level
    all_of = QUERY.filter(id=2).annotate(
        x=EnumRange("level"), y=EnumRange(Value(Level.LOW, level), "level"), z=EnumRange("level", Level.HIGH)
    )
    assert await all_of.values_list("x", "y", "z") == [([*Level], [*Level], [Level.HIGH])]
    assert (await all_of.values("x").to_arrow())["x"].to_pylist() == [["low", "mid", "high"]]
    assert await ids(Host_.objects.order_by("-level", "id").filter(level__isnull=False)) == [2, 3, 1]
    assert await Host_.objects.aggregate(x=Max("level")) == {"x": Level.HIGH}
    chosen = Case(When(level__gte=Level.MID, then=Value("much")), default=Value("little"))
    counted = (
        Host_.objects.filter(level__isnull=False).values(x=chosen).annotate(found=Count("*")).order_by("x")
    )
    assert await counted.values_list("x", "found") == [("little", 1), ("much", 2)]


async def test_writes_and_aggregates(rows: Any) -> None:
    assert await Host_.objects.aggregate(x=Sum(F("lasts"))) == {"x": sum(TIMES, dt.timedelta())}
    first = Host_.objects.filter(id=1)
    assert await first.update(
        addr=SetMasklen(F("addr") + 5, 24), flags=F("flags").bitor("10000000"), lasts=F("lasts") * 2
    )
    (row,) = await first.values_list("addr", "flags", "lasts")
    assert row[0] == IP.ip_interface("10.0.0.6/24") and row[1].as_string().replace(" ", "") == "10000101"
    assert row[2] == TIMES[0] * 2
    for query in (QUERY.filter(addr__net_contained="x"), QUERY.filter(flags=F("flags").bitand("12"))):
        with pytest.raises(DataError):
            await query
    with pytest.raises(FieldError, match="'net_contained' is no lookup for 'n'"):
        QUERY.filter(n__net_contained="10.0.0.0/8").to_sql()
    with pytest.raises(FieldError, match="takes bits here"):
        QUERY.annotate(x=GetBit("n", 1)).to_sql()
