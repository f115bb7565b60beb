"""`chakra migrate make` and `squash`: migration files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chakra.cli import project
from chakra.cli.migrate.common import app_option, asked, console, fill_of, using_of
from chakra.errors import MigrationError
from chakra.migrations import making, splitting
from chakra.migrations.diff import Rename, diff, possible_renames, read_rename
from chakra.migrations.files import Graph
from chakra.migrations.files.loading import load_file
from chakra.migrations.state import State, title


@click.command("make")
@app_option
@click.option("--name", help="What the file is called; default: by what it does.")
@click.option("--rename", "renames", multiple=True, metavar="OLD:NEW", help="posts:articles, posts.title:headline, "
              "mood.sad:unhappy: renamed, not dropped and made anew.")  # fmt: skip
@click.option("--no-renames", is_flag=True, help="Nothing is renamed: what is gone is dropped.")
@click.option(
    "--fill", "fills", multiple=True, metavar="TABLE.COLUMN=SQL", help="A value for rows that are there."
)
@click.option("--using", "usings", multiple=True, metavar="TABLE.COLUMN=SQL", help="A value in the new type, where a "
              "cast is not what is meant.")  # fmt: skip
@click.option("--back", "backs", multiple=True, metavar="TABLE.COLUMN=SQL", help="With --split: the value in the old "
              "type, for the way back.")  # fmt: skip
@click.option("--split/--no-split", "splits", default=None, help="Types that change without writing tables anew: "
              "expand, fill, contract, three files.")  # fmt: skip
@click.option(
    "--empty", is_flag=True, help="A file with forward(db) and backward(db), to be written by hand."
)
@click.option("--merge", "merged", is_flag=True, help="Join two ends of the history.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if models and migrations differ.")
@click.option("--print", "printed", is_flag=True, help="Print the file instead of writing it.")
def make_command(
    app: str | None,
    name: str | None,
    renames: tuple[str, ...],
    no_renames: bool,
    fills: tuple[str, ...],
    usings: tuple[str, ...],
    backs: tuple[str, ...],
    splits: bool | None,
    empty: bool,
    merged: bool,
    check: bool,
    printed: bool,
) -> None:
    """Write a migration of what changed in the models since the last one. No database is asked.

    What may have been renamed is asked for, never guessed.
    """
    known = project.apps()
    graph = project.graph_of(known)
    if check:
        _check(known, graph)
        return
    chosen = project.app_of(app, known)
    if merged:
        made = making.merge(graph, chosen.name)
        if made is None:
            console.print("the history has one end: nothing to join")
            return
    elif empty:
        made = making.empty(graph, chosen.name, name or "data")
    else:
        wanted = project.wanted_state(known, chosen)
        target = making.target_of(graph, chosen.name, wanted)
        taken = _renames(graph.state, target, renames, no_renames)
        values, defaults = dict(map(fill_of, fills)), project.default_values(known, chosen)
        for table, column in making.unfilled(diff(graph.state, target, taken), graph.state):
            if (table, column) not in values and (table, column) in defaults:
                values[table, column] = defaults[table, column]
            elif (table, column) not in values and asked():
                values[table, column] = click.prompt(
                    f'{table}.{column} is NOT NULL: SQL of a value for the rows there are (as "\'\'" or "lower(name)")'
                )
        words: dict[str, Any] = {
            "renames": taken,
            "fills": values,
            "usings": dict(map(using_of, usings)),
            "name": name,
        }
        rewritten = _rewritten(graph.state, target, taken)
        if splits is None and rewritten and asked():
            splits = click.confirm(
                f"{', '.join(rewritten)}: another type, for which the server writes all rows anew and keeps everybody "
                "out meanwhile. Split it into three migrations, which do not (for tables in use)?"
            )
        if splits:
            every = splitting.split(graph, chosen.name, wanted, backs=dict(map(using_of, backs)), **words)
            _show(every, chosen, printed)
            return
        made = making.make(graph, chosen.name, wanted, **words)
        if rewritten and splits is None and made is not None:
            console.print(
                f"{', '.join(rewritten)}: another type, for which the server writes all rows anew; where tables are "
                "large, or in use: chakra migrate make --split",
                style="yellow",
                markup=False,
            )
    _show([] if made is None else [made], chosen, printed)


def _show(every: list[making.Made], chosen: project.App, printed: bool) -> None:
    """Write the files, or print them."""
    if not every:
        console.print("models and migrations agree: nothing to make")
    if printed:
        for made in every:
            console.print(made.source, markup=False)
        return
    write(chosen.folder, every)


def _rewritten(old: State, new: State, renames: list[Rename]) -> list[str]:
    """Columns for whose types tables would be written anew."""
    found = splitting.rewritten(splitting.renamed(old, new, renames), new)
    return [f"{title(key)}.{name}" for key, names in found.items() for name in names]


def write(folder: Path, every: list[making.Made]) -> None:
    """Write files, and read them again: all of them, or none where one cannot be read."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        for made in every:
            path = folder / f"{made.name}.py"
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(made.source)
            load_file(path)
    except BaseException:
        for path in written:
            path.unlink()
        raise
    for path, made in zip(written, every, strict=True):
        console.print(f"[bold]{path}[/bold]")
        for one in made.operations:
            console.print(f"  {one.describe()}", markup=False)


def _check(known: list[project.App], graph: Graph) -> None:
    found = False
    for one in known:
        if len(graph.heads(one.name)) > 1:
            console.print(f"{one.name or 'the history'} has several ends: chakra migrate make --merge")
            found = True
        wanted = project.wanted_state(known, one)
        for operation in diff(graph.state, making.target_of(graph, one.name, wanted)):
            console.print(
                f"{one.name + ': ' if one.name else ''}missing: {operation.describe()}", markup=False
            )
            found = True
    if found:
        raise SystemExit(1)
    console.print("models and migrations agree")


def _renames(old: State, new: State, given: tuple[str, ...], none: bool) -> list[Rename]:
    taken = [read_rename(text, old, new) for text in given]
    if none:
        return taken
    gone = {(one.kind, one.owner, one.old) for one in taken} | {
        (one.kind, one.owner, one.new) for one in taken
    }
    for one in possible_renames(old, new):
        if {(one.kind, one.owner, one.old), (one.kind, one.owner, one.new)} & gone:
            continue
        if not asked():
            raise MigrationError(
                f"{one.old} is gone and {one.new} is new: was it renamed? Say --rename {one.text}, or --no-renames "
                "where it was not (then it is dropped, with its values)"
            )
        where = f" of {one.owner}" if one.owner else ""
        if click.confirm(f"Was the {one.kind} {one.old}{where} renamed to {one.new}?"):
            taken.append(one)
            gone |= {(one.kind, one.owner, one.old), (one.kind, one.owner, one.new)}
    return taken


@click.command("squash")
@click.argument("first", type=int)
@click.argument("last", type=int)
@app_option
def squash_command(first: int, last: int, app: str | None) -> None:
    """Write one migration in place of those with the numbers FIRST to LAST.

    Databases that have them all take it for applied; the old files can go once every database has.
    """
    known = project.apps()
    chosen = project.app_of(app, known)
    made = making.squash(project.graph_of(known), chosen.name, first, last)
    write(chosen.folder, [made])


__all__ = ["make_command", "squash_command"]
