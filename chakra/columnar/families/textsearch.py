"""tsvector and tsquery to the text PostgreSQL writes, and back from everything it reads."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import RawColumn
from chakra.columnar.families.fault import ValueFault, malformed
from chakra.columnar.families.parts import raw_column
from chakra.columnar.families.simple import text_column, varlen_array
from chakra.columnar.kernels import textsearch as kernels
from chakra.columnar.kernels import tsquery, tsvector
from chakra.columnar.options import Options
from chakra.columnar.types import string_type
from chakra.pg.showing import shown as shown_value
from chakra.pg.types import PgType

_MALFORMED = {
    kernels.BAD_COUNT: "whose items fit the value",
    kernels.BAD_LEXEME: "whose lexemes end with a zero byte",
    kernels.BAD_POSITIONS: "whose positions fit the value",
    kernels.BAD_END: "that ends with its last item",
    kernels.BAD_ITEM: "of whole lexemes and operators",
}
_REFUSED = {
    kernels.EMPTY_LEXEME: "an empty lexeme",
    kernels.LONG_LEXEME: f"a lexeme of more than {kernels.LONGEST_LEXEME} bytes",
    kernels.OPEN_QUOTE: "a quote that is not closed",
    kernels.OPEN_ESCAPE: "nothing after the backslash",
    kernels.NO_POSITION: "expected a position",
    kernels.ZERO_POSITION: "positions begin at 1",
    kernels.AFTER_POSITION: "expected one weight (A to D), a comma or a space after the position",
    kernels.NO_OPERAND: "expected a lexeme, ! or (",
    kernels.NO_OPERATOR: "two lexemes without an operator",
    kernels.NO_CLOSE: "expected )",
    kernels.NO_OPEN: "a ) without a (",
    kernels.BAD_DISTANCE: "expected <-> or <N> with N up to 16384",
    kernels.NO_QUERY: "PostgreSQL cannot read an empty tsquery from a binary COPY (tsqueryrecv)",
    kernels.OTHER_SPACE: (
        "a white space other than ASCII's, which the server takes for the end of a word or for a part of it, depending "
        "on the database's locale; quote the word, or put a plain space"
    ),
    kernels.TOO_LARGE: f"more than {kernels.MOST_BYTES} bytes of lexemes and positions",
}


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """Text."""
    return string_type(options)


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode to text.

    Raises:
        ValueFault: malformed.
    """
    offsets = np.empty(len(raw) + 1, np.int64)
    # A value longer than the data is refused before anything of it is written.
    sizes = np.clip(raw.lengths, 0, raw.data.size).astype(np.int64)
    out = np.empty(int(sizes.sum()) * 7 // 2, np.uint8)
    if type_.name == "tsvector":
        status, row, position = tsvector.decode_vector(raw.data, raw.starts, raw.lengths, offsets, out)
    else:
        stack = np.empty(int(sizes.max(initial=0)) // 2, np.int64)
        status, row, position = tsquery.decode_query(raw.data, raw.starts, raw.lengths, stack, offsets, out)
    if status:
        malformed(raw, int(row), int(position), f"a {type_.name} {_MALFORMED[int(status)]}")
    # No copy: what was reserved around the text and never written costs no page.
    text = out[offsets[0] : offsets[-1]]
    offsets -= offsets[0]
    try:
        return varlen_array(string_type(options), offsets, text, raw, text=True)
    except ValueFault as fault:
        if not fault.expected:
            raise
        start = int(raw.starts[fault.index])
        malformed(raw, fault.index, start, f"a {type_.name} of {fault.expected}", fault.found)


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode what ``tsvectorin`` and ``tsqueryin`` read; words are taken as lexemes, as there.

    Raises:
        ValueFault: not text, or not in that form.
    """
    text = text_column(array, type_)
    sizes = np.maximum(text.lengths, 0).astype(np.int64)
    longest = int(sizes.max(initial=0))
    offsets = np.empty(len(text) + 1, np.int64)
    if type_.name == "tsvector":
        out = np.empty(4 * (int(sizes.sum()) + len(text)), np.uint8)
        keys, spare = np.empty(longest + 2, np.int64), np.empty(longest + 2, np.int64)
        copy = np.empty(4 * longest + 4, np.uint8)
        status, row, position = tsvector.encode_vector(
            text.data, text.starts, text.lengths, keys, spare, copy, offsets, out
        )
    else:
        out = np.empty(5 * int(sizes.sum()) + 4 * len(text), np.uint8)
        stack, word = np.empty(longest, np.int64), np.empty(kernels.LONGEST_LEXEME, np.uint8)
        status, row, position = tsquery.encode_query(
            text.data, text.starts, text.lengths, stack, word, offsets, out
        )
    if status:
        found = array[int(row)].as_py()
        at = len(text.data[int(text.starts[row]) : int(position)].tobytes().decode(errors="ignore"))
        where = f" at character {at}" if at < len(found) else " at the end"
        if status in (kernels.NO_QUERY, kernels.TOO_LARGE):
            where = ""
        shown = shown_value(found if len(found) <= 60 else f"{found[:60]} …")
        raise ValueFault(int(row), f"{shown} is not a {type_.name}: {_REFUSED[int(status)]}{where}")
    return raw_column(out, offsets, text.lengths >= 0)


__all__ = ["arrow_type", "decode", "encode"]
