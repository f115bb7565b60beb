"""Values of JSON and extension types as Python objects, both ways, in PostgreSQL's binary format; pure."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chakra.pg.json_text import dump_json

_JSONB_VERSION = b"\x01"  # src/backend/utils/adt/jsonb.c, jsonb_send
_PAIR_OF_INT16 = struct.Struct(">hh")
_INT32 = struct.Struct(">i")

# pgvector, src/vector.h and src/halfvec.h: VECTOR_MAX_DIM, HALFVEC_MAX_DIM
_MAX_DIMENSIONS = 16000


class Codec(NamedTuple):
    """How values of one type are written and read; both ends see the binary format of ``typsend``."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


def encode_json(value: Any) -> bytes:
    """JSON text of a value, compact, non-ASCII as is; NaN and infinities are refused, as PostgreSQL does."""
    return dump_json(value).encode()


def decode_json(data: bytes) -> Any:
    """The Python value of a JSON text."""
    return json.loads(str(data, "utf-8"))


def encode_jsonb(value: Any) -> bytes:
    """Like ``encode_json``, behind jsonb's version byte."""
    return _JSONB_VERSION + encode_json(value)


def decode_jsonb(data: bytes) -> Any:
    """Like ``decode_json``, behind jsonb's version byte."""
    return json.loads(str(data[1:], "utf-8"))


def encode_hstore(value: Any) -> bytes:
    """A mapping of texts to texts or ``None`` (contrib/hstore/hstore_io.c, hstore_recv)."""
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a mapping of str to str or None, got {type(value).__name__}")
    parts = [_INT32.pack(len(value))]
    for key, text in value.items():
        if not isinstance(key, str) or not (text is None or isinstance(text, str)):
            raise TypeError(f"hstore holds str keys and str or None values, got {key!r}: {text!r}")
        raw = key.encode()
        parts += (_INT32.pack(len(raw)), raw)
        if text is None:
            parts.append(_INT32.pack(-1))
        else:
            raw = text.encode()
            parts += (_INT32.pack(len(raw)), raw)
    return b"".join(parts)


def decode_hstore(data: bytes) -> dict[str, str | None]:
    """A mapping of texts to texts or ``None`` (contrib/hstore/hstore_io.c, hstore_send)."""
    found: dict[str, str | None] = {}
    at = 4
    for _ in range(_INT32.unpack_from(data)[0]):
        (length,) = _INT32.unpack_from(data, at)
        key = str(data[at + 4 : at + 4 + length], "utf-8")
        at += 4 + length
        (length,) = _INT32.unpack_from(data, at)
        at += 4
        if length < 0:
            found[key] = None
        else:
            found[key] = str(data[at : at + length], "utf-8")
            at += length
    return found


def _vector_codec(letter: str) -> Codec:
    """pgvector, src/vector.c (vector_send) and src/halfvec.c: int16 dimensions, int16 0, then the numbers."""

    def encode(value: Any) -> bytes:
        numbers = json.loads(value) if isinstance(value, str) else list(value)
        if not 1 <= len(numbers) <= _MAX_DIMENSIONS:
            raise ValueError(f"a vector has 1 to {_MAX_DIMENSIONS} dimensions, not {len(numbers)}")
        return struct.pack(f">hh{len(numbers)}{letter}", len(numbers), 0, *numbers)

    def decode(data: bytes) -> list[float]:
        count, _ = _PAIR_OF_INT16.unpack_from(data)
        return list(struct.unpack_from(f">{count}{letter}", data, 4))

    return Codec(encode, decode)


JSON_CODECS: Mapping[str, tuple[int, Codec]] = {
    "json": (114, Codec(encode_json, decode_json)),
    "jsonb": (3802, Codec(encode_jsonb, decode_jsonb)),
}
"""Built-in types by name, with their OID (src/include/catalog/pg_type.dat)."""

EXTENSION_CODECS: Mapping[str, Codec] = {
    "hstore": Codec(encode_hstore, decode_hstore),
    "vector": _vector_codec("f"),
    "halfvec": _vector_codec("e"),
}
"""Types of extensions; the others (citext, ltree, sparsevec, …) travel as text."""

__all__ = [
    "EXTENSION_CODECS",
    "JSON_CODECS",
    "Codec",
    "decode_hstore",
    "decode_json",
    "decode_jsonb",
    "encode_hstore",
    "encode_json",
    "encode_jsonb",
]
