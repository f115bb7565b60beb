"""The shop of the tutorial: its own tests, its migrations, and that the page shows its files."""

from __future__ import annotations

import concurrent.futures
import importlib.util
import re
import shutil
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from chakra import config
from chakra.cli.group import chakra_command
from chakra.cli.migrate.common import console
from chakra.debug.pytest_plugin import assert_num_queries, no_n_plus_one
from tests.docs.test_pages_run import fits

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "shop"
PAGE = (ROOT / "docs" / "tutorial-shop.md").read_text()

sys.path.insert(0, str(SHOP))  # where `cd examples/shop; pytest` looks for the package `shop`


def _file(name: str) -> ModuleType:
    """A file of the project that is no part of its package, under a name that no other has."""
    spec = importlib.util.spec_from_file_location(f"shop_example_{name}", SHOP / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pytest.register_assert_rewrite("shop_example_test_shop")
client = _file("conftest").client
ASKS_A_PROCESS = "test_migrations_are_what_the_models_say"  # the commands run below, in this one
globals().update(
    {
        name: test
        for name, test in vars(_file("test_shop")).items()
        if name.startswith("test_") and name != ASKS_A_PROCESS
    }
)
__all__ = ["assert_num_queries", "client", "no_n_plus_one"]


@pytest.fixture(autouse=True)
def _empty(request: pytest.FixtureRequest) -> None:
    if "chakra_dsn" in request.fixturenames:
        request.getfixturevalue("pg")


def test_the_page_shows_the_files() -> None:
    shown = re.findall(r'^```(?:python|toml) title="([\w./]+)"\n(.*?)^```', PAGE, re.M | re.S)
    assert len(shown) > 8
    for name, code in shown:
        source = (SHOP / name).read_text()
        for part in code.split("\n# …\n"):  # what the page leaves out
            assert part.strip("\n") in source or textwrap.indent(part.strip("\n"), "    ") in source, (
                f"{name}: {part}"
            )


async def test_the_commands_say_what_the_page_shows(
    pg: Any, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(SHOP, tmp_path / "shop", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path / "shop")
    monkeypatch.setenv("CHAKRA_DATABASE_URL", dsn)
    monkeypatch.setattr(console, "_width", 100)
    monkeypatch.setattr(sys, "path", list(sys.path))
    config.reset()
    commands = re.findall(r"^```bash\nchakra (migrate [^\n]*)\n```\n\n```text\n(.*?)^```", PAGE, re.M | re.S)
    assert [words for words, _ in commands][-1] == "migrate drift"
    for words, shown in commands:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:  # a command has a loop of its own
            found = pool.submit(CliRunner().invoke, chakra_command, words.split()).result()
        assert found.exit_code == 0, found.output
        assert fits(found.output, shown), f"{words} prints\n{found.output}\nbut shows\n{shown}"
    config.reset()
