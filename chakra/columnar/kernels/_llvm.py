"""Raw memory access for compiled kernels, as single LLVM instructions; ``_plain`` is its uncompiled twin."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


def _loader(bits: int, *, swap: bool, signed: bool) -> Any:
    @intrinsic
    def load(typingctx: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = builder.inttoptr(args[0], ir.IntType(bits).as_pointer())
            value = builder.load(pointer, align=1)
            if swap:
                value = builder.bswap(value)
            if bits == 64:
                return value
            return builder.sext(value, ir.IntType(64)) if signed else builder.zext(value, ir.IntType(64))

        return types.int64(types.int64), codegen

    return load


def _storer(bits: int, *, swap: bool) -> Any:
    @intrinsic
    def store(typingctx: Any, address: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = builder.inttoptr(args[0], ir.IntType(bits).as_pointer())
            data = args[1] if bits == 64 else builder.trunc(args[1], ir.IntType(bits))
            if swap:
                data = builder.bswap(data)
            builder.store(data, pointer, align=1)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), codegen

    return store


load_u8 = _loader(8, swap=False, signed=False)
load_i32 = _loader(32, swap=False, signed=True)
load_i64 = _loader(64, swap=False, signed=True)
load_be_i16 = _loader(16, swap=True, signed=True)
load_be_u16 = _loader(16, swap=True, signed=False)
load_be_i32 = _loader(32, swap=True, signed=True)
load_be_i64 = _loader(64, swap=True, signed=True)
load_i16 = _loader(16, swap=False, signed=True)
store_8 = _storer(8, swap=False)
store_16 = _storer(16, swap=False)
store_32 = _storer(32, swap=False)
store_64 = _storer(64, swap=False)
store_be_16 = _storer(16, swap=True)
store_be_32 = _storer(32, swap=True)
store_be_64 = _storer(64, swap=True)


@intrinsic
def copy_bytes(typingctx: Any, target: Any, source: Any, size: Any) -> Any:
    """``memcpy`` of ``size`` bytes; the ranges must not overlap."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        function = builder.module.declare_intrinsic("llvm.memcpy", [byte, byte, ir.IntType(64)])
        target_pointer, source_pointer = (builder.inttoptr(a, byte) for a in args[:2])
        builder.call(function, [target_pointer, source_pointer, args[2], ir.Constant(ir.IntType(1), 0)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen


ONES = 0x0101010101010101
HIGH_BITS = 0x8080808080808080


def _int64(value: int) -> Any:
    return ir.Constant(ir.IntType(64), value)


# The arithmetic of these wraps, which that of Numba's signed integers must not (it is `nsw` in LLVM).
@intrinsic
def zero_bytes(typingctx: Any, word: Any) -> Any:
    """The high bits of bytes that are 0 in an int64: exact up to the lowest of them, and 0 if there is none."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        less = builder.sub(args[0], _int64(ONES))
        return builder.and_(builder.and_(less, builder.not_(args[0])), _int64(HIGH_BITS))

    return types.int64(types.int64), codegen


@intrinsic
def pack_bits(typingctx: Any, word: Any) -> Any:
    """Eight bytes of 0 or 1, the first lowest, as one byte, the first highest."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.lshr(builder.mul(args[0], _int64(0x8040201008040201)), _int64(56))

    return types.int64(types.int64), codegen


@intrinsic
def spread_bits(typingctx: Any, byte: Any) -> Any:
    """The inverse of ``pack_bits``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        one_each = builder.and_(builder.mul(args[0], _int64(ONES)), _int64(0x0102040810204080))
        carried = builder.add(one_each, _int64(0x7F7E7C7870604000))  # bit 7 - k of byte k to its bit 7
        return builder.and_(builder.lshr(carried, _int64(7)), _int64(ONES))

    return types.int64(types.int64), codegen


@intrinsic
def trailing_zeros(typingctx: Any, value: Any) -> Any:
    """Zero bits below the lowest one of an int64 that is not 0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen


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
