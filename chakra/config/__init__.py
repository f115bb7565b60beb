"""Settings from ``chakra.toml``, the environment and ``configure()``; the layers above only read them."""

from __future__ import annotations

from chakra.config.load import configure, load, on_change, qualify, reset, settings
from chakra.config.settings import (
    DatabaseSettings,
    DebugSettings,
    MigrationSettings,
    PoolSettings,
    ReplicaSettings,
    Settings,
    is_alias,
)

__all__ = [
    "DatabaseSettings",
    "DebugSettings",
    "MigrationSettings",
    "PoolSettings",
    "ReplicaSettings",
    "Settings",
    "configure",
    "is_alias",
    "load",
    "on_change",
    "qualify",
    "reset",
    "settings",
]
