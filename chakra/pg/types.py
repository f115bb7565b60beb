"""The type table: what PostgreSQL calls each type, its OIDs, width and Python face.

``PgType`` is the one description of a type that every layer shares: DDL, casts, COPY literals and the
columnar plan all read it. Built-in OIDs never change (``src/include/catalog/pg_type.dat``); types of
extensions and users carry ``oid=0`` until a database tells theirs.
"""

from __future__ import annotations

import datetime as dt
import decimal
import ipaddress
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from chakra._late import late
from chakra.errors import FieldError
from chakra.pg.domains import DomainWords
from chakra.pg.json_text import JsonNull

if TYPE_CHECKING:
    from chakra.pg.quoting import quote_qualified
else:
    late(globals(), "chakra.pg.quoting", "quote_qualified")


Kind = Literal["base", "array", "enum", "composite", "range", "multirange", "domain"]

NUMERIC_MAX_PRECISION = 1000  # src/include/utils/numeric.h, NUMERIC_MAX_PRECISION
VARHDRSZ = 4  # src/include/c.h; added to the length or precision inside a typmod


OWN = " (own)"
"""What tells a user's type from the server's type of the same name."""

_MADE_BY_USERS = frozenset({"enum", "composite", "domain"})
_CATALOG = (
    "reg",
    "pg_",
    "txid_",
    "refcursor",
    "unknown",
)  # names that conversions know beside those in BY_NAME


@dataclass(frozen=True, slots=True)
class PgType:
    """One PostgreSQL type, with its modifier; call it to give a modifier: ``NUMERIC(12, 2)``.

    Attributes:
        name: name in ``pg_type.typname`` (``int8``, ``bpchar``, ``_text``), by which layouts and conversions are found;
            with ``OWN`` behind it where users call a type of theirs like one of the server's (``app.money``).
        oid: ``pg_type.oid``; 0 while no database has been asked (extension and user types).
        array_oid: OID of the array over this type, 0 if unknown or none.
        size: ``pg_type.typlen``: bytes of a fixed-width value, -1 for variable width.
        sql_name: how SQL spells the type without its modifier (``bigint``).
        python: the class a row carries for it.
        kind: which family of layout the type belongs to.
        schema: schema of a type outside ``pg_catalog``; ``None`` = found on the search path.
        typmod: ``pg_attribute.atttypmod``; -1 = none.
        element: element of an array, subtype of a range, range of a multirange, base of a domain.
        ndims: declared dimensions of an array (0 for other kinds).
        labels: labels of an enum, in catalog order.
        fields: ``(name, type)`` pairs of a composite, in order.
        rounding: how a ``numeric(p, s)`` takes values with more digits: ``None`` = not at all, ``"half_up"``. About
            values, not about the column: the database does not know of it.
        sends, receives: whether the type has a binary format to read, to write (``typsend``, ``typreceive``).
        words: what a domain says beyond its base, where that is declared. Types are equal whatever it is: only what
            makes the domain asks for it.
        as_text: of a column of one write: its values come as text that the server is to read, whatever the type.
    """

    name: str
    oid: int = 0
    array_oid: int = 0
    size: int = -1
    sql_name: str = ""
    python: Any = object
    kind: Kind = "base"
    schema: str | None = None
    typmod: int = -1
    element: PgType | None = None
    ndims: int = 0
    labels: tuple[str, ...] = ()
    fields: tuple[tuple[str, PgType], ...] = ()
    rounding: Literal["half_up"] | None = None
    sends: bool = True
    receives: bool = True
    as_text: bool = False
    words: DomainWords | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in _MADE_BY_USERS or self.name.endswith(OWN):
            return
        if self.name in BY_NAME or self.name.startswith(_CATALOG):
            object.__setattr__(self, "name", self.name + OWN)

    def __hash__(self) -> int:
        # The key of many caches; what else types differ in is left to the comparison of equals.
        return hash((self.name, self.typmod))

    @property
    def typname(self) -> str:
        """The name in ``pg_type.typname``."""
        return self.name.removesuffix(OWN)

    def __call__(self, *modifiers: int, rounding: Literal["half_up"] | None = None) -> PgType:
        """Return the type with the given modifiers, as SQL would write them in parentheses.

        Args:
            rounding: of a ``numeric(p, s)``: ``"half_up"`` rounds values with more digits, away from zero at half, as
                the server does; without it they are refused.

        Raises:
            FieldError: the type takes no modifiers, or they are out of range.
        """
        if rounding is not None and (rounding != "half_up" or self.name != "numeric" or not modifiers):
            raise FieldError(f'rounding={rounding!r}: only numeric(p, s) rounds, and only "half_up"')
        return replace(self, typmod=_typmod(self, modifiers), rounding=rounding)

    @property
    def sql(self) -> str:
        """The type as DDL and casts write it, modifier included."""
        if self.kind == "array":
            assert self.element is not None
            return self.element.sql + "[]" * max(self.ndims, 1)
        shown = self.modifiers if self.typmod >= 0 else ()
        if not shown:
            return self.bare
        text = f"({', '.join(map(str, shown))})"
        # The precision of a time type stands before its zone: time(3) with time zone.
        head, zone, tail = self.bare.partition(" with")
        return head + text + zone + tail

    @property
    def bare(self) -> str:
        """The type as SQL writes it, without its modifier; of an array that of its elements is left out, too."""
        if self.kind == "array":
            assert self.element is not None
            return self.element.bare + "[]" * max(self.ndims, 1)
        return self.sql_name or quote_qualified(self.schema, self.typname)

    @property
    def modifiers(self) -> tuple[int, ...]:
        """The modifiers that ``typmod`` stands for, as SQL writes them; empty if none."""
        if self.typmod < 0:
            return ()
        if self.name == "numeric":
            packed = self.typmod - VARHDRSZ
            scale = packed & 0x7FF
            return (packed >> 16, (scale ^ 1024) - 1024)  # numeric.c: 11-bit signed scale
        if self.name in ("varchar", "bpchar"):
            return (self.typmod - VARHDRSZ,)
        if self.name == "interval":
            precision = self.typmod & 0xFFFF
            return () if precision == 0xFFFF else (precision,)
        return (self.typmod,)

    @property
    def precision(self) -> int | None:
        """Digits of a ``numeric(p, s)``; ``None`` for a numeric without modifiers and other types."""
        return self.modifiers[0] if self.name == "numeric" and self.typmod >= 0 else None

    @property
    def scale(self) -> int | None:
        """Digits after the point of a ``numeric(p, s)``, else ``None``."""
        return self.modifiers[1] if self.name == "numeric" and self.typmod >= 0 else None

    @property
    def base(self) -> PgType:
        """The type itself, or what a domain finally stands on."""
        if self.kind != "domain":
            return self
        found = self
        while found.kind == "domain":
            assert found.element is not None
            found = found.element
        return found


