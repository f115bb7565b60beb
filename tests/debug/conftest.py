"""The tables are shared by a module, see ``tests/relations/conftest.py``."""

from __future__ import annotations

from tests.relations.conftest import rows, shared_tables

__all__ = ["rows", "shared_tables"]
