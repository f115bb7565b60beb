"""One launch of a server: check the folder, initdb if needed, supervisor, wait until ready; no SQL."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import select
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chakra.embedded import supervisor
from chakra.embedded.account import Account, needs_capability
from chakra.embedded.binaries import Binaries
from chakra.embedded.locks import FileLock
from chakra.embedded.private import open_private
from chakra.errors import ConfigError, EmbeddedError

__all__ = ["Launch", "folder_error", "refuse_data_directory", "render_settings", "running_socket_folder"]

SOCKET_NAME = ".s.PGSQL.5432"

LONGEST_SOCKET_PATH = 103
"""Bytes of ``sockaddr_un.sun_path`` without its NUL: 107 on Linux, 103 on macOS and the BSDs."""

LOG_LIMIT = 10 * 1024 * 1024
"""Bytes of ``server.log`` above which a start begins a new one and keeps the old as ``server.log.1``."""

OWNED_SETTINGS = frozenset(
    {"listen_addresses", "port", "unix_socket_directories", "unix_socket_permissions", "data_directory"}
)

_FIRST_BUILTIN_LOCALE = 17  # release notes 17, "Migration": the builtin locale provider
_PID_FILE_LINES = 8  # src/include/utils/pidfile.h: LOCK_FILE_LINE_PM_STATUS
_POLL_SECONDS = 0.01


def render_settings(settings: Mapping[str, str | int | float | bool]) -> list[str]:
    """``postgres`` command line options for server settings.

    Raises:
        ConfigError: a name no setting can have, a value with a NUL byte, or a setting the launcher owns.
    """
    options: list[str] = []
    for name, value in settings.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", name):
            raise ConfigError(f"bad PostgreSQL setting name {name!r}")
        if name.lower() in OWNED_SETTINGS:
            raise ConfigError(
                f"the PostgreSQL setting {name!r} belongs to chakra.embedded and cannot be changed"
            )
        text = ("on" if value else "off") if isinstance(value, bool) else str(value)
        if "\0" in text:
            raise ConfigError(f"the value of the PostgreSQL setting {name!r} contains a NUL byte")
        options += ["-c", f"{name}={text}"]
    return options


def folder_error(folder: Path, error: OSError) -> EmbeddedError:
    """What an operating system error in ``folder`` means to the person who chose the folder."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(folder)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return EmbeddedError(
            f"the data folder {folder} cannot be written ({os.strerror(error.errno)}: {error.filename or folder}); "
            "choose a folder this user may write to"
        )
    if error.errno == errno.ELOOP:
        return EmbeddedError(
            f"{error.filename} is a symbolic link (or one in a circle): Chakra opens its own files in {folder} only "
            "where they are; remove it and try again"
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return EmbeddedError(f"the data folder {folder} is not a folder ({error.filename})")
    return EmbeddedError(f"the PostgreSQL in {folder} could not be started: {error}")


def refuse_data_directory(folder: Path) -> None:
    """Raise when ``folder`` is a PGDATA: nothing of ours, not even a lock file, belongs in there."""
    if (folder / "PG_VERSION").exists():
        raise EmbeddedError(
            f"{folder} is a PostgreSQL data directory itself; choose an empty folder, "
            "Chakra makes the data directory inside it"
        )


def running_socket_folder(folder: Path, timeout: float) -> Path | None:
    """Socket folder of the server that runs in ``folder``, or ``None`` when none does.

    Waits for a server that is on its way down (or that accepts no connections yet) until it is one or the
    other.
    """
    deadline = time.monotonic() + timeout
    with FileLock(folder / "server.lock") as server:
        while not server.try_lock(shared=False):
            ready = _ready_socket_folder(folder)
            if ready is not None:
                return ready
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"PostgreSQL processes of {folder} are still there but accept no connections; "
                    f"see {folder / 'server.log'}"
                )
            time.sleep(_POLL_SECONDS)
    return None


