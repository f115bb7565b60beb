"""Compressed text files, by the words of their names; the files themselves are opened elsewhere."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import pyarrow as pa

from chakra.errors import FieldError

TextCompression = Literal["gzip", "bz2", "zstd", "none"]
WORDS: Final[tuple[str, ...]] = get_args(TextCompression)
_BY_SUFFIX: Final = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}


def codec_of(option: str | None, name: str) -> str | None:
    """The codec of a file; ``None`` = it is plain.

    Args:
        option: what the call says; ``None`` = by the end of its name.

    Raises:
        FieldError: none of the words.
    """
    if option is None:
        return next((codec for suffix, codec in _BY_SUFFIX.items() if name.lower().endswith(suffix)), None)
    if not isinstance(option, str) or option not in WORDS:
        raise FieldError(f"compression is one of {', '.join(map(repr, WORDS))}, not {option!r}")
    return None if option == "none" else option


def compressing(file: Any, codec: str | None) -> Any:
    """What to write into, so that an open binary file has it compressed. Closing it leaves the file open."""
    kept = _Kept(file)
    return kept if codec is None else pa.CompressedOutputStream(pa.PythonFile(kept, mode="w"), codec)


def decompressing(file: Any, codec: str | None) -> Any:
    """What to read from to have the content of an open binary file."""
    return file if codec is None else pa.CompressedInputStream(pa.PythonFile(_Kept(file), mode="r"), codec)


class _Kept:
    """A file that stays open when the stream over it is closed: it is closed by who opened it."""

    closed = False

    def __init__(self, file: Any) -> None:
        for name in ("read", "write", "flush", "tell", "seek"):
            if hasattr(file, name):
                setattr(self, name, getattr(file, name))

    def close(self) -> None:
        """Leave it open."""


__all__ = ["WORDS", "TextCompression", "codec_of", "compressing", "decompressing"]
