"""The built site in a browser: some pages on a desktop and a phone, light and dark, and the search.

All pages: ``make docs && python ci/look.py``.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from ci import look
from tests.browser import ABSENT, find_chromium, serving

ROOT = Path(__file__).parents[2]
SOME = ("", "settings/", "bulk/", "reference/functions/")
"""Long tables, wide code, signatures, and what everybody sees first."""


def test_site() -> None:
    """It is built strictly (no broken link, no broken anchor), has every page, and can be read. One test, one build."""
    if importlib.util.find_spec("zensical") is None:
        pytest.skip('there is no zensical here (pip install "chakra-orm[docs]")')
    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    names = {f"{name.rstrip('/')}.md" if name else "index.md" for name in look.pages(look.SITE)}
    sources = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert {name.replace("/index.md", ".md") for name in sources} == names
    for name, word in (("changelog", "Keep a Changelog"), ("contributing", "House rules")):
        assert word in (look.SITE / name / "index.html").read_text()
    if find_chromium() is None:
        pytest.skip(f"built, and not looked at: {ABSENT}")
    with serving(look.SITE) as url:
        for how in ("desktop-light", "phone-dark"):
            with look.Eyes(url, how) as eyes:
                wrong = [f"{name}: {text}" for name in SOME for text in look.wrong_with(eyes.go(name))]
                assert not wrong, f"{how}:\n" + "\n".join(wrong)
                found = look.search(eyes.go(""), "select_related")
                assert found[0].endswith("/reference/querysets/?h=select_related#QuerySet.select_related")
                eyes.page.run(FAULTS)
                assert len(look.wrong_with(eyes.page)) >= 2, "what is wrong is not seen"


FAULTS = """document.querySelector("article").innerHTML += '<p style="color: #777; width: 3000px">x y</p>'"""
