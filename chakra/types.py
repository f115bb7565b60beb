"""PostgreSQL types under the names that model declarations use: ``field(Varchar(254))``, ``field(Array(Text))``."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from chakra.errors import FieldError
from chakra.models.fields import enum_of
from chakra.pg import types as pg
from chakra.pg.domains import DomainWords
from chakra.pg.types import PgType, array_of
from chakra.schema.terms import Name as NameOrPair
from chakra.schema.terms import named

Boolean = pg.BOOL
SmallInt = pg.INT2
Integer = pg.INT4
BigInt = pg.INT8
Real = pg.FLOAT4
Double = pg.FLOAT8
Numeric = pg.NUMERIC
Money = pg.MONEY
Text = pg.TEXT
Varchar = pg.VARCHAR
Char = pg.BPCHAR
Name = pg.NAME
CiText = pg.CITEXT
Bytea = pg.BYTEA
Uuid = pg.UUID
Date = pg.DATE
Time = pg.TIME
TimeTz = pg.TIMETZ
Timestamp = pg.TIMESTAMP
TimestampTz = pg.TIMESTAMPTZ
Interval = pg.INTERVAL
Json = pg.JSON
Jsonb = pg.JSONB
JsonPath = pg.JSONPATH
Xml = pg.XML
Inet = pg.INET
Cidr = pg.CIDR
MacAddr = pg.MACADDR
MacAddr8 = pg.MACADDR8
Bit = pg.BIT
VarBit = pg.VARBIT
Oid = pg.OID
PgLsn = pg.PG_LSN
Point = pg.POINT
Line = pg.LINE
LSeg = pg.LSEG
Box = pg.BOX
Path = pg.PATH
Polygon = pg.POLYGON
Circle = pg.CIRCLE
TsVector = pg.TSVECTOR
TsQuery = pg.TSQUERY
HStore = pg.HSTORE
LTree = pg.LTREE
Vector = pg.VECTOR
HalfVec = pg.HALFVEC
SparseVec = pg.SPARSEVEC
Int4Range = pg.INT4RANGE
Int8Range = pg.INT8RANGE
NumRange = pg.NUMRANGE
TsRange = pg.TSRANGE
TsTzRange = pg.TSTZRANGE
DateRange = pg.DATERANGE
Int4MultiRange = pg.INT4MULTIRANGE
Int8MultiRange = pg.INT8MULTIRANGE
NumMultiRange = pg.NUMMULTIRANGE
TsMultiRange = pg.TSMULTIRANGE
TsTzMultiRange = pg.TSTZMULTIRANGE
DateMultiRange = pg.DATEMULTIRANGE


def Array(element: PgType, dimensions: int = 1) -> PgType:
    """An array type: ``Array(Text)``, ``Array(Integer, 2)``.

    Args:
        element: type of the elements.
        dimensions: declared dimensions, 1–6. PostgreSQL does not enforce them; the columnar path does.
    """
    return array_of(element, dimensions)


def Enum(cls: type[enum.Enum], name: str | None = None, *, schema: str | None = None) -> PgType:
    """The PostgreSQL enum of a Python enum, under another name than the class's in snake case, or in another schema.

    Args:
        schema: where the type is; left out, the schema of the model (``Meta.schema``), and where that has none, the
            search path decides; ``""`` = it decides anyhow.

    Raises:
        FieldError: not an enum class.
    """
    if not isinstance(cls, enum.EnumMeta):
        raise FieldError(f"Enum() takes a Python enum class, not {cls!r}")
    return enum_of(cls, name, schema)


def Composite(name: str, /, schema: str | None = None, **fields: PgType) -> PgType:
    """A composite type: ``Composite("address", street=Text, zip=Integer)``; ``create_tables()`` makes it,
    unless there is one of its name.
    """
    return PgType(name, kind="composite", python=tuple, schema=schema, fields=tuple(fields.items()))


def Domain(
    name: str,
    base: PgType,
    schema: str | None = None,
    *,
    check: str | Mapping[str, str] | None = None,
    db_default: str | None = None,
    null: bool = True,
    collation: NameOrPair | None = None,
) -> PgType:
    """A domain over ``base``: ``Domain("price", Numeric(12, 2), check="VALUE >= 0")``.

    ``create_tables()`` makes it unless there is one of its name. Of one that is there it checks what is said here; if
    nothing is said beyond the base, every domain of that name will do, whatever it refuses.

    Args:
        check: SQL over ``VALUE`` that is true, or NULL, of each value; several ones by name in a dict. One alone is
            called ``<name>_check``.
        db_default: SQL of what a column of it has by default.
        null: whether NULL is one of its values.
        collation: of texts, another one than the base's; a name, or ``(schema, name)``.

    Raises:
        FieldError: a condition or a default is no SQL.
    """
    checks = {f"{name}_check": check} if isinstance(check, str) else dict(check or {})
    for word, text in (*checks.items(), *(() if db_default is None else (("db_default", db_default),))):
        if not isinstance(text, str) or not text.strip():
            raise FieldError(f"Domain({name!r}): {word} is SQL as text, not {text!r}")
    chosen = None if collation is None else named(collation, f"Domain({name!r}, collation=…)")
    words = DomainWords(bool(null), db_default, tuple(sorted(checks.items())), chosen)
    return PgType(
        name,
        kind="domain",
        size=base.size,
        python=base.python,
        schema=schema,
        element=base,
        words=words or None,
    )


def Range(name: str, element: PgType, schema: str | None = None) -> PgType:
    """A range type over values of ``element``: ``Range("floatrange", Double)``. ``create_tables()`` makes it, in the
    order of its elements, unless there is one of its name; migrations do not.
    """
    return PgType(name, kind="range", schema=schema, element=element)


def MultiRange(name: str, range: PgType, schema: str | None = None) -> PgType:
    """A multirange type that exists on the server, of a range: ``MultiRange("floatmultirange", FloatRange)``.

    Raises:
        FieldError: of what is no range.
    """
    if not isinstance(range, PgType) or range.kind != "range":
        raise FieldError(f"MultiRange() takes a range, such as Range(…) makes, not {range!r}")
    return PgType(name, python=list, kind="multirange", schema=schema, element=range)


__all__ = [  # noqa: PLE0604 # pyright: ignore[reportUnsupportedDunderAll]
    "Array",
    "Composite",
    "Domain",
    "Enum",
    "MultiRange",
    "Range",
    *(name for name, value in dict[str, Any](globals()).items() if isinstance(value, PgType)),
]
