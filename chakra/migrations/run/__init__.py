"""Who carries migrations out: the journal, the plan, the runner."""

from chakra.migrations.run.journal import Entry, read_journal
from chakra.migrations.run.looking import look
from chakra.migrations.run.options import Options
from chakra.migrations.run.runner import Planned, Runner

__all__ = ["Entry", "Options", "Planned", "Runner", "look", "read_journal"]
