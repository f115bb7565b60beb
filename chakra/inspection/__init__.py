"""Models written from a database that exists: names, types, relations, and the module that makes the tables again."""

from chakra.inspection.reading import read_fitted, read_models
from chakra.inspection.source import module_source

__all__ = ["module_source", "read_fitted", "read_models"]
