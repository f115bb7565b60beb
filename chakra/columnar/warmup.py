"""Compile every kernel ahead of its first use, into the cache on disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

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
    UUID,
    PgType,
    array_of,
    enum_type,
)

log = logging.getLogger("chakra.columnar")


@dataclass(frozen=True, slots=True)
class Warmup:
    """What :func:`warmup` did: kernels compiled, kernels found on disk, wall time, folder of the cache."""

    compiled: int
    cached: int
    seconds: float
    folder: str


def warmup() -> Warmup:
    """Encode and decode a few rows of every column type, which compiles, or loads, every kernel.

    Without it the first use of each type compiles its kernels (seconds, once per install), and says so in the
    log ``chakra.columnar``.
    """
    began = time.perf_counter()
    before = dict(_counts())
    for type_, options, arrays in _samples():
        spec = [ColumnSpec("warmup", type_)]
        for array in arrays:
            stream = b"".join(encode(pa.record_batch([array], ["warmup"]), spec))
            decoder = Decoder(spec, options)
            decoder.feed(stream)
            decoder.finish()
    after = _counts()
    done = Warmup(
        after["compiled"] - before["compiled"],
        after["loaded"] - before["loaded"],
        time.perf_counter() - began,
        _folder(),
    )
    log.info(
        "kernels ready after %.1f s: %d compiled, %d from the cache in %s",
        done.seconds,
        done.compiled,
        done.cached,
        done.folder,
    )
    return done


def _counts() -> dict[str, int]:
    if not _jit.ENABLED:
        return {"compiled": 0, "loaded": 0}
    from chakra.columnar.kernels import _cache

    return _cache.counts


def _folder() -> str:
    if not _jit.ENABLED:
        return ""
    from chakra.columnar.kernels import _cache

    return str(_cache.folders()[0])


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
