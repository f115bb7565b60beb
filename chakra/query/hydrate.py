"""Rows become instances, dicts or tuples through code generated once per statement shape.

A generated loader unpacks a row straight into the slots of a new instance: 10,000 rows of seven columns take
0.7 ms with the cyclic collector held back and 1.4 ms with it running, where ``__dict__.update`` takes more than
6 ms (docs/decisions/0005-instance-layout.md). Loaders take any iterable of row sequences, so columns zipped
together serve as well as records.

A row that many others of the result stand beside (the author of several posts) is made once for all of them, and
found again by its primary key.
"""

from __future__ import annotations

import gc
from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ref

from chakra._late import late
from chakra.errors import FieldError
from chakra.query.state import Fetch, RowState

if TYPE_CHECKING:
    from chakra.debug.nplusone import Origin, watch
    from chakra.sql import Compiled, Output, RowPlan
else:
    late(globals(), "chakra.debug.nplusone", "Origin watch")


Loader: TypeAlias = "Callable[[Iterable[Any], RowState], list[Any]]"
Grouper: TypeAlias = "Callable[[Iterable[Any], RowState, dict[Any, Any]], list[Any]]"

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
            found = _Instances(compiled.plan).function()
        else:
            outputs = compiled.statement.outputs
            found = _plain(outputs[: len(outputs) - compiled.keys], compiled.result)
        compiled.loader = found
    return found


def grouper(compiled: Compiled, owner: tuple[str, ...], many: bool) -> Grouper:
    """Return what makes instances of the statement's rows and puts them where they belong: into the lists of
    ``held[key]``, or there themselves if there is one for each key.

    Args:
        owner: the attributes that hold the key; or the last annotations, which the instances do not get.
        many: whether several rows may have one key.
    """
    found: Grouper | None = compiled.groupers.get((owner, many))
    if found is None:
        assert compiled.plan is not None
        found = compiled.groupers[owner, many] = _Instances(compiled.plan, owner, many).function()
    return found


def hydrate(count: int, load: Callable[..., list[Any]], rows: Any, *more: Any) -> list[Any]:
    """Run a loader over ``count`` rows, holding the cyclic collector back where there are many.

    A list of rows is empty afterwards. Records are counted by the collector like instances: where they have gone
    before it counts again, it does not set out at once to walk over everything that was made here.
    """
    if count < HOLD_COLLECTOR_FROM or not gc.isenabled():
        return load(rows, *more)
    gc.disable()
    try:
        made = load(rows, *more)
        if rows.__class__ is list:
            rows.clear()
        return made
    finally:
        gc.enable()


def joined(rows: list[Any], compiled: Compiled, mode: str | None, path: str = "") -> list[Any]:
    """Let rows of one result, and those loaded along, know how relations of theirs are loaded, and each other.

    Args:
        mode: what the query said; ``None`` = nothing, what the settings say.
        path: from the rows of the query that was asked to these, with ``__`` behind it.
    """
    if compiled.plan is None or not rows or (not watch.on and mode in (None, "one")):
        return rows
    if mode is not None:
        _join(rows, compiled.plan, mode, path, None)
    elif watch.mode == "peers":
        _join(rows, compiled.plan, "peers", path, None)
    else:
        _join(rows, compiled.plan, "one", path, Origin(compiled.statement.sql))
    return rows


def joined_raw(rows: list[Any], sql: str) -> list[Any]:
    """The same for rows of a statement of the caller's own, each of which has a state for itself."""
    if watch.on and rows:
        peers = watch.mode == "peers"
        fetch = Fetch("peers" if peers else "one", "", [ref(row) for row in rows] if peers else [])
        fetch.count = len(rows)
        if not peers:
            fetch.origin = Origin(sql, raw=True)
        for row in rows:
            row._state.fetch = fetch
    return rows


def _join(rows: list[Any], plan: RowPlan, mode: str, path: str, origin: Origin | None) -> None:
    if not rows:
        return
    state: RowState = rows[0]._state
    fetch = state.fetch = Fetch(mode, path, [ref(row) for row in rows] if mode == "peers" else [])
    fetch.origin, fetch.count = origin, len(rows)
    for place, (name, child) in enumerate(plan.related):
        behind = {id(partner): partner for row in rows if (partner := row._along[place]) is not None}
        _join([*behind.values()], child, mode, f"{path}{name}__", origin)


