"""Run as a program: times an import, or the first read of columns, in a process that has done nothing yet."""

from __future__ import annotations

import json
import sys
import time


def imported(module: str) -> dict[str, object]:
    """Import a module and say what came with it."""
    start = time.perf_counter()
    __import__(module)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "modules": [name for name in sys.modules if "." not in name]}


def read(url: str) -> dict[str, object]:
    """Connect, then time the first ``to_arrow``."""
    import asyncio

    import chakra
    from asv_bench.harness.models import User

    async def first() -> float:
        async with chakra.connect(url):
            start = time.perf_counter()
            table = await User.objects.filter(id__lte=1_000).to_arrow()
            seconds = time.perf_counter() - start
            assert table.num_rows == 1_000
            return seconds

    return {"seconds": asyncio.run(first())}


if __name__ == "__main__":
    print(json.dumps((imported if sys.argv[1] == "import" else read)(sys.argv[2])))
