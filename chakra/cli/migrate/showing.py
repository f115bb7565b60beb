"""`chakra migrate status`, `plan` and `sql`: what was applied, and what would be; nothing is changed."""

from __future__ import annotations

from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from chakra.cli import project
from chakra.cli.migrate.common import app_option, console, shown, url_option, warnings_of, with_database
from chakra.migrations.facts import Facts
from chakra.migrations.run import Runner


@click.command("status")
@url_option
@click.option("--check", is_flag=True, help="Exit with 1 if something is missing.")
def status_command(url: str | None, check: bool) -> None:
    """Which migrations the database has."""
    graph = project.graph_of(project.apps())

    async def work(database: Any) -> bool:
        entries = await Runner(database, graph).applied()
        table = Table("migration", "state", "what it does", box=None, pad_edge=False, header_style="bold")
        missing = False
        for one in graph.order:
            entry = entries.get(one.key)
            state = "missing"
            if entry is not None and entry.finished:
                state = f"applied {entry.when:%Y-%m-%d %H:%M}"
            elif entry is not None:
                state = f"cut off at step {entry.position} of {len(entry.steps)} ({entry.direction})"
            elif one.replaces and all(name in entries for name in one.replaces):
                state = "applied (as those it replaces)"
            elif one.key in graph.replaced and graph.replaced[one.key] in entries:
                state = f"applied (as {graph.replaced[one.key]})"
            elif one.key in graph.replaced and not any(
                n in entries for n in graph.by_name[graph.replaced[one.key]].replaces
            ):
                continue  # the squashed one is applied in its place
            missing = missing or not state.startswith("applied")
            table.add_row(str(one.key), state, escape(one.title))
        console.print(
            table if graph.order else "there are no migrations: chakra migrate make writes the first one"
        )
        return missing

    if with_database(url, work) and check:
        raise SystemExit(1)


@click.command("plan")
@click.argument("target", required=False)
@url_option
@app_option
def plan_command(target: str | None, url: str | None, app: str | None) -> None:
    """What apply would do, statement by statement: locks, whether others wait, rows, dangers. Changes nothing."""
    graph = project.graph_of(project.apps())

    async def work(database: Any) -> None:
        wanted = None if target is None else graph.find(target, app).key
        planned = await Runner(database, graph).plan(wanted)
        if not planned:
            console.print("nothing to apply")
        for one in planned:
            console.print(f"[bold]{one.migration.key}[/bold] {escape(one.migration.title)}")
            table = Table(
                "", "lock", "on", "rows", "statement", box=None, pad_edge=False, header_style="bold"
            )
            for number, step in enumerate(one.steps, 1):
                rows = max([one.rows.get(name, 0) for name in step.tables], default=0)
                how = "rewrites" if step.rewrite else "reads all" if step.scan else ""
                table.add_row(
                    f"{number}{' done' if number <= one.done else ''}",
                    step.lock.sql if step.tables else "-",
                    escape("\n".join(step.tables)),
                    f"{rows:,} {how}".strip() if step.tables else "",
                    escape(shown(step)) + ("" if step.transactional else "  (not in a transaction)"),
                )
            console.print(table)
            for line in warnings_of(one):
                console.print(f"  ! {line}", style="yellow", markup=False)

    with_database(url, work)


@click.command("sql")
@click.argument("target")
@app_option
@click.option("--back", is_flag=True, help="The statements that take it back.")
@click.option("--offline", is_flag=True, help="Without a database: as if all tables had rows.")
@url_option
def sql_command(target: str, app: str | None, back: bool, offline: bool, url: str | None) -> None:
    """The statements of TARGET, for reading or for another tool; run like this they are not noted in the journal."""
    graph = project.graph_of(project.apps())
    one = graph.find(target, app)
    state = graph.state_before(one.key)

    def written(facts: Facts) -> None:
        for step in one.back_steps(state, facts) if back else one.steps(state, facts):
            if step.backfill is not None:
                work = step.backfill
                console.print(f"UPDATE {work.table} SET {work.assign} WHERE {work.where};", markup=False)
            elif step.python:
                console.print(f"-- {step.python}(db) of {one.key}", markup=False)
            else:
                console.print(f"{step.sql};", markup=False)

    if offline:
        written(Facts())
        return

    async def work(database: Any) -> None:
        from chakra.migrations.run import look

        written(await look(database, one.apply(state) if back else state))

    with_database(url, work)


__all__ = ["plan_command", "sql_command", "status_command"]
