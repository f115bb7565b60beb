"""Migration files: written, read, and put in order."""

from chakra.migrations.files.graph import Graph
from chakra.migrations.files.loading import load_file, load_folder, read_name
from chakra.migrations.files.migration import Migration, Name
from chakra.migrations.files.source import file_source

__all__ = ["Graph", "Migration", "Name", "file_source", "load_file", "load_folder", "read_name"]
