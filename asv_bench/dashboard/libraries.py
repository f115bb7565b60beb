"""The libraries asv's pages load from other machines, put beside them: pages that work without a network.

They come from npm once, are kept in ``${XDG_CACHE_HOME:-~/.cache}/chakra/www``, and are known by their digests. Without
npm, or with an asv that asks for others, its pages keep the addresses they had.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

LIBRARIES: dict[str, tuple[str, str, str]] = {
    "/jquery-3.3.1.min.js": (
        "jquery@3.3.1",
        "dist/jquery.min.js",
        "160a426ff2894252cd7cebbdd6d6b7da8fcd319c65b70468f10b6690c45d02ef",
    ),
    "/flot/0.8.3/jquery.flot.min.js": (
        "flot@0.8.3",
        "jquery.flot.js",
        "b7b931f273c38b1277b9c6c1f4e05c4ec09885a487bddaf3279e2d7e49a38e12",
    ),
    "/flot/0.8.3/jquery.flot.time.min.js": (
        "flot@0.8.3",
        "jquery.flot.time.js",
        "a582c832adc7138a6b05aaf61f16ebac274701f1be4afea77e739a1c34b9c41a",
    ),
    "/flot/0.8.3/jquery.flot.selection.min.js": (
        "flot@0.8.3",
        "jquery.flot.selection.js",
        "e6c85f6c1ebe4b4da29d8ae238c7c5060283f05f7ef054f6b91817d02c092918",
    ),
    "/flot/0.8.3/jquery.flot.categories.min.js": (
        "flot@0.8.3",
        "jquery.flot.categories.js",
        "6e81664b28ea795c734906f4aa15614640a75ac7fbd399a7fb9084040698351a",
    ),
    "/flot-orderbars@1.0.0/js/jquery.flot.orderBars.js": (
        "flot-orderbars@1.0.0",
        "js/jquery.flot.orderBars.js",
        "39735b4f46f96ff4e082572401f47c55a2767b366fd1d1e821e44a8d830a12bf",
    ),
    "/stupidtable/1.0.1/stupidtable.min.js": (
        "stupid-table-plugin@1.1.3",
        "stupidtable.min.js",
        "4642380f28ebe9ed7cac251793b281ef8620c4386205d92788f9b12f5cceb4e0",
    ),
    "/blueimp-md5/2.19.0/js/md5.min.js": (
        "blueimp-md5@2.19.0",
        "js/md5.min.js",
        "64d7ded388c562e4bde9e58ce205e5fa01b9734fcd434d496eb7b4fbfe9b927d",
    ),
    "/bootstrap@3.1.1/dist/js/bootstrap.min.js": (
        "bootstrap@3.1.1",
        "dist/js/bootstrap.min.js",
        "898d05a17f2cfc5120ddcdba47a885c378c0b466f30f0700e502757e24b403a1",
    ),
    "/bootstrap@3.1.1/dist/css/bootstrap.min.css": (
        "bootstrap@3.1.1",
        "dist/css/bootstrap.min.css",
        "e9503448692b738dd260fbd7f7cabf2e11f09b600fa97e6eb3a56eba5b1a7e9b",
    ),
}
"""End of an address in asv's page → npm package, file in it, SHA-256. flot is there in its readable form only."""

TAG = re.compile(
    r'(?P<attribute>src|href)="(?P<url>https?://[^"]+\.(?:js|css))"'
    r'(?: (?:integrity|crossorigin|referrerpolicy)="[^"]*")*'
)

FOLDER = "libraries"


def cache() -> Path:
    """Where files that were fetched are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chakra" / "www"


def localise(page: Path) -> list[str]:
    """Let a page load its libraries from a folder beside it; gives the addresses that it still asks others for."""
    text = page.read_text()
    urls = [match["url"] for match in TAG.finditer(text)]
    found = {url: entry for url in urls for end, entry in LIBRARIES.items() if url.endswith(end)}
    left = sorted(set(urls) - found.keys())
    missing = {package for package, _, digest in found.values() if not (cache() / digest).exists()}
    if missing and (why := _fetch(sorted(missing))):
        return [*urls, why]

    def local(match: re.Match[str]) -> str:
        if match["url"] not in found:
            return match[0]
        _, path, digest = found[match["url"]]
        name = Path(path).name
        (page.parent / FOLDER).mkdir(exist_ok=True)
        shutil.copyfile(cache() / digest, page.parent / FOLDER / name)
        return f'{match["attribute"]}="{FOLDER}/{name}"'

    page.write_text(TAG.sub(local, text))
    return left


def _fetch(packages: list[str]) -> str:
    """Put the files of packages into the cache; gives why not, or nothing."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [npm, "pack", "--silent", *packages], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            return f"npm pack fails: {(done.stderr or done.stdout).strip()[-300:]}"
        for package, path, digest in LIBRARIES.values():
            if package in packages:
                content = _member(Path(folder) / f"{package.replace('@', '-')}.tgz", path)
                if hashlib.sha256(content).hexdigest() != digest:
                    return f"{path} of {package} has another digest than it should"
                cache().mkdir(parents=True, exist_ok=True)
                part = cache() / f"{digest}.{os.getpid()}"
                part.write_bytes(content)
                part.replace(cache() / digest)
    return ""


def _member(archive: Path, path: str) -> bytes:
    with tarfile.open(archive) as opened:
        file = opened.extractfile(f"package/{path}")
        return file.read() if file is not None else b""
