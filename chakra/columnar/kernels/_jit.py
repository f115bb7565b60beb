"""Every Numba option in one place; ``CHAKRA_JIT=0`` runs the same kernels uncompiled (tests, debuggers)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

ENABLED = os.environ.get("CHAKRA_JIT", "1") != "0"

# nogil: a kernel call may run in a thread beside the event loop. No parallel=True: the threads belong to the
# application. error_model="numpy": no ZeroDivisionError branch inside the loops. boundscheck off: every kernel
# checks its own bounds, and the uncompiled run proves it.
OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "boundscheck": False}


def kernel(function: F) -> F:
    """Compile ``function`` on its first call, cached on disk; unchanged under ``CHAKRA_JIT=0``."""
    if not ENABLED:
        return function
    import numba  # noqa: PLC0415 - the uncompiled run must not need it

    compiled: F = numba.njit(**OPTIONS)(function)
    return compiled


__all__ = ["ENABLED", "OPTIONS", "kernel"]
