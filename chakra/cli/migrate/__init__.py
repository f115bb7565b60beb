"""`chakra migrate`: make migrations out of what models changed, and apply them without stopping the service."""

from __future__ import annotations

import importlib
from typing import Any

import click

COMMANDS = {
    "apply": "chakra.cli.migrate.applying",
    "back": "chakra.cli.migrate.applying",
    "drift": "chakra.cli.migrate.drifting",
    "make": "chakra.cli.migrate.making",
    "plan": "chakra.cli.migrate.showing",
    "sql": "chakra.cli.migrate.showing",
    "squash": "chakra.cli.migrate.making",
    "status": "chakra.cli.migrate.showing",
}
"""Subcommand → module that holds it, as a click command of that name."""


class Migrate(click.Group):
    """Loads a subcommand's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found: Any = getattr(importlib.import_module(module), f"{cmd_name}_command")
        command: click.Command = found
        return command


@click.group(cls=Migrate, name="migrate", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Make migrations of what changed in the models, and apply them; alone the same as `chakra migrate apply`.

    Where models and migrations are, chakra.toml says: [migrations] models = ["shop.models"].
    """
    if ctx.invoked_subcommand is None:
        apply: Any = Migrate().get_command(ctx, "apply")
        ctx.invoke(apply)


__all__ = ["command"]
