"""Imports only go down: every import of every file, against the table in rules.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.rules import (
    LAZY,
    MAY_IMPORT,
    THIRD_PARTY,
    THIRD_PARTY_LAZY,
    TYPE_ONLY,
    Exemption,
    Import,
    files,
    imports,
    is_ours,
    is_standard,
    layer,
    module_name,
    within,
)

MODULES = pytest.mark.parametrize("path", files(), ids=module_name)


@MODULES
def test_layers(path: Path) -> None:
    wrong = [str(each) for each in imports(path) if is_ours(each.target) and not allowed(each)]
    assert not wrong, "\n".join(wrong)


def allowed(each: Import) -> bool:
    here, there = layer(each.module), layer(each.target)
    if here == there or there in MAY_IMPORT[here] or (each.typing and (here, there) in TYPE_ONLY):
        return True
    return each.lazy and is_listed(each, LAZY)


def is_listed(each: Import, exemptions: tuple[Exemption, ...]) -> bool:
    return any(
        (each.module == e.module or (e.module != "chakra" and within(each.module, e.module)))
        and within(each.target, e.imports)
        for e in exemptions
    )


@MODULES
def test_imports_inside_functions_are_listed(path: Path) -> None:
    """A lazy import hides a cycle or a slow start: each one is in the list, with its reason."""
    wrong = [
        str(each)
        for each in imports(path)
        if each.lazy
        and layer(each.module) != "cli"  # a command loads what it needs when it is called
        and not is_standard(each.target)
        and not is_listed(each, LAZY + THIRD_PARTY_LAZY)
    ]
    assert not wrong, "\n".join(wrong)


@MODULES
def test_third_parties(path: Path) -> None:
    wrong = []
    for each in imports(path):
        if each.typing or is_ours(each.target) or is_standard(each.target):
            continue
        name = each.target.split(".")[0]
        if name in THIRD_PARTY.get(layer(each.module), ()):
            continue
        if not is_listed(each, THIRD_PARTY_LAZY):
            wrong.append(str(each))
    assert not wrong, "\n".join(wrong)


def test_every_exemption_is_used() -> None:
    every = [each for path in files() for each in imports(path)]
    for e in (*LAZY, *THIRD_PARTY_LAZY):
        assert any(is_listed(each, (e,)) for each in every), (
            f"{e.module} no longer imports {e.imports}: take the line out of rules.py"
        )


def test_the_table_has_no_cycle() -> None:
    done: set[str] = set()
    while len(done) < len(MAY_IMPORT):
        ready = {name for name, below in MAY_IMPORT.items() if name not in done and below <= done}
        assert ready, f"a cycle among {sorted(set(MAY_IMPORT) - done)}"
        done |= ready


def test_no_circle_inside_a_package() -> None:
    """Imports inside functions and under TYPE_CHECKING count: what needs a type of a module stands above it."""
    circles = circles_among({module_name(path): imported(path) for path in files()})
    assert not circles, "\n".join("a circle of imports: " + ", ".join(circle) for circle in circles)


def imported(path: Path) -> set[str]:
    return {each.target for each in imports(path) if is_ours(each.target)} - {module_name(path)}


def circles_among(graph: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module, by Tarjan's algorithm."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    circles = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        path.append(module)
        for target in sorted(graph.get(module, ())):
            if target not in number:
                visit(target)
            if target in path:
                lowest[module] = min(lowest[module], lowest[target])
        if lowest[module] == number[module]:
            at = path.index(module)
            if len(path) - at > 1:
                circles.append(sorted(path[at:]))
            del path[at:]

    for module in sorted(graph):
        if module not in number:
            visit(module)
    return circles


def test_circles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"f"}, "f": {"d"}, "g": {"a", "f"}}
    assert circles_among(graph) == [["d", "e", "f"], ["a", "b", "c"]]
    assert circles_among({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_every_package_has_a_row() -> None:
    assert {layer(module_name(path)) for path in files()} <= set(MAY_IMPORT)
