"""Compiled kernels on disk: found again by every process, never stale, never half-written; below the kernels.

Numba's own cache keeps an index file a function and numbers the data files, so two machines that share a
folder can each write "their" file 1; it does not see that a kernel's callee in another file changed; and it
raises where the folder is read-only. Here one file holds one compiled kernel, and its name is a digest of
everything the machine code depends on, in three parts: source text of the whole kernel package with Python, Numba and
LLVM; CPU model and features; the signature. Two processes that race write the same bytes under the same name, by
rename.

Folders, in this order: ``NUMBA_CACHE_DIR`` alone if set; else ``__pycache__`` beside the kernels (a read-only
install may bring its kernels compiled, by ``chakra warmup`` at build time), then the user's cache folder.

A file is machine code and a pickle: whoever writes it runs code in this process. So a folder or a file counts
only if it belongs to this user, to root, or to the owner of the installed package (who can change the kernels
anyway), if neither its group nor everybody can write to it, and only under the name that its checksum was made with.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import pickle
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core import config as _config
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps as _dumps

log = logging.getLogger("chakra.columnar")

counts = {"compiled": 0, "loaded": 0, "saved": 0}
"""Kernels this process had to compile, found on disk, and wrote to disk."""

places: dict[str, None] = {}
"""Folders this process found kernels in or wrote them to, in that order."""

unusable: dict[str, str] = {}
"""Folders that did not take a kernel or must not be trusted, and why."""

_said: set[str] = set()

# All three are untyped in Numba.
_rebuild: Any = CompileResult._rebuild
_pickled: Any = _dumps
_settings: Any = _config

HERE = Path(__file__).parent
BESIDE = HERE / "__pycache__"
DIGEST = 32  # bytes of SHA-256 in front of the pickled code


def folders() -> list[Path]:
    """Where compiled kernels may be, best first."""
    if not _sources():
        return []
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return [Path(chosen) / "chakra"]
    found = [BESIDE]
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(home):
        found.append(Path(home) / "chakra" / "kernels")
    return found


@cache
def _sources() -> list[Path]:
    """Files of the kernels; none in a frozen application, where nothing would tell two versions apart."""
    return sorted(HERE.glob("*.py")) or sorted(HERE.glob("*.pyc"))


@cache
def stamp() -> bytes:
    """Digest of what every kernel depends on, the CPU aside (the code generator names that)."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    versions = (sys.version, numba.__version__, llvmlite.__version__)
    settings = (_settings.OPT, _settings.BOUNDSCHECK, _settings.DEBUGINFO_DEFAULT)
    digest.update(repr((versions, settings)).encode())
    return digest.digest()


def _trusted() -> frozenset[int]:
    """Users whose code runs here anyway; not cached, for servers that give up root after their imports."""
    return frozenset((0, os.geteuid(), HERE.stat().st_uid))


def _distrust(status: os.stat_result) -> str:
    """Why a file or folder of this status could hold the code of somebody else; empty if it could not."""
    if status.st_uid not in _trusted():
        return f"it belongs to user {status.st_uid}, this process to user {os.geteuid()}"
    if status.st_mode & stat.S_IWOTH:
        return "every user can write to it; chmod o-w makes it usable"
    if status.st_mode & stat.S_IWGRP:
        return "its group can write to it; chmod g-w makes it usable"
    return ""


def usable(folder: Path) -> bool:
    """Whether nobody but trusted users can have put files there; a folder that is not there yet will do."""
    try:
        why = _distrust(folder.stat())
    except OSError:
        return True
    if why:
        unusable[str(folder)] = why
        # Beside the kernels where umask is 002, as some systems have it: the user's own folder serves instead.
        level = logging.INFO if folder == BESIDE else logging.WARNING
        once(f"not using compiled kernels in {folder}: {why}", level)
    return not why


def once(message: str, level: int = logging.WARNING) -> None:
    """Tell something once in a process, not once a kernel."""
    if message not in _said:
        _said.add(message)
        log.log(level, "%s", message)


def quiet() -> None:
    """Compiling is what the caller asked for: no warning that it takes time."""
    _said.add("compiling")


def _checksum(name: str, payload: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + payload).digest()


