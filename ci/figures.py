"""Write what pages take from a stored run of `chakra bench`: tables of figures, and charts in docs/charts.

python ci/figures.py asv_bench/results/latest    take the rows of that run, then write the pages
python ci/figures.py                             write the pages again from what is stored
python ci/figures.py --check                     change nothing, fail when a page or a chart is stale
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from asv_bench.harness import charts, compare, page, report, summary  # noqa: E402
from asv_bench.harness.main import STORED  # noqa: E402
from asv_bench.harness.summary import Row, Summary  # noqa: E402
from asv_bench.harness.targets import TARGETS  # noqa: E402
from asv_bench.harness.words import Grid, duration, number, times  # noqa: E402

DOCS = ROOT / "docs"
CHARTS = DOCS / "charts"
PAGES = (ROOT / "README.md", *sorted(DOCS.glob("*.md")))
BEGIN, END = "<!-- written by ci/figures.py: {} -->\n", "<!-- until here: {} -->\n"
MARKER = re.compile(r"<!-- written by ci/figures\.py: ([\w-]+) -->\n")

MANY = 14
"""Contenders of a row that a page lists; of more it says how many there are."""

SHOWN = (
    ("`objects.get(id=…)`", "get", "chakra", ("asyncpg, prepared", "asyncpg, pool.fetchrow", "yara-orm", "SQLAlchemy")),
    ("10,000 instances of seven columns", "instances", "chakra", ("asyncpg, prepared", "yara-orm", "SQLAlchemy")),
    ("10,000 rows with their 1,000 partners, `select_related`", "select_related", "chakra",
     ("asyncpg, bare records", "yara-orm", "oxyde", "SQLAlchemy")),
    ("`bulk_create` of 10,000, keys filled in", "bulk_create", "chakra",
     ("COPY of ready bytes", "asyncpg, copy_records", "yara-orm", "SQLAlchemy")),
    ("a query of known shape to SQL", "build", "chakra", ("chakra, new", "yara-orm", "SQLAlchemy")),
    ("`to_arrow()` of 1,000,000 users", "to_arrow", "chakra", ("the drain", "ADBC", "DuckDB", "ConnectorX")),
    ("… with `partitions=4`", "to_arrow", "chakra, 4 partitions",
     ("ConnectorX, 2 partitions", "ConnectorX, 4 partitions")),
    ("`to_polars()` of the same", "to_polars", "chakra", ("polars, adbc", "polars, connectorx")),
    ("`to_arrow()` of 1,200,000 lineitems, decimals exact", "to_arrow_lineitem", "chakra",
     ("the drain", "ADBC", "DuckDB", "ConnectorX")),
    ("… with `partitions=4`", "to_arrow_lineitem", "chakra, 4 partitions",
     ("ConnectorX, 2 partitions", "ConnectorX, 4 partitions")),
    ("`bulk_insert` of 1,000,000 rows", "bulk_insert", "chakra",
     ("pgpq + psycopg", "ADBC ingest", "polars write_database")),
)  # fmt: skip
"""Lines of the README's table: what, row, contender of ours, and whom it stands beside."""

SAID = {
    "asyncpg, prepared": "asyncpg, held and prepared",
    "asyncpg, copy_records": "asyncpg's `copy_records_to_table`, no keys,",
    "asyncpg, pool.fetchrow": "asyncpg's `pool.fetchrow`",
    "the drain": "the same COPY into a sink that drops the bytes",
    "chakra, new": "a new shape",
    "polars, adbc": "polars with ADBC",
    "polars, connectorx": "polars with ConnectorX",
}
"""Contenders in words, where their names do not say it."""


def about(found: Summary) -> str:
    """Where and when it was measured."""
    return "\n".join(run.told() for run in found.runs)


def overview(found: Summary) -> str:
    """The README's table, and who is ahead."""
    grid = Grid(("what", "Chakra", "in the same run"), right=(1,))
    for what, id, ours, others in SHOWN:
        row = found.row(id)
        if row is None or ours not in row.times:
            continue
        beside = [
            f"{SAID.get(name, name)} {duration(row.times[name].minimum)}"
            for name in others
            if name in row.times
        ]
        grid.rows.append((what, duration(row.times[ours].minimum), "; ".join(beside)))
    return "\n\n".join([about(found), grid.markdown(), "Ahead of Chakra in this run:", ahead(found)])


def ahead(found: Summary) -> str:
    """Who is faster or smaller, where; rows of many lines are counted."""
    said: dict[str, list[str]] = {}
    lines: dict[str, set[str]] = {}
    for win in compare.wins(found):
        line, name = compare.split(win.name)
        if line:
            lines.setdefault(win.row.title, set()).add(line)
        else:
            said.setdefault(win.row.title, []).append(
                f"{SAID.get(name, name).rstrip(',')} {times(win.times)}"
            )
    parts = [f"- {title}: {'; '.join(names)}" for title, names in said.items()]
    parts += [f"- {title}: somebody in {len(names)} of the lines" for title, names in lines.items()]
    return "\n".join(parts) or "- nobody"


