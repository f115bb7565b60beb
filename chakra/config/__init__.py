"""Settings from ``chakra.toml``, the environment and ``configure()``; the layers above only read them."""

from __future__ import annotations

from chakra.config.load import configure, load, on_change, qualify, reset, settings
from chakra.config.settings import DatabaseSettings, DebugSettings, MigrationSettings, PoolSettings, Settings

__all__ = [
    "DatabaseSettings",
    "DebugSettings",
    "MigrationSettings",
    "PoolSettings",
    "Settings",
    "configure",
    "load",
    "on_change",
    "qualify",
    "reset",
    "settings",
]
