"""Every Numba option in one place, and the memory access kernels use; ``CHAKRA_JIT=0`` runs them uncompiled.

Addresses and values are int64. ``load``/``store`` are little-endian (the machine's), ``load_be``/``store_be``
network order; none needs alignment. They check nothing: the kernel that calls them has compared the address
with the end of its buffer first. The uncompiled run reads the same addresses through ctypes, and the tests
put functions in their place that know which memory is allowed.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

ENABLED = os.environ.get("CHAKRA_JIT", "1") != "0"

KERNELS: list[Any] = []
"""Every kernel that was imported; functions inside them are not listed."""

if sys.byteorder != "little":
    raise ImportError("chakra.columnar needs a little-endian machine: its kernels swap bytes unconditionally")

# nogil: a kernel call may run in a thread beside the event loop. No parallel=True: the threads belong to the
# application. error_model="numpy": no ZeroDivisionError branch inside the loops. boundscheck off: every
# kernel checks its own bounds, and the uncompiled run proves it. no_cfunc_wrapper: nobody calls kernels
# through C pointers. _nrt=False: kernels allocate nothing, so their arrays need no reference counts; the two
# save a quarter of the time to compile.
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "boundscheck": False,
    "no_cfunc_wrapper": True,
    "_nrt": False,
}


def kernel(function: F) -> F:
    """Compile ``function`` on its first call, cached on disk; unchanged under ``CHAKRA_JIT=0``."""
    if not ENABLED:
        KERNELS.append(function)
        return function
    from chakra.columnar.kernels._cache import attach

    compiled: F = attach(_dispatcher(function, OPTIONS))
    KERNELS.append(compiled)
    return compiled


def inner(function: F) -> F:
    """Compile ``function`` into the kernels that call it; nothing else may (there is no way in from Python)."""
    if not ENABLED:
        return function
    compiled: F = _dispatcher(function, {**OPTIONS, "no_cpython_wrapper": True, "forceinline": True})
    return compiled


def _dispatcher(function: Any, options: dict[str, Any]) -> Any:
    import numba

    from chakra.columnar.kernels._compiler import KernelCompiler

    return numba.njit(**options, pipeline_class=KernelCompiler)(function)


_memory = importlib.import_module(f"chakra.columnar.kernels.{'_llvm' if ENABLED else '_plain'}")

copy_bytes: Any = _memory.copy_bytes
load_be_i16: Any = _memory.load_be_i16
load_be_i32: Any = _memory.load_be_i32
load_be_i64: Any = _memory.load_be_i64
load_be_u16: Any = _memory.load_be_u16
load_i16: Any = _memory.load_i16
load_i32: Any = _memory.load_i32
load_i64: Any = _memory.load_i64
load_u8: Any = _memory.load_u8
pack_bits: Any = _memory.pack_bits
spread_bits: Any = _memory.spread_bits
store_16: Any = _memory.store_16
store_32: Any = _memory.store_32
store_64: Any = _memory.store_64
store_8: Any = _memory.store_8
store_be_16: Any = _memory.store_be_16
store_be_32: Any = _memory.store_be_32
store_be_64: Any = _memory.store_be_64
trailing_zeros: Any = _memory.trailing_zeros
zero_bytes: Any = _memory.zero_bytes

__all__ = [
    "ENABLED",
    "KERNELS",
    "OPTIONS",
    "inner",
    "kernel",
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
