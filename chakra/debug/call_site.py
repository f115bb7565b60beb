"""Where in a user's code a statement comes from; looks at frames and imports nothing of Chakra's."""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
from typing import Final, NamedTuple

_OURS: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PATHS = sysconfig.get_paths()
_SITES: Final = tuple({_PATHS[name] + os.sep for name in ("purelib", "platlib")})
_STANDARD: Final = tuple({_PATHS[name] + os.sep for name in ("stdlib", "platstdlib")})

USER, LIBRARY, SKIPPED = 2, 1, 0
_kinds: dict[str, int] = {}

_LOOP: Final = asyncio.events.__file__
"""Below its frames stands whoever runs the loop, who knows nothing of the task."""


class CallSite(NamedTuple):
    """A line of somebody's code.

    Attributes:
        file: as Python has it.
        line: counted from 1.
        function: the name of the function around it.
    """

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        file = self.file
        if os.path.isabs(file):
            relative = os.path.relpath(file)
            file = file if relative.startswith("..") else relative
        return f"{file}:{self.line} in {self.function}"


def _kind(file: str) -> int:
    """Whose code a file is: the user's, a library's, or that of Chakra, of the standard library, or made by either."""
    if file.startswith(_OURS) or file.startswith("<frozen ") or file in ("<string>", "<bind>"):
        kind = SKIPPED
    elif file.startswith(_SITES) or f"{os.sep}site-packages{os.sep}" in file:
        kind = LIBRARY
    elif file.startswith(_STANDARD):
        kind = SKIPPED
    else:
        kind = USER
    _kinds[file] = kind
    return kind


def call_site() -> CallSite | None:
    """The line of the user's code that is being run; a library's where there is none of theirs, as in a framework that
    runs what it made itself; ``None`` in a task that Chakra started.

    A coroutine that runs has those that wait for it on the stack, so it is found behind any number of ``await``.
    """
    frame = sys._getframe(1)
    library: CallSite | None = None
    while frame is not None:
        code = frame.f_code
        kind = _kinds.get(code.co_filename)
        if kind is None:
            kind = _kind(code.co_filename)
        if kind:
            found = CallSite(code.co_filename, frame.f_lineno, code.co_name)
            if kind == USER:
                return found
            library = library or found
        elif code.co_filename == _LOOP:
            break
        frame = frame.f_back  # type: ignore[assignment]
    return library


__all__ = ["CallSite", "call_site"]
