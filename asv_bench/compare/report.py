"""Findings as Markdown, which terminals, pull requests and summaries of workflows show alike."""

from __future__ import annotations

from asv_bench.compare.session import Findings
from asv_bench.compare.statistic import Change


def report(found: Findings, base: str, head: str) -> str:
    """Both tables, what could not be compared, and the verdict at the end."""
    lines = [f"{base} → {head}", ""]
    rows = [("figure", "base", "head", "minimum", "median", "limit", "")]
    for names, each in found.changes.items():
        base_turns, head_turns = found.sides[names]
        values = (number(base_turns.minimum), number(head_turns.minimum))
        shares = (share(each.minimum), share(each.median), f"{each.limit:.0%}")
        rows.append(
            (
                " ".join(names).replace(" chakra, ", " ").replace(" chakra", ""),
                *values,
                *shares,
                verdict(found, names, each),
            )
        )
    lines += table(rows)
    if found.counts:
        rows = [("Python calls", "base", "head", "")]
        for name, (before, after) in found.counts.items():
            rows.append((name, calls(before), calls(after), "MORE" if name in found.more_calls else ""))
        lines += ["", *table(rows)]
    lines += ["", *(f"- {note}" for note in (*found.notes, *found.broken))]
    said = []
    if found.slower:
        said.append(f"{len(found.slower)} figures are worse, twice: {', '.join(map(' '.join, found.slower))}")
    if found.more_calls:
        said.append(f"{len(found.more_calls)} ways make more Python calls: {', '.join(found.more_calls)}")
    if found.broken:
        said.append(f"{len(found.broken)} cannot be measured any more")
    last = f"REGRESSION: {'; '.join(said)}" if said else "no regression"
    if found.noisy:
        last += f" (of {len(found.noisy)} figures the machine was too busy to tell)"
    lines.append(last)
    return "\n".join(lines)


def verdict(found: Findings, names: tuple[str, str], each: Change) -> str:
    """A word of one figure."""
    if each.is_slower:
        return "WORSE"
    if names in found.first:
        return "not again"
    if each.is_noisy:
        return "noisy"
    return "better" if each.is_faster else ""


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def share(value: float) -> str:
    """A change in percent with its sign."""
    return f"{value:+.1%}"


def calls(value: float | None) -> str:
    """A number of calls, or that there is none."""
    return "—" if value is None else f"{value:g}"


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """A Markdown table whose columns stand in line in a terminal, too."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(row: tuple[str, ...]) -> str:
        cells = [cell.ljust(widths[0]) if not n else cell.rjust(widths[n]) for n, cell in enumerate(row)]
        return f"| {' | '.join(cells)} |"

    rule = "|".join("-" * (width + 1) + ("-" if not n else ":") for n, width in enumerate(widths))
    return [line(rows[0]), f"|{rule}|", *map(line, rows[1:])]
