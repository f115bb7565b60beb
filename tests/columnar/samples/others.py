"""Samples of addresses, bit strings, geometry, text search and pgvector."""

from __future__ import annotations

import pyarrow as pa

from chakra.pg import types as t
from chakra.pg.types import array_of
from tests.columnar.samples.base import (
    AS_TEXT,
    INF,
    XY,
    s,
    struct_of,
)

_V4 = ("192.168.1.5", "10.0.0.0/8", "0.0.0.0/0", "255.255.255.255", "127.0.0.1/31")
_V6 = (
    "::",
    "::1",
    "1::",
    "2001:db8::1",
    "2001:db8:0:1:1:1:1:1",
    "::ffff:1.2.3.4",
    "::1.2.3.4/127",
    "fe80::1:0:0:1/64",
    "1:0:0:2:0:0:0:3",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "::2",
    "0:1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:0",
    "::ffff:0:0",
    "::1:0",
)
_SPARSE = pa.struct(
    [("dimensions", pa.int32()), ("indices", pa.list_(pa.int32())), ("values", pa.list_(pa.float32()))]
)
_VECTOR = "create extension vector"
OTHERS = (
    s(t.INET, pa.string(), *((f"'{text}'", AS_TEXT) for text in (*_V4, *_V6))),
    s(
        t.CIDR,
        pa.string(),
        ("'10.0.0.0/8'", "10.0.0.0/8"),
        ("'1.2.3.4'", "1.2.3.4/32"),
        ("'::/0'", "::/0"),
        ("'2001:db8::/32'", "2001:db8::/32"),
        ("'::1'", "::1/128"),
    ),
    s(
        t.MACADDR,
        pa.string(),
        ("'08-00-2b-01-02-03'", "08:00:2b:01:02:03"),
        ("'ff:ff:ff:ff:ff:ff'", "ff:ff:ff:ff:ff:ff"),
    ),
    s(
        t.MACADDR8,
        pa.string(),
        ("'08:00:2b:01:02:03:04:05'", "08:00:2b:01:02:03:04:05"),
        ("'08:00:2b:01:02:03'", "08:00:2b:ff:fe:01:02:03"),
    ),
    s(t.BIT(10), pa.string(), ("'1010101010'", "1010101010"), ("'0000000000'", "0000000000")),
    s(
        t.VARBIT,
        pa.string(),
        ("''", ""),
        ("'1'", "1"),
        ("'11111111'", "11111111"),
        ("'000000001'", "000000001"),
    ),
    s(t.POINT, XY, ("'(1.5,-2)'", {"x": 1.5, "y": -2.0}), ("'(Infinity,-0)'", {"x": INF, "y": -0.0})),
    s(t.LINE, struct_of("a", "b", "c"), ("'{1,-1,0.5}'", {"a": 1.0, "b": -1.0, "c": 0.5})),
    s(
        t.LSEG,
        struct_of("x1", "y1", "x2", "y2"),
        ("'[(1,2),(3,4)]'", {"x1": 1.0, "y1": 2.0, "x2": 3.0, "y2": 4.0}),
    ),
    s(
        t.BOX,
        struct_of("x1", "y1", "x2", "y2"),
        ("'(1,2),(3,4)'", {"x1": 3.0, "y1": 4.0, "x2": 1.0, "y2": 2.0}),
    ),
    s(t.CIRCLE, struct_of("x", "y", "r"), ("'<(1,2),3>'", {"x": 1.0, "y": 2.0, "r": 3.0})),
    s(
        t.PATH,
        pa.struct([("closed", pa.bool_()), ("points", pa.list_(XY))]),
        ("'[(1,2),(3,4)]'", {"closed": False, "points": [{"x": 1.0, "y": 2.0}, {"x": 3.0, "y": 4.0}]}),
        (
            "'((0,0),(1,0),(1,1))'",
            {"closed": True, "points": [{"x": 0.0, "y": 0.0}, {"x": 1.0, "y": 0.0}, {"x": 1.0, "y": 1.0}]},
        ),
    ),
    s(
        t.POLYGON,
        pa.list_(XY),
        ("'((0,0),(1,0),(1,1))'", [{"x": 0.0, "y": 0.0}, {"x": 1.0, "y": 0.0}, {"x": 1.0, "y": 1.0}]),
    ),
    s(
        t.TID,
        pa.struct([("block", pa.uint32()), ("offset", pa.uint16())]),
        ("'(4294967295,65535)'", {"block": 2**32 - 1, "offset": 65535}),
    ),
    s(
        t.TSVECTOR,
        pa.string(),
        ("''", ""),
        ("'fat:2,4A cat:3b,16383C'", "'cat':3B,16383C 'fat':2,4A"),
        (r"$$'it''s' 'back\\slash' 'é':1D$$", r"'back\\slash' 'it''s' 'é':1"),
        ("'b:2,1,99999d a:1b,1a,1c b:1 ab a'", "'a':1A 'ab' 'b':1,2,16383"),
        (r"$$:1 a\:b it's '''' '\\' 'q ''':2C$$", AS_TEXT),
        ("'a:' || (select string_agg(i::text, ',') from generate_series(300, 1, -1) i)", AS_TEXT),
        ("repeat('x', 2046) || ':16383A'", AS_TEXT),
        ("(select string_agg('word' || i % 97 || ':' || i, ' ') from generate_series(1, 500) i)", AS_TEXT),
        ("'长长长长长长长长长长 长长长长长长长长长 longer-than-a-word:1'", AS_TEXT),
    ),
    # tsqueryrecv refuses the empty query that tsquerysend writes.
    s(t.TSQUERY, pa.string(), ("''", ""), writes=False),
    s(
        t.TSQUERY,
        pa.string(),
        *(
            (f"$${text}$$", AS_TEXT)
            for text in (
                "a",
                "a & b",
                "a | b & c",
                "(a | b) & c",
                "!a & !(b | c)",
                "a <-> b <-> c",
                "a <-> (b <-> c)",
                "a <3> b:*AB",
                "!(a & b) | c:D",
                "'it''s' & 'a\\\\b'",
                "a <-> (b | c) & !!d",
                "(a & b) <-> (c | d)",
                "!a <-> b",
                "(a <-> b) <2> (c <-> d)",
                "a <0> b <16384> c",
                "a:*ABCD & b:* & c:bd",
                "!!(!a & !(!b <-> c))",
                "a & b & c | d <-> e | f",
                "((a | b) <-> (c & !(d | e:A))) | !f",
                r"'a''b' & 'c\\' & 'long enough for words of eight''s'",
                "'" + "x" * 2046 + "' <-> 长",
                " | ".join(f"w{i}" for i in range(100)),
                "!" * 30 + "a",
                "(" * 100 + "a & b" + ")" * 100 + " | c",
            )
        ),
    ),
    s(
        t.VECTOR(3),
        pa.list_(pa.float32(), 3),
        ("'[1,2.5,-3]'", [1.0, 2.5, -3.0]),
        ("'[0,0,0]'", [0.0, 0.0, 0.0]),
        setup=_VECTOR,
    ),
    s(t.VECTOR, pa.list_(pa.float32()), ("'[1]'", [1.0]), ("'[1,2]'", [1.0, 2.0]), setup=_VECTOR),
    s(t.HALFVEC(2), pa.list_(pa.float16(), 2), ("'[1,-65504]'", [1.0, -65504.0]), setup=_VECTOR),
    s(
        t.SPARSEVEC(5),
        _SPARSE,
        ("'{1:1.5,5:-2}/5'", {"dimensions": 5, "indices": [0, 4], "values": [1.5, -2.0]}),
        ("'{}/5'", {"dimensions": 5, "indices": [], "values": []}),
        setup=_VECTOR,
    ),
    s(
        array_of(t.VECTOR),
        pa.list_(pa.list_(pa.float32())),
        ("array['[1,2]'::vector, null]", [[1.0, 2.0], None]),
        setup=_VECTOR,
    ),
)
