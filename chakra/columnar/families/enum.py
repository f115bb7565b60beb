"""Enums to dictionaries with the catalog's labels, in its order; text or dictionaries to enums, checked."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import I32, I64, U8, RawColumn
from chakra.columnar.families.fault import ValueFault, malformed
from chakra.columnar.families.parts import bitmap, contiguous, is_valid, raw_column, refuse, shown
from chakra.columnar.families.simple import decode_varlen, is_text, text_column
from chakra.columnar.kernels import enum as kernels
from chakra.columnar.options import Options
from chakra.columnar.types import string_type
from chakra.pg.showing import shown as shown_value
from chakra.pg.types import TEXT, PgType

_INDEX_TYPES = ((128, pa.int8()), (32768, pa.int16()), (2**31, pa.int32()))


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """A dictionary of utf8 with the narrowest signed index; text while no database has told the labels."""
    if not type_.labels:
        return string_type(options)
    narrowest = next(kind for limit, kind in _INDEX_TYPES if len(type_.labels) <= limit)
    return pa.dictionary(narrowest, pa.string())


@lru_cache(maxsize=256)
def _table(labels: tuple[str, ...]) -> tuple[U8, I64, I32]:
    texts = [label.encode() for label in labels]
    data = np.frombuffer(bytearray(b"".join(texts)), np.uint8)
    offsets = contiguous(np.array([len(text) for text in texts], np.int64))
    table = np.empty(1 << (2 * len(labels)).bit_length(), np.int32)
    kernels.index(data, offsets, table)
    return data, offsets, table


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode labels to dictionary indices.

    Raises:
        ValueFault: a label is not one of the type's.
    """
    target = arrow_type(type_, options)
    if not type_.labels:
        return decode_varlen(raw, target)
    found = np.empty(len(raw), np.int32)
    data, offsets, table = _table(type_.labels)
    status, row, position = kernels.find(raw.data, raw.starts, raw.lengths, data, offsets, table, found)
    if status == kernels.BAD_VALUE:
        malformed(raw, int(row), int(position), "an enum label inside the data")
    if status:
        label = raw.data[position : position + int(raw.lengths[row])].tobytes().decode(errors="replace")
        raise ValueFault(
            int(row), f"{shown_value(label)} is not a known label of {type_.sql}; {_known(type_)}"
        )
    mask, nulls = bitmap(raw.lengths >= 0)
    index = target.index_type
    buffers = [mask, pa.py_buffer(found.astype(index.to_pandas_dtype()))]
    indices = pa.Array.from_buffers(index, len(raw), buffers, null_count=nulls)
    return pa.DictionaryArray.from_arrays(indices, pa.array(type_.labels, pa.string()))


def _known(type_: PgType) -> str:
    known = ", ".join(repr(label) for label in type_.labels[:20])
    return f"its labels are {known}{' …' if len(type_.labels) > 20 else ''}"


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode text, or dictionaries of text.

    Raises:
        ValueFault: not text, or not one of the type's labels.
    """
    if pa.types.is_dictionary(array.type):
        return _encode_dictionary(array, type_)
    if not is_text(array.type):
        refuse(array, type_, "text or dictionaries of text")
    raw = text_column(array, TEXT)
    if type_.labels:
        data, offsets, table = _table(type_.labels)
        found = np.empty(len(raw), np.int32)
        status, row, _ = kernels.find(raw.data, raw.starts, raw.lengths, data, offsets, table, found)
        if status:
            raise ValueFault(
                int(row), f"{shown(array, int(row))} is not a label of {type_.sql}; {_known(type_)}"
            )
    return raw


def _encode_dictionary(array: pa.DictionaryArray, type_: PgType) -> RawColumn:
    """Point every row at the text of its label; labels that no row uses may be anything."""
    words, valid = array.dictionary, is_valid(array)
    if not is_text(words.type):
        refuse(array, type_, "text or dictionaries of text")
    labels = words.to_pylist()
    codes = array.indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    if not labels:
        return raw_column(np.zeros(0, np.uint8), np.zeros(len(array) + 1, np.int64), valid)
    known = set(type_.labels or labels)
    wrong = np.array([label is not None and label not in known for label in labels])[codes] & valid
    if wrong.any():
        index = int(np.argmax(wrong))
        raise ValueFault(
            index, f"{shown_value(labels[codes[index]])} is not a label of {type_.sql}; {_known(type_)}"
        )
    valid &= words.is_valid().to_numpy(zero_copy_only=False)[codes]
    texts = [(label or "").encode() for label in labels]
    data = np.frombuffer(bytearray(b"".join(texts)), np.uint8)
    offsets = contiguous(np.array([len(text) for text in texts], np.int64))
    lengths = np.where(valid, np.diff(offsets)[codes], -1).astype(np.int32)
    return RawColumn(data, offsets[:-1][codes], lengths)


__all__ = ["arrow_type", "decode", "encode"]
