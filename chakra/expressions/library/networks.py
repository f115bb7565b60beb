"""Functions of addresses and networks, bit strings and enums (manual, chapter "Functions and Operators")."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from chakra.expressions.calls import COUNT, Function, Kind, first
from chakra.pg.types import BIT, BOOL, CIDR, INET, INT4, INT8, TEXT, PgType, array_of

_ADDRESS = Kind("inet", frozenset({"inet", "cidr"}), INET, INET)
_BITS = Kind("bits", frozenset({"bit", "varbit"}), only=True)
_COUNTED = Kind("bits or bytes", frozenset({"bit", "varbit", "bytea"}), only=True)
_ENUM = Kind("enum", frozenset({"enum"}), like=True, only=True)


def _of(sql: str) -> dict[str, str]:
    return {"inet": sql, "cidr": sql}


Host = Function[str]("Host", _of("host({0})"), (_ADDRESS,), TEXT, "host")
Masklen = Function[int]("Masklen", _of("masklen({0})"), (_ADDRESS,), INT4, "masklen")
Network = Function[ipaddress.IPv4Network]("Network", _of("network({0})"), (_ADDRESS,), CIDR, "network")
Netmask = Function[Any]("Netmask", _of("netmask({0})"), (_ADDRESS,), INET, "netmask")
Hostmask = Function[Any]("Hostmask", _of("hostmask({0})"), (_ADDRESS,), INET, "hostmask")
Broadcast = Function[Any]("Broadcast", _of("broadcast({0})"), (_ADDRESS,), INET, "broadcast")
Family = Function[int]("Family", _of("family({0})"), (_ADDRESS,), INT4, "family")
Abbrev = Function[str]("Abbrev", "abbrev({0})", (_ADDRESS,), TEXT)
SetMasklen = Function[Any]("SetMasklen", "set_masklen({*})", (_ADDRESS, COUNT), first)
InetMerge = Function[Any]("InetMerge", "inet_merge({*})", (_ADDRESS, _ADDRESS), CIDR)
InetSameFamily = Function[bool]("InetSameFamily", "inet_same_family({*})", (_ADDRESS, _ADDRESS), BOOL)

BitLength = Function[int](
    "BitLength", {"bit": "length({0})", "varbit": "length({0})"}, (_BITS,), INT4, "length"
)
BitCount = Function[int](
    "BitCount",
    {"bit": "bit_count({0})", "varbit": "bit_count({0})", "bytea": "bit_count({0})"},
    (_COUNTED,),
    INT8,
    "bit_count",
)
GetBit = Function[int]("GetBit", "get_bit({*})", (_BITS, COUNT), INT4)
SetBit = Function[Any]("SetBit", "set_bit({*})", (_BITS, COUNT, COUNT), BIT)


def _labels(types: Sequence[PgType | None]) -> PgType | None:
    return None if types[0] is None else array_of(types[0].base)


EnumFirst = Function[Any]("EnumFirst", "enum_first({0})", (_ENUM,), first, strict=False)
EnumLast = Function[Any]("EnumLast", "enum_last({0})", (_ENUM,), first, strict=False)
EnumRange = Function[list[Any]](
    "EnumRange", "enum_range({*})", (_ENUM, _ENUM), _labels, least=1, strict=False
)

__all__ = [
    "Abbrev", "BitCount", "BitLength", "Broadcast", "EnumFirst", "EnumLast", "EnumRange", "Family", "GetBit", "Host",
    "Hostmask", "InetMerge", "InetSameFamily", "Masklen", "Netmask", "Network", "SetBit", "SetMasklen",
]  # fmt: skip
