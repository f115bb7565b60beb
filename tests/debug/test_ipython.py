"""``%%chakra_profile`` in a shell of IPython."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell

from tests.debug.blog import MODELS, User, fill
from tests.relations.conftest import SHARED

pytestmark = SHARED
__all__ = ["MODELS", "fill"]

CELL = '''%%chakra_profile found
for name in ("u1", "u2"):
    await User.objects.filter(name=name)
text = """
    kept as it is"""
await User.objects.count()'''


async def test_a_cell(rows: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HistoryManager, "enabled", False)
    shell = InteractiveShell()
    shell.user_ns["User"] = User

    async def run(cell: str) -> Any:
        result = await shell.run_cell_async(cell, transformed_cell=shell.transform_cell(cell))
        shell.events.trigger("post_run_cell", result)  # as run_cell() and the kernel of notebooks do
        return result

    for load in ("%load_ext chakra", "%reload_ext chakra"):
        await run(load)
    for cell, reports in (
        (CELL, 1),
        ("await User.objects.count()", 0),
        ("1 +", 0),
        ("%chakra_profile\nawait User.objects.count()\n1 / 0", 1),
        ("%chakra_profile no-name\nawait User.objects.count()", 0),
    ):
        capsys.readouterr()
        result = await run(cell)
        printed = capsys.readouterr().out
        assert printed.count("Query Profile:") == reports, printed
        if cell == CELL:
            assert result.result == 42
            assert "Total queries: 3" in printed and "in <module>" in printed.replace(
                "<cell line", "<module>"
            )
    assert shell.user_ns["text"] == "\n    kept as it is"
    assert shell.user_ns["found"].total == 3
    await run("%unload_ext chakra")
    assert not [each for each in shell.input_transformers_cleanup if "chakra" in repr(each)]
