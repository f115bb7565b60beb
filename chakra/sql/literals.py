"""The only place where a value becomes SQL text: typed constants for COPY (query), which takes no parameters.

A constant is always parenthesised and typed, ``('-1'::bigint)``: a minus sign can never join another into a
comment, nothing beside it can change how it is read, and the server coerces it exactly as it would a bound
parameter of that type, so it carries no modifier (``numeric``, not ``numeric(12,2)``: a parameter is not
rounded to the column's scale before it is compared). The compiler puts constants where ``$n`` would stand in
its own tree; nothing searches SQL text. docs/decisions/0003-literals-for-copy.md has the alternatives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from types import MappingProxyType
from typing import Any

from chakra.errors import DataError, FieldError
from chakra.pg.composites import fields_of
from chakra.pg.conversion.base import shown
from chakra.pg.quoting import quote_string
from chakra.pg.server_text import ServerText
from chakra.pg.showing import cause, reason
from chakra.pg.types import BY_OID, QCHAR, PgType
from chakra.sql.literal_values import BARE, TEXT_OF, TextOf, char_number, enum_label, expected, quoted, text

ARRAY_MAX_DIMENSIONS = 6  # MAXDIM, src/include/utils/array.h

# Where the SQL spelling alone means a length of one: src/backend/utils/adt/format_type.c does the same.
_BARE_SPELLING = {"bpchar": "bpchar", "bit": '"bit"'}

_EXACT_BOUNDS = {"int2": 1 << 15, "int4": 1 << 31, "int8": 1 << 63}


def render_literal(value: object, type_: PgType, *, typed: bool = True) -> str:
    """Render ``value`` as a constant of ``type_``, equal to the parameter asyncpg would send for it.

    Parameters:
        value: what the row path would bind; ``None`` is NULL. Beyond what asyncpg takes: members of a Python
            enum for an enum type, any object with ``lower``, ``upper``, ``lower_inc``, ``upper_inc`` and
            ``isempty`` for a range, text for ``pg_lsn`` and ``bit``, a ``ServerText`` for any type.
        type_: the type; its modifier plays no part.
        typed: write the type; without it the constant takes that of its place, as a bare ``$n`` does.

    Returns:
        SQL such as ``('it''s'::text)``, ``(NULL::integer)``, ``('{1,2,NULL}'::bigint[])``.

    Raises:
        DataError: the value is of the wrong Python type, out of range, or holds a NUL byte or a lone
            surrogate.
        FieldError: the type description lacks what is needed (an array without its element).
    """
    known = _BUILTIN.get(type_.oid)
    text_of, cast = known if known is not None else (_text_of(type_), _cast(type_))
    if not typed:
        cast = ")"
    if value is None:
        return "(NULL" + cast
    if type(value) is ServerText:
        return f"({quote_string(value)}::{bare_type(type_)})"
    try:
        return "(" + quote_string(text_of(value)) + cast
    except Exception as error:  # __int__ and __iter__ are the caller's code and raise what they want
        raise DataError(f"{shown(value)} cannot be written as {type_.sql}: {reason(error)}") from cause(error)


def _cast(type_: PgType) -> str:
    # i4tochar() knows all 256 values everywhere; charin() reads bytes above 127 since PostgreSQL 16.
    return '::integer::"char")' if type_.name == "char" else f"::{bare_type(type_)})"


def bare_type(type_: PgType) -> str:
    """The type as casts of values write it: without modifiers, for an explicit cast would cut a value to the length
    and round it to the scale without a word.
    """
    if type_.kind == "array":
        return bare_type(_element(type_)) + "[]"
    spelling = _BARE_SPELLING.get(type_.name) if type_.schema is None else None
    return spelling or type_.bare


def _element(type_: PgType) -> PgType:
    if type_.element is None:
        raise FieldError(f"the {type_.kind} type {type_.name} does not say what it is made of")
    return type_.element


def input_text(type_: PgType) -> TextOf:
    """What turns a value of ``type_`` into the text that the input function of its type reads.

    Raises:
        DataError: (what it returns) the value is none of the type's.
    """
    convert = _text_of(type_)

    def checked(value: Any) -> str:
        try:
            return convert(value)
        except Exception as error:  # as in render_literal
            raise DataError(f"{shown(value)} cannot be written as {type_.sql}: {reason(error)}") from cause(
                error
            )

    return checked


def _text_of(type_: PgType) -> TextOf:
    """The function from a value of ``type_`` to its input text."""
    match type_.kind:
        case "array":
            return _array(type_)
        case "enum":
            return enum_label
        case "composite":
            return _composite(type_)
        case "range":
            return _range(type_)
        case "multirange":
            one = _range(_element(type_))
            return lambda value: _multirange(value, one)
        case "domain":
            return _text_of(_element(type_))
    return TEXT_OF.get(type_.name, text)


def _is_bare(type_: PgType) -> bool:
    base = type_.base
    return base.kind == "base" and base.name in BARE


# -- arrays -------------------------------------------------------------------------------------------------


def _array(type_: PgType) -> TextOf:
    element = _element(type_)
    one = _text_of(element)
    bare = _is_bare(element)
    name = element.base.name
    exact = _EXACT_BOUNDS.get(name)
    is_text = one is text
    delimiter = ";" if name == "box" else ","  # pg_type.typdelim: only box differs

    def member(value: Any) -> str:
        if value is None:
            return "NULL"
        return one(value) if bare else quoted(one(value))

    def nested(value: Any, shape: tuple[int, ...]) -> str:
        inner = shape[1:]
        items = (nested(item, inner) for item in value) if inner else map(member, value)
        return f"{{{delimiter.join(items)}}}"

    def render(value: Any) -> str:
        if not _is_sequence_class(type(value)):
            raise expected("a list", value)
        kinds = set(map(type, value))
        # Passes in C for the lists of keys that ``= ANY`` brings: 10,000 ints in 1.1 instead of 2.1 ms.
        if exact is not None and kinds == {int} and -exact <= min(value) and max(value) < exact:
            return f"{{{','.join(map(str, value))}}}"
        if is_text and kinds == {str}:
            joined = '","'.join(value)
            if "\\" not in joined and joined.count('"') == 2 * (len(value) - 1):
                return f'{{"{joined}"}}'
        shape = _shape(value)
        if len(shape) > ARRAY_MAX_DIMENSIONS:
            raise ValueError(f"an array has at most {ARRAY_MAX_DIMENSIONS} dimensions, found {len(shape)}")
        # However many dimensions, no elements is the empty array, which has none (array_recv()).
        return nested(value, shape) if all(shape) else "{}"

    return render


def _is_sequence_class(kind: type) -> bool:
    if (
        getattr(kind, "keys", None) is not None
    ):  # a mapping, or a record of a row, which stands for a composite
        return False
    return (
        issubclass(kind, Iterable)
        and issubclass(kind, Sized)
        and not issubclass(kind, str | bytes | bytearray | memoryview)
    )


def _shape(value: Any) -> tuple[int, ...]:
    """Lengths by dimension; a tuple below the top is a value (a composite, a point), not a dimension."""
    # By class first: ten thousand datetimes need one look at the class, not one each.
    kinds = set(map(type, value))
    nesting = {kind for kind in kinds if _is_sequence_class(kind) and not issubclass(kind, tuple)}
    inner = {_shape(item) if type(item) in nesting else () for item in value} if nesting else set()
    if len(inner) > 1:
        raise ValueError("the lists inside an array must be of one length")
    return (len(value), *(inner.pop() if inner else ()))


# -- composites and ranges ----------------------------------------------------------------------------------


def _composite(type_: PgType) -> TextOf:
    names = [name for name, _ in type_.fields]
    texts = [(_text_of(field), _is_bare(field)) for _, field in type_.fields]
    if not names:
        raise FieldError(f"the composite type {type_.name} does not say what fields it has")

    def render(value: Any) -> str:
        given = fields_of(value, names, type_.sql, partial=True)
        parts = [
            "" if item is None else one(item) if bare else quoted(one(item))
            for item, (one, bare) in zip(given, texts, strict=True)
        ]
        return f"({','.join(parts)})"

    return render


def _range(type_: PgType) -> TextOf:
    one = _text_of(_element(type_))

    def render(value: Any) -> str:
        if isinstance(value, tuple | list):
            # asyncpg's short forms: (), (lower,), (lower, upper), bounds included.
            if len(value) > 2:
                raise ValueError(f"expected at most two bounds, found {len(value)}")
            if not value:
                return "empty"
            lower, upper = value if len(value) == 2 else (value[0], None)
            if len(value) == 1 and lower is None:
                raise ValueError("a single bound cannot be None; (None, None) is the range without bounds")
            opening, closing = "[", "]"
        else:
            try:
                if value.isempty:
                    return "empty"
                lower, upper = value.lower, value.upper
                opening, closing = "[" if value.lower_inc else "(", "]" if value.upper_inc else ")"
            except AttributeError:
                raise expected("a range or a tuple of its bounds", value) from None
        low = "" if lower is None else quoted(one(lower))
        high = "" if upper is None else quoted(one(upper))
        return f"{opening}{low},{high}{closing}"

    return render


def _multirange(value: Any, one: TextOf) -> str:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise expected("a list of ranges", value)
    return f"{{{','.join(map(one, value))}}}"


_BUILTIN: Mapping[int, tuple[TextOf, str]] = MappingProxyType(
    {oid: (_text_of(found), _cast(found)) for oid, found in BY_OID.items()}
    | {QCHAR.oid: (char_number, _cast(QCHAR))}
)
"""Text function and cast of every type whose OID is the same in all databases (so 0 is not among them)."""

__all__ = ["ServerText", "bare_type", "input_text", "render_literal"]