def measured(row: Row) -> str:
    """The times of a row in one cell."""
    if compare.in_lines(row):
        return f"{len(compare.lines_of(row))} lines"
    if len(row.times) > MANY:
        return "; ".join(row.notes) if row.notes else f"{len(row.times)} contenders"
    ordered = sorted(row.times.items(), key=lambda item: (not compare.is_ours(item[0]), item[1].minimum))
    return "; ".join(f"{name} {report.shown(row, taken.minimum)}" for name, taken in ordered)


def everything(found: Summary) -> str:
    """Every row and figure; several runs are told apart by a number."""
    grid = Grid(("row", "measured", "figure", "goal", "minimum (median)", ""))
    for row in found.rows:
        first = (f"{row.number}, {row.title}", measured(row))
        for held in row.figures or ():
            shown = (
                "—"
                if held.minimum is None or held.median is None
                else (f"{number(held.minimum)} ({number(held.median)}) {held.unit}".strip())
            )
            grid.rows.append((*first, held.what, held.goal, shown, held.verdict))
            first = ("", "")
    missed = "\n".join(f"- {line}" for line in report.missed(found)) or "- none"
    parts = [about(found), grid.markdown(), "Not met, or unclear:", missed, "Ahead of Chakra:", ahead(found)]
    return "\n\n".join(parts)


def pictures(found: Summary) -> str:
    """The charts, each with its title."""
    return "\n\n".join(f"![{title}](charts/{name}.svg)" for name, (title, panels) in charts.CHARTS.items()
                       if any(panel.read(found) for panel in panels))  # fmt: skip


BLOCKS: dict[str, Callable[[Summary], str]] = {
    "readme": overview,
    "all": everything,
    "charts": pictures,
    **{name: block for name, (_, block) in page.BLOCKS.items()},
}


def fresh(text: str, found: Summary, path: Path) -> str:
    """A page with all its blocks written anew."""
    for name in MARKER.findall(text):
        if name not in BLOCKS:
            sys.exit(f"{path}: there is no block {name!r}; there are {', '.join(BLOCKS)}")
        head, rest = text.split(BEGIN.format(name))
        _, end, tail = rest.partition(END.format(name))
        if not end:
            sys.exit(f"{path}: the block {name!r} has no end: {END.format(name).strip()}")
        text = f"{head}{BEGIN.format(name)}\n{BLOCKS[name](found)}\n\n{end}{tail}"
    return text


def stale(found: Summary) -> Iterator[str]:
    """Pages and charts that do not show what is stored."""
    for path in PAGES:
        text = path.read_text()
        if fresh(text, found, path) != text:
            yield str(path)
    for name, (_, panels) in charts.CHARTS.items():
        path = CHARTS / f"{name}.svg"
        if any(panel.read(found) for panel in panels) and not (
            path.exists() and stamp(found) in path.read_text()
        ):
            yield str(path)


def stamp(found: Summary) -> str:
    """What a chart says it was made of: matplotlib draws another file in every version, so files are not compared."""
    return "figures " + hashlib.sha256(summary.dump(found).encode()).hexdigest()[:16]


def take(folder: Path) -> Summary:
    """The rows of a run in place of the stored ones."""
    newer = summary.load((folder / "figures.json").read_text())
    if any(run.size == "tiny" for run in newer.runs):
        sys.exit(f"{folder}: a run of size tiny shows only that everything runs; its figures mean nothing")
    older = summary.load(STORED.read_text()) if STORED.exists() else Summary()
    merged = older.updated(newer, [target.id for target in TARGETS])
    STORED.parent.mkdir(exist_ok=True)
    STORED.write_text(summary.dump(merged))
    return merged


def main() -> None:
    folders = [word for word in sys.argv[1:] if word != "--check"]
    if not folders and not STORED.exists():
        sys.exit(f"{STORED}: no run is stored yet; run chakra bench, then this with its folder")
    found = take(Path(folders[0])) if folders else summary.load(STORED.read_text())
    if "--check" in sys.argv[1:]:
        if old := list(stale(found)):
            sys.exit(f"{', '.join(old)}: not what {STORED} says; run {sys.executable} ci/figures.py")
        return
    CHARTS.mkdir(exist_ok=True)
    charts.draw(found, CHARTS, "svg", stamp(found))
    for path in PAGES:
        text = path.read_text()
        if (new := fresh(text, found, path)) != text:
            path.write_text(new)


if __name__ == "__main__":
    main()
