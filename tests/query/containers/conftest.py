"""Tables that the tests of a module share; see ``tests/relations/conftest.py``."""

from tests.relations.conftest import rows, shared_tables

__all__ = ["rows", "shared_tables"]
