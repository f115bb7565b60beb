"""A PostgreSQL on a TCP port, for what a unix socket cannot show: TLS, resets, ``ci/matrix.sh``.

``chakra.embedded`` listens on no network on purpose. Here it only makes the cluster, and finds the programs and the
user they run as (``CHAKRA_PG_BIN`` picks the version); then the server is started on a free port of 127.0.0.1.

``python -m tests.servers COMMAND …`` runs a command with such a server in ``CHAKRA_TEST_DSN``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chakra.embedded import find_binaries, start, supervisor
from chakra.embedded.account import choose_account, needs_capability
from chakra.embedded.launch import render_settings
from chakra.embedded.pytest_plugin import TEST_SETTINGS

Prepare = Callable[[Path, Callable[[Path], None]], None]


@dataclass(frozen=True)
class TcpServer:
    """A server that runs: ``port`` on 127.0.0.1 (``localhost`` in certificates), ``pgdata``, ``log``."""

    port: int
    pgdata: Path
    log: Path

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"


@contextmanager
def tcp_server(
    settings: Mapping[str, str | int | float | bool] | None = None, prepare: Prepare | None = None
) -> Iterator[TcpServer]:
    """Start a server that is deleted at the end of the block.

    Args:
        settings: besides ``TEST_SETTINGS``.
        prepare: called with the data directory, and a function that gives a file to the server's user, before the
            server starts.
    """
    folder = Path(tempfile.mkdtemp(prefix="chakra-tcp-"))
    folder.chmod(0o755)
    try:
        start(folder, settings=TEST_SETTINGS).stop()
        pgdata, log = folder / "pgdata", folder / "tcp.log"
        account = choose_account(pgdata)

        def give(path: Path) -> None:
            path.chmod(0o600)
            if account is not None:
                os.chown(path, account.uid, account.gid)

        if prepare is not None:
            prepare(pgdata, give)
        port = _free_port()
        program = find_binaries().program("postgres")
        argv = [
            program,
            "-D",
            str(pgdata),
            "-p",
            str(port),
            *render_settings(TEST_SETTINGS | dict(settings or {})),
        ]
        argv += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        config = {
            "argv": argv,
            "uid": account.uid if account else None,
            "gid": account.gid if account else None,
            "keep_reading": account is not None and needs_capability([Path(program), pgdata], account),
        }
        with log.open("w") as sink:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", supervisor.__file__, "run", json.dumps(config)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_"))}
                | {"LC_ALL": "C"},
                start_new_session=True,  # Ctrl-C is ours; the server is told when the tests have ended
            )
        try:
            _wait_until_ready(process, pgdata, log)
            yield TcpServer(port, pgdata, log)
        finally:
            process.send_signal(signal.SIGINT)  # fast shutdown
            process.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], pgdata: Path, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if (pgdata / "postmaster.pid").read_text().splitlines()[7].strip() == "ready":
                return
        except (OSError, IndexError):
            pass
        time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")


def main() -> int:
    """Run the command in ``sys.argv`` with a server of its own; returns its exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tcp_server() as server:
        return subprocess.run(
            sys.argv[1:], env=os.environ | {"CHAKRA_TEST_DSN": server.url}, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