def without_binary(type_: PgType, *, to: Literal["read", "write"]) -> PgType | None:
    """The type whose binary format stands in for one that has none: text, or arrays of text for arrays.

    Returns:
        ``None`` for a type with a binary format, all it contains included.
    """
    if type_.as_text and to == "write":
        return TEXT
    base = type_.base
    if _is_binary(base, to):
        return None
    if base.kind == "array" and base.element is not None and base.element.base.kind == "base":
        return replace(array_of(TEXT), ndims=base.ndims)
    return TEXT


def _is_binary(type_: PgType, to: str) -> bool:
    if type_.element is not None:
        return _is_binary(type_.element, to)
    if type_.fields:
        return all(_is_binary(field, to) for _, field in type_.fields)
    return type_.sends if to == "read" else type_.receives


_LENGTH_TYPES = {"varchar": 10485760, "bpchar": 10485760, "bit": 83886080, "varbit": 83886080}
_PRECISION_TYPES = frozenset({"time", "timetz", "timestamp", "timestamptz", "interval"})
_DIMENSION_TYPES = {"vector": 16000, "halfvec": 16000, "sparsevec": 1_000_000_000}


def _typmod(type_: PgType, modifiers: tuple[int, ...]) -> int:
    """Pack SQL modifiers as ``typmodin`` of the type does (``src/backend/utils/adt/``)."""
    name = type_.name
    if any(type(m) is not int for m in modifiers):
        raise FieldError(f"{name} takes whole numbers as modifiers, not {modifiers!r}")
    if name == "numeric" and len(modifiers) in (1, 2):
        precision, scale = modifiers if len(modifiers) == 2 else (modifiers[0], 0)
        if not 1 <= precision <= NUMERIC_MAX_PRECISION or not -1000 <= scale <= 1000:
            raise FieldError(
                f"numeric({precision}, {scale}): precision goes from 1 to 1000, scale from -1000 to 1000"
            )
        return ((precision << 16) | (scale & 0x7FF)) + VARHDRSZ
    if len(modifiers) == 1:
        (n,) = modifiers
        if name in _LENGTH_TYPES and 1 <= n <= _LENGTH_TYPES[name]:
            return n + (VARHDRSZ if name in ("varchar", "bpchar") else 0)
        if name in _PRECISION_TYPES and 0 <= n <= 6:
            return (0x7FFF << 16) | n if name == "interval" else n
        if name in _DIMENSION_TYPES and 1 <= n <= _DIMENSION_TYPES[name]:
            return n
    raise FieldError(f"{name} does not take the modifiers {modifiers!r}")


