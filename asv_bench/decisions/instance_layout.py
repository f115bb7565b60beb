"""Times and weighs six ways to lay out a row object; the numbers of docs/decisions/0005-instance-layout.md.

Needs nothing but Python: ``python asv_bench/decisions/instance_layout.py``.
"""

from __future__ import annotations

import gc
import operator
import platform
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

NAMES = ("id", "name", "email", "age", "is_active", "score", "created_at")
ROWS = [(i, f"n{i}", f"e{i}@x", i % 90, True, 1.5, None) for i in range(10_000)]
ROUNDS = 15
ACCESSES = 200_000


def track(name: str) -> Callable[[Any, Any], None]:
    """A setter that stores past itself and notes the change."""
    slot = f"_v_{name}"

    def set_value(self: Any, value: Any) -> None:
        setattr(self, slot, value)
        if self._changed is None:
            self._changed = {name}
        else:
            self._changed.add(name)

    return set_value


def property_over_slots() -> tuple[type, type]:
    """Slots for the values, a ``property`` with a C getter in front of each."""
    base = type("Base", (), {"__slots__": ("_changed", *(f"_v_{n}" for n in NAMES))})
    body: dict[str, Any] = {n: property(operator.attrgetter(f"_v_{n}"), track(n)) for n in NAMES}
    cls = type("Row", (base,), {"__slots__": (), **body})
    return cls, cls


def slots_and_class_swap() -> tuple[type, type]:
    """Plain slots; a ``__setattr__`` that tracks changes belongs to a class put on when the object is complete."""
    base = type("Base", (), {"__slots__": ("_changed", *NAMES)})

    def set_any(self: Any, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if self._changed is None:
            object.__setattr__(self, "_changed", {name})
        else:
            self._changed.add(name)

    bare = type("Bare", (base,), {"__slots__": ()})
    return type("Row", (base,), {"__slots__": (), "__setattr__": set_any}), bare


def plain_slots() -> tuple[type, type]:
    """Plain slots, no tracking: the floor, and no expressions on the class."""
    cls = type("Row", (), {"__slots__": ("_changed", *NAMES)})
    return cls, cls


class Descriptor:
    """What stands on the class for expressions; instances find their own value first."""

    def __get__(self, instance: Any, owner: Any = None) -> Descriptor:
        return self


def dict_behind_descriptors() -> tuple[type, type]:
    """A ``__dict__``, with descriptors on the class that instances shadow; no tracking."""
    cls = type("Row", (), {n: Descriptor() for n in NAMES})
    return cls, cls


def loader(cls: type, bare: type, prefix: str = "") -> Callable[[list[Any]], list[Any]]:
    """The loop that ``chakra.query.hydrate`` generates, for one layout."""
    targets = ", ".join(f"o.{prefix}{n}" for n in NAMES)
    swap = "        o.__class__ = cls\n" if cls is not bare else ""
    source = (
        "def load(rows):\n    out = []\n    append = out.append\n    for row in rows:\n        o = new(bare)\n"
        f"        {targets} = row\n        o._changed = None\n{swap}        append(o)\n    return out\n"
    )
    names: dict[str, Any] = {"new": object.__new__, "bare": bare, "cls": cls}
    exec(source, names)
    made: Callable[[list[Any]], list[Any]] = names["load"]
    return made


def updating(cls: type) -> Callable[[list[Any]], list[Any]]:
    """The obvious loop: ``__dict__.update(zip(names, row))``."""

    def load(rows: list[Any]) -> list[Any]:
        out = []
        for row in rows:
            made = cls()
            made.__dict__.update(zip(NAMES, row, strict=True))
            made._changed = None  # type: ignore[attr-defined]
            out.append(made)
        return out

    return load


def best(run: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """The shortest of several runs, in seconds."""
    shortest = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        kept = run()
        shortest = min(shortest, time.perf_counter() - start)
        del kept
    return shortest


def weigh(load: Callable[[list[Any]], list[Any]]) -> float:
    """Bytes an object, values not counted."""
    tracemalloc.start()
    kept = load(ROWS)
    size = tracemalloc.get_traced_memory()[0] / len(kept)
    tracemalloc.stop()
    return size


def access(statement: str, row: Any) -> float:
    """Nanoseconds of one statement, the loop around it taken off."""
    names: dict[str, Any] = {"o": row}
    loop = f"for i in range({ACCESSES // 10}):"
    body = f"    {statement}\n" * 10
    exec(f"def run():\n  {loop}\n{body}\ndef empty():\n  {loop} pass", names)
    return (best(names["run"], 7) - best(names["empty"], 7)) / ACCESSES * 1e9


def main() -> None:
    """Print one line a layout: times with the collector on and held back, weight, access times."""
    layouts: list[tuple[str, Callable[[list[Any]], list[Any]]]] = [
        ("property over slots", loader(*property_over_slots(), prefix="_v_")),
        ("slots, class swap", loader(*slots_and_class_swap())),
        ("slots, no tracking", loader(*plain_slots())),
        ("dict, descriptors", loader(*dict_behind_descriptors())),
        ("__dict__.update", updating(dict_behind_descriptors()[0])),
    ]
    print(f"Python {platform.python_version()}, {len(ROWS)} rows of {len(NAMES)} columns")
    print(f"{'layout':22}{'collector on':>13}{'held back':>11}{'object':>8}{'read':>8}{'set':>8}")
    for name, load in layouts:
        running = best(lambda load=load: load(ROWS))  # type: ignore[misc]
        gc.disable()
        held = best(lambda load=load: load(ROWS))  # type: ignore[misc]
        gc.enable()
        row = load(ROWS[:1])[0]
        print(
            f"{name:22}{running * 1e3:10.2f} ms{held * 1e3:8.2f} ms{weigh(load):6.0f} B"
            f"{access('o.age', row):5.0f} ns{access('o.age = i', row):5.0f} ns"
        )


if __name__ == "__main__":
    main()
