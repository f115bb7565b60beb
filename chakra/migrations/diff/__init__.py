"""From one state to another: which operations lead there; pure, asks nobody."""

from chakra.migrations.diff.find import diff
from chakra.migrations.diff.renames import Rename, possible_renames, read_rename

__all__ = ["Rename", "diff", "possible_renames", "read_rename"]
