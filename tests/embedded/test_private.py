"""What a cluster's folder may be called and what may lie in it; a start that is given up leaves no server."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from urllib.parse import quote

import pytest

import chakra
from chakra import embedded
from chakra.embedded import cluster, launch
from chakra.embedded.locks import FileLock
from chakra.errors import EmbeddedError

FAST = {"fsync": False, "shared_buffers": "16MB", "max_connections": 20}
FILES = ["server.log", "starting.lock", "users.lock", "server.lock"]


def stopped(folder: Path) -> bool:
    """Whether no process of the cluster is left; waits for one that is on its way down."""
    with FileLock(folder / "server.lock") as lock:
        lock.lock(shared=False, timeout=60)
    return True


def test_files_are_for_this_user_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "server.log").touch(0o644)
    os.chmod(tmp_path / "server.log", 0o644)
    umask = os.umask(0)
    try:
        embedded.start(tmp_path, settings=FAST).stop()
    finally:
        os.umask(umask)
    assert (tmp_path / "server.log").read_text()
    assert {name: oct((tmp_path / name).stat().st_mode & 0o777) for name in FILES} == dict.fromkeys(
        FILES, "0o600"
    )


@pytest.mark.parametrize("name", ["server.log", "starting.lock", "users.lock"])
@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
def test_nothing_but_plain_files_of_our_own_is_opened(tmp_path: Path, name: str, kind: str) -> None:
    folder, target = tmp_path / "data", tmp_path / "target"
    folder.mkdir()
    place = folder / name
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(target)
    if kind == "link":
        target.write_text("precious")
    with pytest.raises(EmbeddedError, match=name):
        embedded.start(folder, settings=FAST)
    if kind == "link":
        assert target.read_text() == "precious"
        assert stat.S_IMODE(target.stat().st_mode) & 0o044
    assert target.exists() is (kind == "link")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a file of somebody else")
def test_a_file_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "server.log").touch()
    os.chown(tmp_path / "server.log", 12345, 12345)
    with pytest.raises(EmbeddedError, match=r"server\.log belongs to user 12345"):
        embedded.start(tmp_path, settings=FAST)


@pytest.mark.parametrize(
    "name",
    ["a, b", 'say "hi"', "it's", "100%", "a b", "$HOME", "-D", "#1 ?", "ü", "a=b&c", "back\\slash", "[x]"],
)
async def test_names_of_folders(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    async with chakra.connect(f"embedded:///{quote(str(folder))}?fsync=off&shared_buffers=16MB") as db:
        assert await db.fetchval("show data_directory") == str(folder / "pgdata")
    assert stopped(folder)


def test_a_line_break_in_the_name(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="line break"):
        embedded.start(tmp_path / "a\nb")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("way", ["connect", "start_async"])
async def test_a_connect_that_is_given_up_ends_its_server(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = asyncio.Event()
    loop = asyncio.get_running_loop()
    run = launch.Launch.run

    def launch_and_tell(self: launch.Launch) -> Path:
        path = run(self)
        loop.call_soon_threadsafe(started.set)
        return path

    monkeypatch.setattr(launch.Launch, "run", launch_and_tell)
    if way == "connect":
        work = asyncio.create_task(chakra.connect(f"embedded:///{tmp_path}?fsync=off")._connect())
    else:
        work = asyncio.create_task(embedded.start_async(tmp_path, settings=FAST))
    await started.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert await asyncio.to_thread(stopped, tmp_path)


async def test_what_was_ready_when_the_cancel_came_is_undone() -> None:
    undone: list[int] = []
    loop = asyncio.get_running_loop()
    gate = asyncio.Event()

    def make() -> int:
        loop.call_soon_threadsafe(gate.set)
        return 7

    task = asyncio.create_task(cluster.in_thread(make, undone.append))
    await gate.wait()
    task.cancel()
    try:
        assert await task == 7  # the thread was faster: it is the caller's
    except asyncio.CancelledError:
        await loop.shutdown_default_executor()
        assert undone == [7]


async def test_a_connection_that_fails_ends_its_server(tmp_path: Path) -> None:
    with pytest.raises(chakra.DatabaseError, match="does not exist"):
        await chakra.connect(f"embedded:///{tmp_path}?fsync=off&dbname=nowhere")
    assert await asyncio.to_thread(stopped, tmp_path)


def test_a_start_that_takes_too_long_ends_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.start(tmp_path, settings=FAST).stop()
    monkeypatch.setattr(launch, "_ready_socket_folder", lambda folder: None)
    with pytest.raises(EmbeddedError, match="accepts no connections after"):
        embedded.start(tmp_path, settings=FAST, timeout=0)
    assert stopped(tmp_path)
