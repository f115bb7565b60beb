"""hstore to ``map<utf8, utf8>`` and back; keys and values are two text columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import I64, RawColumn
from chakra.columnar.families.array import list_parts
from chakra.columnar.families.dispatch import encode_values
from chakra.columnar.families.fault import ValueFault, malformed, owner
from chakra.columnar.families.parts import build_nested, is_valid, narrow, raw_column, refuse, shown
from chakra.columnar.families.simple import decode_varlen
from chakra.columnar.kernels import hstore as kernels
from chakra.columnar.options import Options
from chakra.columnar.types import string_type
from chakra.pg.types import TEXT, PgType


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """A map of texts."""
    return pa.map_(string_type(options), string_type(options))


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode hstore values; pairs keep the order PostgreSQL stores (by key length, then bytes).

    Raises:
        ValueFault: malformed.
    """
    offsets = np.empty(len(raw) + 1, np.int64)
    status, row, position = kernels.counts(raw.data, raw.starts, raw.lengths, offsets)
    if status:
        malformed(raw, int(row), int(position), "an hstore whose pairs fit the value")
    m = int(offsets[-1])
    starts, lengths = np.empty(2 * m, np.int64), np.empty(2 * m, np.int32)
    status, row, position = kernels.pairs(raw.data, raw.starts, raw.lengths, offsets, starts, lengths)
    if status:
        malformed(raw, int(row), int(position), "hstore keys and values that fill the value")
    ends = narrow(offsets, "pairs", "read smaller batches")
    children = []
    for part in (slice(0, m), slice(m, 2 * m)):
        side = RawColumn(raw.data, starts[part], lengths[part], raw.name)
        try:
            children.append(decode_varlen(side, string_type(options)))
        except ValueFault as fault:
            raise fault.within(owner(offsets, fault.index), "[]") from None
    target = arrow_type(type_, options)
    fields = pa.struct([target.key_field, target.item_field])
    entries = build_nested(fields, m, np.ones(m, np.bool_), children)
    return build_nested(target, len(raw), raw.lengths >= 0, [entries], ends)


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode maps of texts, or lists of structs ``{key, value}``.

    Raises:
        ValueFault: not such maps, a NULL key, or text PostgreSQL cannot store.
    """
    found = list_parts(array)
    if found is None or not pa.types.is_struct(found[1].type) or found[1].type.num_fields != 2:
        refuse(array, type_, "maps of text to text")
    offsets, entries = found
    valid = is_valid(array)
    parts = []
    for side, column in enumerate(entries.flatten()):
        try:
            parts.append(encode_values(column, TEXT, options))
        except ValueFault as fault:
            raise fault.within(owner(offsets, fault.index), ".value" if side else ".key") from None
    keys, values = parts
    null = np.flatnonzero(keys.lengths < 0)
    if null.size:
        raise ValueFault(owner(offsets, int(null[0])), f"a NULL key, which {type_.sql} cannot hold")
    _refuse_doubled(entries.field(0), offsets, type_)
    out_offsets = np.empty(valid.size + 1, np.int64)
    status, row, _ = kernels.measure(valid, offsets, keys.lengths, values.lengths, out_offsets)
    if status:
        raise ValueFault(int(row), "an hstore of more than 1 GB")
    out = np.empty(out_offsets[-1], np.uint8)
    kernels.assemble(
        valid,
        offsets,
        keys.data,
        keys.starts,
        keys.lengths,
        values.data,
        values.starts,
        values.lengths,
        out_offsets,
        out,
    )
    return raw_column(out, out_offsets, valid)


def _refuse_doubled(keys: pa.Array, offsets: I64, type_: PgType) -> None:
    """Refuse a key that a value has twice, of which the server would keep one.

    Raises:
        ValueFault: there is one.
    """
    if len(keys) < 2:
        return
    codes = keys.dictionary_encode() if not pa.types.is_dictionary(keys.type) else keys
    numbers = codes.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    owners = np.repeat(np.arange(len(offsets) - 1, dtype=np.int64), np.diff(offsets))
    pairs = owners * (len(codes.dictionary) + 1) + numbers
    if (pairs[1:] > pairs[:-1]).all():  # as in values with the same keys in the same order: nothing to sort
        return
    order = np.argsort(pairs, kind="stable")
    doubled = np.flatnonzero(np.diff(pairs[order]) == 0)
    if doubled.size:
        index = int(order[doubled[0] + 1])
        raise ValueFault(
            int(owners[index]), f"the key {shown(keys, index)} twice, which {type_.sql} cannot hold"
        )


__all__ = ["arrow_type", "decode", "encode"]
