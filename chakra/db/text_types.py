"""Which types the driver can read as text only, and codecs for the arrays, composites and ranges of them.

asyncpg asks for a value as text where it has no binary codec, and so for everything that contains one. Its own
reader of array text leaves a NULL pointer behind for ``''`` (asyncpg 0.32, ``array.pyx``, ``_textarray_decode``), and
composites and ranges it does not read as text at all. What it finds out about such types while it prepares a
statement passes through here, so none of this costs a round trip.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from asyncpg.types import BitString

from chakra.db import text_values as text
from chakra.db.codecs import EXTENSION_CODECS, EXTENSION_TEXT
from chakra.pg.composites import fields_of
from chakra.pg.interval import interval_of, interval_text
from chakra.pg.json_text import dump_json, load_json

FIRST_FREE_OID = 16384  # src/include/access/transam.h, FirstNormalObjectId

READ_AS_TEXT = frozenset(
    {"money", "tsvector", "tsquery", "gtsvector", "aclitem", "pg_dependencies", "pg_ndistinct", "unknown"}
    | {"regproc", "regprocedure", "regoper", "regoperator", "regclass", "regtype", "regconfig"}
    | {"regdictionary", "regnamespace", "regrole", "regcollation", "regdatabase"}
)
"""Built-in types that asyncpg reads as text (``pgproto.pyx``): their binary format is a number of the catalog, or
depends on the server's settings, or does not exist."""


ANYARRAY = 2277  # pg_type.dat
"""What the server's statistics hold: arrays of whatever type the column has."""


@dataclass(frozen=True, slots=True)
class Type:
    """A type as asyncpg's introspection describes it.

    Attributes:
        kind: ``pg_type.typtype``.
        element: element of an array, base of a domain, subtype of a range or multirange; 0 if none.
        delimiter: what stands between the elements of an array of it.
        fields: names and types of a composite.
    """

    oid: int
    schema: str
    name: str
    kind: str
    is_array: bool
    element: int
    delimiter: str
    fields: tuple[tuple[str, int], ...]


class TextCodec(NamedTuple):
    """A codec to register for a container of values that are read as text."""

    type: Type
    encode: Callable[[Any], str]
    decode: Callable[[str], Any]


def types_from(rows: Iterable[Mapping[str, Any]]) -> dict[int, Type]:
    """The rows of asyncpg's introspection query by OID."""
    found: dict[int, Type] = {}
    for row in rows:
        kind = row["kind"]
        kind = kind.decode() if isinstance(kind, bytes) else kind
        array = bool(row["elemtype"]) and row["elemdelim"] is not None and kind == "b"
        delimiter = row["elemdelim"] or b","
        found[row["oid"]] = Type(
            row["oid"],
            row["ns"],
            row["name"],
            kind,
            array,
            (row["elemtype"] if array else 0) or row["basetype"] or row["range_subtype"] or 0,
            (delimiter.decode() if isinstance(delimiter, bytes) else delimiter)[0],
            tuple(zip(row["attrnames"] or (), row["attrtypoids"] or (), strict=True)),
        )
    return found


def on_text(types: Mapping[int, Type]) -> list[Type]:
    """The arrays, composites and ranges among the types that stand on one read as text."""
    known: dict[int, bool] = {}

    def stands(oid: int) -> bool:
        if oid not in known:
            known[oid] = False  # a composite cannot contain itself; a dropped type stands on nothing
            known[oid] = oid in types and _stands(types[oid])
        return known[oid]

    def _stands(type_: Type) -> bool:
        if type_.fields:
            return any([stands(oid) for _, oid in type_.fields])
        if type_.element:
            return stands(type_.element)
        return type_.oid == ANYARRAY or (type_.kind == "b" and _read_as_text(type_))

    return [t for t in types.values() if stands(t.oid) and (t.is_array or t.kind in ("c", "r", "m"))]


