"""What a profiler saw, as text, table, JSON and frame."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from chakra.debug.shown import amount, milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = 20
"""Statements a text or table lists; the others are counted."""


class Seen(Protocol):
    """One statement of a profiler, see ``profiler.Query``."""

    sql: str
    kind: str
    count: int
    rows: int
    seconds: float
    fastest: float
    slowest: float
    bytes: int
    errors: int
    values: str | None
    plan: str | None

    @property
    def label(self) -> str: ...
    @property
    def mean(self) -> float: ...
    @property
    def call_site(self) -> Any: ...
    @property
    def first_row(self) -> float | None: ...
    @property
    def transfer(self) -> float | None: ...


class Profile(Protocol):
    """A profiler, as far as it is reported."""

    transactions: list[float]
    own: list[float]

    @property
    def wall(self) -> float: ...
    @property
    def queries(self) -> Sequence[Seen]: ...
    @property
    def total(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def rows(self) -> int: ...
    @property
    def slowest(self) -> Seen | None: ...


def text(profile: Profile) -> str:
    """The totals, the slowest statement, and the list of them if there are several."""
    lines = [
        "Query Profile:",
        f"  Total queries: {profile.total}",
        f"  Total time: {milliseconds(profile.seconds)}",
    ]
    slowest = profile.slowest
    if slowest is not None:
        lines.append(f"  Slowest: {slowest.label} ({milliseconds(slowest.slowest)})")
        if slowest.call_site is not None:
            lines.append(f"    at {slowest.call_site}")
        if slowest.values is not None:
            lines.append(f"    with {slowest.values}")
    for what, (count, seconds) in (("Transactions", profile.transactions), ("Chakra's own", profile.own)):
        if count:
            lines.append(f"  {what}: {count:.0f} statements ({milliseconds(seconds)})")
    queries = profile.queries
    if len(queries) > 1 or (queries and queries[0].count > 1):
        lines.append("  By statement (count, rows, total, min/mean/max):")
        for query in queries[:SHOWN]:
            spread = "/".join(milliseconds(each) for each in (query.fastest, query.mean, query.slowest))
            lines.append(
                f"    {query.count} x, {query.rows} rows, {milliseconds(query.seconds)}, {spread}: {query.label}"
            )
            if query.call_site is not None:
                lines.append(f"      at {query.call_site}{_elsewhere(query)}")
        if len(queries) > SHOWN:
            lines.append(f"    and {len(queries) - SHOWN} others")
    for query in queries:
        if query.first_row is not None:
            lines.append(f"  {_stream(query)}")
    for query in queries:
        if query.plan is not None:
            lines += [f"  Plan of {query.label}:", *(f"    {line}" for line in query.plan.splitlines())]
    failed = sum(query.errors for query in queries)
    if failed:
        lines.append(f"  Failed: {failed}")
    return "\n".join(lines)


def _elsewhere(query: Any) -> str:
    others = len(query.call_sites) - 1
    return f" and {others} other {'line' if others == 1 else 'lines'}" if others > 0 else ""


def _stream(query: Seen) -> str:
    """Of what came in pieces: how long the server took, and how fast the rest was."""
    seconds = query.seconds or 1e-9
    speed = f"{query.rows / seconds:,.0f} rows/s"
    size = f"{amount(query.bytes)}, {amount(query.bytes / seconds)}/s, " if query.bytes else ""
    what = {"copy_out": "COPY out", "copy_in": "COPY in"}.get(query.kind, "Cursor")
    first = milliseconds(query.first_row or 0.0)
    return f"{what}: {size}{speed}, first after {first}, transfer {milliseconds(query.transfer or 0.0)}: {query.label}"


def records(profile: Profile) -> list[dict[str, Any]]:
    """One dict a statement, of plain values; times in seconds."""
    return [
        {
            "sql": query.sql,
            "kind": query.kind,
            "count": query.count,
            "rows": query.rows,
            "seconds": query.seconds,
            "min": query.fastest,
            "mean": query.mean,
            "max": query.slowest,
            "first_row": query.first_row,
            "transfer": query.transfer,
            "bytes": query.bytes,
            "errors": query.errors,
            "call_site": None if query.call_site is None else str(query.call_site),
            "values": query.values,
            "plan": query.plan,
        }
        for query in profile.queries
    ]


def json_text(profile: Profile, indent: int | None) -> str:
    """The totals and the statements."""
    (transactions, in_transactions), (own, in_own) = profile.transactions, profile.own
    return json.dumps(
        {
            "total": profile.total,
            "seconds": profile.seconds,
            "wall": profile.wall,
            "rows": profile.rows,
            "transactions": {"count": int(transactions), "seconds": in_transactions},
            "own": {"count": int(own), "seconds": in_own},
            "queries": records(profile),
        },
        indent=indent,
    )


def frame(profile: Profile) -> Any:
    """A Polars frame; its columns have their types with no rows, too."""
    import polars as pl

    whole, real, words = pl.Int64, pl.Float64, pl.String
    schema = {
        **{"sql": words, "kind": words, "count": whole, "rows": whole, "seconds": real},
        **{"min": real, "mean": real, "max": real, "first_row": real, "transfer": real},
        **{"bytes": whole, "errors": whole, "call_site": words, "values": words, "plan": words},
    }
    return pl.DataFrame(records(profile), schema=schema)


def table(profile: Profile) -> Any:
    """A table of rich."""
    from rich.table import Table
    from rich.text import Text

    made = Table(title=f"{profile.total} queries, {milliseconds(profile.seconds)}", title_justify="left")
    for name in ("count", "rows", "total", "min", "mean", "max"):
        made.add_column(name, justify="right")
    made.add_column("statement", overflow="fold")
    made.add_column("at", overflow="fold")
    for query in profile.queries[:SHOWN]:
        times = map(milliseconds, (query.seconds, query.fastest, query.mean, query.slowest))
        site = "" if query.call_site is None else str(query.call_site)
        made.add_row(str(query.count), str(query.rows), *times, Text(query.label), Text(site))
    return made


__all__ = ["SHOWN", "frame", "json_text", "records", "table", "text"]
