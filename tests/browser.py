"""A headless Chromium over its debugging pipe: opens pages, runs JavaScript, takes pictures, notes what went wrong.

Nothing but the standard library and a Chromium (Debian: ``apt-get install chromium``; ``CHAKRA_CHROMIUM`` names
another). The protocol is Chrome's DevTools protocol: a message over the pipe is JSON and a zero byte.
"""

from __future__ import annotations

import base64
import fcntl
import functools
import http.server
import json
import os
import select
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ABSENT = "there is no Chromium on this machine (apt-get install chromium, or CHAKRA_CHROMIUM=/path/to/it)"

DESKTOP = (1280, 900)
PHONE = (390, 844)

SECONDS = 30.0
"""What any one answer may take."""

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # containers, and users that are root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # no wait for DNS
    "--remote-debugging-pipe",
)


class BrowserError(AssertionError):
    """The browser, or a page's JavaScript, says that something failed."""


def find_chromium() -> str | None:
    """The path of a Chromium, if there is one."""
    named = os.environ.get("CHAKRA_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Page:
    """One tab.

    Attributes:
        errors: uncaught exceptions, ``console.error``, and what the browser complains of (a file that is not there).
        requests: addresses that were asked for, in their order.
    """

    browser: Browser
    session: str
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _loaded: bool = False

    def go(self, url: str) -> Page:
        """Open an address, and wait until all of it is there."""
        self._loaded = False
        answer = self.send("Page.navigate", url=url)
        if "errorText" in answer:
            raise BrowserError(f"{url}: {answer['errorText']}")
        if "loaderId" in answer:  # without one only the part behind # changed
            self.browser.until(lambda: self._loaded, f"{url} did not load")
        return self

    def send(self, method: str, **params: Any) -> Any:
        """One command of the protocol to this tab, and its answer."""
        return self.browser.send(method, params, self.session)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for.

        Raises:
            BrowserError: the expression threw.
        """
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {_thrown(answer['exceptionDetails'])}")
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = SECONDS) -> Any:
        """The value of a JavaScript expression as soon as it is true (asked again every frame).

        Raises:
            BrowserError: it did not become so; shows its last value and the page's errors.
        """
        deadline = time.monotonic() + seconds
        while not (value := self.run(expression)):
            if time.monotonic() > deadline:
                raise BrowserError(f"{expression} is {value!r} after {seconds:g} s; errors: {self.errors}")
            self.run("new Promise(done => setTimeout(done, 20))")
        return value

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window, so that all of it scrolls sideways."""
        found = self.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return int(found)

    def outside(self) -> list[str]:
        """Requests to any other machine than this one."""
        return [
            url for url in self.requests if urlsplit(url).hostname not in (None, "", "127.0.0.1", "localhost")
        ]

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.send("Input.insertText", text=text)

    def picture(self, path: Path, *, whole: bool = True) -> Path:
        """Write a PNG of the page, or of what the window shows of it."""
        answer = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(answer["data"]))
        return path

    def close(self) -> None:
        self.browser.close_page(self)

    def note(self, method: str, params: Any) -> None:
        """An event of this tab."""
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith(("data:", "blob:")):
                self.requests.append(url)
        elif method == "Runtime.exceptionThrown":
            self.errors.append(_thrown(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            said = [str(part.get("value", part.get("description", ""))) for part in params["args"]]
            self.errors.append(" ".join(said))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            entry = params["entry"]
            self.errors.append(f"{entry['text']} {entry.get('url', '')}".strip())


def _thrown(details: Any) -> str:
    return str(details.get("exception", {}).get("description") or details["text"])


class Browser:
    """A running Chromium; as a context manager it ends with the block.

    Raises:
        BrowserError: there is none, or it does not start.
    """

    def __init__(self, path: str | None = None) -> None:
        program = path or find_chromium()
        if program is None:
            raise BrowserError(ABSENT)
        self._folder = tempfile.TemporaryDirectory(prefix="chakra-browser-", ignore_cleanup_errors=True)
        # It reads descriptor 3 and writes to 4. Ours are above both, so that bash can move them there.
        (theirs_in, self._out), (self._in, theirs_out) = (_pipe(), _pipe())
        self._process = subprocess.Popen(
            [
                *(
                    "bash",
                    "-c",
                    f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out} 2> "{self._folder.name}/log"',
                ),
                *(program, *FLAGS, f"--user-data-dir={self._folder.name}/profile", "about:blank"),
            ],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "HOME": self._folder.name},
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._count = 0
        self._read = b""
        self._answers: dict[int, Any] = {}
        self._pages: dict[str, Page] = {}
        try:
            self.version: str = self.send("Browser.getVersion")["product"]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, url: str, *, size: tuple[int, int] = DESKTOP, dark: bool = False) -> Page:
        """A new tab with a page in it.

        Args:
            size: width and height of the window in CSS pixels; up to 600 wide it is a phone: two pixels for one, touch.
            dark: what ``prefers-color-scheme`` says.
        """
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(f"{domain}.enable")
        phone = size[0] <= 600
        page.send(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        page.send("Emulation.setTouchEmulationEnabled", enabled=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.send("Emulation.setEmulatedMedia", features=[scheme])
        return page.go(url)

    def close_page(self, page: Page) -> None:
        """Close a tab."""
        page.send("Page.close")
        self._pages.pop(page.session, None)

    def send(self, method: str, params: Any = None, session: str | None = None) -> Any:
        """One command of the protocol, and its answer.

        Raises:
            BrowserError: the browser refuses it, is silent for too long, or has ended; shows what it last said.
        """
        self._count += 1
        number = self._count
        message = {"id": number, "method": method, "params": params or {}}
        if session is not None:
            message["sessionId"] = session
        try:
            os.write(self._out, json.dumps(message).encode() + b"\0")
        except BrokenPipeError:
            raise BrowserError(f"the browser has ended: {self._said()}") from None
        self.until(lambda: number in self._answers, f"no answer to {method}")
        answer = self._answers.pop(number)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def until(self, done: Any, otherwise: str, seconds: float = SECONDS) -> None:
        """Read what the browser says until something is so."""
        deadline = time.monotonic() + seconds
        while not done():
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise BrowserError(f"{otherwise} within {seconds:g} s")
            more = os.read(self._in, 1 << 20)
            if not more:
                raise BrowserError(f"the browser has ended: {self._said()}")
            *messages, self._read = (self._read + more).split(b"\0")
            for message in messages:
                self._take(json.loads(message))

    def _take(self, message: Any) -> None:
        if "id" in message:
            self._answers[message["id"]] = message
        elif (page := self._pages.get(message.get("sessionId", ""))) is not None:
            page.note(message["method"], message["params"])

    def _said(self) -> str:
        log = Path(self._folder.name) / "log"
        return log.read_text(errors="replace")[-500:] if log.exists() else ""

    def close(self) -> None:
        """End it, and remove its profile."""
        os.close(self._out)  # which is how it is told to end
        os.close(self._in)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()


def _pipe() -> tuple[int, int]:
    """Ends to read and to write, both 10 or more."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The files of a folder over HTTP on a free port of this machine; gives the address, with no slash at its end."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
