"""Tables that the tests of a module share, as in ``tests/relations``."""

from tests.relations.conftest import rows, shared_tables

__all__ = ["rows", "shared_tables"]
