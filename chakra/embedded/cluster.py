"""Create, start, share and stop a PostgreSQL cluster in a folder; blocking calls, no SQL.

Layout of the folder::

    pgdata/          the cluster, owned by the user PostgreSQL runs as
    run/             the unix socket (in the temporary folder when this path is too long for one, or has a comma)
    server.log       what initdb and the server said; for this user alone
    starting.lock    held while one process starts or stops the server
    users.lock       shared lock, held by every handle for as long as it lives
    server.lock      exclusive lock, inherited by every PostgreSQL process: free when none is left
"""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from chakra.embedded.account import choose_account
from chakra.embedded.binaries import find_binaries
from chakra.embedded.launch import (
    Launch,
    folder_error,
    refuse_data_directory,
    render_settings,
    running_socket_folder,
)
from chakra.embedded.locks import FileLock
from chakra.errors import EmbeddedError

__all__ = ["Server", "in_thread", "start", "start_async"]

T = TypeVar("T")

SUPERUSER = "postgres"
PORT = 5432
"""Part of the socket's file name only; nothing listens on TCP."""

STOP_SECONDS = 90.0
"""Longer than the supervisor's own limits add up to (60 + 10 + 10 s)."""


class Server:
    """A handle on a running private PostgreSQL; the server stops with its last handle, in any process.

    Attributes:
        folder: the folder given to :func:`start`.
        socket_folder: where the unix socket is; only this user and root can reach it.
        version: PostgreSQL's version, e.g. ``"18.6"``.
    """

    def __init__(self, folder: Path, socket_folder: Path, version: str, users: FileLock) -> None:
        self.folder = folder
        self.socket_folder = socket_folder
        self.version = version
        self._users: FileLock | None = users
        self._pid = os.getpid()
        atexit.register(self.stop)

    @property
    def url(self) -> str:
        """URL of the database ``postgres``, as superuser."""
        return self.url_for("postgres")

    def url_for(self, dbname: str) -> str:
        """URL of another database of the same server (it is not created)."""
        host = quote(str(self.socket_folder), safe="/")
        return f"postgresql://{SUPERUSER}@/{quote(dbname, safe='')}?host={host}&port={PORT}"

    def stop(self) -> None:
        """Give this handle back; the last handle stops the server and returns when it is down. Idempotent.

        Raises:
            EmbeddedError: the server did not end in time.
        """
        users, self._users = self._users, None
        if users is None or self._pid != os.getpid():  # a forked child does not own its parent's handle
            return
        atexit.unregister(self.stop)
        try:
            with (
                FileLock(self.folder / "starting.lock") as starting,
                FileLock(self.folder / "server.lock") as server,
            ):
                starting.lock(shared=False, timeout=STOP_SECONDS)
                users.unlock()
                # Neither lock to be had: the supervisor has it and is stopping the server already.
                if not users.try_lock(shared=False) and users.try_lock(shared=True):
                    return  # others hold it too
                users.unlock()
                server.lock(shared=False, timeout=STOP_SECONDS)
        except FileNotFoundError:  # somebody deleted the folder under the server
            return
        finally:
            users.close()

    async def stop_async(self) -> None:
        """:meth:`stop` without blocking the event loop."""
        await asyncio.to_thread(self.stop)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    folder: str | os.PathLike[str] | None = None,
    *,
    settings: Mapping[str, str | int | float | bool] | None = None,
    temporary: bool = False,
    timeout: float = 60.0,
) -> Server:
    """Start the PostgreSQL in ``folder``, or share the one that runs there already.

    The cluster is created when the folder has none: UTF-8, locale C (``C.UTF-8`` of the builtin provider from
    PostgreSQL 17 on), time zone UTC, superuser ``postgres``, no password. The server listens on a unix
    socket in a folder that only this user and root can enter, never on TCP. It stops when the last handle,
    in whatever process, is given back or its process ends, however it ends. As root it runs as ``postgres``
    or ``nobody``.

    Parameters:
        folder: made if it is missing; ``None`` = a new folder in the temporary folder, deleted afterwards.
        settings: server settings such as ``{"work_mem": "64MB", "fsync": False}``; they apply when this
            call is the one that starts the server.
        temporary: delete the folder when the server stops.
        timeout: seconds to wait for the server to accept connections (crash recovery included).

    Raises:
        ConfigError: a setting has no valid name, or is one that this function owns.
        EmbeddedError: no PostgreSQL programs, a folder that cannot be written or belongs to another
            version, a full disk, or a server that does not start; the message names the folder and what to
            do.
    """
    options = render_settings(settings or {})
    binaries = find_binaries()
    if folder is None:
        path, temporary = Path(tempfile.mkdtemp(prefix="chakra-")), True
        path.chmod(0o755)  # the user PostgreSQL runs as must get through; pgdata itself is 0700
    else:
        path = Path(folder).expanduser().absolute()
        if "\n" in str(path) or "\0" in str(path):
            raise EmbeddedError("the path of the data folder holds a line break or a NUL character")
    try:
        path.mkdir(parents=True, exist_ok=True)
        path = path.resolve()
        refuse_data_directory(path)
        while True:
            with FileLock(path / "starting.lock") as starting:
                starting.lock(shared=False, timeout=timeout + STOP_SECONDS)
                if not starting.is_current():  # a temporary folder, deleted while we waited
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                users = FileLock(path / "users.lock")
                try:
                    users.lock(shared=True, timeout=STOP_SECONDS)  # waits for a server that is being stopped
                    if not users.is_current():
                        path.mkdir(parents=True, exist_ok=True)
                        continue
                    launch = Launch(
                        path, binaries, choose_account(path / "pgdata"), options, temporary, timeout
                    )
                    socket_folder = running_socket_folder(path, timeout) or launch.run()
                except BaseException:
                    users.close()
                    raise
                return Server(path, socket_folder, binaries.version, users)
    except OSError as error:
        if folder is None:
            shutil.rmtree(path, ignore_errors=True)
        raise folder_error(path, error) from error
    except EmbeddedError:
        if folder is None:
            shutil.rmtree(path, ignore_errors=True)
        raise


async def start_async(
    folder: str | os.PathLike[str] | None = None,
    *,
    settings: Mapping[str, str | int | float | bool] | None = None,
    temporary: bool = False,
    timeout: float = 60.0,
) -> Server:
    """:func:`start` without blocking the event loop; a cancelled start ends the server it was about to give."""
    return await in_thread(
        lambda: start(folder, settings=settings, temporary=temporary, timeout=timeout), Server.stop
    )


async def in_thread(make: Callable[[], T], undo: Callable[[T], object]) -> T:
    """Await ``make()`` in a thread. A thread cannot be cancelled: if the caller is, what it made is undone."""
    lock = threading.Lock()
    made: list[T] = []
    wanted = True

    def work() -> T:
        result = make()
        with lock:
            made.append(result)
            late = not wanted
        if late:
            undo(result)
        return result

    try:
        return await asyncio.to_thread(work)
    except asyncio.CancelledError:
        with lock:
            wanted = False
            ready = list(made)
        for result in ready:  # it was made, and the cancel came before the news of it
            asyncio.get_running_loop().run_in_executor(None, undo, result)
        raise
