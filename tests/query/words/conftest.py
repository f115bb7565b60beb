"""The tables of a module, made once."""

from tests.relations.conftest import rows, shared_tables

__all__ = ["rows", "shared_tables"]
