"""Names that are loaded by their first use: they say what the imports beside them say, and are used as they may be."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.architecture.rules import MAY_IMPORT, files, imports, is_guard, is_ours, layer, module_name

Names = dict[str, tuple[str, str]]
"""By the name in a module: where it comes from, and what it is called there."""


def guards(tree: ast.Module) -> Iterator[ast.If]:
    return (node for node in tree.body if isinstance(node, ast.If) and is_guard(node))


def typed(tree: ast.Module) -> Names:
    """What is imported under ``if TYPE_CHECKING``."""
    found: Names = {}
    for guard in guards(tree):
        for node in guard.body:
            if isinstance(node, ast.ImportFrom):
                found |= {each.asname or each.name: (node.module or "", each.name) for each in node.names}
    return found


def calls(tree: ast.Module, name: str) -> Iterator[ast.Call]:
    for guard in guards(tree):
        for node in (each for statement in guard.orelse for each in ast.walk(statement)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (name, f"_late.{name}"):
                yield node


def split(module: str, names: str) -> Names:
    pairs = [each.partition("=") for each in names.split()]
    return {name: (module, inner or name) for name, _, inner in pairs}


def late_names(tree: ast.Module) -> Names:
    found: Names = {}
    for call in calls(tree, "late"):
        found |= split(*map(ast.literal_eval, call.args[1:]))
    return found


class Uses(ast.NodeVisitor):
    """Uses of the names of a module when it runs: those that load what is late, and others."""

    def __init__(self) -> None:
        self.fit: set[str] = set()
        self.other: dict[str, int] = {}
        self.depth = 0
        self.local: list[set[str]] = []

    def use(self, name: str, line: int, fits: bool = False) -> None:
        if any(name in names for names in self.local):
            return
        if fits and self.depth:
            self.fit.add(name)
        else:
            self.other[name] = line

    def place(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name):
            self.use(node.id, node.lineno, fits=True)
        else:
            self.visit(node)

    def visit_If(self, node: ast.If) -> None:
        for each in node.orelse if is_guard(node) else [node.test, *node.body, *node.orelse]:
            self.visit(each)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> None:
        self.use(node.id, node.lineno)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        (self.place if isinstance(node.ctx, ast.Load) else self.visit)(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.place(node.value)
        self.visit(node.slice)

    def visit_Compare(self, node: ast.Compare) -> None:
        self.visit(node.left)
        for sign, right in zip(node.ops, node.comparators, strict=True):
            (self.place if isinstance(sign, ast.In | ast.NotIn) else self.visit)(right)

    def visit_Call(self, node: ast.Call) -> None:
        self.place(node.func)
        arguments = list(node.args)
        if isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "issubclass"):
            kinds = arguments.pop()
            for kind in kinds.elts if isinstance(kinds, ast.Tuple) else [kinds]:
                self.place(kind)
        for each in (*arguments, *(keyword.value for keyword in node.keywords)):
            self.visit(each)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        given = node.args
        defaults = [each for each in (*given.defaults, *given.kw_defaults) if each is not None]
        for each in (*getattr(node, "decorator_list", ()), *defaults):
            self.visit(each)
        said = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        local = {each.arg for each in said if each is not None}
        body = node.body if isinstance(node.body, list) else [node.body]
        for each in body:
            local |= bound(each)
        self.local.append(local - {n for e in ast.walk(node) if isinstance(e, ast.Global) for n in e.names})
        self.depth += 1
        for each in body:
            self.visit(each)
        self.depth -= 1
        self.local.pop()

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef


def bound(node: ast.AST) -> set[str]:
    """Names that a statement of a function makes local ones."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Lambda):
        return set()
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return {node.id}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {each.asname or each.name.partition(".")[0] for each in node.names}
    return set().union(*map(bound, ast.iter_child_nodes(node)))


TREES = {path: ast.parse(path.read_text()) for path in files()}


def test_late_names_are_what_checkers_see() -> None:
    """The names beside ``late()`` and ``exported()`` are those of the imports above them, and they are there."""
    wrong = []
    for path, tree in TREES.items():
        said = typed(tree)
        names = late_names(tree)
        for call in calls(tree, "exported"):
            for module, names_of in ast.literal_eval(call.args[1]).items():
                names |= split(module, names_of)
        if list(calls(tree, "exported")) and path.parent.name != "chakra":
            names |= {name: home for name, home in said.items() if name not in names}  # all are offered
            wrong += [f"{path}: {n} is not offered" for n in said if n not in offered(tree)]
        wrong += [
            f"{path}: {n} is {h}, checkers see {said.get(n)}" for n, h in names.items() if said.get(n) != h
        ]
    assert not wrong, "\n".join(wrong)


def offered(tree: ast.Module) -> set[str]:
    tables = [ast.literal_eval(call.args[1]) for call in calls(tree, "exported")]
    return {name for table in tables for module, names in table.items() for name in split(module, names)}


