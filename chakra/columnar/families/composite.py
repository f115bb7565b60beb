"""Composite types to structs and back; every field is a column that goes through the dispatcher again."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import RawColumn
from chakra.columnar.families.array import known_oid, same_layout
from chakra.columnar.families.dispatch import decode_values, encode_values
from chakra.columnar.families.fault import ValueFault, malformed
from chakra.columnar.families.parts import build_nested, is_valid, raw_column, refuse
from chakra.columnar.kernels import composite as kernels
from chakra.columnar.options import Options
from chakra.columnar.types import arrow_type as table_type
from chakra.pg.types import BY_OID, PgType


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """A struct of the fields, in catalog order."""
    return pa.struct([(name, table_type(field, options)) for name, field in type_.fields])


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode row values.

    Raises:
        ValueFault: malformed, with other fields than the type, or a field is wrong.
    """
    n, count = len(raw), len(type_.fields)
    oids = np.zeros(count, np.int64)
    starts, lengths = np.empty(n * count, np.int64), np.empty(n * count, np.int32)
    status, row, position = kernels.fields(raw.data, raw.starts, raw.lengths, count, oids, starts, lengths)
    if status == kernels.OTHER_FIELDS:
        malformed(
            raw, int(row), int(raw.starts[row]), f"{count} fields of {type_.sql}", f"{int(position)} fields"
        )
    if status:
        malformed(raw, int(row), int(position), f"fields of {type_.sql} that fill the value")
    children = []
    for i, (name, field) in enumerate(type_.fields):
        if not same_layout(int(oids[i]), field):
            index = int(np.argmax(raw.lengths >= 0))
            seen = BY_OID[int(oids[i])].sql
            malformed(raw, index, int(raw.starts[index]), f"a {field.sql} as field {name!r}", f"a {seen}")
        part = RawColumn(raw.data, starts[i * n : (i + 1) * n], lengths[i * n : (i + 1) * n], raw.name)
        try:
            children.append(decode_values(part, field, options))
        except ValueFault as fault:
            raise fault.within(fault.index, f".{name}") from None
    target = pa.struct([(name, child.type) for (name, _), child in zip(type_.fields, children, strict=True)])
    return build_nested(target, n, raw.lengths >= 0, children)


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode structs whose field names are those of the type, in any order.

    Raises:
        ValueFault: not structs, other field names, or a field does not fit.
    """
    names = [name for name, _ in type_.fields]
    if not pa.types.is_struct(array.type):
        refuse(array, type_, f"structs of {', '.join(names)}")
    given = [array.type.field(i).name for i in range(array.type.num_fields)]
    if sorted(given) != sorted(names):
        refuse(array, type_, f"structs of exactly the fields {', '.join(names)}")
    columns = dict(zip(given, array.flatten(), strict=True))
    valid = is_valid(array)
    oids = np.array([known_oid(field, type_) for _, field in type_.fields], np.int64)
    parts = []
    for name, field in type_.fields:
        try:
            parts.append(encode_values(columns[name], field, options))
        except ValueFault as fault:
            raise fault.within(fault.index, f".{name}") from None
    n, count = valid.size, len(parts)
    lengths = np.concatenate([part.lengths for part in parts]) if parts else np.zeros(0, np.int32)
    out_offsets = np.empty(n + 1, np.int64)
    status, row, _ = kernels.measure(valid, count, lengths, out_offsets)
    if status:
        raise ValueFault(int(row), "a row value of more than 1 GB")
    out, targets = np.empty(out_offsets[-1], np.uint8), np.zeros(n * count, np.int64)
    kernels.headers(valid, count, oids, lengths, out_offsets, targets, out)
    for i, part in enumerate(parts):
        kernels.fill(valid, part.data, part.starts, part.lengths, targets[i * n : (i + 1) * n], out)
    return raw_column(out, out_offsets, valid)


__all__ = ["arrow_type", "decode", "encode"]
