"""The dashboard in a browser: the start page, and from it to a graph of asv's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from asv_bench.dashboard.asv_site import is_installed
from tests.bench.test_history import MANY
from tests.browser import ABSENT, PHONE, Browser, find_chromium, serving

ROOT = Path(__file__).parents[2]

PLOTTED = """(() => {
    const plot = window.$ && [...document.querySelectorAll("#main-graph, #graph-display div")]
        .map(element => $(element).data("plot")).find(plot => plot);
    return plot ? Math.max(...plot.getData().map(series => series.data.length)) : 0;
})()"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The pages of the stored history, and what the command said."""
    folder = tmp_path_factory.mktemp("dashboard") / "html"
    done = subprocess.run(
        [sys.executable, "-m", "asv_bench.dashboard", "--out", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        },
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.mark.skipif(find_chromium() is None, reason=ABSENT)
def test_in_a_browser(built: tuple[Path, str]) -> None:
    folder, said = built
    with serving(folder) as url, Browser() as browser:
        for size, dark in (((1280, 900), False), (PHONE, True)):
            page = browser.open(f"{url}/index.html", size=size, dark=dark)
            assert (page.errors, page.requests, page.overflow()) == ([], [f"{url}/index.html"], 0)
            points = page.run(
                "[...document.querySelectorAll('.sparkline')].map(s => s.querySelectorAll('circle').length)"
            )
            assert len(points) >= 30 and sum(count >= MANY for count in points) >= 20
            narrow = page.run(
                "[...document.querySelectorAll('.sparkline')].every(s => s.getBoundingClientRect().right <= innerWidth)"
            )
            assert narrow
            background = page.run("getComputedStyle(document.body).backgroundColor")
            assert background == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")
            page.close()
        if not is_installed():
            pytest.skip("asv is not installed: its pages were not built")
        if "from the network" in said:
            pytest.skip(f"the libraries of asv's pages could not be had: {said}")
        page = browser.open(f"{url}/index.html")
        page.run("document.querySelector('#build-known a').click()")
        assert page.wait(PLOTTED) >= MANY
        assert page.run("location.pathname + location.hash") == "/asv/index.html#figures.Build.track_known"
        assert page.run("document.querySelector('#nav a[href=\"../index.html\"]').textContent") == "Goals"
        page.go(f"{url}/asv/index.html#/")
        page.wait("document.querySelectorAll('#summarygrid-display canvas').length > 30")
        assert (page.errors, page.outside()) == ([], [])
