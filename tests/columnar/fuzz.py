"""Fuzz the decoder for as long as told: ``python -m tests.columnar.fuzz --seconds 60 [--seed N]``.

Streams of every simple type and of arrays, composites and ranges are cut, flipped, spliced and split; the
decoder must give data that validates, or a DataError with a position inside the stream. Anything else stops
the run and shows the case.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
import time
from typing import Any

from chakra.columnar import Decoder, Options
from chakra.errors import CopyFormatError, DataError
from chakra.pg import types as t
from tests.columnar.reference import stream_of
from tests.columnar.test_decode import COLUMNS, ROWS

INTS = (
    struct.pack(">iii", 1, 1, 23)
    + struct.pack(">ii", 3, 1)
    + struct.pack(">ii", 4, 7) * 2
    + struct.pack(">i", -1)
)
INT4RANGE = b"\x02" + struct.pack(">ii", 4, 1) + struct.pack(">ii", 4, 9)
INTERVAL = struct.pack(">qii", 1, 2, 3)
INET = bytes([2, 32, 0, 4, 127, 0, 0, 1])
HSTORE = struct.pack(">ii", 1, 1) + b"k" + struct.pack(">i", 1) + b"v"
PAIR = t.PgType("pair", kind="composite", fields=(("a", t.INT4), ("b", t.TEXT)))
PAIR_VALUE = struct.pack(">iiii", 2, 23, 4, 5) + struct.pack(">ii", 25, 2) + b"ab"
WIDE: list[tuple[t.PgType, bytes]] = [
    (t.array_of(t.INT4), INTS),
    (t.INT4RANGE, INT4RANGE),
    (t.INT4MULTIRANGE, struct.pack(">ii", 1, len(INT4RANGE)) + INT4RANGE),
    (t.INTERVAL, INTERVAL),
    (t.INET, INET),
    (t.HSTORE, HSTORE),
    (PAIR, PAIR_VALUE),
    (t.NUMERIC, struct.pack(">hhHHhh", 2, 0, 0, 2, 1, 2500)),
    (t.NUMERIC(50, 3), struct.pack(">hhHHhh", 2, 0, 0x4000, 2, 1, 2500)),
    (t.TIMETZ, struct.pack(">qi", 5, -3600)),
    (t.VARBIT, struct.pack(">i", 12) + b"\xab\xc0"),
    (t.TSVECTOR, struct.pack(">i", 2) + b"a\0" + struct.pack(">HHH", 2, 1, 0xC002) + b"it's\\\0\0\0"),
    (t.TSQUERY, struct.pack(">iBBH", 4, 2, 4, 2) + b"\1\x08\1b'\0\2\1\1\0\0a\0"),
    (t.enum_type("mood", ("sad", "happy")), b"happy"),
]  # fmt: skip
SIMPLE = (COLUMNS, ROWS)
FAMILIES = (
    [(f"f{i}", type_) for i, (type_, _) in enumerate(WIDE)],
    [[v for _, v in WIDE], [None] * len(WIDE), [v for _, v in WIDE]],
)


def some_columns(chance: random.Random) -> tuple[list[Any], list[list[bytes | None]]]:
    """A few columns, mostly: few are faster to decode, and each takes more of the damage."""
    columns, rows = chance.choice((SIMPLE, FAMILIES))
    chosen = chance.sample(range(len(columns)), chance.choice((1, 1, 1, 2, 2, 3, len(columns))))
    return [columns[c] for c in chosen], [[row[c] for c in chosen] for row in rows]


def mutate(stream: bytes, chance: random.Random) -> bytes:
    broken = bytearray(stream)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        position = chance.randrange(len(broken))
        match chance.randrange(6):
            case 0:
                broken[position] ^= 1 << chance.randrange(8)
            case 1:
                broken[position] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                del broken[position:]
            case 3:
                broken[position:position] = chance.randbytes(chance.randrange(1, 9))
            case 4:
                del broken[position : position + chance.randrange(1, 9)]
            case _:
                extreme = chance.choice((-1, -2, 0, 1, 2**31 - 1, -(2**31), 2**30, 65535))
                broken[position : position + 4] = struct.pack(">i", extreme)
        if not broken:
            return b"\0"
    return bytes(broken)


def decode(stream: bytes, columns: Any, chance: random.Random) -> str:
    options = Options(
        infinity=chance.choice(("error", "null", "clamp")),
        strings=chance.choice(("utf8", "large_utf8", "view")),
        numeric=chance.choice((None, (20, 3), "string", "float64")),
    )
    decoder = Decoder(columns, options, max_rows=chance.choice((None, 1, 2)))
    try:
        at = 0
        while at < len(stream):
            size = chance.choice((1, 5, 64, 4096))
            decoder.feed(stream[at : at + size])
            at += size
        decoder.finish()
        table = decoder.table()
    except CopyFormatError as error:
        assert 0 <= error.position <= len(stream), error
        assert error.expected, error
        assert error.found, error
        return "malformed"
    except DataError:
        return "refused"
    table.validate(full=True)
    return "data"


def run(seconds: float, seed: int) -> dict[str, int]:
    """Fuzz; returns how many cases had which outcome."""
    counts = {"malformed": 0, "refused": 0, "data": 0}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        chance = random.Random(seed)
        columns, rows = some_columns(chance)
        stream = mutate(stream_of(rows), chance)
        try:
            counts[decode(stream, columns, chance)] += 1
        except BaseException:
            print(f"case {seed}: {stream.hex()}", file=sys.stderr)
            raise
        seed += 1
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(run(arguments.seconds, arguments.seed))
