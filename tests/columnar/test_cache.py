"""The kernel cache: shared, foreign, damaged, read-only or missing folders; what it logs; one signature a kernel."""

from __future__ import annotations

import os
import pickle
import re
import shutil
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


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with the kernels of ``RUN``, and what the process that compiled them said."""
    folder = tmp_path_factory.mktemp("compiled")
    return folder, run(folder)


@pytest.fixture
def warm(compiled: tuple[Path, list[str]], tmp_path: Path) -> Path:
    """A copy of that folder."""
    return shutil.copytree(compiled[0], tmp_path / "warm")


def test_compiled_once_and_found_again(compiled: tuple[Path, list[str]]) -> None:
    tmp_path, lines = compiled
    count = int(lines[-1].split()[0])
    assert count >= 2
    first = f"first use, nothing in {tmp_path / 'chakra'}"
    loud = [line for line in lines if line.startswith("WARNING")]
    assert loud == [
        f"WARNING compiling kernels, which takes seconds (run `chakra warmup` to do it ahead): {first}"
    ]
    assert f"INFO compiling kernel rows_decode.decode_rows: {first}" in lines
    again = run(tmp_path)
    assert again == ["0 2"], count


def test_damaged_files_are_compiled_again(warm: Path) -> None:
    (decode,) = warm.rglob("rows_decode.decode_rows-*.nbc")
    (encode,) = warm.rglob("rows_encode.encode_rows-*.nbc")
    encode.write_bytes(decode.read_bytes())  # whole, but another kernel
    decode.write_bytes(decode.read_bytes()[:-100])
    lines = run(warm)
    for file in (decode, encode):
        assert f"WARNING ignoring {file}: the file is damaged" in lines
    assert lines[-1] == "2 0"  # what both call is part of them
    assert run(warm) == ["0 2"]


FOREIGN = RUN.replace(
    "from chakra.columnar import",
    "from chakra.columnar.kernels import _cache; _cache._trusted = lambda: frozenset([4242])\n"
    "from chakra.columnar import",
)


def test_files_of_other_users_are_not_run(warm: Path) -> None:
    """Code of whoever can write there would run here."""
    folder = warm / "chakra"
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    lines = run(warm, FOREIGN)
    assert lines[-1].endswith(" 0")
    assert sum(f"not using compiled kernels in {folder}: it belongs to user" in line for line in lines) == 1
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    _cache = pytest.importorskip("chakra.columnar.kernels._cache")
    for mode in (0o777, 0o775, 0o1777):
        folder.chmod(mode)
        assert not _cache.usable(folder)
    folder.chmod(0o755)
    assert _cache.usable(folder)


def test_a_file_of_another_user_or_behind_a_link_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _cache = pytest.importorskip("chakra.columnar.kernels._cache")
    monkeypatch.setattr(_cache, "_rebuild", lambda context, *data: data)
    kernel = _cache.KernelCache(test_compiled_once_and_found_again)
    path, payload = tmp_path / "k.nbc", pickle.dumps(("whole",))
    _cache.write(path, _cache._checksum(path.name, payload) + payload)
    assert kernel._load(path, None) == ("whole",)
    link = tmp_path / "link" / path.name
    link.parent.mkdir()
    link.symlink_to(path)
    assert kernel._load(link, None) is None
    for mode in (0o666, 0o664, 0o620):
        path.chmod(mode)
        assert kernel._load(path, None) is None
    path.chmod(0o644)
    monkeypatch.setattr(_cache, "_trusted", lambda: frozenset([4242]))
    assert kernel._load(path, None) is None
    assert [record.message.partition(": ")[2][:14] for record in caplog.records] == [
        "every user can",
        "its group can ",
        "its group can ",
        "it belongs to ",
    ]


def test_a_pipe_in_place_of_a_kernel_is_not_waited_for(warm: Path) -> None:
    (decode,) = warm.rglob("rows_decode.decode_rows-*.nbc")
    decode.unlink()
    os.mkfifo(decode)
    lines = run(warm)
    assert f"WARNING ignoring {decode}: it is no plain file" in lines
    assert any(line.endswith(f"the one in {decode.parent} cannot be used") for line in lines)
    assert decode.is_file()  # and replaced
    assert run(warm) == ["0 2"]


def test_the_folder_beside_the_kernels_is_looked_at_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cache = pytest.importorskip("chakra.columnar.kernels._cache")
    monkeypatch.setattr(_cache, "BESIDE", tmp_path)
    for mode, usable in [(0o755, True), (0o775, False), (0o757, False), (0o1777, False), (0o700, True)]:
        tmp_path.chmod(mode)
        assert _cache.usable(tmp_path) is usable, oct(mode)


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ([["v", "c", "x"], ["w", "d", "s"]], "for other types of arguments"),
        ([["v", "d", "s"], ["w", "c", "s"]], "of another CPU"),
        ([["w", "c", "s"]], "of another version of Chakra, Python or Numba"),
        ([["w", "d", "s"]], "of another version of Chakra, Python or Numba, and of another CPU"),
    ],
)
def test_why_kernels_on_disk_do_not_serve(others: list[list[str]], why: str) -> None:
    _cache = pytest.importorskip("chakra.columnar.kernels._cache")
    assert _cache._difference(["v", "c", "s"], others) == why


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
    warnings = [line for line in lines if "cannot keep compiled kernels" in line]
    assert len(warnings) == 1  # not one a kernel
    assert f"{file / 'chakra'}: Not a directory; set NUMBA_CACHE_DIR" in warnings[0]


WARM_ONE = """
import sys
from chakra.columnar import warmup as _
w = sys.modules["chakra.columnar.warmup"]
w._samples = lambda: [(w.INT4, w.Options(), [w.pa.nulls(1)])]
sys.argv = ["chakra", "warmup"]
from chakra.cli import main
main()
"""


def test_the_warmup_command_says_where_and_fails_where_nothing_is_kept(tmp_path: Path) -> None:
    (line,) = run(tmp_path, WARM_ONE)
    assert line.endswith(f" compiled, 0 from the cache, in {tmp_path / 'chakra'}")
    file = tmp_path / "file"
    file.write_text("")
    env = {**os.environ, "NUMBA_CACHE_DIR": str(file)}
    failed = subprocess.run(
        [sys.executable, "-c", WARM_ONE], env=env, capture_output=True, text=True, check=False
    )
    assert failed.returncode == 1 and not failed.stdout
    assert re.search(r"not kept \((\d) of \1 compiled in .* s\)", failed.stderr)
    assert f"{file / 'chakra'}: Not a directory; set NUMBA_CACHE_DIR" in failed.stderr
    plain = subprocess.run(
        [sys.executable, "-c", WARM_ONE],
        env={**env, "CHAKRA_JIT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert plain.returncode == 1 and "CHAKRA_JIT=0 is set" in plain.stderr


def test_another_cpu_gets_other_names(warm: Path) -> None:
    before = {path.name for path in warm.rglob("rows_encode.encode_rows-*.nbc")}
    lines = run(warm, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert int(lines[-1].split()[0]) >= 2
    assert any(line.endswith(f"those in {warm / 'chakra'} are of another CPU") for line in lines)
    assert not any("version" in line for line in lines)
    assert before < {path.name for path in warm.rglob("rows_encode.encode_rows-*.nbc")}


def test_the_name_of_a_file_holds_all_its_code_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    _cache = pytest.importorskip("chakra.columnar.kernels._cache")
    stamps = {_cache.stamp()}

    def changed(name: str, value: object) -> None:
        monkeypatch.setattr(name, value)
        _cache.stamp.cache_clear()
        _cache._sources.cache_clear()
        stamps.add(_cache.stamp())

    try:
        changed("numba.__version__", "0.99")
        changed("llvmlite.__version__", "0.99")
        changed("sys.version", "3.99")
        changed("numba.core.config.BOUNDSCHECK", 1)
        changed("chakra.columnar.kernels._cache.HERE", Path(__file__).parent)
    finally:
        monkeypatch.undo()
        _cache.stamp.cache_clear()
        _cache._sources.cache_clear()
    assert len(stamps) == 6


def test_without_sources_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a frozen application: nothing would tell the files of two versions apart."""
    _cache = pytest.importorskip("chakra.columnar.kernels._cache")
    monkeypatch.setattr(_cache, "HERE", tmp_path)
    _cache._sources.cache_clear()
    assert _cache.folders() == []
    assert "sources of the kernels are not on disk" in _cache.obstacles()
    monkeypatch.undo()
    _cache._sources.cache_clear()


WARM = """
from chakra.columnar import warmup
from chakra.columnar.kernels import _jit
done = warmup()
names = {(k.__module__, k.py_func.__name__) for k in _jit.KERNELS}
assert not done.unsaved and not done.problem
print(done.compiled, done.cached, len(names))
"""


def test_warmup_leaves_nothing_to_compile(tmp_path: Path) -> None:
    compiled, _, kernels = map(int, run(tmp_path, WARM)[-1].split())
    assert compiled >= kernels > 20
    second, cached, _ = map(int, run(tmp_path, WARM)[-1].split())
    assert second == 0
    assert cached > 20
    assert run(tmp_path) == ["0 2"]