def _read_as_text(type_: Type) -> bool:
    if type_.oid < FIRST_FREE_OID:
        return type_.name in READ_AS_TEXT
    return type_.name not in EXTENSION_CODECS and type_.name not in EXTENSION_TEXT


def codec_for(type_: Type, types: Mapping[int, Type]) -> TextCodec:
    """How values of a container are read and written as text."""
    if type_.kind == "c":
        return _composite(type_, types)
    read, write = _parts(type_.element, types)
    if type_.is_array:
        mark = type_.delimiter
        return TextCodec(
            type_, lambda v: text.write_array(v, mark, write), lambda v: text.read_array(v, mark, read)
        )
    if type_.kind == "m":
        return TextCodec(
            type_, lambda v: text.write_multirange(v, write), lambda v: text.read_multirange(v, read)
        )
    return TextCodec(type_, lambda v: text.write_range(v, write), lambda v: text.read_range(v, read))


def _parts(oid: int, types: Mapping[int, Type]) -> tuple[text.Read, text.Write]:
    """How a value inside a container is read and written; the server's text says which value it is."""
    type_ = types.get(oid)
    if type_ is None:
        return str, _text
    if type_.kind == "d":
        return _parts(type_.element, types)
    if type_.is_array or type_.kind in ("c", "r", "m"):
        codec = codec_for(type_, types)
        return codec.decode, codec.encode
    if oid == ANYARRAY:
        return read_any_array, write_any_array
    if type_.kind == "e" or _read_as_text(type_):
        return str, _text
    by_name = _SCALARS if type_.oid < FIRST_FREE_OID else _EXTENSIONS
    return by_name.get(type_.name) or (_unknown(type_.name), _text)


def _composite(type_: Type, types: Mapping[int, Type]) -> TextCodec:
    names = tuple(name for name, _ in type_.fields)
    parts = [_parts(oid, types) for _, oid in type_.fields]
    made: Any = type(type_.name, (text.Composite,), {"__slots__": (), "names": names})

    def decode(value: str) -> Any:
        items = text.read_items(value)
        if len(items) != len(parts):
            raise ValueError(f"a value of {type_.name} has {len(items)} fields, expected {len(parts)}")
        return made(
            None if item is None else read(item) for item, (read, _) in zip(items, parts, strict=True)
        )

    def encode(value: Any) -> str:
        given = fields_of(value, names, type_.name, partial=True)
        return text.write_items(
            [None if v is None else write(v) for v, (_, write) in zip(given, parts, strict=True)]
        )

    return TextCodec(type_, encode, decode)


def read_any_array(value: str) -> list[Any]:
    """An array whose element type only the server knows; texts."""
    return text.read_array(value, ",", str)


def write_any_array(value: Any) -> str:
    """The counterpart of ``read_any_array``."""
    return text.write_array(value, ",", _text)


def _unknown(name: str) -> text.Read:
    def read(value: str) -> Any:
        raise ValueError(
            f"{name} {value!r:.80} beside a type that has no binary format; cast one of them to text"
        )

    return read


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected str, got {type(value).__name__}")
    return value


def _bytes(value: str) -> bytes:
    if not value.startswith("\\x"):
        raise ValueError("bytea in the escape format; set bytea_output to hex")
    return bytes.fromhex(value[2:])


def _datetime(value: str) -> dt.datetime:
    if value in ("infinity", "-infinity"):
        return dt.datetime.max if value == "infinity" else dt.datetime.min
    found = dt.datetime.fromisoformat(value)
    return found if found.tzinfo is None else found.astimezone(dt.UTC)


def _date(value: str) -> dt.date:
    if value in ("infinity", "-infinity"):
        return dt.date.max if value == "infinity" else dt.date.min
    return dt.date.fromisoformat(value)


_INTERVAL = re.compile(
    r"(?:([+-]?\d+) years? ?)?(?:([+-]?\d+) mons? ?)?(?:([+-]?\d+) days? ?)?"
    r"(?:([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?)?"
)


