"""The tables of a module, shared by its tests."""

from tests.relations.conftest import rows, shared_tables

__all__ = ["rows", "shared_tables"]
