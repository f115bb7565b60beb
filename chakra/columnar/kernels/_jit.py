"""Every Numba option and every raw memory access in one place; ``CHAKRA_JIT=0`` runs the kernels uncompiled.

Addresses are int64, values int64 unless said otherwise. ``load``/``store`` are little-endian (the machine's),
``load_be``/``store_be`` network order; none needs alignment. They check nothing: the kernel that calls them has
compared the address with the end of its buffer first. The uncompiled run reads the same addresses through
ctypes, and the tests replace those functions by ones that know which memory is allowed.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

ENABLED = os.environ.get("CHAKRA_JIT", "1") != "0"

KERNELS: list[Any] = []
"""Every compiled kernel that was imported."""

if sys.byteorder != "little":  # pragma: no cover
    raise ImportError("chakra.columnar needs a little-endian machine: its kernels swap bytes unconditionally")

# nogil: a kernel call may run in a thread beside the event loop. No parallel=True: the threads belong to the
# application. error_model="numpy": no ZeroDivisionError branch inside the loops. boundscheck off: every kernel
# checks its own bounds, and the uncompiled run proves it.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False}


if ENABLED:
    import numba
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    from chakra.columnar.kernels._cache import attach

    def kernel(function: F) -> F:
        """Compile ``function`` on its first call, cached on disk; unchanged under ``CHAKRA_JIT=0``."""
        compiled: F = attach(numba.njit(**OPTIONS)(function))
        KERNELS.append(compiled)
        return compiled

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

else:

    def kernel(function: F) -> F:
        """Compile ``function`` on its first call, cached on disk; unchanged under ``CHAKRA_JIT=0``."""
        return function

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


__all__ = [
    "ENABLED",
    "KERNELS",
    "OPTIONS",
    "copy_bytes",
    "kernel",
    "load_be_i16",
    "load_be_i32",
    "load_be_i64",
    "load_be_u16",
    "load_i16",
    "load_i32",
    "load_i64",
    "load_u8",
    "store_8",
    "store_16",
    "store_32",
    "store_64",
    "store_be_16",
    "store_be_32",
    "store_be_64",
]
