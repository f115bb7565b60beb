"""The kernel cache: shared, damaged, read-only or missing folders; the log line; one signature a kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
logging.getLogger("numba").setLevel(logging.WARNING)
from chakra.columnar import decode_table, encode
import pyarrow as pa
stream = b"".join(encode(pa.table({"a": [1, None], "b": ["x", "y"]}), {"a": "bigint", "b": "text"}))
assert decode_table([stream], {"a": "bigint", "b": "text"}).num_rows == 2
from chakra.columnar.kernels import _cache
print(_cache.counts["compiled"], _cache.counts["loaded"])
"""


def start(folder: Path | str, code: str = RUN, **more: str) -> subprocess.Popen[str]:
    env = {**os.environ, "NUMBA_CACHE_DIR": str(folder), **more}
    return subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True)


def run(folder: Path | str, code: str = RUN, **more: str) -> list[str]:
    process = start(folder, code, **more)
    out, _ = process.communicate(timeout=200)
    assert process.returncode == 0
    return out.splitlines()


def test_compiled_once_and_found_again(tmp_path: Path) -> None:
    lines = run(tmp_path)
    compiled, loaded = map(int, lines[-1].split())
    assert compiled >= 2
    assert any(
        line.startswith("INFO compiling kernel rows_decode.decode_rows; this happens once") for line in lines
    )
    again = run(tmp_path)
    assert again == ["0 2"], loaded


def test_damaged_files_are_compiled_again(tmp_path: Path) -> None:
    run(tmp_path)
    files = sorted(tmp_path.rglob("rows_decode.decode_rows-*.nbc"))
    files[0].write_bytes(files[0].read_bytes()[:-100])
    lines = run(tmp_path)
    assert any("damaged" in line for line in lines)
    assert lines[-1].startswith("1 ") or lines[-1].startswith("2 ")  # the kernel, with or without its callee
    assert run(tmp_path) == ["0 2"]


def test_several_processes_at_once(tmp_path: Path) -> None:
    processes = [start(tmp_path) for _ in range(3)]
    for process in processes:
        process.communicate(timeout=200)
        assert process.returncode == 0
    assert run(tmp_path) == ["0 2"]
    assert not list(tmp_path.rglob("*.tmp"))


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    lines = run(file)  # a file where the folder should be: also root cannot write there
    assert any("cannot keep compiled kernel" in line and "NUMBA_CACHE_DIR" in line for line in lines)


def test_changed_sources_and_cpus_get_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path)
    before = {path.name for path in tmp_path.rglob("rows_encode.encode_rows-*.nbc")}
    lines = run(tmp_path, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert int(lines[-1].split()[0]) >= 2
    assert before < {path.name for path in tmp_path.rglob("rows_encode.encode_rows-*.nbc")}
    changed = RUN.replace(
        "from chakra.columnar import",
        "from chakra.columnar.kernels import _cache; _cache.stamp = lambda: b'another version'\n"
        "from chakra.columnar import",
    )
    assert int(run(tmp_path, changed)[-1].split()[0]) >= 2


WARM = """
from chakra.columnar import warmup
from chakra.columnar.kernels import _jit
done = warmup()
names = {k.py_func.__name__ for k in _jit.KERNELS}
print(done.compiled, done.cached, len(names))
"""


def test_warmup_leaves_nothing_to_compile(tmp_path: Path) -> None:
    compiled, _, kernels = map(int, run(tmp_path, WARM)[-1].split())
    assert compiled >= kernels > 20
    second, cached, _ = map(int, run(tmp_path, WARM)[-1].split())
    assert second == 0
    assert cached > 20
    assert run(tmp_path) == ["0 2"]
