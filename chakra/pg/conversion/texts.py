"""Text, bytes, keys of all kinds, documents: what PostgreSQL reads as text, and what Python has classes for."""

from __future__ import annotations

import enum
import ipaddress
import re
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from chakra.pg.conversion.base import Conversion, Unfit, as_str, plain, refuse
from chakra.pg.json_text import JsonNull, dump_json
from chakra.pg.showing import reason, shown
from chakra.pg.types import PgType

NAME_BYTES = 63  # NAMEDATALEN - 1, src/include/pg_config_manual.h
_UUID = re.compile(r"\{?[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}\}?")
_BITS = re.compile(r"[01]*")
_MAC = re.compile(
    r"[0-9A-Fa-f]{2}([:.-]?[0-9A-Fa-f]{2}){5}(([:.-]?[0-9A-Fa-f]{2}){2})?|([0-9A-Fa-f]{4}\.){2,3}[0-9A-Fa-f]{4}"
)

_TEXTS = frozenset({"text", "varchar", "bpchar", "citext", "name"})


def _storable(text: str) -> str:
    if "\0" in text:
        raise Unfit("PostgreSQL's text cannot hold a NUL character")
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise Unfit("it holds half of a surrogate pair, which UTF-8 cannot")
    return text


def _text(value: Any, *, limit: int | None = None, padded: bool = False) -> str:
    text = as_str(plain(value))
    if text is None:
        refuse("a str", value)
    _storable(text)
    if limit is not None and len(text) > limit and (not padded or len(text.rstrip(" ")) > limit):
        raise Unfit(f"it has {len(text)} characters, and the column takes {limit}")
    return text


def _name(value: Any) -> str:
    text = _text(value)
    if len(text.encode()) > NAME_BYTES:
        raise Unfit(f"a name holds at most {NAME_BYTES} bytes")
    return text


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if isinstance(value, memoryview):
        return value.tobytes()
    refuse("bytes", value)


def _uuid(value: Any) -> uuid.UUID:
    if isinstance(value, uuid.UUID):
        return value
    text = as_str(value)
    if text is None:
        refuse("a UUID or its text", value)
    if _UUID.fullmatch(text) is None:
        raise Unfit("expected the 32 hex digits of a UUID, with hyphens or without")
    return uuid.UUID(text)


def _json(value: Any) -> Any:
    try:
        dump_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unfit(f"it is no JSON: {reason(error)}") from None
    return value


def _inet(value: Any) -> Any:
    if isinstance(
        value,
        ipaddress.IPv4Address | ipaddress.IPv6Address | ipaddress.IPv4Network | ipaddress.IPv6Network,
    ):
        return value  # interfaces are addresses
    text = as_str(value)
    if text is None:
        refuse("an address or its text", value)
    if "%" in text:
        raise Unfit("inet has no place for the zone of an address (behind %)")
    try:
        return ipaddress.ip_interface(text.strip()) if "/" in text else ipaddress.ip_address(text.strip())
    except ValueError as error:
        raise Unfit(reason(error)) from None


def _cidr(value: Any) -> Any:
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return value
    if isinstance(value, ipaddress.IPv4Interface | ipaddress.IPv6Interface):
        value = value.with_prefixlen
    elif isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        value = str(value)
    text = as_str(value)
    if text is None:
        refuse("a network or its text", value)
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError as error:
        raise Unfit(reason(error)) from None


def _mac(value: Any) -> str:
    text = as_str(value)
    if text is None:
        refuse("the text of a hardware address", value)
    if _MAC.fullmatch(text.strip()) is None:
        raise Unfit("expected pairs of hex digits with colons")
    return text.strip()


def _label(value: Any, *, type_: PgType) -> str:
    cls = type_.python
    if isinstance(value, enum.Enum) and not (isinstance(cls, type) and isinstance(value, cls)):
        # Of a table without a model nobody knows the class: whatever has the label says what it means.
        known = isinstance(cls, type) and issubclass(cls, enum.Enum)
        text = as_str(value) if known or isinstance(value, str) else enum_label(value)
        if text is None:
            refuse(_members(type_), value)
    elif isinstance(value, enum.Enum):
        return enum_label(value)
    else:
        text = as_str(value)
        if text is None:
            refuse(_members(type_), value)
    if type_.labels and text not in type_.labels:
        raise Unfit(f"the labels of {type_.typname} are {', '.join(type_.labels)}")
    return text


def _members(type_: PgType) -> str:
    cls = type_.python
    return (
        f"a member of {cls.__name__} or its label"
        if isinstance(cls, type) and issubclass(cls, enum.Enum)
        else "a label"
    )


def enum_labels(cls: type[enum.Enum]) -> tuple[str, ...]:
    """The labels of a Python enum in PostgreSQL: its values if all are strings, else its names."""
    members = list(cls)
    if all(isinstance(m.value, str) for m in members):
        return tuple(m.value for m in members)
    return tuple(m.name for m in members)


def enum_label(member: enum.Enum) -> str:
    """The label of a member of a Python enum."""
    cls = type(member)
    return member.value if all(isinstance(m.value, str) for m in cls) else member.name


def _bits(value: Any, *, length: int | None, varying: bool) -> Any:
    text = as_str(value)
    if text is None:
        if not hasattr(value, "as_string"):  # asyncpg's BitString
            refuse("0s and 1s as str, or a BitString", value)
        text = value.as_string()
    text = text.replace(" ", "")
    if _BITS.fullmatch(text) is None:
        raise Unfit("expected only 0 and 1")
    if length is not None and (len(text) > length if varying else len(text) != length):
        raise Unfit(f"it has {len(text)} bits, and the column takes {'at most ' if varying else ''}{length}")
    return text


