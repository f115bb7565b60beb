"""Copying the bytes of one value, for kernels of every family; below them, above ``_jit``.

A kernel file may use this one: the files of compiled kernels are named by the text of the whole package.
"""

from __future__ import annotations

from chakra.columnar.kernels._jit import copy_bytes, inner, load_i64, load_u8, store_8, store_64


@inner
def copy_value(target: int, source: int, size: int) -> None:
    """Copy ``size`` bytes between addresses that do not overlap; nothing for a NULL's -1.

    Words up to 64 bytes: a call of memcpy costs as much as 60 bytes of them, a loop over bytes 1.5 ns a byte.
    """
    if size > 64:
        copy_bytes(target, source, size)
    elif size >= 8:
        k = 0
        while k + 8 < size:
            store_64(target + k, load_i64(source + k))
            k += 8
        store_64(target + size - 8, load_i64(source + size - 8))
    else:
        for k in range(size):
            store_8(target + k, load_u8(source + k))
