"""A value as the server itself wrote it as text, for statements that put it back; pure."""

from __future__ import annotations


class ServerText(str):
    """What the input function of a value's type reads; no conversion of a Python value applies to it."""

    __slots__ = ()


__all__ = ["ServerText"]
