"""A stand-alone script that drops root and keeps a PostgreSQL alive; standard library only, run by path.

It imports nothing of Chakra so that it starts in ~15 ms under ``python -I -S`` and can be read in one
sitting. Two commands, both given one JSON object as the last argument:

``run``        drop privileges and replace this process by ``argv`` (used for initdb)
``supervise``  start ``argv`` as a child, wait until nobody holds ``users_lock``, stop the child

A user of the cluster holds a shared ``flock`` for as long as it lives; the kernel gives it back however the
user ends, ``kill -9`` included. So "the last one out" needs no process ids and no heartbeat. ``server_lock``
is locked exclusively and inherited by every PostgreSQL process: it is free exactly when none of them is left.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import sys
import time
from typing import Any, NoReturn

# <linux/prctl.h>, <linux/capability.h>, <linux/securebits.h>
_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_READ = 23
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_LINUX_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2

_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC

_STOP_SECONDS = 60.0
"""How long a fast shutdown may take before the server is told to quit without a checkpoint."""


class _ChildEnded(Exception):
    """SIGCHLD arrived: the server ended on its own."""


def _keep_reading_capability() -> None:
    """Keep, across setuid and exec, the right to walk folders that are closed to the new user.

    The narrowest capability that is there: CAP_DAC_READ_SEARCH, or CAP_DAC_OVERRIDE where containers drop
    the former. SECBIT_NO_SETUID_FIXUP makes ``access(2)``, which PostgreSQL uses to find its own files,
    honour it as well.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    cap = next(
        (
            c
            for c in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE)
            if libc.prctl(_PR_CAPBSET_READ, c, 0, 0, 0) == 1
        ),
        None,
    )
    if cap is None:
        raise OSError("capability CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE is missing")
    if libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "capability CAP_SETPCAP is missing")
    setid = (1 << 6) | (1 << 7)  # CAP_SETGID, CAP_SETUID: needed below, gone with the exec
    header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable; twice, for capabilities 0-31 and 32-63
    data = (ctypes.c_uint32 * 6)((1 << cap) | setid, (1 << cap) | setid, 1 << cap, 0, 0, 0)
    if libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    if libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_CAP_AMBIENT_RAISE)")


def _become(config: dict[str, Any], *, parent: int | None = None) -> NoReturn:
    """Take the user in ``config`` (if one is given) and run ``argv`` in this process.

    With ``parent``, the server gets SIGINT (fast shutdown) when that process dies.
    """
    os.umask(0o077)
    os.chdir("/")
    if config["uid"] is not None:
        if config["keep_reading"]:
            _keep_reading_capability()
        os.setgroups([])
        os.setresgid(config["gid"], config["gid"], config["gid"])
        os.setresuid(config["uid"], config["uid"], config["uid"])
    if parent is not None:
        if sys.platform == "linux":
            # after the change of user, which clears it (prctl(2))
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
    os.execv(config["argv"][0], config["argv"])


def _is_recovering(socket_path: str) -> bool:
    """Whether the server turns connections away because it recovers from a crash (SQLSTATE 57P03).

    Sends a StartupMessage (manual, section 54.7: length, version 3.0, parameters) and looks at the answer.
    """
    parameters = b"user\0postgres\0database\0postgres\0\0"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(2.0)
            probe.connect(socket_path)
            probe.sendall(struct.pack("!ii", 8 + len(parameters), 3 << 16) + parameters)
            return b"C57P03\0" in probe.recv(1024)
    except OSError:
        return False


def _stop(pid: int, socket_path: str) -> None:
    """Fast shutdown, then immediate (manual: "Shutting Down the Server"), and wait for the end.

    A server in crash recovery is stopped at once: a fast shutdown may wait for a recovery that cannot go on
    (seen with PostgreSQL 18.6 on a full disk: 60 s), and it has to recover at its next start anyway.
    """
    steps = [(signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)]
    if _is_recovering(socket_path):
        del steps[0]
    for signum, seconds in steps:
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return
            time.sleep(0.01)


def _supervise(config: dict[str, Any]) -> int:
    """Run the server until its last user is gone; returns the exit status for this process."""

    def child_ended(signum: int, frame: object) -> None:
        raise _ChildEnded

    if os.fork():  # the starter gets its process back; who listens at the other end of `alive` sees our end
        return 0
    os.setsid()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    server_lock = os.open(config["server_lock"], _LOCK_FLAGS, 0o600)
    fcntl.flock(server_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.set_inheritable(server_lock, True)
    users_lock = os.open(config["users_lock"], _LOCK_FLAGS, 0o600)
    me = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(signum, signal.SIG_DFL)
            os.close(config["alive"])
            _become(config, parent=me)
        except Exception as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(127)
    try:
        signal.signal(signal.SIGCHLD, child_ended)
        if os.waitpid(pid, os.WNOHANG)[0]:  # it ended before the handler was there
            return 1
        fcntl.flock(users_lock, fcntl.LOCK_EX)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    except _ChildEnded:
        return 1
    _stop(pid, config["socket"])
    for folder in config["delete"]:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def main() -> None:
    """Entry point: ``python -I -S supervisor.py run|supervise JSON``."""
    command, config = sys.argv[1], json.loads(sys.argv[2])
    if command == "run":
        try:
            _become(config)
        except OSError as error:
            sys.exit(str(error))
    sys.exit(_supervise(config))


if __name__ == "__main__":
    main()