def array_of(element: PgType, ndims: int = 1) -> PgType:
    """The array type over ``element`` with ``ndims`` declared dimensions (PostgreSQL allows 1–6)."""
    if not 1 <= ndims <= 6:  # MAXDIM, src/include/utils/array.h
        raise FieldError(f"an array has 1 to 6 dimensions, not {ndims}")
    if element.kind == "array":
        raise FieldError("PostgreSQL has no array of arrays; give the dimensions instead: Array(T, 2)")
    return PgType(
        name="_" + element.name,
        oid=element.array_oid,
        kind="array",
        python=list,
        schema=element.schema,
        element=element,
        ndims=ndims,
    )


def record_of(fields: Iterable[tuple[str, PgType]]) -> PgType:
    """The anonymous row type (``record``) of a value that ``ROW(…)`` makes; its fields have no names in SQL."""
    return PgType(
        "record", 2249, 2287, sql_name="record", python=tuple, kind="composite", fields=tuple(fields)
    )


def enum_type(name: str, labels: tuple[str, ...], *, schema: str | None = None) -> PgType:
    """An enum type as ``CREATE TYPE name AS ENUM (labels…)`` makes it."""
    return PgType(name=name, kind="enum", size=4, python=str, schema=schema, labels=labels)


def in_schema(type_: PgType, schema: str | None) -> PgType:
    """The type with its enum put into a schema, unless it names one: the types of a model lie beside its table. One
    whose schema is ``""`` is found on the search path.
    """
    if type_.schema or type_.schema == schema:
        return type_
    if type_.kind == "enum":
        return replace(type_, schema=None if type_.schema == "" else schema)
    if type_.kind == "array" and type_.element is not None:
        element = in_schema(type_.element, schema)
        return type_ if element is type_.element else replace(type_, element=element, schema=element.schema)
    return type_


def _b(name: str, oid: int, array_oid: int, size: int, sql: str, python: Any = str, **more: Any) -> PgType:
    return PgType(name, oid, array_oid, size, sql, python, **more)


