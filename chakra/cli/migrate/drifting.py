"""`chakra migrate drift`: models, history and database compared, three ways."""

from __future__ import annotations

from typing import Any

import click

from chakra.cli import project
from chakra.cli.migrate.common import console, url_option, with_database
from chakra.migrations.drift import drift
from chakra.migrations.run import Runner
from chakra.migrations.state import State


@click.command("drift")
@url_option
@click.option("--others", is_flag=True, help="Also tables that neither models nor migrations know.")
def drift_command(url: str | None, others: bool) -> None:
    """Where models, migrations and the database differ. Exits with 1 if they do."""
    known = project.apps()
    graph = project.graph_of(known)
    models = project.wanted_state(known)

    async def work(database: Any) -> bool:
        runner = Runner(database, graph)
        entries = await runner.applied()
        state = State()
        for one in graph.order:
            if one.key in entries and entries[one.key].finished:
                state = one.apply(state)
        found = await drift(database, models, graph.state, state, others=others)
        missing = [one.key for one in runner.pending(entries)]
        for title, operations, cure in (
            (
                "models have, and no migration makes",
                found.unmade,
                "chakra migrate make",
            ),
            (
                "the database is not as its migrations left it; this would bring it back",
                found.strayed,
                "undo it, or put it into the models and a migration",
            ),
        ):
            if operations:
                console.print(f"[bold]{title}[/bold] ({cure}):")
                for operation in operations:
                    console.print(f"  {operation.describe()}", markup=False)
        if missing:
            console.print(f"[bold]not applied[/bold] (chakra migrate apply): {', '.join(map(str, missing))}")
        if not (found.unmade or found.strayed or missing):
            console.print("models, migrations and database agree")
            return False
        return True

    if with_database(url, work):
        raise SystemExit(1)


__all__ = ["drift_command"]
