"""The life of a private PostgreSQL: created, shared, stopped by its last user however that user ends."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chakra import embedded
from chakra.embedded.locks import FileLock
from chakra.errors import ConfigError, EmbeddedError

FAST = {"fsync": False, "shared_buffers": "16MB", "max_connections": 20}
ROOT = Path(__file__).parents[2]


async def ask(url: str, sql: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def is_down(folder: Path) -> bool:
    """No PostgreSQL process of the cluster in ``folder`` is left."""
    with FileLock(folder / "server.lock") as lock:
        return lock.try_lock(shared=False)


def wait_until_down(folder: Path, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_down(folder):
        assert time.monotonic() < deadline, f"PostgreSQL in {folder} is still up after {seconds} s"
        time.sleep(0.02)


USER = """
import sys
from chakra import embedded
server = embedded.start(sys.argv[1], settings={"fsync": False, "shared_buffers": "16MB"})
print(server.url, flush=True)
sys.stdin.read()
"""


def other_process(folder: Path) -> subprocess.Popen[str]:
    """Another process with a handle on the server in ``folder``; it leaves when its stdin is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def leave(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=60)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    if (tmp_path / "data" / "server.lock").exists():
        wait_until_down(tmp_path / "data")


async def test_a_new_folder_becomes_a_server_and_keeps_its_data(folder: Path) -> None:
    with embedded.start(folder, settings=FAST) as server:
        await ask(server.url, "create table kept as select 41 + 1 as i")
        assert await ask(server.url, "show server_encoding") == "UTF8"
        assert await ask(server.url, "show timezone") == "UTC"
        assert await ask(server.url, "show fsync") == "off"
        assert server.version in await ask(server.url, "select version()")
    assert is_down(folder)
    with pytest.raises(OSError):
        await ask(server.url, "select 1")
    with embedded.start(folder) as server:
        assert await ask(server.url, "select i from kept") == 42
        assert await ask(server.url, "show fsync") == "on"


async def test_only_this_user_reaches_it_and_never_over_tcp(folder: Path) -> None:
    with embedded.start(folder, settings=FAST) as server:
        assert await ask(server.url, "show listen_addresses") == ""
        assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((server.socket_folder / ".s.PGSQL.5432").stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "pgdata").stat().st_mode) == 0o700


async def test_a_temporary_server_leaves_nothing_behind() -> None:
    server = await embedded.start_async(settings=FAST)
    assert await ask(server.url, "select 1") == 1
    await server.stop_async()
    assert not server.folder.exists()
    server.stop()  # a second time is allowed


def test_handles_of_one_process_share_the_server(folder: Path) -> None:
    first, second = embedded.start(folder, settings=FAST), embedded.start(folder)
    assert first.url == second.url
    first.stop()
    assert not is_down(folder)
    second.stop()
    assert is_down(folder)


def test_processes_that_start_at_once_share_one_server(folder: Path) -> None:
    users = [other_process(folder) for _ in range(4)]
    assert len({first_line(user) for user in users}) == 1
    for user in users[:3]:
        leave(user)
        assert not is_down(folder)
    leave(users[3])
    assert is_down(folder)


def test_the_server_stops_when_its_last_user_is_killed(folder: Path) -> None:
    user = other_process(folder)
    first_line(user)
    user.kill()
    user.communicate()
    wait_until_down(folder)


async def test_a_user_that_is_killed_does_not_take_the_server_from_others(folder: Path) -> None:
    with embedded.start(folder, settings=FAST) as server:
        user = other_process(folder)
        assert first_line(user) == server.url
        user.kill()
        user.communicate()
        assert await ask(server.url, "select 1") == 1


def processes_of(folder: Path) -> list[int]:
    """Ids of every process whose command line names ``folder``: supervisor and postmaster."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in text and ("supervisor.py" in text or "/postgres\0" in text):
            found.append(int(entry.parent.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_it_recovers_after_everything_was_killed(folder: Path) -> None:
    user = other_process(folder)
    url = first_line(user)
    await ask(url, "create table committed as select 7 as i")
    victims = processes_of(folder)
    assert len(victims) == 2
    # The server before its supervisor, whose end would ask it to shut down in order.
    for pid in [*sorted(victims, reverse=True), user.pid]:
        os.kill(pid, signal.SIGKILL)
    user.communicate()
    wait_until_down(folder)
    # The process id in the leftover now belongs to somebody else: in containers the usual case.
    pid_file = folder / "pgdata" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join(["1", *lines[1:]]) + "\n")
    with embedded.start(folder, settings=FAST) as server:
        assert await ask(server.url, "select i from committed") == 7


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal")
def test_the_server_does_not_outlive_its_supervisor(folder: Path) -> None:
    server = embedded.start(folder, settings=FAST)
    [supervisor] = [
        pid for pid in processes_of(folder) if b"supervisor.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(supervisor, signal.SIGKILL)
    wait_until_down(folder)
    with embedded.start(folder, settings=FAST) as again:
        assert again.url == server.url
        server.stop()
        assert not is_down(folder)


def test_a_forked_child_does_not_stop_its_parents_server(folder: Path) -> None:
    code = f"""
import os, warnings
from chakra import embedded
server = embedded.start({str(folder)!r}, settings={FAST!r})
pid = os.fork()
if pid == 0:
    server.stop()
    os._exit(0)
os.waitpid(pid, 0)
import socket
with socket.socket(socket.AF_UNIX) as probe:
    probe.connect(str(server.socket_folder / ".s.PGSQL.5432"))
print("still up")
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert result.stdout == "still up\n", result.stderr
    assert is_down(folder)


async def test_a_path_too_long_for_a_socket_still_works(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e f'\"ü" * 8)
    with embedded.start(deep, settings=FAST, temporary=True) as server:
        assert not server.socket_folder.is_relative_to(deep)
        assert await ask(server.url, "select 1") == 1
    assert not server.socket_folder.exists()


async def test_the_event_loop_runs_while_the_server_starts(folder: Path) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    task = asyncio.create_task(tick())
    server = await embedded.start_async(folder, settings=FAST)
    task.cancel()
    await server.stop_async()
    assert ticks > 5


async def test_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert embedded.resolve_url("postgresql://a@b/c") == ("postgresql://a@b/c", None)
    url, server = embedded.resolve_url("embedded:///./data?work_mem=3MB&fsync=off")
    assert server is not None
    with server:
        assert server.folder == (tmp_path / "data").resolve()
        assert await ask(url, "show work_mem") == "3MB"
        await ask(url, "create database other")
        absolute, second = embedded.resolve_url(f"embedded:///{tmp_path}/data?dbname=other")
        assert second is not None
        with second:
            assert await ask(absolute, "select current_database()") == "other"
    url, server = embedded.resolve_url("embedded:///:temp:?fsync=off")
    assert server is not None
    with server:
        assert await ask(url, "select 1") == 1
    assert not server.folder.exists()


@pytest.mark.parametrize(
    "url", ["embedded:", "embedded://", "embedded:///", "embedded://host/x", "embedded:./x"]
)
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"embedded:///\./folder"):
        embedded.resolve_url(url)


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"did not start.*shared_buffers") as caught:
        embedded.start(folder, settings={"shared_buffers": "nonsense"})
    assert str(folder) in str(caught.value)
    with embedded.start(folder, settings=FAST):  # and the folder is fine
        pass
