"""The project a command is run in: its apps, their models and migrations, as ``chakra.toml`` says."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chakra import config
from chakra.config.load import find_file
from chakra.errors import ChakraError, ConfigError, MigrationError
from chakra.migrations.files import Graph, load_folder
from chakra.migrations.frozen import default_fills, state_of
from chakra.migrations.state import State
from chakra.models import registry
from chakra.models.database import tables_of
from chakra.schema import Table


@dataclass(frozen=True)
class App:
    """Models and migrations that belong together.

    Attributes:
        name: empty for the project's own.
        modules: that define its models.
        folder: of its migrations.
    """

    name: str
    modules: tuple[str, ...]
    folder: Path


def root() -> Path:
    """The folder of ``chakra.toml``, or the working folder."""
    path = find_file()
    return Path.cwd() if path is None else path.parent


def apps() -> list[App]:
    """The apps of the project.

    Raises:
        ConfigError: none is named, or one cannot be imported.
    """
    settings = config.settings().migrations
    base = root()
    if str(base) not in sys.path:
        sys.path.insert(0, str(base))
    found: list[App] = []
    if settings.models:
        found.append(App("", settings.models, base / settings.folder))
    for package in settings.apps:
        spec = _spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError(
                f"migrations.apps names {package}, which is no package that can be imported from {base}"
            )
        folder = Path(spec.submodule_search_locations[0]) / "migrations"
        found.append(App(package.rpartition(".")[2], (f"{package}.models",), folder))
    if not found:
        raise ConfigError(
            'where the models are is not known: write into chakra.toml, [migrations] models = ["shop.models"], or for '
            'several packages with migrations of their own, apps = ["shop", "blog"]'
        )
    return found


def _spec(package: str) -> Any:
    try:
        return importlib.util.find_spec(package)
    except ModuleNotFoundError:
        return None


def app_of(name: str | None, known: list[App]) -> App:
    """The app that a command is about.

    Raises:
        ConfigError: there is none of that name, or several and none was named.
    """
    if name is None and len(known) == 1:
        return known[0]
    for app in known:
        if app.name == (name or ""):
            return app
    names = ", ".join(app.name or "(the project's own)" for app in known)
    raise ConfigError(
        f"there is no app {name!r}: it is one of {names}" if name else f"say --app, one of {names}"
    )


def models_of(app: App) -> list[Any]:
    """The models of an app.

    Raises:
        ConfigError: a module is not there.
        MigrationError: a module fails, or defines no model.
    """
    for name in app.modules:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
                raise ConfigError(
                    f"the module {name} of [migrations] is not there (looked from {root()})"
                ) from error
            raise MigrationError(_failed(name, error)) from error
        except ChakraError:
            raise
        except Exception as error:
            raise MigrationError(_failed(name, error)) from error
    found = [
        model
        for model in registry.everything()
        if _within(model.__module__, app.modules) and _has_table(model)
    ]
    if not found:
        raise MigrationError(f"{', '.join(app.modules)} defines no model with a table")
    return found


def _failed(name: str, error: Exception) -> str:
    """What is said of a module that fails while it is imported, with the place in the project's files."""
    where = ""
    if isinstance(error, SyntaxError):
        where = f" ({error.filename}, line {error.lineno})"
        return f"{name} cannot be imported: {type(error).__name__}: {error.msg}{where}"
    base, trace = str(root()), error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(base):
            where = f" ({file}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return f"{name} cannot be imported: {type(error).__name__}: {error}{where}"


def _within(module: str, modules: Iterable[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in modules)


def _has_table(model: Any) -> bool:
    info = model.__chakra__
    return not info.options.get("abstract") and info.concrete is None  # a proxy has its model's


def wanted_state(known: list[App], app: App | None = None) -> State:
    """The state that the models ask for.

    Args:
        known: all apps: tables of one may refer to those of another.
        app: only the tables of this one; default: all.
    """
    return state_of(_tables(known, app))


def default_values(known: list[App], app: App) -> dict[tuple[str, str], str]:
    """SQL of the defaults that the models of an app have in Python, by table and column."""
    return default_fills(_tables(known, app))


def _tables(known: list[App], app: App | None) -> list[Table]:
    models = {one.name: models_of(one) for one in known}
    chosen = [model for name, ones in models.items() if app is None or name == app.name for model in ones]
    return tables_of(chosen)


def graph_of(known: list[App]) -> Graph:
    """All migrations of the project, in their order.

    Raises:
        MigrationError: a file cannot be read, or they do not fit together.
    """
    return Graph([one for app in known for one in load_folder(app.folder, app.name)])


__all__ = ["App", "app_of", "apps", "default_values", "graph_of", "models_of", "root", "wanted_state"]