class KernelCache(_Cache):
    """The cache of one kernel, in the shape Numba's dispatcher calls."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        self.enabled = True

    @property
    def cache_path(self) -> Any:
        """The first folder, whether it can be written or not."""
        return str(folders()[0])

    def enable(self) -> None:
        """Use the files."""
        self.enabled = True

    def disable(self) -> None:
        """Compile in every process."""
        self.enabled = False

    def flush(self) -> None:
        """Remove every compiled form of this kernel."""
        for folder in folders():
            for path in folder.glob(f"{self.name}-*.nbc"):
                with contextlib.suppress(OSError):
                    path.unlink()

    def _file(self, signature: Any, context: Any) -> str:
        parts = (stamp(), _digest(context.codegen().magic_tuple()), _digest((signature, self._line)))
        return "-".join((self.name, *(part.hex()[:16] for part in parts))) + ".nbc"

    @property
    def _line(self) -> int:
        line: int = self.function.__code__.co_firstlineno
        return line

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel, or ``None`` where no folder has a whole file of it."""
        target_context.refresh()
        searched = [folder for folder in folders() if usable(folder)] if self.enabled else []
        name = self._file(sig, target_context) if searched else ""
        for folder in searched:
            found = self._load(folder / name, target_context)
            if found is not None:
                counts["loaded"] += 1
                places[str(folder)] = None
                return found
        counts["compiled"] += 1
        why = self._why(searched, name)
        if "compiling" not in _said:
            # The first one only, and louder: an application that has not set up logging shows it too.
            _said.add("compiling")
            log.warning(
                "compiling kernels, which takes seconds (run `chakra warmup` to do it ahead): %s", why
            )
        log.info("compiling kernel %s: %s", self.name, why)
        return None

    def _why(self, searched: list[Path], name: str) -> str:
        """Why nothing on disk served, for the one who waits."""
        if not searched:
            return "no folder to keep compiled kernels in"
        for folder in searched:
            if (folder / name).exists():
                return f"the one in {folder} cannot be used"
        for folder in searched:
            others = [path.stem.split("-")[-3:] for path in folder.glob(f"{self.name}-*-*-*.nbc")]
            if others:
                return (
                    f"those in {folder} are {_difference(name.removesuffix('.nbc').split('-')[-3:], others)}"
                )
        return f"first use, nothing in {' or '.join(map(str, searched))}"

    def _load(self, path: Path, context: Any) -> Any:
        try:
            # O_NONBLOCK: opening a pipe must not wait for its other end.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with open(os.open(path, flags), "rb") as file:
                status = os.fstat(file.fileno())
                why = _distrust(status) if stat.S_ISREG(status.st_mode) else "it is no plain file"
                data = b"" if why else file.read()
        except OSError:
            return None
        payload = data[DIGEST:]
        if not why and _checksum(path.name, payload) != data[:DIGEST]:
            why = "the file is damaged"
        if why:
            log.warning("ignoring %s: %s", path, why)
            return None
        return _rebuild(context, *pickle.loads(payload))

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write the compiled kernel to the first folder that takes it; without one, say so and go on."""
        if not self.enabled or data.lifted or data.library.has_dynamic_globals:
            return
        payload = _pickled(data._reduce())
        for folder in folders():
            name = self._file(sig, data.target_context)
            try:
                saved = write(folder / name, _checksum(name, payload) + payload)
            except OSError as error:
                unusable[str(folder)] = error.strerror or str(error)
                continue
            if saved:
                counts["saved"] += 1
                places[str(folder)] = None
                return
        once(f"cannot keep compiled kernels, every process compiles them again: {obstacles()}")


def _digest(value: object) -> bytes:
    return hashlib.sha256(repr(value).encode()).digest()


def _difference(wanted: list[str], others: list[list[str]]) -> str:
    """What sets kernels apart whose names have other versions, CPUs and signatures than the one that is wanted."""
    version, cpu, _ = wanted
    of_version = [other for other in others if other[0] == version]
    if any(other[1] == cpu for other in of_version):
        return "for other types of arguments"
    if of_version:
        return "of another CPU"
    if any(other[1] == cpu for other in others):
        return "of another version of Chakra, Python or Numba"
    return "of another version of Chakra, Python or Numba, and of another CPU"


def obstacles() -> str:
    """Why no folder takes kernels, and what to do."""
    if not folders():
        return "the sources of the kernels are not on disk, so nothing tells their versions apart"
    reasons = "; ".join(f"{folder}: {unusable.get(str(folder), 'not tried')}" for folder in folders())
    return f"{reasons}; set NUMBA_CACHE_DIR to a folder that this user owns and can write"


def write(path: Path, content: bytes) -> bool:
    """Write a file whole or not at all; ``False`` where its folder must not be trusted.

    Raises:
        OSError: the folder cannot be made or written.
    """
    path.parent.mkdir(0o755, parents=True, exist_ok=True)
    if not usable(path.parent):
        return False
    handle, temporary = tempfile.mkstemp(prefix=path.name, suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return True


def attach(dispatcher: Any) -> Any:
    """Give a Numba dispatcher this cache."""
    dispatcher._cache = KernelCache(dispatcher.py_func)
    return dispatcher


__all__ = ["KernelCache", "attach", "counts", "folders", "obstacles", "places", "quiet", "stamp"]
