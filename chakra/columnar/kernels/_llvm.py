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
    "store_16",
    "store_32",
    "store_64",
    "store_8",
    "store_be_16",
    "store_be_32",
    "store_be_64",
    "trailing_zeros",
]
