"""Plans of the server as trees, and what stands out in them. Reads what EXPLAIN gives, asks nothing.

The words are those of ``src/backend/commands/explain.c``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chakra.debug.shown import amount

WRONG_BY = 10
"""A node whose number of rows was misjudged by this factor is noted, from ``MANY`` rows on."""
MANY = 100
LARGE = 10_000
"""Rows from which a table is large enough to be noted when all of it is read for few of them."""
FEW = 0.1
SEQ_ROW_COST = 0.0225
"""Cost of a row of a sequential scan with one condition, some 100 rows a page: 0.01 for the page, 0.01 for the row and
0.0025 for the condition (manual, 19.7.2). It tells how large a table is where nothing was run."""


@dataclass(slots=True)
class Node:
    """One step of a plan.

    Attributes:
        type: ``Seq Scan``, ``Hash Join``, …
        relation, alias, index: what it reads, by name, or ``None``.
        cost: the planner's cost until the last row; ``None`` if the plan has no costs.
        rows: rows the planner expects of each run.
        width: bytes of a row it expects.
        actual_rows: rows of each run, on average; ``None`` if it was not run.
        loops: how often it was run.
        seconds: from the beginning to the last row, of each run, on average.
        more: what else the plan says of it, by the words of EXPLAIN: ``Filter``, ``Sort Method``, …
        children: the steps it gets its rows from.
    """

    type: str
    relation: str | None = None
    alias: str | None = None
    index: str | None = None
    cost: float | None = None
    rows: float | None = None
    width: int | None = None
    actual_rows: float | None = None
    loops: float | None = None
    seconds: float | None = None
    more: dict[str, Any] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)

    @property
    def title(self) -> str:
        """``Seq Scan on users``."""
        using = f" using {self.index}" if self.index else ""
        return f"{self.type}{using}{f' on {self.relation}' if self.relation else ''}"

    def walk(self) -> Iterator[Node]:
        """This step and all below it, each before those it gets its rows from."""
        yield self
        for child in self.children:
            yield from child.walk()

    def steps(self, type_: str) -> list[Node]:
        """The steps whose type has these words in it."""
        return [node for node in self.walk() if type_ in node.type]


class Explained:
    """What both forms of a plan have."""

    root: Node
    notes: list[str]

    def walk(self) -> Iterator[Node]:
        """All steps, each before those it gets its rows from."""
        return self.root.walk()

    def steps(self, type_: str) -> list[Node]:
        """The steps whose type has these words in it: ``plan.steps("Seq Scan")``."""
        return self.root.steps(type_)


class Plan(str, Explained):
    """A plan as text, which it prints as.

    Attributes:
        root: the same as a tree.
        notes: what stands out; the text ends with them.
    """

    __slots__ = ("notes", "root")

    def __new__(cls, lines: list[str], last: str | None = None) -> Plan:
        root = from_text(lines)
        notes = notes_on(root)
        ends = [] if last is None else [last]
        made = super().__new__(cls, "\n".join([*lines, *(f"Note: {note}" for note in notes), *ends]))
        made.root, made.notes = root, notes
        return made


class PlanTree(list[Any], Explained):
    """A plan as the list that ``FORMAT JSON`` gives.

    Attributes:
        root: the same as a tree of steps, with ``walk`` and ``steps``.
        notes: what stands out.
        planning_seconds, execution_seconds: as the server measured them; ``None`` if it did not.
    """

    def __init__(self, found: list[Any]) -> None:
        super().__init__(found)
        self.root = from_json(found[0]["Plan"])
        self.notes = notes_on(self.root)
        self.planning_seconds = _seconds(found[0].get("Planning Time"))
        self.execution_seconds = _seconds(found[0].get("Execution Time"))


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3


_FIELDS = frozenset(
    {
        *("Node Type", "Relation Name", "Alias", "Index Name", "Total Cost", "Plan Rows", "Plan Width"),
        *("Actual Rows", "Actual Loops", "Actual Total Time", "Plans"),
    }
)


def from_json(plan: Mapping[str, Any]) -> Node:
    """A step of ``FORMAT JSON``, with all below it."""
    ran = plan.get("Actual Loops") or None
    return Node(
        type=plan["Node Type"],
        relation=plan.get("Relation Name"),
        alias=plan.get("Alias"),
        index=plan.get("Index Name"),
        cost=plan.get("Total Cost"),
        rows=plan.get("Plan Rows"),
        width=plan.get("Plan Width"),
        actual_rows=plan.get("Actual Rows") if ran else None,
        loops=ran,
        seconds=_seconds(plan.get("Actual Total Time")) if ran else None,
        more={word: value for word, value in plan.items() if word not in _FIELDS},
        children=[from_json(child) for child in plan.get("Plans", ())],
    )


_NODE = re.compile(
    r"(?P<title>.*?)"
    r"(?:  \(cost=[\d.]+\.\.(?P<cost>[\d.]+) rows=(?P<rows>\d+) width=(?P<width>\d+)\))?"
    r"(?:  ?\(actual (?:time=[\d.]+\.\.(?P<time>[\d.]+) )?rows=(?P<actual>[\d.]+) loops=(?P<loops>\d+)\)"
    r"|  ?\(never executed\))?$"
)
_NAME = r'(?:"(?:[^"]|"")*"|[^\s."]+)'
_TITLE = re.compile(
    rf"(?P<type>.*?)(?: using (?P<index>{_NAME}))?(?: on (?:{_NAME}\.)?(?P<relation>{_NAME})(?: (?P<alias>{_NAME}))?)?$"
)


def from_text(lines: list[str]) -> Node:
    """The tree of a plan as text: arrows and indentation say what belongs to what."""
    root = _node(lines[0] if lines else "")
    path = [(-1, root)]
    for line in lines[1:]:
        words = line.lstrip()
        indent = len(line) - len(words)
        if words.startswith("->"):
            while path[-1][0] >= indent:
                path.pop()
            node = _node(words[2:].lstrip())
            path[-1][1].children.append(node)
            path.append((indent, node))
            continue
        while len(path) > 1 and path[-1][0] >= indent:
            path.pop()
        if indent:
            for name, value in _figures(words):
                path[-1][1].more.setdefault(name, value)
    return root


def _node(text: str) -> Node:
    found = _NODE.match(text)
    assert found is not None  # every part of it may be missing
    title = _TITLE.match(found["title"].strip())
    assert title is not None

    def number(name: str) -> float | None:
        return None if found[name] is None else float(found[name])

    width = number("width")
    relation, alias, index = title["relation"], title["alias"], title["index"]
    if title["type"] == "Bitmap Index Scan":  # the one step that is "on" an index
        relation, index = None, relation
    return Node(
        title["type"],
        _bare(relation),
        _bare(alias or relation),
        _bare(index),
        number("cost"),
        number("rows"),
        None if width is None else int(width),
        number("actual"),
        number("loops"),
        _seconds(number("time")),
    )


def _bare(name: str | None) -> str | None:
    if name is None or not name.startswith('"'):
        return name
    return name[1:-1].replace('""', '"')


def _figures(words: str) -> Iterator[tuple[str, Any]]:
    """What a line says of a step, by the words of the JSON form; several figures stand two spaces apart."""
    name, colon, value = words.partition(": ")
    if not colon:
        return
    if name in ("Sort Method", "Buckets", "Batches"):
        for part in words.split("  "):
            key, _, figure = part.partition(": ")
            if key in ("Disk", "Memory"):
                yield "Sort Space Type", key
                yield "Sort Space Used", _whole(figure)
            elif key == "Batches":
                yield "Hash Batches", _whole(figure)
            else:
                yield key, _whole(figure)
    else:
        yield name, _whole(value)


def _whole(text: str) -> Any:
    found = re.match(r"(\d+)(?:kB)?(?: \(originally \d+\))?$", text)
    return text if found is None else int(found[1])


def notes_on(root: Node) -> list[str]:
    """What stands out in a plan: rows misjudged, large tables read for few rows, and what did not fit into memory."""
    found = [note for node, cut in _with_limits(root, False) for note in _misjudged(node, cut)]
    for node in root.walk():
        found += [*_read_for_few(node), *_spilled(node)]
    return list(dict.fromkeys(found))


def _with_limits(node: Node, cut: bool) -> Iterator[tuple[Node, bool]]:
    """Each step, and whether one above it may have stopped asking for rows."""
    yield node, cut
    for child in node.children:
        yield from _with_limits(
            child, cut or node.type == "Limit" or "Semi" in str(node.more.get("Join Type", ""))
        )


def _misjudged(node: Node, cut: bool) -> Iterator[str]:
    expected, came = node.rows, node.actual_rows
    if expected is None or came is None or max(expected, came) < MANY:
        return
    factor = max(expected, came) / max(min(expected, came), 1)
    if factor >= WRONG_BY and not (cut and came < expected):
        table = f": ANALYZE {node.relation} brings its figures up to date" if node.relation else ""
        yield f"{node.title}: {expected:,.0f} rows were expected, {came:,.0f} came (x{factor:,.0f}){table}"


def _read_for_few(node: Node) -> Iterator[str]:
    condition = node.more.get("Filter")
    if "Seq Scan" not in node.type or condition is None:
        return
    removed = node.more.get("Rows Removed by Filter")
    if node.actual_rows is not None:
        kept, read = node.actual_rows, node.actual_rows + (removed or 0)
        about = ""
    elif node.cost is not None and node.rows is not None and node.loops is None:
        kept, read, about = node.rows, node.cost / SEQ_ROW_COST, "about "
    else:
        return
    if read < LARGE or kept > read * FEW:
        return
    names = columns_of(str(condition))
    would = f"; an index on ({', '.join(names)}) would find them" if names else ""
    rows = "row" if kept == 1 else "rows"
    yield f"{node.title}: {about}{read:,.0f} rows are read for {kept:,.0f} {rows} with {condition}{would}"


def _spilled(node: Node) -> Iterator[str]:
    more = node.more
    if more.get("Sort Space Type") == "Disk":
        size = amount(more["Sort Space Used"] * 1024)
        yield f"{node.title}: {size} did not fit into work_mem and were sorted on disk"
    elif (more.get("Hash Batches") or 1) > 1:
        yield f"{node.title}: the hash table did not fit into work_mem and was cut into {more['Hash Batches']} parts"
    elif more.get("Disk Usage"):
        yield f"{node.title}: {amount(more['Disk Usage'] * 1024)} did not fit into work_mem and went to disk"


_COMPARED = re.compile(
    r'\(?(?:\w+\.)?(?P<name>"(?:[^"]|"")+"|[a-z_]\w*)\)?(?:::[a-z ]+(?:\(\d+\))?)?\)? (?P<op>=|<=|>=|<|>) (?!.* OR )'
)
_FLAG = re.compile(r"(?:NOT )?(?:\w+\.)?([a-z_]\w*)$")


def columns_of(condition: str) -> list[str]:
    """The columns that an index for a condition would have: those compared for equality, then one that is compared by
    its order; none where the condition is of another kind.
    """
    equal: list[str] = []
    ordered: list[str] = []
    for part in _parts(condition):
        flag = _FLAG.match(part)
        found = None if flag else _COMPARED.match(part)
        if flag is not None:
            equal.append(flag[1])
        elif found is not None:
            (equal if found["op"] == "=" else ordered).append(found["name"])
    return list(dict.fromkeys([*equal[:3], *ordered[:1]]))


def _parts(condition: str) -> list[str]:
    """What a condition consists of, joined by AND; one with OR has no parts."""
    text = _unwrapped(condition)
    parts, depth, start = [], 0, 0
    quoted = ""
    for position, letter in enumerate(text):
        if quoted:
            quoted = "" if letter == quoted else quoted
        elif letter in "'\"":
            quoted = letter
        elif letter in "([":
            depth += 1
        elif letter in ")]":
            depth -= 1
        elif depth == 0 and text.startswith(" OR ", position):
            return []
        elif depth == 0 and text.startswith(" AND ", position):
            parts.append(text[start:position])
            start = position + 5
    return [_unwrapped(part) for part in [*parts, text[start:]]]


def _unwrapped(text: str) -> str:
    """The text without parentheses around all of it."""
    while text.startswith("(") and text.endswith(")"):
        depth = 0
        for position, letter in enumerate(text):
            depth += (letter == "(") - (letter == ")")
            if depth == 0 and position < len(text) - 1:
                return text
        text = text[1:-1]
    return text


__all__ = ["Explained", "Node", "Plan", "PlanTree", "columns_of", "from_json", "from_text", "notes_on"]
