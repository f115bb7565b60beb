"""The file at one end of a read or write: opened, never half written under its name, and never in the loop's way."""

from __future__ import annotations

import asyncio
import io
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, ParamSpec, TypeVar

from chakra.errors import FieldError
from chakra.pg.conversion import shown

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Run what waits for a disk, or computes for long, in a thread. A caller that is cancelled waits for its end: the
    file must not be closed under it.
    """
    running = asyncio.get_running_loop().run_in_executor(None, lambda: work(*args, **options))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait((running,))
        if not running.cancelled():
            running.exception()  # it is looked at: asyncio has nothing to complain of
        raise


def title_of(where: Any) -> str:
    """What errors call a file."""
    if _is_path(where):
        return os.fsdecode(os.fspath(where))
    name = getattr(where, "name", None)
    return name if isinstance(name, str) else f"the {type(where).__name__}"


def _is_path(where: Any) -> bool:
    return isinstance(where, str | bytes | os.PathLike)


def check_file(verb: str, where: Any, method: Literal["read", "write"]) -> None:
    """Refuse what is neither a path nor an open binary file.

    Raises:
        FieldError: names the call and what to give.
    """
    if _is_path(where):
        if not os.fspath(where):
            raise FieldError(f"{verb}(): the path is empty")
        return
    letter = method[0]
    if not callable(getattr(where, method, None)):
        raise FieldError(
            f'{verb}() takes a path or an open binary file (open(path, "{letter}b")), not {shown(where)}'
        )
    mode = getattr(where, "mode", "b")
    if isinstance(where, io.TextIOBase) or (
        isinstance(mode, str) and "b" not in mode and isinstance(where, io.IOBase)
    ):
        raise FieldError(f'{verb}(): the file is open as text; open it as binary: open(path, "{letter}b")')


class Target:
    """A file to be written: ``async with Target(where) as file:``.

    A path gets its new content at the end, all at once: until then the rows go into a file beside it, ``.name.….part``,
    which is removed if the block fails or is cancelled. An open file, a device or a pipe is written as the rows come;
    an open file that can be cut is cut back to where it was if the block fails.
    """

    def __init__(self, where: Any) -> None:
        self._where = where
        self._path: str | None = None
        self._part: str | None = None
        self._file: Any = None
        self._start: int | None = None

    async def __aenter__(self) -> Any:
        try:
            await in_thread(self._open)
        except asyncio.CancelledError:
            await in_thread(self._drop)  # it was opened all the same
            raise
        return self._file

    def _open(self) -> None:
        if not _is_path(self._where):
            self._file = self._where
            with suppress(OSError, ValueError, AttributeError):
                self._start = self._file.tell() if self._file.seekable() else None
            return
        path = os.path.realpath(os.fsdecode(os.fspath(self._where)))
        mode = None
        with suppress(FileNotFoundError):
            mode = os.stat(path).st_mode
        if mode is not None and not stat.S_ISREG(mode):
            self._file = open(path, "wb")  # noqa: SIM115  # closed by __aexit__; a directory is refused here
            self._path = path
            return
        folder, name = os.path.split(path)
        part = os.path.join(folder, f".{name[:100]}.{os.urandom(8).hex()}.part")
        try:
            self._file = open(part, "xb")  # noqa: SIM115
        except OSError as error:
            raise type(error)(error.errno, error.strerror, path) from None
        self._path, self._part = path, part
        if mode is not None:
            with suppress(OSError):
                os.chmod(part, stat.S_IMODE(mode))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await in_thread(self._keep if error is None else self._drop)

    def _keep(self) -> None:
        if self._path is None:
            with suppress(AttributeError):
                self._file.flush()
            return
        try:
            self._file.flush()
            if self._part is not None:
                os.fsync(self._file.fileno())
            self._file.close()
            if self._part is not None:
                os.replace(self._part, self._path)
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._path is None:
            if self._start is not None:
                with suppress(OSError, ValueError, AttributeError):
                    self._file.seek(self._start)
                    self._file.truncate()
            return
        with suppress(OSError):
            self._file.close()
        if self._part is not None:
            with suppress(OSError):
                os.unlink(self._part)


class Origin:
    """A file to be read: ``async with Origin(where) as file:``. Open files are read from where they are."""

    def __init__(self, where: Any) -> None:
        self._where = where
        self._file: Any = None

    async def __aenter__(self) -> Any:
        if not _is_path(self._where):
            return self._where
        try:
            await in_thread(self._open)
        except asyncio.CancelledError:
            await self.__aexit__()  # it was opened all the same
            raise
        return self._file

    def _open(self) -> None:
        self._file = open(os.fspath(self._where), "rb")  # noqa: SIM115

    async def __aexit__(self, *_: object) -> None:
        if self._file is not None:
            await in_thread(self._file.close)


__all__ = ["Origin", "Target", "check_file", "in_thread", "title_of"]
