"""The tutorial on data as a notebook, examples/flights.ipynb: its text, its code and the outputs that it shows.

``--check`` changes nothing and fails when the notebook is stale. ``--draw`` runs the page against the database that
``CHAKRA_DATABASE_URL`` names, or a private one in a new folder, and takes its picture into docs/images.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import inspect
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tutorial-data.md"
NOTEBOOK = ROOT / "examples" / "flights.ipynb"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)
PICTURE = re.compile(r"^!\[[^\]]*\]\((images/[^)]+)\)\n", re.M)
ONLY_FILES = "matplotlib.use("  # a notebook shows what is drawn


def _lines(text: str) -> list[str]:
    return text.strip("\n").splitlines(keepends=True)


def _markdown(text: str) -> dict[str, Any]:
    """A cell of text, whose links lead to the pages."""
    linked = re.sub(r"\]\((?!http|#|images/)([\w./-]+\.md)", r"](../docs/\1", text)
    return {"cell_type": "markdown", "metadata": {}, "source": _lines(linked)}


def _code(code: str, output: str | None, number: int) -> dict[str, Any]:
    source = "".join(line for line in code.splitlines(keepends=True) if not line.startswith(ONLY_FILES))
    shown = (
        [] if output is None else [{"name": "stdout", "output_type": "stream", "text": _lines(output + "\n")}]
    )
    return {
        "cell_type": "code",
        "execution_count": number,
        "metadata": {},
        "outputs": shown,
        "source": _lines(source),
    }


def notebook() -> str:
    """The notebook as text."""
    text, cells, at = PAGE.read_text(), [], 0
    for number, block in enumerate(BLOCK.finditer(text), 1):
        before = text[at : block.start()]
        at = block.end()
        if before.strip():
            cells.append(_markdown(before))
        cells.append(_code(block[1], block[2], number))
        if found := PICTURE.match(text, at + 1):
            data = base64.b64encode((PAGE.parent / found[1]).read_bytes()).decode()
            cells[-1]["outputs"].append(
                {"data": {"image/png": data}, "metadata": {}, "output_type": "display_data"}
            )
            at = found.end()
    cells.append(_markdown(text[at:]))
    for position, cell in enumerate(cells):
        cell["id"] = f"cell-{position}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


async def draw() -> None:
    """Run the page in a folder of its own, and keep the picture."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        names: dict[str, Any] = {"__name__": "page"}
        for block in BLOCK.finditer(PAGE.read_text()):
            tree = compile(block[1], PAGE.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            running = eval(tree, names)
            if inspect.iscoroutine(running):
                await running
        (found,) = PICTURE.findall(PAGE.read_text())
        shutil.copy("delays.png", PAGE.parent / found)
        os.chdir(ROOT)


if __name__ == "__main__":
    if "--draw" in sys.argv[1:]:
        asyncio.run(draw())
    fresh = notebook()
    if "--check" in sys.argv[1:]:
        if not NOTEBOOK.exists() or NOTEBOOK.read_text() != fresh:
            sys.exit(f"{NOTEBOOK}: not what {PAGE} says; run {sys.executable} ci/notebook.py")
    else:
        NOTEBOOK.write_text(fresh)
