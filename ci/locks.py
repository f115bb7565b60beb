"""Write the table of locks in docs/migrations.md, out of what a server's ``pg_locks`` says of every operation.

``python ci/locks.py postgresql://…``: the URL of a database that is emptied. ``--check`` changes nothing and fails when
the page is stale.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import chakra
from tests.migrations.measured import measure_all, table

PAGE = Path(__file__).parents[1] / "docs" / "migrations.md"
BEGIN, END = "<!-- written by ci/locks.py -->\n", "<!-- until here: locks -->\n"


def with_table(text: str, made: str) -> str:
    """The page with another table."""
    head, rest = text.split(BEGIN)
    return head + BEGIN + made + END + rest.split(END)[1]


async def main(url: str, check: bool) -> None:
    """Measure, and write or compare."""
    async with await chakra.connect(url) as database:
        made = table(await measure_all(database))
    text = PAGE.read_text(encoding="utf-8")
    fresh = with_table(text, made)
    if fresh != text and check:
        sys.exit(f"{PAGE}: not what the server does; run {sys.executable} ci/locks.py")
    PAGE.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    urls = [word for word in sys.argv[1:] if word != "--check"]
    asyncio.run(main(urls[0], "--check" in sys.argv))
