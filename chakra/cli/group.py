"""The command group: loads a command's module when asked for, and turns Chakra's errors into one line."""

from __future__ import annotations

import importlib
import os
from typing import Any

import click

from chakra.errors import ChakraError

COMMANDS = {
    "bench": "chakra.cli.bench",
    "demo": "chakra.cli.demo",
    "doctor": "chakra.cli.doctor",
    "explain": "chakra.cli.explain",
    "inspect": "chakra.cli.inspect",
    "migrate": "chakra.cli.migrate",
    "shell": "chakra.cli.shell",
    "sql": "chakra.cli.sql",
    "warmup": "chakra.cli.warmup",
}
"""Command name → module that holds a click command called ``command``."""


class Commands(click.Group):
    """A group whose commands are modules; its errors are one line unless CHAKRA_TRACEBACK is set."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ChakraError, OSError) as error:
            if os.environ.get("CHAKRA_TRACEBACK"):
                raise
            raise click.ClickException(" ".join(str(error).split())) from error


@click.group(cls=Commands, name="chakra", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="chakra-orm", prog_name="chakra")
def chakra_command() -> None:
    """Chakra: an async PostgreSQL ORM with a path for rows and a path for columns."""
