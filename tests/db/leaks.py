"""All that a log of an error could show, to look for a password in."""

from __future__ import annotations

import traceback

MARK = "hunter2"
"""The password in tests."""


def everything(error: BaseException) -> str:
    """All that a log of an error could show: text, representation, traceback, and the chain behind it."""
    shown: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        shown += [str(seen), repr(seen), repr(seen.args)]
        seen = seen.__cause__ or seen.__context__
    return "\n".join([*shown, *traceback.format_exception(error)])
