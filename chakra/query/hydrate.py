"""Rows become instances, dicts or tuples through code generated once per statement shape.

A generated loader unpacks a row straight into the slots of a new instance: 10,000 rows of seven columns take
0.7 ms with the cyclic collector held back and 1.4 ms with it running, where ``__dict__.update`` takes more than
6 ms (docs/decisions/0005-instance-layout.md). Loaders take any iterable of row sequences, so columns zipped
together serve as well as records.
"""

from __future__ import annotations

import gc
from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from chakra.errors import FieldError
from chakra.query.state import RowState
from chakra.sql import Compiled, Output, RowPlan

Loader: TypeAlias = "Callable[[Iterable[Any], RowState], list[Any]]"

SLOT = "_v_"
"""Prefix of the slots that hold column values."""

HOLD_COLLECTOR_FROM = 500
"""Rows from which the cyclic collector is held back while instances are made: it would walk all of them several
times and find nothing, which is a third of the time."""


def loader(compiled: Compiled) -> Loader:
    """Return what makes objects of the statement's rows."""
    found: Loader | None = compiled.loader
    if found is None:
        if compiled.plan is not None:
            found = _instances(compiled.plan)
        else:
            found = _plain(compiled.statement.outputs, compiled.result)
        compiled.loader = found
    return found


def hydrate(load: Loader, rows: Iterable[Any], state: RowState, count: int) -> list[Any]:
    """Run a loader over ``count`` rows, holding the cyclic collector back where there are many."""
    if count < HOLD_COLLECTOR_FROM or not gc.isenabled():
        return load(rows, state)
    gc.disable()
    try:
        return load(rows, state)
    finally:
        gc.enable()


class _Source:
    """Lines of a function being generated, with the objects it refers to."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"new": object.__new__}

    def add(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    def name(self, prefix: str, value: Any) -> str:
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def function(self) -> Loader:
        exec("\n".join(self.lines), self.names)
        return self.names["load"]  # type: ignore[no-any-return]


def _instances(plan: RowPlan) -> Loader:
    source = _Source()
    source.add(0, "def load(rows, state):")
    body = _Source()
    body.names = source.names
    if not plan.related and not plan.extras and not any(c.load for c in plan.columns):
        cls = source.name("cls", plan.table.row_class)
        targets = ", ".join(f"o.{SLOT}{c.attribute}" for c in plan.columns)
        body.add(2, f"o = new({cls})")
        body.add(2, f"({targets},) = row")
        body.add(2, "o._state = state")
    else:
        width = _width(plan)
        names = [f"c{i}" for i in range(width + len(plan.extras))]
        body.add(2, f"({', '.join(names)},) = row")
        if plan.related or plan.extras:
            source.add(1, f"state.places = {source.name('places', places(plan))}")
        _build(body, source, plan, "o", 2, "state", width)
    source.add(1, "out = []")
    source.add(1, "append = out.append")
    source.add(1, "for row in rows:")
    source.lines += body.lines
    source.add(2, "append(o)")
    source.add(1, "return out")
    return source.function()


def places(plan: RowPlan) -> dict[str, int]:
    """Where the values that are loaded along stand in the tuple of an instance: relations, then annotations."""
    return {name: place for place, name in enumerate((*(name for name, _ in plan.related), *plan.extras))}


def _width(plan: RowPlan) -> int:
    return len(plan.columns) + sum(_width(child) for _, child in plan.related)


def _build(
    body: _Source, head: _Source, plan: RowPlan, variable: str, depth: int, state: str, width: int
) -> None:
    """Write the lines that make one instance, its related ones included, out of the unpacked columns.

    Args:
        body: gets the lines for each row.
        head: gets those that stand before all rows: the states that related instances share.
        state: variable of the state that the instance shares with those of other rows.
    """
    cls = head.name("cls", plan.table.row_class)
    body.add(depth, f"{variable} = new({cls})")
    for offset, column in enumerate(plan.columns):
        value = f"c{plan.start + offset}"
        if column.load is not None:
            value = f"{head.name('load_', column.load)}({value})"
        body.add(depth, f"{variable}.{SLOT}{column.attribute} = {value}")
    body.add(depth, f"{variable}._state = {state}")
    if not plan.related and not plan.extras:
        return
    along: list[str] = []
    for position, (_, child) in enumerate(plan.related):
        inner = f"{variable}_{position}"
        shared = f"s_{inner}"
        held = f"{state}.along({head.name('places', places(child))})"
        head.add(1, f"{shared} = {held}")
        if child.joined_by is not None:
            # A row of the LEFT JOIN without partner has NULL in what the partner is joined by.
            body.add(depth, f"if c{child.joined_by} is None:")
            body.add(depth + 1, f"{inner} = None")
            body.add(depth, "else:")
            _build(body, head, child, inner, depth + 1, shared, width)
        else:
            _build(body, head, child, inner, depth, shared, width)
        along.append(inner)
    along += [f"c{width + position}" for position in range(len(plan.extras))]
    body.add(depth, f"{variable}._along = ({', '.join(along)},)")


def _plain(outputs: Sequence[Output], style: str) -> Loader:
    source = _Source()
    names = [f"c{i}" for i in range(len(outputs))]
    values = [
        name if output.load is None else f"{source.name('load_', output.load)}({name})"
        for name, output in zip(names, outputs, strict=True)
    ]
    if style == "dict":
        made = "{" + ", ".join(f"{o.name!r}: {v}" for o, v in zip(outputs, values, strict=True)) + "}"
    elif style == "flat":
        made = values[0]
    elif style == "tuple":
        made = f"({', '.join(values)},)" if values else "()"
    else:
        try:
            row = namedtuple("Row", [o.name for o in outputs])  # type: ignore[misc]
        except ValueError as error:  # a column that no attribute can be called
            raise FieldError(
                f"values_list(named=True): {error}; use values() or plain values_list()"
            ) from None
        made = f"{source.name('row', row)}({', '.join(values)})"
    source.add(0, "def load(rows, state):")
    unpacked = f"({', '.join(names)},)" if names else "_"
    source.add(1, f"return [{made} for {unpacked} in rows]")
    return source.function()


__all__ = ["HOLD_COLLECTOR_FROM", "SLOT", "Loader", "hydrate", "loader"]
