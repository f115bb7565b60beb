"""The browser of the tests of pages: it sees what is wrong with one, or checks that find nothing say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import ABSENT, PHONE, Browser, BrowserError, find_chromium, serving

PAGE = """<!doctype html><title>a page</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width">
<style>@media (prefers-color-scheme: dark) { body { background: black } }</style>
<div style="width: 700px">wide</div><input autofocus>
<img src="absent.png"><img src="http://elsewhere.invalid/x.png">
<script>console.error("said", 1); setTimeout(() => window.late = 5, 50); thrown()</script>"""


@pytest.mark.skipif(find_chromium() is None, reason=ABSENT)
def test_sees_what_is_wrong_with_a_page(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(PAGE)
    with serving(tmp_path) as url, Browser() as browser:
        page = browser.open(f"{url}/", size=PHONE, dark=True)
        assert page.wait("window.late") == 5
        for part in ("said 1", "thrown is not defined", "404", "/absent.png"):
            assert any(part in error for error in page.errors), (part, page.errors)
        assert page.outside() == ["http://elsewhere.invalid/x.png"]
        assert page.overflow() > 300
        assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(0, 0, 0)"
        page.run("document.querySelector('input').focus()")
        page.type("typed")
        assert page.run("document.querySelector('input').value") == "typed"
        with pytest.raises(BrowserError, match="nowhere is not defined"):
            page.run("nowhere()")
        with pytest.raises(BrowserError, match=r"window\.never is None after 0\.1 s"):
            page.wait("window.never", 0.1)
        other = browser.open(f"{url}/index.html")
        assert other.overflow() == 0
        assert other.run("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
        picture = other.picture(tmp_path / "pictures/a.png", whole=False)
        assert picture.read_bytes()[:4] == b"\x89PNG" and int.from_bytes(picture.read_bytes()[16:20]) == 1280
        with pytest.raises(BrowserError, match="ERR_UNSAFE_PORT"):
            other.go("http://127.0.0.1:1/")
