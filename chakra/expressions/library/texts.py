"""Functions of texts and bytes (manual, "String Functions and Operators"), and of identifiers."""

from __future__ import annotations

import uuid

from chakra.expressions.calls import ANY, COUNT, STRING, Function, Kind, of_type
from chakra.expressions.rules import TEXT_TYPES
from chakra.pg.types import BYTEA, INT4, TEXT, UUID

_BYTES = of_type(BYTEA)
_HASHED = Kind("text or bytes", TEXT_TYPES | {"bytea"}, None, TEXT)
# What the server has of bytes as well; the text of bytes is a notation, by the session's bytea_output.
_COUNTED = Kind("text or bytes", TEXT_TYPES | {"bytea"}, TEXT, TEXT)


def _hash(name: str) -> dict[str, str]:
    """The hash of bytes, and of a text in UTF-8, in hexadecimal digits."""
    return {"bytea": f"encode({name}({{0}}), 'hex')", "": f"encode({name}(convert_to({{0}}, 'UTF8')), 'hex')"}


def _folded(sql: str, *also: str) -> dict[str, str]:
    """What looks for a text in another one: in a citext without regard to case, whatever the type of what is sought."""
    of_citext = sql
    for place in ("{1}", *also):
        of_citext = of_citext.replace(place, f"({place})::citext")
    return {"citext": of_citext, "": sql}


Lower = Function[str]("Lower", "lower({0})", (STRING,), TEXT, "lower")
Upper = Function[str]("Upper", "upper({0})", (STRING,), TEXT, "upper")
InitCap = Function[str]("InitCap", "initcap({0})", (STRING,), TEXT, "initcap")
Length = Function[int]("Length", "length({0})", (_COUNTED,), INT4, "length")
OctetLength = Function[int]("OctetLength", "octet_length({0})", (_COUNTED,), INT4, "octet_length")
Concat = Function[str]("Concat", "concat({*})", (ANY,), TEXT, more=True, strict=False)
ConcatWS = Function[str]("ConcatWS", "concat_ws({*})", (STRING, ANY), TEXT, more=True, strict=False)
Trim = Function[str]("Trim", "btrim({*})", (STRING, STRING), TEXT, "trim", least=1)
LTrim = Function[str]("LTrim", "ltrim({*})", (STRING, STRING), TEXT, "ltrim", least=1)
RTrim = Function[str]("RTrim", "rtrim({*})", (STRING, STRING), TEXT, "rtrim", least=1)
Left = Function[str]("Left", "left({*})", (STRING, COUNT), TEXT)
Right = Function[str]("Right", "right({*})", (STRING, COUNT), TEXT)
Substr = Function[str]("Substr", "substr({*})", (STRING, COUNT, COUNT), TEXT, least=2)
StrIndex = Function[int]("StrIndex", _folded("strpos({0}, {1})"), (STRING, STRING), INT4)
LPad = Function[str]("LPad", "lpad({*})", (STRING, COUNT, STRING), TEXT, least=2)
RPad = Function[str]("RPad", "rpad({*})", (STRING, COUNT, STRING), TEXT, least=2)
Replace = Function[str](
    "Replace", _folded("replace({0}, {1}, {2|''})", "{2|''}"), (STRING, STRING, STRING), TEXT, least=2
)
RegexpReplace = Function[str](
    "RegexpReplace",
    _folded("regexp_replace({0}, {1}, {2}, {3|''})"),
    (STRING, STRING, STRING, STRING),
    TEXT,
    least=3,
)
SplitPart = Function[str]("SplitPart", _folded("split_part({0}, {1}, {2})"), (STRING, STRING, COUNT), TEXT)
Translate = Function[str]("Translate", _folded("translate({0}, {1}, {2})"), (STRING, STRING, STRING), TEXT)
Repeat = Function[str]("Repeat", "repeat({*})", (STRING, COUNT), TEXT)
Reverse = Function[str]("Reverse", "reverse({0})", (STRING,), TEXT, "reverse")
Chr = Function[str]("Chr", "chr({0})", (COUNT,), TEXT)
Ord = Function[int]("Ord", "ascii({0})", (STRING,), INT4, "ord")
MD5 = Function[str]("MD5", "md5({0})", (_COUNTED,), TEXT, "md5")
SHA224 = Function[str]("SHA224", _hash("sha224"), (_HASHED,), TEXT)
SHA256 = Function[str]("SHA256", _hash("sha256"), (_HASHED,), TEXT)
SHA384 = Function[str]("SHA384", _hash("sha384"), (_HASHED,), TEXT)
SHA512 = Function[str]("SHA512", _hash("sha512"), (_HASHED,), TEXT)
Encode = Function[str]("Encode", "encode({*})", (_BYTES, STRING), TEXT)
Decode = Function[bytes]("Decode", "decode({*})", (STRING, STRING), BYTEA)
RandomUUID = Function[uuid.UUID]("RandomUUID", "gen_random_uuid()", (), UUID)
GenerateUUID7 = Function[uuid.UUID]("GenerateUUID7", "uuidv7()", (), UUID)

__all__ = [
    "MD5", "SHA224", "SHA256", "SHA384", "SHA512", "Chr", "Concat", "ConcatWS", "Decode", "Encode", "GenerateUUID7",
    "InitCap", "LPad", "LTrim", "Left", "Length", "Lower", "OctetLength", "Ord", "RPad", "RTrim", "RandomUUID",
    "RegexpReplace", "Repeat", "Replace", "Reverse", "Right", "SplitPart", "StrIndex", "Substr", "Translate", "Trim",
    "Upper",
]  # fmt: skip
