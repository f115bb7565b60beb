"""The row kernels run as plain Python, with every memory access checked.

``CHAKRA_JIT=0 python -m tests.columnar.uncompiled``

A read must lie in the unconsumed input (decoding) or in an Arrow buffer (encoding), a write in the buffers of
the open segment (decoding) or in the chunk (encoding). The inputs are whole, cut and broken streams.
"""

from __future__ import annotations

import random
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pyarrow as pa

from chakra.columnar import Decoder, Encoder, Options
from chakra.columnar.casts import source
from chakra.columnar.families import decode_column, encode_column
from chakra.columnar.kernels import _jit, memory, rows_decode, rows_encode
from chakra.errors import DataError
from chakra.pg import types as t
from tests.columnar import fuzz
from tests.columnar.families.support import raw_of
from tests.columnar.test_decode import COLUMNS, EXPECTED, STREAM

Range = tuple[int, int]
UUIDS = struct.pack(">iiIii", 1, 0, 2950, 2, 1) + (struct.pack(">i", 16) + bytes(16)) * 2
WIDTHS = {"8": 1, "16": 2, "32": 4, "64": 8}


class Forbidden(Exception):
    """A kernel touched memory that is not its own."""


class Guard:
    """Memory access functions that know which addresses are allowed at the moment."""

    def __init__(
        self, module: Any, readable: Callable[[], Iterator[Range]], writable: Callable[[], Iterator[Range]]
    ):
        self.module, self.readable, self.writable = module, readable, writable
        self.saved: dict[str, Any] = {}
        self.accesses = 0

    def check(self, allowed: Iterator[Range], address: int, size: int, what: str) -> None:
        self.accesses += 1
        if size and not any(low <= address and address + size <= high for low, high in allowed):
            raise Forbidden(f"{what} of {size} bytes")

    def __enter__(self) -> Guard:
        for name in dir(self.module):
            if name.startswith(("load_", "store_")) or name == "copy_bytes":
                self.saved[name] = getattr(self.module, name)
                setattr(self.module, name, self.wrapped(name, self.saved[name]))
        return self

    def __exit__(self, *_: object) -> None:
        for name, function in self.saved.items():
            setattr(self.module, name, function)

    def wrapped(self, name: str, function: Any) -> Any:
        if name == "copy_bytes":

            def copy(target: int, origin: int, size: int) -> None:
                self.check(self.readable(), origin, size, name)
                self.check(self.writable(), target, size, name)
                function(target, origin, size)

            return copy
        width = WIDTHS[name.rpartition("_")[2].lstrip("iu")]
        if name.startswith("load"):

            def load(address: int) -> int:
                # The kernel also reads back the offsets it wrote.
                self.check(self.readable(), address, width, name)
                return int(function(address))

            return load

        def store(address: int, value: int) -> None:
            self.check(self.writable(), address, width, name)
            function(address, value)

        return store


def span(array: Any) -> Range:
    return array.ctypes.data, array.ctypes.data + array.nbytes


def decode(stream: bytes, cut: int, **limits: Any) -> tuple[pa.Table | None, int]:
    decoder = Decoder(COLUMNS, Options(), **limits)
    reader = decoder._reader

    def writable() -> Iterator[Range]:
        segment = decoder._segment
        assert segment is not None
        yield span(segment.nulls)
        for arrays in (segment.values, segment.offsets, segment.positions):
            yield from (span(array) for array in arrays if array is not None)

    def readable() -> Iterator[Range]:
        yield reader.address + reader.start, reader.address + reader.stop
        yield from writable()

    with Guard(rows_decode, readable, writable) as guard:
        try:
            decoder.feed(stream[:cut])
            decoder.feed(stream[cut:])
            decoder.finish()
        except DataError:
            return None, guard.accesses
    return decoder.table(), guard.accesses


def buffers(keep: Any) -> Iterator[Range]:
    if isinstance(keep, tuple):
        for part in keep:
            yield from buffers(part)
    elif isinstance(keep, pa.Array):
        storage = keep.storage if isinstance(keep, pa.ExtensionArray) else keep
        yield from ((b.address, b.address + b.size) for b in storage.buffers() if b is not None)
    elif isinstance(keep, np.ndarray):
        yield span(keep)
    else:
        yield from (span(getattr(keep, name)) for name in ("data", "starts", "lengths"))