def _interval(value: str) -> dt.timedelta:
    """An interval in the style ``postgres`` (``datetime.c``, EncodeInterval)."""
    found = _INTERVAL.fullmatch(value)
    if found is None or not value:
        raise ValueError(f"interval {value!r} in another IntervalStyle than postgres")
    years, months, days, sign, hours, minutes, seconds, fraction = found.groups()
    time = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    microseconds = time * 1_000_000 + int((fraction or "").ljust(6, "0"))
    return interval_of(
        int(years or 0) * 12 + int(months or 0),
        int(days or 0),
        -microseconds if sign == "-" else microseconds,
    )


def _date_text(value: Any) -> str:
    if value in (dt.date.max, dt.date.min):
        return "infinity" if value == dt.date.max else "-infinity"
    return str(value.isoformat())


def _datetime_text(value: Any) -> str:
    naive = value.replace(tzinfo=None)
    if naive in (dt.datetime.max, dt.datetime.min):
        return "infinity" if naive == dt.datetime.max else "-infinity"
    return str(value.isoformat(" "))


def _bits(value: str) -> Any:
    made: Any = BitString  # takes text, whatever its annotation says
    return made(value)


def _network(value: str) -> Any:
    return ipaddress.ip_network(value)


def _address(value: str) -> Any:
    return ipaddress.ip_interface(value)


def _bool_text(value: Any) -> str:
    return "t" if value else "f"


def _bool(value: str) -> bool:
    return value == "t"


_WHOLE: tuple[text.Read, text.Write] = (int, str)
_FLOAT: tuple[text.Read, text.Write] = (float, repr)
_PLAIN: tuple[text.Read, text.Write] = (str, _text)
_JSON: tuple[text.Read, text.Write] = (load_json, dump_json)
_INSTANT: tuple[text.Read, text.Write] = (_datetime, _datetime_text)
_BYTES: tuple[text.Read, text.Write] = (_bytes, lambda v: "\\x" + bytes(v).hex())
_BITS: tuple[text.Read, text.Write] = (_bits, lambda v: v.as_string().replace(" ", ""))
_NETWORK: tuple[text.Read, text.Write] = (_network, str)

_SCALARS: Mapping[str, tuple[text.Read, text.Write]] = {
    "bool": (_bool, _bool_text),
    **dict.fromkeys(("int2", "int4", "int8", "oid", "xid", "cid", "xid8"), _WHOLE),
    **dict.fromkeys(("float4", "float8"), _FLOAT),
    "numeric": (Decimal, str),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "xml", "macaddr", "macaddr8"), _PLAIN),
    **dict.fromkeys(("refcursor", "pg_node_tree", "jsonpath", "pg_lsn"), _PLAIN),
    **dict.fromkeys(("json", "jsonb"), _JSON),
    "bytea": _BYTES,
    "uuid": (uuid.UUID, str),
    "date": (_date, _date_text),
    **dict.fromkeys(("timestamp", "timestamptz"), _INSTANT),
    "time": (dt.time.fromisoformat, str),
    "interval": (_interval, interval_text),
    "inet": (_address, str),
    "cidr": _NETWORK,
    **dict.fromkeys(("bit", "varbit"), _BITS),
}
"""Types the driver reads in binary, for where they stand beside one that it does not; by the server's default
``DateStyle``. Others are an error there that says so."""

_EXTENSIONS: Mapping[str, tuple[text.Read, text.Write]] = {
    **dict.fromkeys(("citext", "ltree", "lquery", "ltxtquery"), _PLAIN),
}

__all__ = [
    "ANYARRAY",
    "FIRST_FREE_OID",
    "READ_AS_TEXT",
    "TextCodec",
    "Type",
    "codec_for",
    "on_text",
    "read_any_array",
    "types_from",
    "write_any_array",
]
