"""Compile every kernel ahead of its first use, into the cache on disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from chakra.columnar.decode import Decoder
from chakra.columnar.encode import encode
from chakra.columnar.kernels import _jit
from chakra.columnar.options import Options
from chakra.columnar.types import ColumnSpec, arrow_type
from chakra.pg.types import (
    ALL_TYPES,
    BIT,
    HSTORE,
    INET,
    INT4,
    INT4MULTIRANGE,
    INT4RANGE,
    JSONB,
    MACADDR,
    NUMERIC,
    SPARSEVEC,
    TEXT,
    TSQUERY,
    TSVECTOR,
    UUID,
    PgType,
    array_of,
    enum_type,
)

log = logging.getLogger("chakra.columnar")


@dataclass(frozen=True, slots=True)
class Warmup:
    """What :func:`warmup` did.

    Attributes:
        compiled: kernels compiled.
        cached: kernels found on disk.
        seconds: wall time.
        folder: where the kernels are now; empty if they are nowhere on disk.
        unsaved: compiled kernels that no folder took; every process will compile them again.
        problem: why, and what to do; empty if all were kept.
    """

    compiled: int
    cached: int
    seconds: float
    folder: str
    unsaved: int
    problem: str


def warmup() -> Warmup:
    """Encode and decode a few rows of every column type, which compiles, or loads, every kernel.

    Without it the first use of each type compiles its kernels (seconds, once per install), and says so in the
    log ``chakra.columnar``. It raises nothing where the kernels cannot be kept: see ``Warmup.problem``.
    """
    began = time.perf_counter()
    cache = _cache()
    before = dict(cache.counts) if cache else {}
    if cache:
        cache.quiet()
    for type_, options, arrays in _samples():
        spec = [ColumnSpec("warmup", type_)]
        for array in arrays:
            stream = b"".join(encode(pa.record_batch([array], ["warmup"]), spec))
            decoder = Decoder(spec, options)
            decoder.feed(stream)
            decoder.finish()
    seconds = time.perf_counter() - began
    if cache is None:
        return Warmup(0, 0, seconds, "", 0, "CHAKRA_JIT=0 is set: kernels run as plain Python")
    new = {name: count - before[name] for name, count in cache.counts.items()}
    unsaved = new["compiled"] - new["saved"]
    done = Warmup(
        new["compiled"],
        new["loaded"],
        seconds,
        ", ".join(cache.places),
        unsaved,
        cache.obstacles() if unsaved else "",
    )
    log.info(
        "kernels ready after %.1f s: %d compiled, %d from the cache, in %s",
        done.seconds,
        done.compiled,
        done.cached,
        done.folder or "no folder",
    )
    return done


def _cache() -> Any:
    """The module that keeps kernels on disk; ``None`` where kernels are not compiled."""
    if not _jit.ENABLED:
        return None
    from chakra.columnar.kernels import _cache

    return _cache


def _samples() -> Iterator[tuple[PgType, Options, list[pa.Array]]]:
    """Types, how to decode them, and arrays to send through both ways."""
    null = [pa.nulls(1)]
    for numeric in ("float64", "string", None):
        decimals = pa.array(["1.5", None]).cast(pa.decimal128(38, 1))
        yield NUMERIC, Options(numeric=numeric), [decimals, pa.array(["1e3", "2.25"]), pa.array([0.1])]
    yield NUMERIC(40, 2), Options(), null
    yield array_of(INT4, 2), Options(), [pa.array([[[1, None]], None], pa.list_(pa.list_(pa.int32())))]
    point = PgType("warmup_pair", kind="composite", fields=(("a", INT4), ("b", TEXT)))
    yield (
        point,
        Options(),
        [pa.array([{"a": 1, "b": "x"}], pa.struct([("a", pa.int32()), ("b", pa.string())]))],
    )
    labels = pa.array(["a", None])
    yield enum_type("warmup_label", ("a", "b")), Options(), [labels, labels.dictionary_encode()]
    yield HSTORE, Options(), [pa.array([[("a", "b")]], pa.map_(pa.string(), pa.string()))]
    for type_, text in (
        (UUID, "0" * 32),
        (INET, "::1"),
        (MACADDR, "00:00:00:00:00:00"),
        (BIT(1), "1"),
        (TSVECTOR, "a"),
        (TSQUERY, "a"),
        (JSONB, "{}"),
    ):
        yield type_, Options(), [pa.array([text])]
    yield array_of(JSONB), Options(), [pa.array([["{}"]])]
    bounds = {"lower": 1, "upper": 2, "lower_inc": True, "upper_inc": False, "empty": False}
    ranges = pa.array([bounds], arrow_type(INT4RANGE))
    yield INT4RANGE, Options(), [ranges]
    yield INT4MULTIRANGE, Options(), [pa.array([[bounds]], pa.list_(ranges.type))]
    yield (
        SPARSEVEC,
        Options(),
        [pa.array([{"dimensions": 2, "indices": [1], "values": [1.0]}], arrow_type(SPARSEVEC))],
    )
    for type_ in ALL_TYPES:
        yield type_, Options(), null
        yield array_of(type_), Options(), null


__all__ = ["Warmup", "warmup"]