def _hstore(value: Any) -> dict[str, str | None]:
    if not isinstance(value, Mapping):
        refuse("a mapping of str to str or None", value)
    found: dict[str, str | None] = {}
    for key, item in value.items():
        name = as_str(key)
        text = None if item is None else as_str(item)
        if name is None or (item is not None and text is None):
            raise Unfit(f"hstore holds str keys and str or None values, not {shown(key)}: {shown(item)}")
        found[_storable(name)] = None if text is None else _storable(text)
    return found


def _canonical(value: Any) -> str:
    """A type that travels as its text (ltree, tsvector, …)."""
    text = as_str(value)
    if text is None:
        refuse("its text as a str", value)
    return _storable(text)


def _xml(value: Any) -> str:
    text = _canonical(value)
    found = _XML_ENCODING.match(text)
    if found is not None and not text.isascii() and found[2].lower() not in ("utf-8", "utf8"):
        raise Unfit(
            f"it declares the encoding {found[2]}, and a str is sent as UTF-8: remove the declaration"
        )
    return text


_XML_ENCODING = re.compile(r"""\s*<\?xml[^>]*\sencoding\s*=\s*(["'])([^"']*)\1""")


def _qchar(value: Any) -> bytes:
    text = as_str(value)
    data = text.encode() if text is not None else value
    if not isinstance(data, bytes):
        refuse("one byte", value)
    if len(data) > 1:
        raise Unfit("it holds one byte")
    return bytes(data)


def _number_of_catalog(value: Any) -> str:
    """An object of the catalog: its name, or its number, which is a name as well."""
    text = as_str(value)
    if text is not None:
        return _storable(text)
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        refuse("a name of the catalog, or its number", value)
    return str(int(value))


def _opaque(value: Any) -> Any:
    """A type that is not known here: the driver and the server say what they take."""
    text = as_str(value)
    return value if text is None else _storable(text)


_CANONICAL = frozenset(
    {
        "jsonpath",
        "ltree",
        "lquery",
        "ltxtquery",
        "tsvector",
        "tsquery",
        "refcursor",
        "txid_snapshot",
        "pg_snapshot",
    }
)
_IPS: frozenset[type] = frozenset(
    {
        ipaddress.IPv4Address,
        ipaddress.IPv6Address,
        ipaddress.IPv4Interface,
        ipaddress.IPv6Interface,
        ipaddress.IPv4Network,
        ipaddress.IPv6Network,
    }
)
_NETWORKS: frozenset[type] = frozenset({ipaddress.IPv4Network, ipaddress.IPv6Network})
_STR: frozenset[type] = frozenset({str})
_DOCUMENTS: frozenset[type] = frozenset({dict, list, str, int, float, bool, JsonNull})


def text_conversion(type_: PgType) -> Conversion | None:
    """The conversion of a type that is no number, time or container, or ``None`` for those."""
    name = type_.name
    if type_.kind == "enum":
        usual = _STR if type_.python is str else frozenset[type]()
        return Conversion(usual, partial(_label, type_=type_), "a member of the enum, or its label")
    if name in _TEXTS:
        limit = type_.modifiers[0] if type_.modifiers else None
        convert: Callable[[Any], Any] = _name if name == "name" else partial(_text, limit=limit, padded=True)
        return Conversion(
            _STR, convert, "str, members of enums that hold one; no NUL; no longer than the column"
        )
    if name in ("bit", "varbit"):
        length = (
            type_.modifiers[0] if type_.modifiers else (1 if name == "bit" and type_.typmod >= 0 else None)
        )
        convert = partial(_bits, length=length, varying=name == "varbit")
        return Conversion(frozenset(), convert, "0s and 1s as str; BitString")
    if name in _CANONICAL:
        return Conversion(_STR, _canonical, "its text")
    if name.startswith("reg") and type_.schema is None:
        return Conversion(_STR, _number_of_catalog, "name or number; columns hold numbers")
    return _BY_NAME.get(name)


_BY_NAME = {
    "bytea": Conversion(frozenset({bytes}), _bytes, "bytes, bytearray, memoryview"),
    "char": Conversion(frozenset(), _qchar, "one byte, or one ASCII character"),
    "uuid": Conversion(frozenset({uuid.UUID}), _uuid, "UUID; its text"),
    **dict.fromkeys(
        ("json", "jsonb"),
        Conversion(
            _DOCUMENTS,
            _json,
            "what JSON knows: dict, list, str, int, float, bool, `JSON_NULL`; a str is a JSON string",
        ),
    ),
    "inet": Conversion(_IPS, _inet, "address, interface or network of ipaddress; its text"),
    "cidr": Conversion(_NETWORKS, _cidr, "network of ipaddress; its text, no bits right of the prefix"),
    **dict.fromkeys(("macaddr", "macaddr8"), Conversion(_STR, _mac, "its text")),
    "hstore": Conversion(frozenset({dict}), _hstore, "mapping of str to str or None"),
    "xml": Conversion(frozenset(), _xml, "its text"),
}

OPAQUE = Conversion(_STR, _opaque, "what the driver takes, mostly its text")

__all__ = ["OPAQUE", "enum_label", "enum_labels", "text_conversion"]
