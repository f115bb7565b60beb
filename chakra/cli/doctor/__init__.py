"""`chakra doctor`: what is installed, what is set, what the server says; and what of it is wrong."""

from __future__ import annotations

import asyncio

import click
from rich.console import Console
from rich.table import Table

from chakra.cli.doctor.findings import installed, kernels, server, settings_found


@click.command("doctor")
@click.option("--url", help="The database; default: the setting database.url.")
@click.option("--no-database", is_flag=True, help="Look at the installation alone.")
def command(url: str | None, no_database: bool) -> None:
    """Look at versions, settings, kernels and the server. Exits with 1 if something is wrong; prints no secrets."""
    findings = [*installed(), *settings_found(), *kernels()]
    if not no_database:
        findings += asyncio.run(server(url))
    table = Table("", "", "", box=None, pad_edge=False, show_header=False)
    for one in findings:
        table.add_row("[red]![/red]" if one.wrong else "[green]ok[/green]", one.what, one.found)
        if one.wrong:
            table.add_row("", "", f"[yellow]{one.wrong}[/yellow]")
    Console(highlight=False).print(table)
    if any(one.wrong for one in findings):
        raise SystemExit(1)


__all__ = ["command"]
