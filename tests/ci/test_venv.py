"""``ci/venv.sh`` on machines with no Python, half a Python, or an environment whose making was broken off."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "ci" / "venv.sh"

# A python3 as a bare Debian has it. `-m venv` fails after it made the folder, as long as there is no python3-venv
# (the file "venv-is-installed"); packages "installed" into an environment are files in it.
PYTHON = """#!/bin/bash
here=$(dirname "$0")
packages=$here/../lib/python3.13/site-packages
case "$*" in
    "--version") echo "Python $(cat "$FAKES/version")" ;;
    -c\\ *print*) echo python3.13-venv ;;
    -c\\ *) [ "$(cat "$FAKES/version")" != 3.9.2 ] ;;
    -m\\ venv\\ *)
        target=${!#}
        [ "$3" = --clear ] && rm -rf "$target"
        mkdir -p "$target/bin" "$target/lib/python3.13/site-packages"
        touch "$target/pyvenv.cfg"
        cp "$0" "$target/bin/python"
        if [ ! -e "$FAKES/venv-is-installed" ]; then
            echo "The virtual environment was not created successfully because ensurepip is not available." >&2
            exit 1
        fi
        touch "$target/lib/python3.13/site-packages/pip" ;;
    "-m pip --version") [ -e "$packages/pip" ] ;;
    -m\\ ensurepip*) [ -e "$FAKES/venv-is-installed" ] && touch "$packages/pip" ;;
    -m\\ pip\\ install*) [ -e "$packages/pip" ] && touch "$packages/chakra" ;;
    *) echo "unexpected: $*" >&2; exit 9 ;;
esac
"""


class Machine:
    """A checkout and a PATH that has nothing but a few tools and, maybe, the Python above."""

    def __init__(self, root: Path) -> None:
        self.checkout = root / "checkout"
        self.bin = root / "bin"
        self.fakes = root / "fakes"
        for folder in (self.checkout / "ci", self.bin, self.fakes):
            folder.mkdir(parents=True)
        shutil.copy(SCRIPT, self.checkout / "ci" / "venv.sh")
        (self.checkout / "pyproject.toml").touch()
        for tool in ("bash", "cat", "cksum", "cp", "dirname", "mkdir", "rm", "touch"):
            (self.bin / tool).symlink_to(str(shutil.which(tool)))

    def install_python(self, version: str = "3.13.5") -> None:
        (self.bin / "python3").write_text(PYTHON)
        (self.bin / "python3").chmod(0o755)
        (self.fakes / "version").write_text(version)

    def install_venv(self) -> None:
        (self.fakes / "venv-is-installed").touch()

    def run(self) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.bin), "FAKES": str(self.fakes), "HOME": os.environ.get("HOME", "/")}
        return subprocess.run(
            [str(self.bin / "bash"), "ci/venv.sh", "demo"],
            cwd=self.checkout,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def works(self) -> bool:
        return (self.checkout / ".venv/lib/python3.13/site-packages/chakra").exists()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_python_it_says_what_to_install(machine: Machine) -> None:
    ran = machine.run()
    assert ran.returncode == 1
    assert "there is no 'python3'" in ran.stderr
    assert "apt install python3 python3-venv" in ran.stderr
    assert "PYTHON=" in ran.stderr


def test_an_old_python_is_named(machine: Machine) -> None:
    machine.install_python("3.9.2")
    ran = machine.run()
    assert ran.returncode == 1
    assert "'python3' is Python 3.9.2" in ran.stderr


def test_after_python3_venv_was_installed_it_goes_on(machine: Machine) -> None:
    machine.install_python()
    ran = machine.run()
    assert ran.returncode == 1
    assert "apt install python3-venv" in ran.stderr
    assert "python3.13-venv" in ran.stderr
    machine.install_venv()
    ran = machine.run()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert machine.works


def test_an_environment_left_half_made_is_made_again(machine: Machine) -> None:
    machine.install_python()
    half = machine.checkout / ".venv"
    (half / "bin").mkdir(parents=True)
    (half / "lib/python3.13/site-packages").mkdir(parents=True)
    (half / "pyvenv.cfg").touch()
    shutil.copy(machine.bin / "python3", half / "bin/python")
    machine.install_venv()
    ran = machine.run()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "half-made" in ran.stdout
    assert machine.works


def test_an_environment_whose_python_is_gone_is_made_again(machine: Machine) -> None:
    machine.install_python()
    machine.install_venv()
    assert machine.run().returncode == 0
    python = machine.checkout / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/no/such/python")
    assert machine.run().returncode == 0
    assert machine.works


def test_an_environment_with_packages_and_without_pip_gets_pip(machine: Machine) -> None:
    machine.install_python()
    machine.install_venv()
    assert machine.run().returncode == 0
    packages = machine.checkout / ".venv/lib/python3.13/site-packages"
    (packages / "pip").unlink()
    (packages / "numpy").touch()
    (machine.checkout / ".venv/.chakra-demo").unlink()
    assert machine.run().returncode == 0
    assert (packages / "numpy").exists()
    assert (packages / "pip").exists()


def test_a_folder_that_is_something_else_is_left_alone(machine: Machine) -> None:
    machine.install_python()
    machine.install_venv()
    kept = machine.checkout / ".venv" / "letters.txt"
    kept.parent.mkdir()
    kept.touch()
    ran = machine.run()
    assert ran.returncode == 1
    assert "is no Python environment" in ran.stderr
    assert kept.exists()


def test_a_second_run_does_nothing(machine: Machine) -> None:
    machine.install_python()
    machine.install_venv()
    assert machine.run().returncode == 0
    ran = machine.run()
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
