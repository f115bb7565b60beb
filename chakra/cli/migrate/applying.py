"""`chakra migrate apply` and `back`."""

from __future__ import annotations

from typing import Any

import click

from chakra.cli import project
from chakra.cli.migrate.common import (
    app_option,
    console,
    fill_of,
    options_of,
    url_option,
    warnings_of,
    with_database,
)
from chakra.migrations.run import Runner


@click.command("apply")
@click.argument("target", required=False)
@url_option
@app_option
@click.option(
    "--allow-rewrite", is_flag=True, help="Let large tables be written anew while nobody can use them."
)
@click.option("--lock-timeout", type=float, help="Seconds a statement waits for a lock.  [default: 2]")
@click.option("--attempts", type=int, help="How often locks are tried for.  [default: 30]")
@click.option("--adopt", is_flag=True, help="Note as applied, carry nothing out: the database is like that.")
@click.option("--accept", help="Note that an applied migration's file was edited, and is right as it is.")
def apply_command(
    target: str | None,
    url: str | None,
    app: str | None,
    allow_rewrite: bool,
    lock_timeout: float | None,
    attempts: int | None,
    adopt: bool,
    accept: str | None,
) -> None:
    """Apply what is missing, up to TARGET (a name or number) or all of it.

    Each migration is a transaction, or several where an index is built or rows are checked without stopping the
    service. One that was cut off goes on where it stopped.
    """
    graph = project.graph_of(project.apps())
    options = options_of(allow_rewrite=allow_rewrite or None, lock_timeout=lock_timeout, attempts=attempts)

    async def work(database: Any) -> None:
        runner = Runner(database, graph, options)
        if accept is not None:
            await runner.adopt([graph.find(accept, app).key])
            console.print(f"{accept}: noted as it is now")
            return
        wanted = None if target is None else graph.find(target, app).key
        if adopt:
            keys = [one.migration.key for one in await runner.plan(wanted)]
            await runner.adopt(keys)
            console.print(f"noted as applied: {', '.join(map(str, keys)) or 'nothing'}")
            return
        for planned in await runner.plan(wanted):
            for line in warnings_of(planned):
                console.print(f"{planned.migration.key}: {line}", style="yellow", markup=False)
        done = await runner.apply(wanted)
        console.print(
            f"applied {len(done)} migration{'' if len(done) == 1 else 's'}" if done else "nothing to apply"
        )

    with_database(url, work, "what is done stays done; chakra migrate apply goes on")


@click.command("back")
@click.argument("target")
@url_option
@app_option
@click.option("--to", "keep", is_flag=True, help="Keep TARGET itself, and take back what stands on it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--fill", "fills", multiple=True, metavar="TABLE.COLUMN=SQL", help="A value for the rows there are, in "
              "a column that comes back.")  # fmt: skip
@click.option(
    "--allow-rewrite", is_flag=True, help="Let large tables be written anew while nobody can use them."
)
def back_command(
    target: str,
    url: str | None,
    app: str | None,
    keep: bool,
    yes: bool,
    fills: tuple[str, ...],
    allow_rewrite: bool,
) -> None:
    """Take back TARGET (a name or number) and all that stand on it, the last first.

    What they added is dropped, with its values.
    """
    graph = project.graph_of(project.apps())
    options = options_of(allow_rewrite=allow_rewrite or None)
    one = graph.find(target, app)
    values = dict(map(fill_of, fills))

    async def work(database: Any) -> None:
        runner = Runner(database, graph, options)
        entries = await runner.applied()
        gone = [
            str(o.key)
            for o in reversed(graph.order)
            if o.key in graph.standing_on(one.key) and o.key in entries
        ]
        if keep and str(one.key) in gone:
            gone.remove(str(one.key))
        if not gone:
            console.print("nothing to take back")
            return
        if not yes:
            click.confirm(
                f"Take back {', '.join(gone)}? What they added is dropped, with its values", abort=True
            )
        done = await runner.back(one.key, including=not keep, fills=values)
        console.print(f"took back {', '.join(map(str, done))}")

    with_database(url, work, f"what is done stays done; chakra migrate back {target} goes on")


__all__ = ["apply_command", "back_command"]
