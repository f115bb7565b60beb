"""The frame of a COPY BINARY stream as a state machine: header, tuples, trailer; bytes come in any pieces.

Format: PostgreSQL manual, COPY, "Binary Format"; ``src/backend/commands/copyto.c`` writes it. All numbers are
big-endian. Header: 11 bytes signature, int32 flags, int32 length of an extension, the extension. Then tuples,
each beginning with an int16 field count; an int16 -1 in its place ends the stream.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from chakra.columnar.buffers import U8
from chakra.errors import CopyFormatError
from chakra.pg.showing import shown_text

SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"
FLAGS_OIDS: Final = 1 << 16  # tuples carry OIDs: only servers before PostgreSQL 12 could send them
FLAGS_CRITICAL: Final = 0xFFFF0000  # a reader that does not know one of these bits must stop
HEADER: Final = SIGNATURE + struct.pack(">ii", 0, 0)
TRAILER: Final = b"\xff\xff"
MAX_EXTENSION: Final = 1 << 20  # bytes; no server sends one at all
# Bytes gathered before a kernel call. Feeding and decoding 91 MB in chunks of 14 KB takes the same 44 ms with
# blocks of 64 KiB to 4 MiB; a block this size stays in the second-level cache beside the output.
BLOCK_BYTES: Final = 256 * 1024


class CopyReader:
    """Collects chunks into one block and keeps the place in the stream; the decoder reads the block.

    Attributes:
        block: uint8[], the bytes at hand; those from ``start`` to ``stop`` are not consumed yet.
        base: offset in the stream of ``block[0]``.
        ended: the trailer has been consumed.
    """

    def __init__(self, block_bytes: int = BLOCK_BYTES) -> None:
        self._resize(max(block_bytes, 64))
        self.start = self.stop = 0
        self.base = 0
        self.ended = False
        self._header_done = False

    def _resize(self, size: int) -> None:
        old = self.block[self.start : self.stop] if hasattr(self, "block") else None
        self.block: U8 = np.empty(size, np.uint8)
        self.memory = self.block.data
        self.address = self.block.ctypes.data
        self.size = size
        if old is not None:
            self.block[: old.size] = old
            self.base += self.start
            self.start, self.stop = 0, old.size

    @property
    def position(self) -> int:
        """Offset in the stream of the first byte not consumed."""
        return self.base + self.start

    def append(self, chunk: bytes) -> bool:
        """Take a chunk of tuples that leaves room in the block, which most do; ``False`` = use :meth:`push`."""
        stop = self.stop + len(chunk)
        if stop >= self.size or not self._header_done or self.ended:
            return False
        self.memory[self.stop : stop] = chunk
        self.stop = stop
        return True

    def push(self, chunk: memoryview) -> int:
        """Take as many bytes as there is room for; returns how many. 0 = the block is full: decode first.

        Raises:
            CopyFormatError: the header is not one, or bytes follow the trailer.
        """
        if self.ended:
            if len(chunk):
                raise self.error("the end of the stream after its trailer", f"{len(chunk)} more bytes")
            return 0
        count = min(self.size - self.stop, len(chunk))
        self.memory[self.stop : self.stop + count] = chunk[:count]
        self.stop += count
        if not self._header_done:
            self._read_header()
        return count

    def need(self, size: int) -> None:
        """Move the bytes not consumed to the front, in a block that holds at least ``size`` of them."""
        if size > self.size:
            self._resize(max(size, 2 * self.size))
            return
        left = self.stop - self.start
        if self.start:
            self.block[:left] = self.block[self.start : self.stop].copy()
            self.base += self.start
            self.start, self.stop = 0, left

    def end(self) -> None:
        """Consume the trailer at ``start``.

        Raises:
            CopyFormatError: bytes follow it.
        """
        self.start += len(TRAILER)
        self.ended = True
        if self.start < self.stop:
            raise self.error(
                "the end of the stream after its trailer", f"{self.stop - self.start} more bytes"
            )

    def _read_header(self) -> None:
        seen = bytes(self.memory[: min(self.stop, len(SIGNATURE))])
        if not SIGNATURE.startswith(seen):
            what = shown_text(repr(seen), "other bytes")
            raise self.error("the signature of a binary COPY stream, PGCOPY\\n\\377\\r\\n\\0", what)
        if self.stop < len(HEADER):
            return
        flags, extension = struct.unpack_from(">Ii", self.memory, len(SIGNATURE))
        if flags & FLAGS_CRITICAL:
            what = "OIDs in every tuple" if flags & FLAGS_OIDS else "an unknown critical flag"
            raise self.error("flags without critical bits", f"0x{flags:08x} ({what})", len(SIGNATURE))
        if not 0 <= extension <= MAX_EXTENSION:
            raise self.error(
                f"a header extension of 0 to {MAX_EXTENSION} bytes", f"length {extension}", len(SIGNATURE) + 4
            )
        if self.size < len(HEADER) + extension:
            self.need(len(HEADER) + extension)
        if self.stop >= len(HEADER) + extension:
            self.start = len(HEADER) + extension
            self._header_done = True

    @property
    def header_done(self) -> bool:
        """Tuples may be read."""
        return self._header_done

    def error(self, expected: str, found: str, ahead: int = 0) -> CopyFormatError:
        """The error for a malformed frame ``ahead`` bytes after the first byte not consumed."""
        position = self.position + ahead
        return CopyFormatError(
            f"malformed COPY stream at byte {position}: expected {expected}, found {found}",
            position=position,
            expected=expected,
            found=found,
        )


__all__ = ["BLOCK_BYTES", "HEADER", "SIGNATURE", "TRAILER", "CopyReader"]
