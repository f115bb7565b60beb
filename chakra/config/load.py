"""Where settings come from: ``configure()``, the environment, ``chakra.toml``, defaults, in that order."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chakra.config.settings import DATABASES, KEYWORDS, PARSERS, SECTIONS, Settings, unknown_setting
from chakra.errors import ConfigError

FILE_NAME = "chakra.toml"
PREFIX = "CHAKRA_"

# Variables with the prefix that belong to tests and tools, not to a section of the settings.
_FOREIGN = ("CHAKRA_TEST_", "CHAKRA_NUMBA_", "CHAKRA_BENCH_", "CHAKRA_CACHE_")

_configured: dict[str, object] = {}
_current: Settings | None = None
_listeners: list[Callable[[Settings], object]] = []


def find_file(start: Path | None = None) -> Path | None:
    """Return the nearest ``chakra.toml`` in ``start`` (the working folder) or the folders above it."""
    folder = (start or Path.cwd()).resolve()
    for candidate in (folder, *folder.parents):
        path = candidate / FILE_NAME
        if path.is_file():
            return path
    return None


def read_file(path: Path) -> dict[str, object]:
    """Read ``{"section.key": raw value}`` from a ``chakra.toml``.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or holds an unknown section.
    """
    content: dict[str, Any] = {}
    why = ""
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        why = str(error)
    if why:  # outside the block above: its errors hold the whole file, with the password in it
        raise ConfigError(f"{path} is not valid TOML: {why}")
    values: dict[str, object] = {}
    for section, body in content.items():
        if (
            section == DATABASES
            and isinstance(body, dict)
            and all(isinstance(each, dict) for each in body.values())
        ):
            for alias, said in body.items():
                values.update({f"{section}.{alias}.{key}": raw for key, raw in said.items()})
            continue
        if section not in SECTIONS or not isinstance(body, dict):
            if section in KEYWORDS:
                raise ConfigError(
                    f"{section} in {path} stands outside a section; it belongs in "
                    f"[{KEYWORDS[section].partition('.')[0]}]"
                )
            name = f"section [{section}]" if re.fullmatch(r"[\w.-]{1,80}", section) else "name"
            raise ConfigError(
                f"unknown {name} in {path}. Known sections: {', '.join(SECTIONS)}, databases.<name>"
            )
        values.update({f"{section}.{key}": raw for key, raw in body.items()})
    return values


def read_environment(environ: Mapping[str, str]) -> dict[str, object]:
    """Read ``CHAKRA_<SECTION>_<KEY>`` variables; ``CHAKRA_DEBUG`` alone is ``debug.debug``, ``CHAKRA_REPLICAS``
    ``replicas.urls``. ``CHAKRA_DATABASES_<NAME>_<KEY>`` is of another database.

    Raises:
        ConfigError: a variable names a section but not a setting of it.
    """
    values: dict[str, object] = {}
    for variable, raw in environ.items():
        if not variable.startswith(PREFIX) or variable.startswith(_FOREIGN):
            continue
        section, _, key = variable[len(PREFIX) :].lower().partition("_")
        if section == DATABASES:
            values[_of_another(variable, key)] = raw
            continue
        if section not in SECTIONS:
            continue
        name = f"{section}.{key or ('urls' if section == 'replicas' else section)}"
        if name not in PARSERS:
            raise ConfigError(unknown_setting(name, f"the environment variable {variable}"))
        values[name] = raw
    return values


def _of_another(variable: str, text: str) -> str:
    """The setting behind ``<name>_<key>``; names and keys may hold ``_``, so the longest key that fits counts."""
    for at, character in enumerate(text):
        if character == "_" and at and text[at + 1 :] in KEYWORDS:
            return f"{DATABASES}.{text[:at]}.{text[at + 1 :]}"
    raise ConfigError(
        f"the environment variable {variable} ends with no setting's name: CHAKRA_DATABASES_<NAME>_<SETTING>, such as "
        "CHAKRA_DATABASES_REPORTS_URL"
    )


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``chakra.toml`` and the environment, the environment winning.

    Args:
        path: the file; by default the nearest ``chakra.toml`` at or above the working folder.
        environ: the environment; by default the process's.

    Raises:
        ConfigError: a setting is unknown or malformed; names it and where it stands.
    """
    settings = Settings()
    path = path or find_file()
    if path is not None:
        settings = settings.with_values(read_file(path), str(path))
    return settings.with_values(
        read_environment(os.environ if environ is None else environ), "the environment"
    )


def settings() -> Settings:
    """Return the settings of this process; read once, until ``configure`` or ``reset`` changes them."""
    global _current
    if _current is None:
        _current = load().with_values(_configured, "configure()")
        _tell(_current)
    return _current


def on_change(listen: Callable[[Settings], object]) -> None:
    """Have a function called with the settings when they are read and whenever they change, and now if they were read;
    when they are forgotten, with the defaults.
    """
    _listeners.append(listen)
    if _current is not None:
        listen(_current)


def _tell(current: Settings) -> None:
    for listen in _listeners:
        listen(current)


def configure(**changes: object) -> Settings:
    """Change settings of this process, over the environment and ``chakra.toml``.

    Args:
        changes: settings by their bare name (``debug=True``, ``max_connections=20``); databases that are
            connected already keep the pool settings they were connected with.

    Raises:
        ConfigError: a setting is unknown or its value malformed; nothing is changed then.
    """
    global _current
    named = {qualify(key, "configure()"): value for key, value in changes.items()}
    checked = settings().with_values(named, "configure()")
    _configured.update(named)
    _current = checked
    _tell(checked)
    return checked


def qualify(keyword: str, source: str) -> str:
    """Return ``section.key`` for a bare setting name.

    Raises:
        ConfigError: no setting has that name.
    """
    if keyword not in KEYWORDS:
        raise ConfigError(unknown_setting(keyword, source))
    return KEYWORDS[keyword]


def reset() -> None:
    """Forget what ``configure`` set and read file and environment anew at the next use."""
    global _current
    _configured.clear()
    _current = None
    _tell(Settings())


__all__ = [
    "FILE_NAME",
    "configure",
    "find_file",
    "load",
    "on_change",
    "qualify",
    "read_environment",
    "read_file",
    "reset",
    "settings",
]