def encode(table: pa.Table, columns: Any, chunk_bytes: int) -> tuple[bytes, int]:
    encoder = Encoder(columns, chunk_bytes=chunk_bytes)
    batch = table.combine_chunks().to_batches()[0]
    kept = [source(a, s, 0, Options()).keep for a, s in zip(batch.columns, encoder.specs, strict=True)]

    def readable() -> Iterator[Range]:
        for keep in kept:
            yield from buffers(keep)

    def writable() -> Iterator[Range]:
        yield span(encoder._chunk)

    def same_sources(array: pa.Array, spec: Any, first_row: int, options: Options) -> Any:
        found = source(array, spec, first_row, options)
        kept.append(found.keep)
        return found

    module = sys.modules["chakra.columnar.encode"]  # the package's attribute of that name is the function
    module.source = same_sources
    try:
        with Guard(rows_encode, readable, writable) as guard:
            rows_encode.find_bad_utf8 = find_bad_utf8(guard)
            chunks = [bytes(c) for c in encoder.encode(batch)]
    finally:
        module.source = source
        rows_encode.find_bad_utf8 = rows_decode.find_bad_utf8
    return b"".join(chunks) + bytes(encoder.finish()), guard.accesses


def find_bad_utf8(guard: Guard) -> Any:
    original = rows_decode.find_bad_utf8

    def run(address: int, size: int) -> int:
        with Guard(rows_decode, guard.readable, guard.writable):
            return original(address, size)

    return run


def guarded_families() -> int:
    """Decode and encode a value of every layout, whole and broken, touching only the arrays handed to a kernel."""
    guards: list[Guard] = []

    def guarded(kernel: Any) -> Any:
        modules = [sys.modules[kernel.__module__], memory]

        def run(*args: Any) -> Any:
            arrays = [span(array) for array in args if isinstance(array, np.ndarray)]
            with ExitStack() as stack:
                for module in modules:
                    guard = Guard(module, lambda: iter(arrays), lambda: iter(arrays))
                    guards.append(stack.enter_context(guard))
                return kernel(*args)

        return run

    values = [*fuzz.WIDE, (t.JSONB, b"\1{}"), (t.array_of(t.UUID), UUIDS)]
    for type_, value in values:
        decode_column(raw_of([value]), type_)  # imports its family
    kernels = [k for k in _jit.KERNELS if k.__module__ not in (rows_decode.__name__, rows_encode.__name__)]
    for kernel in kernels:
        setattr(sys.modules[kernel.__module__], kernel.__name__, guarded(kernel))
    chance = random.Random(3)
    try:
        for type_, value in values:
            cases = [[value, None, value], *([fuzz.mutate(value, chance)] for _ in range(60))]
            for case in cases:
                try:
                    array = decode_column(raw_of(case), type_)
                    array.validate(full=True)
                    encode_column(array, type_)
                except DataError:
                    assert case is not cases[0] or type_.oid == 0
    finally:
        for kernel in kernels:
            setattr(sys.modules[kernel.__module__], kernel.__name__, kernel)
    return sum(guard.accesses for guard in guards)


def main() -> int:
    assert not _jit.ENABLED
    accesses = guarded_families()
    for cut in range(0, len(STREAM), 7):
        table, count = decode(STREAM, cut)
        assert table is not None
        assert table.equals(EXPECTED)
        accesses += count
    for limits in ({"max_rows": 1}, {"max_bytes": 40}):
        table, count = decode(STREAM, 100, **limits)
        assert table is not None
        assert table.num_rows == EXPECTED.num_rows
        accesses += count
    for cut in range(19, len(STREAM), 5):
        accesses += decode(STREAM[:cut], cut // 2)[1]
    chance = random.Random(7)
    for _ in range(200):
        broken = bytearray(STREAM)
        for _ in range(chance.randint(1, 3)):
            broken[chance.randrange(19, len(broken))] = chance.randrange(256)
        accesses += decode(bytes(broken), chance.randrange(len(broken)))[1]
    for chunk_bytes in (64, 100, 100_000):
        found, count = encode(EXPECTED, COLUMNS, chunk_bytes)
        accesses += count
        table, count = decode(found, 50)
        assert table is not None
        assert table.equals(EXPECTED)
        accesses += count
    views = pa.table(
        {"v": pa.array(["short", "a text of more than twelve bytes, grüß", None, ""], pa.string_view())}
    )
    found, count = encode(views, [("v", t.TEXT)], 64)
    assert "grüß".encode() in found
    sliced = pa.table(
        {"b": pa.array([True, None, False] * 9).slice(5), "s": pa.array(["ab", None, ""] * 9).slice(5)}
    )
    accesses += count + encode(sliced, [("b", t.BOOL), ("s", t.TEXT)], 64)[1]
    print(f"{accesses} memory accesses, all inside")
    return 0


if __name__ == "__main__":
    sys.exit(main())
