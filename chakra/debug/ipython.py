"""``%load_ext chakra`` and ``%%chakra_profile`` for IPython and notebooks."""

from __future__ import annotations

from typing import Any, Protocol

from chakra.debug.profiler import QueryProfiler

NAME = "chakra_profile"


class Shell(Protocol):
    """Of IPython's shell, what is used."""

    input_transformers_cleanup: list[Any]
    events: Any
    user_ns: dict[str, Any]

    def register_magic_function(self, func: Any, magic_kind: str, magic_name: str) -> None: ...


class Magic:
    """The magic of one shell.

    A cell that begins with ``%%chakra_profile`` is run as it is, with ``await`` where it likes, so the magic is no cell
    magic to IPython, which would have to run the cell itself and cannot wait for it: its first line begins a profiler,
    which is over when the cell is.
    """

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.running: QueryProfiler | None = None

    def as_line(self, lines: list[str]) -> list[str]:
        """Make a line magic of ``%%chakra_profile``."""
        if lines and lines[0].split()[:1] == [f"%%{NAME}"]:
            return [lines[0].lstrip()[1:], *lines[1:]]
        return lines

    def begin(self, line: str) -> None:
        """Profile the rest of this cell, and print the report behind it.

        ``%%chakra_profile`` at the head of a cell does the same; with a name behind it, the profiler is kept in the
        variable of that name.
        """
        name = line.strip()
        if name and not name.isidentifier():
            print(f"%{NAME} takes the name of a variable for the profiler, not {name!r}")
            return
        self.end()
        self.running = QueryProfiler().start()
        if name:
            self.shell.user_ns[name] = self.running

    def end(self, _: Any = None) -> None:
        """The cell is over."""
        profiler, self.running = self.running, None
        if profiler is not None:
            profiler.stop()
            print(profiler.report())


def load(shell: Shell) -> Magic:
    """Register the magic with a shell, once."""
    for each in shell.input_transformers_cleanup:
        if isinstance(found := getattr(each, "__self__", None), Magic):
            return found
    magic = Magic(shell)
    shell.input_transformers_cleanup.insert(0, magic.as_line)
    shell.register_magic_function(magic.begin, "line", NAME)
    shell.events.register("post_run_cell", magic.end)
    return magic


def unload(shell: Shell) -> None:
    """Take it away again."""
    for each in list(shell.input_transformers_cleanup):
        if isinstance(found := getattr(each, "__self__", None), Magic):
            shell.input_transformers_cleanup.remove(each)
            shell.events.unregister("post_run_cell", found.end)


__all__ = ["Magic", "load", "unload"]
