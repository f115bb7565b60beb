"""Migration files read from a folder. Each is a Python module, run once; nothing else of the folder is."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from chakra.errors import MigrationError
from chakra.migrations.files.migration import Migration, Name
from chakra.migrations.operations import Operation, RunPython

_FILE = re.compile(r"\d{4}_\w+\Z")
_WORDS = frozenset({"operations", "requires", "replaces"})


def read_name(text: str, app: str = "") -> Name:
    """The migration that ``requires`` names: ``0001_initial`` of the same app, ``shop:0001_initial`` of another."""
    other, colon, name = text.partition(":")
    return Name(other, name) if colon else Name(app, text)


def load_folder(folder: Path, app: str = "") -> list[Migration]:
    """The migrations of a folder, by name; none if it does not exist.

    Raises:
        MigrationError: a file cannot be read as a migration; names it and the line.
    """
    if not folder.is_dir():
        return []
    return [load_file(path, app) for path in sorted(folder.glob("*.py")) if _FILE.match(path.stem)]


def load_file(path: Path, app: str = "") -> Migration:
    """The migration of one file.

    Raises:
        MigrationError: as :func:`load_folder`.
    """
    module = ModuleType(f"chakra_migration_{path.stem}")
    module.__file__ = str(path)
    try:
        text = path.read_text(encoding="utf-8")
        exec(compile(ast.parse(text, str(path)), str(path), "exec"), module.__dict__)
    except SyntaxError as error:
        raise MigrationError(f"{path}, line {error.lineno}: {error.msg}") from error
    except OSError as error:
        raise MigrationError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:
        raise MigrationError(f"{path}: {type(error).__name__}: {error}{_line(error, path)}") from error
    given = vars(module)
    functions = {
        name: value
        for name, value in given.items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    }
    if "operations" not in given and "forward" not in functions:
        near = next((name for name in given if name.lower().startswith("operation")), None)
        hint = f" (there is {near!r})" if near else ""
        raise MigrationError(f"{path} says no operations = […], and has no async def forward(db){hint}")
    operations = list(_listed(path, "operations", given.get("operations", ())))
    for number, one in enumerate(operations, 1):
        if not all(hasattr(one, word) for word in ("apply", "steps", "reverse", "describe")):
            raise MigrationError(f"{path}: operation {number} is {one!r}, which is none")
    if "forward" in functions and not any(isinstance(one, RunPython) for one in operations):
        operations.append(RunPython(backward="backward" if "backward" in functions else None))
    for one in operations:
        if isinstance(one, RunPython):
            _check_functions(path, one, functions)
    return Migration(
        key=Name(app, path.stem),
        operations=tuple(operations),
        requires=tuple(
            [read_name(name, app) for name in _texts(path, "requires", given.get("requires", ()))]
        ),
        title=(inspect.getdoc(module) or "").partition("\n")[0],
        replaces=tuple(
            [read_name(name, app) for name in _texts(path, "replaces", given.get("replaces", ()))]
        ),
        functions=functions,
        path=path,
    )


def _line(error: BaseException, path: Path) -> str:
    trace, found = error.__traceback__, ""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            found = f" (line {trace.tb_lineno})"
        trace = trace.tb_next
    return found


def _listed(path: Path, word: str, given: Any) -> Iterable[Any]:
    if not isinstance(given, list | tuple):
        raise MigrationError(f"{path}: {word} is a list, not {given!r}")
    return given


def _texts(path: Path, word: str, given: Any) -> list[str]:
    listed = list(_listed(path, word, given))
    for one in listed:
        if not isinstance(one, str):
            raise MigrationError(f"{path}: {word} lists names of migrations, not {one!r}")
    return listed


def _check_functions(path: Path, one: Operation, functions: dict[str, Any]) -> None:
    assert isinstance(one, RunPython)
    for name in (one.forward, one.backward):
        if not name:
            continue
        if name not in functions:
            if name == one.backward == "backward":
                continue  # without it there is no way back, which is said when somebody asks for it
            raise MigrationError(f"{path} has no function {name}(), which RunPython names")
        if not inspect.iscoroutinefunction(functions[name]):
            raise MigrationError(f"{path}: {name}() has to be an async def, which takes the database")


__all__ = ["load_file", "load_folder", "read_name"]
