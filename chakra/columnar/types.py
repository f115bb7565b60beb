"""COLUMN_TYPES, the one table of PostgreSQL ↔ Arrow types; the plan, the families and the docs read it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import EnumMeta
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import pyarrow as pa

from chakra.columnar.options import DEFAULT, Options
from chakra.errors import FieldError
from chakra.pg.conversion import Naive
from chakra.pg.conversion.numbers import NUMBERS
from chakra.pg.types import PgType, parse_type

# Layout codes: how the row kernel takes a field. The kernel holds its own copy (Numba freezes globals of one
# file); tests/columnar compares the two.
RAW: Final = 0  # remember where the bytes are; a family decodes them at the end of the batch
FIXED1: Final = 1
FIXED2: Final = 2  # byte-swapped
FIXED4: Final = 4
FIXED8: Final = 8
FIXED16: Final = 16  # copied
BOOL: Final = 3  # one byte on the wire, one bit in Arrow
VARLEN: Final = 5  # copied, with offsets

# PostgreSQL counts days and microseconds from 2000-01-01 (src/include/datatype/timestamp.h,
# POSTGRES_EPOCH_JDATE), Arrow from 1970-01-01.
DAYS_TO_EPOCH: Final = 10957
MICROSECONDS_TO_EPOCH: Final = 946_684_800_000_000


@dataclass(frozen=True, slots=True)
class ColumnType:
    """How one PostgreSQL type travels.

    Attributes:
        family: module of ``chakra.columnar.families`` that decodes and encodes values of the type anywhere,
            also inside arrays and composites.
        layout: code of the row kernel's fast path for a top-level column; ``RAW`` = the family does it.
        arrow: Arrow type, or a function of (type, options); ``None`` = the family's ``arrow_type``.
        add: integer the kernel adds to a decoded value (epoch shift).
        infinities: the smallest and the largest value of the width mean ±infinity.
        skip: leading bytes that are not data, each of them 1 (jsonb's version byte).
    """

    family: str
    layout: int = RAW
    arrow: pa.DataType | Callable[[PgType, Options], pa.DataType] | None = None
    add: int = 0
    infinities: bool = False
    skip: int = 0


def string_type(options: Options) -> pa.DataType:
    """The Arrow string type the ``strings=`` option asks for."""
    return {"utf8": pa.string(), "large_utf8": pa.large_string(), "view": pa.string_view()}[options.strings]


def _string(_: PgType, options: Options) -> pa.DataType:
    return string_type(options)


def _binary(_: PgType, options: Options) -> pa.DataType:
    return {"utf8": pa.binary(), "large_utf8": pa.large_binary(), "view": pa.binary_view()}[options.strings]


def _json(_: PgType, options: Options) -> pa.DataType:
    # The extension type arrow.json has no string_view storage that other libraries read; large is kept.
    return pa.json_(pa.large_string() if options.strings == "large_utf8" else pa.string())


_TEXT = ColumnType("simple", VARLEN, _string)

COLUMN_TYPES: Mapping[str, ColumnType] = MappingProxyType(
    {
        "bool": ColumnType("simple", BOOL, pa.bool_()),
        "int2": ColumnType("simple", FIXED2, pa.int16()),
        "int4": ColumnType("simple", FIXED4, pa.int32()),
        "int8": ColumnType("simple", FIXED8, pa.int64()),
        "float4": ColumnType("simple", FIXED4, pa.float32()),
        "float8": ColumnType("simple", FIXED8, pa.float64()),
        "oid": ColumnType("simple", FIXED4, pa.uint32()),
        "xid": ColumnType("simple", FIXED4, pa.uint32()),
        "cid": ColumnType("simple", FIXED4, pa.uint32()),
        "regclass": ColumnType("simple", FIXED4, pa.uint32()),
        "regtype": ColumnType("simple", FIXED4, pa.uint32()),
        "regconfig": ColumnType("simple", FIXED4, pa.uint32()),
        "xid8": ColumnType("simple", FIXED8, pa.uint64()),
        "pg_lsn": ColumnType("simple", FIXED8, pa.uint64()),
        "date": ColumnType("simple", FIXED4, pa.date32(), add=DAYS_TO_EPOCH, infinities=True),
        "time": ColumnType("simple", FIXED8, pa.time64("us")),
        "timestamp": ColumnType(
            "simple", FIXED8, pa.timestamp("us"), add=MICROSECONDS_TO_EPOCH, infinities=True
        ),
        "timestamptz": ColumnType(
            "simple", FIXED8, pa.timestamp("us", "UTC"), add=MICROSECONDS_TO_EPOCH, infinities=True
        ),
        "uuid": ColumnType("simple", FIXED16, pa.uuid()),
        "text": _TEXT,
        "varchar": _TEXT,
        "bpchar": _TEXT,
        "name": _TEXT,
        "citext": _TEXT,
        "xml": _TEXT,
        "char": ColumnType("simple", VARLEN, _binary),
        "bytea": ColumnType("simple", VARLEN, _binary),
        "json": ColumnType("simple", VARLEN, _json),
        "jsonb": ColumnType("simple", VARLEN, _json, skip=1),
        "regproc": ColumnType("simple", FIXED4, pa.uint32()),
        "regprocedure": ColumnType("simple", FIXED4, pa.uint32()),
        "regoper": ColumnType("simple", FIXED4, pa.uint32()),
        "regoperator": ColumnType("simple", FIXED4, pa.uint32()),
        "regnamespace": ColumnType("simple", FIXED4, pa.uint32()),
        "regrole": ColumnType("simple", FIXED4, pa.uint32()),
        "regcollation": ColumnType("simple", FIXED4, pa.uint32()),
        "regdictionary": ColumnType("simple", FIXED4, pa.uint32()),
        # The decimals of money are a setting of the server (lc_monetary): the smallest unit is exact.
        "money": ColumnType("simple", FIXED8, pa.int64()),
        "jsonpath": ColumnType("simple", VARLEN, _string, skip=1),
        "ltree": ColumnType("simple", VARLEN, _string, skip=1),
        "lquery": ColumnType("simple", VARLEN, _string, skip=1),
        "ltxtquery": ColumnType("simple", VARLEN, _string, skip=1),
        "numeric": ColumnType("numeric"),
        "interval": ColumnType("interval"),
        "timetz": ColumnType("fixed_struct"),
        "tid": ColumnType("fixed_struct"),
        "point": ColumnType("fixed_struct"),
        "line": ColumnType("fixed_struct"),
        "lseg": ColumnType("fixed_struct"),
        "box": ColumnType("fixed_struct"),
        "circle": ColumnType("fixed_struct"),
        "path": ColumnType("points"),
        "polygon": ColumnType("points"),
        "inet": ColumnType("network"),
        "cidr": ColumnType("network"),
        "macaddr": ColumnType("network"),
        "macaddr8": ColumnType("network"),
        "bit": ColumnType("bits"),
        "varbit": ColumnType("bits"),
        "tsvector": ColumnType("textsearch"),
        "tsquery": ColumnType("textsearch"),
        "hstore": ColumnType("hstore"),
        "vector": ColumnType("vector"),
        "halfvec": ColumnType("vector"),
        "sparsevec": ColumnType("vector"),
    }
)
"""Catalog name of a type → how it travels; a type that is not here goes by its kind, or as opaque binary."""

_BY_KIND: Mapping[str, ColumnType] = MappingProxyType(
    {
        "array": ColumnType("array"),
        "enum": ColumnType("enum"),
        "composite": ColumnType("composite"),
        "range": ColumnType("range"),
        "multirange": ColumnType("multirange"),
    }
)
_OPAQUE = ColumnType("simple", VARLEN, _binary)


def column_type(type_: PgType) -> ColumnType:
    """The row of the table for a type: a domain by its base, then by kind, by name, else opaque binary."""
    base = type_.base
    return _BY_KIND.get(base.kind) or COLUMN_TYPES.get(base.name, _OPAQUE)


def arrow_type(type_: PgType, options: Options = DEFAULT) -> pa.DataType:
    """The Arrow type values of ``type_`` decode to.

    Raises:
        FieldError: the type follows from the data only (numeric without precision in a stream).
    """
    row = column_type(type_)
    if row.arrow is None:
        family = importlib.import_module(f"chakra.columnar.families.{row.family}")
        found: pa.DataType = family.arrow_type(type_.base, options)
        return found
    return row.arrow(type_.base, options) if callable(row.arrow) else row.arrow


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column of a stream.

    Attributes:
        name: what the values are known by.
        type: the type in whose layout they travel.
        nullable: whether NULL may stand in it.
        declared: the type they are outside the stream, where that is another: what decoded values are converted to,
            and what Python values are written as. See ``chakra.schema.declared``.
        label: what errors about the two types call the column, if not by its name.
        naive: what a datetime without a zone means among values for ``timestamptz``.
        rounded: whether Python values with more digits than the column keeps are the encoder's, to round.
        members: the Python enum that has all values that may be written.
    """

    name: str
    type: PgType
    nullable: bool = True
    declared: PgType | None = None
    label: str = ""
    naive: Naive = "error"
    rounded: bool = False
    members: EnumMeta | None = None

    @property
    def by_value(self) -> bool:
        """Whether numbers of the declared type are written as the same numbers of another."""
        pair = (self.outside.base.name, self.type.base.name)
        return pair[0] != pair[1] and NUMBERS.issuperset(pair)

    @property
    def outside(self) -> PgType:
        """The type of the values outside the stream."""
        return self.declared or self.type


TypesInput: TypeAlias = (
    "Mapping[str, str | PgType] | Iterable[ColumnSpec] | Iterable[tuple[str, str | PgType]]"
)


def specs_from(types: TypesInput) -> tuple[ColumnSpec, ...]:
    """Read the column list users hand in.

    Parameters:
        types: a mapping ``{name: type}``, or a sequence of ``(name, type)`` pairs or :class:`ColumnSpec`; a
            type is a :class:`~chakra.pg.types.PgType` or its SQL spelling (``"numeric(12, 2)"``).

    Raises:
        FieldError: an entry is something else, a type is unknown, or there are more than 1664 columns.
    """
    items: Iterable[Any] = types.items() if isinstance(types, Mapping) else types
    specs = tuple(item if isinstance(item, ColumnSpec) else _spec(item) for item in items)
    if len(specs) > MAX_COLUMNS:
        raise FieldError(f"{len(specs)} columns: PostgreSQL rows have at most {MAX_COLUMNS}")
    return specs


ZONE: Final = "tz"
"""Key in the metadata of a NumPy dtype: the zone of datetimes, for which NumPy has no place."""

MAX_COLUMNS: Final = 1664  # src/include/access/htup_details.h, MaxTupleAttributeNumber


def _spec(item: Any) -> ColumnSpec:
    match item:
        case (str() as name, PgType() as type_):
            return ColumnSpec(name, type_)
        case (str() as name, str() as text):
            return ColumnSpec(name, parse_type(text))
    raise FieldError(f"expected a column as (name, type) or ColumnSpec, not {item!r}")


__all__ = [
    "BOOL",
    "COLUMN_TYPES",
    "DAYS_TO_EPOCH",
    "FIXED1",
    "FIXED2",
    "FIXED4",
    "FIXED8",
    "FIXED16",
    "MAX_COLUMNS",
    "MICROSECONDS_TO_EPOCH",
    "RAW",
    "VARLEN",
    "ZONE",
    "ColumnSpec",
    "ColumnType",
    "TypesInput",
    "arrow_type",
    "column_type",
    "specs_from",
    "string_type",
]