@dataclass(frozen=True)
class Launch:
    """Everything one launch needs; :meth:`run` does it. The caller holds ``starting.lock``."""

    folder: Path
    binaries: Binaries
    account: Account | None
    options: list[str]
    temporary: bool
    timeout: float

    def run(self) -> Path:
        """Start the server; returns its socket folder.

        Raises:
            EmbeddedError: see :func:`chakra.embedded.start`.
        """
        pgdata = self.folder / "pgdata"
        log = self.folder / "server.log"
        with contextlib.suppress(FileNotFoundError):
            if log.stat().st_size > LOG_LIMIT:
                log.replace(log.with_suffix(".log.1"))
        if not pgdata.exists():
            self._create(pgdata)
        self._check_version(pgdata)
        socket_folder = self._make_socket_folder()
        # server.lock is free, so no process of this cluster is left: these files are leftovers of kill -9.
        # PostgreSQL itself goes by the process id in them, which another process may have got meanwhile (in
        # containers the usual case) or a zombie may still hold.
        for leftover in (
            pgdata / "postmaster.pid",
            socket_folder / SOCKET_NAME,
            socket_folder / f"{SOCKET_NAME}.lock",
        ):
            leftover.unlink(missing_ok=True)
        self._supervise(pgdata, socket_folder, log)
        return socket_folder

    def _config(self, argv: list[str], *paths: Path) -> dict[str, object]:
        account = self.account
        keep = account is not None and needs_capability([Path(argv[0]), *paths], account)
        return {
            "argv": argv,
            "uid": account.uid if account else None,
            "gid": account.gid if account else None,
            "keep_reading": keep,
        }

    def _own(self, path: Path) -> None:
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)

    def _create(self, pgdata: Path) -> None:
        """Run initdb in a side folder and move it into place: a killed initdb leaves no half cluster."""
        fresh = self.folder / "pgdata.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self._own(fresh)
        argv = [
            self.binaries.program("initdb"),
            "-D",
            str(fresh),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
        ]
        argv += ["--locale=C"]
        if self.binaries.major >= _FIRST_BUILTIN_LOCALE:
            argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self.temporary:
            argv += ["--no-sync"]
        result = self._script("run", self._config(argv, fresh))
        with open(open_private(self.folder / "server.log", os.O_APPEND), "a") as log:
            log.write(result.stdout + result.stderr)
        if result.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise self._failure("initdb failed", result.stderr or result.stdout)
        with (fresh / "postgresql.conf").open("a") as conf:
            conf.write("\n# appended by chakra.embedded\ntimezone = 'UTC'\nlog_timezone = 'UTC'\n")
        fresh.rename(pgdata)

    def _check_version(self, pgdata: Path) -> None:
        try:
            major = (pgdata / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise EmbeddedError(
                f"{pgdata} is there but holds no PostgreSQL cluster (it has no PG_VERSION file); "
                "choose another folder, or remove this one"
            ) from None
        if major != str(self.binaries.major):
            raise EmbeddedError(
                f"the cluster in {self.folder} was made by PostgreSQL {major}, but "
                f"{self.binaries.folder} holds {self.binaries.version}; set CHAKRA_PG_BIN to the bin "
                f"folder of PostgreSQL {major}, or choose another folder"
            )

    def _make_socket_folder(self) -> Path:
        folder = self.folder / "run"
        if not _fits(folder):
            info = self.folder.stat()
            key = hashlib.sha256(f"{self.folder}\0{info.st_dev}\0{info.st_ino}".encode()).hexdigest()[:12]
            folder = Path(tempfile.gettempdir()).resolve() / f"chakra-{os.getuid()}-{key}"
            if not _fits(folder):
                raise EmbeddedError(
                    f"both {self.folder} and {folder} are too long for a unix socket (the limit is "
                    f"{LONGEST_SOCKET_PATH} bytes) or hold a comma; choose another folder, or set TMPDIR to one"
                )
        folder.mkdir(mode=0o700, exist_ok=True)
        info = folder.lstat()
        # In a world-writable temporary folder the name could have been taken by somebody else.
        ours = {os.getuid(), self.account.uid} if self.account else {os.getuid()}
        if not stat.S_ISDIR(info.st_mode) or info.st_uid not in ours:
            raise EmbeddedError(f"{folder} is not a folder of this user; remove it and try again")
        folder.chmod(0o700)
        self._own(folder)
        return folder

    def _supervise(self, pgdata: Path, socket_folder: Path, log: Path) -> None:
        argv = [self.binaries.program("postgres"), "-D", str(pgdata)]
        argv += [
            "-c",
            "listen_addresses=",
            "-c",
            f"unix_socket_directories={_quote_list_item(socket_folder)}",
        ]
        argv += ["-c", "unix_socket_permissions=0700", "-p", "5432", *self.options]
        listen, alive = os.pipe()
        sink = -1
        try:
            config = self._config(argv, pgdata, socket_folder) | {
                "alive": alive,
                "socket": str(socket_folder / SOCKET_NAME),
                "users_lock": str(self.folder / "users.lock"),
                "server_lock": str(self.folder / "server.lock"),
                "delete": [str(socket_folder), str(self.folder)] if self.temporary else [],
            }
            sink = open_private(log, os.O_APPEND)
            begin = os.fstat(sink).st_size
            self._script("supervise", config, sink=sink, alive=alive)
            os.close(alive)
            alive = -1
            deadline = time.monotonic() + self.timeout
            while _ready_socket_folder(self.folder) is None:
                if select.select([listen], [], [], _POLL_SECONDS)[0]:  # end of file: the supervisor has ended
                    raise self._failure(
                        "the server did not start", os.pread(sink, LOG_LIMIT, begin).decode(errors="replace")
                    )
                if time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"the PostgreSQL in {self.folder} accepts no connections "
                        f"after {self.timeout:g} s; see {log}"
                    )
        finally:
            for number in (listen, alive, sink):
                if number >= 0:
                    os.close(number)

    def _script(
        self, command: str, config: dict[str, object], *, sink: int | None = None, alive: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        if not sys.executable:
            raise EmbeddedError("sys.executable is empty: no Python to run the PostgreSQL supervisor with")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_"))} | {
            "LC_ALL": "C"
        }
        return subprocess.run(
            [sys.executable, "-I", "-S", supervisor.__file__, command, json.dumps(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if sink is None else sink,
            stderr=subprocess.PIPE if sink is None else sink,
            pass_fds=() if alive is None else (alive,),
            env=environment,
            text=True,
            errors="replace",
            check=False,
        )

    def _failure(self, what: str, output: str) -> EmbeddedError:
        if "No space left on device" in output or "Disk quota exceeded" in output:
            return _disk_full(self.folder)
        if self.account is not None and "capability CAP_" in output:
            return EmbeddedError(
                f"PostgreSQL refuses to run as root, and the user {self.account.name} it would run as cannot "
                f"enter {self.folder} or {self.binaries.folder}, with no right to grant it here "
                f"({' '.join(output.split()[-6:])}); use folders that every user may enter, or run as another user"
            )
        said = [
            line.strip() for line in output.splitlines() if re.search(r"FATAL|PANIC|error:|HINT|Error", line)
        ]
        reason = " ".join(said[-3:]) or " ".join(output.split()[-40:]) or "it said nothing"
        return EmbeddedError(
            f"PostgreSQL in {self.folder}: {what}: {reason} (log: {self.folder / 'server.log'})"
        )


def _fits(folder: Path) -> bool:
    """Whether a socket can be in a folder and be named in a URL, where a comma separates hosts."""
    return len(os.fsencode(folder / SOCKET_NAME)) <= LONGEST_SOCKET_PATH and "," not in str(folder)


def _disk_full(folder: Path) -> EmbeddedError:
    return EmbeddedError(f"no space left on the disk that holds {folder}; free some or choose another folder")


def _quote_list_item(path: Path) -> str:
    """A folder as an item of a GUC list (src/backend/utils/adt/varlena.c, SplitDirectoriesString)."""
    return '"' + str(path).replace('"', '""') + '"'


def _ready_socket_folder(folder: Path) -> Path | None:
    try:
        lines = (folder / "pgdata" / "postmaster.pid").read_text().splitlines()
    except OSError:
        return None
    if len(lines) < _PID_FILE_LINES or lines[7].strip() != "ready":
        return None
    socket_folder = Path(lines[4])
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(socket_folder / SOCKET_NAME))
        except OSError:
            return None
    return socket_folder
