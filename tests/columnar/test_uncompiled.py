"""The same kernels without Numba: same results, and no access outside their memory."""

from __future__ import annotations

import os
import subprocess
import sys


def test_kernels_stay_inside_their_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.columnar.uncompiled"],
        env={**os.environ, "CHAKRA_JIT": "0"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[0]) > 10_000


def test_the_guard_sees_a_kernel_that_reads_too_far() -> None:
    code = (
        "import tests.columnar.uncompiled as u\n"
        "original = u.rows_decode.decode_rows\n"
        "def careless(source, base, position, end, *rest):\n"
        "    return original(source, base, position, end + 3, *rest)\n"
        "u.rows_decode.decode_rows = careless\n"
        "try: u.decode(u.STREAM[:-1], 0)\n"
        "except u.Forbidden as error: print('caught', error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "CHAKRA_JIT": "0"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.stdout.startswith("caught load_be_i16"), done.stderr[-2000:]
