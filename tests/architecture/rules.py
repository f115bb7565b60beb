"""The table of the architecture page as data: who may import whom, and which third parties are used where."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "chakra"

GROUND = frozenset({"errors", "_late"})
FACTS = GROUND | {"pg"}
TREES = FACTS | {"schema", "expressions"}

MAY_IMPORT: dict[str, frozenset[str]] = {
    # level 0
    "_late": frozenset(),
    "errors": frozenset(),
    # level 1
    "pg": GROUND,
    "config": GROUND,
    # level 2
    "schema": FACTS,
    "expressions": FACTS,
    "columnar core": FACTS,
    # level 3
    "sql": TREES,
    "db": FACTS | {"config"},
    # level 4
    "columnar edge": TREES | {"columnar core", "sql", "db"},
    "debug": FACTS | {"db", "sql", "config"},
    "introspect": FACTS | {"schema", "db", "sql"},
    # level 5
    "query": TREES | {"sql", "db", "debug", "introspect"},
    # level 6
    "models": TREES | {"sql", "query", "db"},
    "functions": TREES,
    "types": FACTS | {"models", "schema"},
    # level 7
    "migrations": TREES | {"sql", "db", "config", "introspect"},
    "inspection": FACTS | {"schema", "sql", "db", "introspect", "migrations", "models", "types", "query"},
    "embedded": FACTS,
    "contrib": FACTS | {"debug", "db"},
    # the public face and what nothing imports
    "chakra": TREES | {"functions", "types", "config", "sql", "db", "debug", "query", "models"},
    "sync": FACTS | {"schema", "expressions", "sql", "db", "query", "models", "chakra"},
    "cli": FACTS
    | {
        "chakra",
        "types",
        "config",
        "db",
        "columnar edge",
        "columnar core",
        "embedded",
        "debug",
        "introspect",
        "inspection",
        "migrations",
        "models",
        "schema",
        "sql",
        "query",
    },
}

COLUMNAR_EDGE = frozenset(
    {"read", "write", "parallel", "snapshot", "staged", "staging", "staged_types", "opening", "write_facts"}
)
"""Modules (or subpackages) of chakra.columnar that do I/O; everything else in it is the core."""

THIRD_PARTY: dict[str, frozenset[str]] = {
    "db": frozenset({"asyncpg"}),
    "columnar core": frozenset({"numpy", "numba", "llvmlite", "pyarrow"}),
    "columnar edge": frozenset({"numpy", "pyarrow"}),
    "cli": frozenset({"click", "rich"}),
    "models": frozenset({"pydantic", "msgspec"}),  # of models/schemas, which is loaded by who asks for them
}


@dataclass(frozen=True)
class Exemption:
    """One module that may do what its package may not, and why."""

    module: str
    imports: str
    reason: str


TYPE_ONLY = (
    ("query", "columnar core"),
    ("query", "columnar edge"),
    ("models", "columnar core"),
    ("chakra", "columnar core"),
    ("sync", "columnar edge"),
)
"""Layers that name types of a layer they may not import, under ``if TYPE_CHECKING`` only."""

NEWER_STANDARD = frozenset({"annotationlib"})
"""Modules of the standard library that the oldest supported Python does not have (3.14)."""

LAZY: tuple[Exemption, ...] = (
    Exemption("chakra.db.coordination", "chakra.db.locks", "loaded by who takes locks"),
    Exemption("chakra.db.coordination", "chakra.db.listening", "loaded by who sends notes"),
    Exemption("chakra.db.database", "chakra.db.listening", "loaded by who listens"),
    Exemption("chakra.db.coordination", "chakra.db.retrying", "loaded by who runs blocks again"),
    Exemption("chakra.db.coordination", "chakra.db.gathering", "loaded by who runs several queries at once"),
    Exemption("chakra.query.columnar_rows", "chakra.columnar", "instances of large results out of columns"),
    Exemption("chakra.query.bulk", "chakra.columnar", "the one door from querysets to columns"),
    Exemption(
        "chakra.query.arbiters", "chakra.columnar", "what staged upserts know of indexes, for single ones"
    ),
    Exemption("chakra.query.bulk_columns", "chakra.columnar", "the same door, for writing columns"),
    Exemption("chakra.query.bulk_returning", "chakra.columnar", "parts of a result that are tables"),
    Exemption("chakra.query.bulk_write", "chakra.columnar", "the same door, for writing instances"),
    Exemption(
        "chakra.query.described", "chakra.columnar", "describes the columns of querysets for the same door"
    ),
    Exemption("chakra.query.files", "chakra.columnar", "the same door, for files"),
    Exemption("chakra.query.file_loads", "chakra.columnar", "the same door, for files that are loaded"),
    Exemption("chakra.query.loading", "chakra.columnar", "the types of a table made for a frame"),
    Exemption(
        "chakra.query.nested", "chakra.columnar", "describes the records of querysets for the same door"
    ),
    Exemption("chakra.query.raw", "chakra.columnar", "describes the columns of any SELECT for the same door"),
    Exemption(
        "chakra.columnar.kernels._jit", "chakra.columnar.kernels._cache", "only where kernels are compiled"
    ),
    Exemption(
        "chakra.columnar.kernels._jit", "chakra.columnar.kernels._compiler", "only where kernels are compiled"
    ),
    Exemption("chakra.columnar.warmup", "chakra.columnar.kernels._cache", "only where kernels are compiled"),
    Exemption(
        "chakra.columnar.sinks", "chakra.columnar.sinks", "a sink is loaded when its library is asked for"
    ),
    Exemption(
        "chakra.db.database", "chakra.db.measuring", "the classes of figures, for who asks for figures"
    ),
    Exemption(
        "chakra.models.conversions", "chakra.models.schemas", "classes of optional libraries, for who asks"
    ),
    Exemption("chakra.debug", "chakra.debug.profiler", "loaded by who profiles; querysets load the package"),
    Exemption("chakra.debug.profiler", "chakra.debug.auto_explain", "only where plans are asked for"),
    Exemption("chakra.debug.switches", "chakra.debug.telemetry", "only where OpenTelemetry is told"),
    Exemption("chakra", "chakra.debug.ipython", "only inside IPython"),
    Exemption("chakra.db.database", "chakra.db.replicas", "only where there are replicas"),
    Exemption("chakra", "chakra.db.database", "connect() without a URL looks for one"),
    Exemption("chakra", "chakra.embedded", "connect() looks at the URL first; most programs never need it"),
)
"""Imports inside functions, of a layer the module may not import at its top."""

THIRD_PARTY_LAZY: tuple[Exemption, ...] = (
    Exemption("chakra.cli.shell", "IPython", "only the shell needs it"),
    Exemption("chakra.cli.shell", "traitlets.config", "comes with IPython"),
    Exemption("chakra.cli.sql.rows", "pyarrow", "only where rows go into a file"),
    Exemption("chakra.db.coordination", "chakra.db.retrying", "loaded by who runs blocks again"),
    Exemption("chakra.db.coordination", "chakra.db.gathering", "loaded by who runs several queries at once"),
    Exemption("chakra.columnar.sinks", "polars", "optional library, asked for by to_polars"),
    Exemption("chakra.columnar.sinks", "pandas", "optional library, asked for by to_pandas"),
    Exemption("chakra.columnar.kernels._jit", "numba", "kernels that run uncompiled need no compiler"),
    Exemption("chakra.columnar.progress", "rich", "optional library, asked for by progress=True"),
    Exemption("chakra.debug.report", "polars", "optional library, asked for by to_polars"),
    Exemption("chakra.debug.report", "rich", "optional library, asked for by table"),
    Exemption("chakra.debug.telemetry", "opentelemetry", "optional library; loaded where it is asked for"),
    Exemption("chakra.debug.pytest_plugin", "pytest", "a plugin of pytest; nothing imports it"),
    Exemption("chakra.embedded.pytest_plugin", "asyncpg", "creates the test databases; nothing imports it"),
    Exemption("chakra.embedded.pytest_plugin", "pytest", "a plugin of pytest; nothing imports it"),
    Exemption("chakra.cli.demo", "matplotlib", "the picture of the demo"),
    Exemption("chakra.cli.demo", "asyncpg", "the demo times plain asyncpg beside Chakra"),
    Exemption("chakra.cli.demo", "pyarrow", "the demo reads CSV files and groups columns"),
    Exemption("chakra.cli.demo", "numpy", "the grid of the picture"),
    Exemption("chakra.cli.demo", "polars", "the demo groups columns"),
)


@dataclass(frozen=True)
class Import:
    """One import statement: ``module`` of ours imports ``target``."""

    module: str
    target: str
    line: int
    lazy: bool
    """Inside a function."""
    typing: bool
    """Under ``if TYPE_CHECKING``: never runs."""

    def __str__(self) -> str:
        return f"{self.module} line {self.line}: imports {self.target}" + " (inside a function)" * self.lazy


def is_guard(node: ast.AST) -> bool:
    """``if TYPE_CHECKING:``; what is behind its ``else`` holds no imports."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in (
        getattr(node.test, "id", ""),
        getattr(node.test, "attr", ""),
    )


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer(module: str) -> str:
    """The row of MAY_IMPORT a module of ours belongs to."""
    parts = module.split(".")
    if len(parts) == 1:
        return "chakra"
    if parts[1] == "columnar":
        return "columnar edge" if len(parts) > 2 and parts[2] in COLUMNAR_EDGE else "columnar core"
    return parts[1]


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Every import of a file; ``from chakra.x import y`` counts as ``chakra.x.y`` when that is a module."""
    module = module_name(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]

    def visit(node: ast.AST, lazy: bool, typing: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(module, alias.name, child.lineno, lazy, typing)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    parent = package.split(".")[: len(package.split(".")) - child.level + 1]
                    base = ".".join([*parent, base] if base else parent)
                for alias in child.names:
                    full = f"{base}.{alias.name}"
                    yield Import(module, full if _is_module(full) else base, child.lineno, lazy, typing)
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            guard = is_guard(child)
            yield from visit(child, lazy or function, typing or guard)

    return tuple(visit(ast.parse(path.read_text()), False, False))


@cache
def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return name.startswith("chakra.") and (
        path.with_suffix(".py").exists() or (path / "__init__.py").exists()
    )


def is_ours(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] == "chakra"


def is_standard(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] in sys.stdlib_module_names | NEWER_STANDARD


def within(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(prefix + ".")
