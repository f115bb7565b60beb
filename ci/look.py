"""Look at every page of the built documentation in a browser: desktop and phone, light and dark, and the search.

``python ci/look.py`` builds nothing (``make docs`` does) and writes pictures into ``site-pictures/``; ``--no-pictures``
leaves them out; names of pages (``bulk reference/querysets``) and of looks (``phone-dark``) look at those alone. It
ends with 1 where something is wrong: a page without text, an error in the console, a request to another machine,
something that is wider than the window, code that is too faint or too small to read, a picture that did not load.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser import (  # noqa: E402 - the folder has to be known first
    ABSENT,
    DESKTOP,
    PHONE,
    Browser,
    Page,
    find_chromium,
    serving,
)

SITE = ROOT / "site"
PICTURES = ROOT / "site-pictures"
LOOKS = {
    "desktop-light": (DESKTOP, False),
    "desktop-dark": (DESKTOP, True),
    "phone-light": (PHONE, False),
    "phone-dark": (PHONE, True),
}
CONTRAST = 4.5
"""Between text and what is behind it, as WCAG 2.2 (1.4.3) asks of small text."""
SMALLEST = 11.0
"""Pixels of code at least."""

WRONG = """
(() => {
  const wrong = [];
  const article = document.querySelector("article");
  if (!document.querySelector("h1")?.innerText.trim()) wrong.push("no heading");
  if ((article?.innerText ?? "").length < 100) wrong.push("hardly any text");
  const width = document.documentElement.clientWidth;
  const scrolls = element => {
    for (let at = element; at && at !== article; at = at.parentElement) {
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(at).overflowX)) return true;
    }
    return false;
  };
  for (const each of article?.querySelectorAll("table, pre, img, svg, p, li, code, h1, h2, h3, h4") ?? []) {
    const box = each.getBoundingClientRect();
    if (box.width && box.right > width + 1 && !scrolls(each)) {
      wrong.push(`${each.tagName} is ${Math.round(box.right - width)} px too wide: ${each.innerText.slice(0, 60)}`);
    }
  }
  const rgba = text => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const behind = element => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a = 1] = rgba(getComputedStyle(at).backgroundColor);
      if (a > 0) layers.unshift([r, g, b, a]);
      if (a === 1) break;
    }
    return layers.reduce((under, [r, g, b, a]) => under.map((c, i) => c * (1 - a) + [r, g, b][i] * a), [255, 255, 255]);
  };
  const light = color => {
    const [r, g, b] = color.map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const seen = new Set();
  for (const each of article?.querySelectorAll("p, li, td, th, h1, h2, h3, a, code, pre span") ?? []) {
    if (!each.innerText?.trim() || !each.getClientRects().length) continue;
    const style = getComputedStyle(each);
    const where = each.closest("pre") ? "block" : each.closest("table") ? "table" : "text";
    const key = `${style.color} ${style.fontSize} ${each.tagName} ${each.className} ${where}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const back = behind(each);
    const [r, g, b, a = 1] = rgba(style.color);
    const front = [r, g, b].map((c, i) => c * a + back[i] * (1 - a));
    const [low, high] = [light(front), light(back)].sort((x, y) => x - y);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < CONTRAST && !each.closest(".headerlink")) {
      const shown = `${each.tagName}.${each.className} (${style.color})`;
      wrong.push(`${shown} has a contrast of ${contrast.toFixed(1)}: ${each.innerText.slice(0, 40)}`);
    }
    if (each.closest("code") && parseFloat(style.fontSize) < SMALLEST) {
      wrong.push(`code of ${style.fontSize}: ${each.innerText.slice(0, 40)}`);
    }
  }
  for (const each of article?.querySelectorAll("img") ?? []) {
    if (!each.naturalWidth) wrong.push(`did not load: ${each.getAttribute("src")}`);
  }
  return wrong;
})()
""".replace("CONTRAST", str(CONTRAST)).replace("SMALLEST", str(SMALLEST))


def pages(site: Path = SITE) -> list[str]:
    """The addresses of all pages below the site's own."""
    found = (path.parent.relative_to(site).as_posix() for path in site.rglob("index.html"))
    return sorted("" if each == "." else f"{each}/" for each in found)


def wrong_with(page: Page) -> list[str]:
    """What is wrong with a page that is open."""
    wrong: list[str] = list(page.run(WRONG))
    if (wide := page.overflow()) > 0:
        wrong.append(f"all of the page scrolls sideways, by {wide} px")
    wrong += [f"in the console: {error}" for error in page.errors]
    wrong += [f"asks another machine: {url}" for url in page.outside()]
    return wrong


class Eyes:
    """A browser in one look, with one tab that goes from page to page.

    The theme remembers light or dark, so every look has a browser of its own.
    """

    def __init__(self, url: str, look: str) -> None:
        self.url = url
        self.browser = Browser()
        size, dark = LOOKS[look]
        self.page = self.browser.open("about:blank", size=size, dark=dark)

    def __enter__(self) -> Eyes:
        return self

    def __exit__(self, *_: object) -> None:
        self.browser.close()

    def go(self, name: str) -> Page:
        """Open a page of the site by its address there."""
        self.page.errors.clear()
        self.page.requests.clear()
        return self.page.go(f"{self.url}/{name}")


def search(page: Page, words: str) -> list[str]:
    """Type into the search, and return the addresses of what it finds, the best first.

    The theme keeps it in a shadow root.
    """
    page.run("document.querySelector('.md-search__button').click()")
    page.wait(f"{SHADOWS}.some(root => root.querySelector('dialog[open] input'))")
    page.run(f"{SHADOWS}.map(root => root.querySelector('dialog[open] input')).find(Boolean).focus()")
    page.type(words)
    links = f"{SHADOWS}.flatMap(root => [...root.querySelectorAll('a[role=option]')].map(each => each.href))"
    return list(page.wait(f"(found => found.length && found)({links})", 60))  # it reads its index first


SHADOWS = "[...document.querySelectorAll('*')].map(each => each.shadowRoot).filter(Boolean)"


def main() -> Iterator[str]:
    """Look at all of it; yields what is wrong."""
    given = [name.strip("/") for name in sys.argv[1:] if not name.startswith("-")]
    names = [name for name in given if name not in LOOKS]
    wanted = [each for each in pages() if not names or each.strip("/") in names]
    with serving(SITE) as url:
        for look in [name for name in LOOKS if name in given] or LOOKS:
            with Eyes(url, look) as eyes:
                for each in wanted:
                    page = eyes.go(each)
                    yield from (f"{each or 'index'} ({look}): {text}" for text in wrong_with(page))
                    if "--no-pictures" not in sys.argv[1:]:
                        page.picture(PICTURES / look / f"{each.strip('/').replace('/', '-') or 'index'}.png")
                if not search(eyes.go(""), "select_related")[0].endswith("#QuerySet.select_related"):
                    yield f"the search ({look}) does not find select_related first"


if __name__ == "__main__":
    if find_chromium() is None:
        sys.exit(ABSENT)
    if not (SITE / "index.html").exists():
        sys.exit("there is no site/: run make docs first")
    count = 0
    for count, text in enumerate(main(), 1):  # noqa: B007 - it is counted
        print(text, flush=True)
    print(f"{count} things are wrong" if count else "nothing wrong")
    sys.exit(bool(count))