# name, oid, array oid, width, SQL spelling, Python class of a row value.
BOOL = _b("bool", 16, 1000, 1, "boolean", bool)
BYTEA = _b("bytea", 17, 1001, -1, "bytea", bytes)
QCHAR = _b("char", 18, 1002, 1, '"char"', bytes)
NAME = _b("name", 19, 1003, 64, "name")
INT8 = _b("int8", 20, 1016, 8, "bigint", int)
INT2 = _b("int2", 21, 1005, 2, "smallint", int)
INT4 = _b("int4", 23, 1007, 4, "integer", int)
TEXT = _b("text", 25, 1009, -1, "text")
OID = _b("oid", 26, 1028, 4, "oid", int)
TID = _b("tid", 27, 1010, 6, "tid", tuple)
XID = _b("xid", 28, 1011, 4, "xid", int)
CID = _b("cid", 29, 1012, 4, "cid", int)
JSON = _b("json", 114, 199, -1, "json", dict)
XML = _b("xml", 142, 143, -1, "xml")
POINT = _b("point", 600, 1017, 16, "point", tuple)
LSEG = _b("lseg", 601, 1018, 32, "lseg", tuple)
PATH = _b("path", 602, 1019, -1, "path", tuple)
BOX = _b("box", 603, 1020, 32, "box", tuple)
POLYGON = _b("polygon", 604, 1027, -1, "polygon", tuple)
LINE = _b("line", 628, 629, 24, "line", tuple)
CIDR = _b("cidr", 650, 651, -1, "cidr", ipaddress.IPv4Network)
FLOAT4 = _b("float4", 700, 1021, 4, "real", float)
FLOAT8 = _b("float8", 701, 1022, 8, "double precision", float)
CIRCLE = _b("circle", 718, 719, 24, "circle", tuple)
MACADDR8 = _b("macaddr8", 774, 775, 8, "macaddr8")
MONEY = _b("money", 790, 791, 8, "money")
MACADDR = _b("macaddr", 829, 1040, 6, "macaddr")
INET = _b("inet", 869, 1041, -1, "inet", ipaddress.IPv4Interface)
BPCHAR = _b("bpchar", 1042, 1014, -1, "character")
VARCHAR = _b("varchar", 1043, 1015, -1, "character varying")
DATE = _b("date", 1082, 1182, 4, "date", dt.date)
TIME = _b("time", 1083, 1183, 8, "time without time zone", dt.time)
TIMESTAMP = _b("timestamp", 1114, 1115, 8, "timestamp without time zone", dt.datetime)
TIMESTAMPTZ = _b("timestamptz", 1184, 1185, 8, "timestamp with time zone", dt.datetime)
INTERVAL = _b("interval", 1186, 1187, 16, "interval", dt.timedelta)
TIMETZ = _b("timetz", 1266, 1270, 12, "time with time zone", dt.time)
BIT = _b("bit", 1560, 1561, -1, "bit")
VARBIT = _b("varbit", 1562, 1563, -1, "bit varying")
NUMERIC = _b("numeric", 1700, 1231, -1, "numeric", decimal.Decimal)
REGCLASS = _b("regclass", 2205, 2210, 4, "regclass")
REGTYPE = _b("regtype", 2206, 2211, 4, "regtype")
UUID = _b("uuid", 2950, 2951, 16, "uuid", uuid.UUID)
PG_LSN = _b("pg_lsn", 3220, 3221, 8, "pg_lsn")
TSVECTOR = _b("tsvector", 3614, 3643, -1, "tsvector")
TSQUERY = _b("tsquery", 3615, 3645, -1, "tsquery")
REGCONFIG = _b("regconfig", 3734, 3735, 4, "regconfig")
JSONB = _b("jsonb", 3802, 3807, -1, "jsonb", dict)
JSONPATH = _b("jsonpath", 4072, 4073, -1, "jsonpath")
XID8 = _b("xid8", 5069, 271, 8, "xid8", int)
INT4RANGE = _b("int4range", 3904, 3905, -1, "int4range", kind="range", element=INT4)
NUMRANGE = _b("numrange", 3906, 3907, -1, "numrange", kind="range", element=NUMERIC)
TSRANGE = _b("tsrange", 3908, 3909, -1, "tsrange", kind="range", element=TIMESTAMP)
TSTZRANGE = _b("tstzrange", 3910, 3911, -1, "tstzrange", kind="range", element=TIMESTAMPTZ)
DATERANGE = _b("daterange", 3912, 3913, -1, "daterange", kind="range", element=DATE)
INT8RANGE = _b("int8range", 3926, 3927, -1, "int8range", kind="range", element=INT8)
INT4MULTIRANGE = _b(
    "int4multirange", 4451, 6150, -1, "int4multirange", list, kind="multirange", element=INT4RANGE
)
NUMMULTIRANGE = _b(
    "nummultirange", 4532, 6151, -1, "nummultirange", list, kind="multirange", element=NUMRANGE
)
TSMULTIRANGE = _b("tsmultirange", 4533, 6152, -1, "tsmultirange", list, kind="multirange", element=TSRANGE)
TSTZMULTIRANGE = _b(
    "tstzmultirange", 4534, 6153, -1, "tstzmultirange", list, kind="multirange", element=TSTZRANGE
)
DATEMULTIRANGE = _b(
    "datemultirange", 4535, 6155, -1, "datemultirange", list, kind="multirange", element=DATERANGE
)
INT8MULTIRANGE = _b(
    "int8multirange", 4536, 6157, -1, "int8multirange", list, kind="multirange", element=INT8RANGE
)
# Types of the extensions that ship with PostgreSQL, and pgvector; their OIDs differ per database.
CITEXT = _b("citext", 0, 0, -1, "citext")
HSTORE = _b("hstore", 0, 0, -1, "hstore", dict)
LTREE = _b("ltree", 0, 0, -1, "ltree")
VECTOR = _b("vector", 0, 0, -1, "vector", list)
HALFVEC = _b("halfvec", 0, 0, -1, "halfvec", list)
SPARSEVEC = _b("sparsevec", 0, 0, -1, "sparsevec")

ALL_TYPES: tuple[PgType, ...] = tuple(v for v in dict(globals()).values() if isinstance(v, PgType))

RECORD = PgType("record", 2249, 2287, -1, "record", tuple)
"""A row without a type of its own (a pseudo-type: no column has it); its values say which types they hold."""

BY_NAME: Mapping[str, PgType] = MappingProxyType({t.name: t for t in ALL_TYPES})
"""Every built-in type by its catalog name."""

