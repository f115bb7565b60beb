"""What runs, from where, how often and why so slowly: a profiler, N+1 detection, plans. It sits on the hook chain of
``chakra.db``, which knows nothing of it.

``QueryProfiler`` is loaded by its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chakra._late import exported

if TYPE_CHECKING:
    from chakra.debug.profiler import Query, QueryProfiler, Run
    from chakra.debug.tags import query_tags
else:
    __getattr__, __dir__ = exported(
        __name__,
        {"chakra.debug.profiler": "Query QueryProfiler Run", "chakra.debug.tags": "query_tags"},
        modules=("telemetry",),  # a path that the documentation writes
    )

__all__ = ["Query", "QueryProfiler", "Run", "query_tags"]
