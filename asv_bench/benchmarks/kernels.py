"""Decoding and encoding of each type out of memory: COPY streams a server sent once, no server now."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

from asv_bench.harness import recorded
from chakra.columnar import ColumnSpec, Decoder, Encoder

ROWS = 20_000
BLOCKS = 9
NULLS = [0.0, 0.1]
TYPES = recorded.recorded()

KERNELS = (
    "bool", "int4", "int8", "date", "timestamptz", "uuid", "text", "bytea", "jsonb", "numeric", "numeric(15,2)",
    "interval", "point", "path", "inet", "bit", "tsvector", "tsquery", "hstore", "vector", "int4[]", "text[]",
    "enum of 20", "composite of 3", "int4range",
)  # fmt: skip
"""One of each way of decoding; asv starts a process for each of them, so the others are in ``Values`` only."""


class Stream:
    """A stream of one column, and the same as a table."""

    def __init__(self, type: str, nulls: float) -> None:
        whole = recorded.stream(TYPES[type], ROWS, nulls)
        self.specs = [ColumnSpec("v", TYPES[type].pg_type)]
        self.chunks = recorded.chunks(whole)
        self.batches = self.decode().combine_chunks().to_batches()
        size = self.encode()  # compiles, and shows that nothing is lost
        if size != len(whole):
            raise AssertionError(f"{type}: {size} bytes encoded of {len(whole)} decoded")

    def decode(self) -> object:
        """The stream as a table."""
        decoder = Decoder(self.specs)
        for chunk in self.chunks:
            decoder.feed(chunk)
        decoder.finish()
        return decoder.table()

    def encode(self) -> int:
        """The table as a stream; its length."""
        encoder = Encoder(self.specs)
        size = sum(len(chunk) for batch in self.batches for chunk in encoder.encode(batch))
        return size + len(encoder.finish())


def nanoseconds(call: Callable[[], object]) -> float:
    """CPU time of a call for each value, the least of some."""
    found = []
    for _ in range(BLOCKS):
        start = process_time()
        call()
        found.append(process_time() - start)
    return min(found) / ROWS * 1e9


class Values:
    """CPU ns a value, every type, measured once for both ways."""

    params = (list(TYPES), NULLS)
    param_names = ("type", "nulls")
    timeout = 600.0

    def setup_cache(self) -> dict[tuple[str, float], tuple[float, float]]:
        found = {}
        for type in TYPES:
            for nulls in NULLS:
                stream = Stream(type, nulls)
                found[type, nulls] = nanoseconds(stream.decode), nanoseconds(stream.encode)
        return found

    def track_decode(
        self, cache: dict[tuple[str, float], tuple[float, float]], type: str, nulls: float
    ) -> float:
        return cache[type, nulls][0]

    def track_encode(
        self, cache: dict[tuple[str, float], tuple[float, float]], type: str, nulls: float
    ) -> float:
        return cache[type, nulls][1]

    track_decode.unit = track_encode.unit = "ns/value"  # type: ignore[attr-defined]


class Kernels:
    """20,000 values of one column."""

    params = (list(KERNELS), NULLS)
    param_names = ("type", "nulls")

    def setup(self, type: str, nulls: float) -> None:
        self.stream = Stream(type, nulls)

    def time_decode(self, type: str, nulls: float) -> None:
        self.stream.decode()

    def time_encode(self, type: str, nulls: float) -> None:
        self.stream.encode()