BY_OID: Mapping[int, PgType] = MappingProxyType(
    {t.oid: t for t in ALL_TYPES if t.oid} | {t.array_oid: array_of(t) for t in ALL_TYPES if t.array_oid}
)
"""Every built-in type and its array by OID."""

BY_PYTHON: Mapping[Any, PgType] = MappingProxyType(
    {
        bool: BOOL,
        int: INT8,
        float: FLOAT8,
        str: TEXT,
        bytes: BYTEA,
        decimal.Decimal: NUMERIC,
        dt.datetime: TIMESTAMPTZ,
        dt.date: DATE,
        dt.time: TIME,
        dt.timedelta: INTERVAL,
        uuid.UUID: UUID,
        dict: JSONB,
        JsonNull: JSONB,
        ipaddress.IPv4Address: INET,
        ipaddress.IPv6Address: INET,
        ipaddress.IPv4Interface: INET,
        ipaddress.IPv6Interface: INET,
        ipaddress.IPv4Network: CIDR,
        ipaddress.IPv6Network: CIDR,
    }
)
"""The type a bare annotation stands for."""

_SPELLINGS = {t.sql_name: t for t in ALL_TYPES} | {
    "int": INT4,
    "serial": INT4,
    "bigserial": INT8,
    "decimal": NUMERIC,
    "char": BPCHAR,
    "time": TIME,
    "timestamp": TIMESTAMP,
    "float": FLOAT8,
}


def parse_type(text: str) -> PgType:
    """Read a type as SQL spells it: ``bigint``, ``numeric(12, 2)``, ``text[][]``, ``timestamp(3)``.

    Raises:
        FieldError: the name is not one of the built-in types.
    """
    name = text.strip().lower()
    ndims = 0
    while name.endswith("[]"):
        name, ndims = name[:-2].rstrip(), ndims + 1
    modifiers: tuple[int, ...] = ()
    head, opening, rest = name.partition("(")
    if opening:
        inside, closing, tail = rest.partition(")")
        try:
            modifiers = tuple(int(part) for part in inside.split(","))
        except ValueError:
            closing = ""
        if not closing:
            raise FieldError(f"cannot read the type {text!r}: expected whole numbers in parentheses")
        name = " ".join((head + tail).split())
    found = _SPELLINGS.get(name) or BY_NAME.get(name)
    if found is None:
        raise FieldError(
            f"unknown PostgreSQL type {text!r}; known are {', '.join(sorted(BY_NAME))}; types of your own are "
            "made with Enum, Composite and Domain of chakra.types"
        )
    if modifiers:
        found = found(*modifiers)
    return array_of(found, ndims) if ndims else found


INT8_DIGITS = 18
"""Digits that always fit in ``bigint``."""

__all__ = [
    "ALL_TYPES",
    "BIT",
    "BOOL",
    "BOX",
    "BPCHAR",
    "BYTEA",
    "BY_NAME",
    "BY_OID",
    "BY_PYTHON",
    "CID",
    "CIDR",
    "CIRCLE",
    "CITEXT",
    "DATE",
    "DATEMULTIRANGE",
    "DATERANGE",
    "FLOAT4",
    "FLOAT8",
    "HALFVEC",
    "HSTORE",
    "INET",
    "INT2",
    "INT4",
    "INT4MULTIRANGE",
    "INT4RANGE",
    "INT8",
    "INT8MULTIRANGE",
    "INT8RANGE",
    "INT8_DIGITS",
    "INTERVAL",
    "JSON",
    "JSONB",
    "JSONPATH",
    "Kind",
    "LINE",
    "LSEG",
    "LTREE",
    "MACADDR",
    "MACADDR8",
    "MONEY",
    "NAME",
    "NUMERIC",
    "NUMMULTIRANGE",
    "NUMRANGE",
    "OID",
    "PATH",
    "PG_LSN",
    "POINT",
    "POLYGON",
    "PgType",
    "QCHAR",
    "REGCLASS",
    "REGCONFIG",
    "REGTYPE",
    "SPARSEVEC",
    "TEXT",
    "TID",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "TIMETZ",
    "TSMULTIRANGE",
    "TSQUERY",
    "TSRANGE",
    "TSTZMULTIRANGE",
    "TSTZRANGE",
    "TSVECTOR",
    "UUID",
    "VARBIT",
    "VARCHAR",
    "VECTOR",
    "XID",
    "XID8",
    "XML",
    "array_of",
    "enum_type",
    "in_schema",
    "parse_type",
    "record_of",
    "without_binary",
]
