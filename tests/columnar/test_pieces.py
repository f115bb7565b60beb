"""Families decode and encode some rows at a time while the rest is on its way: the result is that of one go."""

from __future__ import annotations

import sys

import pyarrow as pa
import pytest

from asv_bench.harness import recorded
from chakra.columnar import ColumnSpec, Decoder, Encoder, Options
from chakra.columnar.framing import CopyReader
from chakra.columnar.kernels import rows_decode
from chakra.errors import CopyFormatError

ROWS = 700
MANY = 1 << 40
decoding, encoding = sys.modules["chakra.columnar.decode"], sys.modules["chakra.columnar.encode"]
SAMPLES = recorded.recorded()
WITH_FAMILY = [
    id
    for id, sample in SAMPLES.items()
    if Decoder([ColumnSpec("v", sample.pg_type)]).columns[0].layout == rows_decode.RAW
]


def decoded(id: str, stream: bytes, options: Options, max_rows: int | None = None) -> pa.Table:
    decoder = Decoder([ColumnSpec("v", SAMPLES[id].pg_type)], options, max_rows=max_rows)
    for chunk in recorded.chunks(stream, 500):
        decoder.feed(chunk)
    decoder.finish()
    return decoder.table()


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CopyReader.__init__, "__defaults__", (1_000,))


@pytest.mark.parametrize("options", [Options(), Options(strings="view")], ids=["utf8", "view"])
def test_pieces_are_the_whole(options: Options, small_blocks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(WITH_FAMILY) > 35
    for id in WITH_FAMILY:
        stream = recorded.stream(SAMPLES[id], ROWS, 0.2)
        monkeypatch.setattr(decoding, "PIECE_ROWS", MANY)
        whole = decoded(id, stream, options)
        pieces: list[int] = []
        monkeypatch.setattr(decoding, "PIECE_ROWS", 16)
        kept = decoding.Segment.decode_piece

        def counting(self: object, row: int, first: int, kept=kept, pieces=pieces) -> None:  # type: ignore[no-untyped-def]
            pieces.append(row)
            kept(self, row, first)

        with monkeypatch.context() as patched:
            patched.setattr(decoding.Segment, "decode_piece", counting)
            cut = decoded(id, stream, options)
            small = decoded(
                id, stream, options, max_rows=150
            )  # pieces and batches do not end at the same rows
        assert len(pieces) > 4, id
        for found in (cut, small):
            found.validate(full=True)
            assert found.schema == whole.schema, id
            assert found.combine_chunks().equals(whole.combine_chunks()) or (
                found.to_pylist() == whole.to_pylist()
            ), id

        written = set()
        for rows in (MANY, 7):
            monkeypatch.setattr(encoding, "FAMILY_ROWS", rows)
            encoder = Encoder([ColumnSpec("v", SAMPLES[id].pg_type)], chunk_bytes=3_000)
            chunks = [bytes(c) for batch in whole.to_batches() for c in encoder.encode(batch)]
            chunks.append(bytes(encoder.finish()))
            assert encoder.rows == ROWS
            written.add(b"".join(chunks))
        assert written == {stream}, id


def test_errors_name_the_row_and_the_byte(small_blocks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is wrong in the third piece, whatever the pieces are."""
    stream = bytearray(recorded.stream(SAMPLES["inet"], ROWS))
    bad = 19 + 300 * 14 + 6  # 14 bytes a row: count, length, and eight of the value
    assert stream[bad] == 2
    stream[bad] = 9
    found = []
    for rows in (MANY, 16):
        monkeypatch.setattr(decoding, "PIECE_ROWS", rows)
        with pytest.raises(CopyFormatError) as caught:
            decoded("inet", bytes(stream), Options())
        found.append((str(caught.value), caught.value.row, caught.value.position))
    assert found[0] == found[1]
    assert found[0][1:] == (300, bad)
