"""What runs, from where, how often and why so slowly: a profiler, N+1 detection, plans. It sits on the hook chain of
``chakra.db``, which knows nothing of it.

``QueryProfiler`` is loaded by its first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chakra.debug.tags import query_tags

if TYPE_CHECKING:
    from chakra.debug.profiler import Query, QueryProfiler, Run

__all__ = ["Query", "QueryProfiler", "Run", "query_tags"]


def __getattr__(name: str) -> Any:
    if name == "telemetry":
        return importlib.import_module("chakra.debug.telemetry")
    if name not in __all__:
        raise AttributeError(f"chakra.debug has no {name}")
    from chakra.debug import profiler

    return getattr(profiler, name)
