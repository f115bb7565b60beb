"""Raw memory access for uncompiled kernels, through ctypes; ``_llvm`` is its compiled twin."""

from __future__ import annotations

import ctypes
import struct
from typing import Any


def _loader(code: str) -> Any:
    form = struct.Struct(code)

    def load(address: int) -> int:
        found: int = form.unpack(ctypes.string_at(int(address), form.size))[0]
        return found

    return load


def _storer(size: int, order: str) -> Any:
    mask = (1 << 8 * size) - 1

    def store(address: int, value: int) -> None:
        data = (int(value) & mask).to_bytes(size, "big" if order == "big" else "little")
        ctypes.memmove(int(address), data, size)

    return store


load_u8, load_i16, load_i32, load_i64 = (_loader(c) for c in ("<B", "<h", "<i", "<q"))
load_be_i16, load_be_u16, load_be_i32, load_be_i64 = (_loader(c) for c in (">h", ">H", ">i", ">q"))
store_8, store_16, store_32, store_64 = (_storer(s, "little") for s in (1, 2, 4, 8))
store_be_16, store_be_32, store_be_64 = (_storer(s, "big") for s in (2, 4, 8))


def copy_bytes(target: int, source: int, size: int) -> None:
    """``memcpy`` of ``size`` bytes; the ranges must not overlap."""
    ctypes.memmove(int(target), int(source), int(size))


def zero_bytes(word: int) -> int:
    """The high bits of bytes that are 0 in an int64: exact up to the lowest of them, and 0 if there is none."""
    marks = (0x80 if byte == 0 else 0 for byte in (int(word) & (1 << 64) - 1).to_bytes(8, "little"))
    return int.from_bytes(bytes(marks), "little", signed=True)


def pack_bits(word: int) -> int:
    """Eight bytes of 0 or 1, the first lowest, as one byte, the first highest."""
    return int("".join(str(bit) for bit in int(word).to_bytes(8, "little")), 2)


def spread_bits(byte: int) -> int:
    """The inverse of ``pack_bits``."""
    return int.from_bytes(bytes(int(bit) for bit in f"{int(byte):08b}"), "little")


def trailing_zeros(value: int) -> int:
    """Zero bits below the lowest one of an int64 that is not 0."""
    return (int(value) & -int(value)).bit_length() - 1


__all__ = [
    "copy_bytes",
    "load_be_i16",
    "load_be_i32",
    "load_be_i64",
    "load_be_u16",
    "load_i16",
    "load_i32",
    "load_i64",
    "load_u8",
    "pack_bits",
    "spread_bits",
    "store_16",
    "store_32",
    "store_64",
    "store_8",
    "store_be_16",
    "store_be_32",
    "store_be_64",
    "trailing_zeros",
    "zero_bytes",
]
