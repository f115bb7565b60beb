"""The list of named fixture plugins; fixtures themselves live in tests/plugins/, one concern a file."""

from __future__ import annotations

pytest_plugins = [
    "chakra.embedded.pytest_plugin",
    "tests.plugins.database",
    "tests.plugins.needs",
    "tests.plugins.registries",
    "tests.plugins.settings",
    "tests.plugins.values",
]