def test_late_names_are_used_as_they_may_be() -> None:
    """A call, an attribute, a key, ``in`` and ``isinstance`` load what is late; nothing else may be done with it. And
    what only checkers see is used in annotations only.
    """
    wrong = []
    for path, tree in TREES.items():
        uses, names = Uses(), late_names(tree)
        uses.visit(tree)
        other = {name: line for name, line in uses.other.items() if name in names}
        wrong += [f"{path} line {line}: {name} needs an import of its own" for name, line in other.items()]
        wrong += [
            f"{path}: {name} is late and never used" for name in names if name not in uses.fit | {*other}
        ]
        for name in typed(tree):
            if name not in names and name in uses.fit | {*uses.other} and name not in assigned(tree):
                wrong.append(f"{path}: {name} is used when it runs, and is there for checkers only")
    assert not wrong, "\n".join(wrong)


def assigned(tree: ast.Module) -> set[str]:
    """Names that a module has besides: another branch, another import."""
    found: set[str] = set()
    for node in tree.body:
        for each in node.orelse if isinstance(node, ast.If) and is_guard(node) else [node]:
            found |= bound(each)
    return found


def test_late_names_lead_somewhere() -> None:
    """Each is there, and is nothing that is compared, counted with or read in order."""
    wrong = []
    for path, tree in TREES.items():
        for name, (module, inner) in late_names(tree).items():
            holder: Any = importlib.import_module(module)
            real = getattr(holder, inner, None) or importlib.import_module(f"{module}.{inner}")
            if real is None or isinstance(real, str | bytes | int | float | tuple | list):
                wrong.append(f"{path}: {name} is {real!r}")
    assert not wrong, "\n".join(wrong)


def test_late_names_keep_to_the_layers() -> None:
    """What is late runs, so that the exceptions for types do not hold for it."""
    where: dict[str, set[str]] = defaultdict(set)
    for path, tree in TREES.items():
        where[module_name(path)] = {home for home, _ in late_names(tree).values()}
    wrong = [
        str(each)
        for path in TREES
        if where[module_name(path)]
        for each in imports(path)
        if each.typing
        and is_ours(each.target)
        and any(each.target == home or each.target.startswith(f"{home}.") for home in where[each.module])
        and layer(each.target) not in MAY_IMPORT[layer(each.module)] | {layer(each.module)}
    ]
    assert not wrong, "\n".join(wrong)


START = """
from chakra import Field, ForeignKey, Model, connect, field, foreign_key

class Author(Model):
    id: Field[int] = field(primary_key=True)
    name: Field[str]

class Book(Model):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    author: ForeignKey[Author] = foreign_key(related_name="books")

books = Book.objects.filter(author__name="Ann").exclude(title="").order_by("-title")[:10]
"""
MOST = 76
"""Modules of Chakra that declaring models and saying a query load, 72 of them today; 333 once."""


def test_a_start_loads_little() -> None:
    """``import chakra`` loads two modules; a program that declares models no driver, no compiler and no conversions."""
    loaded = [each for each in loaded_by("import chakra") if is_ours(each)]
    assert sorted(loaded) == ["chakra", "chakra._late"]
    loaded = loaded_by(START)
    ours = [each for each in loaded if is_ours(each)]
    assert len(ours) <= MOST, "see docs/decisions/0047-first-import.md\n" + "\n".join(ours)
    never = (
        "asyncpg",
        "chakra.db.",
        "chakra.sql.render",
        "chakra.sql.scope",
        "chakra.pg.conversion",
        "chakra.config",
    )
    assert not [each for each in loaded if each.startswith(never)]


def loaded_by(code: str) -> list[str]:
    said = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def test_first_uses_put_the_real_one_in_place(tmp_path: Path, monkeypatch: Any) -> None:
    """Every kind of first use does; what somebody else put there stays; what cannot be loaded says so each time."""
    from chakra._late import Late, late

    uses = {
        "call": lambda names: names["real"](3) == "3",
        "attribute": lambda names: names["real"].__name__ == "shown",
        "instance": lambda names: not isinstance(3, names["Kind"]) and not issubclass(int, names["Kind"]),
        "table": lambda names: "a" in names["TABLE"],
        "key": lambda names: names["TABLE"]["a"] == 1,
        "module": lambda names: names["inside"].there == 2,
    }
    (tmp_path / "late_sample").mkdir()
    (tmp_path / "late_sample" / "__init__.py").write_text(
        "def shown(value): return str(value)\nclass Kind: ...\nTABLE = {'a': 1}\n"
    )
    (tmp_path / "late_sample" / "inside.py").write_text("there = 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for what, use in uses.items():
        names: dict[str, Any] = {}
        late(names, "late_sample", "real=shown Kind TABLE inside")
        assert use(names), what
        assert sum(type(each) is not Late for each in names.values()) == 1, what
    late(names, "late_sample", "Kind")
    stand_in, names["Kind"] = names["Kind"], int
    assert not isinstance(3, stand_in) and names["Kind"] is int
    late(names, "late_sample", "nothing")
    for _ in range(2):
        try:
            names["nothing"]()
        except AttributeError as error:
            assert "nothing" in str(error)
        else:
            raise AssertionError("it is not there")
    for name in [each for each in sys.modules if each.startswith("late_sample")]:
        del sys.modules[name]
