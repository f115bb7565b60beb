"""Telling somebody how far a bulk read or write is; knows neither connections nor columns."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from chakra.errors import ConfigError

Progress: TypeAlias = Callable[[int, int], object] | Literal[True] | None
"""``callable(rows done, bytes done)``, ``True`` = a bar on the terminal (needs rich), ``None`` = silence."""

STEP_BYTES = 1 << 20  # between two calls: one a megabyte is smooth and costs nothing


class Meter:
    """Calls the progress callable at most once a megabyte, and once at the end.

    Raises:
        ConfigError: ``progress=True`` without rich, or something that cannot be called.
    """

    def __init__(self, progress: Progress, what: str) -> None:
        self._bar: Any = None
        self._call: Callable[[int, int], object] | None = None
        self._next = STEP_BYTES
        if progress is True:
            self._bar, self._call = _bar(what)
        elif progress is not None:
            if not callable(progress):
                raise ConfigError(f"progress={progress!r}: expected a callable(rows, bytes), True or None")
            self._call = progress

    def __enter__(self) -> Meter:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, rows: int, done: int) -> None:
        """Report if a megabyte has passed since the last report."""
        if done >= self._next and self._call is not None:
            self._next = done + STEP_BYTES
            self._call(rows, done)

    def end(self, rows: int, done: int) -> None:
        """Report the final figures."""
        if self._call is not None:
            self._call(rows, done)


def _bar(what: str) -> tuple[Any, Callable[[int, int], object]]:
    if importlib.util.find_spec("rich") is None:
        raise ConfigError('progress=True needs rich: pip install "chakra-orm[cli]", or pass a callable')
    from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[rows]:,} rows"),
        DownloadColumn(),
        TransferSpeedColumn(),
        transient=False,
    )
    task = bar.add_task(what, total=None, rows=0)

    def call(rows: int, done: int) -> None:
        bar.update(task, completed=done, rows=rows)

    return bar, call


__all__ = ["Meter", "Progress"]
