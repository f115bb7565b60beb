"""Memory asked for ahead of the decoder: only what is near, inside the buffers, and nothing in them changes."""

from __future__ import annotations

import io
import multiprocessing
import sys
import threading
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from chakra.columnar import Decoder, decode, decode_table, encode, pages, segment

TYPES = {"id": "bigint", "name": "text", "ok": "boolean", "blob": "bytea"}
ROWS = 400_000
decode_module = sys.modules[Decoder.__module__]


def stream() -> bytes:
    number = np.arange(ROWS)
    names = pa.array([None if n % 7 == 0 else "n" * (n % 40) for n in range(ROWS)])
    table = pa.table({"id": number, "name": names, "ok": number % 3 == 0, "blob": names.cast(pa.binary())})
    return b"".join(encode(table, TYPES))


def read(data: bytes, **options: Any) -> pa.Table:
    decoder = Decoder(TYPES, **options)
    for start in range(0, len(data), 100_000):
        decoder.feed(data[start : start + 100_000])
    decoder.finish()
    return decoder.table()


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> list[list[pages.Range]]:
    """Pages are asked for from the first row on; what is asked for."""
    asked: list[list[pages.Range]] = []

    def noted(ranges: list[pages.Range]) -> None:
        asked.append(ranges)
        pages.populate(ranges)

    monkeypatch.setattr(decode_module, "PAGES_FROM", 0)
    monkeypatch.setattr(decode_module, "CAN_POPULATE", True)
    monkeypatch.setattr(segment, "populate", noted)
    return asked


def test_the_same_table(early: list[list[pages.Range]]) -> None:
    data = stream()
    expected = decode_table([data], TYPES)
    assert not early
    for _ in range(5):
        assert read(data, pages_ahead=True).equals(expected)
    assert early


def test_only_what_is_near_and_inside(early: list[list[pages.Range]]) -> None:
    data = stream()
    read(data, pages_ahead=True)
    arrays = {}
    for array, start, stop in (item for ranges in early for item in ranges):
        assert 0 <= start < stop <= array.nbytes
        assert stop - start <= 2 * segment.AHEAD_BYTES
        _, begin, end = arrays.get(id(array), (array, start, start))
        assert start >= end  # nothing twice
        arrays[id(array)] = (array, begin, stop)
    reserved = sum(array.nbytes for array, *_ in arrays.values())
    total = sum(stop - begin for _, begin, stop in arrays.values())
    assert total < min(reserved, len(data) + 2 * segment.AHEAD_BYTES * len(arrays))


def test_who_asks_for_nothing(early: list[list[pages.Range]], monkeypatch: pytest.MonkeyPatch) -> None:
    data = stream()
    read(data)  # a decoder nobody told to
    list(decode(io.BytesIO(data), TYPES))  # a stream uses its memory again
    monkeypatch.setattr(decode_module, "PAGES_FROM", len(data) + 1)
    read(data, pages_ahead=True)  # a small table
    monkeypatch.setattr(decode_module, "PAGES_FROM", 0)
    monkeypatch.setattr(decode_module, "CAN_POPULATE", False)
    read(data, pages_ahead=True)  # one core, or another system
    assert not early


async def test_tables_are_read_with_it_and_parts_without(
    db: Any, early: list[list[pages.Range]], monkeypatch: pytest.MonkeyPatch
) -> None:
    await db.execute("create table t as select i::int8, md5(i::text) as m from generate_series(1, 60000) i")
    await db.table("t").to_arrow(partitions=2)
    assert not early
    table = await db.table("t").to_arrow()
    assert early and table.num_rows == 60_000


@pytest.mark.skipif(sys.platform != "linux", reason="MADV_POPULATE_WRITE")
def test_pages_are_there_before_they_are_written() -> None:
    """And what was written stays."""
    size = 64 * 1024 * 1024
    array = np.empty(size, np.uint8)
    array[: size // 2] = 7
    before = resident()
    pages.populate([(array, 0, size)])
    pages.populate([(np.empty(1, np.uint8), 0, 1)])  # less than a page: nothing to do
    done = threading.Event()
    for _ in range(600):
        if resident() - before >= size // 2 * 0.9:
            done.set()
            break
        done.wait(0.05)
    assert done.is_set()
    assert (array[: size // 2] == 7).all()


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def ask_in_a_child(queue: Any) -> None:
    array = np.empty(32 * 1024 * 1024, np.uint8)
    before = resident()
    pages.populate([(array, 0, array.nbytes)])
    for _ in range(600):
        if resident() - before >= array.nbytes * 0.9:
            break
        threading.Event().wait(0.05)
    queue.put(resident() - before)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.skipif(sys.platform != "linux", reason="MADV_POPULATE_WRITE")
def test_a_child_process_has_a_thread_of_its_own() -> None:
    pages.populate([(np.empty(8192, np.uint8), 0, 8192)])
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=ask_in_a_child, args=(queue,))
    child.start()
    grown = queue.get(timeout=60)
    child.join()
    assert grown >= 30 * 1024 * 1024
