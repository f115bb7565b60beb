"""Compiled kernels on disk: found again by every process, never stale, never half-written; below the kernels.

Numba's own cache keeps an index file a function and numbers the data files, so two machines that share a
folder can each write "their" file 1; it does not see that a kernel's callee in another file changed; and it
raises where the folder is read-only. Here one file holds one compiled kernel, and its name is a digest of
everything the machine code depends on: source text of the whole kernel package, Python, Numba, LLVM, CPU
model and features, and the signature. Two processes that race write the same bytes under the same name, by
rename.

Folders, in this order: ``NUMBA_CACHE_DIR`` alone if set; else ``__pycache__`` beside the kernels (a read-only
install may bring its kernels compiled, by ``chakra warmup`` at build time), then the user's cache folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import pickle
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps as _dumps

log = logging.getLogger("chakra.columnar")

counts = {"compiled": 0, "loaded": 0}
"""Kernels this process had to compile, and found on disk."""

# Both are untyped in Numba.
_rebuild: Any = CompileResult._rebuild
_pickled: Any = _dumps

HERE = Path(__file__).parent
DIGEST = 32  # bytes of SHA-256 in front of the pickled code


def folders() -> list[Path]:
    """Where compiled kernels may be, best first."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return [Path(chosen) / "chakra"]
    found = [HERE / "__pycache__"]
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(home):
        found.append(Path(home) / "chakra" / "kernels")
    return found


@cache
def stamp() -> bytes:
    """Digest of what every kernel depends on, the CPU aside (the code generator names that)."""
    digest = hashlib.sha256()
    for path in sorted(HERE.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(repr((sys.version, numba.__version__, llvmlite.__version__)).encode())
    return digest.digest()


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
        key = repr((signature, context.codegen().magic_tuple(), self.function.__code__.co_firstlineno))
        return f"{self.name}-{hashlib.sha256(stamp() + key.encode()).hexdigest()[:24]}.nbc"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel, or ``None`` where no folder has a whole file of it."""
        target_context.refresh()
        if self.enabled:
            name = self._file(sig, target_context)
            for folder in folders():
                found = self._load(folder / name, target_context)
                if found is not None:
                    counts["loaded"] += 1
                    return found
        counts["compiled"] += 1
        log.info(
            "compiling kernel %s; this happens once per install (chakra warmup does it ahead)", self.name
        )
        return None

    def _load(self, path: Path, context: Any) -> Any:
        try:
            data = path.read_bytes()
        except OSError:
            return None
        payload = data[DIGEST:]
        if hashlib.sha256(payload).digest() != data[:DIGEST]:
            log.warning("ignoring %s: the file is damaged", path)
            return None
        return _rebuild(context, *pickle.loads(payload))

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write the compiled kernel to the first folder that takes it; without one, say so and go on."""
        if not self.enabled or data.lifted or data.library.has_dynamic_globals:
            return
        payload = _pickled(data._reduce())
        content = hashlib.sha256(payload).digest() + payload
        name = self._file(sig, data.target_context)
        for folder in folders():
            try:
                write(folder / name, content)
            except OSError:
                continue
            return
        log.warning(
            "cannot keep compiled kernel %s: none of %s can be written; set NUMBA_CACHE_DIR",
            self.name,
            ", ".join(map(str, folders())),
        )


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: the folder cannot be made or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=path.name, suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def attach(dispatcher: Any) -> Any:
    """Give a Numba dispatcher this cache."""
    dispatcher._cache = KernelCache(dispatcher.py_func)
    return dispatcher


__all__ = ["KernelCache", "attach", "counts", "folders", "stamp"]
