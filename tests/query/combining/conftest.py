"""The tables of a module, shared by its tests where it says so."""

from tests.relations.conftest import rows, shared_tables

__all__ = ["rows", "shared_tables"]
