"""Functions of JSON (manual, "JSON Functions and Operators"). Where jsonb has more, json is read as that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from chakra.errors import FieldError
from chakra.expressions.base import Expression
from chakra.expressions.calls import ANY, COUNT, STRING, Call, Function, Kind, of_type
from chakra.expressions.items import item
from chakra.expressions.rules import TEXT_TYPES
from chakra.expressions.values import Operation, Value, as_argument
from chakra.pg.json_text import JSON_NULL, JsonNull
from chakra.pg.types import BOOL, INT4, JSONB, JSONPATH, TEXT, PgType, array_of

DOCUMENTS = frozenset({"json", "jsonb"})
_EITHER = Kind("JSON", DOCUMENTS, JSONB, JSONB)
_DOCUMENT = of_type(JSONB)
_TEXTS = array_of(TEXT)
_KEYS = Kind("keys", frozenset({"_text"}), _TEXTS, _TEXTS)


def _both(jsonb: str) -> dict[str, str]:
    """Templates for both types: of ``json`` what it is as ``jsonb``."""
    return {"jsonb": jsonb, "json": jsonb.replace("{0}", "({0})::jsonb")}


def _part(name: str, sql: str, key: Kind, type_: PgType = JSONB) -> Function[Any]:
    """What takes a part out; out of ``json``, as ``jsonb``, which can be compared and sorted."""
    as_jsonb = f"{sql}::jsonb" if type_ is JSONB else f"({sql.replace('>>', '>')}::jsonb #>> '{{{{}}')"
    return Function[Any](name, {"jsonb": sql, "json": as_jsonb}, (_EITHER, key), type_, strict=False)


# What paths and keys in brackets are made of. A text is a key of an object, a whole number a position in an array; a
# number in the path of a keyword may be both, and only #> takes it for what it finds there.
KEY = _part("JsonKey", "({0} -> {1})", STRING)
POSITION = _part("JsonPosition", "({0} -> {1})", COUNT)
EITHER = _part("JsonAt", "({0} #> ARRAY[{1}])", STRING)
_KEY_TEXT = _part("JsonKeyText", "({0} ->> {1})", STRING, TEXT)
_POSITION_TEXT = _part("JsonPositionText", "({0} ->> {1})", COUNT, TEXT)
_EITHER_TEXT = _part("JsonAtText", "({0} #>> ARRAY[{1}])", STRING, TEXT)
_TEXT = Function[str]("JsonKeyText", "({0} ->> {1})", (_EITHER, STRING), TEXT, strict=False)
_POSITION_TEXT = Function[str]("JsonPositionText", "({0} ->> {1})", (_EITHER, COUNT), TEXT, strict=False)
_EITHER_TEXT = Function[str]("JsonAtText", "({0} #>> ARRAY[{1}])", (_EITHER, STRING), TEXT, strict=False)
_TEXT = Function[str]("JsonText", "({0} #>> '{{}')", (_EITHER,), TEXT, strict=False)
_AS_TEXT: dict[Function[Any], Function[str]] = {
    KEY: _KEY_TEXT,
    POSITION: _POSITION_TEXT,
    EITHER: _EITHER_TEXT,
}


def text_of(value: Expression) -> Expression:
    """A JSON value as text: of a string its characters, of anything else its JSON, of ``null`` NULL."""
    twin = _AS_TEXT.get(value.function) if isinstance(value, Call) else None
    if twin is not None:
        assert isinstance(value, Call)
        return Call(twin, value.arguments)
    return Call(_TEXT, (value,))


_LENGTH = (
    "CASE jsonb_typeof({0}) WHEN 'array' THEN jsonb_array_length({0}) "
    "WHEN 'object' THEN jsonb_array_length(jsonb_path_query_array({0}, '$.keyvalue()')) END"
)
_NAMES = "CASE jsonb_typeof({0}) WHEN 'object' THEN ARRAY(SELECT jsonb_object_keys({0})) END"

JsonLength = Function[int]("JsonLength", _both(_LENGTH), (_EITHER,), INT4, "json_length", strict=False)
JsonType = Function[str]("JsonType", _both("jsonb_typeof({0})"), (_EITHER,), TEXT, "json_type")
JsonKeys = Function[list[str]]("JsonKeys", _both(_NAMES), (_EITHER,), _TEXTS, "json_keys", strict=False)
JsonPretty = Function[str]("JsonPretty", "jsonb_pretty({0})", (_DOCUMENT,), TEXT)
JsonStripNulls = Function[Any]("JsonStripNulls", "jsonb_strip_nulls({0})", (_DOCUMENT,), JSONB)
ToJsonb = Function[Any]("ToJsonb", "to_jsonb({0})", (ANY,), JSONB)

_BUILD_OBJECT = Function[Any](
    "JsonObject", "jsonb_build_object({*})", (ANY,), JSONB, least=0, more=True, strict=False
)
_BUILD_ARRAY = Function[Any](
    "JsonArray", "jsonb_build_array({*})", (ANY,), JSONB, least=0, more=True, strict=False
)
_MOST = 100
"""Arguments that a function of the server takes (``FUNC_MAX_ARGS``)."""


def JsonObject(fields: Mapping[str, Any] | None = None, /, **named: Any) -> Expression:
    """A JSON object: ``JsonObject(name="title", price=F("price") * 2, tags=["a"])``.

    Args:
        fields: keys that are no words of Python, and their values.
        named: values by their keys: names of fields, expressions and plain values; a text is ``Value("…")``.
    """
    pairs = [
        part
        for key, value in {**(fields or {}), **named}.items()
        for part in (Value(key, TEXT), _built(value))
    ]
    return _pieces(_BUILD_OBJECT, pairs)


def JsonArray(*values: Any) -> Expression:
    """A JSON array of names of fields, expressions and plain values; a text is ``Value("…")``."""
    return _pieces(_BUILD_ARRAY, [_built(value) for value in values])


def _pieces(function: Function[Any], arguments: list[Expression]) -> Expression:
    found: Expression = Call(function, tuple(arguments[:_MOST]))
    for start in range(_MOST, len(arguments), _MOST):
        found = Operation("||", found, Call(function, tuple(arguments[start : start + _MOST])))
    return found


def _built(value: Any) -> Expression:
    """A value inside of a document that is put together."""
    return document(value) if value is None or type(value) in _PLAIN else as_argument(value)


_PLAIN = frozenset({dict, list, tuple, JsonNull})


def document(value: Any) -> Expression:
    """A plain value as a JSON document, in which ``None`` is ``null``; expressions as they are."""
    if isinstance(value, Expression) and not (isinstance(value, Value) and value.type is None):
        return value
    plain = value.value if isinstance(value, Value) else value
    return Value(JSON_NULL if plain is None else plain, JSONB)


def _path(what: str, path: Any) -> Expression:
    if isinstance(path, Expression):
        return path
    keys = [path] if isinstance(path, str) or type(path) is int else path
    if (
        not isinstance(keys, Sequence)
        or not keys
        or not all(isinstance(k, str) or type(k) is int for k in keys)
    ):
        raise FieldError(
            f'{what}() takes a path: a key, or a list of keys and positions such as ["lines", 0], not {path!r}'
        )
    return Value([str(key) for key in keys], _TEXTS)


# NULL as the new value would be NULL instead of the document: it is JSON's null in there.
_SET = Function[Any](
    "JsonSet",
    "jsonb_set({0}, {1}, COALESCE(to_jsonb({2}), 'null'), {3})",
    (_DOCUMENT, _KEYS, ANY, of_type(BOOL)),
    JSONB,
    strict=False,
)
_INSERT = Function[Any](
    "JsonInsert",
    "jsonb_insert({0}, {1}, COALESCE(to_jsonb({2}), 'null'), {3})",
    (_DOCUMENT, _KEYS, ANY, of_type(BOOL)),
    JSONB,
    strict=False,
)
_REMOVE = Function[Any]("JsonRemove", "({0} #- {1})", (_DOCUMENT, _KEYS), JSONB, strict=False)
_MERGE = Function[Any]("JsonMerge", "({0} || to_jsonb({1}))", (_DOCUMENT, ANY), JSONB, strict=False)


def JsonSet(value: Any, path: Any, new: Any, *, create: bool = True) -> Call[Any]:
    """A document with another value at a path: ``update(data=JsonSet("data", ["address", "city"], "Rome"))``.

    Args:
        value: the name of a field, or an expression.
        path: a key, or a list of keys and positions (from the end, if negative).
        new: a plain value, as it stands in documents (a text is a text, ``None`` is ``null``), or an expression.
        create: whether the last key is made where there is none. The keys before it are never made: where one is
            missing, the document stays as it is.

    Raises:
        FieldError: the path is none.
    """
    return _SET(value, _path("JsonSet", path), document(new), Value(bool(create), BOOL))


def JsonInsert(value: Any, path: Any, new: Any, *, after: bool = False) -> Call[Any]:
    """A document with one value more: an element in front of a position of an array (or behind it, with ``after``), or
    a key, which must not be there.

    Raises:
        FieldError: the path is none.
    """
    return _INSERT(value, _path("JsonInsert", path), document(new), Value(bool(after), BOOL))


def JsonRemove(value: Any, *paths: Any) -> Expression:
    """A document without what is at some paths, one after the other: ``JsonRemove("data", "draft", ["tags", 0])``.

    Raises:
        FieldError: no path is given, or one is none.
    """
    if not paths:
        raise FieldError('JsonRemove() needs a path: JsonRemove("data", "draft")')
    found = as_argument(value)
    for path in paths:
        found = _REMOVE(found, _path("JsonRemove", path))
    return found


def JsonMerge(value: Any, *others: Any) -> Expression:
    """A document with the keys of others over its own (``||``): ``JsonMerge("data", {"seen": True})``."""
    found = as_argument(value)
    for other in others:
        found = _MERGE(found, document(other))
    return found


_PATH = Kind("path", frozenset({"jsonpath"}), JSONPATH, JSONPATH)
_PATHS = (_DOCUMENT, _PATH, _DOCUMENT, of_type(BOOL))
_EXISTS = Function[bool]("JsonPathExists", "jsonb_path_exists({*})", _PATHS, BOOL, strict=False)
_MATCH = Function[bool]("JsonPathMatch", "jsonb_path_match({*})", _PATHS, BOOL, strict=False)
_FIRST = Function[Any]("JsonPathQueryFirst", "jsonb_path_query_first({*})", _PATHS, JSONB, strict=False)
_ARRAY = Function[Any]("JsonPathQueryArray", "jsonb_path_query_array({*})", _PATHS, JSONB, strict=False)


def _by_path(
    function: Function[Any], value: Any, path: str | Expression, vars: Mapping[str, Any] | None, silent: bool
) -> Call[Any]:
    if not isinstance(path, str | Expression):
        raise FieldError(f"{function.name}() takes a path such as '$.lines[*].price', not {path!r}")
    given = Value(path, JSONPATH) if isinstance(path, str) else path
    return function(value, given, Value(dict(vars or {}), JSONB), Value(bool(silent), BOOL))


def JsonPathExists(
    value: Any, path: str | Expression, vars: Mapping[str, Any] | None = None, *, silent: bool = False
) -> Call[bool]:
    """Whether a JSON path finds something: ``filter(JsonPathExists("data", "$.n ? (@ > $least)", {"least": 3}))``.

    Args:
        path: in the language of SQL/JSON; values of others go into ``vars``, never into its text.
        vars: values of its variables.
        silent: answer NULL where the path fails on a document (in strict mode), instead of raising.
    """
    return _by_path(_EXISTS, value, path, vars, silent)


def JsonPathMatch(
    value: Any, path: str | Expression, vars: Mapping[str, Any] | None = None, *, silent: bool = False
) -> Call[bool]:
    """The truth of a predicate in the language of JSON paths: ``"$.n > $least"``; arguments of ``JsonPathExists``."""
    return _by_path(_MATCH, value, path, vars, silent)


def JsonPathQueryFirst(
    value: Any, path: str | Expression, vars: Mapping[str, Any] | None = None, *, silent: bool = False
) -> Call[Any]:
    """The first value that a JSON path finds, or NULL; arguments of ``JsonPathExists``."""
    return _by_path(_FIRST, value, path, vars, silent)


def JsonPathQueryArray(
    value: Any, path: str | Expression, vars: Mapping[str, Any] | None = None, *, silent: bool = False
) -> Call[Any]:
    """All values that a JSON path finds, as a JSON array; arguments of ``JsonPathExists``."""
    return _by_path(_ARRAY, value, path, vars, silent)


def JsonValue(value: Any, *path: str | int | Expression, type: PgType) -> Call[Any]:
    """A value out of a document, as one of SQL: ``JsonValue("data", "address", "zip", type=Text)``.

    Numbers and booleans are taken from JSON's numbers and booleans; where there is something else, or a number that the
    type does not hold, the result is NULL. A text is the string, or the JSON of anything else but ``null``. An array is
    taken from an array, element by element; all other types are read from a string, which has to be one of them.

    Args:
        value: the name of a field, or an expression.
        path: keys and positions.
        type: one of ``chakra.types``.

    Raises:
        FieldError: the type is none, or an array of several dimensions.
    """
    if not isinstance(type, PgType):
        raise FieldError(f"JsonValue() takes one of chakra.types as type=, such as Integer, not {type!r}")
    found = as_argument(value)
    for key in path:
        found = item(found, key)
    return _extraction(type)(found)


_GREATEST = {"float4": ("3.4028235e38", "1.5e-45"), "float8": ("1.7976931348623158e308", "5e-324")}
_LIMITS = {"int2": 15, "int4": 31, "int8": 63}


@lru_cache(maxsize=1024)
def _extraction(type_: PgType) -> Function[Any]:
    """The function that takes a value of a type out of a document."""
    sql = _extracted(type_, type_.sql.replace("{", "{{"))
    return Function[Any]("JsonValue", sql, (_DOCUMENT,), type_, strict=False)


def _extracted(type_: PgType, to: str) -> str:
    base = type_.base
    if base.kind == "array":
        if base.element is None or base.ndims > 1:
            raise FieldError(f"JsonValue() gives arrays of one dimension, not {type_.sql}")
        to = base.element.sql.replace("{", "{{")
        return (
            f"CASE jsonb_typeof({{0}}) WHEN 'array' THEN ARRAY(SELECT element::{to} "
            "FROM jsonb_array_elements_text({0}) AS elements(element)) END"
        )
    name = base.name if base.kind == "base" else ""
    if name in TEXT_TYPES:
        return f"({{0}} #>> '{{{{}}')::{to}"
    if name in DOCUMENTS:
        return f"({{0}})::{to}"
    if name == "bool":
        return f"CASE jsonb_typeof({{0}}) WHEN 'boolean' THEN ({{0}})::boolean::{to} END"
    if name in _LIMITS:
        low, high = -(2 ** _LIMITS[name]), 2 ** _LIMITS[name] - 1
        return (
            "CASE jsonb_typeof({0}) WHEN 'number' THEN CASE WHEN ({0})::numeric = trunc(({0})::numeric) AND "
            f"({{0}})::numeric BETWEEN {low} AND {high} THEN ({{0}})::numeric::{to} END END"
        )
    if name in _GREATEST:
        # What is too small is 0, as where it is read from text; the server's casts refuse both.
        most, least = _GREATEST[name]
        return (
            f"CASE WHEN jsonb_typeof({{0}}) = 'number' THEN CASE WHEN abs(({{0}})::numeric) > {most} THEN NULL "
            f"WHEN abs(({{0}})::numeric) < {least} THEN 0 ELSE ({{0}})::numeric END::{to} END"
        )
    if name == "numeric":
        number = "({0})::numeric"
        if base.precision is None:
            return f"CASE jsonb_typeof({{0}}) WHEN 'number' THEN {number}::{to} END"
        beyond = f"1e{base.precision - (base.scale or 0)}"
        return (
            f"CASE WHEN jsonb_typeof({{0}}) = 'number' AND abs(round({number}, {base.scale or 0})) < {beyond} "
            f"THEN {number}::{to} END"
        )
    return f"CASE jsonb_typeof({{0}}) WHEN 'string' THEN ({{0}} #>> '{{{{}}')::{to} END"


__all__ = [
    "JsonArray", "JsonInsert", "JsonKeys", "JsonLength", "JsonMerge", "JsonObject", "JsonPathExists", "JsonPathMatch",
    "JsonPathQueryArray", "JsonPathQueryFirst", "JsonPretty", "JsonRemove", "JsonSet", "JsonStripNulls", "JsonType",
    "JsonValue", "ToJsonb",
]  # fmt: skip