def places(plan: RowPlan) -> dict[str, int]:
    """Where the values that are loaded along stand in the tuple of an instance: relations, annotations, and the
    instance it was loaded with.
    """
    names = [*(name for name, _ in plan.related), *plan.extras]
    if plan.back is not None:
        names.append(plan.back)
    return {name: place for place, name in enumerate(names)}


def _width(plan: RowPlan) -> int:
    return len(plan.columns) + sum(_width(child) for _, child in plan.related)


class _Source:
    """Lines of a function being generated, with the objects it refers to."""

    def __init__(self) -> None:
        self.head: list[str] = []
        self.body: list[str] = []
        self.names: dict[str, Any] = {"new": object.__new__}

    def before(self, line: str) -> None:
        """A line that runs once, before all rows."""
        self.head.append("    " + line)

    def add(self, depth: int, line: str) -> None:
        """A line that runs for each row."""
        self.body.append("    " * depth + line)

    def name(self, prefix: str, value: Any) -> str:
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def made(self, *lines: str) -> Callable[..., list[Any]]:
        exec("\n".join(lines), self.names)
        return self.names["load"]  # type: ignore[no-any-return]


class _Instances(_Source):
    """The loader of a plan for instances; column ``i`` of a row is the variable ``c<i>``, if it is not stored at once.

    Args:
        plan: of the rows.
        owner, many: of a ``grouper``.
    """

    def __init__(self, plan: RowPlan, owner: tuple[str, ...] = (), many: bool = False) -> None:
        super().__init__()
        self.width = _width(plan)
        self.count = self.width + len(plan.extras)
        self.many = many
        self.key: tuple[int, ...] = ()
        if owner and plan.extras[-len(owner) :] == owner:
            self.key = tuple(range(self.count - len(owner), self.count))
            kept = -len(owner)
            plan = plan._replace(extras=plan.extras[:kept], loads=plan.loads[:kept])
        elif owner:
            found = {column.attribute: place for place, column in enumerate(plan.columns)}
            self.key = tuple(found[name] for name in owner)
        self.plan = plan

    def function(self) -> Callable[..., list[Any]]:
        plan = self.plan
        # Partners over a table between stand beside several rows. What is computed may depend on which.
        identity = (
            _identity(plan) if self.many and not plan.extras and self.key[:1] == (self.width,) else None
        )
        targets = [f"c{i}" for i in range(self.count)]
        if plan.related or plan.extras:
            self.before(f"state.places = {self.name('places', places(plan))}")
        if identity is None:
            self.add(2, f"o = new({self.name('cls', plan.table.row_class)})")
            for position, column in enumerate(plan.columns):
                if column.load is None and position not in self.key:
                    targets[position] = f"o.{SLOT}{column.attribute}"
            self.add(2, f"({', '.join(targets)},) = row")
            self._fill(plan, "o", 2, "state", targets)
            self.add(2, "append(o)")
            row = "row"
        else:
            self.before("seen = {}")
            self.before("known = seen.get")
            row = f"({', '.join(targets)},)"
            self.add(2, f"o = known({identity})")
            self.add(2, "if o is None:")
            self.add(3, f"o = seen[{identity}] = new({self.name('cls', plan.table.row_class)})")
            self._fill(plan, "o", 3, "state", targets)
            self.add(3, "append(o)")
        parameters = "rows, state"
        if self.key:
            parameters += ", held"
            parts = [self._value(plan, place) if place < self.width else f"c{place}" for place in self.key]
            key = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
            self.add(2, f"held[{key}].append(o)" if self.many else f"held[{key}] = o")
        return self.made(
            f"def load({parameters}):",
            *self.head,
            "    out = []",
            "    append = out.append",
            f"    for {row} in rows:",
            *self.body,
            "    return out",
        )

    def _extra(self, position: int, load: Callable[[Any], Any] | None) -> str:
        value = f"c{self.width + position}"
        return value if load is None else f"{self.name('load_', load)}({value})"

    def _value(self, plan: RowPlan, position: int) -> str:
        load = plan.columns[position - plan.start].load
        return f"c{position}" if load is None else f"{self.name('load_', load)}(c{position})"

    def _fill(
        self,
        plan: RowPlan,
        variable: str,
        depth: int,
        state: str,
        stored: Sequence[str] = (),
        of: str = "",
    ) -> None:
        """Write the lines that fill a new instance, those it is loaded with included.

        Args:
            state: variable of the state that the instance shares with those of other rows.
            stored: what the columns of the row were unpacked into, where some of it are slots.
            of: variable of the instance it is loaded with.
        """
        for position, column in enumerate(plan.columns, plan.start):
            slot = f"{variable}.{SLOT}{column.attribute}"
            if slot not in stored:
                self.add(depth, f"{slot} = {self._value(plan, position)}")
        self.add(depth, f"{variable}._state = {state}")
        if not plan.related and not plan.extras and plan.back is None:
            return
        if len(plan.related) == 1 and not plan.extras and plan.back is None:
            along = self._partner(plan, 0, variable, depth, state, alone=True)
        else:
            parts = [
                self._partner(plan, place, variable, depth, state, alone=False)
                for place in range(len(plan.related))
            ]
            parts += [self._extra(position, load) for position, load in enumerate(plan.loads)]
            parts += [of] if plan.back is not None else []
            along = f"({', '.join(parts)},)"
        self.add(depth, f"{variable}._along = {along}")

    def _partner(self, plan: RowPlan, place: int, of: str, depth: int, state: str, alone: bool) -> str:
        """Write the lines that make the instance behind a relation, or find it where it was made for another row;
        return the variable that holds it, or ``alone`` its tuple.

        Args:
            of: variable of the instance it is behind.
            alone: whether it is all that is loaded along: then the tuple with it is made for all its rows, too.
        """
        name, child = plan.related[place]
        variable = f"{of}_{place}"
        shared = f"s_{variable}"
        self.before(f"{shared} = {state}.along({self.name('places', places(child))})")
        found, value = (f"a_{variable}", "({},)") if alone else (variable, "{}")
        if child.joined_by is not None:
            # A row of the LEFT JOIN without partner has NULL in what the partner is joined by.
            self.add(depth, f"if c{child.joined_by} is None:")
            self.add(depth + 1, f"{found} = {value.format(None)}")
            self.add(depth, "else:")
            depth += 1
        identity = _identity(child) if _several(plan, name) else None
        kept = found
        if identity is not None:
            self.before(f"seen_{variable} = {{}}")
            self.before(f"known_{variable} = seen_{variable}.get")
            self.add(depth, f"{found} = known_{variable}({identity})")
            self.add(depth, f"if {found} is None:")
            depth += 1
            kept += f" = seen_{variable}[{identity}]"
        self.add(depth, f"{variable} = new({self.name('cls', child.table.row_class)})")
        self._fill(child, variable, depth, shared, of=of)
        if kept != variable:
            self.add(depth, f"{kept} = {value.format(variable)}")
        return found


def _several(plan: RowPlan, name: str) -> bool:
    """Whether several rows of a table may have the same partner behind a relation to one."""
    relation = plan.table.relations[name]
    return relation.forward and not (relation.key is not None and plan.table.is_unique(relation.key))


def _identity(plan: RowPlan) -> str | None:
    """The primary key of a row as an expression, if it can be looked up by it."""
    found = [
        (f"c{position}", column)
        for position, column in enumerate(plan.columns, plan.start)
        if column.attribute in plan.table.primary_key
    ]
    if not found or len(found) < len(plan.table.primary_key):
        return None
    if any(c.type.python is object or c.type.python.__hash__ is None for _, c in found):
        return None
    variables = [variable for variable, _ in found]
    return variables[0] if len(variables) == 1 else f"({', '.join(variables)})"


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
    unpacked = f"({', '.join(names)},)" if names else "_"
    found: Loader = source.made("def load(rows, state):", f"    return [{made} for {unpacked} in rows]")
    return found


__all__ = [
    "HOLD_COLLECTOR_FROM",
    "SLOT",
    "Grouper",
    "Loader",
    "grouper",
    "hydrate",
    "joined",
    "joined_raw",
    "loader",
]
